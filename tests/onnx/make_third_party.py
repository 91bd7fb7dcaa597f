#!/usr/bin/env python3
"""Oracle for the third-party models: what onnxruntime answers to a made-up input.

  pip install numpy onnxruntime
  make_third_party.py FOLDER >data/third_party.txt      FOLDER has the models

Element i of the input, in the layout of the model's own input, is ((i * 2654435761 mod 2^32) >> 8) / 2^23 - 1; an
input [N,H,W,C] is counted as [N,C,H,W]. One line for each model: name, outputs. Made with onnxruntime 1.32.0.
"""
import pathlib
import sys

import numpy as np
import onnxruntime


def main():
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        info = session.get_inputs()[0]
        shape = [d if isinstance(d, int) else 1 for d in info.shape]
        count = np.arange(int(np.prod(shape)), dtype=np.uint64)
        x = ((count * 2654435761 % 2**32) >> 8).astype(np.float64) / 2**23 - 1
        if len(shape) == 4 and shape[3] in (1, 3):  # [N,H,W,C]
            n, h, w, c = shape
            x = x.reshape(n, c, h, w).transpose(0, 2, 3, 1)
        y = session.run(None, {info.name: x.astype(np.float32).reshape(shape)})[0]
        print(path.name, *(f"{v:.9g}" for v in y.ravel()))


if __name__ == "__main__":
    main()
