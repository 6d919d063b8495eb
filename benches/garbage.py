"""Good traffic of GARBAGE_EXPORTERS exporters at GARBAGE_PACE flows a second, beside GARBAGE_PPS datagrams a second of
garbage from as many other addresses, for about GARBAGE_SECONDS. At the end: are the octets accounted those that
flowgen says it made, is every datagram counted once (by its fate, or as dropped by the kernel), how much was logged,
and how much memory was taken? What does not add up ends the benchmark."""

import json
import multiprocessing
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request

import data
import peer
import receive
import setting
import soak
import table

SECONDS = int(os.environ.get("GARBAGE_SECONDS", "60"))
EXPORTERS = int(os.environ.get("GARBAGE_EXPORTERS", "5000"))
# Flows a second of good traffic, and datagrams a second of garbage.
PACE = int(os.environ.get("GARBAGE_PACE", "100000"))
PPS = int(os.environ.get("GARBAGE_PPS", "50000"))
SENDERS = 2
# The first addresses of exporters, and of the senders of garbage.
GOOD, FORGED = "127.16.0.1", ["127.128.0.1", "127.160.0.1"]
# Flows of each of the two captures that are sent, and sent again.
FLOWS = 1_000_000
HOUR_S = 3600
# Of each kind so many datagrams are made, and sent again and again.
MADE = 64
# Every so often a sender looks at the clock.
STEP_S = 0.002


def main():
    captures = [data.capture(protocol, FLOWS) for protocol in ("v5", "v9")]
    if None in captures:
        return table.skipped("garbage", "there is no flowgen")
    passes = max(1, round(PACE * SECONDS / (2 * FLOWS)))
    store, port, web = peer.fresh(setting.WORK / "garbage"), receive.free_port(), receive.free_port()
    log = setting.WORK / "garbage.log"
    with log.open("w") as file:
        daemon = subprocess.Popen([setting.WEIR, "run", "-c", configuration(store, web), "--listen", f"127.0.0.1:{port}"],
                                  stdout=file, stderr=file)
    receive.wait_for(port, daemon)
    sent, garbage, rss = offer(captures, passes, port, daemon)
    time.sleep(3)
    metrics = scrape(web)
    daemon.send_signal(signal.SIGTERM)
    _, status, usage = os.wait4(daemon.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"weir ended with {status}; see {log}")
    truths = [data.truth(capture) for capture in captures]
    sent |= {of: passes * sum(truth[of] for truth in truths) for of in ("flows", "bytes")}
    publish(sent, garbage, metrics, store, log, rss, usage)


def configuration(store, web):
    """flowgen's tenants, and a page to be asked at."""
    tenants = data.configuration(data.capture("v9", 1_000_000)).read_text()
    path = setting.WORK / "garbage.toml"
    path.write_text(f'[store]\npath = "{store}"\n\n[web]\nlisten = "127.0.0.1:{web}"\n\n{tenants}')
    return path


def offer(captures, passes, port, daemon):
    """Sends both; what was sent of good traffic and in which time, how much garbage of each kind, and the most memory
    that was taken."""
    counts = multiprocessing.Array("Q", len(KINDS))
    said, go = multiprocessing.Queue(), multiprocessing.Event()
    forgers = [multiprocessing.Process(target=forge, args=(number, port, counts, go)) for number in range(SENDERS)]
    good = multiprocessing.Process(target=replay, args=(captures, passes, port, said, go))
    for process in [*forgers, good]:
        process.start()
    rss = 0.0
    while good.is_alive():
        rss = max(rss, soak.rss_mib(daemon.pid))
        good.join(0.2)
    for forger in forgers:
        forger.terminate()
        forger.join()
    if good.exitcode != 0:
        sys.exit(f"the sender ended with {good.exitcode}")
    return said.get(), dict(zip(KINDS, counts, strict=True)), rss


def addresses(first, count):
    """So many sockets, each bound to an address of the loopback."""
    base = struct.unpack(">I", socket.inet_aton(first))[0]
    for number in range(count):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((socket.inet_ntoa(struct.pack(">I", base + number)), 0))
        yield one


