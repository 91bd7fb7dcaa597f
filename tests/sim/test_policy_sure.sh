#!/usr/bin/env bash
# Policies that look at margins, through the commands: --data of wick policy and what is recorded of it, what show and the
# report tell, files by hand in every simulation, and what is refused.
set -u
: "${WICK:?the program}"
dir=$(mktemp -d /tmp/wick-policy-sure-XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() { echo "FAILED: $*"; exit 1; }
# expect STATUS TEXT COMMAND...: the exit status, and what it must say.
expect() {
    local status=$1 text=$2; shift 2
    "$@" >out.txt 2>&1
    local got=$?
    [ $got -eq "$status" ] || { cat out.txt; fail "exit $got instead of $status: $*"; }
    grep -qF -- "$text" out.txt || { cat out.txt; fail "does not say '$text': $*"; }
}

"$WICK" train --recipe vgg16 --width 0.05 --data builtin:shapes10 --limit 200 --epochs 1 -o f.onnx >train.txt 2>&1 ||
    { cat train.txt; fail "training"; }
"$WICK" shrink --int8 f.onnx --data builtin:shapes10 --limit 200 --test -o f8.onnx >shrink.txt 2>&1 || { cat shrink.txt; fail "shrinking"; }
"$WICK" plan f8.onnx --device m4-fram -o plan.json >plan.txt 2>&1 || { cat plan.txt; fail "planning"; }

world=(--trace builtin:office --scale 0.05 --period 300)
data=(--data builtin:shapes10 --samples 20)

# What was given of the data is part of the world; without, nothing is told.
expect 0 "expected accuracy within" "$WICK" policy synth plan.json "${world[@]}" "${data[@]}" --phases 1 --kind edf -o edf.json --c edf.c
told="--trace builtin:office --scale 0.05 --period 300 --data builtin:shapes10 --samples 20"
expect 0 "made for $told" "$WICK" policy show edf.json
expect 0 "\"world\": \"$told\"" "$WICK" policy show edf.json --json
expect 0 "edf" "$WICK" policy eval plan.json "${world[@]}" "${data[@]}" --phases 1 --policy edf:20 --policy greedy
expect 0 "expected accuracy within" "$WICK" policy synth plan.json "${world[@]}" --phases 1 --kind edf -o plain.json --c plain.c
grep -qE '"(world|sure)"' plain.json && fail "a plain world is told"
grep -q "sure" plain.c && fail "nothing is sure without data"

# By hand: what show and the report tell.
by_hand() { python3 - "$@" <<'PY'
import json, sys
p = json.load(open(sys.argv[1]))
p["sure"] = json.loads(sys.argv[3])
json.dump(p, open(sys.argv[2], "w"))
PY
}
by_hand plain.json sure.json "[0, 0, 17, 23]" || fail "editing"
expect 0 "module 4 ends the input where its margin is at least 23" "$WICK" policy show sure.json
grep -qF "module 3 ends the input where its margin (largest logit less the second largest, in quanta) is at least 17" out.txt ||
    fail "module 3 is not told"
[ "$(grep -c "ends the input" out.txt)" = 2 ] || fail "others are told"
"$WICK" policy show plain.json | grep -q "ends the input" && fail "none is sure"
expect 0 '"sure": [' "$WICK" policy show sure.json --json
python3 -c 'import json; assert json.load(open("out.txt"))["sure"] == [0, 0, 17, 23]' || fail "--json has other margins"
expect 0 "" "$WICK" report plan.json --policy sure.json -o report.html
grep -qF "Module 4 ends the input where its margin (largest logit less the second largest, in quanta) is at least 23." report.html ||
    fail "the report does not tell what is sure"

# Only with the images; every simulation of the commands has them.
expect 3 "give --data" "$WICK" policy eval plan.json "${world[@]}" --phases 1 --policy greedy --policy sure.json
grep -qF "sure.json" out.txt || fail "which policy is not told"
expect 0 "sure.json" "$WICK" policy eval plan.json "${world[@]}" "${data[@]}" --phases 1 --policy sure.json
run=("${world[@]}" "${data[@]}" --duration 6000 --policy sure.json)
expect 0 "sure.json" "$WICK" sim plan.json "${run[@]}"
expect 0 "sure.json" "$WICK" sim plan.json "${run[@]}" --firmware
expect 0 "only the bound with the right modules known holds for it" "$WICK" sim plan.json "${run[@]}" --compare --effort 0.001
grep -q "^sure.json .*[0-9] %  *-  *[0-9]" out.txt || { cat out.txt; fail "a gap closed that the bound does not hold for"; }
expect 0 "\"looks_at_margins\": true" "$WICK" sim plan.json "${run[@]}" --compare --effort 0.001 --json
expect 0 "sure.json" "$WICK" size plan.json "${run[@]}" --target "answers>=1%" --capacitors 100,330 --panels 1 --wake 3
expect 0 "" "$WICK" fleet plan.json "${run[@]}" --devices 3 --output fleet.csv
by_hand sure.json surer.json "[0, 0, 17, 24]" || fail "editing"
expect 3 "another fleet" "$WICK" fleet plan.json "${run[@]:0:12}" --policy surer.json --devices 3 --output fleet.csv

# Refused, and nothing is left behind.
expect 2 "--samples needs --data" "$WICK" policy eval plan.json "${world[@]}" --samples 20 --policy greedy
expect 2 "--data is not for show" "$WICK" policy show edf.json --data builtin:shapes10
expect 3 "builtin:nothing" "$WICK" policy synth plan.json "${world[@]}" --data builtin:nothing --kind fixed -o no.json
expect 3 "it holds 0 class folders" "$WICK" policy eval plan.json "${world[@]}" --data "folder:$dir" --policy greedy
mkdir -p other/{ant,bee,cat,dog,eel,fox,gnu,hen,ibis,jay}
base64 -d >black.png <<<iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAGUlEQVR42u3BMQEAAADCoPVP7WENoAAAAG4MIAABITLN7AAAAABJRU5ErkJggg==
for class in other/*; do for i in {1..10}; do cp black.png "$class/$i.png"; done; done
expect 3 "the command reads this file (--data)" "$WICK" policy synth plan.json "${world[@]}" --data folder:other --kind fixed \
    -o other/ant/1.png
cmp black.png other/ant/1.png || fail "an image was overwritten"
for sure in "[0, 0, 17, 65536]" "[0, 0, -1]" "[0, 0, 1.5]" '"all"' "[0,0,0,0,0,0,0,0,9]"; do
    by_hand plain.json bad.json "$sure" || fail "editing"
    expect 3 "sure" "$WICK" sim plan.json "${run[@]:0:12}" --policy bad.json
done
by_hand plain.json bad.json "[0, 0, 0, 0, 9]" || fail "editing"
expect 3 "margins of module 5" "$WICK" policy eval plan.json "${world[@]}" "${data[@]}" --policy bad.json
"$WICK" plan f8.onnx --device m4-fram --capacitor 200 -o plan200.json >plan.txt 2>&1 || { cat plan.txt; fail "planning"; }
expect 3 "was made for another plan" "$WICK" policy eval plan200.json "${world[@]}" "${data[@]}" --policy sure.json
expect 0 "plain.json" "$WICK" policy eval plan200.json "${world[@]}" "${data[@]}" --phases 1 --policy plain.json
[ -e no.json ] && fail "something was left behind"
echo "ok"
