#!/usr/bin/env bash
# wick policy on a real plan: synth, show, eval; the table in the simulator and in the firmware's run; bad input.
set -u
: "${WICK:?the program}"
dir=$(mktemp -d /tmp/wick-policy-cli-XXXXXX)
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

world=(--trace builtin:office --scale 0.05 --period 300 --phases 2)
expect 0 "expected accuracy within the deadline" "$WICK" policy synth plan.json "${world[@]}" -o table.json --c model_policy.c
expect 0 "expected accuracy within the deadline" "$WICK" policy synth plan.json "${world[@]}" --power-switch -o off.json
expect 0 '"kind": "edf"' "$WICK" policy synth plan.json "${world[@]}" --kind edf -o edf.json --json
expect 0 "first decision of an input" "$WICK" policy show table.json
expect 0 "keeps" "$WICK" policy show edf.json
expect 3 "only a table" "$WICK" policy show edf.json --plot edf.svg
expect 0 "table.json" "$WICK" policy eval plan.json "${world[@]}" --policy table.json --policy edf.json
gcc -std=c99 -Wall -Wextra -Werror -c -I "${WICK_SOURCE:?}/runtime/include" model_policy.c -o model_policy.o || fail "the C source"

# Whatever a path holds: the comment that records the command, in the order given, ends where it should.
odd=$'it\'s a*/b??\n/c\\/*'
mkdir -p "$odd/??"
printf 'time_s,power_uw\n0,900\n600,900\n' >"$odd/t.csv"
expect 0 "fixed" "$WICK" policy synth plan.json --trace "$odd/t.csv" --kind fixed -o fixed.json --c "$odd/??/\\"
gcc -std=c99 -Wall -Wextra -Werror -x c -c -I "$WICK_SOURCE/runtime/include" - -o odd.o <"$odd/??/\\" || fail "the C source of an odd path"
grep -qF "made by wick policy synth plan.json --trace 'it'\\''s a* /b? ? /c\\/ * /t.csv' --kind fixed -o" "$odd/??/\\" ||
    { head -3 "$odd/??/\\"; fail "not the command as it was given"; }

# The same policy decides in the simulator and in the firmware's own code: the same run.
for how in "" --firmware; do
    "$WICK" sim plan.json --trace builtin:office --scale 0.05 --data builtin:shapes10 --samples 20 --period 300 --duration 20000 \
        --policy table.json --policy edf.json --json $how >"run$how.json" 2>err.txt || { cat err.txt; fail "sim $how"; }
done
counts() { grep -E '"(inputs|answers|in_time|correct_in_time|missed|power_failures|boots|commits|TM.)"' "$1"; }
[ "$(counts run.json | wc -l)" -ge 20 ] || fail "too little to compare"
diff <(counts run.json) <(counts run--firmware.json) || fail "fast and firmware differ"

run=(--trace builtin:office --scale 0.05 --data builtin:shapes10 --samples 20 --period 300 --policy greedy)
expect 0 "greedy" "$WICK" sim plan.json "${run[@]}" --duration 3000 --compare
grep -qE "coarser grid|more might" out.txt && fail "ten inputs are not many"
expect 0 "coarser grid" "$WICK" sim plan.json "${run[@]}" --duration 3000 --compare --effort 0.001
expect 0 '"slots": 2' "$WICK" sim plan.json "${run[@]}" --duration 3000 --compare --effort 0.001 --json
expect 3 "allow more effort" "$WICK" sim plan.json "${run[@]}" --duration 3000 --compare --effort 1e-6
# Both bounds beside what they bound; where there are none the policies alone, and why.
expect 0 "best fixed module (fixed:TM" "$WICK" sim plan.json "${run[@]}" --duration 12000 --compare --effort 0.01
grep -q "right in time" out.txt || fail "nothing is counted as the bound of known modules counts"
grep -qE "note" out.txt && { cat out.txt; fail "40 inputs need no note"; }
expect 0 "only 10 inputs come" "$WICK" sim plan.json "${run[@]}" --duration 3000 --compare
"$WICK" sim plan.json "${run[@]}" --duration 3000 --compare --json 2>/dev/null >compare.json || fail "JSON"
python3 - <<'PY' || fail "a bound lies below what it bounds"
import json
c = json.load(open("compare.json"))
assert all(p["expected_in_time"] <= c["bound_energy"] + 1e-9 for p in c["policies"])
assert all(p["accuracy_in_time"] <= c["bound_known"] + 1e-9 for p in c["policies"])
assert c["inputs"] == 10
by_name = {p["policy"]: p for p in c["policies"]}
for best, score in (("best_fixed", "expected_in_time"), ("best_fixed_known", "accuracy_in_time")):
    assert by_name[c[best]][score] == max(p[score] for p in c["policies"] if p["policy"].startswith("fixed:"))
