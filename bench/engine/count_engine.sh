#!/usr/bin/env bash
# Counts in QEMU what the engine executes beside the kernels: commits, resuming, stores of tensors.
#   count_engine.sh [--check] PLUGIN.so FOLDER     the firmware that `bench_engine --emit FOLDER` wrote
# Prints a line for each answer; with --check, exit status 1 when a bar is missed: on the M4 with MRAM and MobileNetV1 at most 1 %
# of the reference's instructions, and everywhere at most 2,000 from the boot to the first kernel. 77: nothing to count with.
set -euo pipefail
check=no
[ "$1" != --check ] || { check=yes; shift; }
plugin=$(realpath "$1") folder=$(realpath "$2")
root=$(cd "$(dirname "$0")/../.." && pwd)
source "$root/bench/device/emulate.sh"
declare -A core_of=([m0plus-fram]=m0 [m3-fram]=m3 [m4-fram]=m4 [m4-mram]=m4 [m4-mram-ecc]=m4 [m7-mram]=m7 [m33-fram]=m33
    [m55-mram]=m55 [rv32-fram]=rv32)

measure() { # core firmware
    local core=$1 firmware=$2 work=$2.build
    rm -rf "$work" && mkdir -p "$work"
    core_setup "$core"
    (cd "$work" && "${compiler[@]}" -std=c99 -O2 -ffreestanding -ffunction-sections -fdata-sections -I"$firmware" -I"$firmware/include" \
        -I"$root/boards/common" -I"$root/bench/device" -Wl,--gc-sections -Wl,--wrap=wick_layer_run -T "$linker_script" \
        "${board_files[@]}" "$root/bench/engine/engine_guest.c" "$firmware"/*.c "$firmware"/wick/*.c -o guest.elf 2>link.txt) || {
        ! grep -q 'overflowed' "$work/link.txt" || return 77
        cat "$work/link.txt" >&2
        return 1
    }
    core_run "$core" "$work/guest.elf" 600 "$plugin,core=$core,out=$work/counts" >"$work/output" && grep -q '^DONE' "$work/output" ||
        { echo "$core, $firmware: the guest fails" >&2; head -5 "$work/output" >&2; return 1; }
    awk -v counts="$work/counts" '$1 == "run" {
        insns = 0
        for (i = 0; i < $4; i++) { if ((getline line < counts) <= 0) exit 1; split(line, f, " "); insns += f[2] }
        print $2, $3, insns }' "$work/output" >"$work/runs"
    rm -f "$work/guest.elf" "$work/counts"
}

printf '\nCounted in QEMU, instructions beside the kernels (%% of the reference); resume: from the boot to the first kernel\n\n'
printf '%-34s %-3s %12s %9s %16s %16s %7s\n' firmware TM reference submit eager lazy resume
found=no missed=0
for firmware in "$folder"/*; do
    [ -f "$firmware/model.h" ] || continue
    name=$(basename "$firmware")
    core=${core_of[${name%-*-*}]:-}
    [ -n "$core" ] || continue
    [ -z "$(core_missing "$core")" ] && core_has_plugins "$core" || continue
    status=0
    measure "$core" "$firmware" || status=$?
    [ $status -ne 77 ] || { printf '%-34s does not fit the emulated board\n' "$name"; continue; }
    [ $status -eq 0 ] || exit 1
    found=yes
    awk -v name="$name" '
        { value[$1, $2] = $3; if ($2 > modules) modules = $2; if ($1 == "submit") submit[$2] = $3 }
        END {
            for (m = 1; m <= modules; m++) {
                r = value["reference", m]
                printf "%-34s %-3d %12d %9d %7d (%5.2f%%) %7d (%5.2f%%) %7d\n", name, m, r, submit[m], value["eager", m],
                    100 * value["eager", m] / r, value["lazy", m], 100 * value["lazy", m] / r, value["resume", m]
                if (name ~ /^m4-mram-mobilenetv1/ && value["eager", m] > 0.01 * r) { print "MISSED: more than 1 % of instructions"; bad = 1 }
                if (value["resume", m] > 2000) { print "MISSED: more than 2,000 instructions to resume"; bad = 1 }
            }
            exit bad
        }' "$firmware.build/runs" || missed=1
    rm -rf "$firmware.build"
done
[ $found = yes ] || exit 77
[ $check = no ] || exit $missed
