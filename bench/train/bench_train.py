#!/usr/bin/env python3
"""Time of a training step: wick beside PyTorch, two networks, one thread and two.

bench_train.py PROGRAM [--json FILE] [--python INTERPRETER]... [--rounds N] [--steps N] [--nets vgg,mob] [--threads 1,2]

PROGRAM is the built bench_train. Of the interpreters (default: python3) those that can import torch take part. All processes of a
network and thread count stay alive together and take turns, `steps` steps each, `rounds` times after a warm-up round, so that a busy
machine slows them alike. A ratio is the median over the rounds of PyTorch's median step / wick's in the same round; "cpu" is the same of processor time, which a busy machine inflates less.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = ["avx2", "fma", "avx512f", "avx512_bf16", "amx_tile"]


class Worker:
    """One process that takes training steps on command."""

    def __init__(self, name, command):
        environment = dict(os.environ, OMP_WAIT_POLICY=os.environ.get("OMP_WAIT_POLICY", "PASSIVE"))
        # Some machines choose kernels for an old BLAS by these; PyTorch should choose for itself.
        for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            environment.pop(variable, None)
        self.name = name
        self.rounds = []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"bench_train.py: {self.name} ended with exit status {self.process.wait()}")
        return answer

    def run(self, steps):
        """[(wall ms, processor ms)] of that many steps."""
        return [tuple(float(ms) for ms in pair.split("/")) for pair in self.ask(f"run {steps}").split()]

    def end(self):
        self.facts = json.loads(self.ask("end"))
        self.process.stdin.close()
        self.process.wait()

    def result(self, base):
        steps, cpu = self.times(0), self.times(1)
        quarters = statistics.quantiles(steps, n=4)
        ratios, cpu_ratios = self.ratios(base, 0), self.ratios(base, 1)
        return {"name": self.name, "median_ms": statistics.median(steps), "quartiles_ms": [quarters[0], quarters[2]],
                "min_ms": min(steps), "max_ms": max(steps), "cpu_median_ms": statistics.median(cpu), "ratio": statistics.median(ratios),
                "ratios": ratios, "cpu_ratio": statistics.median(cpu_ratios), "steps_ms": steps, "cpu_steps_ms": cpu, **self.facts}

    def times(self, which):
        return [step[which] for one in self.rounds for step in one]

    def ratios(self, base, which):
        def medians(worker):
            return [statistics.median(step[which] for step in one) for one in worker.rounds]
        return [mine / its for mine, its in zip(medians(self), medians(base))]


def torch_version(python):
    """What torch this interpreter has, or None."""
    try:
        done = subprocess.run([python, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True, timeout=120)
    except OSError as error:
        sys.exit(f"bench_train.py: {python}: {error.strerror}")
    return done.stdout.strip() if done.returncode == 0 else None


def workers(options, twins, net, threads):
    yield Worker("wick", [options.program, str(HERE / f"train_{net}.json"), str(threads)])
    for python, version in twins:
        for layout in ("channels_last", "default"):
            yield Worker(f"PyTorch {version} {layout}", [python, str(HERE / "train_twin.py"), net, str(threads), layout])


def compare(options, twins, net, threads):
    crew = list(workers(options, twins, net, threads))
    for number in range(options.rounds + 1):
        for worker in crew:
            steps = worker.run(options.steps)
            if number:
                worker.rounds.append(steps)
    for worker in crew:
        worker.end()
    results = [worker.result(crew[0]) for worker in crew]
    print(f"\n{net}, {threads} thread{'s' if threads > 1 else ''}: {crew[0].facts['version']}")
    print(f"  {'':32}{'ms/step':>9}{'quartiles':>16}{'min':>8}{'cpu':>8} |{'times wick':>11}{'of rounds':>11}{'cpu':>6} |{'peak MB':>8}")
    for result in results:
        low, high = result["quartiles_ms"]
        spread = f"{min(result['ratios']):.2f}-{max(result['ratios']):.2f}"
        print(f"  {result['name']:32}{result['median_ms']:9.1f}{low:8.1f}{high:8.1f}{result['min_ms']:8.1f}{result['cpu_median_ms']:8.1f} |"
              f"{result['ratio']:11.2f}{spread:>11}{result['cpu_ratio']:6.2f} |{result['peak_mb']:8.0f}", flush=True)
    return {"net": net, "threads": threads, "results": results}


def cpu():
    facts = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    flags = facts.get("flags", "").split()
    return {"model": facts.get("model name", "?"), "cores": os.cpu_count(), "flags": [flag for flag in FLAGS if flag in flags]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--json")
    parser.add_argument("--python", action="append")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--nets", default="vgg,mob")
    parser.add_argument("--threads", default="1,2")
    options = parser.parse_args()
    if options.rounds < 1 or options.steps < 1:
        parser.error("--rounds and --steps are at least 1")
    twins = [(python, torch_version(python)) for python in options.python or ["python3"]]
    for python, version in twins:
        if not version:
            print(f"no PyTorch in {python}: wick alone", file=sys.stderr)
    twins = [twin for twin in twins if twin[1]]
    machine = cpu()
    print(f"{machine['model']}, {machine['cores']} cores, {' '.join(machine['flags'])}; batch 128, 3x32x32, {options.rounds} rounds of {options.steps} steps")
    runs = [compare(options, twins, net, int(threads)) for net in options.nets.split(",") for threads in options.threads.split(",")]
    seen = set()
    for run in runs:
        for result in run["results"]:
            if "onednn" in result and result["name"].split()[1] not in seen:
                seen.add(result["name"].split()[1])
                print(f"\n{result['version']}: {result['onednn'] or 'oneDNN of unknown version'}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"machine": machine, "runs": runs}, indent=1) + "\n")


main()
