#!/usr/bin/env bash
# wick size --target on a real plan: table, answers, JSON, pictures, and what is refused; a step
# that no charge carries.
set -u
: "${WICK:?the program}"
dir=$(mktemp -d /tmp/wick-size-cli-XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() { echo "FAILED: $*"; exit 1; }
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

size=("$WICK" size plan.json)
world=(--trace builtin:office --scale 0.05 --period 60 --data builtin:shapes10 --samples 20)
some=(--capacitors 4.7,47,330 --panels 0.5,1,2 --wake 3,4)
expect 0 "NVM buffer" "${size[@]}"
expect 0 "cheapest" "${size[@]}" --target "answers>=10%" "${world[@]}" "${some[@]}"
expect 0 "thrown away at a full capacitor" "${size[@]}" --target "answers>=10%" "${world[@]}" "${some[@]}" --price 0.01,2
expect 1 "commits      -" "${size[@]}" --target "answers>=10%" "${world[@]}" --scale 0.001 --capacitors 330 --panels 1 # never wakes
grep -qw nan out.txt && { cat out.txt; fail "a number that is none"; }
expect 1 "none of 18 combinations reaches it" "${size[@]}" --target "latency<=1us" "${world[@]}" "${some[@]}"
grep -q "hint: latency is .* at best: try larger" out.txt || fail "no remedy where nothing is feasible"
expect 1 "drawn<=0.001uJ: none of" "${size[@]}" --target "drawn<=1nJ" "${world[@]}" "${some[@]}"
grep -q "hint: drawn is .* at best: try smaller --panels" out.txt || fail "larger panels do not draw less"
expect 1 "no one reaches all" "${size[@]}" --target "drawn>=1uJ,drawn<=1nJ" "${world[@]}" --capacitors 330 --panels 0.0001,1 --wake 3
expect 0 "wakes at 2.625 V" "${size[@]}" --target "answers >= 10 %" "${world[@]}" --capacitors 330 --panels 1 --wake 2.625
expect 1 "no module is right more often than" "${size[@]}" --target "accuracy>=99%,answers>=1%" "${world[@]}" "${some[@]}"
expect 0 '"cheapest"' "${size[@]}" --target "answers>=10%" "${world[@]}" "${some[@]}" --json
for threads in 1 3; do
    OMP_NUM_THREADS=$threads "${size[@]}" --target "answers>=10%" "${world[@]}" "${some[@]}" --json >"size$threads.json" || fail "$threads threads"
done
cmp size1.json size3.json || fail "the number of threads changes the result"
if command -v gnuplot >/dev/null; then
    expect 0 "cheapest" "${size[@]}" --target "answers>=10%" "${world[@]}" "${some[@]}" --plot region.svg
    grep -q "wakes at 3.00 V" region.svg || fail "the picture has no title"
    grep -q "Target answers" region.svg && grep -q "Trace builtin:office, 120 inputs" region.svg || fail "the picture says neither target nor trace"
    expect 1 "none of" "${size[@]}" --target "latency<=1us" "${world[@]}" "${some[@]}" --plot none.png
    [ -s none.png ] || fail "no picture where nothing is feasible"
fi

# How many inputs the shares are of: 120 in the office trace's two hours, one in 25 s.
dark=(--trace builtin:office --scale 1e-6 --data builtin:shapes10 --samples 20)
one=(--target "answers>=10%" "${world[@]}" --capacitors 330 --panels 1 --wake 3)
expect 0 "120 inputs in each run of 7200 s" "${size[@]}" "${one[@]}"
grep -q "wick: note" out.txt && { cat out.txt; fail "120 inputs are enough for 10 %"; }
expect 0 '"inputs": 120' "${size[@]}" "${one[@]}" --json
expect 1 "only 120 inputs come within each run: one is 0.833 % of every share, and answers>=99.9% takes at least 1000" "${size[@]}" "${one[@]}" --target "answers>=99.9%"
expect 0 "only 19 inputs come" "${size[@]}" "${one[@]}" --target "answers>=95%" --duration 1100
expect 0 "note: only 1 input comes within each run: one is 100 %" "${size[@]}" "${one[@]}" --target "answers>=95%" --duration 25
grep -q "^1 input in each run of 25 s" out.txt && grep -q -- "--repeat, --duration or a shorter --period" out.txt || fail "one input is not told as one"
"${size[@]}" "${one[@]}" --target "answers>=95%" --duration 1200 2>&1 | grep "note: only" && fail "20 inputs tell 95 %"
expect 3 "no input comes within the run of 7200 s (period 60 s, phase 1000000 s)" "${size[@]}" "${one[@]}" --phase 1e6
grep -q "hint: give a --phase below 7200 s, a longer --duration or a shorter --period" out.txt || fail "no way out without inputs"
echo -e "time_s\n8000" >late.csv
expect 3 "no input comes within the run of 7200 s" "${size[@]}" "${one[@]}" --arrivals late.csv
grep -q "hint: give --arrivals before 7200 s, or a longer --duration" out.txt || fail "a list has no period"
grep -q "best" out.txt && fail "larger panels bring no inputs"
expect 0 "no input comes within" "${size[@]}" "${one[@]}" --phase 1e6 --target "wasted<=100%" # which counts no inputs
fleet=("$WICK" fleet plan.json "${world[@]}" -n 9)
expect 0 "inputs of a device: 120 at least, 120 in the median" "${fleet[@]}"
grep -q "wick: note" out.txt && fail "120 inputs are enough"
expect 0 '"least": 11' "${fleet[@]}" --duration 660 --json
grep -q '"median": 11' out.txt || fail "no median"
expect 0 "note: only 11 inputs come within the run of some device: one is 9.09 %" "${fleet[@]}" --duration 660
expect 0 "no input comes within the run" "${fleet[@]}" --phase 1e6
expect 0 "only 11 inputs come within the run: one" "$WICK" sim plan.json "${world[@]}" --duration 660
"${fleet[@]}" -n 4 -o devices.csv >/dev/null 2>&1 || fail "a fleet's file"
expect 0 "inputs of a device: 120 at least" "${fleet[@]}" -n 4 -o devices.csv # the file does not hold them

# A device that never wakes: how far it comes, and what would help.
expect 0 "the device never wakes: its capacitor comes to 2 V, and it wakes at 4 V" "$WICK" sim plan.json "${dark[@]}"
grep -q "hint: try more harvest (--scale), a longer --duration, or a lower wake voltage" out.txt || fail "no way out of sleep"
{ echo time_s,isc_ma,voc_v,imp_ma,vmp_v; for t in {0..1800..10}; do echo $t,4,4,3.6,3.2; done; } >low.csv
diode=(--trace low.csv --harvester harvester-diode-panel --data builtin:shapes10 --samples 20)
expect 0 "comes to 3.74" "$WICK" sim plan.json "${diode[@]}"
grep -q "behind the diode this source charges to 3.75 V at most, however large it is" out.txt || fail "a diode is not told of"
"$WICK" sim plan.json "${diode[@]}" --json 2>err.txt >sleep.json && grep -q "never wakes" err.txt && grep -q '"boots": 0' sleep.json || fail "no note beside JSON"
"$WICK" sim plan.json "${world[@]}" 2>&1 | grep "never wakes" && fail "a device that works never wakes"
expect 0 "9 devices never wake" "$WICK" fleet plan.json "${diode[@]}" -n 9
expect 0 '"never_wake": 9' "$WICK" fleet plan.json "${diode[@]}" -n 9 --json
expect 0 "the device as planned never wakes" "${size[@]}" --target "answers>=10%" "${diode[@]}" "${some[@]}"
expect 1 "behind the diode this source charges to 3.75 V at most: try a lower --wake" "${size[@]}" --target "answers>=10%" "${diode[@]}" --capacitors 47,330 --panels 1,2 --wake 3.8,4
expect 1 "none of these devices wakes: try larger --panels" "${size[@]}" --target "answers>=10%" "${dark[@]}" "${some[@]}"

expect 2 "--target needs one --trace" "${size[@]}" --target "answers>=10%"
expect 2 "say what it is for" "${size[@]}" "${world[@]}"
for option in --brown-out=2 --price=1,2 --leakage=1 --policy=greedy --scale=1 --data=builtin:shapes10 --period=60 --no-voltage; do
    expect 2 "say what it is for" "${size[@]}" $option # also where its value is the default
done
expect 2 "small to large: 3,3.5,4" "${size[@]}" --target "answers>=10%" "${world[@]}" --wake 4,3
expect 2 "small to large: 2,2.2,2.5" "${size[@]}" --target "answers>=10%" "${world[@]}" --brown-out x
expect 2 "from small to large" "${size[@]}" --target "answers>=10%" "${world[@]}" --capacitors 100,47
expect 2 "from small to large" "${size[@]}" --target "answers>=10%" "${world[@]}" --panels 1,nan
expect 2 "--target: beauty: there is no such figure" "${size[@]}" --target "beauty>=10%" "${world[@]}"
expect 2 "shares are percent: accuracy>=80%" "$WICK" fleet plan.json "${world[@]}" --target "accuracy>=80"
expect 3 "--brown-out: 0.5 V: m4-fram resets at 1.75 V already" "${size[@]}" --target "answers>=10%" "${world[@]}" --brown-out 0.5,1,2
grep -q "the smallest that would do is 1.75 V" out.txt || fail "no voltage that would do"
expect 3 "brown-out < wake" "${size[@]}" --target "answers>=10%" "${world[@]}" --wake 2 --brown-out 3

# The same plan simulated with a step of the user's own that no charge carries.
expect 1 "wick: --send: with a boot, sending an answer draws" "$WICK" sim plan.json "${world[@]}" --send 5000,1000000
grep -q "hint: at most" out.txt || fail "no figure that would do"
expect 1 "wick: --sense:" "$WICK" sim plan.json "${world[@]}" --sense 1e9,5
expect 0 "1 the capacitor does not carry a step" "$WICK" sim --help
echo "sizing answers and refuses as it should"
