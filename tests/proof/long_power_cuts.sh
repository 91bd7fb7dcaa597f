#!/usr/bin/env bash
# The volume: at least 10^8 cut experiments on the host and 10^6 in Unicorn on the small model, none wrong. Every pair of cuts, eager
# and lazy, with room for every tensor (fw), where tensors share memory and commits are mandatory (shared), and under checksums
# (checked), with other random bits for each seed, and on flash (flash); every store of the Thumb code, and after every instruction of the
# M4's and, on flash, of the M33's (once), after every seventh of the others'.
# WICK_HOST_CUTS and WICK_THUMB_CUTS set other volumes, 0 leaves a rig out (so that the two can run on two machines, or days). Every
# unit that ended without a difference is a line in WICK_CUTS_DONE (build/long-cuts), from which an interrupted run goes on, unless the
# rigs or the firmware have changed.
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
shared_prepare
"$WICK" plan "$here/data/small_int8.onnx" --device m4-mram --capacitor 4 --checksums -o checked.json >/dev/null
"$WICK" emit checked.json -o checked >/dev/null
mv plan.json fw.json
flash_prepare

# What the counts belong to: the emitted firmware and both rigs.
belongs=$(cat {fw,shared,checked,flash}/*.[ch] {fw,flash}/wick/*.c fw/include/wick/*.h "$WICK_SOURCE"/boards/{host,thumb}/*.[ch] | sha256sum | cut -d ' ' -f 1)
mkdir -p "$(dirname "$done_file")"
[ "$(head -n 1 "$done_file" 2>/dev/null)" = "$belongs" ] || echo "$belongs" >"$done_file"
# counted RIG: cuts so far. is_done RIG NAME. note RIG NAME CUTS WANTED
counted() { awk -v rig="$1" '$1 == rig {n += $3} END {printf "%d\n", n}' "$done_file"; }
is_done() { grep -qE "^$1 $2 " "$done_file"; }
note() {
    [ "$3" -gt 0 ] || fail "the report of $1 $2 counts no cuts"
    echo "$1 $2 $3" >>"$done_file"
    local all
    all=$(counted "$1")
    echo "$1 $2: $3 cuts, $all of $4 so far ($((all * 100 / $4)) %), 0 wrong, $SECONDS s"
}
# cuts_of RIG: what a report counts.
cuts_of() { grep -ohE "$1: [0-9]+" "${@:2}" | awk '{n += $NF} END {printf "%d\n", n}'; }

# host SEED FIRMWARE VOLTAGE
host() {
    local rounds=8
    [ "$3" = unknown ] || rounds=1 # a case takes longer there, and there are more of them
    ! is_done host "$1,$2,$3" || return 0
    "$WICK" verify "$2" --plan "$2.json" --no-qemu --pairs all --rounds $rounds --seed "$1" --voltage "$3" --jobs "$jobs" --json >out.json ||
        { cat out.json; fail "the host, $2, seed $1, voltage $3"; }
    note host "$1,$2,$3" "$(cuts_of '"(exhaustive|barrier|pair|seeded|next_input)_cuts"' out.json)" "$host_cuts"
}
for ((seed = 1; $(counted host) < host_cuts; seed++)); do
    for firmware in fw shared checked flash; do for voltage in unknown random; do
        [ "$(counted host)" -ge "$host_cuts" ] || host $seed $firmware $voltage
    done; done
done
echo "host: $(counted host) cut experiments, 0 wrong"

# thumb SEED CORE FIRMWARE MODULE
thumb() {
    local step=7 lazy='' pids=() part pid
    [ "$2" != m4 ] && [ "$1,$3" != 1,flash ] || step=1 # every instruction
    [ $(($1 % 2)) != 0 ] || lazy=--lazy
    ! is_done unicorn "$1,$2,$3,$4" || return 0
    [ -f "guest-$2-$3.elf" ] || { thumb_guest "$2" "$3" && mv "guest-$2.elf" "guest-$2-$3.elf"; }
    for ((part = 0; part < jobs; part++)); do
        ./thumbcut "guest-$2-$3.elf" "$2" input.bin "$4" --mapped --stores all --instructions $step --series 500 --seed "$1" $lazy \
            --part $part/$jobs >part$part.json &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || { cat part*.json; fail "Unicorn, $2, $3, module $4, seed $1 $lazy"; }; done
    note unicorn "$1,$2,$3,$4" "$(cuts_of '"cuts"' part*.json)" "$thumb_cuts"
}
for ((seed = 1; $(counted unicorn) < thumb_cuts; seed++)); do
    for core in m4 m3 m0 m33; do for firmware in fw shared flash; do for module in 1 2; do
        [ $firmware != flash ] || [ $core = m33 ] || continue
        [ "$(counted unicorn)" -ge "$thumb_cuts" ] || thumb $seed $core $firmware $module
    done; done; done
done
echo "Unicorn: $(counted unicorn) cut experiments, 0 wrong"
