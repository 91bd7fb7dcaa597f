#!/usr/bin/env bash
# The volume: at least 10^8 cut experiments on the host and 10^6 in Unicorn on the small model, none wrong. Every pair of cuts, eager
# and lazy, in rounds with other random bits; every instruction and every store of the Thumb code on the M4, then other cores and seeds.
# WICK_HOST_CUTS and WICK_THUMB_CUTS set other volumes.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
source "$here/thumb_rig.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
host_cuts=${WICK_HOST_CUTS:-100000000} thumb_cuts=${WICK_THUMB_CUTS:-1000000} jobs=$(nproc)
missing=$(thumb_missing)
[ -z "$missing" ] || { echo "$missing is not installed (make deps): skipped"; exit 77; }
thumb_prepare

count=0 seed=0
while [ "$count" -lt "$host_cuts" ]; do
    seed=$((seed + 1))
    voltage=unknown
    [ $((seed % 4)) = 0 ] && voltage=random # a case takes longer there, and there are more of them
    "$WICK" verify fw --plan plan.json --no-qemu --pairs all --rounds 4 --seed $seed --voltage $voltage --json >out.json ||
        { cat out.json; fail "the host, seed $seed, voltage $voltage"; }
    more=$(grep -oE '"(exhaustive|barrier|pair|seeded|next_input)_cuts": [0-9]+' out.json | awk '{n += $2} END {print n}')
    [ "$more" -gt 0 ] || fail "the report counts no cuts"
    count=$((count + more))
    echo "seed $seed, voltage $voltage: $count cuts so far"
done
echo "host: $count cut experiments, 0 wrong"

for core in m4 m3 m0 m33; do thumb_guest $core fw; done
count=0 seed=0
while [ "$count" -lt "$thumb_cuts" ]; do
    seed=$((seed + 1))
    for core in m4 m3 m0 m33; do for module in 1 2; do
        step=7
        [ $core$seed = m41 ] && step=1 # every instruction
        lazy=
        [ $((seed % 2)) = 0 ] && lazy=--lazy
        pids=()
        for ((part = 0; part < jobs; part++)); do
            ./thumbcut guest-$core.elf $core input.bin $module --mapped --stores all --instructions $step --seed $seed $lazy \
                --part $part/$jobs >part$part.json &
            pids+=($!)
        done
        for pid in "${pids[@]}"; do wait "$pid" || { cat part*.json; fail "Unicorn, $core, module $module, seed $seed $lazy"; }; done
        more=$(cat part*.json | grep -oE '"cuts": [0-9]+' | awk '{n += $2} END {print n}')
        count=$((count + more))
        echo "seed $seed, $core, module $module${lazy:+, lazy}: $count cuts so far"
        [ "$count" -lt "$thumb_cuts" ] || break 2
    done; done
done
echo "Unicorn: $count cut experiments, 0 wrong"
