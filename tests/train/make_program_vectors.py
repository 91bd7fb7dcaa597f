#!/usr/bin/env python3
"""Oracle of test_program_trace.c: ten training steps of a small family in PyTorch.

Writes data/program_trace.txt. Needs PyTorch (made with 1.13.1, Debian 12's python3-torch):
    python3 tests/train/make_program_vectors.py
Weights, inputs and labels come from a formula that the C test repeats, so that only results are
stored: value i of array k is (2 u - 1) * scale + mean with u = (s >> 8) / 2^24,
s <- 1664525 s + 1013904223 mod 2^32, s = 12345 + 1000 k at first.
"""
import math
import os

import torch
import torch.nn.functional as F

BATCH, STEPS, CLASSES, SIZE = 32, 10, 10, 12
RATE, MOMENTUM, DECAY = 0.05, 0.9, 5e-4
INPUT_ARRAY, LABEL_ARRAY = 1000, 2000


def draws(k, count):
    s, out = 12345 + 1000 * k, []
    for _ in range(count):
        s = (1664525 * s + 1013904223) % 2**32
        out.append(s >> 8)
    return out


def array(k, shape, scale, mean=0.0):
    values = [(2.0 * (d / 2**24) - 1.0) * scale + mean for d in draws(k, math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).float().reshape(shape)


class Parameters:
    """Parameters in the order in which the graph's nodes use them."""

    def __init__(self):
        self.count, self.weights, self.others, self.statistics = 0, [], [], []

    def draw(self, shape, scale, mean=0.0):
        tensor = array(self.count, shape, scale, mean)
        self.count += 1
        return tensor

    def weight(self, *shape):
        fan_in = math.prod(shape[1:])
        tensor = self.draw(shape, math.sqrt(6.0 / fan_in)).requires_grad_()
        self.weights.append(tensor)
        return tensor

    def vector(self, n, scale, mean):
        tensor = self.draw((n,), scale, mean).requires_grad_()
        self.others.append(tensor)
        return tensor

    def bias(self, n):
        return self.vector(n, 0.1, 0.0)

    def norm(self, n):
        scale, bias = self.vector(n, 0.2, 1.0), self.bias(n)
        self.count += 2  # the running statistics start at 0 and 1
        mean, variance = torch.zeros(n), torch.ones(n)
        self.statistics += [mean, variance]
        return scale, bias, mean, variance


P = Parameters()
conv1, norm1 = P.weight(8, 3, 3, 3), P.norm(8)
conv2, bias2 = P.weight(32, 8, 3, 3), P.bias(32)
a_conv1, a_norm1 = P.weight(32, 32, 3, 3), P.norm(32)
a_dw, a_norm2 = P.weight(32, 1, 3, 3), P.norm(32)
a_conv2, a_bias2 = P.weight(40, 32, 1, 1), P.bias(40)
a_fc, a_fc_bias = P.weight(CLASSES, 40), P.bias(CLASSES)
b_conv, b_bias = P.weight(12, 32, 3, 3), P.bias(12)
b_fc1, b_fc1_bias = P.weight(20, 12 * 9), P.bias(20)
b_fc2, b_fc2_bias = P.weight(CLASSES, 20), P.bias(CLASSES)
c_fc, c_fc_bias = P.weight(CLASSES, 32), P.bias(CLASSES)


def norm_relu(x, norm, training):
    scale, bias, mean, variance = norm
    return F.relu(F.batch_norm(x, mean, variance, scale, bias, training, 0.1, 1e-5))


def heads(x, training):
    x = norm_relu(F.conv2d(x, conv1, padding=1), norm1, training)
    z = F.relu(F.conv2d(x, conv2, bias2, padding=1))
    a = norm_relu(F.conv2d(F.max_pool2d(z, 2), a_conv1, padding=1), a_norm1, training)
    a = norm_relu(F.conv2d(a, a_dw, stride=2, padding=1, groups=32), a_norm2, training)
    a = F.relu(F.conv2d(a, a_conv2, a_bias2))
    a = F.linear(a.mean((2, 3)), a_fc, a_fc_bias)
    b = F.relu(F.conv2d(F.max_pool2d(z, 2), b_conv, b_bias, padding=1))
    b = F.relu(F.linear(F.max_pool2d(b, 2).flatten(1), b_fc1, b_fc1_bias))
    b = F.linear(b, b_fc2, b_fc2_bias)
    c = F.linear(z.mean((2, 3)), c_fc, c_fc_bias)
    return [a, b, c]


def batch(step):
    x = array(INPUT_ARRAY + step, (BATCH, 3, SIZE, SIZE), 1.0)
    return x, torch.tensor([d % CLASSES for d in draws(LABEL_ARRAY + step, BATCH)])


def main():
    optimiser = torch.optim.SGD(
        [{"params": P.weights, "weight_decay": DECAY}, {"params": P.others}],
        lr=RATE, momentum=MOMENTUM)
    lines = []
    for step in range(STEPS):
        x, labels = batch(step)
        losses = [F.cross_entropy(y, labels) for y in heads(x, True)]
        optimiser.zero_grad()
        sum(losses).backward()
        optimiser.step()
        lines.append("loss " + " ".join(f"{loss.item():.8g}" for loss in losses))
    with torch.no_grad():
        for y in heads(batch(STEPS)[0], False):
            lines += ["logits " + " ".join(f"{v:.8g}" for v in row) for row in y.tolist()]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "program_trace.txt")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        out.write(f"# PyTorch {torch.__version__}: make_program_vectors.py\n")
        out.write("\n".join(lines) + "\n")


main()
