#!/usr/bin/env bash
# wick shrink and wick check from the command line: a small family is trained, quantized, measured; bad input is refused.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAILED: $*"; cat "$dir/out" "$dir/err" 2>/dev/null; exit 1; }
# expect STATUS TEXT COMMAND...: exit status, and TEXT in what it printed.
expect() {
    local want=$1 text=$2; shift 2
    "$@" >"$dir/out" 2>"$dir/err"; local got=$?
    [ $got -eq "$want" ] || fail "exit status $got, not $want: $*"
    cat "$dir/out" "$dir/err" | grep -qF -- "$text" || fail "does not say '$text': $*"
}
data=builtin:shapes10
cd "$dir" || exit 1
"$WICK" shrink --help >out || fail "--help"
grep -q "Example: wick shrink" out || fail "--help has no example"

"$WICK" train -r vgg16 -w 0.1 -d $data --limit 600 -e 1 -o f.onnx >out 2>err || fail "train"
expect 0 "extractor" "$WICK" shrink f.onnx --int8 -d $data --limit 600 --test -o a.onnx
for calibration in minmax percentile mse; do
    expect 0 '"calibration"' "$WICK" shrink f.onnx --int8 -d $data --limit 600 --calibration $calibration --json -o $calibration.onnx
    cp out $calibration.json
    # The program's own evaluation of the file agrees with what shrink printed and stored.
    expect 0 '"int8"' "$WICK" eval $calibration.onnx -d $data --limit 600 --json
    want=$(grep -o '"int8": 0[.0-9]*' $calibration.json | sed 's/.*: //')
    have=$(grep -o '"accuracy": [.0-9]*' out | sed 's/.*: //')
    [ -n "$want" ] && [ "$want" = "$have" ] || fail "eval says $have, shrink said $want"
done
# The same bytes again, other bytes from other images.
expect 0 "TM4" "$WICK" shrink f.onnx --int8 -d $data --limit 600 -o mse2.onnx
cmp -s mse.onnx mse2.onnx || fail "two runs differ"
expect 0 "TM4" "$WICK" shrink f.onnx --int8 -d $data --limit 600 --seed 2 --images 20 -o seed2.onnx
cmp -s mse.onnx seed2.onnx && fail "another seed gives the same model"

expect 0 "every node runs on the device" "$WICK" check f.onnx
expect 0 '"runs": true' "$WICK" check mse.onnx --json
onnx_data=$WICK_SOURCE/tests/onnx/data
expect 0 "int8, 1 module" "$WICK" check "$onnx_data/quantized.onnx"
expect 1 "node 'ap/AveragePool' (AveragePool): the device averages without padding" "$WICK" check "$onnx_data/family.onnx"
expect 1 '"runs": false' "$WICK" check "$onnx_data/family.onnx" --json
expect 3 "the images of $data are" "$WICK" shrink "$onnx_data/family.onnx" --int8 -d $data --limit 600 -o x.onnx

