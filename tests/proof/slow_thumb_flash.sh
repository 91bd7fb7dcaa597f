#!/usr/bin/env bash
# A plan for flash as real Thumb code in Unicorn, behind a driver that stores to a controller's registers: on the small model the power
# fails in every operation of the flash, in each variant, and after some instructions; several failures in a row, until pages turn
# around; on a larger one some of all. Planted errors of the log, the engine and the driver must be found.
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
flash_prepare

# The same answers as from board RAM; instructions in flight and between operations.
thumb_guest m4 fw
thumb_guest m33 flash
for module in 1 2; do
    ./thumbcut guest-m4.elf m4 input.bin $module --mapped --stores 1 >ram.json
    for lazy in '' --lazy; do
        ./thumbcut guest-m33.elf m33 input.bin $module --stores all --sampled-instructions 300 --series 100 $lazy >out.json ||
            { cat out.json; fail "module $module $lazy"; }
        cat out.json
        [ "$(grep -o '"logits": \[[^]]*\]' ram.json)" = "$(grep -o '"logits": \[[^]]*\]' out.json)" ] ||
            fail "module $module: another answer than from board RAM"
        operations=$(grep -oE '"stores": [0-9]+' out.json | grep -oE '[0-9]+')
        [ "$operations" -gt 30 ] && grep -q "\"store_cuts\": {\"cuts\": $((7 * operations))," out.json ||
            fail "module $module: not every one of $operations operations in each variant"
        [ "$(grep -oE '"instruction_places": [0-9]+' out.json | grep -oE '[0-9]+$')" -gt 100 ] || fail "module $module: few places"
    done
done

# A whole plan as `wick verify` drives it, and a larger network.
"$WICK" verify flash --plan flash.json --rig unicorn --thumb-cuts 20 --json >out.json || { cat out.json; fail "wick verify"; }
[ "$(grep -oE '"rig": "unicorn"|"experiments": 165' out.json | sort | uniq -c | awk '{print $1}' | xargs)" = '2 2' ] ||
    { cat out.json; fail "not 7 x 20 + 20 + 5 experiments for each module"; }
data=(--data builtin:shapes10 --limit 200)
"$WICK" train --recipe resnet --depth 14 --width 0.25 "${data[@]}" -e 1 -b 64 -j 1 -o larger.onnx >log 2>&1 || fail "train"
"$WICK" shrink larger.onnx --int8 "${data[@]}" --images 40 -o larger8.onnx >log 2>&1 || fail "shrink"
"$WICK" plan larger8.onnx --device m33-flash -o larger.json >log 2>&1 || fail "plan"
"$WICK" emit larger.json -o larger >log 2>&1 || fail "emit"
"$WICK" verify larger --plan larger.json --rig unicorn --thumb-cuts 6 --json >out.json || { cat out.json; fail "the larger network"; }
grep -oE '"what": "[^"]*"' out.json

# plant NAME FOLDER FILE SED-EXPRESSION WHERE [OPTIONS]: found among WHERE (run: the uninterrupted one), and replayed there
plant() {
    local name=$1 folder=$2 file=$3 expression=$4 where=$5 status=0 id
    shift 5
    rm -rf faulty driver && cp -r flash faulty && mkdir driver && cp "$WICK_SOURCE"/boards/thumb/thumb_*.[ch] driver/
    cp "$folder/$file" before
    sed -i -zE "$expression" "$folder/$file"
    ! cmp -s before "$folder/$file" || fail "$name: nothing was planted"
    thumb_guest m33 faulty driver
    ./thumbcut guest-m33.elf m33 input.bin 1 --patience 2 "$@" >out.json 2>err.txt || status=$?
    if [ "$where" = run ]; then
        [ $status = 4 ] && grep -qE 'uninterrupted run|first boot' err.txt || { cat out.json err.txt; fail "$name: not found (status $status)"; }
    else
        [ $status = 1 ] || { cat out.json err.txt; fail "$name: not found (status $status)"; }
        id=$(grep -oE "\"$where\": [^}]*" out.json | grep -oE '[uri]:[0-9:]+') || { cat out.json; fail "$name: not found by $where"; }
        ! ./thumbcut guest-m33.elf m33 input.bin 1 --patience 2 --replay "$id" >/dev/null 2>&1 || fail "$name: $id does not replay"
    fi
    echo "found: $name (${id:-the uninterrupted run})"
}
plant 'no erase' faulty wick/nvm_flash.c 's/flash->erase\(flash->under->ctx, page \* flash->shape.page_bytes\) != 0 \|\|//' run
plant 'checksums of heads are ignored' faulty wick/nvm_flash.c 's/return crc == wick_get32\(head \+ 4\) \? 0 : -1;/return 0;/' \
    series --series 300
plant 'the driver does not wait' driver thumb_memory.c 's/while \(status & CONTROLLER_BUSY\)/while (0)/' run
plant 'a boot goes on in the page of the one before' faulty wick/nvm_flash.c \
    's/(        at \+= wick_flash_entry_bytes\(e.bytes, unit\);\n    \}\n)/\1    flash->head = newest, flash->at = at - newest * page_bytes;\n/' \
    store_cuts --stores all
plant 'a page is erased while it holds what counts' faulty wick/nvm_flash.c \
    's/page = oldest_page\(flash, 0, NONE\)/page = oldest_page(flash, flash->shape.page_bytes, NONE)/' series --series 300
plant 'the policy is asked again after a boot' faulty wick/engine_state.c \
    's/    if \(!plausible\(engine->model, &record\)\)\n        return WICK_RT_CORRUPT;\n    engine->record = record;/    if (record.segment \&\& record.phase == WICK_PHASE_RUN)\n        record.phase = WICK_PHASE_DECIDE;\n&/' \
    instruction_cuts --sampled-instructions 100
