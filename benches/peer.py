"""nfdump's programs, of as many versions as PEERS names folders of."""

import csv
import io
import pathlib
import re
import shutil

import setting


class Peer:
    """One version of nfcapd and nfdump."""

    def __init__(self, folder):
        self.nfcapd, self.nfdump = f"{folder}/nfcapd", f"{folder}/nfdump"
        version = re.search(r"\d+\.\d+\.\d+", setting.first_line([self.nfdump, "-V"]))
        packaged = folder == "/usr/bin"
        self.number = version.group(0) if version else "?"
        self.version = self.number + (" (Debian)" if packaged else "")
        self.help = setting.output([self.nfcapd, "-h"])

    def forms(self):
        """How it can compress: name and option."""
        if "-z=lz4" not in self.help:
            return {"lz4": "-y"}
        zstd = "libzstd" in setting.output(["ldd", self.nfcapd])
        return {"lz4": "-z=lz4"} | ({"zstd": "-z=zstd"} if zstd else {})

    def reads_captures(self):
        """Debian's nfcapd is built without, takes -f all the same, and listens."""
        return "libpcap" in setting.output(["ldd", self.nfcapd])


def peers():
    """Those that are there."""
    folders = [f for f in setting.PEERS if pathlib.Path(f, "nfcapd").exists() and pathlib.Path(f, "nfdump").exists()]
    return [Peer(folder) for folder in folders]


def versions():
    """One peer of each version: the first."""
    return list({one.number: one for one in reversed(peers())}.values())[::-1]


def fresh(folder):
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def octets(text):
    """The octets of the rows of nfdump's CSV, whose columns differ by version and question."""
    rows = list(csv.reader(io.StringIO(text)))
    if not rows:
        return []
    column = next(i for name in ("byt", "ibyt", "bytes") for i, head in enumerate(rows[0]) if head == name)
    found = []
    for row in rows[1:]:
        if len(row) != len(rows[0]):
            break  # the summary
        found.append(int(row[column]))
    return found


def counted(text):
    """Flows, packets and octets that nfcapd says it stored."""
    found = [re.search(rf"{name}: (\d+)", text) for name in ("Flows", "Packets", "Bytes")]
    return tuple(int(m.group(1)) for m in found if m)
