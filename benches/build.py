"""What a newcomer waits for: `cargo build --release` of the program into an empty folder, the sources being fetched
already. Once, because it takes minutes."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import measure
import setting
import table


def main():
    source = pathlib.Path(os.environ.get("SOURCE", setting.ROOT))
    target = setting.WORK / "build"
    shutil.rmtree(target, ignore_errors=True)
    manifest = ["--manifest-path", str(source / "Cargo.toml")]
    subprocess.run(["cargo", "fetch", "--quiet", "--locked", *manifest], check=True)
    # What wraps the compiler on this machine, and links faster than the default does, stays out.
    clean = {k: v for k, v in os.environ.items() if not re.match(r"RUSTC|RUSTFLAGS|CARGO_(BUILD|ENCODED|PROFILE)", k)}
    os.environ.clear()
    os.environ.update(clean)
    run = measure.command(["cargo", "build", "--release", "--locked", "-p", "weir", "--target-dir", target, *manifest])
    crates = len(re.findall(r"^ *Compiling ", run.value, re.M))
    size = (target / "release/weir").stat().st_size
    shutil.rmtree(target, ignore_errors=True)
    table.publish(
        "build", "A cold build",
        table.markdown(["", "figure"], [
            ["`cargo build --release -p weir`, wall", f"{run.wall_s:.0f} s"],
            ["the same, CPU", f"{run.cpu_s:.0f} s"],
            ["crates compiled", crates],
            ["the program, without symbols", f"{size / 1e6:.1f} MB"],
        ]),
        measure.disturbance({"build": [run]}))
    print(f"build: {run.wall_s:.0f} s, {crates} crates, {size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