# Layers apart: what it says is what wick describe and wick check then count; together with --int8.
expect 0 "parameters," "$WICK" shrink f.onnx --separate --separate-above 4000 -o separated.onnx
expect 0 '"parts": 3' "$WICK" shrink f.onnx --separate --separate-above 4000 --json -o again.onnx
cmp -s separated.onnx again.onnx || fail "two separations differ"
want=$(grep -o '"parameters_after": [0-9]*' out | sed 's/.*: //')
expect 0 "TM1" "$WICK" describe separated.onnx --json
have=$(grep -o '"parameters": [0-9]*' out | sed 's/.*: //' | awk '{ sum += $1 } END { print sum / 2 }') # segments and layers
[ "$want" = "$have" ] || fail "describe counts $have parameters, shrink said $want"
"$WICK" train -r cifar10s -w 0.1 --strategy baseline -d $data --limit 300 -e 1 -o s.onnx >out 2>err || fail "train cifar10s"
expect 0 "pairs of linear layers that became one: 1" "$WICK" shrink s.onnx --collapse -o again.onnx
expect 0 '"collapsed_pairs": 0' "$WICK" shrink again.onnx --collapse --json -o again.onnx
expect 0 '"parts": 2' "$WICK" shrink f.onnx --separate=spatial --separate-above 4000 --json -o again.onnx
expect 0 "every node runs on the device" "$WICK" check again.onnx
expect 0 "extractor" "$WICK" shrink f.onnx --separate --separate-by buffers --separate-above 8000 --int8 -d $data --limit 600 -o again.onnx
# Whole channels: a quarter goes, and the answer still has ten classes.
expect 0 '"channels_removed"' "$WICK" shrink f.onnx --channels 0.75 --json -o again.onnx
grep -q '"channels_removed": 0' out && fail "no channel went"
expect 0 "TM1" "$WICK" eval again.onnx -d $data --limit 600
expect 0 "extractor" "$WICK" shrink again.onnx --int8 -d $data --limit 600 -o again.onnx
expect 2 "not a number within" "$WICK" shrink f.onnx --channels 1.5 -o x.onnx
# By their effect on the loss: as many go, but not the same.
"$WICK" shrink f.onnx --channels 0.75 -o plain.onnx >out 2>err || fail "channels"
cp out magnitude.txt
expect 0 "channels that went" "$WICK" shrink f.onnx --channels 0.75 --channel-score taylor -d $data --limit 600 --images 64 -o again.onnx
cmp -s out magnitude.txt || fail "another number of channels went: $(cat out magnitude.txt)"
cmp -s plain.onnx again.onnx && fail "the score changes nothing"
expect 2 "without --channels" "$WICK" shrink f.onnx --collapse --channel-score taylor -d $data -o x.onnx
expect 2 "not magnitude, taylor, energy or outputs" "$WICK" shrink f.onnx --channels 0.5 --channel-score luck -o x.onnx
expect 2 "--data is required" "$WICK" shrink f.onnx --channels 0.5 --channel-score taylor -o x.onnx
# By what a device spends on them: less energy than before, and what the plan of the result says.
expect 0 "outputs in NVM" "$WICK" shrink s.onnx --channels 0.8 --channel-score energy --device m4-fram -d $data --limit 600 --images 64 -o again.onnx
expect 0 '"modelled_for": "m4-fram"' "$WICK" shrink s.onnx --channels 0.8 --channel-score outputs --device m4-fram --capacitor 60 -d $data --limit 600 --images 64 --json -o again.onnx
grep -q '"channels_removed": 0' out && fail "no channel went by outputs"
expect 0 "extractor" "$WICK" shrink again.onnx --int8 -d $data --limit 600 -o again.onnx
expect 1 "channels alone bring the energy of an answer to" "$WICK" shrink s.onnx --channels 0.01 --channel-score energy --device m4-fram -d $data --limit 600 --images 64 -o x.onnx
expect 2 "need --device" "$WICK" shrink s.onnx --channels 0.5 --channel-score energy -d $data -o x.onnx
expect 2 "does not go with --channel-score" "$WICK" shrink s.onnx --channels 0.5 --channel-score energy --device m4-fram --flash 64K -d $data -o x.onnx
expect 2 "belongs to --device" "$WICK" shrink s.onnx --channels 0.5 --capacitor 60 -o x.onnx
# Bits by layer: within the bytes, some of 4 and some of 8, and the integer network has them.
expect 0 '"loss_with_4_bits"' "$WICK" shrink f.onnx --bits auto=9999999 -d $data --limit 600 --images 64 --json -o again.onnx
wide=$(grep -o '"bytes": [0-9]*' out | awk '{ sum += $2 } END { print sum }')
budget=$((wide * 3 / 4))
expect 0 '"loss_with_4_bits"' "$WICK" shrink f.onnx --bits auto=$budget -d $data --limit 600 --images 64 --json -o again.onnx
[ "$(grep -o '"bytes": [0-9]*' out | awk '{ sum += $2 } END { print sum }')" -le $budget ] || fail "more bytes than asked for"
grep -q '"bits": 4' out && grep -q '"bits": 8' out || fail "not mixed: $(cat out)"
grep -q '"loss_on_validation": -\?[0-9]' out || fail "no joint effect: $(cat out)"
expect 0 "on the validation images" "$WICK" shrink f.onnx --bits auto=$budget --int8 -d $data --limit 600 --images 64 -o again.onnx
expect 0 " parameters, " "$WICK" shrink f.onnx --bits 4 -o again.onnx
expect 1 "4 bits in every layer" "$WICK" shrink f.onnx --bits auto=100 -d $data --limit 600 --images 64 -o x.onnx
expect 2 "not 4 or auto" "$WICK" shrink f.onnx --bits 5 -o x.onnx
expect 2 "goes without" "$WICK" shrink f.onnx --bits 4 --equalise -d $data -o x.onnx
rm separated.onnx again.onnx s.onnx plain.onnx magnitude.txt

before=$(ls)
expect 2 "--int8" "$WICK" shrink f.onnx -d $data -o x.onnx
expect 2 "--data" "$WICK" shrink f.onnx --int8 -o x.onnx
expect 2 "not minmax" "$WICK" shrink f.onnx --int8 -d $data --calibration best -o x.onnx
expect 3 "check that the folder exists" "$WICK" shrink f.onnx --int8 -d $data -o none/x.onnx
expect 3 "it is a folder" "$WICK" shrink f.onnx --int8 -d $data -o .
expect 2 "not tucker or spatial" "$WICK" shrink f.onnx --separate=both -o x.onnx
expect 2 "not parameters or buffers" "$WICK" shrink f.onnx --separate --separate-by weight -o x.onnx
expect 2 "add --int8" "$WICK" shrink f.onnx --separate --test -o x.onnx
expect 3 "quantized already" "$WICK" shrink mse.onnx --separate -o x.onnx
expect 3 "quantized already" "$WICK" shrink mse.onnx --int8 -d $data -o x.onnx
expect 3 "missing.onnx" "$WICK" shrink missing.onnx --int8 -d $data -o x.onnx
head -c 5000 f.onnx >cut.onnx
expect 3 "cut.onnx" "$WICK" shrink cut.onnx --int8 -d $data -o x.onnx
expect 3 "cut.onnx" "$WICK" check cut.onnx
rm cut.onnx
[ "$before" = "$(ls)" ] || fail "files were left: $(ls)"
echo "shrink and check hold"