PY
echo -e "time_s\n3\n700" >door.csv
for when in "--arrivals poisson" "--arrivals door.csv" "--phase 15" "--period 300 --deadline 1600 --rule drop-old --waiting 5"; do
    expect 0 "note: there are no bounds:" "$WICK" sim plan.json "${run[@]}" --duration 3000 --compare $when
    grep -q "^greedy" out.txt && grep -q "best fixed module" out.txt || fail "no policies without bounds: $when"
    grep -q "harvest known" out.txt && fail "bounds where there are none: $when"
    expect 0 '"bound_known": null' "$WICK" sim plan.json "${run[@]}" --duration 3000 --compare $when --json
done
grep -q "at most 5 periods" out.txt || fail "what bounds need is not told"
expect 0 "0 inputs. " "$WICK" sim plan.json "${run[@]}" --duration 3000 --compare --phase 1e6
grep -q "no input comes" out.txt || fail "no word of no input"
{ echo time_s,isc_ma,voc_v,imp_ma,vmp_v; for t in {0..3000..10}; do echo $t,0.05,5.5,0.045,4.45; done; } >panel.csv
run_diode=(--trace panel.csv --harvester harvester-diode-panel --data builtin:shapes10 --samples 20 --period 300 --policy greedy)
expect 0 "harvest known: bound" "$WICK" sim plan.json "${run_diode[@]}" --compare
grep -q "apart" out.txt && fail "behind a diode the bound is the optimum"
expect 0 "% of the bound apart: the optimum lies between" "$WICK" sim plan.json "${run[@]}" --scale 0.01 --duration 9000 --compare --effort 0.001
grep -q "^--effort F takes" out.txt || fail "nothing that helps"
{ echo time_s,isc_ma,voc_v,imp_ma,vmp_v; for t in {0..3000..10}; do echo $t,0.006,4.3,0.00435,3.4; done; } >panel.csv
expect 0 "the device never wakes" "$WICK" sim plan.json "${run_diode[@]}" --compare
grep -qE "^harvest known: bound +0.00 %" out.txt || fail "its source is too weak for the wake voltage, and the bound does not know it"

expect 2 "--effort needs --compare" "$WICK" sim plan.json "${run[@]}" --effort 2

expect 0 "greedy" "$WICK" policy eval plan.json "${world[@]}" --policy greedy --policy edf:20
expect 3 "no such policy" "$WICK" policy eval plan.json "${world[@]}" --policy gredy
expect 0 '"first": [' "$WICK" policy show table.json --json
expect 2 "--trace is not for show" "$WICK" policy show table.json --trace builtin:rf
expect 2 "--kind is not for eval" "$WICK" policy eval plan.json "${world[@]}" --policy greedy --kind edf
expect 2 "--slots is for --kind table" "$WICK" policy synth plan.json "${world[@]}" --kind edf --slots 20 -o x.json
{ printf '\357\273\277'; cat edf.json; } >marked.json
expect 0 "keeps" "$WICK" policy show marked.json
expect 2 ".svg or .png" "$WICK" policy show table.json --plot maps.pdf
expect 3 "this is no policy" "$WICK" policy show plan.json
expect 3 "this is no plan" "$WICK" policy eval table.json "${world[@]}" --policy greedy
expect 3 "no JSON document" "$WICK" policy eval f8.onnx "${world[@]}" --policy greedy
expect 3 "cannot create" "$WICK" policy synth plan.json "${world[@]}" -o half.json --c no/such.c
[ -e half.json ] && fail "half of a result was left behind"

