"""Peak memory of LSTM training steps, bptt and PyTorch, each in its own process.

    python benchmarks/memory.py     # PyTorch is left out where it is not installed

Prints what the peak rises above a process that has made one tiny step: inputs, tape, gradients.
"""

import importlib.util
import resource
import subprocess
import sys

import numpy as np

SIZES = [(64, 128, 32, 100), (128, 256, 64, 100), (512, 512, 64, 50)]  # n_x, n_a, m, T_x


def peak():
    """Largest resident size of this process so far, in MiB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bptt_step(n_x, n_a):
    import bptt

    lstm = bptt.LSTM(n_x, n_a)
    parameters = lstm.init(np.random.default_rng(0))

    def step(m, T_x):
        y, _, tape = lstm.forward(np.ones((m, T_x, n_x), np.float32), parameters)
        lstm.backward(tape, np.ones_like(y))

    return step


def torch_step(n_x, n_a):
    import torch

    lstm = torch.nn.LSTM(n_x, n_a)

    def step(m, T_x):
        y, _ = lstm(torch.ones(T_x, m, n_x, requires_grad=True))
        y.backward(torch.ones_like(y))
        lstm.zero_grad(set_to_none=True)

    return step


def measure(who, n_x, n_a, m, T_x):
    step = {"bptt": bptt_step, "torch": torch_step}[who](n_x, n_a)
    step(1, 2)
    before = peak()
    for _ in range(5):
        step(m, T_x)
    print(f"{who:6} {n_x}x{n_a}x{m}x{T_x}: {peak() - before:.1f} MiB, process {peak():.0f} MiB")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], *map(int, sys.argv[2:]))
    else:
        for size in SIZES:
            for who in ("bptt", "torch"):
                if importlib.util.find_spec(who):
                    subprocess.run([sys.executable, __file__, who, *map(str, size)], check=True)
