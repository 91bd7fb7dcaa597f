#!/usr/bin/env bash
# Activations of 16 bits from training to the proof: a residual, a dense and a separable block, quantized with 16 and 8 bits and with a
# mixture; layers bit-equal on the emulated Cortex-M4, power cut on the PC and in emulated Thumb code.
set -u
: "${WICK:?the program}"
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
command -v qemu-system-arm >/dev/null && command -v arm-none-eabi-gcc >/dev/null || { echo "SKIP: no qemu-system-arm or arm-none-eabi-gcc"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; tail -n 40 out err 2>/dev/null; exit 1; }
# npy FILE TYPE SHAPE: the elements come from standard input.
npy() {
    { printf '\x93NUMPY\x01\x00\x76\x00'; printf "%-117s\n" "{'descr': '$2', 'fortran_order': False, 'shape': ($3), }"; cat; } >"$1"
}
# refused STATUS TEXT ARGUMENTS...: wick shrink says why.
refused() {
    local status=$1 text=$2; shift 2
    "$WICK" shrink n.onnx "$@" -o never.onnx >out 2>err; local got=$?
    [ "$got" -eq "$status" ] || fail "status $got instead of $status: $*"
    grep -qF -- "$text" err || fail "no '$text': $*"
    [ ! -e never.onnx ] || fail "$*: something was written"
}
mkdir data v
while cat "$source_dir/docs/report.png"; do :; done 2>/dev/null | head -c $((120 * 36)) | npy data/X.npy '|u1' "120, 6, 6, 1"
for ((i = 0; i < 120; i++)); do printf "\\x0$((i % 4))"; done | npy data/y.npy '|u1' "120,"
data=(-d npy:data)
"$WICK" train -r "$source_dir/tests/proof/data/small_recipe.json" "${data[@]}" -e 2 -j 1 --quiet -o n.onnx >out 2>err || fail "the network"
refused 2 "--activations does not go with --device" --activations 16 --device m4-fram "${data[@]}"
refused 2 "goes without --bits" --int8 --activations 16 --bits 4 "${data[@]}"
refused 3 "'nonsense' is no activation that can have 16 bits" --int8 --activations nonsense "${data[@]}"
name=$("$WICK" shrink n.onnx --int8 --activations nonsense "${data[@]}" -o never.onnx 2>&1 | sed -n 's/.*the first is //p')
[ -n "$name" ] || fail "no activation is offered"
refused 1 "the budget is 10" --activations auto=10 "${data[@]}"
refused 2 "'x' is not a whole number" --activations auto=x "${data[@]}"
# measured: within all bytes 16 bits wherever they help, and a table of what was measured; the columns say what is there
"$WICK" shrink n.onnx --activations auto=1000000 "${data[@]}" -o q.onnx >out 2>err || fail "auto: shrink"
grep -q '^activation .*loss with 8' out && grep -q '^those with 8 bits together' out && grep -q ' 16 ' out || fail "auto: the table"
grep -Eq 'float val\.  int(8/)?16 val\.' out || fail "auto: the columns"
"$WICK" shrink n.onnx --activations auto "${data[@]}" --json -o q.onnx >out 2>err || fail "auto: JSON"
grep -q '"loss_with_8_bits"' out && grep -q '"precision"' out || fail "auto: JSON"
for bits in 8 16 "$name"; do
    "$WICK" shrink n.onnx --int8 --activations "$bits" "${data[@]}" -o q.onnx >out 2>err || fail "$bits: shrink"
    "$WICK" plan q.onnx --device m4-fram -o plan.json >out 2>err || fail "$bits: plan"
    "$WICK" emit plan.json -o fw >out 2>err || fail "$bits: emit"
    wide=$(grep -c 'wide = 1' fw/model_data.c)
    case $bits in
        8) [ "$wide" -eq 0 ] || fail "8 bits with $wide wide layers" ;;
        16) [ "$wide" -gt 5 ] || fail "16 bits with $wide wide layers" ;;
        *) [ "$wide" -ge 1 ] && [ "$wide" -le 2 ] || fail "$bits alone with $wide wide layers" ;;
    esac
    [ "$bits" = 8 ] && continue
    "$WICK" verify fw --inputs 1 --seeded 100 --rig host,unicorn --thumb-cuts 50 >out 2>err || fail "$bits: power cuts"
done
# write units of eight bytes are four outputs of 16 bits, also where the engine divides a span that a boot does not carry
"$WICK" shrink n.onnx --activations 16 "${data[@]}" -o q.onnx >out 2>err || fail "ecc: shrink"
"$WICK" plan q.onnx --device m4-mram-ecc --capacitor 13 -o plan.json >out 2>err || fail "ecc: plan"
"$WICK" emit plan.json -o fw >out 2>err || fail "ecc: emit"
"$WICK" verify fw --inputs 1 --seeded 200 --rig host >out 2>err || fail "ecc: power cuts"
# layer by layer on the emulated Cortex-M4, with onnxruntime's vectors (tests/onnx/make_vectors.py): tables beside 16 bits, and one dimension
onnx=$source_dir/tests/onnx/data
mkdir images line w
while cat "$source_dir/docs/report.png"; do :; done 2>/dev/null | head -c $((120 * 360)) | npy images/X.npy '|u1' "120, 12, 10, 3"
while cat "$source_dir/docs/report.png"; do :; done 2>/dev/null | head -c $((120 * 120)) | npy line/X.npy '|u1' "120, 40, 3"
cp data/y.npy images; cp data/y.npy line
npy v/input_0.npy '<f4' "2, 3, 12, 10" <"$onnx/functions_input.bin"
npy v/output_0.npy '<f4' "2, 4" <"$onnx/functions_logits.bin"
npy w/input_0.npy '<f4' "2, 3, 40" <"$onnx/signal_input.bin"
npy w/output_0.npy '<f4' "2, 4" <"$onnx/signal_logits.bin"
for pair in functions:images:v signal:line:w; do
    IFS=: read -r model set vectors <<<"$pair"
    "$WICK" shrink "$onnx/$model.onnx" --activations 16 -d "npy:$set" --mean 0.5 --std 0.12 -o q.onnx >out 2>err || fail "$model: shrink"
    "$WICK" plan q.onnx --device m4-fram -o plan.json >out 2>err || fail "$model: plan"
    "$WICK" emit plan.json -o fw >out 2>err || fail "$model: emit"
    grep -q 'wide = 1' fw/model_data.c || fail "$model: no layer has 16 bits"
    "$WICK" verify fw --float "$onnx/$model.onnx" --against $vectors >out 2>err || fail "$model: layers on the emulated Cortex-M4"
    grep -qF "2 inputs, 0 answers of the engine differ" out err || fail "$model: the engine's answers"
done
echo "answers of 16-bit activations are the PC's, through power failures"
