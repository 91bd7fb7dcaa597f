#!/usr/bin/env bash
# run_on_core.sh CORE FOLDER CODE: an emitted folder compiled for a core (without a warning), its code at most CODE bytes, run there
# (guest_model.c): the logits must be the PC's. Exit status 77 when the tools for the core are not here.
set -euo pipefail
core=$1 firmware=$2 promised=$3
root=$(cd "$(dirname "$0")/../.." && pwd)
source "$root/bench/device/emulate.sh"
missing=$(core_missing "$core")
[ -z "$missing" ] || { echo "SKIP: $core: there is no $missing"; exit 77; }
core_setup "$core"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=("$firmware"/*.c "$firmware"/wick/*.c)
strict=(-std=c99 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I"$firmware" -I"$firmware/include")
cc "${strict[@]}" -w "${sources[@]}" "$root/tests/emit/guest_model.c" -o "$work/pc"
"$work/pc" >"$work/expected"
grep -q '^DONE' "$work/expected"
cd "$work"
"${compiler[@]}" "${strict[@]}" -ffreestanding -c "${sources[@]}"
kernels=()
for source in "$firmware"/wick/*.c; do kernels+=("$(basename "$source" .c).o"); done
code=$("$size_tool" "${kernels[@]}" model_dispatch.o | awk 'NR > 1 { sum += $1 } END { print sum }')
objects=(*.o)
"${compiler[@]}" -std=c99 -O2 -ffreestanding -DWITH_SEMIHOST -I"$firmware" -I"$firmware/include" -I"$root/boards/common" \
    -T "$linker_script" "${board_files[@]}" "$root/tests/emit/guest_model.c" "${objects[@]}" -o guest.elf
core_run "$core" guest.elf 120 "" >got || { cat got; echo "FAIL: $core: the guest ends with an error"; exit 1; }
if ! cmp -s expected got; then
    echo "FAIL: $core: the core's logits (>) are not the PC's (<)"
    diff expected got | head -6
    exit 1
fi
echo "$core: $(grep -c LOGITS got) modules as on the PC, code $code of $promised bytes"
[ "$code" -le "$promised" ] || { echo "FAIL: $core: more code than the plan promised"; exit 1; }
