"""ClickHouse's own engine, inside a Python process (`chdb`), over weir's files. It is asked in one process that stays, so that
neither its start nor Python's is measured.

CHDB_PYTHON names a Python that has chdb; without one this side is left out."""

import json
import os
import subprocess
import sys

import measure
import table

PYTHON = os.environ.get("CHDB_PYTHON", sys.executable)

# What the process does: a question a line; its answer's rows, wall and processor seconds.
ASKED = """
import json, resource, sys, time
import chdb
print(json.dumps(chdb.__version__), flush=True)
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
for line in sys.stdin:
    begin, before = time.monotonic(), cpu()
    rows = chdb.query(json.loads(line), "JSONCompact").bytes()
    print(json.dumps([json.loads(rows)["data"], time.monotonic() - begin, cpu() - before]), flush=True)
"""


def engine(store):
    """The engine over a store's files, or `None`."""
    if subprocess.run([PYTHON, "-c", "import chdb"], capture_output=True, check=False).returncode != 0:
        table.skipped("chdb", f"{PYTHON} has no chdb")
        return None
    return Engine(store)


class Engine:
    """A process that answers questions."""

    def __init__(self, store):
        self.files = f"file('{store}/flows/**/*.parquet', Parquet)"
        self.child = subprocess.Popen([PYTHON, "-c", ASKED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.name = f"chdb {json.loads(self.child.stdout.readline())}"
        self.note = f"{self.name}: the same Parquet files, in a process that was started before."

    def top(self, columns, where, count):
        """The greatest sums of octets by these columns."""
        question = (f"select {columns}, sum(octets) as summed from {self.files} where {where} group by {columns} "
                    f"order by summed desc limit {count}")
        before = measure.Before()
        self.child.stdin.write(json.dumps(question) + "\n")
        self.child.stdin.flush()
        rows, wall_s, cpu_s = json.loads(self.child.stdout.readline())
        before.out.close()
        before.err.close()
        others = max(0.0, measure.busy_s() - before.busy - cpu_s) / max(wall_s, 0.05) / os.cpu_count() * 100
        return measure.Run(wall_s, cpu_s, 0.0, before.load, others, ([int(row[-1]) for row in rows], None))
