"""Digests of what the native engine computes, to the last bit, for one instruction set.

    BPTT_ISA=avx2 python -m tests.engine.golden_bits            # print them
    BPTT_ISA=avx2 python -m tests.engine.golden_bits --write    # put them into golden_bits.json

A change of structure shows by `golden_bits.json` that it changed no result. Write
it anew only for a change of results that CHANGELOG names under *Numerics*.

The inputs are multiples of 2^-15 made by integer arithmetic alone: the same on every machine.
"""

import hashlib
import json
import sys
from functools import cache
from pathlib import Path

import numpy as np

from bptt.engine import provider
from bptt.equations import CELLS
from bptt.equations.updates import AdamStep

FILE = Path(__file__).with_suffix(".json")
NAMES = ["rnn", "rnn_relu", "lstm", "gru", "gru_reset_after"]  # those that the files hold
SIZES = [  # n_x, n_a, m, T_x
    (3, 1, 2, 5), (1, 7, 5, 4), (8, 8, 1, 9), (5, 9, 13, 6), (9, 17, 4, 3), (20, 33, 7, 5),
    (48, 96, 37, 40),  # more than one chunk of steps
    (270, 300, 9, 3),  # more than one slice of a panel
]  # fmt: skip
STEP = AdamStep(
    scale=0.5, learning_rate=2**-9, beta1=0.875, beta2=0.999, epsilon=2**-26,
    decay=[2**-7, 0.0, 0.0], correction1=0.330078125, correction2=0.0029970029990,
)  # fmt: skip
KINDS = ["uniform", "ragged", "reverse", "ragged reverse", "tokens", "many tokens"]


@cache
def mixed(count):
    """Return the first words of 64 bits from a counter (Steele et al. 2014, SplitMix)."""
    z = np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Numbers:
    """Fractions of 2^15 in [-1, 1) from a counter; each instance begins anew."""

    def __init__(self, dtype):
        self.dtype, self.used = dtype, 0

    def integers(self, n, *shape):
        """Return whole numbers in 0..n-1."""
        count = int(np.prod(shape))
        first, self.used = self.used, self.used + count
        z = mixed(1 << self.used.bit_length())[first : self.used]
        return (z % np.uint64(n)).astype(np.int64).reshape(shape)

    def __call__(self, *shape):
        return ((self.integers(65536, *shape) - 32768) / 32768).astype(self.dtype)


def digest(*trees):
    """Return a short SHA-256 of arrays: type, shape, bytes. The order of a dict does not matter."""
    sha = hashlib.sha256()

    def add(tree):
        if isinstance(tree, dict):
            for name in sorted(tree):
                sha.update(name.encode())
                add(tree[name])
        elif isinstance(tree, (tuple, list)):
            for each in tree:
                add(each)
        else:
            z = np.asarray(tree)
            sha.update(f"{z.dtype.name}{z.shape}".encode())
            sha.update(z.tobytes())

    add(trees)
    return sha.hexdigest()[:16]


def parameters_of(cell, n_x, n_a, draw):
    return {name: draw(*s) * draw.dtype(0.5) for name, s in cell.shapes(n_x, n_a).items()}


def cell_digests(engine, cell, kind, dtype):
    """Digests of a cell over all sizes, of every quantity that comes out.

    Without the tape's pct, which the commit of the golden data did not show.
    """
    found = {"y": [], "state": [], "tape": [], "dx": [], "dstate0": [], "gradients": []}
    for n_x, n_a, m, T_x in SIZES:
        draw = Numbers(dtype)
        p = parameters_of(cell, n_x, n_a, draw)
        state0 = tuple(draw(m, n_a) for _ in cell.states)
        lengths = draw.integers(T_x + 1, m) if "ragged" in kind or "tokens" in kind else None
        x, table = draw(m, T_x, n_x), None
        if "tokens" in kind:  # few: their rows are multiplied once; many: as they are read
            table = draw(1000 if "many" in kind else 5, n_x)
            x = draw.integers(len(table), m, T_x)
        y, state, tape = engine.forward(
            cell, x, state0, p, lengths, table=table, reverse="reverse" in kind
        )
        dx, dstate0, gradients = engine.backward(
            tape, draw(m, T_x, n_a), tuple(draw(m, n_a) for _ in state0)
        )
        found["y"].append(y)
        found["state"].append(state)
        found["tape"].append([tape[n] for n in tape.names if n != "pct"])
        found["dx"].append(dx)
        found["dstate0"].append(dstate0)
        found["gradients"].append(gradients)
    return {what: digest(arrays) for what, arrays in found.items()}


def stream_digest(engine, cell, dtype):
    outputs = []
    for m in (1, 3):
        for n_x, n_a in ((2, 1), (9, 17), (5, 150)):
            draw = Numbers(dtype)
            stepper = engine.stream(cell, parameters_of(cell, n_x, n_a, draw), m)
            stepper.state = tuple(draw(m, n_a) for _ in stepper.state)
            outputs += [np.array(stepper.step(draw(m, n_x))) for _ in range(4)]
            outputs += stepper.state
    return digest(outputs)


def rows_digests(engine, dtype):
    """Digests of the output layer, its loss, the norm and one step of Adam."""
    found = {"dense": [], "dense gradients": [], "loss": [], "norm": [], "adam": []}
    for rows, n_in, n_out in ((0, 3, 2), (1, 1, 1), (7, 9, 17), (50, 33, 8), (1100, 40, 50)):
        draw = Numbers(dtype)
        x, W, b, dy = draw(rows, n_in), draw(n_out, n_in), draw(n_out, 1), draw(rows, n_out)
        found["dense"].append(engine.dense_forward(x, W, b))
        found["dense gradients"].append(engine.dense_backward(dy, x, W))
        logits = dtype(20) * draw(rows, n_out)
        found["loss"].append(engine.softmax_cross_entropy(logits, draw.integers(n_out, rows)))
        lists = [[draw(n_out, n_in), draw(n_out, 1), draw(0, 3)] for _ in range(4)]
        lists[3] = [np.abs(v) for v in lists[3]]
        found["norm"].append(np.float64(engine.squared_norm(lists[1])))
        engine.adam(*lists, STEP)
        found["adam"].append(lists)
    return {what: digest(arrays) for what, arrays in found.items()}


def digests(engine):
    """All digests of the engine, by what they are of."""
    all_ = {}
    for dtype in (np.float32, np.float64):
        for name in NAMES:
            for kind in KINDS:
                of = cell_digests(engine, CELLS[name], kind, dtype)
                all_ |= {f"{name} {dtype.__name__} {kind}: {what}": d for what, d in of.items()}
            all_[f"{name} {dtype.__name__} stream"] = stream_digest(engine, CELLS[name], dtype)
        all_ |= {f"{dtype.__name__} {k}": d for k, d in rows_digests(engine, dtype).items()}
    return all_


if __name__ == "__main__":
    from bptt.engine import _native

    found = digests(provider())
    if "--write" in sys.argv:
        kept = json.loads(FILE.read_text()) if FILE.exists() else {}
        FILE.write_text(json.dumps(kept | {_native.isa(): found}, indent=0) + "\n")
    else:
        print(json.dumps(found))
