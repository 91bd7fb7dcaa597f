#!/usr/bin/env bash
# What one decision executes on an emulated Cortex-M4: at most 200 instructions, whatever policy, modules and situation.
set -u
root=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${WICK_BUILD:-$root/build/release}
[ -f "$build/bench/count_plugin.so" ] || { echo "skipped: no plugin in $build/bench"; exit 77; }
guest_flags=()
source "$root/bench/device/emulate.sh"
missing=$(core_missing m4)
[ -z "$missing" ] && core_has_plugins m4 || { echo "skipped: no ${missing:-plugins in the emulator}"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
core_build m4 "$work" "$root/tests/runtime/guest_policy.c" "$root"/runtime/policy/*.c || { echo "FAIL: it does not build"; exit 1; }
core_run m4 "$work/guest.elf" 120 "$build/bench/count_plugin.so,core=m4,out=$work/counts" >"$work/output" && grep -q '^DONE' "$work/output" ||
    { cat "$work/output"; echo "FAIL: the guest"; exit 1; }
awk '{ n++; sum += $2; if ($2 > most) most = $2 }
     END { printf "%d decisions, %.0f instructions on average, at most %d\n", n, sum / n, most; exit !(n == 6000 && most > 30 && most <= 200) }' "$work/counts" ||
    { echo "FAIL: more than 200 instructions, or too little was counted"; exit 1; }
