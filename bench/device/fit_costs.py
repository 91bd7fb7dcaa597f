#!/usr/bin/env python3
"""Fits the cost of each kernel to its estimated cycles, in the form of device.h:

    cycles = macs * per_mac + lone_macs * per_lone_mac + outputs * per_output + pixels * window * per_input + per_call

lone_macs: those of the last pixel where their number is odd, for kernels that take two pixels at once.

fit_costs.py FOLDER [CORE...]: FOLDER holds CORE.txt and layers.inc as `make bench-kernel-costs` leaves them. Prints, for each
kernel, the four figures as JSON for a profile, its code size, and the error of the fit. Least relative error over whole layers and, with less weight, parts of them (a row, two
pixels, one, half of the channels, one channel); no coefficient is negative; rounded up to three digits.
"""
import json
import math
import pathlib
import re
import sys


IN_PAIRS = ("conv2d_s8_dsp", "conv2d_s8_dsp16")
ALWAYS = ("cycles_per_mac", "cycles_per_output", "cycles_per_call", "code_bytes")
WEIGHT = {"": 1.0, "row": 1.0, "pixels": 0.3, "pixel": 0.1, "half": 0.1, "channel": 0.1}


def rows(path):
    """(kernel, macs, outputs, window values of all touched pixels, cycles, code bytes, layer) of every run."""
    for line in path.read_text().splitlines()[1:]:
        layer, kernel, macs, outputs, of, _scratch, _weights, code, _insns, cycles = line.split()[:10]
        name = layer.split("#")[0]
        yield kernel, int(macs), int(outputs), int(of), float(cycles), int(code), layer, name


def out_channels(path):
    """Output channels by layer name, from layers.inc and the fixed layers."""
    table = {"L1": 32, "L2": 128, "L3": 64, "L4": 64, "L5": 16}
    for line in path.read_text().splitlines():
        found = re.match(r'\s*{"([^"]+)", WICK_LAYER_(\w+), (.*)}', line)
        if found:
            numbers = [int(x) for x in re.findall(r"\d+", found.group(3))]
            table[found.group(1)] = numbers[5]
    return table


def features(kernel, macs, outputs, channels):
    pixels = math.ceil(outputs / channels)
    units = macs / outputs
    window = units * channels if not kernel.startswith(("conv2d", "fc")) else units
    lone = min(outputs, channels) * units if pixels % 2 and kernel in IN_PAIRS else 0
    return [macs - lone, pixels * window, outputs, 1, lone]


def solve(samples, use_input):
    """Non-negative least squares on relative errors by coordinate descent."""
    columns = [0, 1, 2, 3, 4] if use_input else [0, 2, 3, 4]
    x = [0.0] * 5
    scaled = [([f / cycles for f in feature]) for feature, cycles, _ in samples]
    weights = [weight for _, _, weight in samples]
    for _ in range(6000):
        for c in columns:
            norm = sum(w * row[c] * row[c] for row, w in zip(scaled, weights))
            if norm == 0:
                continue
            residual = sum(w * row[c] * (1 - sum(row[k] * x[k] for k in range(5) if k != c))
                           for row, w in zip(scaled, weights))
            x[c] = max(0.0, residual / norm)
    return x


def up(value):
    if value <= 0:
        return 0
    digit = 10 ** (math.floor(math.log10(value)) - 2)
    return round(math.ceil(value / digit - 1e-9) * digit, 10)


def main():
    folder = pathlib.Path(sys.argv[1])
    channels = out_channels(folder / "layers.inc")
    files = [folder / f"{core}.txt" for core in sys.argv[2:]] or sorted(folder.glob("*.txt"))
    for path in files:
        print(f"{path.stem}: {path.read_text().splitlines()[0]}")
        kernels = {}
        for kernel, macs, outputs, _of, cycles, code, layer, name in rows(path):
            if kernel != "naive" and name in channels:
                weight = WEIGHT[layer.partition("#")[2]]
                sample = (features(kernel, macs, outputs, channels[name]), cycles, weight)
                kernels.setdefault(kernel, (code, []))[1].append((sample, layer))
        for kernel, (code, found) in kernels.items():
            samples = [s for s, _ in found]
            gathers = kernel.startswith("conv2d_s8_") or kernel.startswith("fc_s8_")
            x = solve(samples, gathers)
            fit = {"cycles_per_mac": up(x[0]), "cycles_per_input": up(x[1]), "cycles_per_output": up(x[2]),
                   "cycles_per_call": up(x[3]), "cycles_per_lone_mac": up(x[4]), "code_bytes": code}
            fit = {key: value for key, value in fit.items() if value or key in ALWAYS}
            whole = [s for s, layer in found if "#" not in layer]
            errors = sorted(sum(a * b for a, b in zip(f, x)) / c - 1 for f, c, _ in whole)
            parts = sorted(sum(a * b for a, b in zip(f, x)) / c - 1 for f, c, _ in samples)
            print(f"  {kernel}: {json.dumps(fit)}  layers {errors[0]:+.0%}..{errors[-1]:+.0%}, "
                  f"parts {parts[0]:+.0%}..{parts[-1]:+.0%}, {len(samples)} samples")


main()
