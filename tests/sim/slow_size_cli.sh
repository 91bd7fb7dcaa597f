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
    grep -q "Target answers" region.svg && grep -q "Trace builtin:office" region.svg || fail "the picture says neither target nor trace"
    expect 1 "none of" "${size[@]}" --target "latency<=1us" "${world[@]}" "${some[@]}" --plot none.png
    [ -s none.png ] || fail "no picture where nothing is feasible"
fi

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
