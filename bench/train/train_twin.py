"""PyTorch's twin of bench_train.c, same commands: train_twin.py vgg|mob THREADS channels_last|default <commands"""
import json
import resource
import sys
import time
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
BATCH = 128


def block(inputs, outputs, kernel=3, stride=1, groups=1):
    return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def vgg():
    return nn.Sequential(*block(3, 64), *block(64, 64), nn.MaxPool2d(2), *block(64, 128), nn.MaxPool2d(2), *block(128, 256),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256 * 16, 10))


def mob():
    return nn.Sequential(*block(3, 32), *block(32, 32, groups=32), *block(32, 64, 1), *block(64, 64, 3, 2, 64), *block(64, 128, 1),
                         *block(128, 128, groups=128), *block(128, 128, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def main():
    net, threads, layout = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    model, images, labels = (vgg if net == "vgg" else mob)(), torch.randn(BATCH, 3, 32, 32), torch.arange(BATCH) % 10
    if layout == "channels_last":
        model, images = model.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)
    model.train()
    optimiser, criterion = torch.optim.SGD(model.parameters(), lr=0.005, momentum=0.9, foreach=True), nn.CrossEntropyLoss()

    def step():
        start, cpu_start = time.perf_counter(), time.process_time()
        optimiser.zero_grad(set_to_none=True)
        loss = criterion(model(images), labels)
        loss.backward()
        optimiser.step()
        return 1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - cpu_start), loss.item()

    loss = 0
    for line in sys.stdin:
        words = line.split()
        if words[0] == "run":
            results = [step() for _ in range(int(words[1]))]
            loss = results[-1][2]
            print(" ".join(f"{ms:.3f}/{cpu:.3f}" for ms, cpu, _ in results), flush=True)
        elif words[0] == "end":
            mkldnn = [text for text in torch.__config__.show().splitlines() if "MKL-DNN" in text or "oneDNN" in text]
            capability = torch.backends.cpu.get_cpu_capability() if hasattr(torch.backends, "cpu") else "?"
            print(json.dumps({"version": f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {capability}",
                              "onednn": " ".join(mkldnn).strip(" -"), "loss": loss,
                              "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6}), flush=True)


main()
