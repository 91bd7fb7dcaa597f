#!/usr/bin/env bash
# wick train --exits and wick eval of what comes of it, from the outside.
set -u
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
wick=${WICK:?the program}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
die() { echo "FAILED: $*" >&2; exit 1; }
# expect STATUS TEXT COMMAND...: exit status and a text on stderr
expect() {
    local status=$1 text=$2
    shift 2
    "$@" > out 2> err
    local got=$?
    [ "$got" -eq "$status" ] || die "'$*' gave $got, not $status: $(cat err)"
    grep -q -e "$text" err || die "'$*' does not say '$text': $(cat err)"
}

blocks=$source_dir/tests/train/data/tiny_blocks.json
"$wick" train -r "$blocks" -d builtin:shapes10 --limit 200 -e 1 -j 1 --quiet -o n.onnx > n.txt 2> err || die "a network: $(cat err)"
exits=("$wick" train -r n.onnx -d builtin:shapes10 --limit 200 -e 2 -j 1 --quiet)
for kind in global small heads linear; do
    "${exits[@]}" --exits $kind -o $kind.onnx > x.txt 2> err || die "exits $kind: $(cat err)"
    "$wick" eval $kind.onnx -d builtin:shapes10 --limit 200 > $kind.txt 2> err || die "eval $kind: $(cat err)"
    grep -q '^exit1 .*%' $kind.txt && grep -q '^exit2 .*%' $kind.txt || die "$kind: no exits: $(cat $kind.txt)"
done
# 6 and 8 maps of 2 x 2, ten classes.
grep -q ' 570 parameters' global.txt || die "memory of the global exit: $(cat global.txt)"
grep -q ' 580 parameters' linear.txt || die "memory of linear exits: $(cat linear.txt)"
"$wick" eval heads.onnx -d builtin:shapes10 --limit 200 --json | grep -q '"exit_parameters": 10004' || die "memory of heads"
"${exits[@]}" --exits linear --exit-after TM1.pool1 -o x.onnx > one.txt 2> err || die "--exit-after: $(cat err)"
grep -q exit1 one.txt && ! grep -q exit2 one.txt || die "not one exit: $(cat one.txt)"
rm -f x.onnx
expect 2 'global, small, heads or linear' "${exits[@]}" --exits late -o x.onnx
expect 2 'beta does nothing' "${exits[@]}" --exits global --beta 0.1 -o x.onnx
expect 2 'needs --exits' "${exits[@]}" --exit-after TM1.pool1 -o x.onnx
expect 2 'finished network' "$wick" train -r "$blocks" --exits small -d builtin:shapes10 --limit 200 -o x.onnx
expect 3 'no node' "${exits[@]}" --exits small --exit-after pool9 -o x.onnx
"$wick" train -r "$source_dir/tests/train/data/tiny_family.json" -d builtin:shapes10 --limit 200 -e 1 -j 1 --quiet -o a.onnx > x.txt 2> err || die "a family: $(cat err)"
expect 3 'has 3 modules' "$wick" train -r a.onnx --exits small -d builtin:shapes10 --limit 200 -o x.onnx
expect 3 "begin with 'exit'" "$wick" train -r linear.onnx --exits small -d builtin:shapes10 --limit 200 -o x.onnx
LC_ALL=C sed 's/wick\.chain\x12\x011/wick.chain\x12\x012/' linear.onnx > odd.onnx
cmp -s linear.onnx odd.onnx && die "nothing was planted"
expect 3 'wick.chain: must be 1' "$wick" eval odd.onnx -d builtin:shapes10 --limit 200
LC_ALL=C sed 's/wick\.chain\x12\x011/wick.chAin\x12\x011/' linear.onnx > odd.onnx
expect 3 'name the tensor that the modules share' "$wick" eval odd.onnx -d builtin:shapes10 --limit 200
[ ! -e x.onnx ] && [ ! -e x.onnx.state ] || die "something half-written"
echo "exits behave"
