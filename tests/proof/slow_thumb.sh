#!/usr/bin/env bash
# The small model as real Thumb code in Unicorn: on the M4 the power is cut before every NVM store, on other cores before some, on
# all after some instructions; eager and lazy. Planted errors must be found here too.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
source "$here/thumb_rig.sh"
missing=$(thumb_missing)
[ -z "$missing" ] || { echo "$missing is not installed (make deps): skipped"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
thumb_prepare

logits=
for core in m4 m3 m0 m33; do
    thumb_guest $core fw
    for module in 1 2; do
        stores=100
        [ $core = m4 ] && stores=all
        for lazy in '' --lazy; do
            ./thumbcut guest-$core.elf $core input.bin $module --mapped --stores $stores --sampled-instructions 200 $lazy >out.json ||
                { cat out.json; fail "$core, module $module $lazy"; }
            cat out.json
            # Cuts lie between instructions everywhere, not only where the guest stops by itself.
            places=$(grep -oE '"instruction_places": [0-9]+' out.json | grep -oE '[0-9]+$')
            [ "$places" -gt 100 ] || fail "$core, module $module $lazy: 200 cuts after instructions hit $places places of the program"
        done
        [ $core = m4 ] && eval "logits$module='$(grep -o '"logits": \[[^]]*\]' out.json)'"
        want=logits$module
        [ "$(grep -o '"logits": \[[^]]*\]' out.json)" = "${!want}" ] || fail "$core does not compute what the M4 does"
    done
done

# plant NAME FILE SED-EXPRESSION [rig's options, default --stores all]
plant() {
    rm -rf faulty && cp -r fw faulty
    sed -i -zE "$3" "faulty/wick/$2"
    ! cmp -s "fw/wick/$2" "faulty/wick/$2" || fail "$1: nothing was planted"
    thumb_guest m4 faulty
    local status=0
    ./thumbcut guest-m4.elf m4 input.bin 1 --mapped ${4:---stores all} >out.json || status=$?
    [ $status = 1 ] || fail "$1: not found (status $status)"
    local id
    id=$(grep -oE 'u:[0-9]+:[01]|i:[0-9]+' out.json | head -n 1)
    ! ./thumbcut guest-m4.elf m4 input.bin 1 --mapped --replay "$id" >/dev/null 2>&1 || fail "$1: $id does not replay"
    echo "found: $1 ($(grep -oE '"cuts": [0-9]*, "differences": [1-9][0-9]*' out.json))"
}
plant 'the newest copy is overwritten' nvm_record.c 's/other = \(uint8_t\)\(\*copy \^ 1u\)/other = *copy/'
plant 'the CRC is ignored' nvm_record.c 's/wick_get32\(bytes \+ CRC_AT\) == wick_crc32\(0, bytes, CRC_AT\)/1/'
plant 'the policy is asked again after a boot' engine_state.c \
    's/    if \(!plausible\(engine->model, &record\)\)\n        return WICK_RT_CORRUPT;\n    engine->record = record;/    if (record.segment \&\& record.phase == WICK_PHASE_RUN)\n        record.phase = WICK_PHASE_DECIDE;\n&/'
plant 'sent is committed before it is sent' engine_step.c \
    's/    if \(port->result\(port->ctx, &result\) != 0\)/    if (0)/; s/return status == WICK_RT_OK \? WICK_RT_RESULT : status;/return port->result(port->ctx, \&result) != 0 ? WICK_RT_PORT : WICK_RT_RESULT;/' '--instructions 7' # no store lies between
# A boot that never ends is a difference, too, not a rig that hangs.
rm -rf faulty && cp -r fw faulty
sed -i -zE 's/    if \(!plausible\(engine->model, &record\)\)/    for (; record.epoch != 0;)\n        __asm__ volatile("" ::: "memory");\n&/' faulty/wick/engine_state.c
! cmp -s fw/wick/engine_state.c faulty/wick/engine_state.c || fail "a boot that never ends: nothing was planted"
thumb_guest m4 faulty
status=0
./thumbcut guest-m4.elf m4 input.bin 1 --mapped --stores 2 --patience 1 >out.json || status=$?
[ $status = 1 ] || fail "a boot that never ends: not found (status $status)"
echo "found: a boot that never ends"
