#!/usr/bin/env bash
# wick plan, size and emit on a real model file: round trip, moved folders, changed models, shortages, bad input.
set -u
: "${WICK:?the program}"
dir=$(mktemp -d /tmp/wick-plan-cli-XXXXXX)
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
"$WICK" shrink --int8 f.onnx --data builtin:shapes10 --limit 200 -o f8.onnx >shrink.txt 2>&1 || { cat shrink.txt; fail "shrinking"; }

expect 0 "modelled for m4-fram" "$WICK" plan f8.onnx --device m4-fram -o plan.json
expect 0 "fe.conv1" "$WICK" plan f8.onnx --device m4-fram --explain
expect 0 '"segments"' "$WICK" plan f8.onnx --device m4-mram --json
expect 0 "peak in" "$WICK" size plan.json
expect 0 '"buffers"' "$WICK" size plan.json --json

# The plan finds its model beside it, wherever both are moved.
mkdir moved && cp f8.onnx plan.json moved/
(cd / && "$WICK" size "$dir/moved/plan.json" >/dev/null) || fail "a moved plan"
# A profile of one's own, named by its path.
cp "${WICK_SHARE:-$WICK_SOURCE}/profiles/m4-fram.json" mine.json
expect 0 "admitted" "$WICK" plan f8.onnx --device mine.json -o moved/mine-plan.json
expect 0 "peak in" "$WICK" size moved/mine-plan.json
sed -i 's/"value": 15.84/"value": 15.85/' mine.json
expect 3 "profile was edited" "$WICK" size moved/mine-plan.json

# Another model in its place.
"$WICK" shrink --int8 f.onnx --data builtin:shapes10 --limit 200 --calibration minmax -o moved/f8.onnx >/dev/null 2>&1
expect 3 "not the model that was planned" "$WICK" size moved/plan.json
expect 3 "not the model that was planned" "$WICK" emit moved/plan.json -o fw-moved
[ ! -e fw-moved ] || fail "a folder was left behind"
head -c 2000 f8.onnx >moved/f8.onnx
expect 3 "moved/f8.onnx" "$WICK" size moved/plan.json
rm moved/f8.onnx
expect 3 "moved/f8.onnx" "$WICK" size moved/plan.json
sed 's/"plan_sha256": "./"plan_sha256": "x/' plan.json >edited.json
expect 3 "plan_sha256" "$WICK" size edited.json

# Too small a capacitor: the message's number works, a little less does not.
expect 1 "smallest capacitor that would do is" "$WICK" plan f8.onnx --device m4-fram --capacitor 1 -o small.json
[ ! -e small.json ] || fail "a plan that does not fit was written"
uf=$(sed -n 's/.*smallest capacitor that would do is \([0-9.]*\) uF.*/\1/p' out.txt)
expect 0 "admitted" "$WICK" plan f8.onnx --device m4-fram --capacitor "$uf"
expect 1 "short" "$WICK" plan f8.onnx --device m4-fram --capacitor "$(awk "BEGIN{print 0.9*$uf}")"

# What shaped a plan is told.
expect 0 "committed and in-flight bytes share no 32 B" "$WICK" plan f8.onnx --device m7-mram --explain
expect 0 "cycles m7: estimate: " "$WICK" plan f8.onnx --device m7-mram --explain
expect 0 "share no 2048 B" "$WICK" plan f8.onnx --device m33-flash --explain

# A deadline under a least harvest: yes, no, and the harvest that the "no" names does.
expect 0 "yes" "$WICK" plan f8.onnx --device m4-fram --harvest-min 5mW --deadline 30s
expect 1 "would do" "$WICK" plan f8.onnx --device m4-fram --harvest-min 200uW --deadline 2s --module TM1 --eager
need=$(sed -n 's/.*a harvest of at least \([0-9.]* [mµ]*W\) would do.*/\1/p' out.txt | head -1)
expect 0 "yes" "$WICK" plan f8.onnx --device m4-fram --harvest-min "$need" --deadline 2s --module TM1 --eager
expect 1 "leakage takes this harvest" "$WICK" plan f8.onnx --device m4-fram --harvest-min 1uW -o late.json
[ ! -e late.json ] || fail "a plan that may miss the deadline was written"
expect 1 '"worst_s": null' "$WICK" plan f8.onnx --device m4-fram --harvest-min 1uW --json
expect 0 '"meets": true' "$WICK" plan f8.onnx --device m4-fram --harvest-min 5mW --deadline "1 min" --json
expect 2 "no power with its unit" "$WICK" plan f8.onnx --device m4-fram --harvest-min 5
expect 2 "no time with its unit" "$WICK" plan f8.onnx --device m4-fram --harvest-min 5mW --deadline 30
expect 2 "need --harvest-min" "$WICK" plan f8.onnx --device m4-fram --deadline 30s
expect 3 "no module TM9" "$WICK" plan f8.onnx --device m4-fram --harvest-min 5mW --module TM9

