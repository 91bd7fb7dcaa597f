#!/usr/bin/env bash
# What the engine costs stays within the bars that docs/benchmarks.md states, for the Cortex-M4 with MRAM: modelled energy of an
# answer, overheads on the published cost model, and instructions counted in QEMU. And the check can fail: features that are
# stored cost more than the bars allow.
set -euo pipefail
build=${WICK_BUILD:-$WICK_SOURCE/build/release}
bench=$build/bench/bench_engine
[ -x "$bench" ] || { echo "skipped: not built in $build/bench"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/fw"
"$bench" --check --emit "$work/fw" m4-mram >"$work/out" || { cat "$work/out"; echo "FAILED: a bar is missed"; exit 1; }
[ "$(grep -c '^m4-mram *mobilenetv1' "$work/out")" = 8 ] || { cat "$work/out"; echo "FAILED: two families of four modules"; exit 1; }
[ "$(grep -cE '^published-(tinas|inas)' "$work/out")" = 24 ] || { cat "$work/out"; echo "FAILED: answers are missing"; exit 1; }
status=0
"$bench" --check --features stored m4-mram >"$work/stored" || status=$?
[ $status = 1 ] && grep -q '^MISSED: .*eager' "$work/stored" || { cat "$work/stored"; echo "FAILED: stored features are no bar"; exit 1; }
rm -rf "$work"/fw/*vgg16*
status=0
"$WICK_SOURCE/bench/engine/count_engine.sh" --check "$build/bench/count_plugin.so" "$work/fw" >"$work/counts" || status=$?
[ $status != 77 ] || { echo "the energies hold; nothing to count instructions with"; exit 0; }
cat "$work/counts"
[ $status = 0 ] && [ "$(grep -c '^m4-mram-mobilenetv1' "$work/counts")" = 8 ] || { echo "FAILED: instructions"; exit 1; }
