#!/usr/bin/env bash
# The exits' table of docs/results.md: scripts/results-exits.sh WICK DATA OUT [NETWORK.onnx]. Trains FreeML's CIFAR10-S (unless a trained
# one is given), then each kind of exits on it, and counts right answers on the test set in float and int8. Goes on where it was cut.
set -eu
wick=$1 data=$2 out=$3
mkdir -p "$out"
network=${4:-$out/network.onnx}
if [ ! -e "$network" ]; then
    "$wick" train --recipe cifar10s --data "$data" --epochs 50 -j1 --lr 0.05 --lr-schedule cosine --shift 4 --ema 0.999 --resume -o "$network"
fi
for kind in ${KINDS:-global small heads linear}; do
    exits=$out/$kind.onnx
    [ -e "$exits" ] || "$wick" train --recipe "$network" --exits "$kind" --data "$data" --epochs "${EPOCHS:-5}" -j1 --lr 0.02 --lr-schedule cosine --resume \
        -o "$exits" > "$out/$kind-train.txt"
    [ -e "$out/$kind.txt" ] || { "$wick" eval "$exits" --data "$data" --split test > "$out/$kind.part" && mv "$out/$kind.part" "$out/$kind.txt"; }
    [ -e "$out/$kind-int8.txt" ] || { "$wick" shrink "$exits" --int8 --data "$data" --test -o "$out/$kind-int8.onnx" > "$out/$kind.part" && mv "$out/$kind.part" "$out/$kind-int8.txt"; }
    echo "== $kind"
    cat "$out/$kind.txt" "$out/$kind-int8.txt"
done