# The proof on request, the objective, and the memory's life at a rate.
expect 0 "every subset of the optional commits may be left out" "$WICK" plan f8.onnx --device m4-mram --proof
expect 0 '"pairs_compared"' "$WICK" plan f8.onnx --device m4-mram --proof --json
expect 0 "admitted" "$WICK" plan f8.onnx --device m4-fram --optimise latency -o fast.json
expect 0 "peak in" "$WICK" size fast.json
expect 0 "admitted" "$WICK" plan f8.onnx --device m4-fram --latency-weight 0.5 -o half.json
expect 0 "peak in" "$WICK" size half.json
expect 2 "latency-weight" "$WICK" plan f8.onnx --device m4-fram --latency-weight 2
expect 0 "at the stated rate" "$WICK" plan f8.onnx --device m4-mram --rate 1/d
expect 1 "wears out after" "$WICK" plan f8.onnx --device m4-mram --rate 1/s --lifetime 10
expect 0 "at the stated rate" "$WICK" plan f8.onnx --device m4-fram --rate 1/min --lifetime 10
expect 2 "is not how often" "$WICK" plan f8.onnx --device m4-mram --rate 5
expect 2 "needs --rate" "$WICK" plan f8.onnx --device m4-mram --lifetime 10

# The published cost model: for comparison only, no plan.
expect 0 "TM1, joined" "$WICK" plan f8.onnx --cost-model published-tinas
expect 0 '"overhead_percent"' "$WICK" plan f8.onnx --cost-model published-inas -m 1 --json
expect 0 "fe.conv1" "$WICK" plan f8.onnx --cost-model published-inas --explain
expect 1 "a charge gives" "$WICK" plan f8.onnx --cost-model published-inas --capacitor 100
expect 3 "is no device" "$WICK" plan f8.onnx --device published-inas
expect 3 "is not a published cost model" "$WICK" plan f8.onnx --cost-model m4-fram
expect 2 "no plan is made" "$WICK" plan f8.onnx --cost-model published-inas -o p.json
expect 2 "--device" "$WICK" plan f8.onnx --device m4-fram --cost-model published-inas

expect 2 "--device" "$WICK" plan f8.onnx
expect 3 "m4-fram" "$WICK" plan f8.onnx --device nowhere
expect 3 "cannot create" "$WICK" plan f8.onnx --device m4-fram -o /nonexistent/plan.json
expect 3 "cannot create" "$WICK" emit plan.json -o /nonexistent/fw
expect 3 "f.onnx" "$WICK" plan f.onnx --device m4-fram

# Two folders from one plan are equal, byte for byte.
expect 0 "self-test vectors" "$WICK" emit plan.json -o fw1 --data builtin:shapes10
expect 0 '"id"' "$WICK" emit plan.json -o fw2 --data builtin:shapes10 --json
diff -r fw1 fw2 || fail "two emitted folders differ"
expect 0 "seeded noise" "$WICK" emit plan.json -o fw3
expect 0 "seeded noise" "$WICK" emit plan.json -o fw4
diff -r fw3 fw4 || fail "two folders with noise vectors differ"
if command -v cc >/dev/null; then
    (cd fw1 && cc -std=c99 -O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I. -Iinclude ./*.c wick/*.c host/*.c -o ../selftest) ||
        fail "the emitted folder does not build"
    ./selftest >self.txt || { cat self.txt; fail "self-test"; }
fi
echo "plan, size and emit hold on real files"
