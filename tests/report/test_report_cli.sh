#!/usr/bin/env bash
# What the report says: commits beside compute and NVM, what is missing, runs told apart, units and ticks that fit, the
# world of a sizing; and that another family's model or run is refused.
set -u
: "${WICK:?the program}"
dir=$(mktemp -d "${TMPDIR:-/tmp}/wick-report-cli-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() { echo "FAILED: $*"; exit 1; }
make() { "$@" >log 2>&1 || { cat log; fail "$*"; }; }
says() { grep -qF -- "$1" report.html || fail "the page does not say '$1'"; }
silent() { ! grep -qF -- "$1" report.html || fail "the page says '$1'"; }
# The pictures' text, one line each.
pictures() { grep -o 'base64,[^"]*' report.html | while IFS=, read -r _ data; do base64 -d <<<"$data" | tr -d '\n'; echo; done; }
drawn() { pictures | grep -qF -- "$1" || fail "no picture says '$1'"; }
not_drawn() { ! pictures | grep -qF -- "$1" || fail "a picture says '$1'"; }

data=(--data builtin:shapes10 --limit 200)
make "$WICK" train --recipe vgg16 --width 0.05 "${data[@]}" --epochs 2 --runs runs.sqlite -o f.onnx
make "$WICK" shrink --int8 f.onnx "${data[@]}" -o f8.onnx
make "$WICK" plan f8.onnx --device m4-fram -o plan.json
world=(--trace builtin:office --scale 0.05 --period 60 --data builtin:shapes10 --samples 20)
"$WICK" sim plan.json "${world[@]}" -p threshold:8,22,871 -p threshold:10,20,300 -p threshold:100,200,3000000 -p threshold:100,200,3000001 \
    --duration 7200 --json --timeline >sim.json 2>log || { cat log; fail "sim"; }
"$WICK" sim plan.json "${world[@]}" -p fixed:TM2 --scale 50 --duration 600 --json >bare.json 2>log || { cat log; fail "sim without a timeline"; }
"$WICK" size plan.json "${world[@]}" --duration 3600 --target "answers>=10%" --capacitors 47,330 --panels 0.5,1 --wake 4 --json >size.json || fail "size"

make "$WICK" report plan.json --model f.onnx --runs runs.sqlite --sim sim.json --sizing size.json -o report.html
silent "does not match"
silent "No voltage over time"
says "Policy greedy; panel 1 is the trace's harvest scaled by 0.05"
says "60 inputs in every run."
says "Every planned commit is drawn"
says '<th class="n">commits</th>'

if command -v gnuplot >/dev/null; then
    drawn "threshold:8,22,871"
    drawn "threshold:10,20,300"
    drawn "threshold (row 3)"
    drawn "threshold (row 4)"
    drawn "energy a day, J"
    drawn "energy a boot, mJ"
    drawn "share of the harvest, %"
    not_drawn "series resistance" # the legend is text
    not_drawn "<text>\$"          # nor named by gnuplot
    pictures | grep "<text>epoch</text>" | grep -oE "<text> *[0-9.]+</text>" >ticks || fail "no epochs"
    ! grep -q "1[.]" ticks || fail "parts of epochs: $(tr '\n' ' ' <ticks)"
    says '<b style="color:#15803d">■</b> compute'
fi

make "$WICK" report plan.json --sim bare.json -o report.html
says "No voltage over time"
says "wick sim --json --timeline"
says ", 1 boot."
if command -v gnuplot >/dev/null; then
    not_drawn "0000 mJ"
    drawn "energy a day, J"
fi

# Parts: compute, NVM and commits are the energy of the family's table. A small capacitor takes many spans.
make "$WICK" plan f8.onnx --device m4-fram --capacitor 10 -o parts.json
make "$WICK" report parts.json --model f.onnx -o report.html
text=$(sed 's/<td[^>]*>/|/g; s/<[^>]*>//g' report.html)
awk -F'|' '
    function uj(text) { split(text, part, " "); return part[1] * (part[2] == "mJ" ? 1e3 : part[2] == "nJ" ? 1e-3 : 1) }
    NF == 9 && ($2 == "extractor" || $2 ~ /^TM/) && $9 !~ /J/ && !($2 in energy) { energy[$2] = uj($7) }
    NF == 7 && $2 in energy { sum = uj($4) + uj($5) + uj($6); commits += uj($6); parts++
        if (sum > 1.005 * energy[$2] + 0.2 || sum < 0.995 * energy[$2] - 0.2) { print $2 ": " sum " instead of " energy[$2]; exit 1 } }
    END { if (parts != 5 || commits <= 0) { print parts " parts, commits of " commits; exit 1 } }' <<<"$text" || { echo "$text" | grep '|'; fail "the parts' energy"; }

# Another family.
refused() {
    rm -f report.html
    "$WICK" report plan.json "$@" -o report.html >log 2>&1
    [ $? -eq 3 ] || { cat log; fail "exit status of $*"; }
    grep -q "another family" log && grep -q "hint:" log || { cat log; fail "reason and way out of $*"; }
    [ ! -e report.html ] || fail "a page is left behind by $*"
}
make "$WICK" train --recipe sensor "${data[@]}" --epochs 1 --runs runs.sqlite -o other.onnx
refused --model other.onnx
refused --runs runs.sqlite # the newest run is the other's
make "$WICK" report plan.json --model f.onnx --runs runs.sqlite --run 1 -o report.html
silent "does not match"
make "$WICK" train --recipe vgg16 --width 0.1 "${data[@]}" --epochs 1 -o wider.onnx
make "$WICK" report plan.json --model wider.onnx --runs runs.sqlite --run 1 -o report.html
says "does not match this plan: extractor has"
says "This run does not match the float family"
echo "the report says what it should"
