#!/usr/bin/env bash
# What the engine costs stays within the bars that docs/benchmarks.md states, for the Cortex-M4 with MRAM: modelled energy of an
# answer, overheads on the published cost model, and instructions counted in QEMU; and a boot's way back to work on six cores.
# And the check can fail: features that are stored cost more than the bars allow, an engine with a slow checksum resumes too late.
set -euo pipefail
build=${WICK_BUILD:-$WICK_SOURCE/build/release}
bench=$build/bench/bench_engine
[ -x "$bench" ] || { echo "skipped: not built in $build/bench"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/fw"
"$bench" --check --emit "$work/fw" m4-mram >"$work/out" || { cat "$work/out"; echo "FAILED: a bar is missed"; exit 1; }
[ "$(grep -c '^m4-mram *mobilenetv1' "$work/out")" = 8 ] || { cat "$work/out"; echo "FAILED: two families of four modules"; exit 1; }
[ "$(grep -cE '^published-(tinas|inas)' "$work/out")" = 24 ] || { cat "$work/out"; echo "FAILED: answers are missing"; exit 1; }
status=0
"$bench" --check --features stored m4-mram >"$work/stored" || status=$?
[ $status = 1 ] && grep -q '^MISSED: .*eager' "$work/stored" || { cat "$work/stored"; echo "FAILED: stored features are no bar"; exit 1; }
count() { "$WICK_SOURCE/bench/engine/count_engine.sh" --check "$build/bench/count_plugin.so" "$work/fw" >"$work/counts"; }
others=(m3-fram m7-mram m33-fram m55-mram rv32-fram)
"$bench" --emit "$work/fw" "${others[@]}" >/dev/null
rm -rf "$work"/fw/*vgg16*
for device in "${others[@]}"; do rm -rf "$work/fw/$device"-*-0.5; done
status=0
count || status=$?
[ $status != 77 ] || { echo "the energies hold; nothing to count instructions with"; exit 0; }
cat "$work/counts"
[ $status = 0 ] && [ "$(grep -c '^m4-mram-mobilenetv1' "$work/counts")" = 8 ] || { echo "FAILED: instructions"; exit 1; }
# RISC-V's tools may be missing.
root=$WICK_SOURCE
source "$root/bench/device/emulate.sh"
for device in "${others[@]}"; do
    lines=$(grep -c "^$device-mobilenetv1" "$work/counts" || true)
    [ "$lines" = 4 ] || { [ "$device" = rv32-fram ] && [ -n "$(core_missing rv32)" ]; } || { echo "FAILED: $lines lines of $device"; exit 1; }
done
rm -rf "$work"/fw/m[0-9]*
[ "$lines" = 4 ] || exit 0
sed -i 's/^#if UINTPTR_MAX > 0xFFFF/#if 0/' "$work/fw/rv32-fram-mobilenetv1-0.25/wick/nvm_crc32.c"
! count && grep -q '^MISSED: more than 2,000' "$work/counts" || { echo "FAILED: a checksum by nibbles is not too slow"; exit 1; }
