"""Writes a fixture's truth.json: what the kernel counted, what the exporter says, what two decoders read.

    truth.py NAME SUMMARY WORK FOLDER     after a recording: WORK is where record.sh collected its parts
    truth.py check                        has tshark decode the committed captures again, and compares
    truth.py table                        prints the table of README.md

The decoders know nothing of each other: tshark and nfacctd or sfacctd (pmacct) read export.pcap, nfcapd or sfcapd
(nfdump) received the datagrams while they were recorded. A fourth, smaller reading is in this file: every datagram's
header, and the sums of the versions whose records are fixed.
"""

import csv
import datetime
import io
import json
import pathlib
import platform
import re
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

PORT = 2055
PACKAGES = {"softflowd": "softflowd", "pmacctd": "pmacct", "fprobe": "fprobe", "ovs-vsctl": "openvswitch-switch"}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def package(name):
    return run("dpkg-query", "-W", "-f=${Version}", name)


# --- tshark ------------------------------------------------------------------------------------------------------


def read_tshark(capture):
    """What tshark reads: see `read_netflow` and `read_sflow` for the keys."""
    dissector = "sflow" if headers(capture)[0]["version"] == "sflow5" else "cflow"
    pdml = run("tshark", "-r", str(capture), "-d", f"udp.port=={PORT},{dissector}", "-T", "pdml")
    protocols = [p for p in xml.fromstring(pdml).iter("proto") if p.get("name") == dissector]
    return read_sflow(protocols) if dissector == "sflow" else read_netflow(protocols)


def read_netflow(messages):
    total = dict.fromkeys(
        ("datagrams", "templates", "options_templates", "options_records", "records", "octets", "packets"), 0
    )
    reverse = {"reverse_octets": 0, "reverse_packets": 0}
    options = set()
    for message in messages:
        total["datagrams"] += 1
        for field in message.iter("field"):
            show = field.get("show", "")
            if match := re.match(r"Options Template \(Id = (\d+)\)", show):
                total["options_templates"] += 1
                options.add(match[1])
            elif re.match(r"Template \(Id = \d+", show):
                total["templates"] += 1
        for record, kind in records_of(message):
            if kind in options:
                total["options_records"] += 1
                continue
            total["records"] += 1
            for field in record.iter("field"):
                name = field.get("name").removeprefix("cflow.")
                if name in ("octets", "packets"):
                    if "(Reverse" in field.get("showname"):
                        reverse["reverse_" + name] += int(field.get("show"))
                    else:
                        total[name] += int(field.get("show"))
    return total | {k: v for k, v in reverse.items() if v}


def records_of(message):
    """Pairs of a record's element and the id of its set ("pdu" records of versions 1 to 7 have none)."""
    for group in message.findall("field"):
        show = group.get("show", "")
        if show.startswith("pdu "):
            yield group, None
        elif match := re.match(r"(?:Set|FlowSet) \d+ \[id=(\d+)\] \(\d+ flows\)", show):
            for record in group.findall("field"):
                if re.match(r"Flow \d+", record.get("show", "")):
                    yield record, match[1]


def read_sflow(datagrams):
    """Samples as they are (`records`), and scaled: interval x frame octets, interval x packets."""
    total = dict.fromkeys(
        ("datagrams", "records", "counter_samples", "frame_octets", "ip_octets", "packets"), 0
    ) | {"scaled_frame_octets": 0, "scaled_ip_octets": 0, "scaled_packets": 0}
    for datagram in datagrams:
        total["datagrams"] += 1
        for sample in datagram.findall("field"):
            show = sample.get("showname", "") + sample.get("show", "")
            if "ounters sample" in show:
                total["counter_samples"] += 1
            if not re.search(r"[Ff]low sample", show):
                continue
            interval = frame = ip = 0
            for field in sample.iter("field"):
                name = field.get("name")
                if name == "sflow.flow_sample.sampling_rate":
                    interval = int(re.search(r"1 out of (\d+)", field.get("showname"))[1])
                elif name == "sflow_245.header.frame_length":
                    frame = int(field.get("show"))
            for inner in sample.iter("proto"):
                if inner.get("name") in ("ip", "ipv6") and ip == 0:
                    ip = ip_length(inner)
            total["records"] += 1
            total["packets"] += 1
            total["frame_octets"] += frame
            total["ip_octets"] += ip
            total["scaled_packets"] += interval
            total["scaled_frame_octets"] += interval * frame
            total["scaled_ip_octets"] += interval * ip
    return total


