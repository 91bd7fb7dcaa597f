#!/usr/bin/env bash
# The emitted self-test of the small model on memory with checksums (wick/guard.h): planned with blocks of 32 bytes, its power cut at
# every write. A plan that does not know the blocks must be found.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
sed -e 's/"mapped": true/"mapped": false/' -e 's/"atomic_bytes"/"ecc_bytes": {"value": 32, "source": "blocks of wick\/guard.h"}, &/' \
    "$WICK_SOURCE/profiles/m4-mram.json" >guarded.json
grep -q '"mapped": false' guarded.json && grep -q ecc_bytes guarded.json || fail "the profile has other fields now"
# guarded FOLDER: its self-test behind a guard
guarded() {
    sed -i -e 's/static int8_t region\[MODEL_NVM_BYTES\]/#include <wick\/guard.h>\n#define MEMORY (MODEL_NVM_BYTES \/ 32 * 36 + 36)\nstatic int8_t region[MEMORY]/' \
        -e 's/offset > MODEL_NVM_BYTES || bytes > MODEL_NVM_BYTES - offset/offset > MEMORY || bytes > MEMORY - offset/' \
        -e 's/^    port.result = on_result;/&\n    static wick_guard guard;\n    static wick_port under;\n    under = port;\n    if (wick_guard_make(\&guard, \&under, 32, \&port) != WICK_RT_OK)\n        return 2;/' \
        "$1/host/selftest.c"
    [ "$(grep -c MEMORY "$1/host/selftest.c")" = 4 ] && grep -q guard_make "$1/host/selftest.c" || fail "the self-test has changed"
    cc -std=c99 -Wall -Wextra -Werror -O1 -I"$1" -I"$1/include" "$1"/*.c "$1"/wick/*.c "$1"/host/*.c -o selftest
}
"$WICK" plan "$here/data/small_int8.onnx" --device ./guarded.json --capacitor 4 -o plan.json >/dev/null
"$WICK" emit plan.json -o fw >/dev/null
guarded fw
./selftest all >out.txt || { cat out.txt; fail "the firmware as it is"; }
grep '^PASS' out.txt
grep -E 'power cut at [1-9][0-9]{2,} of' out.txt || { cat out.txt; fail "hardly any cuts"; }
"$WICK" plan "$here/data/small_int8.onnx" --device m4-mram --capacitor 4 -o other.json >/dev/null
"$WICK" emit other.json -o other >/dev/null
guarded other
! ./selftest >out.txt || fail "a plan that does not know the blocks passes"
echo "found: a plan that does not know the blocks"
