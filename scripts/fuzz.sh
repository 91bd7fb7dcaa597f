#!/usr/bin/env bash
# Fuzzes the ONNX reader under the address and undefined-behaviour sanitizers for a bounded time.
#   scripts/fuzz.sh BUILD [SECONDS]     BUILD: a configured build folder; the corpus stays in BUILD/fuzz/corpus
# The corpus starts with the models of the tests and, where $WICK_ONNX_DATA has them, of ONNX's conformance tests.
set -eu
build=$(cd "$1" && pwd); seconds=${2:-60}
cd "$(dirname "$0")/.."
command -v clang >/dev/null || { echo "fuzz: clang is missing (scripts/install-deps.sh --all)"; exit 1; }
fuzz=$build/fuzz
mkdir -p "$fuzz/corpus" "$fuzz/found"
cmake --build "$build" --target wick_onnxpb slow_onnx_conformance >/dev/null
clang -std=c11 -g -O2 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L \
    -DWICK_VERSION='"0"' -DWICK_SOURCE_DIR='"."' -Itoolchain -Iruntime/include -I"$build/toolchain/onnxpb" \
    tests/onnx/fuzz_onnx_read.c toolchain/base/[a-z]*.c toolchain/graph/[a-z]*.c toolchain/onnx/[a-z]*.c \
    "$build/toolchain/onnxpb/onnx/onnx.pb-c.c" -lprotobuf-c -ljansson -lnettle -lpthread -lm -o "$fuzz/fuzz_onnx_read"
cp tests/onnx/data/*.onnx "$fuzz/corpus/"
WICK_FUZZ_CORPUS=$fuzz/corpus "$build/tests/slow_onnx_conformance" >"$fuzz/conformance.log" 2>&1 || true
# A small quarantine of freed memory: more executions in the same time.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=4:malloc_context_size=3}
# Sanitized and on a busy machine a file of the corpus takes ten times as long as it should.
"$fuzz/fuzz_onnx_read" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2560 -max_len=65536 -artifact_prefix="$fuzz/found/" \
    -print_final_stats=1 -verbosity=0 "$fuzz/corpus"
