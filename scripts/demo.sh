#!/usr/bin/env bash
# The main job on the built-in data, every stage with the commands a user would type.   demo.sh WICK OUTPUT-FOLDER
set -euo pipefail
wick=$(realpath "${1:?usage: demo.sh WICK OUTPUT-FOLDER}")
out=${2:?usage: demo.sh WICK OUTPUT-FOLDER}
data=builtin:shapes10
device=m4-fram
mkdir -p "$out"
cd "$out"
rm -f runs.sqlite family.onnx.state # of an interrupted demo
if [ -t 1 ]; then bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true); else bold='' plain=''; fi
step() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
run() { printf '  $ wick %s\n' "$*"; "$wick" "$@"; }
quiet() { printf '  $ wick %s > %s\n' "${*:2}" "$1"; "$wick" "${@:2}" >"$1"; }

step '1/8  data: ten procedural shapes, 32x32'
run data show $data -o sheet.png
step '2/8  train: a VGG16 family, one extractor and four modules, unified learning with distillation'
run train --recipe vgg16 --width 0.25 --data $data --strategy unified-kd --epochs 8 --lr 0.05 --lr-drop 0.6 --beta 0.01 --runs runs.sqlite --test -o family.onnx
step '3/8  shrink: int8'
run shrink family.onnx --int8 --data $data --test -o family-int8.onnx
step '4/8  plan: steps, commits, memory, energy'
run plan family-int8.onnx --device $device -o plan.json
step '5/8  emit: C'
run emit plan.json --data $data -o firmware
step '6/8  verify: power cut before every write, resets on an emulated Cortex-M4'
quiet verify.json verify firmware --data $data --json
step '7/8  sim and size: two hours of weak office light, and the capacitor and panel that it takes'
quiet sim.json sim plan.json --trace builtin:office --scale 0.3 --data $data --period 60 --json --timeline
quiet size.json size plan.json --target 'accuracy>=75%,answers>=95%' --trace builtin:office --scale 0.3 --data $data --period 60 --json
step '8/8  report'
quiet report.txt report plan.json --title 'wick demo' --model family.onnx --runs runs.sqlite --verify verify.json --sim sim.json --sizing size.json -o report.html

step 'What came out'
run eval family-int8.onnx --data $data --split validation
run sim plan.json --trace builtin:office --scale 0.3 --data $data --period 60
cuts=$(sed -n 's/.*"exhaustive_cuts": \([0-9]*\).*/\1/p' verify.json | awk '{n += $1} END {print n}')
resets=$(sed -n 's/.*"resets": \([0-9]*\).*/\1/p' verify.json | awk '{n += $1} END {print n + 0}')
printf '\nPower cut %s times on this machine and %s times on the emulated Cortex-M4: 0 differences.\n' "$cuts" "$resets"
printf 'Firmware: %s/firmware   Report: %s/report.html\n' "$PWD" "$PWD"
