#!/usr/bin/env bash
# wick check from the outside: the table of operators is the one in docs, the answers and exit statuses, JSON.
set -u
: "${WICK:?the program}"
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
models=$source_dir/tests/onnx/data
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; cat out err 2>/dev/null | head -n 60; exit 1; }
# expect STATUS TEXT COMMAND...
expect() {
    local status=$1 text=$2; shift 2
    "$@" >out 2>err; local got=$?
    [ "$got" = "$status" ] || fail "$*: exit status $got, not $status"
    grep -qF -- "$text" out err || fail "$*: does not say '$text'"
}
expect 0 '| Conv |' "$WICK" check --operators
diff out "$source_dir/docs/operators.md" >difference || { head difference; fail "docs/operators.md is old: wick check --operators >docs/operators.md"; }
expect 2 'name a model' "$WICK" check
expect 3 'cannot open' "$WICK" check nowhere.onnx
expect 0 'every node runs on the device' "$WICK" check "$models/quantized.onnx"
grep -qE '^activations: at most .* input and output of ' out || fail "no peak"
grep -qE '^constants .* as int8$' out || fail "no constants"
expect 0 'fits: SRAM ' "$WICK" check "$models/quantized.onnx" --device m4-fram
grep -qE ' (ms|s)$' out || fail "no time of a layer"
expect 3 'no-such-device' "$WICK" check "$models/quantized.onnx" --device no-such-device
expect 1 '2 problems' "$WICK" check "$models/family.onnx"
expect 1 "node 'ap2/AveragePool' (AveragePool)" "$WICK" check "$models/family.onnx"
expect 1 "node 'cat/Concat' (Concat): its input 0 is a flattened image" "$WICK" check "$models/foreign_12.onnx"
# A device with too little of everything.
sed 's/"sram_bytes": {"value": [0-9]*/"sram_bytes": {"value": 600/' "$source_dir/profiles/m4-fram.json" >tiny.json
expect 1 'does not fit' "$WICK" check "$models/quantized.onnx" --device tiny.json
expect 1 '"fits": false' "$WICK" check "$models/quantized.onnx" --device tiny.json --json
expect 0 '"fits": true' "$WICK" check "$models/quantized.onnx" --device m4-fram --json
grep -qF '"time_us"' out || fail "no time in JSON"
expect 0 '"runs": true' "$WICK" check "$models/quantized.onnx" --json
# Models of other projects, where they are: those with a gate are refused by name.
third=${WICK_ONNX_DATA:-}/models
[ -d "$third" ] || { echo "no third-party models: the rest is skipped"; exit 0; }
for model in "$third"/*; do
    if [[ $model == *-single.onnx ]]; then
        expect 1 'which the network computes' "$WICK" check "$model"
        grep -qE "node '.*decision_head/Gather' \(Gather\)" err || fail "the gate is not named"
        [ "$(grep -c '^wick: ' err)" -ge 2 ] || fail "not all nodes are listed"
    else
        expect 0 'every node runs' "$WICK" check "$model" --device m4-fram
    fi
done
echo "wick check answers"
