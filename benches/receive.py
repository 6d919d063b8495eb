"""From the wire into the store: processor time of `weir run`, nfcapd and nfacctd for the same datagrams on loopback,
paced so that none is lost, until they have ended and everything is in files. weir's figure includes journal, syncing,
sorted Parquet, bins; nfcapd's lz4 files that the kernel writes when it likes; nfacctd's accounts by host, and no flows."""

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
import nfacctd
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
    nfacctd.adopt_orphans()
    rows, lines = [], []
    for protocol in ["v5", "v9", "ipfix"]:
        done = measure.alternately(sides(Offer(flowgen, protocol, FLOWS, PACE)))
        lines.append(f"- {protocol}: {measure.disturbance(done)}")
        base = measure.median(next(iter(done.values())), lambda r: r.cpu_s)
        for name, runs in done.items():
            ratio = measure.median(runs, lambda r: r.cpu_s) / base
            visible = measure.spread(runs, lambda r: r.part_s / FLOWS * 1e6) if name == "weir" else ""
            rows.append([f"{protocol}, {name}", measure.spread(runs, lambda r: r.cpu_s / FLOWS * 1e6), f"{ratio:.2f}", visible,
                         f"{measure.median(runs, lambda r: r.peak_mib):.0f}", f"{max(r.value for r in runs):.3%}"])
    table.publish("receive", "Receive and store, with everything sealed",
                  table.markdown(["protocol, program", "CPU s a million flows: median (range)", "beside weir",
                                  "of it until visible to questions", "peak MiB", "most lost"], rows),
                  f"{FLOWS:,} flows a run at {PACE:,} datagrams a second from flowgen (seed {setting.SEED}) on the "
                  f"same two cores; {setting.RUNS} runs each, alternately. Lost: of the octets that were sent.",
                  "\n".join(lines))


class Offer:
    """What is offered to each."""

    def __init__(self, flowgen, protocol, flows, pace):
        self.flowgen, self.protocol, self.flows, self.pace = flowgen, protocol, flows, pace
        pcap = data.capture(protocol, min(flows, 1_000_000))
        # The tenants are the same in all of flowgen's traffic.
        self.configuration = data.configuration(pcap)
        self.truth = setting.WORK / f"offer-{protocol}-{flows}.json"

    def send(self, port):
        """Sends it; processor seconds used."""
        sender = subprocess.Popen([str(a) for a in (
            self.flowgen, "--proto", self.protocol, "--flows", self.flows, "--seed", setting.SEED,
            "--send", f"127.0.0.1:{port}", "--pps", self.pace, "--truth", self.truth)])
        _, status, usage = os.wait4(sender.pid, 0)
        sender.returncode = os.waitstatus_to_exitcode(status)
        if sender.returncode != 0:
            sys.exit(f"{sender.args} ended with {sender.returncode}")
        return usage.ru_utime + usage.ru_stime

    def sent(self):
        """Flows and octets sent."""
        said = json.loads(self.truth.read_text())
        return said["flows"], said["bytes"]

    def said(self):
        """What the generator says of its sending."""
        return json.loads(self.truth.read_text())["sent"]


def sides(offer):
    """Each collector by its name; the first is weir."""
    sides = {"weir": lambda: weir(offer)}
    for one in peer.versions():
        sides[f"nfcapd {one.version} lz4"] = lambda one=one: nfcapd(offer, one)
    if nfacctd.version():
        sides[f"nfacctd {nfacctd.version()}"] = lambda: accounts(offer)
    return sides


def hear(offer, port, arguments, has_orphans=False):
    """Starts a collector, sends it the flows, ends it."""
    before = measure.Before()
    child = before.start(arguments)
    wait_for(port, child)
    helpers_s = offer.send(port)
    # nfacctd's processes hand on what they have when they find time.
    time.sleep(4 if has_orphans else 1)
    foreground_s = not_sealing_s(child.pid)
    child.send_signal(signal.SIGINT if has_orphans else signal.SIGTERM)
    run = before.finish(child, ended_by_us=True, helpers_s=helpers_s, has_orphans=has_orphans)
    run.part_s = foreground_s
    return run


def not_sealing_s(pid):
    """Processor seconds of the threads that live, but for those that seal: until what was received is journalled,
    synced and seen by questions."""
    ticks = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name, _, rest = (task / "stat").read_text().partition(" (")[2].rpartition(") ")
        if not name.startswith("weir-seal"):
            ticks += sum(int(field) for field in rest.split()[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_for(port, child):
    """Until somebody is bound to the port."""
    for _ in range(200):
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


def weir(offer):
    port, store = free_port(), peer.fresh(setting.WORK / "receive-weir")
    run = hear(offer, port, [setting.WEIR, "run", "-c", offer.configuration, "--store", store,
                             "--listen", f"127.0.0.1:{port}"])
    run.value = lost(offer, octets(store))
    return run


def octets(store):
    """What a store of weir's holds."""
    said = json.loads(measure.command([setting.WEIR, "top", "--store", store, "-o", "json", "proto"]).value)
    return said["total"]["octets"]


def nfcapd(offer, one):
    port, folder = free_port(), peer.fresh(setting.WORK / "receive-nfcapd")
    run = hear(offer, port, [one.nfcapd, "-b", "127.0.0.1", "-p", port, one.forms()["lz4"],
                             "-B", 64 << 20, "-w", folder])
    said = measure.command([one.nfdump, "-R", folder, "-q", "-I"])
    octets = [int(line.split(":")[1]) for line in said.value.splitlines() if line.startswith("Bytes:")]
    run.value = lost(offer, sum(octets))
    return run


def accounts(offer):
    port, folder = free_port(), setting.WORK / "receive-nfacctd"
    run = hear(offer, port, nfacctd.arguments(port, folder, offer.flows), has_orphans=True)
    run.value = lost(offer, nfacctd.octets(folder))
    return run


def lost(offer, octets):
    """The part of the octets that was sent and is not stored."""
    _, sent = offer.sent()
    return max(0.0, 1 - octets / sent)


if __name__ == "__main__":
    main()
