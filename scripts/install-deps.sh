#!/usr/bin/env bash
# Installs what wick needs from the distribution (Debian 12 and 13, Ubuntu 24.04). Says what it installs, asks for sudo only
# where it is not root, does nothing when all is there.   install-deps.sh [--build | --run | --all] [--list]
#   --build   compiler and libraries, enough for `make` and training
#   --run     also emulator, cross compiler and plots: what `make demo` and `wick verify` use
#   --all     also MPI (training as several processes), and what the tests and kernel counts use (default). RISC-V's
#             emulator: qemu-system-misc holds it (Debian 12, Ubuntu 24.04) or brings it (Debian 13)
set -euo pipefail

build=(build-essential cmake ninja-build pkg-config libdnnl-dev libonnx-dev libprotobuf-c-dev protobuf-c-compiler
    libjansson-dev nettle-dev libsqlite3-dev liblapacke-dev libpng-dev libjpeg-dev zlib1g-dev libcmocka-dev)
run=(gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm gnuplot-nox sqlite3 binutils)
tests=(gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc clang-format clang lld mspdebug
    spin libunicorn-dev libopenmpi-dev openmpi-bin iproute2)
# Left out where the distribution has none (Ubuntu): the test that loads the report in a browser is then skipped.
optional=(chromium-headless-shell)

wanted=("${build[@]}" "${run[@]}" "${tests[@]}" "${optional[@]}")
list=no
for argument in "$@"; do
    case $argument in
    --build) wanted=("${build[@]}") ;;
    --run) wanted=("${build[@]}" "${run[@]}") ;;
    --all) ;;
    --list) list=yes ;;
    *) echo "usage: install-deps.sh [--build | --run | --all] [--list]" >&2; exit 2 ;;
    esac
done
if [ "$list" = yes ]; then printf '%s\n' "${wanted[@]}"; exit 0; fi
if ! command -v apt-get >/dev/null; then
    echo "This is not a Debian or Ubuntu machine. Please install the equivalents of:" >&2
    printf '  %s\n' "${wanted[@]}" >&2
    exit 1
fi

# Names that differ between releases: the first that the archive knows is taken.
alternatives() { case $1 in libdnnl-dev) echo libdnnl-dev libonednn-dev ;; *) echo "$1" ;; esac; }
installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

missing=() extra=()
for package in "${wanted[@]}"; do
    found=no
    for name in $(alternatives "$package"); do installed "$name" && found=yes; done
    if [ "$found" = yes ]; then continue; fi
    if [[ " ${optional[*]} " == *" $package "* ]]; then extra+=("$package"); else missing+=("$package"); fi
done
# For what is optional alone nobody is asked for a password, and no archive that lacks it.
if [ ${#missing[@]} -eq 0 ]; then
    [ "$(id -u)" -eq 0 ] || exit 0
    known=no
    for package in "${extra[@]}"; do apt-cache show "$package" >/dev/null 2>&1 && known=yes; done
    [ "$known" = yes ] || exit 0
fi
missing+=("${extra[@]}")

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Missing: ${missing[*]}. Run this as root, or install sudo." >&2; exit 1; }
    as_root=(sudo)
fi
echo "Installing from the distribution: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
chosen=()
for package in "${missing[@]}"; do
    pick=
    for name in $(alternatives "$package"); do
        if [ -z "$pick" ] && apt-cache show "$name" >/dev/null 2>&1; then pick=$name; fi
    done
    if [ -n "$pick" ]; then
        chosen+=("$pick")
    elif [[ " ${optional[*]} " != *" $package "* ]]; then
        echo "The distribution has no package $package." >&2
        exit 1
    fi
done
[ ${#chosen[@]} -gt 0 ] || exit 0
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${chosen[@]}" >/dev/null
