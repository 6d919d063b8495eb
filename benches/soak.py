"""An hour (SOAK_MINUTES) at a steady pace under a disk budget, with questions every second: does memory stay flat, does
`usage` answer quickly, does the store keep its budget, and is every datagram that was sent either stored or counted as
lost? The accounts are compared with the generator's own sums at the end, to the octet."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import data
import peer
import receive
import setting
import table

MINUTES = int(os.environ.get("SOAK_MINUTES", "60"))
# Flows a second.
PACE = int(os.environ.get("SOAK_PACE", "450000"))
DISK = os.environ.get("SOAK_DISK", "10 GB")
PROTOCOL = os.environ.get("SOAK_PROTOCOL", "v9")
# v9 datagrams of 1500 octets hold so many of flowgen's flows.
FLOWS_A_DATAGRAM = 24.63
# What is sent is made in parts of so many seconds, each from an exporter of its own.
PART_S = 60


@dataclasses.dataclass
class Moment:
    """What was seen at one second."""

    at_s: float
    usage_s: float
    rss_mib: float
    store_bytes: int
    files: int


def main():
    flowgen = data.generator()
    if flowgen is None:
        return table.skipped("soak", "there is no flowgen")
    store, port, web = peer.fresh(setting.WORK / "soak"), receive.free_port(), receive.free_port()
    log = (setting.WORK / "soak.log").open("w")
    daemon = subprocess.Popen([setting.WEIR, "run", "-c", configuration(store, web), "--listen", f"127.0.0.1:{port}"],
                              stdout=log, stderr=log)
    receive.wait_for(port, daemon)
    begin_ms = int(time.time() * 1000)
    watch = Watch(daemon, store)
    truths = send(flowgen, port, watch)
    watch.stop()
    figures = metrics(web)
    daemon.send_signal(signal.SIGTERM)
    _, status, usage = os.wait4(daemon.pid, 0)
    cpu = usage.ru_utime + usage.ru_stime
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"weir ended with {status}; see {log.name}")
    publish(truths, watch, store, begin_ms, cpu, figures)


def configuration(store, web):
    """The tenants, the budget, and where the daemon tells its own figures."""
    tenants = data.configuration(data.capture(PROTOCOL, 1_000_000)).read_text()
    path = setting.WORK / "soak.toml"
    path.write_text(f'[store]\npath = "{store}"\ndisk = "{DISK}"\n\n[web]\nlisten = "127.0.0.1:{web}"\n\n{tenants}')
    return path


def send(flowgen, port, watch):
    """Sends the parts one after the other, the next one being made meanwhile; gives what the generator says of each."""
    paths, senders = [], []
    parts = MINUTES * 60 // PART_S
    # Making a part takes less than half of the time it is sent in; each is begun so that its sending begins when the
    # one before has ended.
    lead_s = make_s(flowgen)
    due = time.time() + lead_s
    for part in range(parts):
        time.sleep(max(0.0, due - lead_s - time.time()))
        path = setting.WORK / f"soak-{part}.json"
        paths.append(path)
        senders.append(subprocess.Popen([str(a) for a in (
            flowgen, "--proto", PROTOCOL, "--flows", PACE * PART_S, "--seed", setting.SEED + part,
            "--start", int(due), "--span", PART_S, "--source-base", f"127.0.{1 + part // 200}.{1 + part % 200}",
            "--send", f"127.0.0.1:{port}", "--pps", round(PACE / FLOWS_A_DATAGRAM), "--truth", path)],
            stderr=subprocess.DEVNULL))
        due += PART_S
        watch.part = part
    for sender in senders:
        if sender.wait() != 0:
            sys.exit(f"{sender.args} ended with {sender.returncode}")
    time.sleep(2)
    return [json.loads(path.read_text()) for path in paths]


def make_s(flowgen):
    """How long it takes to make a part, with some to spare."""
    begin = time.monotonic()
    subprocess.run([str(a) for a in (flowgen, "--proto", PROTOCOL, "--flows", PACE * 5, "--send", "127.0.0.1:9",
                                     "--truth", os.devnull)], check=True, stderr=subprocess.DEVNULL)
    return (time.monotonic() - begin) * PART_S / 5 * 1.5 + 2


class Watch:
    """Asks every second, and looks at the daemon and its store."""

    def __init__(self, daemon, store):
        self.daemon, self.store, self.moments, self.part = daemon, store, [], 0
        self.failures = []
        self.ending, self.thread = threading.Event(), threading.Thread(target=self.look, daemon=True)
        self.begin = time.monotonic()
        self.thread.start()

    def stop(self):
        self.ending.set()
        self.thread.join()

    def look(self):
        number = 0
        while not self.ending.wait(1):
            number += 1
            begin = time.monotonic()
            self.ask(["usage", "--last", "1h"])
            usage_s = time.monotonic() - begin
            if number % 10 == 0:
                self.ask(["top", "dst_addr", "--last", "1m"])
            self.moments.append(Moment(time.monotonic() - self.begin, usage_s, rss_mib(self.daemon.pid),
                                       *size(self.store)))
            if number % 60 == 0:
                last = self.moments[-1]
                print(f"  {last.at_s:.0f} s: usage {last.usage_s * 1000:.0f} ms, {last.rss_mib:.0f} MiB, store "
                      f"{last.store_bytes / 1e9:.2f} GB in {last.files} files", file=sys.stderr, flush=True)

    def ask(self, question):
        done = answer(self.store, question)
        if done.returncode != 0:
            self.failures.append(done.stderr.strip())
            print(f"  weir {' '.join(question)} ended with {done.returncode}: {done.stderr}", file=sys.stderr, flush=True)


def answer(store, question):
    return subprocess.run([setting.WEIR, *question, "--store", store, "-o", "json"], capture_output=True, text=True)


def ask(store, question):
    done = answer(store, question)
    if done.returncode != 0:
        sys.exit(f"weir {' '.join(question)} ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def metrics(web):
    """The daemon's figures that have no labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{web}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    plain = (line.split() for line in lines if not line.startswith("#") and "{" not in line)
    return {name: float(value) for name, value in plain}


