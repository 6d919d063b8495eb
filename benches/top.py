"""Questions over what is stored: `weir top`, nfdump, and ClickHouse's own engine over weir's files (`chdb`, where it is
installed): the same data, the same questions, answers compared. Of weir and nfdump a process for each question; files in
the page cache."""

import dataclasses
import ipaddress
import json

import clickhouse
import data
import imports
import measure
import peer
import setting
import table

PROTOCOL = ["-s", "proto/bytes"]


@dataclasses.dataclass
class Question:
    """One question, as each side is asked it. In filters stand NET, HOST, STRANGER, TENANT, and for nfdump NETWORKS."""

    name: str
    keys: str
    filter: str
    nfdump: list
    nfdump_filter: str
    # What ClickHouse groups by, and its condition.
    columns: str
    where: str = "true"


OF_NET = "length({0}) = 4 and substring({0}, 1, 3) = unhex('NETHEX')"
OF_HOST = "src_addr = unhex('HOSTHEX') or dst_addr = unhex('HOSTHEX')"
OF_TENANT = "tenant = 'TENANT' or peer_tenant = 'TENANT'"
QUESTIONS = [
    Question("top 20 destinations", "dst_addr", "", ["-s", "dstip/bytes"], "", "dst_addr"),
    Question("top 20 source–destination pairs", "src_addr,dst_addr", "", ["-A", "srcip,dstip", "-O", "bytes"], "",
             "src_addr, dst_addr"),
    Question("by protocol", "proto", "", PROTOCOL, "", "proto"),
    Question("top 20 destination ports", "dst_port", "", ["-s", "dstport/bytes"], "", "ifNull(dst_port, 0)"),
    Question("port 443, flows above 100 kB, by protocol", "proto", "port 443 and octets > 100000", PROTOCOL,
             "port 443 and bytes > 100000", "proto", "(src_port = 443 or dst_port = 443) and octets > 100000"),
    Question("one /24, by protocol", "proto", "net NET", PROTOCOL, "net NET", "proto",
             f"({OF_NET.format('src_addr')}) or ({OF_NET.format('dst_addr')})"),
    Question("one host, by protocol", "proto", "host HOST", PROTOCOL, "host HOST", "proto", OF_HOST),
    Question("who spoke with one outside address", "src_addr", "host STRANGER", ["-s", "srcip/bytes"], "host STRANGER",
             "src_addr", OF_HOST.replace("HOST", "STRANGER")),
    Question("one tenant (a /24 and a /64), by protocol", "proto", "tenant TENANT", PROTOCOL, "NETWORKS", "proto", OF_TENANT),
    Question("one tenant's top 20 destinations", "dst_addr", "tenant TENANT", ["-s", "dstip/bytes"], "NETWORKS", "dst_addr",
             OF_TENANT),
]


def main():
    flows = max(setting.FLOWS)
    pcap = data.capture("v9", flows)
    if pcap is None:
        return table.skipped("top", "there is neither flowgen nor a capture")
    measure_store = imports.weir(pcap)
    peers = [one for one in peer.versions() if prepare(one, pcap)]
    engine = clickhouse.engine(setting.WORK / "weir")
    words = subjects(pcap)
    rows, lines = [], []
    for question in QUESTIONS:
        done = measure.alternately(sides(question, words, pcap, peers, engine))
        # Beside them, for it is other work: the same question where what it found before was kept.
        again = measure.alternately({"again": lambda: weir_asked(question, words, pcap, cached=True)})["again"]
        compare(question.name, done | {"weir, asked again": again})
        lines.append(f"- {question.name}: {measure.disturbance(done)}")
        rows.append(row(question.name, done, again))
    names = list(done)
    head = ["question"] + [f"{name}, wall s: median (range); CPU s" for name in names]
    head += [f"{name} ÷ weir" for name in names[1:]] + ["records weir looked at", "weir, asked again (cache)"]
    note = f" {engine.note}" if engine else ""
    table.publish("top", f"Questions over {flows:,} flows", table.markdown(head, rows),
                  f"{setting.RUNS} runs each, alternately; v9, seed {setting.SEED}; the same answers, compared. weir reads everything "
                  f"each time (`--no-cache`) but in the last column. "
                  f"Stored by weir in {sum(measure_store.value) / 1e6:.0f} MB.{note}", "\n".join(lines))


