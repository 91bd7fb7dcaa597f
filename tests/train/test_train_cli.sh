#!/usr/bin/env bash
# wick train, eval and runs from the outside: results, JSON, and every refusal before work begins.
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

recipe=$source_dir/tests/train/data/tiny_family.json
train=("$wick" train --recipe "$recipe" --data builtin:shapes10 --limit 200 --epochs 2 --threads 1 --batch 32)
"${train[@]}" -o a.onnx --runs runs.db --name first --test --json > a.json 2> err || die "training: $(cat err)"
grep -q '"test"' a.json || die "no test accuracy: $(cat a.json)"
grep -Eq '"peak_mb": [1-9][0-9]' a.json || die "no peak memory: $(cat a.json)"
grep -q 'epoch 2/2' err || die "no line for each epoch: $(cat err)"
[ ! -e a.onnx.state ] || die "the state is left behind"
"${train[@]}" -o b.onnx -s baseline --quiet --runs runs.db --alpha 1,2,1 > b.txt 2> err ||
    die "baseline: $(cat err)"
[ ! -s err ] || die "--quiet is not quiet: $(cat err)"
grep -q TM3 b.txt || die "no table: $(cat b.txt)"
grep -Eq 'peak memory [1-9][0-9]+ MB' b.txt || die "no peak memory: $(cat b.txt)"

# The model's own test accuracies are those of wick eval.
"$wick" eval a.onnx --data builtin:shapes10 --limit 200 --split test --json > e.json 2> err || die "eval: $(cat err)"
for key in test accuracy; do
    file=a.json
    [ $key = accuracy ] && file=e.json
    grep -o "\"$key\": [0-9.e-]*" $file | grep -o '[0-9.e-]*$' > $key.txt
done
[ "$(wc -l < test.txt)" -eq 3 ] || die "not three modules"
cmp test.txt accuracy.txt || die "train --test and eval differ"

"$wick" runs --db runs.db > list.txt || die "runs list"
[ "$(grep -c done list.txt)" -eq 2 ] || die "two runs: $(cat list.txt)"
"$wick" runs show 1 --db runs.db | grep -q first || die "runs show"
if command -v gnuplot > /dev/null; then
    "$wick" runs plot 1 2 --db runs.db -o curves.svg || die "plot"
    grep -q '<svg' curves.svg || die "not an SVG"
    "$wick" runs plot --db runs.db -o curves.png --metric loss || die "plot as PNG"
    [ "$(head -c 4 curves.png | tail -c 3)" = PNG ] || die "not a PNG"
    # Seeds: what gnuplot is told, number for number.
    mkdir fake
    printf '#!/bin/sh\ncat "$@" > "%s/script"\nexec "%s" "$@"\n' "$work" "$(command -v gnuplot)" > fake/gnuplot
    chmod +x fake/gnuplot
    cp runs.db seeds.db
    "${train[@]}" -o two.onnx --runs seeds.db --seed 2 --quiet > /dev/null 2> err || die "a second seed: $(cat err)"
    PATH=$work/fake:$PATH "$wick" runs plot 1 2 3 --mean --module 2 --db seeds.db -o seeds.svg || die "plot of seeds"
    "$wick" runs export 1 3 --db seeds.db > seeds.csv || die "export of seeds"
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) { if ($i == "validation") v = i; if ($i == "module") m = i; if ($i == "epoch") e = i } next }
        $m == "TM2" || $m == 2 { n[$e]++; sum[$e] += 100 * $v; low[$e] = n[$e] == 1 || 100 * $v < low[$e] ? 100 * $v : low[$e]; high[$e] = n[$e] == 1 || 100 * $v > high[$e] ? 100 * $v : high[$e] }
        END { for (i = 1; i <= 2; i++) printf "%d %.6f %.6f %.6f\n", i, sum[i] / n[i], low[i], high[i] }' seeds.csv > wanted
    sed -n '/^$c0/,/^EOD/p' script | awk 'NF == 4 && $1 ~ /^[0-9]+$/ { printf "%d %.6f %.6f %.6f\n", $1, $2, $3, $4 }' > drawn
    [ "$(wc -l < drawn)" -eq 2 ] && cmp drawn wanted || die "seeds: $(cat script seeds.csv)"
    awk '$3 != $4 { spread = 1 } END { exit !spread }' drawn || die "two seeds are the same"
    [ "$(grep -c '^$c' script)" -eq 2 ] && grep -q 'filledcurves' script && grep -q 'unified-kd, 2 runs' script || die "not two curves, one a band: $(cat script)"
