"""From the wire into the store: processor time of `weir run` and nfcapd for the same datagrams on loopback, paced so
that none is lost, until they have ended and everything is in files. weir's figure includes journal, syncing, sorted
Parquet, bins; nfcapd's lz4 files that the kernel writes when it likes."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import data
import measure
import peer
import setting
import table

FLOWS = int(os.environ.get("RECEIVE_FLOWS", "1000000"))
# Datagrams a second.
PACE = int(os.environ.get("RECEIVE_PPS", "8000"))


def main():
    flowgen = data.generator()
    if flowgen is None:
        return table.skipped("receive", "there is no flowgen")
    rows, lines = [], []
    for protocol in ["v5", "v9", "ipfix"]:
        sides = {"weir": lambda: weir(flowgen, protocol)}
        for one in peer.versions():
            sides[f"nfcapd {one.version} lz4"] = lambda one=one: nfcapd(flowgen, one, protocol)
        done = measure.alternately(sides)
        lines.append(f"- {protocol}: {measure.disturbance(done)}")
        for name, runs in done.items():
            rows.append([f"{protocol}, {name}", measure.spread(runs, lambda r: r.cpu_s / FLOWS * 1e6),
                         f"{measure.median(runs, lambda r: r.peak_mib):.0f}",
                         f"{max(FLOWS - r.value for r in runs):,}"])
    table.publish("receive", "Receive and store, with everything sealed",
                  table.markdown(["protocol, program", "CPU s a million flows: median (range)", "peak MiB",
                                  "most flows lost"], rows),
                  f"{FLOWS:,} flows a run at {PACE:,} datagrams a second from flowgen (seed {setting.SEED}) on the "
                  f"same two cores; {setting.RUNS} runs each, alternately.", "\n".join(lines))


def hear(flowgen, protocol, port, arguments):
    """Starts a collector, sends it the flows, ends it."""
    before = measure.Before()
    child = before.start(arguments)
    wait_for(port, child)
    sender = subprocess.Popen([str(a) for a in (flowgen, "--proto", protocol, "--flows", FLOWS, "--seed", setting.SEED,
                                                "--send", f"127.0.0.1:{port}", "--pps", PACE, "--truth", os.devnull)])
    _, status, usage = os.wait4(sender.pid, 0)
    sender.returncode = os.waitstatus_to_exitcode(status)
    time.sleep(1)
    child.send_signal(signal.SIGTERM)
    return before.finish(child, ended_by_us=True, helpers_s=usage.ru_utime + usage.ru_stime)


def wait_for(port, child):
    """Until somebody is bound to the port."""
    for _ in range(100):
        tables = "".join(pathlib.Path(f"/proc/net/{t}").read_text() for t in ("udp", "udp6"))
        if f":{port:04X} " in tables:
            return
        if child.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"{child.args} does not listen")


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def weir(flowgen, protocol):
    port, store = free_port(), peer.fresh(setting.WORK / "receive-weir")
    pcap = data.capture(protocol, FLOWS)
    run = hear(flowgen, protocol, port, [setting.WEIR, "run", "-c", data.configuration(pcap), "--store", store,
                                         "--listen", f"127.0.0.1:{port}"])
    said = measure.command([setting.WEIR, "top", "--store", store, "-o", "json", "proto"])
    run.value = json.loads(said.value)["total"]["flows"]
    return run


def nfcapd(flowgen, one, protocol):
    port, folder = free_port(), peer.fresh(setting.WORK / "receive-nfcapd")
    run = hear(flowgen, protocol, port, [one.nfcapd, "-b", "127.0.0.1", "-p", port, one.forms()["lz4"],
                                         "-B", 32 << 20, "-w", folder])
    said = measure.command([one.nfdump, "-R", folder, "-q", "-s", "proto", "-o", "csv"])
    run.value = sum(int(line.split(",")[5]) for line in said.value.splitlines()[1:] if line.count(",") > 5)
    return run


if __name__ == "__main__":
    main()
