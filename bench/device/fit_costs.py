#!/usr/bin/env python3
"""Fits the cost of each kernel to its estimated cycles, in the form of device.h:

    cycles = macs * per_mac + lone_macs * per_lone_mac + strided_macs * per_strided_mac + outputs * per_output + pixels * window * per_input
             + channels * (per_channel + rows * per_row) + per_call

lone_macs: those of left-over pixels, for kernels that take several pixels at once (PIXELS_AT_ONCE). strided_macs: where the stride
across is not 1, for kernels that pay for it (STRIDED). channels, rows: those that the call touches. Kernels
that compute tiles (IN_TILES) are counted with all outputs of the tiles.

fit_costs.py FOLDER [--write TABLES] [CORE...]: the second rewrites TABLES/CORE.json, the kernel tables that profiles name, with the
kernels that are made for the core. FOLDER holds CORE.txt and layers.inc as `make bench-kernel-costs` leaves them. Prints, for each
kernel, its figures as they stand in such a table, and the error of the fit. Least relative error over whole layers and, with less weight, parts of them (a row, two
pixels, one, half of the channels, one channel); no coefficient is negative; rounded up to three digits.
"""
import json
import math
import pathlib
import re
import sys


PIXELS_AT_ONCE = {"conv2d_s8_dsp": 2, "conv2d_s8_quad": 4, "conv2d_s8_sparse": 4, "conv2d_s8_sparse4": 4, "conv2d_s8_nibble": 4, "conv2d_s8_block": 2}
IN_TILES = {"conv2d_s8_winograd": (2, 4), "conv2d_s8_winograd_dsp": (2, 8)}  # side in pixels, channels: runtime/include/wick/winograd.h
STRIDED = ("dwconv2d_s8_strip", "dwconv2d_s8_mve")
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
             "add-16x16x32": (32, 16), "concat-16x16x32": (32, 16), "move-16x16x32": (32, 32), "move-32x32x3": (3, 32),
             "mul-16x16x32": (32, 16), "softmax-8x8x64": (64, 8), "softmax-10": (10, 1)}
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


def features(kernel, macs, outputs, channels, width, name):
    if kernel in IN_TILES:
        whole = tile_outputs(outputs, channels, width, *IN_TILES[kernel])
        macs, outputs = macs / outputs * whole, whole
    pixels = math.ceil(outputs / channels)
    units = macs / outputs
    window = units * channels if not kernel.startswith(("conv2d", "fc")) else units
    here = min(outputs, channels)
    touched = math.ceil(outputs / (channels * width))
    lone = min(outputs, pixels % PIXELS_AT_ONCE.get(kernel, 1) * channels) * units
    strided = macs if kernel in STRIDED and re.match(r"[a-z]+\d+x\d+s", name) else 0
    return [macs - lone - strided, pixels * window, outputs, 1, lone, here, here * touched, strided]


def solve(samples, use_input):
    """Non-negative least squares on relative errors by coordinate descent."""
    columns = [0, 1, 2, 3, 4] if use_input else [0, 2, 3, 4, 5, 6, 7]
    x = [0.0] * 8
    scaled = [([f / cycles for f in feature]) for feature, cycles, _ in samples]
    weights = [weight for _, _, weight in samples]
    products = [[sum(w * row[a] * row[b] for row, w in zip(scaled, weights)) for b in range(8)] for a in range(8)]
    sums = [sum(w * row[a] for row, w in zip(scaled, weights)) for a in range(8)]
    for _ in range(6000):
        for c in columns:
            if products[c][c] > 0:
                rest = sums[c] - sum(products[c][k] * x[k] for k in range(8) if k != c)
                x[c] = max(0.0, rest / products[c][c])
    return x


def up(value):
    if value <= 0:
        return 0
    digit = 10 ** (math.floor(math.log10(value)) - 2)
    value = round(math.ceil(value / digit - 1e-9) * digit, 10)
    return 0 if value < 1e-3 else value


