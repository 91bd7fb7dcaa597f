#!/usr/bin/env bash
# The commit protocol as a Spin model (commit_protocol.pml): no violation, no livelock under weak fairness, and each planted
# error is found. Skipped where spin is not installed.
set -euo pipefail
command -v spin >/dev/null || { echo "spin is not installed (make deps): skipped"; exit 77; }
model=$(realpath "$(dirname "$0")/commit_protocol.pml")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# explore DEFINES...: the number of errors, and the states in `states`.
explore() {
    local live=no define
    for define in "$@"; do [ "$define" = -DLIVE ] && live=yes; done
    spin -a "$@" "$model" >spin.txt 2>&1 || { cat spin.txt; exit 1; }
    local flags=(-DSAFETY) options=()
    [ "$live" = yes ] && { flags=(-DNFAIR=3); options=(-a -f); }
    cc -O2 -w -DMEMLIM=2000 "${flags[@]}" -o pan pan.c
    ./pan -m1000000 "${options[@]}" >pan.txt 2>&1 || { cat pan.txt; exit 1; }
    ! grep -qE 'max search depth too small|out of memory|Search not completed' pan.txt || [ "${1#-DBUG}" != "$1" ] ||
        { echo "the search was not complete"; cat pan.txt; exit 1; }
    errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.txt)
    states=$(awk '/states, stored/ {print $1; exit}' pan.txt)
}

for inputs in 1 2; do
    explore -DINPUTS=$inputs
    [ "$errors" = 0 ] || { cat pan.txt; echo "FAILED: the protocol, $inputs inputs"; exit 1; }
    echo "safe, $inputs inputs: $states states"
done
explore -DAGAIN
[ "$errors" = 0 ] || { cat pan.txt; echo "FAILED: modules that begin with the extractor"; exit 1; }
echo "safe, modules that begin with the extractor: $states states"
explore -DLIVE
[ "$errors" = 0 ] || { cat pan.txt; echo "FAILED: a livelock"; exit 1; }
echo "every input that stays is answered under weak fairness: $states states"

mapfile -t bugs < <(grep -oE 'BUG_[A-Z]+(_[A-Z]+)*' "$model" | grep -v '^BUG_$' | sort -u)
[ "${#bugs[@]}" -ge 10 ] || { echo "FAILED: only ${#bugs[@]} errors are planted"; exit 1; }
for bug in "${bugs[@]}"; do
    live=()
    [ "$bug" = BUG_FIRST_SPAN_JOINS ] && live=(-DLIVE)
    [ "$bug" = BUG_FEATURES_TAKEN_FOR_GRANTED ] && live=(-DAGAIN)
    explore "-D$bug" "${live[@]}"
    [ "$errors" -gt 0 ] || { echo "FAILED: $bug is not found"; exit 1; }
    echo "found: $bug"
done