def rss_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def size(store):
    """Bytes and files of the store; files may go while we look."""
    total = files = 0
    for folder, _, names in os.walk(store):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
                files += 1
            except FileNotFoundError:
                pass
    return total, files


def publish(truths, watch, store, begin_ms, cpu, figures):
    moments = watch.moments
    span = ["usage", "--from", stamp(begin_ms - 600_000), "--to", stamp(int(time.time() * 1000) + 600_000)]
    said = ask(store, span)
    balance, complete = said["balance"], said["completeness"]
    sent = {name: sum(truth[name] for truth in truths) for name in ("flows", "packets", "bytes")}
    datagrams = sum(truth["sent"]["datagrams"] for truth in truths)
    unexplained = datagrams - complete["datagrams_received"] - complete["socket_drops"]
    usage = sorted(moment.usage_s * 1000 for moment in moments)
    rss = [moment.rss_mib for moment in moments]
    half = len(rss) // 2
    rows = [
        ["flows sent", f"{sent['flows']:,}"],
        ["flows stored and accounted", f"{balance['decoded']['flows']:,}"],
        ["octets sent less octets accounted", f"{sent['bytes'] - balance['decoded']['octets']:,}"],
        ["datagrams sent", f"{datagrams:,}"],
        ["datagrams received", f"{complete['datagrams_received']:,}"],
        ["datagrams that the kernel dropped, counted", f"{complete['socket_drops']:,}"],
        ["datagrams unexplained", f"{unexplained:,}"],
        ["the balance's difference", f"{balance['difference']:,}"],
        ["CPU s a million flows", f"{cpu / sent['flows'] * 1e6:.2f}"],
        ["`usage --last 1h`, ms: median, p99, most",
         f"{usage[len(usage) // 2]:.0f}, {usage[int(len(usage) * 0.99)]:.0f}, {usage[-1]:.0f} of {len(usage)}"],
        ["questions that were not answered", f"{len(watch.failures):,}"],
        ["resident memory, MiB: most in the first half, most in the second", f"{max(rss[:half]):.0f}, {max(rss[half:]):.0f}"],
        ["store, GB: most", f"{max(m.store_bytes for m in moments) / 1e9:.2f}"],
        ["flows whose detail was retired for the budget", f"{figures['weir_store_retired_flows_total']:,.0f}"],
        ["files: most", f"{max(m.files for m in moments):,}"],
    ]
    pace = sent["flows"] / (MINUTES * 60)
    table.publish("soak", f"{MINUTES} minutes at {pace / 1000:,.0f} thousand flows a second",
                  table.markdown(["what", "figure"], rows),
                  f"{PROTOCOL}, {len(truths)} exporters one after the other, budget {DISK}; `usage` every second and "
                  "`top dst_addr` every ten seconds, each a process of its own, on the same two cores as the daemon and "
                  "the generator.")


def stamp(ms):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))


if __name__ == "__main__":
    main()