# A full disk for the second file: neither is changed, and nothing is left.
cp edf.json before.json
for c in /dev/full no-space/x.c; do
    [ $c = /dev/full ] && status=4 text="cannot write" || status=3 text="cannot create"
    expect $status "$text" "$WICK" policy synth plan.json "${world[@]}" --kind fixed -o edf.json --c $c
    cmp edf.json before.json || fail "--c $c failed, and --output was replaced"
    ! ls ./*.tmp.* 2>/dev/null || fail "left behind"
done

# A table belongs to its plan; energies and powers serve any.
"$WICK" plan f8.onnx --device m4-fram --capacitor 200 -o plan200.json >plan.txt 2>&1 || { cat plan.txt; fail "planning"; }
expect 3 "made for another plan" "$WICK" policy eval plan200.json "${world[@]}" --policy table.json
expect 3 "made for another plan" "$WICK" sim plan200.json --trace builtin:office --data builtin:shapes10 --samples 5 --policy table.json
expect 3 "made for another plan" "$WICK" report plan200.json --policy table.json -o report.html
expect 0 "edf.json" "$WICK" policy eval plan200.json "${world[@]}" --policy edf.json

# What would change nothing is refused; what is chance is said.
expect 2 "--waiting needs" "$WICK" sim plan.json "${run[@]}" --waiting 2
expect 0 "no input comes within the run" "$WICK" sim plan.json "${run[@]}" --duration 100 --phase 200
expect 3 "does not depend on it" "$WICK" sim plan.json "${run[@]}" --load-ohm 5
mkdir -p other/{ant,bee,cat,dog,eel,fox,gnu,hen,ibis,jay}
base64 -d >black.png <<<iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAGUlEQVR42u3BMQEAAADCoPVP7WENoAAAAG4MIAABITLN7AAAAABJRU5ErkJggg==
for class in other/*; do for i in {1..10}; do cp black.png "$class/$i.png"; done; done
expect 0 "model's classes (circle" "$WICK" sim plan.json "${run[@]}" --data folder:other --duration 600

# Numbers are decimal; an energy has its time.
expect 2 "both above 0 or both 0" "$WICK" sim plan.json "${run[@]}" --sense 1e6,0
expect 2 "takes an energy in uJ and its time in us" "$WICK" sim plan.json "${run[@]}" --sense 0x10,5
expect 2 "'0x10' is not a number" "$WICK" policy eval plan.json "${world[@]}" --period 0x10 --policy greedy
expect 3 "this is no energy" "$WICK" policy eval plan.json "${world[@]}" --policy edf:0x10
expect 3 "not three thresholds" "$WICK" policy eval plan.json "${world[@]}" --policy threshold:0x1,2,3
expect 2 "takes two prices" "$WICK" size plan.json "${run[@]:0:10}" --target "answers>=1%" --price 0x1,2
for uf in 0 -1; do
    sed "s/\"uf\": {\"value\": [0-9.]*/\"uf\": {\"value\": $uf/" "$WICK_SOURCE/profiles/m4-fram.json" >uf.json
    expect 3 "hint: correct the number" "$WICK" plan f8.onnx --device ./uf.json
done

# A run lasts until the last deadline: refused where that is far beyond the trace.
expect 3 "--deadline: a run would last" timeout 20 "$WICK" policy eval plan.json "${world[@]}" --policy greedy --deadline 1e9
expect 3 "--period: a run would last" timeout 20 "$WICK" policy eval plan.json --trace builtin:rf --policy greedy --period 1e9
expect 3 "--deadline: a run would last" timeout 20 "$WICK" policy synth plan.json "${world[@]}" --trace builtin:rf --deadline 1e6 -o x.json
expect 0 "greedy" "$WICK" policy eval plan.json "${world[@]}" --policy greedy --deadline 1e5

expect 2 "say synth" "$WICK" policy make plan.json
expect 2 "--output" "$WICK" policy synth plan.json "${world[@]}"
expect 3 "no such kind" "$WICK" policy synth plan.json "${world[@]}" --kind magic -o x.json
[ -e x.json ] && fail "something was left behind"
sed 's/"rows": "../"rows": "dd/' table.json >bad.json
expect 3 "names no module" "$WICK" policy show bad.json
sed 's/"rows": "../"rows": "ee/; s/"kind"/"rest_uj": 77, "kind"/' table.json >off.json
expect 0 "less than 77 uJ" "$WICK" policy show off.json
expect 3 "names no module" "$WICK" sim plan.json --trace builtin:office --data builtin:shapes10 --policy bad.json
echo "ok"