fi
expect 2 'are for plot' "$wick" runs list --mean --db runs.db
# Side by side: only what differs, and how far the second is from the first. Every number also exported.
"$wick" runs compare 1 2 --db runs.db > compare.txt || die "compare"
grep -Eq '^ *strategy +unified-kd +baseline' compare.txt || die "strategy differs: $(cat compare.txt)"
grep -q 'momentum' compare.txt && die "what does not differ is shown: $(cat compare.txt)"
grep -Eq 'TM1 validation +[0-9.]+ +[0-9.]+ \([+-][0-9.]+\)' compare.txt || die "no distance: $(cat compare.txt)"
awk '{ gsub(/[()]/, " ") } /^TM. validation/ { rows++; off = $4 - $3 - $5; if (off > 0.011 || off < -0.011 || $5 !~ /^[+-]/) exit 1; if ($3 != $4) moved++ }
    /^TM. test/ && (NF != 4 || $4 != "-") { exit 1 } END { if (rows != 3 || !moved) exit 1 }' compare.txt || die "wrong distances: $(cat compare.txt)"
"$wick" runs compare 2 1 2 --db runs.db --json > compare.json || die "compare as JSON"
"$wick" runs compare 1 1 --db runs.db | grep -q 'the same settings' || die "a run differs from itself"
"$wick" runs export --db runs.db > all.csv || die "export"
"$wick" runs export 1 --db runs.db -o one.json --json || die "export as JSON"
"$wick" runs show 1 --db runs.db --json > show.json || die "show as JSON"
[ "$(wc -l < all.csv)" -eq 13 ] || die "not 2 runs of 2 epochs of 3 modules: $(cat all.csv)"
awk -F, 'NF != 17 { exit 1 }' all.csv || die "not 17 columns: $(cat all.csv)"
[ "$(grep -o '"train_loss": [0-9.e-]*' one.json)" = "$(grep -o '"train_loss": [0-9.e-]*' show.json)" ] || die "export is not show"
column() { awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i } NR > 1 && $1 == 1 { printf "%.8f\n", $c }' all.csv; }
for name in train_loss validation; do
    column $name > csv.txt
    sed '1,/"curve"/d' show.json | grep -o "\"$name\": [0-9.e-]*" | awk '{ printf "%.8f\n", $2 }' > json.txt
    [ "$(wc -l < csv.txt)" -eq 6 ] || die "no $name: $(cat all.csv)"
    cmp csv.txt json.txt || die "$name: CSV and JSON differ: $(cat all.csv show.json)"
done
expect 2 'two run ids' "$wick" runs compare 1 --db runs.db
expect 3 'there is no run 9' "$wick" runs compare 1 9 --db runs.db
expect 3 'there is no run 9' "$wick" runs export 9 --db runs.db -o nine.csv
[ ! -e nine.csv ] || die "an export of nothing"
expect 2 'csv' "$wick" runs show 1 --db runs.db --csv
mkdir bin
ln -s "$(command -v sh)" bin/sh
expect 3 gnuplot env PATH="$work/bin" "$wick" runs plot 1 --db runs.db -o none.svg
[ ! -e none.svg ] || die "a picture without gnuplot"

expect 3 'cannot create' "${train[@]}" -o /nonexistent/x.onnx
expect 3 'it is a folder' "${train[@]}" -o "$work"
expect 2 'data is required' "$wick" train -o x.onnx
expect 2 'unified-kd' "${train[@]}" -o x.onnx -s unifed
expect 2 '3 modules' "${train[@]}" -o x.onnx --alpha 1,2
expect 2 '3 pairs' "${train[@]}" -o x.onnx --beta 1,2
for option in '--beta 0.1' '--kd-warmup 0.5' --no-kd-features --no-detach --kd-logits; do # shellcheck disable=SC2086
    expect 2 'nothing without --strategy unified-kd' "${train[@]}" -o x.onnx -s unified $option
    expect 2 'nothing without --strategy unified-kd' "${train[@]}" -o x.onnx -s l2s,unified $option
done
expect 2 'and there is one' "$wick" train -r "$source_dir/tests/train/data/tiny_blocks.json" -d builtin:shapes10 --limit 200 --beta 0.1 -o x.onnx
expect 3 'blanks whole images of 32 x 32' "${train[@]}" -o x.onnx --cutout 33
expect 3 'out of the picture' "${train[@]}" -o x.onnx --shift 32
expect 2 'epochs' "${train[@]}" -o x.onnx -e 0
expect 2 'not PATTERN=DENSITY' "${train[@]}" -o x.onnx --sparse 'TM1.*'
expect 2 'sparse' "${train[@]}" -o x.onnx --sparse 'TM1.*=5:4'
expect 2 'sparse' "${train[@]}" -o x.onnx --sparse 'TM1.*=2:4/x'
expect 2 'sparse-ramp does nothing without --sparse' "${train[@]}" -o x.onnx --sparse-ramp 0.5
expect 3 'no weights have a name like this' "${train[@]}" -o x.onnx --sparse 'TM9.*=0.5'
expect 2 'width' "$wick" train -r a.onnx -w 2 -d builtin:shapes10 -o x.onnx
expect 3 'images are 32 x 32' "${train[@]}" -o x.onnx --input 16x16
expect 3 'no such file' "$wick" runs --db none.db
expect 3 'there are: 2 1' "$wick" runs show 7 --db runs.db
expect 2 'SVG\|svg' "$wick" runs plot --db runs.db -o x.pdf
head -c 3000 a.onnx > cut.onnx
expect 3 'cut.onnx' "$wick" eval cut.onnx --data builtin:shapes10 --limit 200
[ ! -e x.onnx ] && [ ! -e x.onnx.state ] || die "something half-written"

