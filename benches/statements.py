"""Statements of a month for many tenants: a store made here (every tenant sends and receives something in every hour, from one
of its five hosts), and the time and memory of all statements in each form. TENANTS says how many, 10,000 unless told."""

import os
import shutil
import struct

import measure
import setting
import table

TENANTS = int(os.environ.get("TENANTS", "10000"))
HOURS, HOSTS, A_DATAGRAM = 31 * 24, 5, 30
BEGIN_S = 1_790_812_800  # 2026-10-01T00:00:00Z
UPTIME_MS = 3_600_000
PERIOD = "2026-10"
# Of forms the first is what everybody reads; that of none only reads the accounts.
FORMS = [["--summary", "-o", "json"]] + [["--forms", form] for form in ("json", "text", "html", "pdf")]


def network(tenant):
    return 10 << 24 | tenant << 4


def address(number):
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def records(tenant, hour):
    """What a tenant received and sent in an hour, as v5 has it: 48 octets each."""
    host, outside = network(tenant) + 1 + hour % HOSTS, 203 << 24 | 113 << 8 | 7
    octets = 100_000 + tenant
    for src, dst, count in ((outside, host, octets), (host, outside, octets // 10)):
        yield struct.pack(">IIIHHIIIIHHBBBBHHBBH", src, dst, 0, 1, 2, count // 1000 + 1, count, UPTIME_MS - 10_000,
                          UPTIME_MS - 1000, 443, 50_000, 0, 0x18, 6, 0, 0, 0, 24, 24, 0)


def capture(path, tenants):
    """A capture of IPv4 packets without a link (101). The records of an hour differ from those five hours later only in the
    header's time."""
    bodies = []
    for hour in range(HOSTS):
        flows = [record for tenant in range(tenants) for record in records(tenant, hour)]
        bodies.append([flows[at:at + A_DATAGRAM] for at in range(0, len(flows), A_DATAGRAM)])
    sequence = 0
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101))
        for hour in range(HOURS):
            sent_s = BEGIN_S + hour * 3600 + 600
            packets = []
            for flows in bodies[hour % HOSTS]:
                head = struct.pack(">HHIIIIBBH", 5, len(flows), UPTIME_MS, sent_s, 0, sequence & 0xFFFFFFFF, 0, 0, 0)
                sequence += len(flows)
                body = head + b"".join(flows)
                udp = struct.pack(">HHHH", 40_000, 2055, len(body) + 8, 0)
                ip = struct.pack(">BBHIBBHII", 0x45, 0, len(body) + 28, 0, 64, 17, 0, 10 << 24 | 1, 10 << 24 | 2)
                packets.append(struct.pack("<IIII", sent_s, 0, len(body) + 28, len(body) + 28) + ip + udp + body)
            out.write(b"".join(packets))


def prepare(count=TENANTS):
    """A folder with a store of the month and a configuration of so many tenants, made once."""
    folder = setting.WORK / f"statements-{count}"
    done = folder / "done"
    if done.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tenants = "".join(f'[[tenant]]\nname = "t{n:05}"\nnetworks = ["{address(network(n))}/28"]\ntariff = "plan"\n' for n in range(count))
    tariff = ('[[tariff]]\nname = "plan"\ncurrency = "EUR"\n[[tariff.rule]]\nname = "line"\nflat = "25.00"\n'
              '[[tariff.rule]]\nname = "traffic"\nper = "GB"\nprice = "0.08"\n')
    (folder / "weir.toml").write_text(f'[store]\npath = "{folder}/store"\n{tenants}{tariff}')
    capture(folder / "month.pcap", count)
    run = measure.command([setting.WEIR, "import", "-c", folder / "weir.toml", folder / "month.pcap"])
    (folder / "month.pcap").unlink()
    done.write_text(f"{run.wall_s:.0f} s\n")
    return folder


def main():
    folder = prepare()
    out = folder / "out"
    rows, lines = [], []
    for options in FORMS:
        every = [] if "--summary" in options else ["--all", "--out", out]
        command = [setting.WEIR, "statement", "-c", folder / "weir.toml", "--period", PERIOD, *every, *options]

        def run(command=command):
            shutil.rmtree(out, ignore_errors=True)
            return measure.command(command)

        name = " ".join(options)
        done = measure.alternately({name: run})
        check(out, options)
        size = sum(file.stat().st_size for file in out.iterdir()) if every else 0
        wall = measure.spread(done[name], lambda r: r.wall_s, "{:.2f}")
        rows.append([name, wall, f"{measure.median(done[name], lambda r: r.cpu_s):.1f}",
                     f"{measure.median(done[name], lambda r: r.peak_mib):.0f}", f"{size / 1e6:.0f}"])
        lines.append(f"- {name}: {measure.disturbance(done)}")
    shutil.rmtree(out, ignore_errors=True)
    head = ["of all tenants", "wall s: median (range)", "CPU s", "peak MiB", "MB written"]
    records_of_all = TENANTS * HOURS * 2
    table.publish("statements", f"Statements of {TENANTS:,} tenants for a month", table.markdown(head, rows),
                  f"{records_of_all:,} flow records, as many accounts, {TENANTS * HOSTS:,} hosts, a tariff for each; {setting.RUNS} runs each.",
                  "\n".join(lines))


def check(out, options):
    """The octets of the last tenant, by hand: in each hour 100,000 and its number."""
    if "json" not in options or "--summary" in options:
        return
    import json

    last = json.loads((out / f"t{TENANTS - 1:05}-{PERIOD}.json").read_text())
    expected = HOURS * (100_000 + TENANTS - 1)
    assert last["in"]["octets"] == expected, (last["in"], expected)
    assert len(last["hosts"]) == HOSTS and last["balance"]["difference"] == 0


if __name__ == "__main__":
    main()
