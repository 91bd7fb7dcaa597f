#!/usr/bin/env bash
# Guests of one core share the objects of kernels, weights and board (bench/device/emulate.sh): compiled once, and again after any change of a
# source, a header, the board's flags or the level. A tree with one kernel stands for the real one.
set -u
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
die() { echo "FAILED: $*" >&2; exit 1; }
root=$work/tree guest_flags=()
mkdir -p "$root"/{runtime/kernels,runtime/include/wick,toolchain/weights,boards,bench/device} "$work/guest"
cp -r "$source_dir"/boards/{common,mps2-an386} "$root/boards/"
echo 'int wick_header_version;' >"$root/runtime/include/wick/h.h"
printf '#include <wick/h.h>\nint kernel_version_1;\n' >"$root/runtime/kernels/k.c"
echo '#define X 1' >"$root/runtime/kernels/x.h"
echo 'int weights_version_1;' >"$root/toolchain/weights/w.c"
echo '#define Y 1' >"$root/toolchain/weights/y.h"
echo 'int main(void) { return GUEST; }' >"$root/main.c"
source "$source_dir/bench/device/emulate.sh"
[ -z "$(core_missing m4)" ] || { echo "skipped: there is no $(core_missing m4)"; exit 77; }
export WICK_BUILD=$work/build
build() { # and how many objects were compiled for it: those that are not the cache's any more
    touch "$work/before" && sleep 0.02
    guest_flags=("-DGUEST=$1")
    rm -rf "$work/guest"
    core_build m4 "$work/guest" "$root/main.c" || die "it does not build"
    compiled=$(find "$WICK_BUILD/guests" -name '*.o' -newer "$work/before" | wc -l)
    for object in "$WICK_BUILD"/guests/*"${WICK_OPTIMISE:--O2}"/*.o; do
        cmp -s "$object" "$work/guest/$(basename "$object")" || die "not the shared $object"
    done
}
holds() { arm-none-eabi-nm "$work/guest/$1.o" | grep -q " $2\$"; }

build 1
[ "$compiled" -ge 4 ] && holds k kernel_version_1 && holds k wick_header_version || die "nothing compiled at first: $compiled"
cp "$work/guest/main.o" "$work/main.o"
build 2
[ "$compiled" -eq 0 ] || die "compiled again without a change: $compiled"
cmp -s "$work/main.o" "$work/guest/main.o" && die "the guest's own flags do not count"
change() { # what, file, new text
    printf '%s\n' "$3" >>"$2"
    build 2
    [ "$compiled" -ge 4 ] || die "not compiled again after a change of $1"
}
change 'a kernel' "$root/runtime/kernels/k.c" 'int kernel_version_2;'
holds k kernel_version_2 || die "the old kernel"
change 'a header' "$root/runtime/include/wick/h.h" 'int wick_header_version_2;'
holds k wick_header_version_2 || die "the old header"
change "a kernel's header" "$root/runtime/kernels/x.h" '#define Z 1'
change 'weights' "$root/toolchain/weights/w.c" 'int weights_version_2;'
change 'the flags' "$root/boards/mps2-an386/an386.flags" '-DOTHER'
WICK_OPTIMISE=-Os build 2
[ "$compiled" -ge 4 ] || die "another level has the same objects"
build 2
[ "$compiled" -eq 0 ] || die "compiled again after another level"
echo 'this is no C' >>"$root/runtime/kernels/k.c"
core_build m4 "$work/guest" "$root/main.c" >/dev/null 2>&1 && die "old objects in place of what does not compile"
sed -i '$d' "$root/runtime/kernels/k.c"
build 2
[ "$compiled" -ge 4 ] && holds k kernel_version_2 || die "a failure is taken for objects"
echo "guests of a core share $(ls "$work"/guest/*.o | wc -l) objects"
