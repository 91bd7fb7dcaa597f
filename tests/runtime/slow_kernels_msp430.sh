#!/bin/bash
# The kernels on a simulated MSP430, where int has 16 bits and the fast kernels are assembly: random layers of every
# kind, portable and fast kernels, in random pieces, must give the bytes that the PC gives; some of them again with the
# helpers for the hardware multiplier. Then the clock cycles of some small layers, as mspdebug's simulator counts them,
# against limits.   FIRST, SEEDS: which random layers. MULTIPLIER=16bit: cycles with the hardware multiplier.
set -u
root=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
for tool in clang ld.lld mspdebug; do
    command -v $tool >/dev/null || { echo "SKIP: no $tool"; exit 77; }
done
echo 'int a;' | clang --target=msp430 -x c -c - -o /dev/null 2>/dev/null || { echo "SKIP: clang without MSP430"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
board=$root/boards/msp430
sources=("$root"/runtime/kernels/{*pool,add,concat,conv2d,dwconv2d,fc,move,mul}_s8.c "$root"/runtime/kernels/*_s8_w{16,8}.c "$root"/runtime/kernels/*_s16.c
    "$root/runtime/kernels/rows.c" "$root/runtime/nvm/nvm_crc32.c"
    "$root"/toolchain/weights/weights_{*_s8_w16,*_s8_w8,squares,none}.c "$root/tests/runtime/guest_msp430.c")
includes=(-I"$root/runtime/include" -I"$root/toolchain")

multiplier=none # or 16bit
# build NAME definitions...: NAME.host and NAME.elf
build() {
    local name=$1 objects=$work/$multiplier source object level
    shift
    mkdir -p "$objects"
    ${CC:-cc} -O2 -std=c99 "${includes[@]}" "$@" "${sources[@]}" -o "$work/$name.host" || exit 1
    for source in "${sources[@]}" "$board"/*.S; do
        object=$objects/$(basename "${source%.*}").o
        [ "$source" = "$root/tests/runtime/guest_msp430.c" ] || [ ! -f "$object" ] || continue
        level=-O2 # the kernels as they are emitted; the guest as small as it goes, to fit beside them
        [ "$source" != "$root/tests/runtime/guest_msp430.c" ] || level=-Os
        clang --target=msp430 -mhwmult=$multiplier $level -std=c99 -Wall -Wextra -Werror -ffreestanding -ffunction-sections \
            -fdata-sections -nostdlibinc -isystem "$board/libc" "${includes[@]}" "$@" -c "$source" -o "$object" || exit 1
    done
    ld.lld --gc-sections -T "$board/msp430.ld" "$objects"/*.o -o "$work/$name.elf" || exit 1
}

# simulate NAME: NAME.got, a line for each report; NAME.cycles, a line for each pair of marks
simulate() {
    local devices=("simio add tracer trace" "simio config trace verbose")
    [ $multiplier = none ] || devices+=("simio add hwmult mpy")
    timeout 200 mspdebug -q sim "prog $work/$1.elf" reset "${devices[@]}" "setbreak halt" run >"$work/$1.log" 2>&1
    awk -v got="$work/$1.got" -v cycles="$work/$1.cycles" '
        $2 != "write.w" { next }
        { value = substr($NF, 3) }
        $4 == "0x01a0" { what = value }
        $4 == "0x01a2" { high = value }
        $4 == "0x01a4" { print what, high value > got }
        $4 == "0x01a6" { if (value == "00ff") print $1 - begin > cycles; else begin = $1 + 0 }' "$work/$1.log"
    "$work/$1.host" >"$work/$1.expected"
    if ! cmp -s "$work/$1.expected" "$work/$1.got"; then
        echo "FAIL: $1: the simulated core's outputs (>) are not the PC's (<); layer, kernel, checksum:"
        diff "$work/$1.expected" "$work/$1.got" | head -12
        tail -3 "$work/$1.log"
        exit 1
    fi
}

build layers -DSEEDS="${SEEDS:-84}" -DFIRST="${FIRST:-1}"
simulate layers
build later -DLATER_KINDS -DSEEDS=24 -DFIRST="${FIRST:-1}"
simulate later
build wide -DWIDE=1 -DSEEDS=42 -DFIRST="${FIRST:-1}"
simulate wide
build joins -DWIDE=2 -DSEEDS=48 -DFIRST="${FIRST:-1}"
simulate joins
multiplier=16bit
build multiplied -DSEEDS=7 -DFIRST="${FIRST:-1}"
simulate multiplied
multiplier=${MULTIPLIER:-none}
echo "$(wc -l <"$work/layers.got") checksums of ${SEEDS:-84} random layers and channels are the PC's"

# kind (0 conv2d, 1 dwconv2d, 2 fc), height and width, channels in, out, kernel; then MACs, name
shapes=("0,8,8,8,3 36864 conv3x3_8x8x8-8" "0,8,16,16,1 16384 conv1x1_8x8x16-16" "0,8,3,8,3 13824 conv3x3_8x8x3-8"
    "1,8,16,16,3 9216 dwconv3x3_8x8x16" "2,1,128,16,0 2048 fc_128-16")
list=
for shape in "${shapes[@]}"; do list+="{${shape%% *}},"; done
build bench -DSEEDS=0 -DFIRST=0 -DBENCH="$list"
simulate bench
names=(portable conv2d_s8_w16 conv2d_s8_w8 dwconv2d_s8_w16 fc_s8_w16 fc_s8_w8 conv2d_s16 dwconv2d_s16 fc_s16) # as in guest_msp430.c
# The most that the fast kernels may take, in cycles a MAC.
declare -A limit=([conv3x3_8x8x8-8/conv2d_s8_w16]=11 [conv3x3_8x8x8-8/conv2d_s8_w8]=13
    [conv1x1_8x8x16-16/conv2d_s8_w16]=19 [dwconv3x3_8x8x16/dwconv2d_s8_w16]=36 [fc_128-16/fc_s8_w16]=11
    [fc_128-16/fc_s8_w8]=13)
build widebench -DWIDE=1 -DSEEDS=0 -DFIRST=0 -DBENCH="$list"
simulate widebench
limit+=([conv3x3_8x8x8-8/conv2d_s16]=290 [dwconv3x3_8x8x16/dwconv2d_s16]=480 [fc_128-16/fc_s16]=320)
status=0
paste "$work/bench.got" "$work/bench.cycles" >"$work/table"
# the guest numbers the kernels of 16 bits from 1 as well
paste "$work/widebench.got" "$work/widebench.cycles" | sed -E 's/^(..)01/\106/; s/^(..)02/\107/; s/^(..)03/\108/' >>"$work/table"
while read -r what _ cycles; do
    shape=(${shapes[16#${what:0:2}]})
    name=${names[16#${what:2:2}]}
    tenths=$((cycles * 10 / shape[1]))
    printf '%-20s %-16s %9d cycles %4d.%d per MAC\n' "${shape[2]}" "$name" "$cycles" $((tenths / 10)) $((tenths % 10))
    most=${limit[${shape[2]}/$name]:-}
    if [ -n "$most" ] && [ "$cycles" -gt $((most * shape[1])) ]; then
        echo "FAIL: more than $most per MAC"
        status=1
    fi
done <"$work/table"
exit $status
