"""Passes datagrams on, all but some: `relay.py FROM TO EVERY REPORT COLLECTOR [ARGUMENT…]`.

Starts COLLECTOR, which listens on 127.0.0.1:TO, listens itself on 127.0.0.1:FROM, and drops every EVERYth datagram of
each source; never the first or the last of one, whose loss no sequence number can show. Sources keep ports of their own.
Meanwhile it sends packets to the tenants' hosts, each to another port: flows enough for many datagrams.
On SIGTERM it passes on what it holds, ends the collector, and writes to REPORT what NetFlow v5 headers and records say
of what came and of what it dropped.
"""

import json
import select
import signal
import socket
import struct
import subprocess
import sys
import time

FROM, TO, EVERY, REPORT = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


def count(datagrams):
    version, records, octets = 0, 0, 0
    for datagram in datagrams:
        version, flows = struct.unpack_from(">HH", datagram)
        assert version == 5 and len(datagram) == 24 + 48 * flows
        records += flows
        octets += sum(struct.unpack_from(">I", datagram, 24 + 48 * i + 20)[0] for i in range(flows))
    return {"datagrams": len(datagrams), "records": records, "octets": octets}


collector = subprocess.Popen(sys.argv[5:])
for _ in range(600):  # run.sh takes it that who listens on FROM is ready
    table = [line.split()[1] for line in open("/proc/net/udp").readlines()[1:]]
    if any(place.endswith(f":{TO:04X}") for place in table):
        break
    assert collector.poll() is None, "the collector ended"
    time.sleep(0.1)
running = True


def stop(*_):
    global running
    running = False


signal.signal(signal.SIGTERM, stop)
inlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
inlet.bind(("127.0.0.1", FROM))
talker, port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 20000
sources, came, dropped = {}, [], []
while True:
    readable, _, _ = select.select([inlet], [], [], 0.02 if running else 0.5)
    if running:
        for host in ("192.168.31.2", "192.168.32.2"):
            talker.sendto(b"weir", (host, port))
        port += 1
    if not readable:
        if running:
            continue
        break
    datagram, source = inlet.recvfrom(65535)
    came.append(datagram)
    if source not in sources:
        sources[source] = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0, None]
    outlet, number, held = sources[source]
    if held is not None:
        dropped.append(held)
    drop = number % EVERY == EVERY - 1
    if not drop:
        outlet.sendto(datagram, ("127.0.0.1", TO))
    sources[source][1:] = [number + 1, datagram if drop else None]
for outlet, _, held in sources.values():
    if held is not None:
        outlet.sendto(held, ("127.0.0.1", TO))
time.sleep(0.5)
collector.terminate()
status = collector.wait()
with open(REPORT, "w") as report:
    json.dump({"came": count(came), "dropped": count(dropped), "sources": len(sources)}, report)
sys.exit(status)
