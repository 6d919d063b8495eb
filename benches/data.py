"""The traffic that is measured: flowgen's, with stated seeds, or captures of your own."""

import json
import pathlib
import subprocess
import sys

import setting


def capture(protocol, flows):
    """The capture of so many flows, made if it is not there. `None` if it cannot be made."""
    pcap = setting.DATA / f"{protocol}-{flows}.pcap"
    if pcap.exists():
        return pcap
    flowgen = generator()
    if flowgen is None:
        return None
    setting.DATA.mkdir(parents=True, exist_ok=True)
    print(f"making {pcap}", file=sys.stderr)
    part = pcap.with_suffix(".part")
    subprocess.run([flowgen, "--proto", protocol, "--flows", str(flows), "--seed", str(setting.SEED),
                    "--pcap", part, "--truth", pcap.with_suffix(".json")], check=True)
    part.rename(pcap)
    return pcap


def generator():
    """The path of flowgen, built on demand."""
    if pathlib.Path(setting.FLOWGEN).exists():
        return setting.FLOWGEN
    if not setting.FLOWGEN_SOURCE.is_dir():
        return None
    target = setting.TARGET / "flowgen"
    subprocess.run(["cargo", "build", "--release", "--quiet", "--manifest-path",
                    setting.FLOWGEN_SOURCE / "Cargo.toml", "--target-dir", target], check=True)
    return target / "release/flowgen"


def truth(pcap):
    """What the generator says is in a capture; of a capture of your own, nothing."""
    path = pcap.with_suffix(".json")
    return json.loads(path.read_text()) if path.exists() else {}


def configuration(pcap):
    """A configuration with the tenants of the capture, so that weir attributes and fills bins as it would."""
    lines = []
    for tenant in truth(pcap).get("tenants", []):
        lines += ["[[tenant]]", f'name = "{tenant["name"]}"', f'networks = {json.dumps(tenant["prefixes"])}', ""]
    path = setting.WORK / f"{pcap.stem}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return path
