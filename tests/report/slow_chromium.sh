#!/usr/bin/env bash
# The report, with every section, loaded in Chromium at the width of a desk and of a phone: no error on the console, every
# picture drawn, no page wider than the screen, no link into nothing, no tiny text. What is broken on purpose is noticed.
set -u
: "${WICK:?the program}"
browser=$(command -v chromium || command -v chromium-headless-shell || command -v chromium-browser || command -v google-chrome) ||
    { echo "skipped: there is no chromium"; exit 77; }
command -v gnuplot >/dev/null || { echo "skipped: there is no gnuplot"; exit 77; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/wick-chromium-XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fail() { echo "FAILED: $*"; exit 1; }
make() { "$@" >log 2>&1 || { cat log; fail "$*"; }; }

make "$WICK" train --recipe vgg16 --width 0.05 --data builtin:shapes10 --limit 200 --epochs 2 --runs runs.sqlite -o f.onnx
make "$WICK" shrink --int8 f.onnx --data builtin:shapes10 --limit 200 --test -o f8.onnx
make "$WICK" plan f8.onnx --device m4-fram -o plan.json
world=(--trace builtin:office --scale 0.05 --period 120)
make "$WICK" policy synth plan.json "${world[@]}" --phases 1 -o policy.json
data=(--data builtin:shapes10 --samples 20)
"$WICK" sim plan.json "${world[@]}" "${data[@]}" -p greedy -p policy.json -p threshold:10,20,300 --json --timeline >sim.json || fail "sim"
"$WICK" size plan.json "${world[@]}" "${data[@]}" --target "answers>=10%" --capacitors 4.7,47,330 --panels 0.5,1 --json >size.json || fail "size"
cat >verify.json <<END
{"plan_sha256": "$(sed -n 's/.*"plan_sha256": "\([0-9a-f]*\)".*/\1/p' sim.json | head -1)",
 "guarantees": [{"id": "G1", "text": "the same answer", "status": "shown", "evidence": "by a test with a rather long line of evidence in <angles> & more"}]}
END
make "$WICK" report plan.json --model f.onnx --runs runs.sqlite --verify verify.json --sim sim.json --policy policy.json \
    --sizing size.json -o report.html

# The table of causes: shares add up to the harvest less what stayed stored, a day's harvest is the run's.
first() { sed -n "s/.*\"$1\": \([-0-9.e+]*\),*$/\1/p" sim.json | head -1; }
causes=$(sed -n '/>a boot<\/th>/,/<\/table>/p' report.html | sed 's/<[^>]*>/ /g; s/%/ %/')
awk -v harvested="$(first harvested_uj)" -v stored="$(first stored_uj)" -v seconds="$(first simulated_s)" '
    function uj(value, unit) { return value * (unit == "J" ? 1e6 : unit == "mJ" ? 1e3 : unit == "nJ" ? 1e-3 : 1) }
    NF < 3 { next }
    { for (i = 1; i < NF && $(i + 1) != "%"; i++); if (i == NF) next }
    $1 == "harvested" { day = uj($(i + 2), $(i + 3)); whole = 1; next }
    { sum += $i; rows++ }
    END {
        want = harvested / seconds * 86400
        if (rows != 12 || !whole) { print "rows: " rows; exit 1 }
        if (sum - 100 * (1 - stored / harvested) > 0.1 || 100 * (1 - stored / harvested) - sum > 0.1) { print "shares add up to " sum; exit 1 }
        if (day / want > 1.01 || day / want < 0.99) { print "a day: " day " instead of " want; exit 1 }
    }' <<<"$causes" || { echo "$causes"; fail "the table of causes"; }

# frame WIDTH: a page that shows page.html so wide and writes down what is wrong with it.
frame() {
    cat <<END
<!doctype html><meta charset="utf-8"><body style="margin:0"><iframe src="page.html" style="border:0;width:$1px;height:900px"></iframe><pre id="found"></pre>
<script>
document.querySelector('iframe').onload = e => {
  const page = e.target.contentDocument, found = [], images = [...page.images];
  if (images.length < 9) found.push('only ' + images.length + ' pictures');
  images.filter(i => !i.complete || !i.naturalWidth).forEach(i => found.push('not drawn: ' + i.alt));
  const wide = page.scrollingElement.scrollWidth;
  if (wide > $1) found.push('the page is ' + wide + ' wide');
  page.querySelectorAll('nav a').forEach(a => { if (!page.querySelector(a.getAttribute('href'))) found.push('no ' + a.getAttribute('href')) });
  page.querySelectorAll('p,td,th,dd,figcaption').forEach(t => { const size = parseFloat(getComputedStyle(t).fontSize); if (size < 12.5) found.push('text of ' + size + 'px: ' + t.textContent.slice(0, 40)) });
  // Those that are drawn anew for a narrow page fit it; others scroll.
  const narrow = i => { const s = i.parentElement.querySelector('source'); return s && i.currentSrc === s.srcset ? s : null };
  if (!!images.filter(narrow).length !== ($1 < 640)) found.push(images.filter(narrow).length + ' pictures for a narrow page');
  images.forEach(i => { const r = i.getBoundingClientRect(); if (narrow(i) ? r.right > $1 : r.width < 600) found.push('a picture ' + r.width + ' wide, to ' + r.right + ': ' + i.alt) });
  const keys = [...page.querySelectorAll('.keys')], words = keys.map(k => k.textContent).join(' ');
  if (keys.length < 8) found.push('only ' + keys.length + ' lines of colours');
  images.forEach(i => { if (i.getBoundingClientRect().width < 0.95 * (narrow(i) || i).getAttribute('width')) found.push('a picture made smaller, with its text: ' + i.alt) });
  ['compute', 'thrown away when full', 'answer by TM4', 'power failure', 'wait for charge'].filter(w => !words.includes(w)).forEach(w => found.push('no colour of ' + w));
  keys.forEach(k => k.querySelectorAll('span').forEach(s => { if (s.getBoundingClientRect().right > $1) found.push('out of sight: ' + s.textContent) }));
  document.getElementById('found').textContent = found.length ? found.join('; ') : 'all is well';
};
</script>
END
}

# look WIDTH: prints "all is well", or what is wrong.
look() {
    frame "$1" >frame.html
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --allow-file-access-from-files --enable-logging=stderr \
        --user-data-dir="$dir/profile" --window-size=1300,1000 --virtual-time-budget=10000 --dump-dom "file://$dir/frame.html" >dom.html 2>err.txt ||
        { tail -5 err.txt; fail "the browser does not run"; }
    grep 'CONSOLE' err.txt
    sed -n 's/.*<pre id="found">\([^<]*\)<.*/\1/p' dom.html
}

for width in 1200 390; do
    cp report.html page.html
    says=$(look $width)
    [ "$says" = "all is well" ] || fail "at $width pixels: $says"
done

# Planted faults.
planted() {
    local says
    says=$(look 390)
    grep -qF "$1" <<<"$says" || fail "a planted fault ($1) is not noticed: $says"
}
sed 's|data:image/svg+xml;base64,.....|data:image/svg+xml;base64,AAAAA|' report.html >page.html
planted "not drawn"
sed 's|<div class="wide">|<div>|' report.html >page.html
planted "wide"
sed 's|figure img,figure svg{max-width:none}|figure img{max-width:none;width:40rem}|' report.html >page.html
planted "made smaller"
sed 's|media="(max-width:40rem)"|media="(max-width:1rem)"|' report.html >page.html
planted "0 pictures for a narrow page"
sed 's|id="sizing"|id="elsewhere"|' report.html >page.html
planted "no #sizing"
sed 's|<p class="keys">|<p>|' report.html >page.html
planted "no colour of compute"
sed 's|<p class="keys">|<p class="keys" style="white-space:nowrap">|' report.html >page.html
planted "out of sight"
sed 's|</main>|<script>nothing.at.all()</script></main>|' report.html >page.html
planted "CONSOLE"
echo "the report loads in $("$browser" --version 2>/dev/null | cut -d' ' -f1-2) without an error, at 1200 and 390 pixels"
