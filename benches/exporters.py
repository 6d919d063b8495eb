"""Decoding from ten thousand exporters with three templates each, beside the same datagrams from one: a ratio, and what an
exporter takes in memory. They announce again every tenth datagram; one in a hundred restarts in each pass, with other
templates under the same ids."""

import json

import measure
import setting
import table

EXPORTERS = [1000, 10_000, 50_000]
DATAGRAMS = 100_000


def main():
    sides = {exporters: lambda exporters=exporters: example(exporters) for exporters in EXPORTERS}
    done = measure.alternately(sides)
    rows = [[f"{exporters:,}", *(spread(runs, key, scale, form) for key, scale, form in (
        ("one_per_s", 1e6, "{:.1f}"), ("many_per_s", 1e6, "{:.1f}"), ("times_slower", 1, "{:.2f}"),
        ("bytes_an_exporter", 1024, "{:.1f}")))] for exporters, runs in done.items()]
    table.publish(
        "exporters", "Many exporters against one",
        table.markdown(["exporters", "from one, million records/s", "from all of them", "times slower", "KiB an exporter"],
                       rows),
        f"{DATAGRAMS:,} datagrams of 20 records, half v9 and half IPFIX. {measure.disturbance(done)}")


def spread(runs, key, scale, form):
    return measure.spread(runs, lambda run: run.value[key] / scale, form)


def example(exporters):
    run = measure.command([setting.EXPORTERS, exporters, DATAGRAMS, 5])
    run.value = json.loads(run.value)
    assert run.value["sessions"] == exporters, run.value
    return run


if __name__ == "__main__":
    main()