def ip_length(packet):
    for field in packet.iter("field"):
        if field.get("name") == "ip.len":
            return int(field.get("show"))
        if field.get("name") == "ipv6.plen":
            return int(field.get("show")) + 40
    return 0


# --- nfcapd, sfcapd ----------------------------------------------------------------------------------------------


def read_nfdump(sink):
    """Sums over the records that nfcapd or sfcapd stored (it multiplies by the sampling interval if it knows it)."""
    total = {"records": 0, "octets": 0, "packets": 0}
    reverse = {"reverse_octets": 0, "reverse_packets": 0}
    text = run("nfdump", "-R", str(sink), "-o", "csv").split("\nSummary")[0]
    for row in csv.DictReader(io.StringIO(text)):
        if not (row.get("ibyt") or "").strip().isdigit():
            continue
        total["records"] += 1
        total["octets"] += int(row["ibyt"])
        total["packets"] += int(row["ipkt"])
        reverse["reverse_octets"] += int(row["obyt"])
        reverse["reverse_packets"] += int(row["opkt"])
    return total | {k: v for k, v in reverse.items() if v}


def read_log(path):
    """What the sink said about the stream, without the lines it says to everybody."""
    said = [line.strip() for line in path.read_text().splitlines()]
    dull = ("Add flow source", "Bound to", "Init ", "Startup", "Terminating", "SFLOW: setup")
    said = [line for line in said if line and not line.startswith(dull)]
    return list(dict.fromkeys(said))


# --- nfacctd, sfacctd --------------------------------------------------------------------------------------------


def read_pmacct(capture, kind):
    """Octets and packets, unscaled; null where it reads nothing (versions 1 and 7). Runs in a network of its own."""
    with tempfile.TemporaryDirectory() as folder:
        lines = ("daemonize: false", f"pcap_savefile: {capture}", "plugins: print", "aggregate: proto",
                 "print_output: csv", f"print_output_file: {folder}/out.csv", "print_refresh_time: 2")  # fmt: skip
        pathlib.Path(folder, "conf").write_text("\n".join(lines) + "\n")
        script = f"ip link set lo up; exec timeout -s INT 5 {kind} -f {folder}/conf"
        subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, check=False)
        out = pathlib.Path(folder, "out.csv")
        if not out.exists():
            return None
        rows = list(csv.DictReader(out.open()))
        return {"octets": sum(int(r["BYTES"]) for r in rows), "packets": sum(int(r["PACKETS"]) for r in rows)}


# --- read here ---------------------------------------------------------------------------------------------------


def payloads(capture):
    """The UDP payloads of a capture of Ethernet, IPv4 or IPv6 without extension headers."""
    data, offset = capture.read_bytes(), 24
    while offset < len(data):
        (caught,) = struct.unpack_from("<I", data, offset + 8)
        packet = data[offset + 16 : offset + 16 + caught][14:]
        yield packet[8 + (40 if packet[0] >> 4 == 6 else (packet[0] & 15) * 4) :]
        offset += 16 + caught


def headers(capture):
    """One entry per datagram: version, length, count, sequence, uptime, export time, domain; no key where it has none."""
    return [header(payload) for payload in payloads(capture)]


def header(payload):
    (version,) = struct.unpack_from("!H", payload)
    if version == 0:  # sFlow: a 32-bit version; an IPv4 agent
        domain, sequence, uptime, samples = struct.unpack_from("!IIII", payload, 12)
        return dict(version="sflow5", length=len(payload), count=samples, sequence=sequence, uptime_ms=uptime, domain=domain)
    if version == 10:
        _, length, export, sequence, domain = struct.unpack_from("!HHIII", payload)
        assert length == len(payload)
        return dict(version=10, length=length, sequence=sequence, export_s=export, domain=domain)
    _, count, uptime, export = struct.unpack_from("!HHII", payload)
    entry = dict(version=version, length=len(payload), count=count, uptime_ms=uptime, export_s=export)
    if version == 9:
        entry["sequence"], entry["domain"] = struct.unpack_from("!II", payload, 12)
    elif version in (5, 7):
        (entry["sequence"],) = struct.unpack_from("!I", payload, 16)
    if version == 5:
        entry["engine_type"], entry["engine_id"], sampling = struct.unpack_from("!BBH", payload, 20)
        entry["sampling_mode"], entry["sampling_interval"] = sampling >> 14, sampling & 0x3FFF
    return entry


