#!/usr/bin/env bash
# What users get wrong: each gives its exit status, one message with the place and the way out, and leaves no file behind.
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

# expect STATUS TEXT FORBIDDEN-OUTPUT command...
expect() {
    local want=$1 text=$2 output=$3 status=0
    shift 3
    "$@" >stdout.txt 2>stderr.txt </dev/null || status=$?
    if [ "$status" -ne "$want" ]; then
        echo "FAILED: exit status $status, not $want: $*"; cat stderr.txt; exit 1
    fi
    if ! grep -qF -- "$text" stderr.txt; then
        echo "FAILED: the message does not say '$text': $*"; cat stderr.txt; exit 1
    fi
    if [ -n "$output" ] && [ -e "$output" ]; then echo "FAILED: $output was left behind: $*"; exit 1; fi
    if compgen -G '*.tmp.*' >/dev/null; then echo "FAILED: a temporary file was left behind: $*"; exit 1; fi
}

"$WICK" train --recipe vgg16 --width 0.05 --batch-norm --data builtin:shapes10 --limit 200 --epochs 1 -o family.onnx 2>/dev/null >/dev/null
"$WICK" shrink family.onnx --int8 --data builtin:shapes10 --images 16 -o int8.onnx >/dev/null 2>&1
"$WICK" plan int8.onnx --device m4-fram -o plan.json >/dev/null

# usage
expect 2 'no command' '' "$WICK" fly
expect 2 'unrecognized option' '' "$WICK" plan --fly
expect 2 'not a number' '' "$WICK" sim plan.json --trace builtin:rf --data builtin:shapes10 --period x
# models
head -c 1000 family.onnx >cut.onnx
expect 3 'cut.onnx' out.onnx "$WICK" shrink cut.onnx --int8 --data builtin:shapes10 -o out.onnx
expect 3 'nowhere.onnx' out.onnx "$WICK" shrink nowhere.onnx --int8 --data builtin:shapes10 -o out.onnx
head -c 4096 /dev/urandom >noise.onnx
expect 3 'noise.onnx' '' "$WICK" describe noise.onnx
# recipes
sed 's/"conv"/"convolve"/' "$WICK_SOURCE/recipes/vgg16.json" >bad-recipe.json
expect 3 'convolve' out.onnx "$WICK" train --recipe ./bad-recipe.json --data builtin:shapes10 -o out.onnx
# profiles
python_free_edit() { sed "$1" "$WICK_SOURCE/profiles/m4-fram.json" >bad-profile.json; }
python_free_edit '/"sleep_uw"/d'
expect 3 'sleep_uw' out.json "$WICK" plan int8.onnx --device ./bad-profile.json -o out.json
python_free_edit 's/\("sleep_uw": *{ *"value": *\)/\1-/'
if cmp -s bad-profile.json "$WICK_SOURCE/profiles/m4-fram.json"; then python_free_edit 's/\("sleep_uw": *\)/\1-/'; fi
expect 3 'sleep_uw' out.json "$WICK" plan int8.onnx --device ./bad-profile.json -o out.json
# traces
printf 'time_s,power_uw\n0,100\n2,100\n1,100\n' >back.csv
expect 3 'line 4' '' "$WICK" sim plan.json --trace back.csv --data builtin:shapes10 --samples 5
truncate -s 300M giant.csv
expect 3 'cut it' '' "$WICK" sim plan.json --trace giant.csv --data builtin:shapes10 --samples 5
rm giant.csv
printf 'time_min,power_uw\n0,100\n1,100\n' >minutes.csv
expect 3 'time_s (or' '' "$WICK" sim plan.json --trace minutes.csv --data builtin:shapes10 --samples 5
for command in fleet 'size --target answers>=1%'; do
    # shellcheck disable=SC2086
    expect 3 'line 4' '' "$WICK" ${command%% *} plan.json ${command#"${command%% *}"} --trace back.csv --data builtin:shapes10 --samples 5
done
# thresholds that cannot work
python_free_edit 's/\("on_v": *{ *"value": *\)[0-9.]*/\11.5/'
if cmp -s bad-profile.json "$WICK_SOURCE/profiles/m4-fram.json"; then python_free_edit 's/\("on_v": *\)[0-9.]*/\11.5/'; fi
expect 3 'off_v 2 is not below on_v 1.5' out.json "$WICK" plan int8.onnx --device ./bad-profile.json -o out.json
# a device too small: the answer is no
expect 1 'capacitor' out.json "$WICK" plan int8.onnx --device m4-fram --capacitor 0.5 -o out.json
# outputs that cannot be written
expect 3 'nowhere/x.onnx' '' "$WICK" train --recipe vgg16 --width 0.05 --data builtin:shapes10 --limit 200 --epochs 1 -o nowhere/x.onnx
expect 3 'nowhere/p.json' '' "$WICK" plan int8.onnx --device m4-fram -o nowhere/p.json
expect 3 'nowhere' '' "$WICK" emit plan.json -o nowhere/fw
mkdir mine && echo precious >mine/file
expect 3 'mine' '' "$WICK" emit plan.json -o mine
grep -q precious mine/file
# a plan whose model has changed
cp family.onnx keep.onnx
"$WICK" shrink family.onnx --int8 --data builtin:shapes10 --images 32 --calibration minmax -o int8.onnx >/dev/null 2>&1
expect 3 'plan.json' fw "$WICK" emit plan.json -o fw
# data
mkdir -p folder/train/a && printf 'not an image' >folder/train/a/x.png
expect 3 'x.png' sheet.png "$WICK" data show folder:folder -o sheet.png
expect 3 'builtin:' '' "$WICK" data show builtin:nothing
# standard output on a full disk
status=0
"$WICK" describe family.onnx >/dev/full 2>stderr.txt || status=$?
[ "$status" -eq 4 ] || { echo "FAILED: a full disk behind stdout gave $status"; exit 1; }
echo "all complaints are in order"
