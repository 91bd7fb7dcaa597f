#!/usr/bin/env bash
# The small model on QEMU's Cortex-M4, M7 and M55: the process is killed before a seeded instruction and started again on the same
# NVM file, until the answer is out; it must be that of a process that was not killed. WICK_KILLS: kills for each core.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
root=$WICK_SOURCE
source "$root/bench/device/emulate.sh"
for core in m4 m7 m55; do
    missing=$(core_missing $core)
    [ -z "$missing" ] || { echo "$missing is not installed (make deps): skipped"; exit 77; }
done
core_has_plugins m4 || { echo "this QEMU has no plugins: skipped"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
"$WICK" plan "$here/data/small_int8.onnx" --device m4-mram --capacitor 2.2 -o plan.json >/dev/null
"$WICK" emit plan.json -o fw >/dev/null
head -c 36 "$here/data/small_int8.onnx" >input.bin
cc -shared -fPIC -O2 "$root/boards/common/kill_plugin.c" -o kill.so
kills=${WICK_KILLS:-40}
RANDOM=1

# start AT: one process, killed before instruction AT (0 = never)
start() {
    local status=0
    (exec 2>/dev/null # the shell's own word on who was killed
    timeout 60 "${emulator[0]}" -M "$board,memory-backend=nvm" -object "memory-backend-file,id=nvm,size=$size,mem-path=nvm.bin,share=on" \
        -plugin "./kill.so,at=$1,out=count.txt" -nographic -serial none -monitor none \
        -semihosting-config enable=on,target=native,arg=guest,arg=input.bin,arg=1,arg=1 -kernel "$core.elf" </dev/null >>out.txt 2>&1
    exit $?) || status=$?
    return $status
}
for core in m4 m7 m55; do
    core_setup $core
    board=${emulator[2]} size=16M
    [ $core = m55 ] && size=2G
    "${compiler[@]}" -std=gnu99 -O2 -ffreestanding -T "$linker_script" -Ifw -Ifw/include -I"$root/boards/common" \
        "$root/boards/common/kill_guest.c" "${board_files[@]}" fw/*.c fw/wick/*.c -o $core.elf
    fresh() { rm -f nvm.bin; truncate -s $size nvm.bin; : >out.txt; }
    fresh
    start 0 || { cat out.txt; fail "$core: the uninterrupted run"; }
    want=$(grep LOGITS out.txt) total=$(cat count.txt)
    killed=0 rounds=0
    while [ $killed -lt "$kills" ]; do
        fresh
        while :; do
            status=0
            start $((total * 7 / 8 + (RANDOM * 32768 + RANDOM) % (total / 8))) || status=$? # start-up is most of the rest
            [ $status = 0 ] && break
            [ $status = 137 ] || { cat out.txt; fail "$core: status $status"; }
            killed=$((killed + 1))
        done
        rounds=$((rounds + 1))
        [ "$(grep LOGITS out.txt | sort -u)" = "$want" ] || { cat out.txt; fail "$core: another answer than $want"; }
    done
    echo "$core: $killed kills in $rounds inferences of $total instructions, every answer right"
done
