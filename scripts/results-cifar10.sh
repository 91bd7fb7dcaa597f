#!/usr/bin/env bash
# The CIFAR-10 figures of docs/results.md: both families, distillation and baseline, float and int8, plan, verification, simulation.
#   results-cifar10.sh WICK DATA-SPEC TRACE.csv OUTPUT-FOLDER [EPOCHS]
# About two hours with 16 epochs, on one thread: the number of threads changes the bits. Started again, it goes on where it was cut.
set -euo pipefail
wick=$(realpath "${1:?usage: results-cifar10.sh WICK DATA-SPEC TRACE.csv OUTPUT-FOLDER [EPOCHS]}")
data=${2:?the data set, e.g. folder:DIR or cifar10:DIR}
trace=$(realpath "${3:?a harvest trace}")
out=${4:?the output folder}
epochs=${5:-16}
mkdir -p "$out"
cd "$out"

# family recipe width rate strategy
one() {
    local name=$1 recipe=$2 width=$3 rate=$4 strategy=$5
    if [ ! -f "$name.onnx" ]; then
        "$wick" train --recipe "$recipe" --width "$width" --data "$data" --strategy "$strategy" --epochs "$epochs" \
            -j1 --lr "$rate" --lr-drop 0.6 --shift 4 --runs runs.sqlite --name "$name" --resume --test -o "$name.onnx" --json >"$name.json"
    fi
    [ -f "$name-int8.onnx" ] || "$wick" shrink "$name.onnx" --int8 --data "$data" --test -o "$name-int8.onnx" | tee "$name-int8.txt"
    mkdir -p "$name"
    "$wick" plan "$name-int8.onnx" --device m4-fram -o "$name-plan.json" | tee "$name/plan.txt"
    "$wick" emit "$name-plan.json" --data "$data" -o "$name/firmware"
    "$wick" verify "$name/firmware" --plan "$name-plan.json" --data "$data" | tee "$name/verify.txt"
    "$wick" sim "$name-plan.json" --trace "$trace" --data "$data" --period 60 --samples 500 | tee "$name/sim.txt"
}
one vgg16-kd vgg16 0.25 0.05 unified-kd
one vgg16-baseline vgg16 0.25 0.05 baseline
one mobilenetv1-kd mobilenetv1 0.5 0.02 unified-kd
one mobilenetv1-baseline mobilenetv1 0.5 0.02 baseline
"$wick" runs list --db runs.sqlite