def replay(captures, passes, port, said, go):
    """Sends the datagrams of both captures in turn, so many times, each exporter with sequence numbers of its own: half of
    them speak v5, half v9. A v9 exporter says its templates in its first datagram."""
    v5s, v9s = ([bytearray(one) for one in datagrams(capture)] for capture in captures)
    templates = sets_of_templates(v9s[0])
    exporters = list(addresses(GOOD, EXPORTERS))
    for exporter in exporters:
        exporter.connect(("127.0.0.1", port))
    half = EXPORTERS // 2
    sequences, sent, flows = [0] * EXPORTERS, 0, 0
    go.set()
    begin = time.monotonic()
    for number in range(passes):
        for at in range(max(len(v5s), len(v9s))):
            for of, ours in ((v5s, 0), (v9s, half)):
                if at >= len(of):
                    continue
                exporter, datagram = ours + at % half, of[at]
                count, uptime, seconds = struct.unpack_from(">HII", datagram, 2)
                is_v9, is_first = of is v9s, at < half and number == 0
                struct.pack_into(">I", datagram, 12 if is_v9 else 16, sequences[exporter])
                # What is sent again is sent an hour later, by the exporter's clock.
                if number > 0:
                    struct.pack_into(">II", datagram, 4, uptime + HOUR_S * 1000, seconds + HOUR_S)
                sequences[exporter] += 1 if is_v9 else count
                exporters[exporter].send(datagram[:20] + templates + datagram[20:] if is_v9 and is_first else datagram)
                sent, flows = sent + 1, flows + count
            ahead = flows / PACE - (time.monotonic() - begin)
            if ahead > STEP_S:
                time.sleep(ahead)
    said.put({"datagrams": sent, "seconds": time.monotonic() - begin})


def datagrams(capture):
    """What is in the UDP datagrams of a capture of flowgen's: Ethernet, IPv4."""
    octets, at = capture.read_bytes(), 24
    while at < len(octets):
        length, = struct.unpack_from("<I", octets, at + 8)
        yield octets[at + 16 + 14 + 20 + 8:at + 16 + length]
        at += 16 + length


def sets_of_templates(datagram):
    """The sets of a v9 datagram that say templates."""
    found, at = b"", 20
    while at < len(datagram):
        kind, length = struct.unpack_from(">HH", datagram, at)
        found += datagram[at:at + length] if kind < 2 else b""
        at += length
    return found


def v9(random_, count=1):
    """A header that could be one."""
    return struct.pack(">HHIIII", 9, count, 1000, int(time.time()), random_.getrandbits(31), random_.randrange(7))


def noise(random_, length):
    return bytes(random_.randrange(256) for _ in range(length))


# Kinds of garbage: nothing of it is a flow record.
KINDS = {
    "octets at random": lambda r: b"\xff" + noise(r, 199),
    "a header and nothing": v9,
    "a set of an unknown template": lambda r: v9(r) + struct.pack(">HH", 4000, 404) + noise(r, 400),
    "a set that is longer than the datagram": lambda r: v9(r) + struct.pack(">HH", 300, 60_000) + bytes(40),
    "a template of fields that are not there": lambda r: v9(r) + struct.pack(">HHHHI", 0, 12, 65_535, 1000, 0),
    "half of a v5 datagram": lambda r: struct.pack(">HHIIIIBBH", 5, 30, 1000, int(time.time()), 0, 0, 0, 0, 0) + bytes(26),
}


