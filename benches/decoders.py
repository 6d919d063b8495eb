"""weir's decoder beside the decoders of others, over the same datagrams in the same run: flow records a CPU second.

The crates netflow_parser and netgauze-flow-pkt decode in a program of their own (benches/peers, outside the workspace);
nfcapd, which is a program, as a process. What a pass costs is the difference between many passes and few, so that
reading the capture is in none of the decoders' figures. nfcapd has no passes: its figure is of the whole process."""

import json
import statistics

import data
import measure
import peer
import setting
import table

FLOWS = min(1_000_000, max(setting.FLOWS))
PROTOCOLS = ["v5", "v9", "ipfix"]
SAYS = (
    "- weir: into the columns of a batch, with sessions, sequence numbers (loss, reorder), duplicates, clock, sampling, "
    "normalisation and health counters; one pass is a new set of sessions.\n"
    "- netflow_parser, netgauze-flow-pkt: into their own structures, a vector of fields for each record, counted and dropped; "
    "none of the above. netgauze-flow-pkt has no v5.\n"
    "- nfcapd: the whole process: reading the capture, decoding, sequence numbers, writing lz4 files. It does more than decode; "
    "its figure bounds its decoder from below.")


def main():
    by_protocol, lines = {}, []
    for protocol in PROTOCOLS:
        pcap = data.capture(protocol, FLOWS)
        if pcap is None:
            return table.skipped("decoders", "there is neither flowgen nor a capture")
        done = measure.alternately(sides(protocol, pcap))
        by_protocol[protocol] = done
        lines.append(f"- {protocol}: {measure.disturbance(done)}")
    names = list(dict.fromkeys(name for done in by_protocol.values() for name in done))
    rows = [[name, *(cell(by_protocol[protocol], name) for protocol in PROTOCOLS)] for name in names]
    table.publish(
        "decoders", "Decoders, million flow records a CPU second",
        table.markdown(["decoder", *(f"{protocol}: median (range), weir's ratio to it" for protocol in PROTOCOLS)], rows),
        SAYS, f"{FLOWS:,} flows, seed {setting.SEED}, {setting.RUNS} runs each, alternately.", "\n".join(lines))


def cell(done, name):
    if name not in done:
        return "–"
    speeds = lambda run: run.value
    mine, other = (statistics.median(speeds(run) for run in done[side]) for side in ("weir", name))
    ratio = "" if name == "weir" else f", {mine / other:.1f} ×"
    return measure.spread(done[name], speeds, "{:.2f}") + ratio


def sides(protocol, pcap):
    found = {"weir": lambda: passes(pcap, [setting.DECODE, pcap], 1, 31)}
    for name, decoder in (("netflow_parser 1.0.6", "netflow_parser"), ("netgauze-flow-pkt 0.13.0", "netgauze")):
        if decoder == "netgauze" and protocol == "v5":
            continue
        found[name] = lambda decoder=decoder: passes(pcap, [setting.DECODERS, decoder, pcap], 1, 4)
    for one in peer.versions():
        if one.reads_captures():
            found[f"nfcapd {one.version} (process)"] = lambda one=one: nfcapd(one, pcap)
        else:
            table.skipped(f"decoding by nfcapd {one.version}", "it is built without reading captures")
    return found


def passes(pcap, command, few, many):
    """Records a CPU second, in millions, of the passes by which two runs differ."""
    short, run = (measure.command([*command, count]) for count in (few, many))
    flows = json.loads(run.value)["flows"]
    truth = data.truth(pcap)
    assert not truth or flows == truth["flows"], f"{command}: {flows} is not what was generated"
    run.value = flows * (many - few) / max(run.cpu_s - short.cpu_s, 1e-9) / 1e6
    return run


def nfcapd(one, pcap):
    folder = peer.fresh(setting.WORK / "nfcapd")
    run = measure.command([one.nfcapd, "-f", pcap, next(iter(one.forms().values())), "-w", folder])
    flows, *_ = peer.counted(run.value)
    truth = data.truth(pcap)
    assert not truth or flows == truth["flows"], f"{pcap}: {flows} is not what was generated"
    run.value = flows / run.cpu_s / 1e6
    return run


if __name__ == "__main__":
    main()
