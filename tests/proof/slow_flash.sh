#!/usr/bin/env bash
# A device with nothing but flash: the small model planned for it, its self-test and `wick verify` on emulated flash, the power failing
# in every operation and, on pages of 2 KB that turn around, in every pair of operations. Errors planted into the log, each of
# which the named rig must find.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
source "$here/thumb_rig.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
model="$here/data/small_int8.onnx"

"$WICK" plan "$model" --device m33-flash --rate 4/h --explain -o plan.json >plan.txt
grep -q 'share no 2048 B' plan.txt && grep -q 'endurance: .* at the stated rate' plan.txt || { cat plan.txt; fail "the plan"; }
"$WICK" emit plan.json -o fw >/dev/null
[ -e fw/wick/nvm_flash.c ] && [ ! -e fw/image ] && grep -q wick_flash_make fw/README.md || fail "the folder is not for flash"
"$WICK" verify fw --plan plan.json >verify.txt 2>&1 || { cat verify.txt; fail "wick verify"; }
grep -q 'in every operation on the flash in 7 variants' verify.txt || fail "the flash was not emulated"
! "$WICK" verify fw --plan plan.json --plant-war >verify.txt 2>&1 || fail "a write after a read was not found"
"$WICK" plan "$model" --device m33-fram -o other.json >/dev/null
"$WICK" emit other.json -o other >/dev/null
[ ! -e other/wick/nvm_flash.c ] || fail "another device got the log"

flash_prepare # on small pages
"$WICK" verify flash --plan flash.json --pairs all >verify.txt 2>&1 || { cat verify.txt; fail "wick verify, every pair"; }
grep -E 'experiments, 0 differences' verify.txt
cc -std=c99 -Wall -Wextra -Wshadow -Werror -O1 -Iflash -Iflash/include flash/*.c flash/wick/*.c flash/host/*.c -o selftest
./selftest all >out.txt || { cat out.txt; fail "the self-test"; }
grep '^PASS' out.txt

head -c 36 "$model" >input.bin
board=$WICK_SOURCE/boards/host
flags=(-std=c99 -O1 -w -I"$board" -Iflash -Iflash/include)
mkdir own
for f in "$board"/{powercut_{flash,options,cases,rig},nvm_emulation,flash_{emulation,use}}.c flash/*.c flash/wick/*.c; do
    cc "${flags[@]}" -c "$f" -o "own/$(basename "$f" .c).o"
done
run() { # both modules; `found` becomes the rigs that saw a difference
    found='' cuts=0
    local module status rig
    for module in 1 2; do
        status=0
        ./rig input.bin $module --exhaustive --seeded 600 --pairs 1500 "$@" >out.json 2>err.txt || status=$?
        if [ $status = 4 ]; then
            grep -qE 'uninterrupted run|not erased|blank memory' err.txt || { cat err.txt; fail "the rig broke"; }
            found+=" uninterrupted"
            continue
        fi
        [ $status -le 1 ] || fail "the rig ended with status $status"
        for rig in exhaustive pairs seeded record_flips next_input; do
            grep -qE "\"$rig\": \{\"cuts\": [0-9]+, \"differences\": 0," out.json || found+=" $rig"
        done
        grep -q '"worst_commits": [01],' out.json || found+=" one-span"
        grep -q '"foreign_resumed": 0' out.json || found+=" foreign"
        grep -q '"damage_missed": 0' out.json || found+=" damage"
        grep -q '"programmed_twice": 0' out.json || found+=" programmed-twice"
        cuts=$((cuts + $(grep -oE '"cuts": [0-9]+' out.json | awk '{n += $2} END {print n}')))
    done
}
link() { cc -O1 -o rig "$1"/*.o; }
link own
for voltage in unknown random high low; do
    run --voltage $voltage
    [ -z "$found" ] || fail "the firmware as it is, voltage $voltage: $found"
done
echo "as emitted: nothing found in $cuts experiments, and as many with each other voltage"
planted=0
# Without a barrier before a record, or with one copy of it, nothing goes wrong in a log: what comes later is not there without what
# came before.
mutant() { # RIG NAME FILE SED-EXPRESSION, as in slow_mutations.sh
    local rig=$1 name=$2 file=$3 expression=$4
    rm -rf mutated && cp -r own mutated
    sed -zE "$expression" "flash/wick/$file" >mutant.c
    ! cmp -s "flash/wick/$file" mutant.c || fail "$name: its place in $file has changed, nothing was planted"
    cc "${flags[@]}" -c mutant.c -o "mutated/$(basename "$file" .c).o" || fail "$name: does not compile"
    link mutated
    run
    grep -qw -- "$rig" <<<"$found" || fail "$name: not found by $rig (but by:${found:- none})"
    printf '%-42s %s\n' "$name" "$(tr ' ' '\n' <<<"$found" | sort -u | xargs)"
    planted=$((planted + 1))
}
mutant uninterrupted 'no erase' nvm_flash.c \
    's/flash->erase\(flash->under->ctx, page \* flash->shape.page_bytes\) != 0 \|\|//'
mutant programmed-twice 'a boot goes on in the page of the one before' nvm_flash.c \
    's/(        at \+= wick_flash_entry_bytes\(e.bytes, unit\);\n    \}\n)/\1    flash->head = newest, flash->at = at - newest * page_bytes;\n/'
mutant seeded 'a page is erased before the new record is' nvm_flash.c \
    's/page = oldest_page\(flash, 0, NONE\)/page = oldest_page(flash, flash->shape.page_bytes, NONE)/'
mutant seeded 'checksums of heads are ignored' nvm_flash.c \
    's/return crc == wick_get32\(head \+ 4\) \? 0 : -1;/return 0;/'
mutant record_flips 'checksums of entries are ignored' nvm_flash.c \
    's/wick_get32\(header \+ 4\) != entry_crc\(flash, header, sequence, offset\)/0/'
[ $planted -ge 5 ]
echo "$planted planted errors, all found"
