#!/usr/bin/env bash
# Windows of two sensors, from NumPy files to proven firmware, with the commands that a user types.
set -u
wick=${WICK:?the program}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
die() { echo "FAILED: $*" >&2; exit 1; }
# npy DESCR SHAPE: a file of version 1 from the numbers on stdin, little-endian, of 2 bytes or 1
npy() {
    local dict="{'descr': '$1', 'fortran_order': False, 'shape': $2, }" bytes=2
    [ "$1" = '|u1' ] && bytes=1
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$dict"
    printf '%b' "$(awk -v bytes=$bytes '{ v = $1 < 0 ? $1 + 65536 : $1; printf "\\0%03o", v % 256; if (bytes == 2) printf "\\0%03o", int(v / 256) }')"
}
# windows N STRENGTH: N windows of 32 samples of 2 channels; class 0 swings slowly, class 1 fast, class 2 not at all
windows() {
    awk -v n="$1" -v strength="$2" 'BEGIN { srand(7); for (i = 0; i < n; i++) { phase = 6.28 * rand(); for (t = 0; t < 32; t++) for (c = 0; c < 2; c++)
        printf "%d\n", 40 * (rand() - 0.5) + (i % 3 == 2 ? 0 : strength * sin(phase + (i % 3 ? 1.2 : 0.3) * t) * (c ? 1 : 5)) } }'
}
labels() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) print i % 3 }'; }
mkdir har later
windows 300 200 | npy '<i2' '(300, 32, 2)' > har/X.npy
labels 300 | npy '|u1' '(300,)' > har/y.npy
windows 60 120 | npy '<i2' '(60, 32, 2)' > later/X.npy
labels 60 | npy '|u1' '(60,)' > later/y.npy

"$wick" data show npy:har > show.txt || die "data show"
grep -q NumPy show.txt && grep -q "windows of 32 samples, 2 channels" show.txt || die "not recognised: $(cat show.txt)"
"$wick" train --recipe sensor --width 0.25 --data npy:har --epochs 8 --batch 32 --threads 1 --quiet --test -o har.onnx > train.txt 2> err || die "train: $(cat err)"
"$wick" eval har.onnx --data npy:har --split test > eval.txt || die "eval"
awk '/^TM1/ { if ($4 < 80) exit 1; seen = 1 } END { exit !seen }' eval.txt || die "TM1 learned nothing: $(cat eval.txt)"
"$wick" describe har.onnx | grep -Eq '8 bits of each sensor channel stand for -[0-9]+ to [0-9]+, -[0-9]+ to [0-9]+$' || die "describe has no ranges"
# Windows of a gentler day are opened with the ranges of the model, so that they mean the same.
"$wick" eval har.onnx --data npy:later --split train > later.txt 2> err || die "later: $(cat err)"
awk '/^TM1/ { if ($4 < 70) exit 1; seen = 1 } END { exit !seen }' later.txt || die "later windows mean something else: $(cat later.txt)"
"$wick" shrink --int8 har.onnx --data npy:har -o int8.onnx > shrink.txt 2> err || die "shrink: $(cat err)"
"$wick" plan int8.onnx --device m4-fram -o plan.json > plan.txt 2> err || die "plan: $(cat err)"
"$wick" emit plan.json --data npy:har -o fw > emit.txt 2> err || die "emit: $(cat err)"
grep -q 'uint8_t wick_model_pixel(int channel, float value)' fw/model.h || die "the firmware does not convert values"
"$wick" verify fw --plan plan.json --data npy:later --no-qemu --seeded 20 --pairs 20 > verify.txt 2> err || die "verify: $(cat err verify.txt)"
grep -q 'G1' verify.txt || die "no guarantees: $(cat verify.txt)"

# An image model's firmware has no such function.
"$wick" train --recipe vgg16 --width 0.05 --data builtin:shapes10 --limit 100 --epochs 1 --batch 32 --threads 1 --quiet -o image.onnx > /dev/null 2> err || die "image: $(cat err)"
"$wick" describe image.onnx | grep -q 'sensor channel' && die "an image has sensor ranges"
[ "$("$wick" describe image.onnx --json | grep -c '"sensor_ranges": \[\]')" -eq 1 ] || die "JSON without ranges"
echo "sensor windows reach the firmware"
