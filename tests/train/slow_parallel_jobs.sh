#!/usr/bin/env bash
# Training as several processes: on two hosts (network namespaces), with three processes, when one is killed (kill -9) and
# the training resumed under mpirun (the same bytes) or alone, when mpirun is stopped, and when processes do not fit together.
set -u
source_dir=${WICK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
wick=${WICK:?the program}
. "$source_dir/tests/train/mpi_lib.sh"
job=
near=wick-near-$$
far=wick-far-$$
clean() {
    [ -z "$job" ] || kill -9 "$job" 2> /dev/null
    ip netns del "$near" 2> /dev/null
    ip netns del "$far" 2> /dev/null
    rm -rf "$work"
}
trap clean EXIT

steps=20
common=(--recipe "$source_dir/tests/train/data/tiny_family.json" --data builtin:shapes10 --threads 1 --lr 0.02 --seed 7)
short=("${common[@]}" --no-batch-norm --limit 60 --epochs "$steps" --batch 48 --mixup 0.3 --quiet)
# 1080 images, 34 steps an epoch, without statistics that depend on the number of processes.
long=("${common[@]}" --no-batch-norm --limit 1200 --epochs 12 --batch 32 --strategy l2s)

# --- three processes, two hosts: the curve of one
"$wick" train "${short[@]}" -o one.onnx --runs one.db > /dev/null || die "one process"
timeout 120 "${mpi[@]}" -np 3 "$wick" train "${short[@]}" -o three.onnx --runs three.db > /dev/null || die "three processes"
most=$(compare one.db three.db "$steps")
below "$most" 1e-4 || die "the curve of three processes differs by $most"
echo "three processes: at most $most"

# connect: two namespaces with a cable between them.
connect() {
    ip netns add "$near" && ip netns add "$far" &&
        ip link add wick0 netns "$near" type veth peer name wick0 netns "$far" &&
        ip -n "$near" addr add 10.213.7.1/24 dev wick0 && ip -n "$far" addr add 10.213.7.2/24 dev wick0 &&
        ip -n "$near" link set lo up && ip -n "$far" link set lo up &&
        ip -n "$near" link set wick0 up && ip -n "$far" link set wick0 up
}
# What mpirun calls instead of ssh: HOST COMMAND...; the far host has its own network and its own name.
cat > agent << END
#!/bin/sh
shift
exec ip netns exec $far unshare --uts sh -c 'hostname wick-far; exec sh -c "\$0"' "\$*"
END
chmod +x agent
if ! mpirun --version | grep -q 'Open MPI) [34]\.'; then
    echo "skipped: two hosts (the options of this mpirun are not known)"
elif connect 2> connect.err; then
    ip netns exec "$near" timeout 120 mpirun --host 10.213.7.1:1,10.213.7.2:1 --mca plm_rsh_agent "$work/agent" \
        --mca btl self,tcp --mca btl_tcp_if_include 10.213.7.0/24 --mca oob_tcp_if_include 10.213.7.0/24 -np 2 \
        "$wick" train "${short[@]}" -o hosts.onnx --runs hosts.db > /dev/null 2> hosts.err || die "two hosts: $(cat hosts.err)"
    most=$(compare one.db hosts.db "$steps")
    below "$most" 1e-4 || die "the curve of two hosts differs by $most"
    sent=$(ip netns exec "$near" cat /sys/class/net/wick0/statistics/tx_bytes)
    # The gradients of some 16 000 weights in 20 steps, at the least every second.
    [ "$sent" -gt 600000 ] || die "only $sent bytes went from host to host"
    echo "two hosts: at most $most, $sent bytes sent"
else
    echo "skipped: two hosts (network namespaces are not permitted here: $(head -n 1 connect.err))"
fi

# --- a process dies
# start NAME [OPTION...]: in the background, mpirun in $job
start() {
    local name=$1
    shift
    "${mpi[@]}" -np 2 "$wick" train "${long[@]}" -o "$name.onnx" --runs "$name.db" "$@" > "$name.out" 2> "$name.err" &
    job=$!
}
# process RANK: its number, once it runs
process() {
    local pid
    for _ in $(seq 200); do
        for pid in $(cat /proc/"$job"/task/*/children 2> /dev/null); do
            tr '\0' '\n' < /proc/"$pid"/environ 2> /dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$1" && echo "$pid" && return
        done
        sleep 0.05
    done
    die "process $1 does not start"
}
# after_epoch NAME N: waits until N epochs were told
after_epoch() {
    for _ in $(seq 1200); do
        [ "$(grep -c '^stage' "$1.err")" -ge "$2" ] && return
        sleep 0.05
    done
    die "$1: no epoch $2: $(cat "$1.err")"
}
start whole --resume # there is nothing to resume yet: from the beginning
wait "$job" || die "undisturbed: $(cat whole.err)"
[ ! -e whole.onnx.state ] || die "the state is still there after success"

for rank in 1 0; do
    start "cut$rank"
    after_epoch "cut$rank" $((rank ? 5 : 15))
    kill -9 "$(process "$rank")" || die "cannot kill process $rank"
    wait "$job" && die "the job goes on without process $rank"
    job=
    grep -q "rank $rank .*exited on signal 9" "cut$rank.err" || die "nobody says that process $rank died: $(cat "cut$rank.err")"
    [ -s "cut$rank.onnx.state" ] && [ ! -e "cut$rank.onnx" ] || die "no state, or an output"
done
grep -q 'another process of it died' cut1.err && grep -q -e '--resume' cut1.err || die "process 0 does not say what to do: $(cat cut1.err)"
mkdir alone && cp cut1.onnx.state alone/ && cp cut1.db alone/

for rank in 1 0; do
    start "cut$rank" --resume
    wait "$job" || die "resumed by two: $(cat "cut$rank.err")"
    job=
    cmp whole.onnx "cut$rank.onnx" || die "process $rank killed, resumed by two: other bytes"
done
echo "killed and resumed by two: the same bytes"

"$wick" train "${long[@]}" -o alone/cut1.onnx --runs alone/cut1.db --resume > /dev/null 2> alone/err || die "resumed alone: $(cat alone/err)"
grep -q 'trained so far by 2 process(es), goes on with 1' alone/err || die "the other number of processes is not told: $(cat alone/err)"
[ "$(grep -c '^stage' alone/err)" -lt 20 ] || die "resumed alone: it began again"
most=$(compare whole.db alone/cut1.db 24)
below "$most" 0.05 || die "resumed alone, the curve differs by $most"
echo "resumed alone: at most $most from the curve of two"

# --- mpirun is stopped
# In the midst of a training that would take minutes. What a process says at its end mpirun forwards as a rule: on a busy
# machine about one time in ten it is gone before it has read that, so it may be stopped up to five times.
for stop in 1 2 3 4 5; do
    rm -f stopped.onnx.state stopped.db && : > stopped.err
    start stopped --epochs 1000
    after_epoch stopped 2
    kill -INT "$job"
    wait "$job" && die "a stopped job succeeds"
    job=
    grep -q -e '--resume' stopped.err && break
    [ "$stop" -lt 5 ] || die "the way on is not told: $(cat stopped.err)"
done
[ -s stopped.onnx.state ] || die "no state after the stop"
"$wick" train "${long[@]}" -o stopped.onnx --runs stopped.db --epochs 1000 --resume --lr 0.5 > /dev/null 2>&1 && die "the state of other options was taken"

# --- processes that do not fit together
# refused STATUS TEXT COMMAND...: one message, no output
refused() {
    local want=$1 text=$2 status
    shift 2
    timeout 120 "$@" > refused.out 2> refused.err
    status=$?
    [ "$status" -eq "$want" ] || die "status $status instead of $want: $(cat refused.err)"
    [ "$(grep -c "$text" refused.err)" -eq 1 ] || die "not told once ($text): $(cat refused.err)"
    [ ! -e refused.onnx ] || die "an output"
    grep -q 'cannot go on' refused.err && die "the job was torn down instead of agreeing: $(cat refused.err)"
    rm -f refused.onnx.state
}
refused 3 'cannot be shared out evenly' "${mpi[@]}" -np 3 "$wick" train "${long[@]}" -o refused.onnx
refused 3 'studies and searches' "${mpi[@]}" -np 2 "$wick" train "${long[@]}" --seeds 2 -o refused
refused 3 'no such file\|cannot create' "${mpi[@]}" -np 2 "$wick" train "${long[@]}" -o nowhere/refused.onnx
refused 3 'options of process 0' "${mpi[@]}" -np 1 "$wick" train "${long[@]}" -o refused.onnx : -np 1 "$wick" train "${long[@]}" --lr 0.01 -o refused.onnx
refused 3 'data of process 0' "${mpi[@]}" -np 1 "$wick" train "${long[@]}" -o refused.onnx : -np 1 "$wick" train "${long[@]}" --limit 1100 -o refused.onnx
refused 3 'the training has diverged' "${mpi[@]}" -np 2 "$wick" train "${long[@]}" --lr 1e6 --clip-norm 0 --quiet -o refused.onnx
refused 3 'process 1 of 2' "${mpi[@]}" -np 1 "$wick" train "${long[@]}" -o refused.onnx : -np 1 "$wick" train "${long[@]}" --data npy:nowhere -o refused.onnx
echo "what does not fit together is refused"
