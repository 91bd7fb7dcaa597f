#!/usr/bin/env bash
# A model update in mid-outage with images built from emitted folders, as their README says: the power is cut at every write. Two
# planted errors of the update must be found; an image for the M4 links, and one that is too large does not.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
model="$here/data/small_int8.onnx"
"$WICK" plan "$model" --device m4-mram --capacitor 4 -o old.json >/dev/null
"$WICK" plan "$model" --device m4-mram --capacitor 4 --features stored -o new.json >/dev/null
"$WICK" emit old.json -o old >/dev/null
"$WICK" emit new.json -o new >/dev/null
grep -q 'Update the model in the field' new/README.md || fail "the README does not tell how"
! grep -qF "$(grep MODEL_LAYOUT old/model.h)" new/model.h || fail "both have one layout"
# Other biases, as if trained again.
sed -i -E '/^const int32_t .*bias/,/};/ s/^(-?[0-9]+),/\1 + 5000,/' new/model_weights.c
! cmp -s old/model_weights.c new/model_weights.c || fail "nothing was retrained"
# slot FOLDER ADDRESS OUT [BYTES] [COMPILER]
slot() {
    ${5:-cc -fno-pic -no-pie -static -fcf-protection=none} -std=c99 -O2 -Wall -Wextra -Werror -ffreestanding -nostdlib -I"$1" -I"$1/include" -I"$1/image" \
        "$1"/model_{data,weights}.c "$1/image/slot_head.c" -Wl,-T,"$1/image/slot.ld" -Wl,--build-id=none \
        -Wl,--defsym=SLOT_ADDRESS="$2" -Wl,--defsym=SLOT_BYTES="${4:-0x40000}" -o slot.elf
    objcopy -O binary slot.elf "$3" 2>/dev/null || arm-none-eabi-objcopy -O binary slot.elf "$3"
}
rig() { # FOLDER with the engine
    cc -std=gnu11 -O2 -Wall -Wextra -Werror -I"$1/include" -I"$1/image" "$here/slot_rig.c" "$1/model_dispatch.c" "$1"/wick/*.c -o rig
}
slot old 0x40080000 old_b.bin
slot new 0x40040000 new_a.bin
head -c 4096 "$model" >input.bin
rig old
./rig old_b.bin new_a.bin input.bin >out.txt || { cat out.txt; fail "the update"; }
cat out.txt
grep -qE '^[1-9][0-9]{3,} cuts' out.txt || fail "hardly any cuts"
! slot new 0x40040000 large.bin 0x100 2>/dev/null || fail "an image that is too large links"
# plant NAME SED-EXPRESSION
plant() {
    rm -rf faulty && cp -r old faulty
    sed -i -zE "$2" faulty/wick/nvm_image.c
    ! cmp -s old/wick/nvm_image.c faulty/wick/nvm_image.c || fail "$1: nothing was planted"
    rig faulty
    ! timeout 60 ./rig old_b.bin new_a.bin input.bin >out.txt 2>&1 || fail "$1: not found"
    echo "found: $1"
}
plant 'pieces go to the slot that counts' 's/slot_offset\[image->slot \^ 1u\]/slot_offset[image->slot]/'
plant 'the header is written in place' 's/header\.copy = \(uint8_t\)\(image->copy \^ 1u\)/header.copy = image->copy/'
if command -v arm-none-eabi-gcc >/dev/null; then
    slot new 0x10040000 m4.bin 0x40000 'arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb'
    [ "$(od -An -tx4 -N4 m4.bin | tr -d ' ')" = 6c736d77 ] || fail "the M4's image begins with something else"
fi
