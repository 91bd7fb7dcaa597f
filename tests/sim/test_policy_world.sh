#!/usr/bin/env bash
# wick policy is told the world as wick sim is: what eval scores is what sim counts in it; synth records it; what makes no
# sense is refused.
set -u
: "${WICK:?the program}"
dir=$(mktemp -d /tmp/wick-policy-world-XXXXXX)
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

# Open-circuit and load voltages that come and go, inputs that come as they like.
awk 'BEGIN { print "time_s,open_circuit_v"; for (t = 0; t < 6000; t += 10) print t "," (t % 400 < 150 ? 3 : 0.4) }' >oc.csv
awk 'BEGIN { print "time_s,voltage_v"; for (t = 0; t < 6000; t += 10) print t "," (t % 400 < 150 ? 3 : 0.4) }' >load.csv
awk 'BEGIN { print "time_s"; for (i = 0; i < 40; i++) print 140 * i + 37 * (i % 3) }' >door.csv

score() { "$WICK" policy eval plan.json "$@" --json >out.txt 2>&1 || { cat out.txt; fail "eval $*"; }
    sed -n 's/.*"expected_in_time": \([0-9.]*\).*/\1/p' out.txt; }
# accuracy[k] in the model: what module k scores where there is plenty.
for k in 1 2 3 4; do
    accuracy[k]=$(score --trace oc.csv --source-ohm 20000 --scale 1000 --to 100 --period 20 --phases 1 --policy fixed:$k) || fail "${accuracy[k]}"
done
number() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" out.txt | head -1; }
# same POLICY WORLD...: eval's score of one run is what sim's answers are worth, all of them in time and one an input, and is
# another one than in the plain world.
same() {
    local policy=$1 by_eval simulated; shift
    by_eval=$(score "$@" --phases 1 --wait 1 --policy "$policy") || fail "$by_eval"
    "$WICK" sim plan.json "$@" --data builtin:shapes10 --samples 10 --wait 1 --policy "$policy" --json >out.txt 2>err.txt ||
        { cat err.txt; fail "sim $*"; }
    [ "$(number answers)" = "$(number in_time)" ] || fail "answers of $* come late"
    simulated=$(awk "BEGIN { print ($(number TM1) * ${accuracy[1]} + $(number TM2) * ${accuracy[2]} + $(number TM3) * ${accuracy[3]} + \
        $(number TM4) * ${accuracy[4]}) / $(number inputs) }")
    awk -v a="$by_eval" -v b="$simulated" 'BEGIN { exit !(a > 0 && (a - b) ^ 2 < 1e-8) }' || fail "$*: eval $by_eval, sim $simulated"
    echo "$policy $*: $by_eval"
}
# changes MORE...: another score than that of $base in the same world without these options, and sim's again.
changes() {
    local without with
    without=$(score "${base[@]}" --phases 1 --wait 1 --policy fixed:1) || fail "$without"
    same fixed:1 "${base[@]}" "$@"
    with=$(score "${base[@]}" "$@" --phases 1 --wait 1 --policy fixed:1) || fail "$with"
    [ "$with" = "$without" ] && fail "$* changes nothing"
}

oc=(--trace oc.csv --source-ohm 80000 --period 100)
expect 3 "give --source-ohm" "$WICK" policy synth plan.json --trace oc.csv --period 100 --phases 2 -o table.json
[ -e table.json ] && fail "something was left behind"
expect 0 "expected accuracy within" "$WICK" policy synth plan.json "${oc[@]}" --phases 2 -o table.json
same table.json "${oc[@]}"
same fixed:1 "${oc[@]}"
queue=("${oc[@]}" --scale 0.7 --deadline 500 --phases 1 --policy fixed:1)
[ "$(score "${queue[@]}")" = "$(score "${queue[@]}" --rule drop-old --waiting 1)" ] && fail "--rule changes nothing"
[ "$(score "${queue[@]}")" = "$(score "${queue[@]}" --rule drop-new --waiting 5)" ] || fail "five would wait in any case"
base=("${oc[@]}")
changes --source-ohm 60000
changes --sense 500,2000
changes --send 500,2000
changes --fresh 10
base=("${oc[@]}" --fresh 40)
changes --needs-power
base=("${oc[@]}")
changes --arrivals door.csv
changes --arrivals poisson
base=(--trace load.csv --period 100 --scale 0.07)
changes --load-ohm 15000
changes --from 1000 --to 3000
expect 3 "does not depend on it" "$WICK" policy eval plan.json "${oc[@]}" --area 5 --policy greedy
expect 3 "with the rule" "$WICK" policy eval plan.json "${oc[@]}" --deadline 300 --rule replace --policy greedy
expect 2 "--waiting needs" "$WICK" policy eval plan.json "${oc[@]}" --waiting 3 --policy greedy
expect 0 "greedy" "$WICK" policy eval plan.json "${oc[@]}" --deadline 300 --policy greedy
expect 1 "taking an input draws" "$WICK" policy synth plan.json "${oc[@]}" --sense 50000,2000 -o no.json
expect 1 "no module answers" "$WICK" policy synth plan.json "${oc[@]}" --min-accuracy 1 -o no.json
expect 2 "--fresh is not for show" "$WICK" policy show table.json --fresh 3
[ -e no.json ] && fail "something was left behind"

# Without --period that of listed inputs is their mean distance, 140 s: so many wait.
door=("${oc[@]:0:4}" --arrivals door.csv --deadline 300 --scale 0.7 --phases 1 --policy fixed:1)
mean=$(score "${door[@]}" --wait 1) || fail "$mean"
[ "$mean" = "$(score "${door[@]}" --wait 1 --period 140)" ] || fail "the mean distance is not taken"
[ "$mean" = "$(score "${door[@]}" --wait 1 --period 60)" ] && fail "the period changes nothing"

short=("${oc[@]:0:4}" --arrivals door.csv --scale 0.7 --phases 1 --policy fixed:1 --wait 1)
mean=$(score "${short[@]}") || fail "$mean"
[ "$mean" = "$(score "${short[@]}" --period 140 --deadline 140)" ] || fail "the deadline is not the mean distance"
sed '1s/$/,urgent/; 1!s/$/,1/' door.csv >flags.csv
expect 3 "leave one of both out" "$WICK" policy eval plan.json "${oc[@]:0:4}" --arrivals flags.csv --urgent 2 --policy greedy

# The world is in the policy's file and is told; without these options there is none.
busy=(--sense 300,2000 --arrivals poisson --min-accuracy 0.01 --no-clock)
expect 0 "expected accuracy within" "$WICK" policy synth plan.json "${oc[@]}" "${busy[@]}" --phases 2 -o busy.json --c busy.c
told="--trace oc.csv --source-ohm 80000 --period 100 --sense 300,2000 --arrivals poisson --min-accuracy 0.01 --no-clock"
expect 0 "made for $told" "$WICK" policy show busy.json
expect 0 "\"world\": \"$told\"" "$WICK" policy show busy.json --json
grep -qF -- "--sense 300,2000 --arrivals poisson" busy.c || fail "the C source does not tell the world"
expect 0 "" "$WICK" report plan.json --policy busy.json -o report.html
grep -qF -- "Made for $told." report.html || fail "the report does not tell the world"
expect 0 "" "$WICK" policy synth plan.json --trace builtin:office --scale 0.05 --period 300 --phases 2 -o plain.json
grep -q '"world"' plain.json && fail "a plain world is told"
expect 0 "table" "$WICK" policy show plain.json
echo "ok"
