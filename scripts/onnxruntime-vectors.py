#!/usr/bin/env python3
"""Stored vectors for `wick verify --against`: what onnxruntime (optimisations off) makes of images.

  pip install numpy onnx onnxruntime pillow
  onnxruntime-vectors.py MODEL.onnx FOLDER N OUT [TENSOR ...]     the first N images of every class folder in FOLDER; besides the
                                                                 results the tensors that are named
Pixels are normalised as the model's wick.mean and wick.std say, else divided by 255.
"""
import json
import pathlib
import re
import sys

import numpy as np
import onnx
import onnxruntime
from PIL import Image


def images(folder, count):
    classes = sorted(p for p in pathlib.Path(folder).iterdir() if p.is_dir())
    files = [f for c in classes for f in sorted(c.iterdir())[:count]]
    return np.stack([np.asarray(Image.open(f).convert("RGB"), dtype=np.float32) for f in files]) / 255


def normalised(model, x):
    meta = {p.key: json.loads(p.value) for p in model.metadata_props if p.key in ("wick.mean", "wick.std")}
    if meta.get("wick.mean"):
        x = (x - np.float32(meta["wick.mean"])) / np.float32(meta["wick.std"])
    last = model.graph.input[0].type.tensor_type.shape.dim[3].dim_value == x.shape[3]
    return np.ascontiguousarray(x if last else x.transpose(0, 3, 1, 2), dtype=np.float32)


def main(path, folder, count, out, *tensors):
    model = onnx.load(path)
    onnx.checker.check_model(path, full_check=True)
    results = len(model.graph.output)
    for name in tensors:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = normalised(model, images(folder, int(count)))
    name = session.get_inputs()[0].name
    outputs = [np.concatenate(o) for o in zip(*(session.run(None, {name: image[None]}) for image in x))]
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "input_0.npy", x)
    for k, values in enumerate(outputs):
        stem = f"output_{k}" if k < results else re.sub(r"[^A-Za-z0-9.\-_]", "_", tensors[k - results])
        np.save(out / f"{stem}.npy", values)
    print(f"{out}: {len(x)} inputs, {len(outputs)} tensors")


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
