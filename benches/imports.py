"""From a capture into the store, and what a stored flow takes on disk: `weir import` and `nfcapd -f`.

weir's side reads the file, digests it (SHA-256), decodes, attributes to tenants, sorts, writes Parquet with bins and
health, and syncs it to the disk. nfcapd's reads, decodes and writes, and leaves syncing to the kernel."""

import json
import pathlib

import data
import measure
import peer
import setting
import table


def main():
    timing, sizes, lines = [], [], []
    for flows in setting.FLOWS:
        # The largest only for the protocol that matters most.
        for protocol in setting.PROTOCOLS if flows <= 1_000_000 else ["v9"]:
            pcap = data.capture(protocol, flows)
            if pcap is None:
                return table.skipped("import", "there is neither flowgen nor a capture")
            done = measure.alternately(sides(pcap, protocol))
            lines.append(f"- {protocol}, {flows:,}: {measure.disturbance(done)}")
            for name, runs in done.items():
                timing.append(timed(protocol, flows, name, runs))
                sizes.append(sized(protocol, flows, name, runs[-1]))
    table.publish(
        "import", "Import from a capture, end to end",
        table.markdown(["protocol, flows, program", "wall s: median (range)", "CPU s", "million flows/s",
                        "peak MiB"], timing),
        f"{setting.RUNS} runs each, alternately; seed {setting.SEED}; files in the page cache.", "\n".join(lines))
    table.publish("size", "Bytes a stored flow",
                  table.markdown(["protocol, flows, program", "records", "accounts (bins)", "counters"], sizes))


def timed(protocol, flows, name, runs):
    return [f"{protocol}, {flows:,}, {name}", measure.spread(runs, lambda r: r.wall_s),
            measure.spread(runs, lambda r: r.cpu_s),
            f"{flows / measure.median(runs, lambda r: r.wall_s) / 1e6:.2f}",
            f"{measure.median(runs, lambda r: r.peak_mib):.0f}"]


def sized(protocol, flows, name, run):
    return [f"{protocol}, {flows:,}, {name}"] + [f"{bytes_ / flows:.2f}" if bytes_ else "–" for bytes_ in run.value]


def sides(pcap, protocol):
    found = {"weir": lambda: weir(pcap)}
    if protocol == "sflow":
        return found  # nfcapd does not speak it
    for one in peer.peers():
        if not one.reads_captures():
            table.skipped(f"import by nfcapd {one.version}", "it is built without reading captures")
            continue
        for form, option in one.forms().items():
            found[f"nfcapd {one.version} {form}"] = lambda one=one, option=option: nfcapd(one, option, pcap)
    return found


def weir(pcap):
    store = peer.fresh(setting.WORK / "weir")
    run = measure.command([setting.WEIR, "import", "-c", data.configuration(pcap), "--store", store, "-o", "json",
                           pcap])
    said = json.loads(run.value)
    check(pcap, (said["flows"], said["packets"], said["octets"]))
    run.value = [folder_bytes(store / part) for part in ("flows", "bins", "health")]
    return run


def nfcapd(one, option, pcap):
    folder = peer.fresh(setting.WORK / "nfcapd")
    run = measure.command([one.nfcapd, "-f", pcap, option, "-w", folder])
    check(pcap, peer.counted(run.value))
    run.value = [folder_bytes(folder), 0, 0]
    return run


def check(pcap, got):
    """A side that lost something has not won."""
    truth = data.truth(pcap)
    if truth:
        # An sFlow sample stands for so many packets.
        times = truth["sampling"] if truth["proto"] == "sflow" else 1
        assert got[0] == truth["flows"], f"{pcap}: {got} is not what was generated"
        assert times > 1 or got[1:] == (truth["packets"], truth["bytes"]), f"{pcap}: {got}"


def folder_bytes(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
