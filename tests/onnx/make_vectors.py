#!/usr/bin/env python3
"""Oracle for toolchain/onnx: models made by onnx.helper, their logits by onnxruntime.

  pip install numpy onnx onnxruntime
  make_vectors.py make                         writes data/*.onnx, data/*_input.bin, data/*_logits.bin
  make_vectors.py check FILE INPUT LOGITS      is FILE valid ONNX, and does onnxruntime give LOGITS
                                               (float32, all outputs one after the other) for INPUT?
Inputs are float32, little-endian, in the layout of the model's own input. The vectors were made with onnx 1.23.2
and onnxruntime 1.31.1, graph optimisations off.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

DATA = pathlib.Path(__file__).resolve().parent / "data"
TOLERANCE = 1e-4


class Builder:
    """Collects nodes and initialisers; tensors are called by their node."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def const(self, name, array, typed=False):
        if typed:  # float_data / int32_data / int64_data instead of raw_data
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            self.weights.append(helper.make_tensor(name, kind, array.shape, array.flatten().tolist()))
        else:
            self.weights.append(numpy_helper.from_array(array, name))
        return name

    def random(self, name, shape, scale=None, typed=False):
        scale = scale if scale is not None else (2.0 / max(1, int(np.prod(shape[1:])))) ** 0.5
        return self.const(name, (self.rng.standard_normal(shape) * scale).astype(np.float32), typed)

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name + "/" + op, **attributes))
        return name

    def conv(self, x, name, out, cin, k, bias=True, typed=False, **attributes):
        inputs = [x, self.random(name + ".w", (out, cin // attributes.get("group", 1), k, k), typed=typed)]
        if bias:
            inputs.append(self.random(name + ".b", (out,), 0.1, typed=typed))
        return self.node("Conv", inputs, name, **attributes)

    def norm(self, x, name, channels):
        scale = self.const(name + ".scale", self.rng.uniform(0.5, 1.5, channels).astype(np.float32))
        bias = self.random(name + ".bias", (channels,), 0.2)
        mean = self.random(name + ".mean", (channels,), 0.2)
        var = self.const(name + ".var", self.rng.uniform(0.3, 2.0, channels).astype(np.float32))
        return self.node("BatchNormalization", [x, scale, bias, mean, var], name, epsilon=1e-3, momentum=0.99)

    def model(self, name, input_shape, outputs, opset, metadata=None, input_name="image"):
        graph = helper.make_graph(
            self.nodes, name,
            [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, ["batch"] + input_shape)],
            [helper.make_tensor_value_info(o, TensorProto.FLOAT, ["batch", c]) for o, c in outputs],
            self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8,
                                  producer_name="make_vectors.py")
        if metadata:
            helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model


def family():
    """A family of two modules over every float operator: strided, grouped, depthwise, dilated and asymmetric
    convolutions, all pools, Add, Concat, Clip, Softmax-free heads."""
    b = Builder(1)
    x = b.conv("image", "c1", 8, 3, 3, bias=False, strides=[2, 1], pads=[1, 1, 1, 1])
    x = b.node("Relu", [b.norm(x, "n1", 8)], "r1")
    d = b.conv(x, "dw", 8, 8, 3, group=8, pads=[1, 1, 1, 1])
    d = b.node("Clip", [b.norm(d, "n2", 8), b.const("zero", np.float32(0)), b.const("six", np.float32(6))], "r2")
    g = b.conv(x, "gr", 8, 8, 3, group=2, pads=[2, 2, 2, 2], dilations=[2, 2], typed=True)
    s = b.node("Add", [d, g], "sum")
    z = b.node("MaxPool", [s], "z", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 1, 1])
    m = b.conv(z, "m1", 6, 8, 1)
    a = b.node("AveragePool", [z], "ap", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    a2 = b.node("AveragePool", [z], "ap2", kernel_shape=[2, 2], pads=[0, 0, 1, 1])
    m = b.node("Concat", [m, a, a2], "cat", axis=1)
    m = b.conv(m, "m2", 5, 22, 3, strides=[1, 2], pads=[0, 1, 2, 0])
    m = b.node("Flatten", [b.node("Relu", [m], "r3")], "flat")
    m = b.node("Gemm", [m, b.random("fc1.w", (12, 5 * 5 * 2)), b.random("fc1.b", (12,), 0.1)], "fc1", transB=1)
    m = b.node("Relu", [m], "r4")
    b.node("Gemm", [m, b.random("fc2.w", (4, 12)), b.random("fc2.b", (4,), 0.1)], "large", transB=1)
    t = b.node("Flatten", [b.node("GlobalAveragePool", [z], "gap")], "flat2")
    b.node("Gemm", [t, b.random("fc3.w", (4, 8))], "small", transB=1)
    heads = [{"name": "TM1", "tensor": "large", "accuracy": 0.8125, "validation": 0.1 + 0.2},
             {"name": "TM2", "tensor": "small", "accuracy": None, "validation": 0.75}]
    metadata = {"wick.features": "z", "wick.heads": json.dumps(heads), "wick.mean": "[0.1, 0.2, 0.3]",
                "wick.std": "[1, 0.5, 0.25]", "wick.labels": '["a", "b", "c", "\\u00e4"]', "other": "kept out"}
    return b.model("family", [3, 18, 9], [("large", 4), ("small", 4)], 17, metadata)


def foreign(opset):
    """One network as exporters write them: [N,H,W,C] input, Constant nodes, MatMul and Add, auto_pad ..."""
    b = Builder(2)
    x = b.node("Transpose", ["input:0"], "t", perm=[0, 3, 1, 2])
    x = b.conv(x, "c1", 6, 2, 3, bias=False, strides=[2, 2], auto_pad="SAME_UPPER")
    x = b.node("Add", [x, b.random("c1.bias", (1, 6, 1, 1), 0.3)], "c1b")
    b.nodes.append(helper.make_node("Constant", [], ["low"], value_float=-0.25))
    b.nodes.append(helper.make_node("Constant", [], ["high"], value=numpy_helper.from_array(np.float32(1.5))))
    x = b.node("Clip", [x, "low", "high"], "clip")
    b.nodes.append(helper.make_node("Dropout", [x], ["drop", "drop_mask"], name="drop"))
    x = b.conv("drop", "c2", 6, 6, 2, auto_pad="SAME_LOWER")
    x = b.node("Identity", [x], "same")
    x = b.node("MaxPool", [x], "mp", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    x = b.node("AveragePool", [x], "avg", kernel_shape=[2, 2], auto_pad="VALID")
    if opset < 18:
        mean = b.node("ReduceMean", [x], "mean", axes=[-2, -1], keepdims=0)
        kept = b.node("ReduceMean", [x], "kept", axes=[3, 2])
    else:
        b.const("axes", np.array([-2, -1], dtype=np.int64), typed=True)
        mean = b.node("ReduceMean", [x, "axes"], "mean", keepdims=0)
        kept = b.node("ReduceMean", [x, "axes"], "kept")
    if opset < 13:
        kept = b.node("Squeeze", [kept], "squeezed", axes=[2, 3])
    else:
        b.const("axes2", np.array([2, 3], dtype=np.int64))
        kept = b.node("Squeeze", [kept, "axes2"], "squeezed")
    b.nodes.append(helper.make_node("Constant", [], ["shape"], value=numpy_helper.from_array(np.array([0, -1]))))
    x = b.node("Reshape", [x, "shape"], "flat")
    x = b.node("Concat", [x, mean, kept], "cat", axis=-1)
    x = b.node("MatMul", [x, b.random("w1", (6 * 2 * 1 + 12, 7), 0.3)], "mm")
    x = b.node("Add", [b.random("b1", (1, 7), 0.2), x], "mmb")
    x = b.node("Gemm", [x, b.random("w2", (7, 3), 0.5), b.random("b2", (1, 3), 0.2)], "fc")
    b.node("Softmax", [x], "scores", axis=-1)
    return b.model("foreign", [11, 8, 2], [("scores", 3)], opset, input_name="input:0")


def quantized():
    """QDQ: uint8 activations, int8 weights per output channel, int32 biases."""
    b = Builder(3)

    def qdq(x, name, scale, zero):
        s = b.const(name + ".scale", np.float32(scale))
        z = b.const(name + ".zero", np.uint8(zero))
        return b.node("DequantizeLinear", [b.node("QuantizeLinear", [x, s, z], name + ".q"), s, z], name + ".dq")

    def weights(name, shape, x_scale):
        w = b.rng.integers(-127, 128, shape).astype(np.int8)
        scales = b.rng.uniform(0.002, 0.01, shape[0]).astype(np.float32)
        b.const(name + ".s", scales)
        b.const(name + ".z", np.zeros(shape[0], np.int8), typed=True)
        b.const(name + ".bs", scales * np.float32(x_scale))
        wq = b.node("DequantizeLinear", [b.const(name + ".w", w), name + ".s", name + ".z"], name + ".wd", axis=0)
        bias = b.const(name + ".b", b.rng.integers(-3000, 3000, shape[0]).astype(np.int32))
        return wq, b.node("DequantizeLinear", [bias, name + ".bs"], name + ".bd", axis=0)

    x = qdq("image", "in", 0.02, 128)
    x = b.node("Conv", [x, *weights("c", (4, 1, 3, 3), 0.02)], "c", pads=[1, 1, 1, 1])
    x = qdq(b.node("Relu", [x], "r"), "a", 0.015, 0)
    x = b.node("Flatten", [b.node("MaxPool", [x], "p", kernel_shape=[2, 2], strides=[2, 2])], "f")
    x = b.node("Gemm", [x, *weights("g", (3, 4 * 9), 0.015)], "g", transB=1)
    qdq(x, "out", 0.05, 117)
    return b.model("quantized", [1, 6, 6], [("out.dq", 3)], 17)


def functions():
    """What runs on the device by tables and by other layers: functions of one number, a product with a number for
    each channel, a grouped and dilated convolution, a border, a global maximum."""
    b = Builder(4)
    x = b.conv("image", "c1", 6, 3, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    x = b.node("HardSwish", [x], "hs")
    x = b.node("Pad", [x, b.const("border", np.array([0, 0, 2, 2, 0, 0, 2, 2], dtype=np.int64))], "pad")
    x = b.conv(x, "c2", 8, 6, 3, group=2, dilations=[2, 2])
    x = b.node("LeakyRelu", [x], "lr", alpha=0.1)
    x = b.node("Mul", [x, b.random("gain", (8, 1, 1), 1.0)], "scaled")
    x = b.node("Sub", [x, b.const("half", np.float32(0.5))], "shifted")
    gate = b.node("Sigmoid", [x], "gate")
    x = b.node("Concat", [gate, b.node("Elu", [x], "elu")], "cat", axis=1)
    x = b.node("Flatten", [b.node("GlobalMaxPool", [x], "gmp")], "flat")
    x = b.node("Gemm", [x, b.random("fc.w", (4, 16), 0.4), b.random("fc.b", (4,), 0.1)], "fc", transB=1)
    b.node("Tanh", [x], "logits")
    return b.model("functions", [3, 12, 10], [("logits", 4)], 17)


def moves():
    """What only puts elements elsewhere, and what combines activations: a squeeze-and-excitation gate, a channel shuffle,
    Split, Resize, Slice, Gather, Transpose, Softmax and ReduceMean within the network."""
    b = Builder(5)
    ints = lambda name, *values: b.const(name, np.array(values, dtype=np.int64))
    x = b.conv("image", "c1", 8, 3, 3, pads=[1, 1, 1, 1])
    x = b.node("Relu", [x], "r1")
    gate = b.conv(b.node("GlobalAveragePool", [x], "squeeze"), "excite", 8, 8, 1)
    x = b.node("Mul", [x, b.node("HardSigmoid", [gate], "gate")], "gated")
    x = b.node("Reshape", [x, ints("groups", 0, 2, 4, 12, 10)], "apart")
    x = b.node("Transpose", [x], "swapped", perm=[0, 2, 1, 3, 4])
    x = b.node("Reshape", [x, ints("image_shape", 0, 8, 12, 10)], "shuffled")
    x = b.node("MaxPool", [x], "pooled", kernel_shape=[2, 2], strides=[2, 2])
    b.nodes.append(helper.make_node("Split", [x, ints("parts", 3, 5)], ["left", "right"], name="halves", axis=1))
    x = b.node("Resize", [b.conv("left", "c2", 6, 3, 3, pads=[1, 1, 1, 1]), "", b.const("scales", np.float32([1, 1, 2, 2]))], "up",
               mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    x = b.node("Slice", [x, ints("from", 1, 9), ints("to", 11, -11), ints("axes", 2, 3), ints("by", 2, -2)], "cut")
    y = b.node("Gather", [b.conv("right", "c3", 4, 5, 1), ints("picks", 3, 0, 2, 2, 1, 0)], "picked", axis=1)
    y = b.node("Pad", [y, ints("more", 0, 0, 0, 0, 0, 0, 0, 1)], "padded", mode="edge")
    y = b.node("Slice", [y, ints("y_from", 1, 1), ints("y_to", 6, 6), ints("y_axes", 2, 3)], "y_cut")
    x = b.node("Sub", [b.node("Mul", [x, y], "both"), x], "less")
    mixed = b.node("Softmax", [x], "attention", axis=1)
    x = b.node("Transpose", [b.node("Mul", [mixed, x], "attended")], "turned", perm=[0, 3, 1, 2])
    x = b.node("ReduceMean", [x, ints("height", 3)], "mean", keepdims=1)
    x = b.node("Flatten", [x], "flat")
    b.node("Gemm", [x, b.random("fc.w", (4, 30), 0.4), b.random("fc.b", (4,), 0.1)], "logits", transB=1)
    return b.model("moves", [3, 12, 10], [("logits", 4)], 18)


def signal():
    """Windows of samples: convolutions, norm, pools and a sum of one dimension."""
    b = Builder(6)
    line = lambda x, name, out, cin, k, **more: b.node(
        "Conv", [x, b.random(name + ".w", (out, cin, k)), b.random(name + ".b", (out,), 0.1)], name, **more)
    x = line("image", "c1", 6, 3, 5, pads=[2, 2], strides=[2])
    x = b.node("MaxPool", [b.node("Relu", [b.norm(x, "n1", 6)], "r1")], "p1", kernel_shape=[2], strides=[2])
    x = b.node("Add", [x, line(x, "c2", 6, 6, 3, pads=[1, 1])], "sum")
    mean = b.node("GlobalAveragePool", [b.node("Relu", [x], "r2")], "mean")
    largest = b.node("GlobalMaxPool", [x], "largest")
    x = b.node("Flatten", [b.node("Concat", [mean, largest], "both", axis=1)], "flat")
    b.node("Gemm", [x, b.random("fc.w", (4, 12), 0.4), b.random("fc.b", (4,), 0.1)], "logits", transB=1)
    return b.model("signal", [3, 40], [("logits", 4)], 17)


def run(model_bytes, image):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model_bytes, options, providers=["CPUExecutionProvider"])
    return np.concatenate([o.flatten() for o in session.run(None, {session.get_inputs()[0].name: image})])


def make():
    DATA.mkdir(exist_ok=True)
    models = {"family": family(), "foreign_12": foreign(12), "foreign_18": foreign(18), "quantized": quantized(),
              "functions": functions(), "moves": moves(), "signal": signal()}
    rng = np.random.default_rng(7)
    for name, model in models.items():
        dims = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
        image = rng.standard_normal([2] + dims).astype(np.float32)
        data = model.SerializeToString(deterministic=True)
        (DATA / (name + ".onnx")).write_bytes(data)
        image.tofile(DATA / (name + "_input.bin"))
        run(data, image).astype("<f4").tofile(DATA / (name + "_logits.bin"))
        print(name, len(data), "bytes")


def check(path, input_path, logits_path):
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    dims = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    image = np.fromfile(input_path, dtype="<f4").reshape([-1] + dims)
    got, want = run(model.SerializeToString(), image), np.fromfile(logits_path, dtype="<f4")
    worst = float(np.max(np.abs(got - want))) if got.shape == want.shape else float("inf")
    print(f"{path}: valid; {len(want)} logits differ by at most {worst:.3g}, largest is {np.max(np.abs(want)):.3g}")
    return 0 if worst <= TOLERANCE * max(1.0, float(np.max(np.abs(want)))) else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make()
    elif len(sys.argv) == 5 and sys.argv[1] == "check":
        sys.exit(check(*sys.argv[2:]))
    else:
        sys.exit(__doc__)
