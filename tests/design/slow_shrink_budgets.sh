#!/usr/bin/env bash
# wick shrink --device: killed and stopped, it ends in the same bytes; what it promises is what wick plan says; what
# cannot be is refused, and how near it came is said.
set -u
: "${WICK:?the program}"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; cat out err 2>/dev/null | head -n 40; exit 1; }
# expect STATUS TEXT COMMAND...
expect() {
    local status=$1 text=$2; shift 2
    "$@" >out 2>err; local got=$?
    [ "$got" = "$status" ] || fail "$*: exit status $got, not $status"
    grep -qF -- "$text" out err || fail "$*: does not say '$text'"
}
data=(-d builtin:shapes10 --limit 800 --threads 1)
"$WICK" train -r cifar10s --batch-norm --width 0.2 --strategy baseline "${data[@]}" -e 12 --batch 32 --lr 0.02 -o f.onnx >out 2>err || fail train
goal=(--device m4-fram "${data[@]}" --epochs 8 --trials 2 --batch 32 --images 64 --flash 18200 --ram 9K)

# Undisturbed; the promised figures are the plan's.
start=$(date +%s%N)
expect 0 "every budget holds with" "$WICK" shrink f.onnx "${goal[@]}" -o whole.onnx
span_ms=$((($(date +%s%N) - start) / 1000000))
[ ! -e whole.onnx.shrink ] || fail "the work is still there after success"
grep -q "trial: " out || fail "no trial was needed: the test tests nothing"
command=$(tail -n 1 out)
expect 0 '"met": true' "$WICK" shrink f.onnx "${goal[@]}" --json -o again.onnx
cmp whole.onnx again.onnx || fail "two runs differ"
best=$(python3 -c 'import json; r = json.load(open("out")); s = r["steps"][r["best"]]
print("%d %d %d" % (s["flash_bytes"], s["ram_bytes"], s["nvm_bytes"]))
assert all(s[k] <= r["budgets"][k] for k in ("flash_bytes", "ram_bytes", "nvm_bytes")) and not s["over"]
assert r["plan"].startswith("wick plan again.onnx --device m4-fram --flash 18200 --ram 9216")') || fail "the JSON"
"$WICK" ${command#wick } --json >plan.out 2>err || fail "the promised command: $command"
plan=$(python3 -c 'import json; t = json.load(open("plan.out"))["totals"]
print("%d %d %d" % (t["flash_bytes"], t["ram_bytes"], t["nvm_bytes"]))')
[ "$best" = "$plan" ] || fail "promised $best, planned $plan"
said=$(grep -o "\"TM1\": [0-9.e-]*" out | tail -n 1 | sed "s,.*: ,,")
expect 0 "$said" "$WICK" eval whole.onnx "${data[@]}" --json

# kill -9 at any moment, then Ctrl-C.
landed=0
for percent in 15 40 60 75 30; do
    "$WICK" shrink f.onnx "${goal[@]}" -o cut.onnx >out 2>err &
    pid=$!
    sleep "$(printf '%d.%03d' $((span_ms * percent / 100 / 1000)) $((span_ms * percent / 100 % 1000)))"
    kill -9 $pid 2>/dev/null && [ -s cut.onnx.shrink/state.json ] && landed=$((landed + 1))
    wait $pid 2>/dev/null
done
[ $landed -ge 1 ] || fail "no kill hit the work"
[ -e cut.onnx ] || expect 3 "another budgets" "$WICK" shrink f.onnx "${goal[@]}" --ram 10K -o cut.onnx
expect 0 "every budget holds with" "$WICK" shrink f.onnx "${goal[@]}" -o cut.onnx
cmp whole.onnx cut.onnx || fail "kill -9 changes the bytes"
[ ! -e cut.onnx.shrink ] || fail "the work is still there after the last resume"
"$WICK" shrink f.onnx "${goal[@]}" --epochs 400 -o int.onnx >out 2>err &
pid=$!
for _ in $(seq 600); do
    ls int.onnx.shrink/*.state >/dev/null 2>&1 && break
    sleep 0.1
done
kill -INT $pid
wait $pid
status=$?
[ $status -eq 4 ] || fail "Ctrl-C gave exit status $status"
grep -q "the same command goes on" err || fail "Ctrl-C does not say how to go on"
[ ! -e int.onnx ] || fail "an output after Ctrl-C"

# What cannot be.
expect 1 "is the least that any combination of means takes" "$WICK" shrink f.onnx "${goal[@]}" --flash 9000 -o x.onnx
grep -q "of the layers '" err || fail "no layer is named"
[ ! -e x.onnx ] || fail "an output without --keep-best"
expect 1 "max-drop: nearest is" "$WICK" shrink f.onnx "${goal[@]}" --flash 15700 --ram 640K --max-drop 0 --epochs 1 --trials 1 --keep-best -o x.onnx
[ -s x.onnx ] || fail "--keep-best wrote nothing"
grep -q "!" out || fail "the table does not mark what is over its budget"
expect 3 "say with --max-drop" "$WICK" shrink f.onnx "${goal[@]}" --smallest -o y.onnx
expect 0 '"met": true' "$WICK" shrink f.onnx --device m4-fram "${data[@]}" --epochs 2 --trials 1 --batch 32 --images 64 --max-drop 15 --smallest --json -o y.onnx
python3 -c 'import json; r = json.load(open("out")); s = r["steps"]; b = s[r["best"]]
kept = [x for x in s if not x["over"] and not x["step"].startswith("trial") and x["flash_bytes"]]
assert len(kept) >= 3 and b == kept[-1], kept
assert all(x["flash_bytes"] > y["flash_bytes"] for x, y in zip(kept, kept[1:])), kept
assert b["drop_points"] <= 15 and b["flash_bytes"] <= r["budgets"]["flash_bytes"]' || fail "--smallest"
# Layers that bear zeros badly are denser than the rest, and said.
brief=(--device m4-fram "${data[@]}" --epochs 1 --trials 2 --batch 32 --images 64 --flash 17504 --fragile 1)
expect 0 ", keeps 0." "$WICK" shrink f.onnx "${brief[@]}" -o y.onnx
grep -q "denser" out && grep -q "wick: fragile: TM1" err || fail "fragile layers are not said"
expect 0 '"met": true' "$WICK" shrink f.onnx "${brief[@]}" --json -o y.onnx
python3 -c 'import json; s = json.load(open("out"))["steps"]
f = [x for y in s for x in y["fragile"]]
assert f and all(x["keeps"] > x["at_density"] and x["drop_points"] >= 1 for x in f), f
assert not s[0]["fragile"] and not s[1]["fragile"]' || fail "fragile layers in the JSON"
expect 3 "quantized already" "$WICK" shrink x.onnx "${goal[@]}" -o y.onnx
expect 3 "there is no such file in profiles/" "$WICK" shrink f.onnx "${goal[@]}" --device nowhere -o y.onnx
expect 2 "belongs to --device" "$WICK" shrink f.onnx --int8 "${data[@]}" --flash 64K -o y.onnx
expect 2 "is no size" "$WICK" shrink f.onnx "${goal[@]}" --flash lots -o y.onnx
expect 2 "is no energy with its unit" "$WICK" shrink f.onnx "${goal[@]}" --energy 2 -o y.onnx
expect 2 "leave out --int8" "$WICK" shrink f.onnx "${goal[@]}" --int8 -o y.onnx
echo "budgets hold; $landed kills, the same bytes"
