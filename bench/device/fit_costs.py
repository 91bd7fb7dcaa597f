#!/usr/bin/env python3
"""Fits the cost of each kernel to its estimated cycles, in the form of device.h:

    cycles = macs * per_mac + lone_macs * per_lone_mac + outputs * per_output + pixels * window * per_input
             + channels * (per_channel + rows * per_row) + per_call

lone_macs: those of the last pixel where their number is odd, for kernels that take two pixels at once. channels, rows: those that
the call touches. Kernels that compute tiles are counted with all outputs of the tiles.

fit_costs.py FOLDER [CORE...], or fit_costs.py FOLDER CORE SUFFIX[,SUFFIX] PROFILE.json...: the second rewrites the kernels of
profiles, for example build/release/bench/kernels-costs m4 _dsp profiles/m4-*.json. FOLDER holds CORE.txt and layers.inc as `make bench-kernel-costs` leaves them. Prints, for each
kernel, the four figures as JSON for a profile, its code size, and the error of the fit. Least relative error over whole layers and, with less weight, parts of them (a row, two
pixels, one, half of the channels, one channel); no coefficient is negative; rounded up to three digits.
"""
import json
import math
import pathlib
import re
import sys


IN_PAIRS = ("conv2d_s8_dsp",)
IN_TILES = {"conv2d_s8_winograd": (2, 4), "conv2d_s8_winograd_dsp": (2, 8)}  # side in pixels, channels
ALWAYS = ("cycles_per_mac", "cycles_per_output", "cycles_per_call", "code_bytes")
WEIGHT = {"": 1.0, "row": 1.0, "pixels": 0.3, "pixel": 0.1, "half": 0.1, "channel": 0.1}


def rows(path):
    """(kernel, macs, outputs, window values of all touched pixels, cycles, code bytes, layer) of every run."""
    for line in path.read_text().splitlines()[1:]:
        layer, kernel, macs, outputs, of, _scratch, _weights, code, _insns, cycles = line.split()[:10]
        name = layer.split("#")[0]
        yield kernel, int(macs), int(outputs), int(of), float(cycles), int(code), layer, name


def output_shapes(path):
    """(channels, width) of the output by layer name, from layers.inc and the fixed layers."""
    table = {"L1": (32, 16), "L2": (128, 16), "L3": (64, 16), "L4": (64, 1), "L5": (16, 32),
             "add-16x16x32": (32, 16), "concat-16x16x32": (32, 16)}
    for line in path.read_text().splitlines():
        found = re.match(r'\s*{"([^"]+)", WICK_LAYER_(\w+), (.*)}', line)
        if found:
            numbers = [int(x) for x in re.findall(r"\d+", found.group(3))]
            table[found.group(1)] = numbers[5], numbers[4]
    return table


def tile_outputs(outputs, channels, width, side, together):
    """Outputs of the tiles that are touched; the parts begin where a tile begins."""
    pixels = math.ceil(outputs / channels)
    tiles = math.ceil(math.ceil(pixels / width) / side) * math.ceil(min(pixels, width) / side)
    here = math.ceil(min(outputs, channels) / together) * together
    return tiles * side * side * min(here, channels)


def features(kernel, macs, outputs, channels, width):
    if kernel in IN_TILES:
        whole = tile_outputs(outputs, channels, width, *IN_TILES[kernel])
        macs, outputs = macs / outputs * whole, whole
    pixels = math.ceil(outputs / channels)
    units = macs / outputs
    window = units * channels if not kernel.startswith(("conv2d", "fc")) else units
    lone = min(outputs, channels) * units if pixels % 2 and kernel in IN_PAIRS else 0
    here = min(outputs, channels)
    touched = math.ceil(outputs / (channels * width))
    return [macs - lone, pixels * window, outputs, 1, lone, here, here * touched]


def solve(samples, use_input):
    """Non-negative least squares on relative errors by coordinate descent."""
    columns = [0, 1, 2, 3, 4] if use_input else [0, 2, 3, 4, 5, 6]
    x = [0.0] * 7
    scaled = [([f / cycles for f in feature]) for feature, cycles, _ in samples]
    weights = [weight for _, _, weight in samples]
    for _ in range(6000):
        for c in columns:
            norm = sum(w * row[c] * row[c] for row, w in zip(scaled, weights))
            if norm == 0:
                continue
            residual = sum(w * row[c] * (1 - sum(row[k] * x[k] for k in range(7) if k != c))
                           for row, w in zip(scaled, weights))
            x[c] = max(0.0, residual / norm)
    return x


