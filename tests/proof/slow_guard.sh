#!/usr/bin/env bash
# `wick plan --checksums`: the emitted self-test of the small model on memory with checksums (wick/guard.h), its power cut at every
# write, bits of its memory flipped. Checksums that nobody looks at, a plan that does not know the blocks, and memory that cannot
# have them must be found.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
model="$here/data/small_int8.onnx"
# build FOLDER: its self-test
build() {
    cc -std=c99 -Wall -Wextra -Werror -O1 -I"$1" -I"$1/include" "$1"/*.c "$1"/wick/*.c "$1"/host/*.c -o selftest
}
energy() { grep -oE '"expected_uj": [0-9.]+' "$1" | grep -oE '[0-9.]+$'; }
"$WICK" plan "$model" --device m4-mram --capacitor 4 -o other.json >/dev/null
for block in 8 32; do
    "$WICK" plan "$model" --device m4-mram --capacitor 4 --checksums=$block --explain -o plan.json >plan.txt
    grep -q "checksum for each $block B" plan.txt || fail "the plan does not say so"
    awk "BEGIN {exit !($(energy plan.json) > 1.02 * $(energy other.json))}" || fail "checksums of $block bytes cost nothing"
    "$WICK" emit plan.json -o fw >/dev/null
    grep -q "MODEL_CHECKSUM_BLOCK ${block}u" fw/model.h && grep -q wick_guard_make fw/README.md || fail "the folder does not know its blocks"
    build fw
    ./selftest all >out.txt || { cat out.txt; fail "the firmware as it is, blocks of $block"; }
    grep '^PASS' out.txt
    grep -E 'power cut at [1-9][0-9]{2,} of' out.txt || { cat out.txt; fail "hardly any cuts"; }
    grep -E 'flipped bits, [1-9][0-9]* reads refused, [1-9]' out.txt || { cat out.txt; fail "no flipped bit was met"; }
    "$WICK" verify fw --plan plan.json --no-qemu >verify.txt || { cat verify.txt; fail "wick verify, blocks of $block"; }
done
cp -r fw deaf
sed -i 's/== wick_crc32(i, bytes, guard->block)/== wick_crc32(i, bytes, guard->block) || 1/' deaf/wick/nvm_guard.c
! cmp -s fw/wick/nvm_guard.c deaf/wick/nvm_guard.c || fail "nothing was planted"
build deaf
! ./selftest all >out.txt || fail "flipped bits are used"
echo "found: checksums that nobody looks at"
"$WICK" emit other.json -o other >/dev/null
memory=$(sed -n 's/#define MODEL_NVM_BYTES \([0-9]*\)u/\1/p' other/model.h)
sed -i -e 's/MODEL_CHECKSUM_BLOCK 0u/MODEL_CHECKSUM_BLOCK 32u/' -e 's/MODEL_CHECKSUM_UNIT 0u/MODEL_CHECKSUM_UNIT 16u/' -e "s/MODEL_MEMORY_BYTES .*/MODEL_MEMORY_BYTES $(((memory / 32 + 1) * 48))u/" \
    -e 's/MODEL_NVM_MAPPED 1/MODEL_NVM_MAPPED 0/' other/model.h
build other
! ./selftest >out.txt || fail "a plan that does not know the blocks passes"
echo "found: a plan that does not know the blocks"
status=0
"$WICK" plan "$model" --device m7-mram --checksums 2>refused.txt >/dev/null || status=$?
[ $status = 3 ] || [ $status = 1 ] || fail "memory behind a cache takes checksums (status $status)"
grep -q 'checksums of blocks need memory' refused.txt || { cat refused.txt; fail "the refusal does not say why"; }
