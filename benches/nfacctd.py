"""pmacct's nfacctd, keeping accounts in memory: octets and packets of each host, in and out, in bins of five minutes,
which it writes as CSV when it ends. No flows are kept; that is the least of what weir keeps."""

import csv
import ctypes
import re
import shutil

import peer
import setting

PROGRAM = shutil.which("nfacctd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")

CONFIGURATION = """daemonize: false
nfacctd_ip: 127.0.0.1
nfacctd_port: {port}
nfacctd_pipe_size: 33554432
nfacctd_time_new: true
plugins: print[in], print[out]
aggregate[in]: dst_host
aggregate[out]: src_host
print_history: 5m
print_history_roundoff: m
print_refresh_time: 86400
print_output: csv
print_output_file[in]: {folder}/in-%s.csv
print_output_file[out]: {folder}/out-%s.csv
print_cache_entries: {entries}
plugin_buffer_size: 102400
plugin_pipe_size: 268435456
"""


def version():
    """As it says itself; empty if it is not there."""
    found = re.search(r"nfacctd\S* (\d+\.\d+\.\d+)", setting.output([PROGRAM, "-V"])) if PROGRAM else None
    return found.group(1) if found else ""


def arguments(port, folder, flows):
    """What it is started with, its folder made empty; its cache has room for the hosts of so many flows."""
    peer.fresh(folder)
    file = folder / "nfacctd.conf"
    # flowgen's million flows have some 154,000 hosts a direction, ten million 634,000.
    entries = min(max(flows // 5, 131_071), 1_048_573)
    file.write_text(CONFIGURATION.format(port=port, folder=folder, entries=entries))
    return [PROGRAM, "-f", file]


def octets(folder):
    """The octets of its accounts by destination, after it has ended."""
    total = 0
    for file in folder.glob("in-*.csv"):
        with file.open() as lines:
            total += sum(int(row["BYTES"]) for row in csv.DictReader(lines))
    return total


def adopt_orphans():
    """What its processes use is known to who waits for them: let those whose parent ends be ours."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
