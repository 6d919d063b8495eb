"""What a month's usage of tenants takes: of 1,000 tenants, and of as many beside ten times as many others, so that it shows
how the time grows with what is not asked for. The stores are those of `statements`."""

import json

import measure
import setting
import statements
import table

SIZES = [1_000, 10_000]


def main():
    rows, lines = [], []
    for tenants in SIZES:
        folder = statements.prepare(tenants)
        for name, tenant in ((f"all {tenants:,} tenants", None), (f"one of {tenants:,} tenants", tenants // 2)):
            who = [] if tenant is None else [f"t{tenant:05}"]
            command = [setting.WEIR, "usage", *who, "-c", folder / "weir.toml", "--period", statements.PERIOD, "-o", "json"]
            done = measure.alternately({name: lambda command=command: measure.command(command)})
            check(name, tenants, tenant, json.loads(done[name][0].value))
            rows.append([name, measure.spread(done[name], lambda r: r.wall_s * 1000, "{:.0f}"),
                         f"{measure.median(done[name], lambda r: r.cpu_s) * 1000:.0f}",
                         f"{measure.median(done[name], lambda r: r.peak_mib):.0f}"])
            lines.append(f"- {name}: {measure.disturbance(done)}")
    table.publish("usage", "A month's usage, from the accounts",
                  table.markdown(["of", "wall ms: median (range)", "CPU ms", "peak MiB"], rows),
                  f"A process for each question, its start and the reading of a configuration with as many tenants in it; each tenant has "
                  f"traffic in every hour, in and out; {setting.RUNS} runs each; files in the page cache.", "\n".join(lines))


def check(name, tenants, tenant, said):
    """The octets that came in, by hand: in each hour 100,000 and the tenant's number."""
    asked = range(tenants) if tenant is None else [tenant]
    expected = sum(statements.HOURS * (100_000 + number) for number in asked)
    found = sum(one["in"]["octets"] for one in said["tenants"])
    assert found == expected, f"{name}: {found}, and it should be {expected}"


if __name__ == "__main__":
    main()
