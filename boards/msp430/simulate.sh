#!/bin/bash
# Builds an emitted folder for the MSP430 and runs it in mspdebug's simulator: simulate.sh FOLDER [CUTS [SEED [MOST]]]
# First one run to the end, whose logits must be the PC's. Then CUTS power failures (default 100), each after a random
# number of instructions, up to the longest stretch between two commits and a half; what was in SRAM is overwritten every
# time. Whatever the device delivers, in every round at least one result, must be those logits. With MOST, code and constants may be
# so many bytes. Exit status 0: so it is; 1: not; 77: a tool is missing.
set -u
board=$(cd "$(dirname "$0")" && pwd)
folder=${1:?usage: simulate.sh FOLDER [CUTS [SEED [MOST]]]} cuts=${2:-100} seed=${3:-1} most_bytes=${4:-65536}
for tool in clang ld.lld mspdebug; do
    command -v $tool >/dev/null || { echo "there is no $tool"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
includes=(-I "$folder" -I "$folder/include")
sources=("$folder"/*.c "$folder"/wick/*.c "$board/msp430_main.c")

${CC:-cc} -O1 -std=c99 "${includes[@]}" "${sources[@]}" -o "$work/host" && "$work/host" >"$work/expected" || exit 1
for source in "${sources[@]}" "$board"/*.S; do
    clang --target=msp430 -O2 -std=c99 -Wall -Wextra -ffreestanding -ffunction-sections -fdata-sections -nostdlibinc \
        -isystem "$board/libc" "${includes[@]}" -c "$source" -o "$work/$(basename "${source%.*}").o" || exit 1
done
ld.lld --gc-sections -T "$board/msp430.ld" "$work"/*.o -o "$work/firmware.elf" || exit 1
bytes=$(size "$work/firmware.elf" | awk 'NR == 2 { print $1 }')
echo "$bytes bytes of code and constants"
[ "$bytes" -le "$most_bytes" ] || { echo "more than $most_bytes"; exit 1; }

# simulate COMMANDS...: the simulator's output
simulate() {
    timeout 300 mspdebug -q sim "prog $work/firmware.elf" "simio add tracer trace" "simio config trace verbose" \
        "setbreak halt" "$@" 2>&1
}
blank='fill 0x4000 0x1c00 0x00' sram='fill 0x1c00 0x2000 0xa5'

simulate "$blank" "$sram" reset run >"$work/log"
awk '$2 == "write.w" && ($4 == "0x01a0" || $4 == "0x01a2" || $4 == "0x01a6") {
    print ($4 == "0x01a0" ? "r " : $4 == "0x01a2" ? "l " : "f ") substr($NF, 3) }' "$work/log" >"$work/got"
if ! [ -s "$work/expected" ] || ! cmp -s "$work/expected" "$work/got"; then
    echo "the logits are not the PC's:"
    diff "$work/expected" "$work/got" | head
    exit 1
fi
longest=$(awk '$4 == "0x01a4" { if ($1 - last > most) most = $1 - last; last = $1 + 0; n++; end = $1 }
    END { print int(most * 9 / 10), n, end + 0 }' "$work/log")
read -r most commits cycles <<<"$longest"
echo "the logits are the PC's; $((commits / 2)) commits, $cycles cycles"

# Rounds of cuts, each from blank memory to the end.
awk -v cuts="$cuts" -v seed="$seed" -v most="$most" -v blank="$blank" -v sram="$sram" 'BEGIN {
    srand(seed)
    while (cuts > 0) {
        print blank
        for (n = 1 + int(rand() * 40); n > 0 && cuts > 0; n--) {
            print sram "\nreset\nstep " (1 + int(rand() * most))
            cuts--
        }
        print sram "\nreset\nrun\nregs"
    } }' >"$work/commands"
simulate "read $work/commands" >"$work/log"
awk -v expected="$work/expected" -v cuts="$cuts" '
    BEGIN { while ((getline line < expected) > 0) want[n++] = line }
    function finish(complete) { # of what one boot delivered
        if (at > 0 && complete && at != n) { print "a result is not whole"; bad = 1 }
        results += at == n && n > 0
        whole += at == n
        at = 0
    }
    /^ *[0-9]+: system reset/ { finish(0); boots++ }
    $2 != "write.w" { next }
    $4 == "0x01a0" { at = 0; check("r " substr($NF, 3)) }
    $4 == "0x01a2" { check("l " substr($NF, 3)) }
    $4 == "0x01a6" { print "the engine reports " $NF; bad = 1 }
    function check(got) { if (got != want[at]) { print "delivered " got ", not " want[at]; bad = 1 } else at++ }
    END {
        finish(1)
        print cuts " power failures, " boots + 0 " boots, " whole " results, " (bad ? "WRONG" : "all the same")
        exit bad || whole == 0
    }' "$work/log"
