#!/usr/bin/env bash
# Several trainings at once record into one SQLite file that none of them finds: all of them succeed, every epoch is there
# once, and the file is sound; also when one of them is killed (kill -9) in the middle.
set -u
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
wick=${WICK:?the program}
command -v sqlite3 > /dev/null || { echo "skipped: sqlite3 is not installed"; exit 77; }
work=$(mktemp -d) || exit 1
pids=()
trap '[ ${#pids[@]} -eq 0 ] || kill -9 "${pids[@]}" 2> /dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
die() { echo "FAILED: $*" >&2; exit 1; }

# Many short epochs, so that they write all the time.
epochs=80
options=(--recipe "$source_dir/tests/train/data/tiny_family.json" --data builtin:shapes10 --limit 20 --batch 16
    --threads 1 --quiet --epochs "$epochs" --runs runs.db)
for i in 1 2 3 4; do
    "$wick" train "${options[@]}" --seed "$i" --name "run $i" -o "$i.onnx" > /dev/null 2> "$i.err" &
    pids+=($!)
done
ask() { sqlite3 -cmd '.timeout 30000' runs.db "$1"; }
for _ in $(seq 300); do # the fourth is killed once it records
    [ -s runs.db ] && [ "$(ask "SELECT count(*) FROM epochs, runs WHERE id = run_id AND name = 'run 4'" 2> /dev/null)" -gt 5 ] 2> /dev/null && break
    sleep 0.01
done
kill -9 "${pids[3]}" || die "the fourth was over before it could be killed"
wait "${pids[3]}" 2> /dev/null
for i in 1 2 3; do
    wait "${pids[i - 1]}" || die "training $i: $(cat $i.err)"
done
pids=()
[ "$(ask 'PRAGMA integrity_check')" = ok ] || die "the file is damaged: $(ask 'PRAGMA integrity_check')"
counts=$(ask "SELECT name, status, count(*), min(epoch), max(epoch) FROM runs, epochs WHERE id = run_id AND name <> 'run 4' GROUP BY id ORDER BY name")
[ "$counts" = "run 1|done|$epochs|1|$epochs
run 2|done|$epochs|1|$epochs
run 3|done|$epochs|1|$epochs" ] || die "recorded: $counts"
"$wick" train "${options[@]}" --seed 4 --name "run 4" -o 4.onnx --resume > /dev/null 2> 4.err || die "resumed: $(cat 4.err)"
fourth=$(ask "SELECT count(DISTINCT id), status, count(*), count(DISTINCT epoch) FROM runs, epochs WHERE id = run_id AND name = 'run 4'")
[ "$fourth" = "1|done|$epochs|$epochs" ] || die "the killed one, resumed: $fourth"
[ "$(ask 'PRAGMA integrity_check')" = ok ] || die "damaged after the resume"
echo "three trainings at once and a fourth that was killed: $epochs epochs of each, integrity ok"
