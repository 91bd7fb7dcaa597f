#!/bin/bash
# The device runtime builds warning-free as C99 with every compiler that is here, each public header
# stands alone, includes follow the runtime's law, and the objects need nothing but memcpy, memset
# and compiler helpers. The kernels for x86-64, which no device gets, share headers of their own and
# ask the compiler's helpers for the processor's features.
set -u
root=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}/runtime
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings="-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror"
failed=0
complain() { echo "FAIL: $*"; failed=1; }

build() { # name, optimisation, compiler and its flags
    local name=$1 level=$2
    shift 2
    mkdir -p "$work/$name$level"
    for source in "$root"/*/*.c; do
        "$@" $level $warnings -ffreestanding -I"$root/include" -c "$source" \
            -o "$work/$name$level/$(basename "$source" .c).o" || complain "$name $level: $source"
    done
    echo "built: $name $level"
}

# -ffreestanding takes <string.h> away on bare targets: declare what the runtime may use.
mkdir -p "$work/libc"
printf '#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\nvoid *memset(void *, int, size_t);\n' \
    >"$work/libc/string.h"

for header in "$root"/include/wick/*.h; do
    printf '#include <wick/%s>\ntypedef int one_declaration;\n' "$(basename "$header")" >"$work/alone.c"
    ${CC:-cc} $warnings -I"$root/include" -c "$work/alone.c" -o "$work/alone.o" ||
        complain "$(basename "$header") does not stand alone"
done
for header in "$root"/include/wick/*.h; do echo "#include <wick/$(basename "$header")>"; done >"$work/all.c"
for header in "$root"/include/wick/*.h; do echo "#include <wick/$(basename "$header")>"; done >>"$work/all.c"
echo 'typedef int one_declaration;' >>"$work/all.c"
${CC:-cc} $warnings -I"$root/include" -c "$work/all.c" -o "$work/all.o" || complain "all headers together, twice"

grep -hE '^ *# *include' "$root"/*/*.c "$root"/include/wick/*.h |
    grep -vE '^#include (<(stdint\.h|stddef\.h|string\.h|wick/[a-z_]+\.h)>|"x86[a-z_]*\.h")$' &&
    complain "the runtime includes more than stdint.h, stddef.h, string.h and wick/"
for file in "$root"/*/*.[ch] "$root"/include/wick/*.h; do
    head -1 "$file" | grep -q 'SPDX-License-Identifier: 0BSD' || complain "$file: no licence line"
done

build host -O1 ${CC:-cc}
build host -O3 ${CC:-cc}
if command -v arm-none-eabi-gcc >/dev/null; then
    build arm -O2 arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb
    build arm -Os arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb
    build arm-m55 -O2 arm-none-eabi-gcc -mcpu=cortex-m55 -mfloat-abi=hard -mthumb
    build arm-m55 -O0 arm-none-eabi-gcc -mcpu=cortex-m55 -mfloat-abi=hard -mthumb
fi
if command -v riscv64-unknown-elf-gcc >/dev/null; then
    build riscv -O2 riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32 -isystem "$work/libc"
fi
if command -v clang >/dev/null; then
    build clang -O2 clang -isystem "$work/libc"
    build clang-riscv -O2 clang --target=riscv32 -march=rv32imac -isystem "$work/libc"
    build clang-msp430 -O2 clang --target=msp430 -isystem "$work/libc"
fi

# foreign NM OBJECTS: symbols that the runtime must not need.
foreign() {
    "$@" -u | awk '$1 == "U" {print $2}' | sort -u |
        grep -vE '^(wick_.*|memcpy|memset|_GLOBAL_OFFSET_TABLE_|__aeabi_.*|__cpu_(model|features2))$'
}
if command -v nm >/dev/null; then
    planted='memory from the heap'
    printf 'void *malloc(unsigned long);\nvoid *wick_take(void) { return malloc(4); }\n' >"$work/heap.c"
    ${CC:-cc} -c "$work/heap.c" -o "$work/heap.o" && foreign nm "$work/heap.o" >/dev/null || complain "$planted is not found"
    for set in host-O1 host-O3 arm-O2; do
        [ -d "$work/$set" ] || continue
        tool=nm
        [ $set = arm-O2 ] && tool=arm-none-eabi-nm
        foreign $tool "$work/$set"/*.o >"$work/foreign" &&
            complain "$set needs: $(tr '\n' ' ' <"$work/foreign")"
        # No writable data: everything lives on the stack or in the caller's memory.
        $tool "$work/$set"/*.o | grep -E ' [dDbBC] ' && complain "$set has writable data"
    done
else
    echo "no nm: undefined symbols were not checked"
fi
exit $failed
