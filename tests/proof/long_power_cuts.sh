#!/usr/bin/env bash
# The volume: at least 10^8 cut experiments on the host and 10^6 in Unicorn on the small model, none wrong. Every pair of cuts, eager
# and lazy, in rounds with other random bits; every instruction and every store of the Thumb code on the M4, then other cores and seeds.
# WICK_HOST_CUTS and WICK_THUMB_CUTS set other volumes, 0 leaves a rig out (so that the two can run on two machines, or days). Every
# seed that ended without a difference is a line in WICK_CUTS_DONE (build/long-cuts), from which an interrupted run goes on, unless the
# program, the rigs or the firmware have changed.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
source "$here/thumb_rig.sh"
done_file=$(realpath -m "${WICK_CUTS_DONE:-${WICK_BUILD:-build/release}/../long-cuts}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
host_cuts=${WICK_HOST_CUTS:-100000000} thumb_cuts=${WICK_THUMB_CUTS:-1000000} jobs=${WICK_JOBS:-$(nproc)}
missing=$(thumb_missing)
[ -z "$missing" ] || { echo "$missing is not installed (make deps): skipped"; exit 77; }
thumb_prepare
[ "$thumb_cuts" = 0 ] || for core in m4 m3 m0 m33; do thumb_guest $core fw; done

# What the counts belong to: the emitted firmware and both rigs.
belongs=$(cat fw/*.[ch] fw/wick/*.c fw/include/wick/*.h "$WICK_SOURCE"/boards/{host,thumb}/*.[ch] | sha256sum | cut -d ' ' -f 1)
mkdir -p "$(dirname "$done_file")"
[ "$(head -n 1 "$done_file" 2>/dev/null)" = "$belongs" ] || echo "$belongs" >"$done_file"
# counted RIG: cuts so far. is_done RIG NAME. note RIG NAME CUTS WANTED
counted() { awk -v rig="$1" '$1 == rig {n += $3} END {print n + 0}' "$done_file"; }
is_done() { grep -qE "^$1 $2 " "$done_file"; }
note() {
    [ "$3" -gt 0 ] || fail "the report of $1 $2 counts no cuts"
    echo "$1 $2 $3" >>"$done_file"
    local all
    all=$(counted "$1")
    echo "$1 $2: $3 cuts, $all of $4 so far ($((all * 100 / $4)) %), 0 wrong, $SECONDS s"
}

for ((seed = 1; $(counted host) < host_cuts; seed++)); do
    voltage=unknown
    [ $((seed % 8)) != 0 ] || voltage=random # a case takes longer there, and there are more of them
    ! is_done host $seed,$voltage || continue
    "$WICK" verify fw --plan plan.json --no-qemu --pairs all --rounds 4 --seed $seed --voltage $voltage --json >out.json ||
        { cat out.json; fail "the host, seed $seed, voltage $voltage"; }
    note host $seed,$voltage "$(grep -oE '"(exhaustive|barrier|pair|seeded|next_input)_cuts": [0-9]+' out.json | awk '{n += $2} END {print n + 0}')" "$host_cuts"
done
echo "host: $(counted host) cut experiments, 0 wrong"

# thumb SEED CORE MODULE
thumb() {
    local seed=$1 core=$2 module=$3 step=7 lazy='' pids=() part pid
    [ "$core$seed" != m41 ] || step=1 # every instruction
    [ $((seed % 2)) != 0 ] || lazy=--lazy
    ! is_done unicorn "$seed,$core,$module" || return 0
    for ((part = 0; part < jobs; part++)); do
        ./thumbcut "guest-$core.elf" "$core" input.bin "$module" --mapped --stores all --instructions $step --seed "$seed" $lazy \
            --part $part/$jobs >part$part.json &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || { cat part*.json; fail "Unicorn, $core, module $module, seed $seed $lazy"; }; done
    note unicorn "$seed,$core,$module" "$(cat part*.json | grep -oE '"cuts": [0-9]+' | awk '{n += $2} END {print n + 0}')" "$thumb_cuts"
}
for ((seed = 1; $(counted unicorn) < thumb_cuts; seed++)); do
    for core in m4 m3 m0 m33; do for module in 1 2; do
        [ "$(counted unicorn)" -ge "$thumb_cuts" ] || thumb $seed $core $module
    done; done
done
echo "Unicorn: $(counted unicorn) cut experiments, 0 wrong"
