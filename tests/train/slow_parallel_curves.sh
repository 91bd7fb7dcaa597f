#!/usr/bin/env bash
# Two processes under mpirun have the loss curve of one with the same batches: within 1e-4 over 20 steps without batch norm,
# with synchronised batch norm within 2e-3 (its sums are rounded in another order, and errors grow from step to step). An epoch
# here is one step, so the recorded losses are those of the steps.
set -u
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
wick=${WICK:?the program}
. "$source_dir/tests/train/mpi_lib.sh"
trap 'rm -rf "$work"' EXIT

steps=20
common=(--recipe "$source_dir/tests/train/data/tiny_family.json" --data builtin:shapes10 --limit 60 --epochs "$steps"
    --batch 64 --threads 1 --lr 0.02 --seed 7 --strategy unified-kd --quiet)
# curves NAME OPTION...: by one process into NAME.1.db, by two into NAME.2.db
curves() {
    local name=$1
    shift
    "$wick" train "${common[@]}" "$@" -o "$name.1.onnx" --runs "$name.1.db" > "$name.1.out" 2> "$name.1.err" ||
        die "$name, one process: $(cat "$name.1.err")"
    timeout 120 "${mpi[@]}" -np 2 "$wick" train "${common[@]}" "$@" -o "$name.2.onnx" --runs "$name.2.db" \
        > "$name.2.out" 2> "$name.2.err" || die "$name, two processes: $(cat "$name.2.err")"
    [ "$(grep -c '^extractor' "$name.2.out")" -eq 1 ] || die "$name: not one process alone reports: $(cat "$name.2.out")"
    grep -q $'\033' "$name.2.out" && die "$name: a terminal's codes in a file"
    [ "$(sqlite3 "$name.2.db" 'SELECT count(*) FROM runs')" -eq 1 ] || die "$name: not one run is recorded"
}

# Everything that looks at the whole batch: mixing with images of the other's part, clipping, an average of the weights.
curves plain --no-batch-norm --mixup 0.3 --clip-norm 1 --ema 0.9 --kd-warmup 0.2 --test
most=$(compare plain.1.db plain.2.db "$steps")
below "$most" 1e-4 || die "without batch norm the curves differ by $most"
echo "without batch norm: $steps steps differ by at most $most"

# What is dropped belongs to the image, not to the process.
curves dropped --recipe "$source_dir/tests/train/data/tiny_dropout.json" --no-batch-norm
most=$(compare dropped.1.db dropped.2.db "$steps")
below "$most" 1e-4 || die "with dropout the curves differ by $most"
echo "with dropout: at most $most"

curves synced --batch-norm --sync-bn -w 4
most=$(compare synced.1.db synced.2.db "$steps")
below "$most" 2e-3 || die "with synchronised batch norm the curves differ by $most"
# The test would see it: statistics of the halves give another curve.
timeout 120 "${mpi[@]}" -np 2 "$wick" train "${common[@]}" --batch-norm -w 4 -o own.onnx --runs own.db > /dev/null 2> own.err ||
    die "own statistics: $(cat own.err)"
apart=$(compare synced.1.db own.db "$steps")
below "$apart" 0.02 && die "statistics of half batches should give another curve, but it differs by $apart only"
echo "synchronised batch norm: at most $most; statistics of each process's part: $apart"
