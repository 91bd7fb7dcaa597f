#!/usr/bin/env bash
# A network with exits from training to the proof: int8 accuracies, plan, and power cuts of every exit on the PC and on emulated Thumb code.
set -u
: "${WICK:?the program}"
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; tail -n 40 out err 2>/dev/null; exit 1; }
data=(-d builtin:shapes10 --limit 600)
"$WICK" train -r "$source_dir/tests/train/data/tiny_blocks.json" "${data[@]}" -e 2 -j 1 --quiet -o n.onnx >out 2>err || fail "the network"
for kind in global small; do
    "$WICK" train -r n.onnx --exits $kind "${data[@]}" -e 2 --lr 0.02 -j 1 --quiet -o e.onnx >out 2>err || fail "$kind: training"
    "$WICK" eval e.onnx "${data[@]}" >float.txt 2>err || fail "$kind: eval"
    "$WICK" shrink e.onnx --int8 "${data[@]}" -o q.onnx >out 2>err || fail "$kind: shrink"
    "$WICK" eval q.onnx "${data[@]}" >int8.txt 2>err || fail "$kind: eval of int8"
    for exit in exit1 exit2; do
        a=$(awk -v m=$exit '$1 == m { print $4 }' float.txt) b=$(awk -v m=$exit '$1 == m { print $4 }' int8.txt)
        awk -v a="$a" -v b="$b" 'BEGIN { exit !(a != "" && b > a - 8 && b < a + 8) }' || fail "$kind $exit: float $a %, int8 $b %"
    done
    "$WICK" plan q.onnx --device m4-fram -o plan.json >out 2>err || fail "$kind: plan"
    "$WICK" emit plan.json -o fw >out 2>err || fail "$kind: emit"
    grep -q 'chain = 1' fw/model_data.c || fail "$kind: the firmware does not know the chain"
    "$WICK" verify fw --inputs 1 --seeded 100 --rig host,unicorn --thumb-cuts 100 >out 2>err || fail "$kind: verify"
    cp out $kind.txt
done
tail -n 5 small.txt
echo "exits answer as the PC does, through power failures"
