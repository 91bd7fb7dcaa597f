#!/usr/bin/env bash
# Every C file is as clang-format leaves it. Versions format differently: only the one the project uses is asked.
set -u
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
tool=$(command -v clang-format-14 || command -v clang-format) || { echo "skipped: no clang-format"; exit 77; }
"$tool" --version | grep -q ' 14\.' || { echo "skipped: clang-format is not version 14"; exit 77; }
cd "$source_dir" || exit 1
find runtime toolchain cli boards tests bench examples -name '*.[ch]' -type f -print0 2>/dev/null |
    xargs -0 "$tool" --dry-run --Werror
