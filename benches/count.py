"""Instructions a flow in decoding, by valgrind: the figure that does not depend on who else uses the machine. Two runs
that differ by two passes over the same datagrams; the difference is decoding alone."""

import json
import re

import data
import measure
import setting
import table

FLOWS = 100_000


def main():
    if not setting.has("valgrind"):
        return table.skipped("count", "there is no valgrind")
    rows = []
    for protocol in setting.PROTOCOLS:
        pcap = data.capture(protocol, FLOWS)
        if pcap is None:
            return table.skipped("count", "there is neither flowgen nor a capture")
        (few, flows), (many, _) = instructions(pcap, 1), instructions(pcap, 3)
        rows.append([protocol, f"{(many - few) / 2 / flows:.0f}"])
    table.publish("count", "Instructions a flow, decoding alone", table.markdown(["protocol", "instructions"], rows),
                  f"{FLOWS:,} flows, seed {setting.SEED}; {setting.first_line(['valgrind', '--version'])}, callgrind.")


def instructions(pcap, passes):
    run = measure.command(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", setting.DECODE, pcap,
                           passes])
    found = re.search(r"Collected : (\d+)", run.value)
    said = json.loads(next(line for line in run.value.splitlines() if line.startswith("{")))
    return int(found.group(1)), said["flows"]


if __name__ == "__main__":
    main()