def read_here(capture):
    """Versions 1, 5 and 7, whose records stand at fixed places, and sFlow's samples; null for the others."""
    version = headers(capture)[0]["version"]
    if version == "sflow5":
        return read_samples(capture)
    return read_fixed(capture, version) if version in (1, 5, 7) else None


def read_fixed(capture, version):
    total = {"records": 0, "octets": 0, "packets": 0}
    start, size = {1: (16, 48), 5: (24, 48), 7: (24, 52)}[version]
    for payload in payloads(capture):
        (count,) = struct.unpack_from("!H", payload, 2)
        assert len(payload) == start + count * size, (version, count, len(payload))
        for record in range(start, len(payload), size):
            packets, octets = struct.unpack_from("!II", payload, record + 16)
            total["records"] += 1
            total["packets"] += packets
            total["octets"] += octets
    return total


def read_samples(capture):
    """Plain flow samples (format 1) with a raw header each (record 1), and counter samples (format 2)."""
    total = dict.fromkeys(("records", "counter_samples", "packets", "frame_octets", "scaled_frame_octets"), 0)
    for payload in payloads(capture):
        (samples,) = struct.unpack_from("!I", payload, 24)
        at = 28
        for _ in range(samples):
            kind, length = struct.unpack_from("!II", payload, at)
            assert kind in (1, 2), kind
            if kind == 2:
                total["counter_samples"] += 1
            else:
                interval, *_, records = struct.unpack_from("!IIIIII", payload, at + 16)
                record = at + 40
                for _ in range(records):
                    what, size = struct.unpack_from("!II", payload, record)
                    if what == 1:
                        (frame,) = struct.unpack_from("!I", payload, record + 12)
                        total["frame_octets"] += frame
                        total["scaled_frame_octets"] += interval * frame
                    record += 8 + size
                assert record == at + 8 + length
                total["records"] += 1
                total["packets"] += 1
            at += 8 + length
        assert at == len(payload)
    return total


# --- the kernel --------------------------------------------------------------------------------------------------


def read_kernel(path):
    """IP packets and octets that crossed the exporter's interface, per LAN host and direction, and in all."""
    hosts = {}
    total = {family: {way: {"octets": 0, "packets": 0} for way in ("in", "out")} for family in ("ipv4", "ipv6")}
    for item in json.loads(path.read_text())["nftables"]:
        if "set" not in item:
            continue
        way, family = item["set"]["name"][:-1], "ipv" + item["set"]["name"][-1]
        for element in item["set"].get("elem", []):
            address, counter = element["elem"]["val"], element["elem"]["counter"]
            count = {"octets": counter["bytes"], "packets": counter["packets"]}
            hosts.setdefault(address, {})[way] = count
            for key, value in count.items():
                total[family][way][key] += value
    whole = {k: sum(total[f][w][k] for f in total for w in total[f]) for k in ("octets", "packets")}
    return {**total, "total": whole, "hosts": dict(sorted(hosts.items()))}


# --- together ----------------------------------------------------------------------------------------------------


