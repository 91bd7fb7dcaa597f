#!/usr/bin/env bash
# Random layers on every emulated core: each kernel that fits against the portable one, everything that it is given at the edge
# of fenced memory or between guard bytes (guest_kernels.c). The same program on the PC gives the checksum that every core's
# portable kernels must reach. WICK_LONG=1: twenty times as many layers.
set -u
root=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
source "$root/bench/device/emulate.sh"
build=${WICK_BUILD:-$root/build/release}
layers=3000
[ -z "${WICK_LONG:-}" ] || layers=60000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=("$root"/tests/runtime/guest_{kernels,layers,fence}.c)
failed=0
complain() { echo "FAIL: $*"; failed=1; }

${CC:-cc} -O2 -D_GNU_SOURCE -I"$root"/boards/common -I"$root"/runtime/include -I"$root"/toolchain \
    "$root"/runtime/kernels/*.c "$root"/toolchain/weights/*.c "${sources[@]}" "$root"/tests/runtime/guest_host.c -o "$work/guest" ||
    { echo "FAIL: the PC's guest does not build"; exit 1; }
"$work/guest" 1 "$layers" 0 >"$work/pc" || { cat "$work/pc"; echo "FAIL: on the PC"; exit 1; }
want=$(sed -n 's/.*\(checksum [0-9]*\).*/\1/p' "$work/pc")
echo "PC: $(tail -1 "$work/pc")"

# Addresses that QEMU lets pass but the core does not are seen by the plugin.
plugin=$build/bench/count_plugin.so
[ -f "$plugin" ] || { plugin=; echo "no plugin in $build/bench: unaligned vectors and RISC-V's unaligned words are not looked for"; }

watched() { [ -n "$plugin" ] && { [ "$1" = m55 ] || [ "$1" = rv32 ]; }; }
run() { # core, layers, planted fault: output in $work/CORE.out, the plugin's line in $work/CORE.counts
    local watch=
    watched "$1" && watch=$plugin,core=$1,out=$work/$1.counts
    core_run "$1" "$work/$1/guest.elf" 900 "$watch" 1 "$2" "$3" >"$work/$1.out"
}
refused() { # accesses that the core would have refused
    watched "$1" && [ "$(awk '{ print $5 }' "$work/$1.counts")" != 0 ]
}

some=no
for core in ${WICK_CORES:-${emulated_cores[@]}}; do
    missing=$(core_missing "$core")
    if [ -n "$missing" ]; then echo "$core: skipped, there is no $missing"; continue; fi
    some=yes
    guest_flags=()
    core_build "$core" "$work/$core" "${sources[@]}" >"$work/$core.log" 2>&1 || { cat "$work/$core.log"; complain "$core: does not build"; continue; }
    if ! run "$core" "$layers" 0; then
        cat "$work/$core.out"; complain "$core"
    elif refused "$core"; then
        complain "$core: $(awk '{ print $5 }' "$work/$core.counts") accesses at addresses that the core does not allow"
    elif ! grep -q "$want\$" "$work/$core.out"; then
        tail -1 "$work/$core.out"; complain "$core: its portable kernels do not compute what the PC's do"
    else
        echo "$core: $(tail -1 "$work/$core.out")"
    fi
    # The test's own test: each planted fault must be found.
    for fault in 1 2 3 4 5 6 7 8 9 10; do
        # An unaligned word: a trap on M0+, seen by the plugin on M55 and RISC-V, allowed elsewhere.
        [ "$fault" -lt 10 ] || [ "$core" = m0 ] || watched "$core" || continue
        if run "$core" 60 "$fault" && ! refused "$core"; then complain "$core: planted fault $fault is not found"; fi
    done
done
[ $some = yes ] || { echo "skipped: no emulator or compiler"; exit 77; }
exit $failed
