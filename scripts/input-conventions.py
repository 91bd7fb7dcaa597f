#!/usr/bin/env python3
"""Which input does a published classifier want? Tries normalisations and orders of an image's numbers on a float ONNX model.

  pip install numpy scipy onnx onnxruntime pillow
  input-conventions.py MODEL.onnx FOLDER N      FOLDER/train and FOLDER/test have a folder for each class; N images of each

For each: accuracy on the test images; the same with the classes renamed as fits the training images best; and what a linear classifier,
fitted on the training images, makes of the last layer's input. Gates (Gather by an ArgMax): how often each choice is taken, then, with the
normalisation of CIFAR-10, every combination of choices.
"""
import itertools
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from scipy.optimize import linear_sum_assignment

CIFAR = (np.array([0.4914, 0.4822, 0.4465]), np.array([0.2023, 0.1994, 0.2010]))
IMAGENET = (np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]))
SCALES = {
    "pixel / 255": lambda x: x / 255, "CIFAR-10's mean and std": lambda x: (x / 255 - CIFAR[0]) / CIFAR[1],
    "ImageNet's": lambda x: (x / 255 - IMAGENET[0]) / IMAGENET[1], "-1 to 1": lambda x: x / 127.5 - 1, "0 to 255": lambda x: x,
    "-128 to 127": lambda x: x - 128, "less the mean": lambda x: x / 255 - CIFAR[0],
    "each image's": lambda x: (x - x.mean((1, 2, 3), keepdims=True)) / x.std((1, 2, 3), keepdims=True), "inverted": lambda x: 1 - x / 127.5}
ORDERS = {
    "RGB": lambda x: x.transpose(0, 3, 1, 2), "BGR": lambda x: x[..., ::-1].transpose(0, 3, 1, 2), "columns first": lambda x: x.transpose(0, 3, 2, 1),
    "HWC taken for CHW": lambda x: np.ascontiguousarray(x).reshape(len(x), 3, *x.shape[1:3]), "upside down": lambda x: x[:, ::-1].transpose(0, 3, 1, 2)}


def load(folder, count):
    classes = sorted(p for p in pathlib.Path(folder).iterdir() if p.is_dir())
    pairs = [(f, k) for k, c in enumerate(classes) for f in sorted(c.iterdir())[:count]]
    x = np.stack([np.asarray(Image.open(f).convert("RGB"), dtype=np.float32) for f, _ in pairs])
    return x, np.array([k for _, k in pairs])


class Model:
    def __init__(self, path, open_gates=False):
        model = onnx.load(path)
        graph = model.graph
        self.features = graph.node[-1].input[0]
        graph.output.append(helper.make_tensor_value_info(self.features, TensorProto.FLOAT, None))
        self.input = graph.input[0].name
        gates = [n for n in graph.node if n.op_type == "Gather"]
        constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self.choices = [(n.output[0], constants[n.input[0]]) for n in gates]
        if open_gates:
            keep = [n for n in graph.node if n not in gates and n.output[0] not in {g.input[1] for g in gates}]
            del graph.node[:]
            graph.node.extend(keep)
            for name, table in self.choices:
                graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, table.shape[1]]))
        else:
            for n in gates:
                graph.output.append(helper.make_tensor_value_info(n.input[1], TensorProto.INT64, [1]))
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def run(self, x, gates=()):
        feed = {name: np.float32(row)[None] for (name, _), row in zip(self.choices, gates)}
        rows = [self.session.run(None, {self.input: np.float32(image[None]), **feed}) for image in x]
        return [np.concatenate([r[k].reshape(1, -1) for r in rows]) for k in range(len(rows[0]))]


def probe(train, labels, test, truth):
    mean, std = train.mean(0), train.std(0) + 1e-6
    a, b = (np.c_[(f - mean) / std, np.ones(len(f))] for f in (train, test))
    weights = np.linalg.solve(a.T @ a + 0.1 * np.eye(a.shape[1]), a.T @ np.eye(labels.max() + 1)[labels])
    return np.mean((b @ weights).argmax(1) == truth)


def renamed(train, labels, test, truth):
    counts = np.zeros((labels.max() + 1,) * 2)
    np.add.at(counts, (train.argmax(1), labels), 1)
    names = linear_sum_assignment(-counts)[1]
    return np.mean(names[test.argmax(1)] == truth)


def line(what, train, labels, test, truth):
    answers = test[0].argmax(1)
    print(f"{what:45s} {100 * np.mean(answers == truth):5.1f} %  renamed {100 * renamed(train[0], labels, test[0], truth):5.1f} %  "
          f"linear {100 * probe(train[1], labels, test[1], truth):5.1f} %  classes answered {len(set(answers))}", end="")


def main(path, folder, count):
    (x, y), (z, t) = (load(f"{folder}/{split}", int(count)) for split in ("train", "test"))
    model = Model(path)
    for order, scale in itertools.product(ORDERS, SCALES):
        train, test = (model.run(ORDERS[order](SCALES[scale](images))) for images in (x, z))
        line(f"{order}, {scale}", train, y, test, t)
        print("  choices", *(np.bincount(g.ravel(), minlength=5).tolist() for g in test[2:]))
    if not model.choices:
        return
    model = Model(path, open_gates=True)
    a, b = (ORDERS["RGB"](SCALES["CIFAR-10's mean and std"](images)) for images in (x, z))
    tables = [table for _, table in model.choices]
    line("gates of 1", model.run(a, [np.ones(g.shape[1]) for g in tables]), y, model.run(b, [np.ones(g.shape[1]) for g in tables]), t)
    print()
    def right(choice):
        gates = [g[k] for g, k in zip(tables, choice)]
        return np.mean(model.run(a[::3], gates)[0].argmax(1) == y[::3])
    best = max(itertools.product(*(range(len(g)) for g in tables)), key=right)
    gates = [g[k] for g, k in zip(tables, best)]
    line(f"best of all choices, {best}", model.run(a, gates), y, model.run(b, gates), t)
    print()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
