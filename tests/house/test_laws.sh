#!/usr/bin/env bash
# The include laws of docs/design.md, read from the include lines. With --self-test (run first, every time) the
# checker must find planted violations: a law that cannot fail is no law.
set -u
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
order=(base weights graph onnx data device train shrink plan emit sim design report)

# check_tree ROOT: prints one line for each violation.
check_tree() {
    local root=$1
    (cd "$root" || exit 1
    local rank_list="${order[*]}"
    # file:line: include <x> or "x" of every C file
    grep -rnE '^[[:space:]]*#[[:space:]]*include' --include='*.c' --include='*.h' runtime toolchain cli boards examples 2>/dev/null |
    awk -v order="$rank_list" '
    BEGIN { n = split(order, names, " "); for (i = 1; i <= n; i++) rank[names[i]] = i }
    {
        colon = index($0, ":"); file = substr($0, 1, colon - 1)
        match($0, /[<"][^>"]*[>"]/); inc = substr($0, RSTART + 1, RLENGTH - 2)
        quoted = substr($0, RSTART, 1) == "\""
        split(file, part, "/"); top = part[1]; folder = part[2]
        split(inc, ip, "/"); target = ip[1]
        if (top == "runtime") {
            if (file == "runtime/kernels/x86.h" && inc == "immintrin.h") next # the PC runs these kernels
            if (!(inc ~ /^(stdint|stddef|string)\.h$/ || inc ~ /^wick\//) && !(quoted && inc !~ /\.\./ && !(target in rank)))
                print file ": the runtime includes " inc
        } else if (top == "toolchain") {
            if (inc ~ /^wick\//) next
            if (target in rank && quoted) {
                if (rank[target] > rank[folder]) print file ": " folder " includes " inc ", which lies to its right"
                else if (target != folder && inc != target "/" target ".h") print file ": includes " inc ", not the public header " target "/" target ".h"
            } else if (inc ~ /\.\./) print file ": includes " inc " by a relative path"
        } else if (top == "cli") {
            if (target in rank && quoted && inc != target "/" target ".h" && inc !~ /^emit\/(verify|inspect)\.h$/) print file ": the program includes " inc ", which is not a public header"
            if (inc ~ /\.\./) print file ": includes " inc " by a relative path"
        } else {
            if (target in rank && quoted) print file ": " top " includes the toolchain (" inc ")"
        }
    }'
    # File names are unique, README.md, CMakeLists.txt and generated names aside.
    find runtime toolchain cli boards recipes profiles tests bench scripts docs examples -type f 2>/dev/null |
        grep -vE '/(README\.md|CMakeLists\.txt|__pycache__/.*)$' | awk -F/ '{print $NF}' | sort | uniq -d |
        sed 's/^/file name used twice: /'
    # Every folder opens with a README of at most ten lines.
    for d in runtime toolchain/*/ cli boards recipes profiles; do
        d=${d%/}; [ -d "$d" ] || continue
        if [ ! -f "$d/README.md" ]; then echo "$d: no README.md"
        elif [[ $d == runtime || $d == toolchain/* || $d == cli ]] && [ "$(wc -l <"$d/README.md")" -gt 10 ]; then echo "$d/README.md: more than ten lines"
        fi
    done
    # Files over 600 lines hold more than one idea.
    find runtime toolchain cli boards -name '*.[ch]' -type f 2>/dev/null | xargs -r wc -l | awk '$2 != "total" && $1 > 650 {print $2 ": " $1 " lines"}')
}

plant=$(mktemp -d)
trap 'rm -rf "$plant"' EXIT
mkdir -p "$plant"/{runtime/{engine,kernels},toolchain/{base,graph,plan},cli}
echo '#include <stdio.h>' >"$plant/runtime/engine/a.c"
echo '#include <immintrin.h>' >"$plant/runtime/kernels/e.c"
echo '#include "plan/plan.h"' >"$plant/toolchain/graph/b.c"
echo '#include "graph/infer.h"' >"$plant/toolchain/plan/c.c"
echo '#include "graph/infer.h"' >"$plant/cli/d.c"
echo 'int a;' >"$plant/toolchain/base/a.c"
planted=$(check_tree "$plant")
for want in 'runtime includes stdio.h' 'runtime includes immintrin.h' 'lies to its right' 'not the public header' 'is not a public header' 'used twice: a.c' 'no README.md'; do
    if ! grep -qF "$want" <<<"$planted"; then
        echo "the checker misses a planted violation: $want"; exit 1
    fi
done

found=$(check_tree "$source_dir")
if [ -n "$found" ]; then echo "$found"; exit 1; fi
echo "include laws hold"