# Optimisers, softened targets, a teacher.
"${train[@]}" -o d.onnx --quiet --optimiser adamw --lr-schedule cosine --ema 0.9 --mixup 0.2 --label-smoothing 0.1 --cutout 8 \
    --teacher a.onnx --teacher-features --kd-response --kd-temperature 2 --freeze 'TM3.*' > d.txt 2> err || die "all settings: $(cat err)"
expect 2 'one of: sgd adamw' "${train[@]}" -o x.onnx --optimiser adam
expect 2 'one of: cifar10 cifar100' "${train[@]}" -o x.onnx --paper cifar11 --seeds 2
expect 2 'within 0 to 0.9999999' "${train[@]}" -o x.onnx --ema 1
expect 2 'nothing without --optimiser sgd' "${train[@]}" -o x.onnx --optimiser adamw --nesterov
expect 2 'nothing without --lr-schedule step' "${train[@]}" -o x.onnx --lr-schedule cosine --lr-drop 0.5
expect 2 'nothing without --lr-schedule cosine' "${train[@]}" -o x.onnx --lr-final 0.1
expect 2 'nothing without --kd-response' "${train[@]}" -o x.onnx --kd-temperature 2
expect 2 'nothing without --teacher' "${train[@]}" -o x.onnx --teacher-features
expect 2 'nothing without several strategies' "${train[@]}" -o x.onnx --paper cifar10
expect 2 'nothing without --search' "${train[@]}" -o x.onnx --search-pairs
expect 3 'leave some parameters' "${train[@]}" -o x.onnx --freeze '*'
expect 3 'leave some parameters' "${train[@]}" -o x.onnx --freeze 'fe.*' --freeze 'TM?.*'
expect 3 'check that the folder exists' "${train[@]}" -o x.onnx --runs /nonexistent/runs.db
expect 3 'TM7' "${train[@]}" -o x.onnx --freeze 'TM7*'
expect 3 'cut.onnx' "${train[@]}" -o x.onnx --teacher cut.onnx
rm -f x.onnx.state

# A study: two strategies, two seeds, cut and gone on with; and a search.
study=("$wick" train --recipe "$recipe" --data builtin:shapes10 --limit 200 --epochs 1 --threads 1 --batch 32 -s unified,baseline --seeds 2 --test --quiet)
"${study[@]}" -o study > study.txt 2> err || die "study: $(cat err)"
grep -q 'unified .*±.*±' study.txt || die "no spread: $(cat study.txt)"
[ -f study/baseline-2.onnx ] && [ -f study/study.json ] || die "no results in the folder"
if command -v gnuplot > /dev/null; then grep -q '<svg' study/convergence-TM3.svg || die "no convergence plot"; fi
"${study[@]}" -o study --json > again.json 2> err || die "study again: $(cat err)"
grep -q '"deviation"' again.json || die "no JSON: $(cat again.json)"
expect 3 'other options' "${study[@]}" -o study --lr 0.01
"$wick" train --recipe vgg16 --width 0.05 --data builtin:shapes10 --limit 120 --epochs 1 --threads 1 --batch 32 -s all --paper cifar10 --quiet -o paper > paper.txt 2> err ||
    die "all strategies: $(cat err)"
grep -q 'unified-kd .*90.73' paper.txt || die "not the paper's numbers: $(cat paper.txt)"
"${train[@]}" -o s.onnx --search 4 --search-min 1 > s.txt 2> err || die "search: $(cat err)"
grep -q 'searched .* trials' err || die "the search does not say what it cost: $(cat err)"
"${train[@]}" -o s.onnx --search 4 --search-min 1 --quiet --json > s.json 2> s.err || die "search as JSON: $(cat s.err)"
for what in trials epochs; do # the same cost in words and as JSON
    said=$(sed -n "s/.*searched.* \\([0-9]*\\) $what.*/\\1/p" s.err)
    awk -v what=$what -v said="$said" '/"search"/ { on = 1 } on && $1 == "\"" what "\":" { exit ($2 + 0 != said || said < 2) } END { if (!on) exit 1 }' s.json ||
        die "search: $what: $(cat s.err s.json)"
done
for what in alpha:3 beta:3; do # and what it found, by module and by pair
    awk -v key="\"${what%:*}\":" -v n="${what#*:}" '/"search"/ { on = 1 } in_list && /\]/ { exit rows != n } in_list { rows++ } on && $1 == key { in_list = 1 }
        END { if (!in_list) exit 1 }' s.json || die "search: ${what%:*}: $(cat s.json)"
done
[ ! -e s.onnx.search.json ] || die "the search is left behind"
expect 2 'one strategy' "${train[@]}" -o x.onnx -s all --search 10

# A trained model is a start for more training.
"$wick" train -r a.onnx -d builtin:shapes10 --limit 200 -e 1 -j 1 -s unified -o c.onnx > c.txt 2> err ||
    die "on from a model: $(cat err)"
echo "train, eval and runs behave"
