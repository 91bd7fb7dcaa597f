#!/usr/bin/env bash
# The tables of guarantees (docs/guarantees.md; the one that emitted folders carry) name tests that exist, the same in both, each
# guarantee at least one, and planted errors that are still planted. The check must find what is planted into its own copies.
set -u
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ls "$source_dir"/tests/*/*.c "$source_dir"/tests/*/*.sh | sed -E 's|.*/||; s/\.(c|sh)$//' | sort -u >"$work/tests"
names() { grep -oE '`(test|slow|long)_[a-z0-9_]+(\.sh|\.c)?`' | tr -d '`' | sed -E 's/\.(sh|c)$//' | sort -u; }
# rows FILE: the strings of wick_guarantee_tests, a line each.
rows() {
    sed -n '/wick_guarantee_tests\[WICK_GUARANTEES\] = {/,/};/p' "$1" | tr -d '\n' | sed -E 's/"[ ]+"//g; s/",/\n/g' | grep '`'
}
# check DOCS SOURCE: prints one line for each fault.
check() {
    local g row planted files
    comm -23 <(names <"$1") "$work/tests" | sed 's/^/there is no test /'
    [ "$(rows "$2" | wc -l)" = 9 ] || echo "the emitted table has no nine rows"
    for g in 1 2 3 4 5 6 7 8 9; do
        row=$(grep "^| G$g |.*_" "$1" | grep -E '`(test|slow|long)_' | tail -n 1)
        [ -n "$row" ] || { echo "G$g has no row of tests"; continue; }
        [ "$(cut -d '|' -f 3 <<<"$row" | names)" = "$(rows "$2" | sed -n "${g}p" | names)" ] ||
            echo "G$g: the page and the emitted folder name different tests"
        while read -r planted; do
            files=$(names <<<"$row" | sed "s|.*|$source_dir/tests/*/&.sh|")
            # shellcheck disable=SC2086
            cat $files "$source_dir/tests/proof/commit_protocol.pml" 2>/dev/null | grep -qF "${planted//\'/}" ||
                echo "G$g: nobody plants $planted"
        done < <(cut -d '|' -f 4 <<<"$row" | grep -oE "'[^']+'")
    done
}

docs=$source_dir/docs/guarantees.md source=$source_dir/toolchain/emit/verify_guarantees.c
# must_find WHAT FILE SED: the check, with that changed.
must_find() {
    cp "$docs" "$work/docs.md"
    cp "$source" "$work/source.c"
    sed -i -E "$3" "$work/$2"
    check "$work/docs.md" "$work/source.c" | grep -q "$1" || { echo "FAILED: the check does not find: $1"; exit 1; }
}
must_find 'there is no test test_nothing' docs.md 's/`test_image`/`test_nothing`/'
must_find 'G7: the page and the emitted folder' source.c 's/`slow_runtime_builds`, `slow_stack`/`slow_stack`/'
must_find 'G3 has no row' docs.md '/^\| G3 \|/d'
must_find "nobody plants 'no such error'" docs.md "s/'the CRC is ignored', 'an older/'no such error', 'an older/"

faults=$(check "$docs" "$source")
[ -z "$faults" ] || { echo "$faults"; exit 1; }
echo "$(names <"$docs" | wc -l) tests are named, all are there"
