# To be sourced, with `here` set and in a folder of its own: the small model's firmware, and the rig of boards/thumb.
# thumb_prepare; thumb_guest CORE FOLDER [GUEST] makes guest-CORE.elf of the firmware in FOLDER, with the files of boards/thumb in GUEST.
thumb_missing() {
    command -v arm-none-eabi-gcc >/dev/null || { echo arm-none-eabi-gcc; return; }
    [ -f /usr/include/unicorn/unicorn.h ] || echo libunicorn-dev
}
thumb_prepare() {
    "$WICK" plan "$here/data/small_int8.onnx" --device m4-mram --capacitor 2.2 -o plan.json >/dev/null
    "$WICK" emit plan.json -o fw >/dev/null
    head -c 36 "$here/data/small_int8.onnx" >input.bin
    cc -std=gnu11 -O2 -Wall -Wextra -Werror -I"$WICK_SOURCE/boards/host" -I"$WICK_SOURCE/runtime/include" \
        "$WICK_SOURCE"/boards/thumb/thumb{cut,_machine,_chip}.c "$WICK_SOURCE"/boards/host/flash_{emulation,use}.c \
        "$WICK_SOURCE"/runtime/nvm/nvm_{flash,crc32}.c -lunicorn -o thumbcut
}
# Flash of small pages, little memory and a dear core: several spans, and pages that turn around. flash.json and its firmware.
flash_prepare() {
    sed 's/"page_bytes": {"value": 8192/"page_bytes": {"value": 2048/; s/"bytes": {"value": 1048576, "source": "choice: the other/"bytes": {"value": 49152, "source": "choice: the other/
        s/"sram_bytes": {"value": [0-9]*/"sram_bytes": {"value": 2600/; s/"active_mw": {"value": [0-9.]*/"active_mw": {"value": 30/' \
        "$WICK_SOURCE/profiles/m33-flash.json" >small-pages.json
    "$WICK" plan "$here/data/small_int8.onnx" --device ./small-pages.json --capacitor 230 -o flash.json >/dev/null
    "$WICK" emit flash.json -o flash >/dev/null
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
        "${3:-$WICK_SOURCE/boards/thumb}"/thumb_{guest,memory}.c "$2"/*.c "$2"/wick/*.c -o "guest-$1.elf"
}
