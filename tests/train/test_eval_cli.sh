#!/usr/bin/env bash
# wick eval from the outside: tables, JSON, pictures, of float and int8 models; the numbers agree with each other.
set -u
: "${WICK:?the program}"
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; cat out err 2>/dev/null | head -n 60; exit 1; }
# 200 and 40 images of 16x16 noise (any file's bytes) in ten classes: read in no time.
mkdir noise
images() { printf "\\0\\0\\10\\3\\0\\0\\0\\$1\\0\\0\\0\\20\\0\\0\\0\\20"; head -c "$2" "$source_dir/docs/report.png"; }
labels() { printf "\\0\\0\\10\\1\\0\\0\\0\\$1"; for ((i = 0; i < $2; i += 10)); do printf '\0\1\2\3\4\5\6\7\10\11'; done; }
images 310 51200 >noise/train-images-idx3-ubyte
labels 310 200 >noise/train-labels-idx1-ubyte
images 50 10240 >noise/t10k-images-idx3-ubyte
labels 50 40 >noise/t10k-labels-idx1-ubyte
data=(--data idx:noise)
"$WICK" train --recipe "$source_dir/tests/train/data/tiny_family.json" "${data[@]}" -e 1 -b 32 -j 1 -o f.onnx >out 2>err || fail "train"
"$WICK" shrink f.onnx --int8 "${data[@]}" --images 20 -o q.onnx >out 2>err || fail "shrink"

plot() { :; }
if command -v gnuplot >/dev/null; then plot() { echo "--plot $1"; }; fi
for model in f q; do
    "$WICK" eval $model.onnx "${data[@]}" --split train --bins 8 --json $(plot $model.svg) >$model.json 2>err || fail "$model: JSON"
    "$WICK" eval $model.onnx "${data[@]}" --split train --bins 8 -j 1 --detail $(plot $model.png) >$model.txt 2>err || fail "$model: text"
    [ ! -s err ] || fail "$model: something on stderr"
    # Every module: the matrix, the histogram and the classes each hold all 180 images.
    awk '/"name": "TM/ { modules++ }
         /"confusion"/ { in_matrix = 1 }
         in_matrix && /^ *[0-9]+,?$/ { gsub(/[ ,]/, ""); matrix += $0 }
         /"confidences"/ { in_matrix = 0; in_bins = 1 }
         in_bins && /"(right|wrong)"/ { gsub(/[^0-9]/, ""); bins += $0 }
         /"images"/ && !in_matrix { gsub(/[^0-9]/, ""); images += $0 }
         /"name"/ { in_bins = 0 }
         END { if (modules != 3 || matrix != 3 * 180 || bins != 3 * 180 || images != 4 * 180) { print modules, matrix, bins, images; exit 1 } }' \
        $model.json >out || fail "$model: the numbers do not add up"
    # Text and JSON say the same about the first module; its diagonal is what it got right.
    right=$(grep -m 1 '"right"' $model.json | tr -dc 0-9)
    grep -qE "^TM1 +$right +180 " $model.txt || fail "$model: text and JSON differ"
    diagonal=$(awk '/^module TM1/ { on = 1 } /^module TM2/ { on = 0 }
                    on && /^[0-9] / { n = $(NF - 9 + $1); sum += n == "-" ? 0 : n } END { print sum }' $model.txt)
    [ "$diagonal" = "$right" ] || fail "$model: the diagonal holds $diagonal, not $right"
    grep -q '^module TM3$' $model.txt || fail "$model: not every module in detail"
done
grep -q '"precision": "int8"' q.json || fail "q.onnx is not int8"
"$WICK" eval q.onnx "${data[@]}" >out 2>err || fail "the short form"
[ "$(wc -l <out)" -eq 4 ] || fail "more than a table without --detail"
if command -v gnuplot >/dev/null; then
    grep -q '<svg' q.svg || fail "not an SVG"
    ! grep -q '<image' q.svg || fail "cells of the matrix are blurred"
    [ "$(grep -c 'calibration error [0-9.]* %' q.svg)" -eq 3 ] || fail "not a row for each module"
    [ "$(head -c 4 f.png | tail -c 3)" = PNG ] || fail "not a PNG"
fi
# refuse STATUS TEXT OPTIONS...
refuse() {
    local want=$1 text=$2; shift 2
    "$WICK" eval f.onnx "${data[@]}" "$@" >out 2>err; local got=$?
    [ $got -eq "$want" ] || fail "exit status $got, not $want: $*"
    grep -q -e "$text" err || fail "no '$text': $*"
}
refuse 2 'FILE.svg or FILE.png' --plot p.pdf
refuse 2 'within 1 to 1000' --bins 0
refuse 3 'check that the folder exists' --plot none/p.svg
mkdir bin && ln -s "$(command -v sh)" bin/sh
PATH=$work/bin "$WICK" eval f.onnx "${data[@]}" --plot n.svg >out 2>err
[ $? -eq 3 ] && grep -q gnuplot err && [ ! -e n.svg ] || fail "without gnuplot"
echo "eval's numbers agree"
