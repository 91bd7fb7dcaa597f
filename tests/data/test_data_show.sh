#!/usr/bin/env bash
# wick data show: what it prints, what it writes, how it says no.
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

out=$("$WICK" data show builtin:shapes10 -o "$tmp/s.png" --per-class 3 2>"$tmp/err") || fail "show"
[ -s "$tmp/err" ] && fail "something on stderr"
grep -Eq '^hourglass +900 +100 +200$' <<<"$out" || fail "counts of a class: $out"
grep -Eq '^all +9000 +1000 +2000$' <<<"$out" || fail "sums: $out"
grep -Eq '^sha256 [0-9a-f]{64}$' <<<"$out" || fail "hash"
head -c 4 "$tmp/s.png" | tail -c 3 | grep -q PNG || fail "contact sheet"

json=$("$WICK" data show builtin:shapes10:3 --validation 0.2 --limit 1000 --seed 4 --json) || fail "json"
for want in '"train": 800' '"validation": 200' '"test": 1000' '"spec": "builtin:shapes10:3"' \
    '"height": 32' '"name": "star"' '"train": 80' '"sha256": "'; do
    grep -qF "$want" <<<"$json" || fail "$want is not in $json"
done

"$WICK" data show --help | grep -q '^Example: wick data show' || fail "no example in --help"
# refuses STATUS TEXT ARGUMENT...
refuses() {
    local status=$1 text=$2
    shift 2
    "$WICK" data "$@" >"$tmp/out" 2>"$tmp/err"
    local got=$?
    [ $got -eq "$status" ] || fail "data $*: exit status $got, not $status"
    grep -qF -- "$text" "$tmp/err" || fail "data $*: '$text' is not in $(cat "$tmp/err")"
    [ -s "$tmp/out" ] && fail "data $*: something on stdout"
}
refuses 2 "say 'show'"
refuses 2 "say 'show'" show
refuses 2 "wick data list" list builtin:shapes10
refuses 2 "--validation" show builtin:shapes10 --validation 0.6
refuses 2 "--per-class" show builtin:shapes10 --per-class 0
refuses 2 "--split" show builtin:shapes10 --split dev
refuses 3 "no such folder" show "$tmp/nowhere"
refuses 3 "no/such/s.png" show builtin:shapes10 -o "$tmp/no/such/s.png"
refuses 3 "data_batch_N.bin" show "cifar10:$tmp"
exit 0