def write(name, summary, work, folder):
    work, folder = pathlib.Path(work), pathlib.Path(folder)
    commands = (work / "commands").read_text().splitlines()
    program = commands[0].split()[0]
    capture = folder / "export.pcap"
    tshark = read_tshark(capture)
    said = {
        "tshark " + package("tshark"): tshark,
        "nfdump " + package("nfdump"): read_nfdump(work / "sink"),
        "pmacct " + package("pmacct"): read_pmacct(capture, "sfacctd" if "scaled_packets" in tshark else "nfacctd"),
        "truth.py": read_here(capture),
    }
    said = {reader: figures for reader, figures in said.items() if figures}
    configuration = work / "pmacctd.conf"
    truth = {
        "fixture": name,
        "summary": summary,
        "exporter": {"package": PACKAGES[program], "version": package(PACKAGES[program]), "commands": commands},
        **({"configuration": configuration.read_text().splitlines()} if configuration.exists() else {}),
        "recorded": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "system": f"Debian {pathlib.Path('/etc/debian_version').read_text().strip()}, "
        f"Linux {platform.release().split('-')[0]}",
        **tshark,
        **({"counter_samples": said["truth.py"]["counter_samples"]} if "counter_samples" in tshark else {}),
        "decoders": said,
        "agreement": {reader: agreement(tshark, figures) for reader, figures in said.items()},
        "sink_said": read_log(work / "sink.log"),
        "kernel": read_kernel(work / "counters.json"),
        "statement": read_statement(work / "statement"),
        "datagram_headers": headers(capture),
    }
    (folder / "truth.json").write_text(render(truth).replace(str(work), "WORK"))
    print(f"{name}: {tshark}\n  agreement {truth['agreement']}\n  kernel {truth['kernel']['total']}")
    for family in ("ipv4", "ipv6"):
        print("  kernel", family, truth["kernel"][family])


def agreement(tshark, figures):
    """How a decoder's octets and packets compare with tshark's: the same, a multiple, forward only, other."""
    pairs = [("octets", "packets"), ("frame_octets", "packets"), ("scaled_frame_octets", "scaled_packets")]
    got = figures.get("octets", figures.get("frame_octets")), figures["packets"]
    for octets, packets in pairs:
        if octets not in tshark:
            continue
        want = tshark[octets], tshark[packets]
        if got == want:
            forward_only = "reverse_octets" in tshark and "reverse_octets" not in figures
            return f"the same {octets}" + (", forward only" if forward_only else "")
        if want[0] and got == (want[0] * 10, want[1] * 10):
            return f"the same {octets}, scaled by 10"
    return "other"


def read_statement(path):
    """The exporter's own words, without how it was built."""
    return [line.rstrip() for line in path.read_text().splitlines() if line.strip() and "--build=" not in line]


def render(truth):
    """Indented, except that a list's objects and a host's counters stay on one line each."""
    text = json.dumps(truth, indent=1)
    return re.sub(r"\{[^{}]*\}", lambda m: re.sub(r"\s*\n\s*", " ", m[0]) if len(m[0]) < 400 else m[0], text) + "\n"


def check():
    """Exit 1 if tshark no longer reads in a committed capture what its truth.json says it read."""
    wrong = 0
    for path, truth in fixtures():
        tshark = next(figures for reader, figures in truth["decoders"].items() if reader.startswith("tshark"))
        same = read_tshark(path.parent / "export.pcap") == tshark
        wrong += not same
        print(f"{truth['fixture']}: {'as before' if same else 'DIFFERS'}")
    return min(wrong, 1)


def fixtures():
    for path in sorted(pathlib.Path(__file__).parent.glob("*/truth.json")):
        yield path, json.loads(path.read_text())


def table():
    """The table in README.md."""
    print("| fixture | datagrams | templates + options | options records | records | octets | packets | kernel octets | packets |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for _, truth in fixtures():
        sflow = "frame_octets" in truth
        octets = truth["frame_octets"] if sflow else truth["octets"]
        packets = truth["packets"]
        if "reverse_octets" in truth:
            octets, packets = (f"{truth[k]} + {truth['reverse_' + k]}" for k in ("octets", "packets"))
        templates = "" if sflow else f"{truth['templates']} + {truth['options_templates']}"
        options = f"{truth['counter_samples']} (counters)" if sflow else truth["options_records"]
        kernel = truth["kernel"]
        v4 = {k: sum(kernel["ipv4"][w][k] for w in ("in", "out")) for k in ("octets", "packets")}
        seen, mark = (v4, " (IPv4)") if truth["datagram_headers"][0]["version"] in (1, 5, 7) else (kernel["total"], "")
        row = (truth["fixture"], truth["datagrams"], templates, options, truth["records"], octets, packets,
               f"{seen['octets']}{mark}", seen["packets"])  # fmt: skip
        print("| " + " | ".join(map(str, row)) + " |")


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        sys.exit(check())
    elif sys.argv[1:] == ["table"]:
        table()
    else:
        write(*sys.argv[1:5])
