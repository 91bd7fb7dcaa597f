#!/usr/bin/env bash
# wick verify --against: vectors that onnxruntime made (tests/onnx/make_vectors.py), in float and int8 here and in int8 on the emulated
# device, layer by layer. Planted: a wrong expectation, a wrong weight of one layer in the emitted folder, a wrong engine.
set -u
: "${WICK:?the program}"
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
data=$source_dir/tests/onnx/data
command -v qemu-system-arm >/dev/null && command -v arm-none-eabi-gcc >/dev/null || { echo "SKIP: no qemu-system-arm or arm-none-eabi-gcc"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; tail -n 40 out err 2>/dev/null; exit 1; }
# npy FILE TYPE SHAPE: the elements come from standard input.
npy() {
    { printf '\x93NUMPY\x01\x00\x76\x00'; printf "%-117s\n" "{'descr': '$2', 'fortran_order': False, 'shape': ($3), }"; cat; } >"$1"
}
# expect STATUS TEXT COMMAND...: exit status and a text in what it prints.
expect() {
    local status=$1 text=$2; shift 2
    "$@" >out 2>err; local got=$?
    [ "$got" -eq "$status" ] || fail "status $got instead of $status: $*"
    grep -qF -- "$text" out err || fail "no '$text': $*"
}
mkdir data v
while cat "$source_dir/docs/report.png"; do :; done 2>/dev/null | head -c $((120 * 360)) | npy data/X.npy '|u1' "120, 12, 10, 3"
for ((i = 0; i < 120; i++)); do printf "\\x0$((i % 4))"; done | npy data/y.npy '|u1' "120,"
npy v/input_0.npy '<f4' "2, 3, 12, 10" <"$data/functions_input.bin"
npy v/output_0.npy '<f4' "2, 4" <"$data/functions_logits.bin"
expect 0 "only float" "$WICK" verify "$data/functions.onnx" --against v
expect 0 '"snr_db"' "$WICK" verify "$data/functions.onnx" --against v --json
"$WICK" shrink "$data/functions.onnx" --int8 --data npy:data --mean 0.5 --std 0.12 --images 40 -o q.onnx >out 2>err || fail shrink
expect 0 "2 inputs, 0 answers of the engine differ" "$WICK" verify q.onnx --float "$data/functions.onnx" --against v
expect 0 "on the emulated Cortex-M7" "$WICK" verify q.onnx --float "$data/functions.onnx" --against v --device m7-mram
if command -v qemu-system-riscv32 >/dev/null && command -v riscv64-unknown-elf-gcc >/dev/null; then
    expect 0 "on the emulated RV32" "$WICK" verify q.onnx --float "$data/functions.onnx" --against v --device rv32-fram
    riscv=yes
fi
expect 3 "the cores that QEMU knows" "$WICK" verify q.onnx --float "$data/functions.onnx" --against v --device msp430-fram
expect 0 "left out" "$WICK" verify q.onnx --float "$data/functions.onnx" --against v --no-qemu
expect 1 "is the first in int8 below 90 dB" "$WICK" verify q.onnx --float "$data/functions.onnx" --against v --tolerance 90
# windows of one dimension
mkdir line w
head -c $((120 * 120)) data/X.npy | npy line/X.npy '|u1' "120, 40, 3"; cp data/y.npy line
npy w/input_0.npy '<f4' "2, 3, 40" <"$data/signal_input.bin"
npy w/output_0.npy '<f4' "2, 4" <"$data/signal_logits.bin"
"$WICK" shrink "$data/signal.onnx" --int8 --data npy:line --mean 0.5 --std 0.12 -o line.onnx >out 2>err || fail "shrink signal"
expect 0 "2 inputs, 0 answers of the engine differ" "$WICK" verify line.onnx --float "$data/signal.onnx" --against w
# what is expected is wrong: found in float, at its place
{ head -c 16 "$data/functions_logits.bin"; printf '\x00\x00\x40\x41'; tail -c 12 "$data/functions_logits.bin"; } | npy v/output_0.npy '<f4' "2, 4"
expect 1 "element [0,0] of input 1 is" "$WICK" verify "$data/functions.onnx" --against v
expect 1 "instead of 12" "$WICK" verify q.onnx --float "$data/functions.onnx" --against v
npy v/output_0.npy '<f4' "2, 4" <"$data/functions_logits.bin"
expect 3 "it holds neither" "$WICK" verify q.onnx --against data
# a folder, right and with one weight of a layer in the middle changed
"$WICK" plan q.onnx --device m4-fram -o plan.json >out 2>err || fail plan
"$WICK" emit plan.json -o fw >out 2>err || fail emit
expect 0 "2 inputs, 0 answers of the engine differ" "$WICK" verify fw --float "$data/functions.onnx" --against v
expect 0 '"wrong_answers": 0' "$WICK" verify fw --against v --json
layer=$(grep -n 'bias_[0-9]*\[' fw/model_weights.c | sed -n 2p | sed 's/.*bias_\([0-9]*\).*/\1/')
name=$(sed -n "s|^ */\* $layer: \(.*\), [^,]*\*/\$|\1|p" fw/model_data.c)
[ -n "$name" ] || fail "no layer $layer in model_data.c"
cp fw/model_weights.c right.c
sed -i "/bias_$layer\[/{n;s/^ *\(-\{0,1\}[0-9]*\),/1\1,/;s/^1-/-1/}" fw/model_weights.c
cmp -s right.c fw/model_weights.c && fail "nothing was planted"
expect 1 "$name: is the first layer that differs on the Cortex-M4" "$WICK" verify fw --float "$data/functions.onnx" --against v
if [ -n "${riscv:-}" ]; then
    "$WICK" plan q.onnx --device rv32-fram -o rv32.json >out 2>err && "$WICK" emit rv32.json -o rv32 >out 2>err || fail "plan and emit for RV32"
    expect 3 "is for rv32-fram, the plan for m4-fram" "$WICK" verify rv32 --float "$data/functions.onnx" --against v # beside it: plan.json
    sed -i "/bias_$layer\[/{n;s/^ *\(-\{0,1\}[0-9]*\),/1\1,/;s/^1-/-1/}" rv32/model_weights.c
    expect 1 "$name: is the first layer that differs on the RV32" "$WICK" verify rv32 --plan rv32.json --float "$data/functions.onnx" --against v
fi
grep -q "layers equal this machine's" out || fail "the layers were not counted"
cp right.c fw/model_weights.c
# the layers are right, but the engine delivers another byte
sed -i 's/result.label = argmax(&result);/&\n    ((int8_t *)(uintptr_t)result.logits)[1]++;/' fw/wick/engine_step.c
expect 1 "engine's answers differ" "$WICK" verify fw --float "$data/functions.onnx" --against v
echo "float, int8 and the emulated device agree; planted errors in $name, in the engine and in what is expected are found"
