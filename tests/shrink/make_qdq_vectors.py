#!/usr/bin/env python3
"""Makes tests/shrink/data: QDQ models and what onnxruntime computes for them, optimisations off.

    python3 -m venv venv && venv/bin/pip install onnx onnxruntime numpy
    venv/bin/python make_qdq_vectors.py PATH/TO/test_shrink_oracle

qdq_wick    quantized by wick (the test program writes it)
qdq_wick16  another one, with activations of 16 bits
qdq_ort_s8  one module, quantized by onnxruntime: int8, weights per channel
qdq_ort_u8  the other, quantized by onnxruntime: uint8 activations, int8 weights per tensor

NAME.bin holds for each image its pixels [H,W,C] (uint8) and then every tensor that a QuantizeLinear
makes of an activation, in node order, [C,H,W].
"""
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import (CalibrationDataReader, QuantFormat, QuantType,
                                      quantize_static)

IMAGES = 2
DATA = pathlib.Path(__file__).parent / "data"


def random_images(model, count, seed):
    """Pixels [H,W,C] and the normalised input [1,C,H,W] (mean 128/255, std 0.5)."""
    dims = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    rng = np.random.default_rng(seed)
    for _ in range(count):
        pixels = rng.integers(0, 256, (dims[2], dims[3], dims[1]), dtype=np.uint8)
        x = (pixels.astype(np.float32) - 128) / np.float32(127.5)
        yield pixels, x.transpose(2, 0, 1)[None]


class Reader(CalibrationDataReader):
    def __init__(self, model):
        name = model.graph.input[0].name
        self.items = iter([{name: x} for _, x in random_images(model, 8, 1)])

    def get_next(self):
        return next(self.items, None)


def store(name):
    model = onnx.load(DATA / f"{name}.onnx")
    constants = {i.name for i in model.graph.initializer}
    wanted = [n.output[0] for n in model.graph.node
              if n.op_type == "QuantizeLinear" and n.input[0] not in constants]
    elem = {n: onnx.TensorProto.INT8 for n in wanted}
    for i in model.graph.initializer:
        for n in model.graph.node:
            if n.op_type == "QuantizeLinear" and i.name == n.input[2]:
                elem[n.output[0]] = i.data_type
    have = {o.name for o in model.graph.output}
    for n in wanted:
        if n not in have:
            model.graph.output.append(onnx.helper.make_tensor_value_info(n, elem[n], None))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options,
                                   providers=["CPUExecutionProvider"])
    out = bytearray()
    for pixels, x in random_images(model, IMAGES, 2):
        out += pixels.tobytes()
        for value in session.run(wanted, {model.graph.input[0].name: x}):
            out += value.tobytes()
    (DATA / f"{name}.bin").write_bytes(out)
    print(f"{name}: {len(wanted)} tensors, {len(out)} bytes, onnxruntime {ort.__version__}")


def main():
    program = os.path.abspath(sys.argv[1])
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program], env={**os.environ, "WICK_WRITE_MODELS": folder}, check=True)
        for name in ("qdq_wick.onnx", "qdq_wick16.onnx"):
            (DATA / name).write_bytes(pathlib.Path(folder, name).read_bytes())
        for head, name, activation, per_channel in ((1, "qdq_ort_s8", QuantType.QInt8, True),
                                                    (2, "qdq_ort_u8", QuantType.QUInt8, False)):
            source = f"{folder}/float_head{head}.onnx"
            quantize_static(source, DATA / f"{name}.onnx", Reader(onnx.load(source)),
                            quant_format=QuantFormat.QDQ, activation_type=activation,
                            weight_type=QuantType.QInt8, per_channel=per_channel)
    for name in ("qdq_wick", "qdq_wick16", "qdq_ort_s8", "qdq_ort_u8"):
        store(name)


if __name__ == "__main__":
    main()