def forge(number, port, counts, go):
    """Sends a sender's part of the garbage until it is ended."""
    ending = []
    signal.signal(signal.SIGTERM, lambda *_: ending.append(True))
    random_ = random.Random(number)
    made = [[make(random_) for _ in range(MADE)] for make in KINDS.values()]
    sockets = list(addresses(FORGED[number], EXPORTERS // SENDERS))
    for one in sockets:
        one.connect(("127.0.0.1", port))
    sends = [one.send for one in sockets]
    go.wait()
    sent, begin, of_kind = 0, time.monotonic(), [0] * len(made)
    while not ending:
        due = int((time.monotonic() - begin) * PPS / SENDERS)
        while sent < due:
            # Each address sends each kind in its turn.
            kind = (sent + sent // len(sends)) % len(made)
            sends[sent % len(sends)](made[kind][sent // len(made) % MADE])
            of_kind[kind] += 1
            sent += 1
        time.sleep(STEP_S)
    with counts.get_lock():
        for kind, count in enumerate(of_kind):
            counts[kind] += count


def scrape(web):
    """The figures of /metrics by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{web}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def publish(sent, garbage, metrics, store, log, rss, usage):
    said = json.loads(subprocess.run([setting.WEIR, "usage", "--store", store, "-o", "json"],
                                     check=True, capture_output=True, text=True).stdout)
    reasons = {name.partition('"')[2].partition('"')[0]: int(value) for name, value in metrics.items()
               if name.startswith("weir_datagrams_refused_total")}
    drops = int(metrics["weir_kernel_drops_total"])
    received = int(metrics["weir_datagrams_total"])
    held = int(metrics["weir_datagrams_held_total"] - metrics["weir_datagrams_held_settled_total"])
    decoded = int(metrics["weir_datagrams_decoded_total"])
    sent_good, sent_bad = sent["datagrams"], sum(garbage.values())
    seconds = sent["seconds"]
    heard = sum(1 for exporter in said["balance"]["exporters"] if exporter["decoded"]["flows"] > 0)
    balance, lines = said["balance"], log.read_text().splitlines()
    check = [
        ("octets sent and accounted", sent["bytes"], balance["decoded"]["octets"]),
        ("flows sent and accounted", sent["flows"], balance["decoded"]["flows"]),
        ("exporters with flows", EXPORTERS, heard),
        ("records missed by sequence numbers", 0, said["completeness"]["records_lost"]),
        ("difference of the trial balance", 0, balance["difference"]),
        ("datagrams sent; received or dropped by the kernel", sent_good + sent_bad, received + drops),
        ("datagrams received; decoded, held or refused", received, decoded + held + sum(reasons.values())),
        ("invariants broken", 0, int(sum(value for name, value in metrics.items() if "violations" in name))),
    ]
    rows = [[what, f"{want:,}", f"{have:,}"] for what, want, have in check]
    fates = {"decoded": decoded, "held": held, **{f"refused: {why}": n for why, n in sorted(reasons.items())}}
    tail = ", ".join(f"{what} {n:,}" for what, n in fates.items())
    kinds = ", ".join(f"{what} {n:,}" for what, n in garbage.items())
    table.publish("garbage", "Thousands of exporters, and garbage beside them",
                  table.markdown(["what must be equal", "sent", "counted"], rows),
                  f"{EXPORTERS:,} exporters, half v5 and half v9, with {sent['flows']:,} flows in {seconds:.0f} s ({sent['flows'] / seconds:,.0f} "
                  f"a second, {sent_good:,} datagrams), and {EXPORTERS:,} addresses with {sent_bad:,} datagrams of garbage "
                  f"({sent_bad / seconds:,.0f} a second) on the same cores: {kinds}.",
                  f"Datagrams: {tail}; dropped by the kernel: {drops:,}. Log: {len(lines):,} lines in {seconds:.0f} s. Memory: at most "
                  f"{rss:.0f} MiB. Processor: {usage.ru_utime + usage.ru_stime:.1f} s.")
    wrong = [row for row, (_, want, have) in zip(rows, check, strict=True) if want != have]
    # What the kernel dropped is missing in the first four; nothing explains a difference in the others.
    if wrong and (drops == 0 or wrong[-1] in rows[4:]):
        sys.exit(f"does not add up: {wrong}; see {log}")
    if wrong:
        sys.exit(f"the kernel dropped {drops:,} datagrams, good ones too: {wrong}; see {log}")


if __name__ == "__main__":
    main()
