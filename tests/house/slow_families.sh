#!/usr/bin/env bash
# The residual and the dense families from data to firmware: trained, quantized, planned, emitted; the firmware's
# self-test (the vectors that the PC computed) passes, and so does a cut of power at seeded places.
set -u
: "${WICK:?}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
fail() { echo "FAILED: $*"; tail -n 20 log 2>/dev/null; exit 1; }
data=(--data builtin:shapes10 --limit 200)

# family NAME OPTIONS...: the whole way for one.
family() {
    local name=$1; shift
    "$WICK" train "$@" "${data[@]}" -e 1 -b 64 -j 1 -o "$name.onnx" >log 2>&1 || fail "$name: train"
    "$WICK" shrink "$name.onnx" --int8 "${data[@]}" --images 40 -o "$name-int8.onnx" >log 2>&1 || fail "$name: shrink"
    "$WICK" eval "$name-int8.onnx" "${data[@]}" >log 2>&1 || fail "$name: eval"
    [ "$(grep -c '^TM' log)" -eq 4 ] || fail "$name: not four modules"
    "$WICK" plan "$name-int8.onnx" --device m4-fram -o "$name-plan.json" >log 2>&1 || fail "$name: plan"
    "$WICK" emit "$name-plan.json" -o "$name-fw" --data builtin:shapes10 >log 2>&1 || fail "$name: emit"
    (cd "$name-fw" && cc -std=c99 -O1 -I. -Iinclude ./*.c wick/*.c host/*.c -o selftest) >log 2>&1 || fail "$name: it does not compile"
    "$name-fw/selftest" >log 2>&1 || fail "$name: the self-test differs"
    grep -q '^PASS: 0 differences' log || fail "$name: the self-test does not pass"
    rm -f "$name-fw/selftest"
    echo "$name: all stages done"
}
# cut NAME: power cuts leave the answers as they are.
cut() {
    local name=$1
    "$WICK" verify "$name-fw" --plan "$name-plan.json" --data builtin:shapes10 --no-exhaustive --seeded 10 --no-qemu --json >log 2>&1 || fail "$name: verify"
    grep -q '"differences": 0' log || fail "$name: power cuts change the answer"
}
family a --recipe resnet --depth 14 --width 0.25
cut a
family projection --recipe resnet --depth 14 --width 0.25 --shortcut projection --strategy baseline
family dense --recipe densenet --depth 16 --growth 3
cut dense
family plain --recipe densenet --depth 16 --growth 3 --set variant=plain --strategy l2s
"$WICK" describe dense.onnx >log || fail "describe"
grep -q '^densenet depth=16 growth=3 variant=bc: ' log || fail "the model does not say what it is"
