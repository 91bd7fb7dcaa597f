#!/usr/bin/env bash
# `wick verify --rig`: each rig runs on the small model and says how many experiments it made; one error in the emitted firmware is found by
# each and replays; a rig whose tools or device are missing is a failure where it was named and left out where it was not.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
for tool in arm-none-eabi-gcc qemu-system-arm mspdebug clang ld.lld; do
    command -v $tool >/dev/null || { echo "$tool is not installed (make deps): skipped"; exit 77; }
done
[ -f /usr/include/unicorn/unicorn.h ] || { echo "libunicorn-dev is not installed (make deps): skipped"; exit 77; }
qemu-system-arm -help | grep -e '^-plugin' >/dev/null || { echo "this QEMU has no plugins: skipped"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
expect() { # STATUS ARGUMENTS...: the output in out.txt
    local want=$1 status=0
    shift
    "$WICK" verify "$@" >out.txt 2>err.txt || status=$?
    [ $status = "$want" ] || { cat out.txt err.txt; fail "$*: exit status $status instead of $want"; }
}
"$WICK" plan "$here/data/small_int8.onnx" --device m4-mram --capacitor 2.2 -o plan.json >/dev/null
"$WICK" emit plan.json -o fw >/dev/null

expect 0 fw --rig all --pairs 200 --seeded 50 --resets 20 --thumb-cuts 40 --kills 3 --json
grep -q '"left_out": "the plan is not for an MSP430"' out.txt || fail "the MSP430 is not reported as left out"
for rig in unicorn qemu-kill; do grep -q "\"rig\": \"$rig\"" out.txt || fail "$rig did not run"; done
[ "$(grep -oE '"core": "(m4|m7|m55)"' out.txt | sort -u | wc -l)" = 3 ] || fail "not on the M4, M7 and M55"
total=$(grep -oE '^  "experiments": [0-9]+' out.txt | grep -oE '[0-9]+')
sum=$(grep -oE '"((exhaustive|barrier|pair|seeded|next_input)_cuts|record_flips|experiments|resets)": [0-9]+' out.txt | awk '{n += $2} END {print n}')
[ "$sum" = $((2 * total)) ] || fail "$total experiments in all, but the parts make $((sum - total))"
[ "$(grep -oE '"rig": "unicorn"|"experiments": 130' out.txt | sort | uniq -c | awk '{print $1}' | xargs)" = '2 2' ] ||
    fail "Unicorn did not make 40 + 40 + 40 cuts and 10 series for each module"
for what in most declared; do grep -oE "\"${what}_writes_of_a_unit\": [1-9][0-9]*" out.txt | grep -oE '[0-9]+' >$what.txt; done
[ "$(wc -l <most.txt)" = 2 ] && cmp most.txt declared.txt || fail "the plan's wear is not what the rig counts"
expect 3 fw --rig msp430
grep -q 'not for an MSP430' err.txt || fail "no reason"
expect 2 fw --rig host,moon

cp -r fw faulty # the newest record is overwritten
sed -i -zE 's/other = \(uint8_t\)\(\*copy \^ 1u\)/other = *copy/' faulty/wick/nvm_record.c
! cmp -s fw/wick/nvm_record.c faulty/wick/nvm_record.c || fail "nothing was planted"
for rig in host unicorn; do
    expect 1 faulty --rig $rig --pairs 0 --seeded 10 --thumb-cuts 100
    id=$(grep -oE 'replay [0-9a-z.:]+' err.txt | cut -d' ' -f2)
    expect 1 faulty --rig $rig --replay "$id"
    grep -q differs out.txt || fail "$rig: $id does not replay"
done
cp fw/wick/engine_step.c faulty/wick/ && cp fw/wick/nvm_record.c faulty/wick/ # a restarted input is taken for another one
sed -i -zE 's/(uint32_t offset =\n? *wick_engine_place\(engine, model->segments\[module\]\.result), engine->record\.epoch\)/\1, 0u) + (engine->counters.replays != 0)/' \
    faulty/wick/engine_step.c
! cmp -s fw/wick/engine_step.c faulty/wick/engine_step.c || fail "nothing was planted for the killed processes"
expect 1 faulty --rig qemu-kill --kills 6
grep -q 'qemu-kill .* [1-9][0-9]* differences' out.txt || fail "killed processes find no error"

"$WICK" plan "$here/data/small_int8.onnx" --device msp430-fram -o 430.json >/dev/null
"$WICK" emit 430.json -o fw430 >/dev/null
expect 0 fw430 --plan 430.json --rig msp430 --msp430-cuts 60
grep -qE '^msp430 .* 60 cut between instructions; [1-9][0-9]* whole results' out.txt || { cat out.txt; fail "the MSP430 was not cut 60 times"; }
expect 3 fw --plan 430.json # a plan for something else
grep -q 'the folder holds' err.txt || fail "another plan's folder is not refused for that"
sed -i -zE 's/other = \(uint8_t\)\(\*copy \^ 1u\)/other = *copy/' fw430/wick/nvm_record.c
expect 1 fw430 --plan 430.json --rig msp430 --msp430-cuts 1500 # few cuts fall into a record
echo "every rig runs, counts and finds"
