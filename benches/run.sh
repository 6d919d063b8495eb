#!/usr/bin/env bash
# Measures weir beside its peers: benches/run.sh [decode|decoders|exporters|import|top|receive|highest|asked|recovery|garbage|statements|usage|soak|count|build]...; without a
# name, all but the soak, which takes an hour.
# README.md says what each measures and leaves out, and what the environment can set.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1

names=("$@")
[ $# -gt 0 ] || names=(decode decoders exporters import top receive highest asked recovery garbage statements usage count build)
# A program named by WEIR or WEIR_DECODE is taken as it is.
[ -n "${WEIR:-}" ] || cargo build --release --locked -p weir
[ -n "${WEIR_DECODE:-}" ] || cargo build --release --locked -p weir-flow --example decode
[ -n "${WEIR_EXPORTERS:-}" ] || cargo build --release --locked -p weir-flow --example exporters
for name in "${names[@]}"; do
  case "$name" in
    import) python3 benches/imports.py ;;
    decoders)
      # The decoders of others are no part of the workspace.
      [ -n "${WEIR_PEERS:-}" ] || cargo build --release --locked --manifest-path benches/peers/Cargo.toml \
        --target-dir "${CARGO_TARGET_DIR:-target}/peers"
      python3 benches/decoders.py ;;
    decode | exporters | top | receive | highest | asked | recovery | garbage | statements | usage | soak | count | build) python3 "benches/$name.py" ;;
    *) echo "run.sh: there is no benchmark \"$name\"" >&2; exit 2 ;;
  esac
done