def row(name, done, again):
    def cell(runs):
        return f"{measure.spread(runs, lambda r: r.wall_s, '{:.3f}')}; {measure.median(runs, lambda r: r.cpu_s):.2f}"

    weir, *others = [measure.median(runs, lambda r: r.wall_s) for runs in done.values()]
    scanned = done["weir"][0].value[1]
    ratios = [f"{other / weir:.1f}" for other in others]
    return [name, *map(cell, done.values()), *ratios, f"{scanned:,}", cell(again)]


def prepare(one, pcap):
    """Has nfcapd store the flows, by the first peer that reads captures; all read its lz4 files."""
    folder = setting.WORK / "nfdump"
    if not getattr(prepare, "done", False):
        reader = next((p for p in peer.peers() if p.reads_captures()), None)
        if reader is None:
            table.skipped(f"nfdump {one.version}", "no nfcapd here reads captures")
            return False
        peer.fresh(folder)
        measure.command([reader.nfcapd, "-f", pcap, reader.forms()["lz4"], "-w", folder])
        prepare.done = True
    return True


def subjects(pcap):
    """What the words of the questions stand for: the capture's first tenant, its network and one of its hosts, and the
    1,000th of the outside addresses by octets."""
    tenant = next(iter(data.truth(pcap).get("tenants", [])), {"name": "none", "prefixes": ["192.0.2.0/24"]})
    net = next(prefix for prefix in tenant["prefixes"] if ":" not in prefix)
    host = str(ipaddress.ip_network(net)[63])
    said = json.loads(weir_top(pcap, "remote", "", 2000).value)
    outside = [one["remote"] for one in said["rows"] if one["remote"] and ":" not in one["remote"]]
    stranger = outside[min(1000, len(outside) - 1)]
    networks = " or ".join(f"net {prefix}" for prefix in tenant["prefixes"])

    def octets(addr):
        return ipaddress.ip_address(addr).packed.hex()

    return {"NETWORKS": networks, "NETHEX": octets(net.split("/")[0])[:6], "NET": net, "HOSTHEX": octets(host), "HOST": host,
            "STRANGERHEX": octets(stranger), "STRANGER": stranger, "TENANT": tenant["name"]}


def spoken(text, words):
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text


def weir_top(pcap, keys, condition, count, cached=False):
    return measure.command([setting.WEIR, "top", "-c", data.configuration(pcap), "--store", setting.WORK / "weir", "-n",
                            str(count), "-o", "json", *([] if cached else ["--no-cache"]), keys, *condition.split()])


def weir_asked(question, words, pcap, cached=False):
    run = weir_top(pcap, question.keys, spoken(question.filter, words), 20, cached)
    said = json.loads(run.value)
    run.value = ([r["octets"] for r in said["rows"]], said["scanned_records"])
    return run


def sides(question, words, pcap, peers, engine):
    def weir():
        return weir_asked(question, words, pcap)

    def nfdump(one):
        condition = spoken(question.nfdump_filter, words)
        run = measure.command([one.nfdump, "-R", setting.WORK / "nfdump", *question.nfdump, "-n", "20", "-o", "csv",
                               *([condition] if condition else [])])
        run.value = (peer.octets(run.value), None)
        return run

    both = {"weir": weir} | {f"nfdump {one.version}": lambda one=one: nfdump(one) for one in peers}
    if engine:
        both[engine.name] = lambda: engine.top(question.columns, spoken(question.where, words), 20)
    return both


def compare(name, done):
    """Whoever answers something else is not measured."""
    answers = {side: runs[0].value[0][:20] for side, runs in done.items()}
    first = answers["weir"]
    for side, answer in answers.items():
        assert answer == first, f"{name}: {side} says {answer}, weir says {first}"


if __name__ == "__main__":
    main()
