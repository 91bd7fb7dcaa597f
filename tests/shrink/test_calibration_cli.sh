#!/usr/bin/env bash
# --mean and --std reach the model and what is written; --calibration auto says what it found.
set -u
: "${WICK:?the program}"
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
model=$source_dir/tests/onnx/data/functions.onnx
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; cat out err 2>/dev/null | head -n 40; exit 1; }
# expect STATUS TEXT COMMAND...
expect() {
    local status=$1 text=$2; shift 2
    "$@" >out 2>err; local got=$?
    [ "$got" = "$status" ] || fail "$*: exit status $got, not $status"
    grep -qF -- "$text" out err || fail "$*: does not say '$text'"
}
# npy FILE SHAPE: the header of uint8 data.
npy() {
    printf '\x93NUMPY\x01\x00\x76\x00' >"$1"
    printf "%-117s\n" "{'descr': '|u1', 'fortran_order': False, 'shape': ($2), }" >>"$1"
}
mkdir data
npy data/X.npy "40, 12, 10, 3"
head -c 14400 "$source_dir/docs/report.png" >>data/X.npy
npy data/y.npy "40,"
for ((i = 0; i < 40; i++)); do printf "\\x0$((i % 4))"; done >>data/y.npy
expect 2 "is not a list of numbers" "$WICK" eval "$model" -d npy:data --mean 0.5,
expect 2 "is not a list of numbers" "$WICK" shrink "$model" --int8 -d npy:data -o q.onnx --std 0
expect 3 "there are 2 means" "$WICK" eval "$model" -d npy:data --mean 0.5,0.25
expect 0 "logits" "$WICK" eval "$model" -d npy:data --json
cp out plain
expect 0 "logits" "$WICK" eval "$model" -d npy:data --json --mean 0.5 --std 0.01,0.02,0.03
cmp -s out plain && fail "the answers do not depend on the normalisation"
expect 0 "calibration: " "$WICK" shrink "$model" --int8 -d npy:data -o q.onnx --calibration auto --mean 0.125 --std 0.375
for how in minmax percentile mse kl; do grep -qE "$how [0-9.-]+ dB" out || fail "nothing about $how"; done
grep -qE 'mse [0-9.-]+ dB .*with bias correction$' out || fail "bias correction was not tried"
grep -qE 'mse [0-9.-]+ dB .*with equalisation$' out || fail "equalisation was not tried"
grep -qF '0.125' q.onnx && grep -qF '0.375' q.onnx || fail "the normalisation is not in the model"
expect 0 '"snr_db"' "$WICK" verify q.onnx --float "$model" -d npy:data --json --tolerance 3
expect 0 '"logit_noise"' "$WICK" shrink "$model" --int8 -d npy:data -o q.onnx --calibration auto --json
# What quantization does to each layer: all are there, the tolerance names the first that is too far off.
expect 0 'c1' "$WICK" verify q.onnx --float "$model" -d npy:data --inputs 2
for name in c1 hs logits; do grep -qE "^$name +[0-9.]+ dB" out || fail "nothing about $name"; done
expect 1 'is the first layer below 199 dB' "$WICK" verify q.onnx --float "$model" -d npy:data --tolerance 199
expect 0 '"snr_db"' "$WICK" verify q.onnx --float "$model" -d npy:data --json --tolerance 3
expect 3 'no layer of the two models' "$WICK" verify q.onnx --float "$source_dir/tests/onnx/data/foreign_18.onnx" -d npy:data
expect 2 '--float needs --data' "$WICK" verify q.onnx --float "$model"
# Equalisation changes the tensors in between, not the function; the float model that it makes is the one to compare layers with.
expect 0 'have equalised channels' "$WICK" shrink "$model" --equalise -d npy:data -o e.onnx --mean 0.125 --std 0.375
expect 0 "logits" "$WICK" eval "$model" -d npy:data --json --mean 0.125 --std 0.375
expect 0 "logits" "$WICK" eval e.onnx -d npy:data --json
expect 0 'int8 val.' "$WICK" shrink e.onnx --int8 --correct-bias -d npy:data -o q.onnx
expect 0 '/equalised' "$WICK" verify q.onnx --float e.onnx -d npy:data --tolerance 3
expect 2 'needs --int8' "$WICK" shrink "$model" --correct-bias --collapse -o e.onnx
expect 2 '--data is required' "$WICK" shrink "$model" --equalise -o e.onnx
expect 3 'quantized already' "$WICK" shrink q.onnx --equalise -d npy:data -o e.onnx
