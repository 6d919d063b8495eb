#!/usr/bin/env python3
"""Makes the archives of this folder: starts a collector, sends it datagrams, stops it, keeps its file.

    python3 make.py FILE COLLECTOR [OPTION...]

COLLECTOR is nfcapd of any version; OPTIONs are its own (-z, -y, -j, -z=zstd, -T all). Where its folder has to be
named with -l (1.6) or -w (1.7) is found out by asking it. What is sent: the recordings of ../captures named in
RECORDINGS, and one exporter made up here (`rich`) whose records have every field that nfdump keeps.
"""
import os, pathlib, signal, socket, struct, subprocess, sys, tempfile, time

RECORDINGS = ["softflowd-v5", "softflowd-v9-sampled", "softflowd-v10", "pmacctd-v9"]
HERE = pathlib.Path(__file__).resolve().parent
START = 1767225600  # 2026-01-01T00:00:00Z


def datagrams(name):
    """The UDP payloads of a classic little-endian pcap of Ethernet frames."""
    data = (HERE / "../captures" / name / "export.pcap").read_bytes()
    at = 24
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at + 8)
        frame = data[at + 16 : at + 16 + length]
        at += 16 + length
        ip = frame[14:]
        if frame[12:14] == b"\x08\x00" and ip[9] == 17:
            yield ip[(ip[0] & 15) * 4 + 8 :]


def v9(sequence, sets):
    body = b"".join(struct.pack("!HH", kind, 4 + len(octets)) + octets for kind, octets in sets)
    return struct.pack("!HHIIII", 9, len(sets), 3_600_000, START, sequence, 77) + body


# Element, octets: everything of a flow that both nfdump 1.6 and 1.7 have a place for.
FIELDS = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (5, 1), (6, 1), (1, 8), (2, 8), (22, 4), (21, 4), (10, 4), (14, 4),
          (16, 4), (17, 4), (9, 1), (13, 1), (15, 4), (18, 4), (58, 2), (59, 2), (56, 6), (57, 6), (80, 6), (81, 6),
          (70, 3), (61, 1), (89, 1), (23, 8), (24, 8)]
FIELDS6 = [(27, 16), (28, 16)] + [(62 if e == 15 else 63 if e == 18 else 29 if e == 9 else 30 if e == 13 else e,
                                   16 if e in (15, 18) else n) for e, n in FIELDS[2:]]
# What a translator and a firewall report.
NSEL = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (148, 4), (233, 1), (323, 8), (225, 4), (226, 4), (227, 2), (228, 2),
        (231, 4), (232, 4), (40000, 20)]


def pack(fields, values):
    return b"".join(value if isinstance(value, bytes) else value.to_bytes(n, "big")
                    for (_, n), value in zip(fields, values, strict=True))


def rich():
    template = lambda number, fields: struct.pack("!HH", number, len(fields)) + b"".join(
        struct.pack("!HH", *field) for field in fields)
    yield v9(0, [(0, template(300, FIELDS) + template(301, FIELDS6) + template(302, NSEL))])
    ip = lambda text: socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    flow = lambda i, src, dst, hop, bgp, proto, sport, dport: [
        ip(src), ip(dst), sport, dport, proto, 8 * i, 0x1B, 10_000_000_000 + i, 20 + i, 3_500_000 + i, 3_590_000 + i,
        100 + i, 200 + i, 64500 + i, 4_200_000_000 + i, 24, 16, ip(hop), ip(bgp), 10 + i, 20 + i, 0x020000000001 + i,
        0x020000000101 + i, 0x020000000201 + i, 0x020000000301 + i, (1000 + i) << 4 | 1, i % 2, 64 + i, 5_000 + i, 6 + i]
    four = [pack(FIELDS, flow(i, f"192.0.2.{i}", f"198.51.100.{i}", "203.0.113.1", "203.0.113.9", proto, sport, dport))
            for i, (proto, sport, dport) in enumerate([(6, 40000, 443), (17, 53, 5353), (1, 0, 0x0803), (47, 0, 0)], 1)]
    six = [pack(FIELDS6, flow(i, f"2001:db8::{i}", f"2001:db8:1::{i}", "2001:db8:f::1", "2001:db8:f::9", proto, 1024, dport))
           for i, (proto, dport) in enumerate([(6, 80), (58, 0x8000)], 5)]
    # Created, updated, deleted: what the update said is in the total of the deletion.
    nsel = [pack(NSEL, [ip("10.0.0.5"), ip("198.51.100.7"), 50_000, 443, 6, 4711, event, START * 1000 - 60_000 + at,
                        ip("203.0.113.5"), ip("198.51.100.7"), 61_000, 443, out, back, b"alice".ljust(20, b"\0")])
            for event, at, out, back in [(1, 0, 0, 0), (5, 1000, 600, 4000), (2, 2000, 1000, 9000)]]
    yield v9(1, [(300, b"".join(four) + bytes(-sum(map(len, four)) % 4)), (301, b"".join(six) + bytes(-sum(map(len, six)) % 4))])
    yield v9(2, [(302, b"".join(nsel) + bytes(-sum(map(len, nsel)) % 4))])


def main():
    target, collector, *options = sys.argv[1:]
    usage = subprocess.run([collector, "-h"], capture_output=True, text=True)
    folder_option = "-l" if "-l basdir" in usage.stdout + usage.stderr else "-w"
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [collector, "-b", "127.0.0.1", "-p", str(port), folder_option, folder, "-t", "3600", "-I", "weir", *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(2)
        for name in [*RECORDINGS, None]:
            # A port for each: an exporter of its own.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                for payload in rich() if name is None else datagrams(name):
                    out.sendto(payload, ("127.0.0.1", port))
                    time.sleep(0.02)
        time.sleep(2)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        files = [file for file in pathlib.Path(folder).iterdir() if not file.name.startswith(".")]
        assert len(files) == 1, files
        pathlib.Path(target).write_bytes(files[0].read_bytes())


if __name__ == "__main__":
    main()
