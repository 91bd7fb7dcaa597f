#!/usr/bin/env bash
# The small model on QEMU's Cortex-M4, M7 and M55: the process is killed before a seeded instruction and started again on the same
# NVM file, until the answer is out; it must be the PC's own. WICK_KILLS: kills for each core and module.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
for tool in arm-none-eabi-gcc qemu-system-arm; do
    command -v $tool >/dev/null || { echo "$tool is not installed (make deps): skipped"; exit 77; }
done
qemu-system-arm -help | grep -e '^-plugin' >/dev/null || { echo "this QEMU has no plugins: skipped"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$WICK" plan "$here/data/small_int8.onnx" --device m4-mram --capacitor 2.2 -o plan.json >/dev/null
"$WICK" emit plan.json -o fw >/dev/null
"$WICK" verify fw --rig qemu-kill --kills "${WICK_KILLS:-20}" | tee out.txt
[ "$(grep -cE '^qemu-kill +(m4|m7|m55) .* 0 differences' out.txt)" = 6 ] || { echo "FAILED: not on three cores with two modules"; exit 1; }