def up(value):
    if value <= 0:
        return 0
    digit = 10 ** (math.floor(math.log10(value)) - 2)
    value = round(math.ceil(value / digit - 1e-9) * digit, 10)
    return 0 if value < 1e-3 else value


SOURCE = ("estimate: fitted by `make bench-kernel-costs` to cycles estimated from instructions counted on the emulated core and its "
          "published timing table (docs/benchmarks.md), memories without wait states; {}")


TILES = "the kernel: runtime/include/wick/winograd.h"


def update_profile(path, fits, suffixes, compiler):
    """Replaces the kernels of a profile: the portable ones, and those whose names end in one of the suffixes."""
    profile = json.loads(pathlib.Path(path).read_text())
    kernels = {}
    for name, fit in fits.items():
        if name in profile["kernels"] or name.endswith(suffixes):
            source = SOURCE.format(compiler)
            measured = f"measured: {compiler}"
            sources = {"code_bytes": measured, "tile_side": TILES, "tile_channels": TILES}
            kernels[name] = {key: {"value": value, "source": sources.get(key, source)} for key, value in fit.items()}
    missing = set(profile["kernels"]) - set(kernels)
    for name in sorted(missing):
        print(f"{path}: {name} keeps its figures")
        kernels[name] = profile["kernels"][name]
    order = sorted(kernels, key=lambda n: (n.count("_") > 1 and not n.endswith("_s8"), n))
    profile["kernels"] = {name: kernels[name] for name in order}
    pathlib.Path(path).write_text(dump(profile))


def dump(profile):
    """One line for each number."""
    text = json.dumps(profile, indent=2, ensure_ascii=False)
    return re.sub(r'{\n\s+"value": (\S+),\n\s+"source": (".*")\n\s+}', r'{"value": \1, "source": \2}', text) + "\n"


def main():
    folder = pathlib.Path(sys.argv[1])
    shapes = output_shapes(folder / "layers.inc")
    profiles = [name for name in sys.argv[2:] if name.endswith(".json")]
    cores = sys.argv[2:3] if profiles else sys.argv[2:]
    files = [folder / f"{core}.txt" for core in cores] or sorted(folder.glob("*.txt"))
    for path in files:
        print(f"{path.stem}: {path.read_text().splitlines()[0]}")
        kernels, fits = {}, {}
        for kernel, macs, outputs, _of, cycles, code, layer, name in rows(path):
            if kernel != "naive" and name in shapes:
                weight = WEIGHT[layer.partition("#")[2]]
                sample = (features(kernel, macs, outputs, *shapes[name]), cycles, weight)
                kernels.setdefault(kernel, (code, []))[1].append((sample, layer))
        for kernel, (code, found) in kernels.items():
            samples = [s for s, _ in found]
            gathers = kernel.startswith("conv2d_s8_") or kernel.startswith("fc_s8_")
            x = solve(samples, gathers)
            fit = {"cycles_per_mac": up(x[0]), "cycles_per_input": up(x[1]), "cycles_per_output": up(x[2]),
                   "cycles_per_call": up(x[3]), "cycles_per_lone_mac": up(x[4]),
                   "cycles_per_channel": up(x[5]), "cycles_per_row": up(x[6]), "code_bytes": code}
            fit = {key: value for key, value in fit.items() if value or key in ALWAYS}
            if kernel in IN_TILES:
                fit["tile_side"], fit["tile_channels"] = IN_TILES[kernel]
            fits[kernel] = fit
            whole = [s for s, layer in found if "#" not in layer]
            errors = sorted(sum(a * b for a, b in zip(f, x)) / c - 1 for f, c, _ in whole)
            parts = sorted(sum(a * b for a, b in zip(f, x)) / c - 1 for f, c, _ in samples)
            print(f"  {kernel}: {json.dumps(fit)}  layers {errors[0]:+.0%}..{errors[-1]:+.0%}, "
                  f"parts {parts[0]:+.0%}..{parts[-1]:+.0%}, {len(samples)} samples")
        version = re.search(r"(\d+\.\d+)\.\d+ ", path.read_text().splitlines()[0])
        for profile in profiles:
            update_profile(profile, fits, tuple(sys.argv[3].split(",")), f"gcc {version.group(1)} -O2")


main()
