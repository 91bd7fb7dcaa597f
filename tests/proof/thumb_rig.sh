# To be sourced, with `here` set and in a folder of its own: the small model's firmware, and the rig of boards/thumb.
# thumb_prepare; thumb_guest CORE FOLDER makes guest-CORE.elf of the firmware in FOLDER.
thumb_missing() {
    command -v arm-none-eabi-gcc >/dev/null || { echo arm-none-eabi-gcc; return; }
    [ -f /usr/include/unicorn/unicorn.h ] || echo libunicorn-dev
}
thumb_prepare() {
    "$WICK" plan "$here/data/small_int8.onnx" --device m4-mram --capacitor 2.2 -o plan.json >/dev/null
    "$WICK" emit plan.json -o fw >/dev/null
    head -c 36 "$here/data/small_int8.onnx" >input.bin
    cc -std=gnu11 -O2 -Wall -Wextra -Werror "$WICK_SOURCE"/boards/thumb/thumb{cut,_machine}.c -lunicorn -o thumbcut
}
# As little memory as will do, so that tensors share it and commits are mandatory: shared.json, a plan of it, and its firmware.
shared_prepare() {
    sed 's/"bytes": {"value": 524288/"bytes": {"value": 1152/; s/"sram_bytes": {"value": [0-9]*/"sram_bytes": {"value": 1400/' \
        "$WICK_SOURCE/profiles/m4-mram.json" >short.json
    "$WICK" plan "$here/data/small_int8.onnx" --device ./short.json --capacitor 2.0 -o shared.json >/dev/null
    "$WICK" emit shared.json -o shared >/dev/null
}
thumb_guest() {
    local cpu=cortex-$1
    [ "$1" = m0 ] && cpu=cortex-m0plus
    arm-none-eabi-gcc -mcpu=$cpu -mfloat-abi=soft "@$WICK_SOURCE/boards/thumb/thumb.flags" -std=gnu99 -O2 -ffreestanding -w \
        -T "$WICK_SOURCE/boards/common/mps.ld" -I"$2" -I"$2/include" -I"$WICK_SOURCE/boards/thumb" \
        "$WICK_SOURCE/boards/thumb/thumb_guest.c" "$2"/*.c "$2"/wick/*.c -o "guest-$1.elf"
}
