# To be sourced: compiles for the emulated cores of boards/ and runs there. Used by count_kernels.sh and by the tests.
# Set before: root (the source tree). WICK_QEMU_ARM and WICK_QEMU_RISCV32 name other emulators than those in PATH.
emulated_cores=(m0 m3 m4 m7 m33 m55 rv32)

# core_setup CORE: sets compiler, size_tool, emulator (arrays) and board_files for the functions below.
core_setup() {
    local board cpu=()
    compiler=(arm-none-eabi-gcc) size_tool=arm-none-eabi-size
    emulator=("${WICK_QEMU_ARM:-qemu-system-arm}")
    board_files=("$root/boards/common/semihost.c" "$root/boards/common/mps_start.c")
    linker_script=$root/boards/common/mps.ld
    case $1 in
    m0) board=mps2-an385 cpu=(-mcpu=cortex-m0plus) ;; # on a Cortex-M3, which knows all of its instructions
    m3) board=mps2-an385 ;;
    m4) board=mps2-an386 ;;
    m7) board=mps2-an500 ;;
    m33) board=mps2-an505 ;;
    m55) board=mps3-an547 ;;
    rv32)
        compiler=(riscv64-unknown-elf-gcc "@$root/boards/riscv-virt/riscv_virt.flags") size_tool=riscv64-unknown-elf-size
        emulator=("${WICK_QEMU_RISCV32:-qemu-system-riscv32}" -M virt -bios none)
        board_files=("$root/boards/common/semihost.c" "$root/boards/riscv-virt/riscv_start.c")
        linker_script=$root/boards/riscv-virt/riscv_virt.ld
        return
        ;;
    *) echo "no core $1" >&2; return 1 ;;
    esac
    compiler+=("@$root/boards/$board/${board#*-}.flags" "${cpu[@]}")
    emulator+=(-M "$board")
}

# core_missing CORE: names the tool that is not there, or nothing.
core_missing() {
    core_setup "$1" || return 1
    local tool
    for tool in "${compiler[0]}" "$size_tool" "${emulator[0]}"; do
        command -v "$tool" >/dev/null || { echo "$tool"; return; }
    done
    if [ "$1" = rv32 ] && ! echo '#include <string.h>' | "${compiler[@]}" -E - >/dev/null 2>&1; then
        echo "picolibc-riscv64-unknown-elf"
    fi
}

# Whether the emulator was built with plugins.
core_has_plugins() {
    core_setup "$1" && "${emulator[0]}" -help 2>/dev/null | grep -q -e '^-plugin'
}

# The compiler's first line of --version: what baselines are keyed by.
core_compiler_version() {
    core_setup "$1" && "${compiler[0]}" --version | head -1
}

# core_build CORE FOLDER SOURCE...: with $WICK_OPTIMISE, default -O2: objects of the sources, the kernels, their weights and the board into FOLDER, and
# FOLDER/guest.elf. Further flags in the array `guest_flags`.
core_build() {
    local core=$1 folder=$2
    shift 2
    core_setup "$core" || return 1
    mkdir -p "$folder"
    local flags=("${WICK_OPTIMISE:--O2}" -std=c99 -Wall -ffunction-sections -fdata-sections
        -I"$root/boards/common" -I"$root/bench/device" -I"$root/runtime/include" -I"$root/toolchain" "${guest_flags[@]}")
    local source objects=()
    for source in "${board_files[@]}" "$root"/runtime/kernels/*.c "$root"/toolchain/weights/*.c "$@"; do
        objects+=("$(basename "$source" .c).o")
    done
    (cd "$folder" && "${compiler[@]}" "${flags[@]}" -c "${board_files[@]}" "$root"/runtime/kernels/*.c \
        "$root"/toolchain/weights/*.c "$@" &&
        "${compiler[@]}" "${flags[@]}" -Wl,--gc-sections -T "$linker_script" "${objects[@]}" -o guest.elf)
}

# core_run CORE ELF SECONDS [PLUGIN-OPTIONS] [ARGUMENT...]: runs the guest; its text on standard output, its exit status.
core_run() {
    local core=$1 elf=$2 seconds=$3 plugin=$4 arguments= argument
    shift 4
    core_setup "$core" || return 1
    for argument in guest "$@"; do arguments+=",arg=$argument"; done
    timeout "$seconds" "${emulator[@]}" ${plugin:+-plugin "$plugin"} -nographic -serial none -monitor none \
        -semihosting-config "enable=on,target=native$arguments" -kernel "$elf" </dev/null 2>&1
}
