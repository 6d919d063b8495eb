"""Where things are, and what machine this is. Everything can be said by the environment; see README.md."""

import os
import pathlib
import platform
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

WEIR = os.environ.get("WEIR", str(TARGET / "release/weir"))
DECODE = os.environ.get("WEIR_DECODE", str(TARGET / "release/examples/decode"))
DECODERS = os.environ.get("WEIR_PEERS", str(TARGET / "peers/release/weir-peers"))
EXPORTERS = os.environ.get("WEIR_EXPORTERS", str(TARGET / "release/examples/exporters"))
FLOWGEN = os.environ.get("FLOWGEN", str(TARGET / "flowgen/release/flowgen"))
FLOWGEN_SOURCE = ROOT.parent / "shared/tools/flowgen"
# Folders with nfcapd and nfdump, separated by colons.
PEERS = os.environ.get("PEERS", "/usr/bin").split(":")

RUNS = int(os.environ.get("RUNS", "5"))
FLOWS = [int(n) for n in os.environ.get("FLOWS", "1000000,10000000").split(",")]
PROTOCOLS = ["v5", "v9", "ipfix", "sflow"]
SEED = int(os.environ.get("SEED", "1"))
# A run is disturbed, and repeated, if others use more of the machine than this.
OTHERS_PERCENT_MAX = float(os.environ.get("OTHERS_PERCENT_MAX", "10"))
REPEATS_MAX = int(os.environ.get("REPEATS_MAX", "3"))

WORK = pathlib.Path(os.environ.get("WORK", TARGET / "benches"))
DATA = pathlib.Path(os.environ.get("DATA", WORK / "data"))
# The page that results are put on; none, if not said.
PAGE = os.environ.get("PAGE", "")
OUT = pathlib.Path(os.environ.get("OUT", WORK / "result"))


def output(command):
    """All that a program says; an empty text if it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def first_line(command):
    return next(iter(output(command).strip().splitlines()), "")


def has(program):
    return shutil.which(program) is not None


def machine():
    """The lines that every result begins with."""
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    release = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    commit = first_line(["git", "-C", str(ROOT), "describe", "--always", "--dirty"])
    return [
        f"{os.cpu_count()} × {cpu.group(1) if cpu else platform.machine()}, "
        f"{int(memory.group(1)) / 2**20:.0f} GiB; {release}, Linux {platform.release()}",
        f"weir {os.environ.get('WEIR_COMMIT', commit)}, {first_line(['rustc', '--version']).split(' (')[0]}",
    ]
