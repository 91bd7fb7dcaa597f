#!/usr/bin/env bash
# The main job on a small family: every stage by hand, through files, as a user would. Also the test of the test: a planted
# write-after-read fault must be found, and its replay id must reproduce it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
say() { printf '== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }

say data
"$WICK" data show builtin:shapes10 -o sheet.png --json >data.json
head -c 8 sheet.png | od -An -c | grep -q 'P   N   G' || fail "the contact sheet is not a PNG"
say train
"$WICK" train --recipe vgg16 --width 0.1 --batch-norm --data builtin:shapes10 --limit 600 --epochs 1 --runs runs.sqlite \
    --test -o family.onnx --json >train.json
"$WICK" describe family.onnx --json >describe.json
"$WICK" runs list --db runs.sqlite | grep unified-kd >/dev/null || fail "the run is not in the database"
say shrink
"$WICK" shrink family.onnx --int8 --data builtin:shapes10 --images 64 -o int8.onnx --json >shrink.json
say plan
"$WICK" plan int8.onnx --device m4-fram -o plan.json --json >plan-out.json
"$WICK" size plan.json | grep 'progress record' >/dev/null || fail "wick size does not list the records"
say emit
"$WICK" emit plan.json -o fw --data builtin:shapes10
cp -r fw fw-first
"$WICK" emit plan.json -o fw --data builtin:shapes10
diff -r fw fw-first || fail "two emissions differ"

say "verify, on this machine"
"$WICK" verify fw --data builtin:shapes10 --seeded 60 --no-qemu --json >verify.json || fail "verify reports differences"
grep -q '"differences": 0' verify.json || fail "verify.json does not say 0 differences"
if command -v qemu-system-arm >/dev/null && command -v arm-none-eabi-gcc >/dev/null; then
    say "verify, in QEMU"
    "$WICK" verify fw --data builtin:shapes10 --no-exhaustive --seeded 0 --resets 25 --qemu --json >qemu.json ||
        fail "the emulated Cortex-M4 differs"
    [ "$(grep -c '"resets": 2[5-9]\|"resets": [3-9][0-9]' qemu.json)" -eq 4 ] || fail "not every module was reset 25 times"
    "$WICK" verify fw --data builtin:shapes10 --no-exhaustive --seeded 0 --resets 25 --qemu --json >qemu2.json
    diff qemu.json qemu2.json || fail "resets at seeded instruction counts are not deterministic"
else
    echo "QEMU or the ARM compiler is missing: that part is skipped"
fi
say "a planted fault is found and replayed"
status=0
"$WICK" verify fw --modules 1 --seeded 0 --plant-war --json >planted.json 2>planted.txt || status=$?
[ "$status" -eq 1 ] || fail "the planted fault gave exit status $status, not 1"
replay=$(sed -n 's/.*"replay": "\(.*\)".*/\1/p' planted.json | head -n 1)
[ -n "$replay" ] || fail "no replay id was printed"
status=0
"$WICK" verify fw --plant-war --replay "$replay" >replayed.txt 2>/dev/null || status=$?
[ "$status" -eq 1 ] || fail "the replay gave exit status $status, not 1"
grep -q 'differs' replayed.txt || fail "the replay does not explain"
"$WICK" verify fw --replay "$replay" >clean.txt || fail "the same cut without the planted fault differs"

say "faults in the firmware are found"
# plant NAME FILE SED-EXPRESSION: verify must notice what the expression changes.
plant() {
    rm -rf faulty
    cp -r fw faulty
    sed -i "$3" "faulty/wick/$2"
    ! cmp -s "fw/wick/$2" "faulty/wick/$2" || fail "$1: nothing was planted"
    local status=0
    "$WICK" verify faulty --modules 4 --no-qemu --seeded 20 --json >faulty.json 2>/dev/null || status=$?
    [ "$status" -eq 1 ] || fail "$1: exit status $status, not 1"
}
plant "the record overwrites the newest copy" nvm_record.c 's/other = (uint8_t)(\*copy ^ 1u)/other = *copy/'
plant "inputs share one place" engine_state.c 's/(epoch & 1u) \* place->stride/0u * place->stride/'
plant "the policy is asked again after a boot" engine_state.c \
    's/^    if (!plausible(/    if (record.segment \&\& record.phase == WICK_PHASE_RUN)\n        record.phase = WICK_PHASE_DECIDE;\n&/'
plant "a result counts as sent before it is" engine_step.c \
    's/    if (port->result(port->ctx, &result) != 0)/    if (0)/; s/return status == WICK_RT_OK ? WICK_RT_RESULT : status;/return port->result(port->ctx, \&result) != 0 ? WICK_RT_PORT : WICK_RT_RESULT;/'

say "sim and report"
"$WICK" sim plan.json --trace builtin:office --data builtin:shapes10 --samples 50 --period 120 --duration 3600 --policy greedy \
    --policy fixed:TM4 --json --timeline >sim.json
"$WICK" report plan.json --model family.onnx --runs runs.sqlite --verify verify.json --sim sim.json -o report.html
! grep -oE '(src|href)="https?:' report.html || fail "the report reaches for the network"
for section in family training energy memory simulation policy sizing guarantees; do
    grep -q "id=\"$section\"" report.html || fail "the report has no section $section"
done
echo "all stages done"
