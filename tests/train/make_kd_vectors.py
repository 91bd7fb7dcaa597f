#!/usr/bin/env python3
"""Oracle of test_losses.c: the losses of unified learning with distillation (cross-entropy, and the
distance of eq. 10 with features matched by a linear projection) and their gradients from PyTorch's
autograd, written as C arrays of exact floats.

  python3 make_kd_vectors.py > data/kd_vectors.inc        (PyTorch 1.13 or later; double precision)

Three modules, large to small, with 6, 5 and 3 features, 4 classes, a batch of 5. Ten steps of plain
gradient descent on the logits, features and projections themselves, so that an error in any gradient
grows; four variants: probabilities or logits, teacher detached or not.
"""
import torch

torch.manual_seed(20)
N, CLASSES, FEATURES = 5, 4, [6, 5, 3]
PAIRS = [(0, 1), (0, 2), (1, 2)]
ALPHA, BETA, EPSILON, RATE, STEPS = [1.0, 0.5, 2.0], {(0, 1): 0.3, (0, 2): 0.7, (1, 2): 0.2}, 1e-6, 0.5, 10


def f32(shape, scale):
    return (scale * torch.randn(shape)).float().double()


def distance(a, b):
    return torch.sqrt(((a - b) ** 2).sum(1) + EPSILON).mean()


def trace(start, labels, logits_mode, detach):
    values = [v.clone().requires_grad_(True) for v in start]
    losses, first = [], None
    for _ in range(STEPS):
        y, phi, proj = values[0:3], values[3:6], dict(zip(PAIRS, values[6:9]))
        total = sum(a * torch.nn.functional.cross_entropy(v, labels) for a, v in zip(ALPHA, y))
        for j, k in PAIRS:
            q = y if logits_mode else [torch.softmax(v, 1) for v in y]
            teacher, features = (q[j].detach(), phi[j].detach()) if detach else (q[j], phi[j])
            total = total + BETA[j, k] * (distance(features, phi[k] @ proj[j, k].T) + distance(teacher, q[k]))
        grads = torch.autograd.grad(total, values, allow_unused=True)
        grads = [torch.zeros_like(v) if g is None else g for g, v in zip(grads, values)]
        first = first or grads
        losses.append(total.item())
        values = [(v - RATE * g).detach().requires_grad_(True) for v, g in zip(values, grads)]
    return losses, first, values


def row(name, tensor):
    numbers = tensor.detach().reshape(-1).tolist()
    print(f"static const float {name}[{len(numbers)}] = {{" + ", ".join(f"{x:.9g}f" if "." in f"{x:.9g}" or "e" in f"{x:.9g}" else f"{x:.9g}.0f" for x in numbers) + "};")


start = [f32((N, CLASSES), 1.5) for _ in range(3)] + [f32((N, d), 1.0) for d in FEATURES]
start += [f32((FEATURES[j], FEATURES[k]), 0.5) for j, k in PAIRS]
labels = torch.randint(0, CLASSES, (N,))
names = ["y0", "y1", "y2", "phi0", "phi1", "phi2", "p01", "p02", "p12"]
print("/* Written by make_kd_vectors.py (PyTorch " + torch.__version__.split("+")[0] + "); do not edit. */")
print("static const uint16_t kd_labels[] = {" + ", ".join(map(str, labels.tolist())) + "};")
for name, value in zip(names, start):
    row("kd_start_" + name, value)
for logits_mode in (False, True):
    for detach in (True, False):
        tag = f"{'logits' if logits_mode else 'probabilities'}_{'detached' if detach else 'attached'}"
        losses, first, last = trace(start, labels, logits_mode, detach)
        print(f"static const double kd_{tag}_loss[] = {{" + ", ".join(f"{x:.12g}" for x in losses) + "};")
        row(f"kd_{tag}_first", torch.cat([g.reshape(-1) for g in first]))
        row(f"kd_{tag}_last", torch.cat([v.reshape(-1) for v in last]))