# Which kernels a core's table offers beside the portable ones, and how the core is called there. The other kernels run everywhere, but are
# made for other cores.
FEW = ("_sparse", "_sparse4", "_nibble", "_block")
ANY = ("_quad", "_winograd", "_strip", "_pair", *FEW)
CORES = {"m0": ("Cortex-M0+", ANY), "m3": ("Cortex-M3", ANY), "m4": ("Cortex-M4", ("_dsp", *FEW)), "m7": ("Cortex-M7", ("_dsp", *FEW)),
         "m33": ("Cortex-M33", ("_dsp", *FEW)), "m55": ("Cortex-M55", ("_mve", *FEW)), "rv32": ("RV32IMAC", ANY)}
RULE = ("estimate: fitted by `make bench-kernel-tables` to cycles estimated from instructions counted on the emulated core and {}; memories "
        "without wait states; {}")
TIMING = {"m0": "the core's published timing table (ARM DDI 0484)", "m3": "the core's published timing table (ARM DDI 0337)",
          "m4": "the core's published timing table (ARM DDI 0439)",
          "m7": "the Cortex-M4's timing table as an upper estimate (none is published; dual issue and branch prediction ignored)",
          "m33": "the Cortex-M4's timing table as an upper estimate (none is published)",
          "m55": "a model of its pipeline (bench/device/core_pipeline.c, after LLVM's scheduling model; none is published)",
          "rv32": "the Ibex core's documented pipeline"}


def write_table(folder, core, fits, compiler):
    name, suffixes = CORES[core]
    kernels = {kernel: fit for kernel, fit in fits.items() if kernel.endswith(("_s8", "_s16", *suffixes))}
    order = sorted(kernels, key=lambda kernel: (not kernel.endswith("_s8"), not kernel.endswith("_s16"), kernel))
    lines = ",\n".join(f"    {json.dumps(kernel)}: {json.dumps(kernels[kernel])}" for kernel in order)
    path = pathlib.Path(folder) / f"{core}.json"
    kept = {key: value for key, value in (json.loads(path.read_text()) if path.exists() else {}).items() if key == "engine_code_bytes"}
    head = {"core": name, "cycles_source": RULE.format(TIMING[core], compiler), "code_source": f"measured: {compiler}", **kept}
    text = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    path.write_text(f'{{\n{text}  "kernels": {{\n{lines}\n  }}\n}}\n')


def main():
    folder = pathlib.Path(sys.argv[1])
    shapes = output_shapes(folder / "layers.inc")
    tables = sys.argv[3] if sys.argv[2:3] == ["--write"] else None
    cores = sys.argv[4:] if tables else sys.argv[2:]
    files = [folder / f"{core}.txt" for core in cores] or sorted(folder.glob("*.txt"))
    for path in files:
        print(f"{path.stem}: {path.read_text().splitlines()[0]}")
        kernels, fits = {}, {}
        for kernel, macs, outputs, _of, cycles, code, layer, name in rows(path):
            if kernel != "naive" and name in shapes:
                weight = WEIGHT[layer.partition("#")[2]]
                sample = (features(kernel, macs, outputs, *shapes[name], name), cycles, weight)
                kernels.setdefault(kernel, (code, []))[1].append((sample, layer))
        for kernel, (code, found) in kernels.items():
            samples = [s for s, _ in found]
            gathers = kernel.startswith(("conv2d_s8_", "fc_s8_", "softmax"))
            x = solve(samples, gathers)
            fit = {"cycles_per_mac": up(x[0]), "cycles_per_input": up(x[1]), "cycles_per_output": up(x[2]),
                   "cycles_per_call": up(x[3]), "cycles_per_lone_mac": up(x[4]),
                   "cycles_per_channel": up(x[5]), "cycles_per_row": up(x[6]), "cycles_per_strided_mac": up(x[7]), "code_bytes": code}
            if fit["cycles_per_lone_mac"] and PIXELS_AT_ONCE.get(kernel, 2) != 2:
                fit["pixels_at_once"] = PIXELS_AT_ONCE[kernel]
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
        if tables:
            write_table(tables, path.stem, fits, f"gcc {version.group(1)} -O2")


main()
