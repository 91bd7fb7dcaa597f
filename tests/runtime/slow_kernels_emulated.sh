#!/usr/bin/env bash
# Random layers on every emulated core: each kernel that fits against the portable one, everything that it is given at the edge
# of fenced memory or between guard bytes (guest_kernels.c). The same program on the PC gives the checksum that every core's
# portable kernels must reach. WICK_LONG=1: twenty times as many layers, and every core at every level of optimisation.
set -u
root=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
source "$root/bench/device/emulate.sh"
build=${WICK_BUILD:-$root/build/release}
layers=3000 few=300
[ -z "${WICK_LONG:-}" ] || layers=60000 few=6000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=("$root"/tests/runtime/guest_{kernels,layers,fence}.c)
guest_flags=()

${CC:-cc} -O2 -D_GNU_SOURCE -I"$root"/boards/common -I"$root"/runtime/include -I"$root"/toolchain \
    "$root"/runtime/kernels/*.c "$root"/toolchain/weights/*.c "${sources[@]}" "$root"/tests/runtime/guest_host.c -o "$work/guest" ||
    { echo "FAIL: the PC's guest does not build"; exit 1; }
"$work/guest" 1 "$layers" 0 >"$work/pc" || { cat "$work/pc"; echo "FAIL: on the PC"; exit 1; }
checksum() { sed -n 's/.*\(checksum [0-9]*\).*/\1/p'; }
want=$(checksum <"$work/pc")
want_few=$("$work/guest" 1 $few 0 | checksum)
echo "PC: $(tail -1 "$work/pc")"

# Addresses that QEMU lets pass but the core does not are seen by the plugin.
plugin=$build/bench/count_plugin.so
{ [ -f "$plugin" ] && core_has_plugins m55; } ||
    { plugin=; echo "no plugin: unaligned vectors and RISC-V's unaligned words are not looked for"; }
watched() { [ -n "$plugin" ] && { [ "$1" = m55 ] || [ "$1" = rv32 ]; }; }

complain() { echo "FAIL: $*"; touch "$work/failed"; }
run() { # core, layers, planted fault: output in $work/CORE.out, the plugin's line in $work/CORE.counts
    local watch=
    watched "$1" && watch=$plugin,core=$1,out=$work/$1.counts
    core_run "$1" "$work/$1/guest.elf" 900 "$watch" 1 "$2" "$3" >"$work/$1.out"
}
refused() { # accesses that the core would have refused
    watched "$1" && [ "$(awk '{ print $5 }' "$work/$1.counts")" != 0 ]
}
check() { # core, level, layers, checksum: builds and runs
    local core=$1
    rm -rf "${work:?}/$core"
    if ! WICK_OPTIMISE=$2 core_build "$core" "$work/$core" "${sources[@]}" >"$work/$core.out" 2>&1; then
        cat "$work/$core.out"; complain "$core $2: does not build"
    elif ! run "$core" "$3" 0; then
        cat "$work/$core.out"; complain "$core $2"
    elif refused "$core"; then
        complain "$core $2: $(awk '{ print $5 }' "$work/$core.counts") accesses at addresses that the core does not allow"
    elif ! grep -q "$4\$" "$work/$core.out"; then
        tail -1 "$work/$core.out"; complain "$core $2: its portable kernels do not compute what the PC's do"
    else
        echo "$core $2: $(tail -1 "$work/$core.out")"
        return 0
    fi
    return 1
}
test_core() {
    local core=$1 fault level
    check "$core" -O2 "$layers" "$want" || return
    # The test's own test: each planted fault must be found.
    for fault in 1 2 3 4 5 6 7 8 9 10; do
        # An unaligned word: a trap on M0+, seen by the plugin on M55 and RISC-V, allowed elsewhere.
        [ "$fault" -lt 10 ] || [ "$core" = m0 ] || watched "$core" || continue
        if run "$core" 60 "$fault" && ! refused "$core"; then complain "$core: planted fault $fault is not found"; fi
    done
    # Other levels of optimisation treat inline assembly and aliasing differently.
    if [ -z "${WICK_LONG:-}" ] && [[ $core == m[37] || $core == m33 ]]; then return; fi
    for level in -O0 -Os -O3; do check "$core" $level "$few" "$want_few"; done
}

pids=()
for core in ${WICK_CORES:-${emulated_cores[@]}}; do
    missing=$(core_missing "$core")
    if [ -n "$missing" ]; then echo "$core: skipped, there is no $missing"; continue; fi
    if [ ${#pids[@]} -ge "${WICK_JOBS:-2}" ]; then
        wait "${pids[0]}"
        pids=("${pids[@]:1}")
    fi
    test_core "$core" >"$work/$core.report" 2>&1 &
    pids+=($!)
    tested+=("$core")
done
[ ${#pids[@]} -gt 0 ] || { echo "skipped: no emulator or compiler"; exit 77; }
wait
for core in "${tested[@]}"; do cat "$work/$core.report"; done
[ ! -e "$work/failed" ]
