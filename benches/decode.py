"""Flows decoded a second on one core: the datagrams of a capture, in memory, into columns. No socket, no file, no
attribution, no store. Every run is a process of its own that gives the median of five passes."""

import json

import data
import measure
import setting
import table

FLOWS = min(1_000_000, max(setting.FLOWS))


def main():
    sides = {}
    for protocol in setting.PROTOCOLS:
        pcap = data.capture(protocol, FLOWS)
        if pcap is None:
            return table.skipped("decode", "there is neither flowgen nor a capture")
        sides[protocol] = lambda pcap=pcap: decode(pcap)
    done = measure.alternately(sides)
    rows = [[protocol, measure.spread(runs, lambda r: r.value["flows_per_s"]["median"] / 1e6, "{:.1f}"),
             f'{runs[0].value["flows"] / runs[0].value["datagrams"]:.1f}']
            for protocol, runs in done.items()]
    table.publish(
        "decode", "Decoding alone, one core",
        table.markdown(["protocol", "million flows a second: median (range)", "flows a datagram"], rows),
        f"{FLOWS:,} flows, seed {setting.SEED}, {setting.RUNS} runs of 5 passes. {measure.disturbance(done)}")


def decode(pcap):
    run = measure.command([setting.DECODE, pcap, 5])
    run.value = json.loads(run.value)
    truth = data.truth(pcap)
    got = (run.value["flows"], run.value["problems"])
    assert not truth or got == (truth["flows"], 0), f"{pcap}: {got} is not what was generated"
    return run


if __name__ == "__main__":
    main()
