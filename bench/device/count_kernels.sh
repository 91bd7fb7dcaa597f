#!/usr/bin/env bash
# Counts what every kernel executes on every emulated core, one file of results a core for kernel_table.
#   count_kernels.sh PLUGIN.so FOLDER [FAMILY_LAYERS.inc]     cores in WICK_CORES, default all that can be emulated here
# FOLDER/CORE.txt: "compiler VERSION", then a line for each run:
#   LAYER KERNEL macs outputs of_outputs scratch weights code instructions estimated_cycles unaligned refused unknown
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
source "$root/bench/device/emulate.sh"
plugin=$1 folder=$2
guest_flags=()
[ $# -lt 3 ] || guest_flags+=("-DFAMILY_LAYERS=\"$(realpath "$3")\"")
mkdir -p "$folder"

measure() { # core
    local core=$1 work=$folder/$1.build
    rm -rf "$work" "$folder/$core.txt"
    core_build "$core" "$work" "$root"/bench/device/{bench_guest,bench_layers,naive_layer}.c
    if ! core_run "$core" "$work/guest.elf" 600 "$plugin,core=$core,out=$work/counts" >"$work/output" ||
        ! grep -q '^DONE' "$work/output"; then
        echo "$core: the guest fails:" >&2
        grep -v '^run ' "$work/output" >&2 || true
        return 1
    fi
    "$size_tool" "$work"/*.o | awk 'NR > 1 { sub(/.*\//, "", $NF); sub(/\.o$/, "", $NF); print $NF, $1 }' >"$work/sizes"
    {
        echo "compiler $(core_compiler_version "$core") ${WICK_OPTIMISE:--O2}"
        awk -v sizes="$work/sizes" -v counts="$work/counts" '
            BEGIN { while ((getline < sizes) > 0) size[$1] = $2 }
            $1 == "run" {
                for (i = 4; i <= NF; i++) { split($i, pair, "="); value[pair[1]] = pair[2] }
                if ((getline line < counts) <= 0) { print "no count for " $0 > "/dev/stderr"; exit 1 }
                sub(/^[0-9]+ /, "", line)
                print $2, $3, value["macs"], value["outputs"], value["of"], value["scratch"], value["weights"],
                    ($3 in size ? size[$3] : 0), line
            }' "$work/output"
    } >"$work/results"
    mv "$work/results" "$folder/$core.txt"
    rm -rf "$work"
}

pids=()
for core in ${WICK_CORES:-${emulated_cores[@]}}; do
    missing=$(core_missing "$core")
    [ -n "$missing" ] || core_has_plugins "$core" || missing="plugin support in this QEMU"
    if [ -n "$missing" ]; then echo "$core: skipped, there is no $missing" >&2; continue; fi
    if [ ${#pids[@]} -ge "${WICK_JOBS:-2}" ]; then
        wait "${pids[0]}"
        pids=("${pids[@]:1}")
    fi
    measure "$core" &
    pids+=($!)
done
[ ${#pids[@]} -gt 0 ] || exit 77
for pid in "${pids[@]}"; do wait "$pid"; done
