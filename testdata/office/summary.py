"""Prints what a run of the office came to, as JSON: `summary.py WORK VERSION` (called by run.sh).

tenants.NAME.{in,out}     with the outside: IP octets (headers included) and packets, by the router's kernel
tenants.NAME.local_{in,out}   with the other tenant
tenants.NAME.hosts        the same per address
exporters[]               per softflowd: its interface, and what it says it saw and sent
export.{datagrams,octets} export datagrams as the kernel counted them on loopback (octets: IP packets)
"""

import ipaddress
import json
import pathlib
import re
import sys

TENANTS = {
    "t31": ("192.168.31.0/24", "2001:db8:31::/64"),
    "t32": ("192.168.32.0/24", "2001:db8:32::/64"),
}
WAYS = ("in", "out", "local_in", "local_out")


def tenants(table):
    answer = {
        name: {"networks": list(networks), **{way: zero() for way in WAYS}, "hosts": {}}
        for name, networks in TENANTS.items()
    }
    for item in table:
        group = item.get("set", {})
        for element in group.get("elem", []):
            way = group["name"][:-1]
            address, counter = element["elem"]["val"], element["elem"]["counter"]
            tenant = answer[owner(address)]
            host = tenant["hosts"].setdefault(address, {})
            host[way] = {"octets": counter["bytes"], "packets": counter["packets"]}
            for key, value in host[way].items():
                tenant[way][key] += value
    return answer


def zero():
    return {"octets": 0, "packets": 0}


def owner(address):
    place = ipaddress.ip_address(address)
    for name, networks in TENANTS.items():
        if any(place in network for network in map(ipaddress.ip_network, networks) if network.version == place.version):
            return name
    raise SystemExit(f"office: {address} belongs to no tenant")


def exporter(interface, text):
    def number(pattern):
        return int(re.search(pattern, text)[1])

    octets = [int(m[1]) for m in re.finditer(r"^ +\S+ \(\d+\): +(\d+) +\d+ ", text, re.MULTILINE)]
    return {
        "interface": interface,
        "packets": number(r"Packets processed: (\d+)"),
        "octets": sum(octets),
        "not_ip": number(r"\((\d+) non-IP"),
        "flows": number(r"Flows exported: (\d+)"),
        "records": number(r"Flows exported: \d+ \((\d+) records"),
        "datagrams": number(r"in (\d+) packets"),
        "failures": number(r"\((\d+) failures"),
        "dropped": number(r"dropped by libpcap: (\d+)"),
    }


def main(work, version):
    table = json.loads((work / "counters.json").read_text())["nftables"]
    sent = next(item["counter"] for item in table if "counter" in item)
    answer = {
        "version": version,
        "tenants": tenants(table),
        "exporters": [exporter(n, (work / f"statistics{n}").read_text()) for n in (31, 32)],
        "export": {"datagrams": sent["packets"], "octets": sent["bytes"]},
    }
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
