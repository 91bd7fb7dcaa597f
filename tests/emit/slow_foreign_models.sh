#!/usr/bin/env bash
# Models from elsewhere: those of functions, odd convolutions and moves, and by path those that other projects published and that have no
# gate. Each is quantized with made-up data, planned, emitted, and verified on this machine and, where there is one, on the emulated
# Cortex-M4. Numbers only: noise says nothing of accuracy.
set -u
: "${WICK:?the program}"
models=${WICK_ONNX_DATA:-}/models
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; tail -n 40 out err 2>/dev/null; exit 1; }
# npy FILE SHAPE BYTES: uint8 noise (a picture's bytes, over and over).
npy() {
    printf '\x93NUMPY\x01\x00\x76\x00' >"$1"
    printf "%-117s\n" "{'descr': '|u1', 'fortran_order': False, 'shape': ($2), }" >>"$1"
    while cat "$source_dir/docs/report.png"; do :; done 2>/dev/null | head -c "$3" >>"$1"
}
# labels FILE CLASSES: 120 labels in turn.
labels() {
    npy "$1" "120," 0
    for ((i = 0; i < 120; i++)); do printf "\\x$(printf %02x $((i % $2)))"; done >>"$1"
}
# run MODEL SHAPE BYTES CLASSES
run() {
    local model=$1 name=${1##*/}; name=${name##*__}; shift
    [ -f "$model" ] || { echo "no $name: left out"; return; }
    rm -rf data fw; mkdir data
    npy data/X.npy "120, $1" $((120 * $2)); labels data/y.npy "$3"
    "$WICK" shrink "$model" --int8 --data npy:data --images 40 -o q.onnx >out 2>err || fail "$name: shrink"
    "$WICK" plan q.onnx --device m4-fram -o plan.json >out 2>err || fail "$name: plan"
    "$WICK" emit plan.json -o fw --data npy:data >out 2>err || fail "$name: emit"
    "$WICK" verify fw --plan plan.json --data npy:data --no-exhaustive --resets 10 --seeded 20 >out 2>err || fail "$name: verify"
    grep -q ' equal ' out || fail "$name: the emitted C differs from the PC"
    echo "$name: $(grep ' equal ' out)"
}
run "$source_dir/tests/onnx/data/functions.onnx" "12, 10, 3" 360 4
run "$source_dir/tests/onnx/data/moves.onnx" "12, 10, 3" 360 4
run "$models"/EMCLab-Sinica_Stateful-CNN__dnn-models_HAR-CNN.onnx "128, 9" 1152 6
run "$models"/EMCLab-Sinica_Stateful-CNN__dnn-models_KWS-DNN_S.onnx "25, 10, 1" 250 12
run "$models"/EMCLab-Sinica_Stateful-CNN__dnn-models_squeezenet_cifar10.onnx "32, 32, 3" 3072 10
