#!/usr/bin/env bash
# wick shrink --device: options that do not go together, what is printed where nothing was done, and mixed images.
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
data=(-d builtin:shapes10 --limit 80 --threads 1)
"$WICK" train -r cifar10s --width 0.1 --strategy baseline "${data[@]}" -e 1 --batch 40 -o f.onnx >out 2>err || fail train
goal=(--device m4-fram "${data[@]}" --epochs 1 --trials 1 --batch 40 --images 20 --quiet)

expect 2 "which plans activations of 8 bits" "$WICK" shrink f.onnx "${goal[@]}" --activations 16 -o x.onnx
expect 2 "which plans activations of 8 bits" "$WICK" shrink f.onnx "${goal[@]}" --activations auto -o x.onnx
expect 2 "leave out --int8" "$WICK" shrink f.onnx "${goal[@]}" --bits 4 -o x.onnx
expect 2 "--mixup" "$WICK" shrink f.onnx "${goal[@]}" --mixup -1 -o x.onnx
expect 2 "--mixup belongs to --device" "$WICK" shrink f.onnx --int8 "${data[@]}" --mixup 0.4 -o x.onnx
expect 1 "is the least that any combination of means takes" "$WICK" shrink f.onnx "${goal[@]}" --flash 1000 -o x.onnx
[ ! -s out ] || fail "a table of nothing"
expect 1 '"steps": []' "$WICK" shrink f.onnx "${goal[@]}" --flash 1000 --json -o x.onnx
[ ! -e x.onnx ] || fail "an output of nothing"

# Mixed images train another network; the same option the same one.
for name in plain mixed again; do
    mixup=(); [ $name = plain ] || mixup=(--mixup 0.4)
    expect 0 "every budget holds" "$WICK" shrink f.onnx "${goal[@]}" --flash 17900 "${mixup[@]}" -o $name.onnx
    grep -q "density" out || fail "no training was needed: the test tests nothing"
done
cmp mixed.onnx again.onnx || fail "the same options give two networks"
! cmp -s plain.onnx mixed.onnx || fail "--mixup changes nothing"
echo "refused with the reason; images are mixed where that is asked"
