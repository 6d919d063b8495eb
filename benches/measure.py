"""Runs commands alternately, and says how long they took and how much of the machine others had meanwhile."""

import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import setting


@dataclasses.dataclass
class Run:
    """One run of one side."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    load: float
    others_percent: float
    value: object = None
    # Of `cpu_s`, a part that is looked at for itself.
    part_s: float = 0.0


def busy_s():
    """Processor seconds that anybody used since the start, over all cores."""
    fields = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _wait, irq, softirq, steal = (int(n) for n in fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def command(arguments, ended_by_us=False):
    """Runs a command to its end; `value` is what it printed on stdout, then on stderr."""
    before = Before()
    return before.finish(before.start(arguments), ended_by_us)


class Before:
    """The machine before a run."""

    def __init__(self):
        self.load, self.busy, self.begin = os.getloadavg()[0], busy_s(), time.monotonic()
        # Files, not pipes: nobody waits for anybody.
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()

    def start(self, arguments):
        return subprocess.Popen([str(a) for a in arguments], stdout=self.out, stderr=self.err)

    def finish(self, child, ended_by_us=False, helpers_s=0.0, has_orphans=False):
        """Waits for a child and takes down what it used; `helpers_s` are processor seconds of ours that are not
        the child's. `has_orphans`: its own children may outlive it, and come to us."""
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - self.begin
        child.returncode = os.waitstatus_to_exitcode(status)
        cpu = usage.ru_utime + usage.ru_stime + (orphans_s() if has_orphans else 0.0)
        texts = []
        for file in (self.out, self.err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
            file.close()
        if child.returncode != 0 and not ended_by_us:
            sys.exit(f"{child.args} ended with {child.returncode}\n{texts[1][-2000:]}")
        others = max(0.0, busy_s() - self.busy - cpu - helpers_s) / max(wall, 0.05) / os.cpu_count() * 100
        return Run(wall, cpu, usage.ru_maxrss / 1024, self.load, others, "".join(texts))


def orphans_s():
    """Processor seconds of children of children that were left to us (see `nfacctd.adopt_orphans`)."""
    total = 0.0
    while True:
        try:
            pid, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return total
        total += usage.ru_utime + usage.ru_stime


def alternately(sides, runs=None):
    """Runs each side once to warm up, then ABAB…; a disturbed run is repeated. `sides` maps a name to a function
    that gives a Run."""
    for side in sides.values():
        side()
    done = {name: [] for name in sides}
    for _ in range(runs or setting.RUNS):
        for name, side in sides.items():
            for _ in range(setting.REPEATS_MAX):
                run = side()
                if run.others_percent <= setting.OTHERS_PERCENT_MAX:
                    break
            done[name].append(run)
            print(f"  {name}: {run.wall_s:.3f} s, CPU {run.cpu_s:.2f} s, load {run.load:.2f}, "
                  f"others {run.others_percent:.0f} %", file=sys.stderr)
    return done


def median(runs, of):
    return statistics.median(of(run) for run in runs)


def spread(runs, of, form="{:.2f}"):
    """Median and range as text."""
    values = sorted(of(run) for run in runs)
    low, mid, high = (form.format(v) for v in (values[0], statistics.median(values), values[-1]))
    return f"{mid} ({low}–{high})"


def disturbance(sides):
    """How loaded the machine was, as a line under a table."""
    runs = [run for side in sides.values() for run in side]
    loads = [run.load for run in runs]
    others = [run.others_percent for run in runs]
    return (f"Load average before the runs {min(loads):.1f}–{max(loads):.1f} (the benchmark itself is in it); "
            f"others had {statistics.median(others):.0f} % of the machine (at most {max(others):.0f} %).")
