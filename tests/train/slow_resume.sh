#!/usr/bin/env bash
# Training that is killed (kill -9 at any moment, Ctrl-C) and resumed ends in the same bytes of ONNX as
# training that nobody disturbs. Where the signals land depends on the machine; the result must not.
set -u
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
wick=${WICK:?the program}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
die() { echo "FAILED: $*" >&2; exit 1; }

# The recipe of the unit tests; several seconds of training, so that the signals hit it.
options=(--recipe "$source_dir/tests/train/data/tiny_family.json" --batch-norm --data builtin:shapes10
    --limit 1000 --epochs 5 --threads 1 --batch 32 --width 3 --lr 0.02 --seed 7)

# run NAME [OPTION...]: in the background, its process in $pid
run() {
    local name=$1
    shift
    "$wick" train "${options[@]}" -o "$name.onnx" --runs "$name.db" "$@" > "$name.out" 2> "$name.err" &
    pid=$!
}

for strategy in unified-kd l2s; do
    options+=(--strategy "$strategy")
    start=$(date +%s%N)
    run whole || die "cannot start"
    wait "$pid" || die "$strategy, undisturbed: $(cat whole.err)"
    span_ms=$((($(date +%s%N) - start) / 1000000))
    [ ! -e whole.onnx.state ] || die "the state is still there after success"

    rm -f cut.*
    landed=0
    for percent in 3 30 45 60 35 50; do
        run cut --resume
        sleep "$(printf '%d.%03d' $((span_ms * percent / 100 / 1000)) $((span_ms * percent / 100 % 1000)))"
        kill -9 "$pid" 2> /dev/null && [ -s cut.onnx.state ] && landed=$((landed + 1))
        wait "$pid" 2> /dev/null
    done
    [ "$landed" -ge 2 ] || die "$strategy: only $landed kills hit the training"
    run cut --resume
    wait "$pid" || die "$strategy, resumed: $(cat cut.err)"
    cmp whole.onnx cut.onnx || die "$strategy: kill -9 and --resume give other bytes"
    [ ! -e cut.onnx.state ] || die "the state is still there after the last resume"
    echo "$strategy: $landed kills, the same bytes"
done

# Ctrl-C: exit status 4, the way on is told, nothing half-written; without --resume the state is safe.
run interrupted
for _ in $(seq 300); do
    [ -s interrupted.onnx.state ] && break
    sleep 0.1
done
kill -INT "$pid"
wait "$pid"
status=$?
[ "$status" -eq 4 ] || die "Ctrl-C gave exit status $status: $(cat interrupted.err)"
grep -q -e '--resume' interrupted.err || die "Ctrl-C does not name --resume: $(cat interrupted.err)"
[ ! -e interrupted.onnx ] || die "an output after Ctrl-C"
cp interrupted.onnx.state saved
run interrupted
wait "$pid"
[ $? -eq 3 ] || die "a stored training was begun again without asking"
cmp -s saved interrupted.onnx.state || die "the stored training was changed"
run interrupted --resume
wait "$pid" || die "resumed after Ctrl-C: $(cat interrupted.err)"
cmp whole.onnx interrupted.onnx || die "Ctrl-C and --resume give other bytes"
echo "Ctrl-C: the same bytes"

# The database holds every epoch once.
"$wick" runs show --db cut.db --json > cut.json || die "no run in the database"
epochs=$(grep -c '"learning_rate"' cut.json)
[ "$epochs" -eq 11 ] || die "$((epochs - 1)) epochs recorded, not 10" # the options hold one more
grep -q '"status": "done"' cut.json || die "the run is not done"

# A state that was cut off, and one of other options.
run broken
for _ in $(seq 300); do
    [ -s broken.onnx.state ] && break
    sleep 0.1
done
kill -9 "$pid"
wait "$pid" 2> /dev/null
cp broken.onnx.state good
run broken --resume --lr 0.5
wait "$pid"
[ $? -eq 3 ] || die "the state of other options was taken"
head -c 1000 good > broken.onnx.state
run broken --resume
wait "$pid"
[ $? -eq 3 ] || die "a truncated state was taken"
grep -q 'broken.onnx.state' broken.err || die "the message does not name the file: $(cat broken.err)"
echo "damaged and foreign states are refused"
