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
    core_setup "$1" && "${emulator[0]}" -help 2>/dev/null | grep -e '^-plugin' >/dev/null
}

# The compiler's first line of --version: what baselines are keyed by.
core_compiler_version() {
    core_setup "$1" && "${compiler[0]}" --version | head -1
}

# core_flags: the array `flags` of a guest's sources, at $WICK_OPTIMISE, default -O2.
core_flags() {
    flags=("${WICK_OPTIMISE:--O2}" -std=c99 -Wall -ffunction-sections -fdata-sections
        -I"$root/boards/common" -I"$root/bench/device" -I"$root/runtime/include" -I"$root/toolchain")
}

# core_shared FOLDER SOURCE...: objects of what all guests of a core have in common into FOLDER. They are compiled once for each core and
# level, under $WICK_BUILD/guests, and again when anything that they are made of has changed. After core_setup.
core_shared() {
    local folder=$1 flags key name=$(basename "${board_files[1]}" .c)
    shift
    core_flags
    key=$({ "${compiler[0]}" --version; printf '%s\n' "${compiler[@]}" "${flags[@]}" "$@"
        cat "${compiler[1]#@}" "$@" "$root"/{runtime/include/wick,runtime/kernels,toolchain/weights,boards/common}/*.h; } | sha256sum)
    local cache=${WICK_BUILD:-$root/build/release}/guests/$(sed 's/[^A-Za-z0-9]/-/g' <<<"$name ${compiler[*]##*/} ${flags[0]}")
    mkdir -p "$cache" || return 1
    ( # several tests may want it at once
        flock 9 || exit 1
        if [ "$(cat "$cache/key" 2>/dev/null)" != "$key" ]; then
            rm -f "$cache"/*.o "$cache/key"
            (cd "$cache" && "${compiler[@]}" "${flags[@]}" -c "$@") && echo "$key" >"$cache/key" || exit 1
        fi
        cp "$cache"/*.o "$folder"
    ) 9>"$cache/lock"
}

# core_build CORE FOLDER SOURCE...: with $WICK_OPTIMISE: objects of the sources, the kernels, their weights and the board into FOLDER, and
# FOLDER/guest.elf. Further flags of the sources in the array `guest_flags`.
core_build() {
    local core=$1 folder=$2 source flags objects=()
    shift 2
    core_setup "$core" || return 1
    mkdir -p "$folder"
    core_flags
    local shared=("${board_files[@]}" "$root"/runtime/kernels/*.c "$root"/toolchain/weights/*.c)
    core_shared "$folder" "${shared[@]}" || return 1
    for source in "${shared[@]}" "$@"; do
        objects+=("$(basename "$source" .c).o")
    done
    (cd "$folder" && "${compiler[@]}" "${flags[@]}" "${guest_flags[@]}" -c "$@" &&
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
