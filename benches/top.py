"""Questions over what is stored: `weir top` and nfdump, the same data, the same questions, answers compared. A process
for each question, files in the page cache."""

import json

import data
import imports
import measure
import peer
import setting
import table

NET, HOST = "net 192.168.31.0/24", "host 192.168.31.63"
# What it is called, weir's keys and filter, nfdump's options and filter. TENANT is the capture's first tenant.
QUESTIONS = [
    ("top 20 destinations", "dst_addr", "", ["-s", "dstip/bytes"], ""),
    ("top 20 source–destination pairs", "src_addr,dst_addr", "", ["-A", "srcip,dstip", "-O", "bytes"], ""),
    ("by protocol", "proto", "", ["-s", "proto/bytes"], ""),
    ("one /24, by protocol", "proto", NET, ["-s", "proto/bytes"], NET),
    ("one host, by protocol", "proto", HOST, ["-s", "proto/bytes"], HOST),
    ("one tenant (a /24 and a /64), by protocol", "proto", "tenant TENANT", ["-s", "proto/bytes"], "NETWORKS"),
]


def main():
    flows = max(setting.FLOWS)
    pcap = data.capture("v9", flows)
    if pcap is None:
        return table.skipped("top", "there is neither flowgen nor a capture")
    measure_store = imports.weir(pcap)
    peers = [one for one in peer.versions() if prepare(one, pcap)]
    rows, lines = [], []
    for question in QUESTIONS:
        done = measure.alternately(sides(question, pcap, peers))
        compare(question[0], done)
        lines.append(f"- {question[0]}: {measure.disturbance(done)}")
        rows.append(row(question[0], done))
    names = list(done)
    head = ["question"] + [f"{name}, wall s: median (range); CPU s" for name in names]
    head += [f"{name} ÷ weir" for name in names[1:]] + ["records weir looked at"]
    table.publish("top", f"Questions over {flows:,} flows", table.markdown(head, rows),
                  f"{setting.RUNS} runs each, alternately; v9, seed {setting.SEED}; the same answers, compared. "
                  f"Stored by weir in {sum(measure_store.value) / 1e6:.0f} MB.", "\n".join(lines))


def row(name, done):
    def cell(runs):
        return f"{measure.spread(runs, lambda r: r.wall_s, '{:.3f}')}; {measure.median(runs, lambda r: r.cpu_s):.2f}"

    weir, *others = [measure.median(runs, lambda r: r.wall_s) for runs in done.values()]
    scanned = done["weir"][0].value[1]
    return [name, *map(cell, done.values()), *[f"{other / weir:.1f}" for other in others], f"{scanned:,}"]


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


def sides(question, pcap, peers):
    _, keys, weir_filter, options, peer_filter = question
    tenant = next(iter(data.truth(pcap).get("tenants", [])), {"name": "none", "prefixes": ["192.0.2.0/24"]})
    networks = " or ".join(f"net {prefix}" for prefix in tenant["prefixes"])
    weir_filter = weir_filter.replace("TENANT", tenant["name"])
    peer_filter = peer_filter.replace("NETWORKS", networks)
    configuration = data.configuration(pcap)

    def weir():
        run = measure.command([setting.WEIR, "top", "-c", configuration, "--store", setting.WORK / "weir", "-n", "20",
                               "-o", "json", keys, *weir_filter.split()])
        said = json.loads(run.value)
        run.value = ([r["octets"] for r in said["rows"]], said["scanned_records"])
        return run

    def nfdump(one):
        run = measure.command([one.nfdump, "-R", setting.WORK / "nfdump", *options, "-n", "20", "-o", "csv",
                               *([peer_filter] if peer_filter else [])])
        run.value = (peer.octets(run.value), None)
        return run

    return {"weir": weir} | {f"nfdump {one.version}": lambda one=one: nfdump(one) for one in peers}


def compare(name, done):
    """Whoever answers something else is not measured."""
    answers = {side: runs[0].value[0][:20] for side, runs in done.items()}
    first = answers["weir"]
    for side, answer in answers.items():
        assert answer == first, f"{name}: {side} says {answer}, weir says {first}"


if __name__ == "__main__":
    main()
