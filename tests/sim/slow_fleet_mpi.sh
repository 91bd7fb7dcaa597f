#!/usr/bin/env bash
# wick fleet as several processes: two and three ranks give the file of one, a killed job goes on to the same bytes with
# another number of processes, and bad input is told once.
set -u
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
wick=${WICK:?the program}
. "$source_dir/tests/train/mpi_lib.sh"
job=
clean() {
    [ -z "$job" ] || kill -9 "$job" 2> /dev/null
    rm -rf "$work"
}
trap clean EXIT

"$wick" train --recipe vgg16 --width 0.05 --data builtin:shapes10 --limit 200 --epochs 1 -o f.onnx > log 2>&1 || die "$(cat log)"
"$wick" shrink --int8 f.onnx --data builtin:shapes10 --limit 200 --test -o f8.onnx > log 2>&1 || die "$(cat log)"
"$wick" plan f8.onnx --device m4-fram -o plan.json > log 2>&1 || die "$(cat log)"
fleet=("$wick" fleet plan.json --trace builtin:office --trace builtin:rf --scale 0.05 --period 60 --data builtin:shapes10 --samples 20
    --years 5 --capacitor-fade 0.03 --seed 7)

"${fleet[@]}" -n 61 -o one.csv --json > one.json || die "one process"
for ranks in 2 3; do
    timeout 120 "${mpi[@]}" -np $ranks "${fleet[@]}" -n 61 -o "$ranks.csv" --json > "$ranks.json" || die "$ranks processes"
    cmp one.csv "$ranks.csv" || die "$ranks processes give other devices than one"
    cmp one.json "$ranks.json" || die "$ranks processes print something else than one"
done
echo "two and three processes: the bytes of one"

# Half of it by one process, the rest by two.
"${fleet[@]}" -n 30 -o part.csv > /dev/null || die "a part"
timeout 120 "${mpi[@]}" -np 2 "${fleet[@]}" -n 61 -o part.csv > /dev/null 2> told || die "going on"
grep -q "30 devices were in part.csv" told || die "it did not go on: $(cat told)"
cmp one.csv part.csv || die "what one began two do not finish alike"

# A process dies (kill -9) after the first save: the job ends, the file is whole, one process finishes it.
long=(-n 400 --duration 4000000)
"${mpi[@]}" -np 2 "${fleet[@]}" "${long[@]}" -o killed.csv > /dev/null 2> told &
job=$!
for _ in $(seq 600); do
    [ -s killed.csv ] && break
    kill -0 $job 2> /dev/null || die "the job ended by itself: $(cat told)"
    sleep 0.1
done
victim=$(pgrep -P $job -f "wick fleet" | tail -1)
[ -n "$victim" ] || die "no process to kill"
kill -9 "$victim"
wait $job && die "the job does not say that a process died"
job=
saved=$(grep -c '^[0-9]' killed.csv)
[ "$saved" -ge 1 ] && [ "$saved" -lt 400 ] || die "$saved devices were saved"
rows=$((saved + 3))
"${fleet[@]}" -n $rows --duration 4000000 -o killed.csv > /dev/null 2> told || die "going on alone"
grep -q "$saved devices were in" told || die "it did not go on: $(cat told)"
"${fleet[@]}" -n 3 --duration 4000000 -o fresh.csv > /dev/null || die "the same from the beginning"
cmp <(head -5 fresh.csv) <(head -5 killed.csv) || die "the killed job's devices are others"
echo "killed after $saved devices, gone on with"

timeout 60 "${mpi[@]}" -np 2 "${fleet[@]}" -n 10 --years 6 -o one.csv > /dev/null 2> told && die "another fleet's file is taken"
[ "$(grep -c 'another fleet' told)" = 1 ] || die "it is not told once: $(cat told)"
timeout 60 "${mpi[@]}" -np 2 "${fleet[@]}" -n 10 --deadline 100 > /dev/null 2> told && die "an impossible deadline is taken"
grep -q 'deadline' told || die "the deadline is not named: $(cat told)"
echo "refusals are told once"
