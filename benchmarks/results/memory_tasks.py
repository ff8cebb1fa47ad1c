"""Long-range memory: the adding problem (T = 100, 400) and copying (T = 50), drawn on line.

Adding (Hochreiter & Schmidhuber 1997): T pairs of a number in [0, 1) and a mark; the target is the
sum of the two marked numbers, one in each half. Copying (Arjovsky et al. 2016): 10 symbols out of
8, T - 1 blanks, a sign, 10 blanks; the 10 symbols are to be said after the sign.

No sequence is seen twice. Training ends when the test set (2,560 other sequences) is solved, or
when the budget is spent.
"""

import math
import time

import numpy as np
from common import Result, Task, parser, run

from bptt import GRU, LSTM, Dense, Embedding, Network
from bptt.layers import Pool
from bptt.training import (
    Adam,
    Batch,
    CrossEntropy,
    Run,
    Schedule,
    SequenceBatches,
    SquaredError,
    evaluate,
    train,
)

SYMBOLS, LENGTH = 8, 10  # of the copying task
BLANK, SIGN = 0, SYMBOLS + 1
TEST_SEQUENCES, TEST_SEED = 2560, 12345
CHECK = 50  # steps between looks at the test set
TASKS = {"adding-100": 100, "adding-400": 400, "copy-50": 50}


def adding(rng, m, T):
    """Draw x (m, T, 2) and targets (m, 1)."""
    x = np.zeros((m, T, 2), np.float32)
    x[:, :, 0] = rng.random((m, T))
    first, second = rng.integers(0, T // 2, m), rng.integers(T // 2, T, m)
    rows = np.arange(m)
    x[rows, first, 1] = x[rows, second, 1] = 1
    return x, (x[rows, first, 0] + x[rows, second, 0])[:, np.newaxis]


def copying(rng, m, T):
    """Draw tokens and targets, both (m, T + 20)."""
    symbols = rng.integers(1, SYMBOLS + 1, (m, LENGTH))
    x = np.full((m, T + 2 * LENGTH), BLANK)
    target = x.copy()
    x[:, :LENGTH], x[:, LENGTH + T - 1] = symbols, SIGN
    target[:, -LENGTH:] = symbols
    return x, target


class Drawn:
    """Batches that are drawn on demand, each from its own seed."""

    def __init__(self, draw, batch_size, count):
        self._draw, self._batch_size, self._count = draw, batch_size, count

    def order(self, rng):
        """Draw the seeds of an epoch's batches."""
        return rng.integers(2**32, 2**62, self._count)

    def count(self, order):
        """Return the number of batches of an epoch."""
        return len(order)

    def batches(self, order, rows=None):
        """Yield every batch, whole."""
        for seed in order:
            yield Batch(*self._draw(np.random.default_rng(seed), self._batch_size))


def network_of(task, cell, units):
    layer = {"lstm": LSTM, "gru": GRU}[cell]
    if task.startswith("adding"):
        return Network([layer(2, units), Pool(units, "last"), Dense(units, 1)])
    n = SYMBOLS + 2
    return Network([Embedding(n, n), layer(n, units), Dense(units, n)])


def solved(task, loss, network, parameters, test):
    """Return the test figure, its text, and whether the task is solved."""
    if task.startswith("adding"):
        return 2 * loss, f"MSE {2 * loss:.4f}", 2 * loss < 0.01  # the objective is half of it
    x, target = test
    z, _, _ = network.forward(x, parameters, keep_tape=False)
    recall = float(np.mean(z[:, -LENGTH:].argmax(axis=2) == target[:, -LENGTH:]))
    return loss, f"{loss:.4f} nats per step, {100 * recall:.1f} % recalled", recall > 0.99


def measure(arguments):
    task, T = arguments.task, TASKS[arguments.task]
    draw = adding if task.startswith("adding") else copying
    m, rng = arguments.batch_size, np.random.default_rng(arguments.seed)
    network = network_of(task, arguments.cell, arguments.units)
    parameters = network.init(rng)
    if arguments.cell == "lstm":  # a memory as long as the task (Tallec & Ollivier 2018)
        bf = np.log(rng.uniform(1, T - 1, (arguments.units, 1))).astype(np.float32)
        parameters["lstm0.bf"], parameters["lstm0.bi"] = bf, -bf
    else:
        parameters["gru0.bu"] = -np.log(rng.uniform(1, T - 1, (arguments.units, 1))).astype("f4")
    test = draw(np.random.default_rng(TEST_SEED), TEST_SEQUENCES, T)
    objective = SquaredError() if draw is adding else CrossEntropy()
    held_out = SequenceBatches(list(test[0]), test[1] if draw is adding else list(test[1]), 256)
    source = Drawn(lambda rng, m: draw(rng, m, T), m, CHECK)
    state = Run(parameters, Adam(), Schedule("constant", arguments.learning_rate), rng)
    epochs = arguments.epochs or math.ceil(arguments.sequences / (m * CHECK))
    began, figure, text, done = time.perf_counter(), math.inf, "", False
    for p in train(state, network, objective, source, epochs=epochs, grad_clip=1.0):
        if p.end_of_epoch:
            loss = evaluate(network, parameters, objective, held_out)
            figure, text, done = solved(task, loss, network, parameters, test)
            print(f"{p.step * m:,} sequences, {p.seconds:.0f} s: {text}", flush=True)
            if done:
                break
    return Result(
        figure=f"{'solved' if done else 'not solved'} after {state.step * m:,} sequences: {text}",
        values={"figure": figure, "sequences": state.step * m, "solved": done},
        reached=done,
        model=f"{arguments.cell.upper()}({arguments.units}), Adam, "
        f"learning_rate={arguments.learning_rate:g}, batch_size={m}",
        train_seconds=time.perf_counter() - began,
    )


def task_of(name):
    T = TASKS[name]
    if name.startswith("adding"):
        return Task(
            name=f"adding problem, T = {T}",
            measure="solved (test MSE < 0.01)? sequences needed",
            reach="solved by LSTM or GRU",
            floor="always 1: MSE 0.167",
            published="T = 100: LSTM 74,000 sequences (Hochreiter & Schmidhuber 1997); T = 400: "
            "hard for LSTM and IRNN (Le et al. 2015)",
        )
    floor = LENGTH * math.log(SYMBOLS) / (T + 2 * LENGTH)
    return Task(
        name=f"copying, T = {T}",
        measure="solved (> 99 % of the symbols recalled)? sequences needed",
        reach="solved",
        floor=f"without memory {floor:.4f} nats per step, 12.5 % recalled",
        published="T = 1000: LSTM and GRU at the floor (Bai et al. 2018)",
    )


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("task", choices=list(TASKS))
    options.add_argument("--cell", choices=["lstm", "gru"], default="gru")
    options.add_argument("--units", type=int, default=100)
    options.add_argument("--batch-size", type=int, default=64)
    options.add_argument("--learning-rate", type=float, default=2e-3)
    options.add_argument("--sequences", type=int, default=500_000, help="the budget")
    chosen = options.parse_args()
    run(task_of(chosen.task), measure, chosen)
