#!/usr/bin/env bash
# What the kernels execute on each emulated core for the layers L1 to L5 against bench/device/baseline.json: fails when a
# figure has grown by more than 1 %. Skips where the baseline has no figures of the compilers that are here.
set -u
root=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${WICK_BUILD:-$root/build/release}
[ -f "$build/bench/count_plugin.so" ] && [ -x "$build/bench/kernel_table" ] || { echo "skipped: not built in $build/bench"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$root/bench/device/count_kernels.sh" "$build/bench/count_plugin.so" "$work/now"
status=$?
[ $status -eq 77 ] && { echo "skipped: no emulator or compiler"; exit 77; }
[ $status -eq 0 ] || { echo "FAIL: the kernels could not be counted"; exit 1; }

# The check must be able to fail: a baseline that is 2 % better than what was measured is not met, one that lacks a kernel or
# has one too many neither.
table() { "$build/bench/kernel_table" "$work/now" --quiet "$@"; }
table --update "$work/same.json" || exit 1
table --check "$work/same.json" >"$work/out" || { cat "$work/out"; echo "FAIL: it does not equal itself"; exit 1; }
core=$(basename "$(ls "$work"/now/*.txt | head -1)" .txt)
mkdir "$work/worse" && cp "$work"/now/*.txt "$work/worse/"
awk '$1 == "L4" && $2 != "naive" { $9 = int($9 * 1.02) } { print }' "$work/now/$core.txt" >"$work/worse/$core.txt"
if "$build/bench/kernel_table" "$work/worse" --quiet --check "$work/same.json" >/dev/null; then
    echo "FAIL: 2 % more instructions are not noticed"; exit 1
fi
awk '!($1 == "L4" && $2 != "naive")' "$work/now/$core.txt" >"$work/worse/$core.txt"
if "$build/bench/kernel_table" "$work/worse" --quiet --check "$work/same.json" >/dev/null; then
    echo "FAIL: a kernel that does not run any more is not noticed"; exit 1
fi

table --check "$root/bench/device/baseline.json"
