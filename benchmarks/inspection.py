"""Time a trace, a monitored training and gradient flow, beside a plain pass and PyTorch.

``python benchmarks/inspection.py`` prints a table. PyTorch, where it is installed, runs an LSTMCell
step by step, which is how it shows cell states; its gates need a product of their own besides.
"""

import time

import numpy as np

from bptt import LSTM, Dense, Embedding, Network, SequenceClassifier, inspect
from bptt.engine import set_num_threads
from bptt.training import Monitor

M, T, UNITS, TOKENS = 32, 200, 256, 80


def best(run, repeats=7):
    """Return the shortest time of several runs, in milliseconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times) * 1e3


def trained(callbacks):
    """Train a small classifier."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(256, 60, 8)), np.arange(256) % 2
    model = SequenceClassifier(units=64, epochs=4, batch_size=32, validation_fraction=0)
    model.fit(X, y, progress="silent", callbacks=callbacks)


def torch_rows(ids, units):
    """Return the times of PyTorch's LSTMCell: states of every step, then gates too."""
    try:
        import torch
    except ImportError:
        return []
    torch.set_num_threads(1)
    embedding, cell = torch.nn.Embedding(TOKENS, 32), torch.nn.LSTMCell(32, units)
    tokens = torch.from_numpy(ids)

    def run(gates):
        kept = []
        cell_handle = cell.register_forward_hook(lambda _, given, out: kept.append((given, out)))
        x, h, c = embedding(tokens), torch.zeros(M, units), torch.zeros(M, units)
        for t in range(T):
            if gates:
                z = x[:, t] @ cell.weight_ih.T + h @ cell.weight_hh.T + cell.bias_ih + cell.bias_hh
                kept.append(torch.sigmoid(z))
            h, c = cell(x[:, t], (h, c))
        cell_handle.remove()

    return [
        ("torch LSTMCell, hook: states", best(lambda: run(False), 3)),
        ("torch LSTMCell, hook: states and gates", best(lambda: run(True), 3)),
    ]


def in_turns(runs, repeats=9):
    """Return the shortest time of each run, in milliseconds, and the median of the times' ratios.

    The runs take turns, because the speed of a machine drifts; ratios are to the first run.
    """
    for run in runs:
        run()
    times = np.array([[best(run, 1) for run in runs] for _ in range(repeats)])
    return times.min(axis=0), np.median(times / times[:, :1], axis=0)


def main():
    """Print the table."""
    set_num_threads(1)
    rng = np.random.default_rng(0)
    network = Network([Embedding(TOKENS, 32), LSTM(32, UNITS), Dense(UNITS, TOKENS)])
    p = network.init(rng)
    ids = rng.integers(0, TOKENS, (M, T))
    passes = {
        "forward with a tape": lambda: network.forward(ids, p),
        "trace: states, gates, outputs": lambda: inspect.trace(network, ids, p),
        "trace: one gate, copied": lambda: inspect.trace(network, ids, p, names="lstm0.ft"),
        "trace: all, pre-activations too": lambda: inspect.trace(network, ids, p, names="*"),
    }
    trainings = {
        "training": lambda: trained([]),
        "training with Monitor(every=20)": lambda: trained([Monitor(20)]),
    }
    print(f"LSTM of {UNITS} units, {M} sequences of {T} steps, one thread")
    for group in (passes, trainings):
        for name, ms, ratio in zip(group, *in_turns(list(group.values())), strict=True):
            print(f"{name:42} {ms:9.1f} ms  {ratio:5.2f}")
    for name, ms in torch_rows(ids, UNITS):
        print(f"{name:42} {ms:9.1f} ms")


if __name__ == "__main__":
    main()
