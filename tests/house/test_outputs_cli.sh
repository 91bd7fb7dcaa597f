#!/usr/bin/env bash
# No command writes over what it reads, nor one output over another: refused with place, reason and way out before any
# work, every file as it was.
set -u
: "${WICK:?the program}"
dir=$(mktemp -d "${TMPDIR:-/tmp}/wick-outputs-cli-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() { echo "FAILED: $*"; exit 1; }
make() { "$@" >log 2>&1 || { cat log; fail "$*"; }; }
sums() { find . -type f ! -name log ! -name out ! -name err ! -name 'sums.*' -exec sha256sum {} + | sort; }
# refused REASON COMMAND...: exit status 3, the option, the reason, a hint; nothing changed, came or went.
refused() {
    local reason=$1 status; shift
    sums >sums.before
    "$WICK" "$@" >out 2>err; status=$?
    [ $status -eq 3 ] || { cat err; fail "exit $status: wick $*"; }
    grep -qF -- "$reason" err && grep -q "hint: name " err || { cat err; fail "not '$reason' with a hint: wick $*"; }
    sums >sums.after
    diff sums.before sums.after >log || { cat log; fail "files changed: wick $*"; }
}

data=(--data builtin:shapes10 --limit 200)
cp "${WICK_SOURCE:?}/tests/train/data/tiny_family.json" recipe.json
cp "$WICK_SOURCE/profiles/m4-fram.json" device.json
cp "$WICK_SOURCE/profiles/harvester-boost-panel.json" harvester.json
make "$WICK" train --recipe ./recipe.json "${data[@]}" --epochs 1 --threads 1 --runs runs.svg -o f.onnx
make "$WICK" shrink --int8 --test f.onnx "${data[@]}" -o f8.onnx
make "$WICK" plan f8.onnx --device ./device.json -o plan.json
printf 'time_s,power_uw\n0,900\n600,900\n' >cl.csv
cp cl.csv other.csv
printf 'time_s\n5\n' >arrivals.csv
ln -s cl.csv link.csv
for file in sim size verify; do echo '{}' >$file.json; done
world=(--trace cl.csv --data builtin:shapes10 --samples 5)
synth=(policy synth plan.json --kind fixed --phases 1)
make "$WICK" "${synth[@]}" --trace cl.csv -o p.json
cp p.json p.svg

own="the command reads this file"
refused "--output: $own (the plan)" report plan.json -o plan.json
refused "$own (the plan's model)" report plan.json -o ./f8.onnx
refused "$own (the plan's device profile)" report plan.json -o device.json
refused "$own (--sim)" report plan.json --sim sim.json -o sim.json
refused "$own (--sizing)" report plan.json --sizing size.json -o "$dir/size.json"
refused "$own (--verify)" report plan.json --verify verify.json -o verify.json
refused "$own (--policy)" report plan.json --policy p.json -o p.json
refused "$own (--model)" report plan.json --model f.onnx -o f.onnx
refused "$own (--runs)" report plan.json --runs runs.svg -o runs.svg
refused "$own (the plan)" "${synth[@]}" --trace builtin:rf -o plan.json
refused "$own (the plan's model)" "${synth[@]}" --trace builtin:rf -o x.json --c f8.onnx
refused "$own (--trace)" "${synth[@]}" --trace cl.csv -o cl.csv
refused "$own (--trace)" "${synth[@]}" --trace other.csv+cl.csv -o cl.csv
refused "$own (--trace)" "${synth[@]}" --trace builtin:rf --trace link.csv -o x.json --c ./cl.csv
refused "$own (--harvester)" "${synth[@]}" --trace cl.csv --harvester ./harvester.json -o harvester.json
refused "--c: --output writes the same file" "${synth[@]}" --trace builtin:rf -o x.json --c x.json
refused "--output writes the same file" "${synth[@]}" --trace builtin:rf -o x.json --c "../${dir##*/}/x.json"
refused "--output writes the same file" "${synth[@]}" --trace builtin:rf -o p.json --c ./p.json
refused "--plot: $own (the policy)" policy show p.svg --plot p.svg
refused "$own (the model)" plan f8.onnx --device m4-fram -o f8.onnx
refused "$own (--device)" plan f8.onnx --device ./device.json -o device.json
refused "$own (--trace)" fleet plan.json "${world[@]}" -n 1 -o cl.csv
refused "$own (--arrivals)" fleet plan.json "${world[@]}" --arrivals arrivals.csv -n 1 -o arrivals.csv
refused "$own (--policy)" fleet plan.json "${world[@]}" --policy p.json -n 1 -o p.json
mv cl.csv cl.svg
refused "--plot: $own (--trace)" size plan.json --data builtin:shapes10 --trace other.csv+cl.svg --target "answers>=1%" --plot cl.svg
refused "$own (--db)" runs plot --db runs.svg -o runs.svg
refused "$own (--db)" runs export --db runs.svg -o runs.svg
cp f8.onnx f8.png
refused "$own (the model)" eval f8.png "${data[@]}" --plot f8.png
refused "$own (--recipe)" train --recipe ./recipe.json "${data[@]}" --epochs 1 -o recipe.json
refused "$own (--teacher)" train --recipe ./recipe.json "${data[@]}" --epochs 1 --teacher f.onnx -o f.onnx
refused "--output writes the same file" train --recipe ./recipe.json "${data[@]}" --epochs 1 -o x.onnx --runs x.onnx
refused "$own (--device)" shrink f.onnx "${data[@]}" --device ./device.json -o device.json

# A folder goes with all that is in it.
make "$WICK" emit plan.json -o fw
cp plan.json f8.onnx device.json fw/
mkdir -p fw/pictures/{cat,dog}
refused "the folder would be replaced, and the command reads a file in it (the plan)" emit fw/plan.json -o fw
refused "reads a file in it (--data)" emit plan.json --data folder:fw/pictures -o fw

# A data set's own files; what lies beside them is nobody's.
mkdir -p set/{train,test}/{cat,dog}
base64 -d >set/a.png <<<iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAGUlEQVR42u3BMQEAAADCoPVP7WENoAAAAG4MIAABITLN7AAAAABJRU5ErkJggg==
for class in set/*/*; do for i in {1..10}; do cp set/a.png "$class/$i.png"; done; done
refused "$own (--data)" data show folder:set -o set/train/cat/1.png
refused "$own (--data)" data show set -o set/test/dog/2.png
make "$WICK" data show set -o set/a.png
make "$WICK" data show set -o set/a.png

# What is no file can be written twice; a model may take its own place; a result may be made again.
make "$WICK" "${synth[@]}" --trace builtin:rf -o /dev/null --c /dev/null
make "$WICK" shrink f.onnx --collapse -o f.onnx
make "$WICK" train --recipe f.onnx "${data[@]}" --epochs 1 --threads 1 -o f.onnx --runs runs.svg
make "$WICK" emit plan.json -o fw
make "$WICK" report plan.json --policy p.json -o report.html
make "$WICK" report plan.json --policy p.json -o report.html
echo "inputs stay"
