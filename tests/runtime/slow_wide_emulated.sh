#!/usr/bin/env bash
# Random layers with 16-bit tensors on every emulated core (guest_wide.c): pieces equal the whole, nothing is written beside the output,
# and the bits are the PC's, at two levels of optimisation.
set -u
root=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
source "$root/bench/device/emulate.sh"
layers=2000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=("$root"/tests/runtime/guest_{wide,layers}.c)
guest_flags=()
${CC:-cc} -O1 -g -fsanitize=address,undefined -fno-sanitize-recover -D_GNU_SOURCE -I"$root"/boards/common -I"$root"/runtime/include \
    "$root"/runtime/kernels/*.c "${sources[@]}" "$root"/tests/runtime/guest_host.c -o "$work/guest" || { echo "FAIL: the PC's guest does not build"; exit 1; }
"$work/guest" 1 $layers 0 >"$work/pc" 2>"$work/err" || { cat "$work/pc" "$work/err"; echo "FAIL: on the PC"; exit 1; }
want=$(sed -n 's/^DONE \(.*\)/\1/p' "$work/pc")
echo "PC: $want"
"$work/guest" 1 60 1 >/dev/null 2>&1 && { echo "FAIL: the planted fault is not found"; exit 1; }
failed=0 tested=0
for core in ${WICK_CORES:-${emulated_cores[@]}}; do
    missing=$(core_missing "$core")
    if [ -n "$missing" ]; then echo "$core: skipped, there is no $missing"; continue; fi
    for level in -O2 -Os; do
        rm -rf "${work:?}/$core"
        WICK_OPTIMISE=$level core_build "$core" "$work/$core" "${sources[@]}" >"$work/out" 2>&1 || { cat "$work/out"; echo "FAIL: $core does not build"; failed=1; continue; }
        core_run "$core" "$work/$core/guest.elf" 600 "" 1 $layers 0 >"$work/out" || { cat "$work/out"; echo "FAIL: $core $level"; failed=1; continue; }
        got=$(sed -n 's/^DONE \(.*\)/\1/p' "$work/out")
        [ "$got" = "$want" ] || { echo "FAIL: $core $level: $got"; failed=1; continue; }
        tested=$((tested + 1))
    done
    echo "$core: the same"
done
[ $tested -gt 0 ] || [ $failed -gt 0 ] || { echo "skipped: no emulator or compiler"; exit 77; }
exit $failed
