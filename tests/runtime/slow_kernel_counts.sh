#!/usr/bin/env bash
# What the kernels execute on each emulated core for the layers L1 to L5 and those of both families, their code and their scratch memory
# against bench/device/baseline.json: fails when a figure has grown by more than 1 %. Skips where the baseline has no figures of the compilers that are here.
set -u
root=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${WICK_BUILD:-$root/build/release}
[ -f "$build/bench/count_plugin.so" ] && [ -x "$build/bench/kernel_table" ] && [ -x "$build/bench/family_layers" ] || { echo "skipped: not built in $build/bench"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$build/bench/family_layers" >"$work/layers.inc" || { echo "FAIL: no layers of the families"; exit 1; }
"$root/bench/device/count_kernels.sh" "$build/bench/count_plugin.so" "$work/now" "$work/layers.inc"
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
worse() { # awk program: the check must notice what it changes
    awk "$1" "$work/now/$core.txt" >"$work/worse/$core.txt"
    ! cmp -s "$work/now/$core.txt" "$work/worse/$core.txt" || { echo "FAIL: nothing was changed by $1"; exit 1; }
    if "$build/bench/kernel_table" "$work/worse" --quiet --check "$work/same.json" >/dev/null; then
        echo "FAIL: not noticed: $2"; exit 1
    fi
}
worse '$1 == "L4" && $2 != "naive" { $9 = int($9 * 1.02) } { print }' "2 % more instructions"
worse '$1 == "L4" && $2 != "naive" { $8 = int($8 * 1.02) } { print }' "2 % more code"
worse '$1 == "L4" && $2 != "naive" { $6 = int($6 * 1.02 + 4) } { print }' "more scratch memory"
worse '$1 ~ /^conv/ && $2 != "naive" { $10 = int($10 * 1.02) } { print }' "2 % more cycles on the families' layers"
worse '!($1 == "L4" && $2 != "naive")' "a kernel that does not run any more"

table --check "$root/bench/device/baseline.json"
