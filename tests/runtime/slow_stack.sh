#!/bin/bash
# Recomputes the stack that the engine takes on a Cortex-M4: the deepest chain of calls over the
# object code, with each function's frame as the compiler reports it. Fails if the documented
# WICK_ENGINE_STACK_BYTES, or that of a log on flash, is exceeded, or on recursion or a frame of changing size.
set -u
root=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}/runtime
command -v arm-none-eabi-gcc >/dev/null || { echo "SKIP: no arm-none-eabi-gcc"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
limit=$(sed -n 's/.*WICK_ENGINE_STACK_BYTES = \([0-9]*\).*/\1/p' "$root/include/wick/engine.h")
flash_limit=$(sed -n 's/.*WICK_FLASH_STACK_BYTES = \([0-9]*\).*/\1/p' "$root/include/wick/flash.h")
[ -n "$limit" ] && [ -n "$flash_limit" ] || { echo "FAIL: engine.h or flash.h does not say its bytes of stack"; exit 1; }
# measure LEVEL [SOURCE]: the runtime, with that source instead of the one of its name. Returns whether it holds.
measure() {
    local level=$1 status=0
    rm -f "$work"/*.o "$work"/*.su "$work"/graph
    for source in "$root"/*/*.c; do
        [ "$(basename "$source")" != "$(basename "${2:-}")" ] || source=$2
        # A section for each function, so that every call leaves a relocation.
        arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb $level -std=c99 -ffunction-sections -fstack-usage \
            -I"$root/include" -c "$source" -o "$work/$(basename "$source" .c).o" || exit 1
    done
    if grep -hv 'static$' "$work"/*.su; then
        echo "FAIL: $level: the frames above are not of fixed size"
        status=1
    fi
    # frame <function> <bytes> and call <caller> <callee>; clones are functions of their own
    # (f.part), their numbers are dropped: not every compiler writes them to .su.
    sed -E 's/^[^:]*:[0-9]+:[0-9]+:([A-Za-z0-9_.]+)[^\t]*\t([0-9]+)\t.*/frame \1 \2/; s/\.[0-9]+ / /' "$work"/*.su >"$work/graph"
    for object in "$work"/*.o; do
        arm-none-eabi-objdump -dr "$object" | awk '
            function plain(name) { sub(/\.[0-9]+$/, "", name); return name }
            /^[0-9a-f]+ <.*>:$/ { name = $2; gsub(/[<>:]/, "", name); caller = plain(name) }
            # A call within a section needs no relocation: of a function to itself.
            /R_ARM_THM_(CALL|JUMP24|JUMP19)/ { print "call", caller, plain($NF); own = "" }
            own != "" { print "call", own, own; own = "" }
            /\tbl\t/ && $NF == "<" name ">" { own = caller }'
    done >>"$work/graph"
    awk -v limit="$limit" -v flash_limit="$flash_limit" -v level="$level" '
        $1 == "frame" { if ($3 > frame[$2]) frame[$2] = $3; if (!($2 in seen)) { seen[$2] = 1; n++ } }
        $1 == "call" && $2 != $3 { edge[$2, $3] = 1 }
        $1 == "call" && $2 == $3 { print "FAIL: " $2 " calls itself"; bad = 1 }
        END {
            library = 32 # memcpy, memset and compiler helpers
            for (f in seen) deep[f] = frame[f]
            for (round = 0; round <= n; round++) {
                changed = 0
                for (e in edge) {
                    split(e, at, SUBSEP)
                    below = at[2] in seen ? deep[at[2]] : library
                    if (frame[at[1]] + below > deep[at[1]]) {
                        deep[at[1]] = frame[at[1]] + below
                        chain[at[1]] = at[2]
                        changed = 1
                    }
                }
                if (!changed) break
            }
            if (changed) { print "FAIL: " level ": recursion"; exit 1 }
            split("wick_engine_boot wick_engine_format wick_engine_submit wick_engine_run", entry, " ")
            for (i in entry) {
                f = entry[i]
                if (!(f in seen)) { print "FAIL: " f " is not there"; exit 1 }
                if (deep[f] > most) { most = deep[f]; top = f }
            }
            path = top " " frame[top]
            for (f = chain[top]; f != ""; f = chain[f]) path = path " > " f " " frame[f]
            print level ": " most " of " limit " bytes: " path
            split("flash_read flash_write wick_flash_make", entry, " ") # called through the port
            for (i in entry) {
                f = entry[i]
                if (!(f in seen)) { print "FAIL: " f " is not there"; exit 1 }
                if (deep[f] > flash_most) flash_most = deep[f]
            }
            print level ": " flash_most " of " flash_limit " bytes for flash"
            exit bad || most > limit || flash_most > flash_limit
        }' "$work/graph" || { echo "FAIL: $level"; status=1; }
    return $status
}

status=0
for level in -O2 -Os -O3; do measure $level || status=1; done

# plant NAME SED WHAT IT SAYS: of the file in which the engine's steps are.
plant() {
    mkdir -p "$work/planted"
    sed -zE "$2" "$root/engine/engine_step.c" >"$work/planted/engine_step.c"
    ! cmp -s "$root/engine/engine_step.c" "$work/planted/engine_step.c" || { echo "FAIL: $1: nothing was planted"; exit 1; }
    ! measure -O2 "$work/planted/engine_step.c" >"$work/planted/says" 2>&1 || { echo "FAIL: not found: $1"; exit 1; }
    grep -q "$3" "$work/planted/says" || { cat "$work/planted/says"; echo "FAIL: found for another reason: $1"; exit 1; }
    echo "found: $1"
}
plant 'a function that calls itself' \
    's/wick_rt_status wick_engine_run\(wick_engine \*engine\) \{/__attribute__((noinline)) static int again(volatile int *left) {\n    return *left > 0 ? (again(left) ^ *left) : 0;\n}\n&\n    volatile int left = 1;\n    if (again(\&left) < 0)\n        return WICK_RT_ARGUMENT;/' \
    'recursion\|calls itself'
plant 'a frame that is too deep' \
    's/wick_rt_status wick_engine_run\(wick_engine \*engine\) \{/&\n    volatile char deep[4096];\n    deep[engine->split] = 1;\n    if (deep[0] == 2)\n        return WICK_RT_ARGUMENT;/' 'FAIL: -O2'
exit $status
