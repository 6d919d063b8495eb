"""How long a store of many gigabytes takes to be ready again after its daemon was killed under load, and what an idle
daemon takes: start until it listens (which it does when the store is recovered), and resident memory."""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time

import data
import measure
import peer
import receive
import setting
import soak
import table

GB = float(os.environ.get("RECOVERY_GB", "10"))
KILLS = int(os.environ.get("RECOVERY_KILLS", "20"))
# Datagrams a second while it is killed.
PACE = int(os.environ.get("RECEIVE_PPS", "8000"))
IDLE_S = int(os.environ.get("RECOVERY_IDLE_S", "30"))


def main():
    flowgen = data.generator()
    if flowgen is None:
        return table.skipped("recovery", "there is no flowgen")
    pcap = data.capture("v9", max(setting.FLOWS))
    store, configuration = peer.fresh(setting.WORK / "recovery"), data.configuration(pcap)
    idle = start(store, configuration)
    time.sleep(IDLE_S)
    idle_mib = soak.rss_mib(idle.child.pid)
    idle.end(signal.SIGTERM)
    while soak.size(store)[0] < GB * 1e9:
        measure.command([setting.WEIR, "import", "-c", configuration, "--store", store, "--again", pcap])
    before = rows(store)
    random.seed(setting.SEED)
    after_kill = [killed(flowgen, store, configuration) for _ in range(KILLS)]
    clean = []
    for _ in range(5):
        daemon = start(store, configuration)
        clean.append(daemon.ready_s)
        daemon.end(signal.SIGTERM)
    full_mib = after_idle(store, configuration)
    bytes_, files = soak.size(store)
    table.publish("recovery", "Start, recovery and idle memory",
                  table.markdown(["what", "figure"], [
                      ["the store", f"{bytes_ / 1e9:.1f} GB, {files:,} files, {before:,} rows before the kills"],
                      ["start until it listens, after an end in order, s", f"{statistics.median(clean):.2f} "
                       f"({min(clean):.2f}–{max(clean):.2f})"],
                      [f"after kill -9 under load, s, {KILLS} kills", f"{statistics.median(after_kill):.2f} "
                       f"({min(after_kill):.2f}–{max(after_kill):.2f})"],
                      [f"idle for {IDLE_S} s on an empty store, MiB resident", f"{idle_mib:.0f}"],
                      ["idle on that store, MiB resident", f"{full_mib:.0f}"],
                  ]),
                  f"Killed at a random instant while {PACE:,} v9 datagrams a second arrive; files in the page cache.")


class Daemon:
    """A daemon that listens, and how long it took to."""

    def __init__(self, child, port, ready_s):
        self.child, self.port, self.ready_s = child, port, ready_s

    def end(self, how):
        self.child.send_signal(how)
        self.child.wait()


def start(store, configuration):
    port = receive.free_port()
    begin = time.monotonic()
    child = subprocess.Popen([str(a) for a in (setting.WEIR, "run", "-c", configuration, "--store", store, "--listen",
                                               f"127.0.0.1:{port}")], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    needle = f":{port:04X} "
    while True:
        if any(needle in open(f"/proc/net/{name}").read() for name in ("udp", "udp6")):
            return Daemon(child, port, time.monotonic() - begin)
        if child.poll() is not None:
            sys.exit(f"{child.args} does not start")
        time.sleep(0.002)


def killed(flowgen, store, configuration):
    """Kills a daemon that is receiving; seconds until the next one listens."""
    daemon = start(store, configuration)
    sender = subprocess.Popen([str(a) for a in (flowgen, "--proto", "v9", "--flows", PACE * 60, "--send",
                                                f"127.0.0.1:{daemon.port}", "--pps", PACE, "--truth", os.devnull)],
                              stderr=subprocess.DEVNULL)
    time.sleep(random.uniform(1, 5))
    daemon.end(signal.SIGKILL)
    sender.kill()
    sender.wait()
    next_one = start(store, configuration)
    next_one.end(signal.SIGTERM)
    difference = json.loads(measure.command([setting.WEIR, "usage", "--store", store, "-o", "json", "--from",
                                             "2020-01-01"]).value)["balance"]["difference"]
    if difference != 0:
        sys.exit(f"after a kill the balance differs by {difference}")
    return next_one.ready_s


def rows(store):
    said = measure.command([setting.WEIR, "usage", "--store", store, "-o", "json", "--from", "2020-01-01"]).value
    return json.loads(said)["balance"]["decoded"]["flows"]


def after_idle(store, configuration):
    daemon = start(store, configuration)
    time.sleep(IDLE_S)
    mib = soak.rss_mib(daemon.child.pid)
    daemon.end(signal.SIGTERM)
    return mib


if __name__ == "__main__":
    main()
