#!/usr/bin/env bash
# Batches are prepared beside the step: no data race, by the thread sanitizer.
set -u
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
cmake=$(command -v cmake) || { echo "no cmake: skipped"; exit 77; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
echo 'int main(void) { return 0; }' > "$work/a.c"
if ! "${CC:-cc}" -fsanitize=thread "$work/a.c" -o "$work/a" 2> /dev/null || ! "$work/a" 2> /dev/null; then
    echo "this compiler or kernel has no thread sanitizer: skipped"
    exit 77
fi
launcher=$(sed -n 's/^CMAKE_C_COMPILER_LAUNCHER:[A-Z]*=//p' "${WICK_BUILD:-/nonexistent}/CMakeCache.txt" 2> /dev/null)
"$cmake" -G Ninja -S "$source_dir" -B "$work/build" -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_FLAGS_DEBUG="-O1 -g -fsanitize=thread" -DCMAKE_EXE_LINKER_FLAGS=-fsanitize=thread \
    -DCMAKE_C_COMPILER_LAUNCHER="$launcher" > "$work/log" 2>&1 &&
    "$cmake" --build "$work/build" -j 2 --target test_loader >> "$work/log" 2>&1 ||
    { echo "FAILED: does not build: $(tail -20 "$work/log")"; exit 1; }
# One OpenMP thread: the sanitizer does not see the barriers of the OpenMP library.
OMP_NUM_THREADS=1 TSAN_OPTIONS=exitcode=66 "$work/build/tests/test_loader" > "$work/out" 2>&1
status=$?
if [ $status -ne 0 ] || grep -q 'WARNING: ThreadSanitizer' "$work/out"; then
    echo "FAILED ($status): $(tail -60 "$work/out")"
    exit 1
fi
grep -q 'PASSED.* 5 test' "$work/out" || { echo "FAILED: not all tests ran: $(cat "$work/out")"; exit 1; }
echo "no races"
