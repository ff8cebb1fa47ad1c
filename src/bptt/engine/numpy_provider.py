"""The NumPy provider: the equations themselves, their arrays turned to batch first (views)."""

import numpy as np

from ..equations import CELLS
from ..equations.losses import cross_entropy_columns, output_backward, output_forward
from ..equations.sequences import (
    backward_through_time,
    forward_through_time,
    reverse_valid,
    running_columns,
    valid_steps,
)
from ..errors import EngineError


def _batch_first(z):
    """(n, m, T_x) -> (m, T_x, n)."""
    return z.transpose(1, 2, 0)


def _features_first(z):
    """(m, T_x, n) -> (n, m, T_x)."""
    return z.transpose(2, 0, 1)


def sum_of_squares(arrays):
    """Sum the squares of all entries in float64."""
    return float(sum(np.sum(np.square(z, dtype=np.float64)) for z in arrays))


def adam(
    parameters,
    gradients,
    first,
    second,
    *,
    scale,
    learning_rate,
    beta1,
    beta2,
    epsilon,
    decay,
    correction1,
    correction2,
):
    """Change parameters and moments in place: see `bptt.engine.adam`."""
    for p, g, m, v, own_decay in zip(parameters, gradients, first, second, decay, strict=True):
        g = float(scale) * g
        m *= float(beta1)
        m += (1 - float(beta1)) * g
        v *= float(beta2)
        v += (1 - float(beta2)) * g * g
        step = m / float(correction1) / (np.sqrt(v / float(correction2)) + float(epsilon))
        p -= float(learning_rate) * (step + float(own_decay) * p)


class NumpyTape:
    """The step caches of the equations, read by name."""

    def __init__(self, caches, reverse, tokens, table):
        self.caches, self.reverse = caches, reverse
        self.tokens, self.table = tokens, table
        self.names = caches.cell.states + caches.cell.gates
        x = caches[1]
        self.shape, self.dtype = x.shape[1:], x.dtype

    def copy(self, name):
        """Return ``tape[name]``, which is the caller's own here."""
        return self[name]

    def __getitem__(self, name):
        """Collect a state or a gate from the steps: (m, T_x, n_a), 0 on padding."""
        if name not in self.names:
            raise KeyError(f"the tape has {', '.join(self.names)}; not {name!r}")
        steps, x = self.caches
        lengths, parameters = self.caches.lengths, self.caches.parameters
        n_a = self.caches.cell.sizes(parameters)["n_a"]
        field = f"{name}_next" if name in self.caches.cell.states else name
        z = np.zeros((n_a, *x.shape[1:]), x.dtype)
        for t, cache in enumerate(steps):
            z[:, running_columns(lengths, t), t] = getattr(cache, field)
        return _batch_first(reverse_valid(z, lengths) if self.reverse else z)


class NumpyStepper:
    """A cell that steps with the equations' own recurrence."""

    def __init__(self, cell, parameters, m):
        self._cell = CELLS[cell]
        self._parameters = {name: p.copy() for name, p in parameters.items()}
        sizes = self._cell.sizes(parameters)
        self._x = np.empty((m, sizes["n_x"]), next(iter(parameters.values())).dtype)
        zeros = np.zeros((m, sizes["n_a"]), self._x.dtype)
        self.state = tuple(zeros for _ in self._cell.states)

    def step(self, xt):
        """Run one step: (m, n_x) -> (m, n_a)."""
        if xt.shape != self._x.shape or xt.dtype != self._x.dtype:
            raise ValueError(f"xt is {xt.dtype} {xt.shape}")
        before = (s.T for s in self.state)
        *after, _ = self._cell.recurrence(xt.T, *before, self._parameters)
        self.state = tuple(s.T for s in after)
        return self.state[0]


class NumpyProvider:
    """Computes with the functions of `bptt.equations`, step by step."""

    name = "numpy"

    def forward(self, cell, x, state0, parameters, lengths, *, table, reverse, keep_tape):
        """Run a cell over a batch of sequences: see `bptt.engine.forward`."""
        tokens = None
        if table is not None:
            tokens = np.where(valid_steps(lengths, *x.shape), x, 0)  # padding may hold anything
            x = table[tokens]
        turn = (lambda z: reverse_valid(z, lengths)) if reverse else (lambda z: z)
        states, final, caches = forward_through_time(
            CELLS[cell],
            turn(_features_first(x)),
            tuple(s.T for s in state0),
            parameters,
            lengths,
            keep_caches=keep_tape,
        )
        outputs = _batch_first(turn(states[0]))
        tape = NumpyTape(caches, reverse, tokens, table) if keep_tape else None
        return outputs, tuple(s.T for s in final), tape

    def backward(self, tape, dy, dstate):
        """Backpropagate through time: see `bptt.engine.backward`."""
        caches = tape.caches
        turn = (lambda z: reverse_valid(z, caches.lengths)) if tape.reverse else (lambda z: z)
        da = _features_first(dy)
        zeros = np.zeros(da.shape[:2], da.dtype)
        gradients = backward_through_time(
            turn(da), tuple(zeros if ds is None else ds.T for ds in dstate), caches
        )
        dstate0 = tuple(gradients.pop(f"d{s}0").T for s in caches.cell.states)
        dx = _batch_first(turn(gradients.pop("dx")))
        if tape.table is not None:
            dtable = np.zeros_like(tape.table)
            np.add.at(dtable, tape.tokens, dx)  # dx is 0 on padding
            dx = dtable
        return dx, dstate0, gradients

    def stream(self, cell, parameters, m):
        """Prepare to step: see `bptt.engine.stream`."""
        return NumpyStepper(cell, parameters, m)

    def dense_forward(self, x, W, b):
        """Apply a dense layer to rows: see `bptt.engine.dense_forward`."""
        return output_forward(x.T, W, b).T

    def dense_backward(self, dy, x, W):
        """Undo `dense_forward`."""
        gradients = output_backward(dy.T, x.T, W)
        return gradients["da"].T, gradients["dWy"], gradients["dby"]

    def softmax_cross_entropy(self, z, labels):
        """Negative log-probabilities: see `bptt.engine.softmax_cross_entropy`."""
        nats, dz = cross_entropy_columns(z.T, labels)
        return nats.astype(np.float64), dz.T

    def squared_norm(self, arrays):
        """Sum all squares: see `bptt.engine.squared_norm`."""
        with np.errstate(over="ignore"):  # infinite, as on the native engine
            return sum_of_squares(arrays)

    def adam(self, parameters, gradients, first, second, **rates):
        """Update the parameters: see `bptt.engine.adam`."""
        adam(parameters, gradients, first, second, **rates)

    def get_num_threads(self):
        """Return 1: the equations run in one thread, whatever NumPy's BLAS does inside."""
        return 1

    def set_num_threads(self, n):
        """Refuse: the threads are those of NumPy's BLAS."""
        raise EngineError(
            f"set_num_threads({n!r}): the NumPy provider serves; its threads are those of NumPy's "
            f"BLAS, which OMP_NUM_THREADS or threadpoolctl set."
        )

    def describe(self):
        """Return rows for `bptt.show_config`."""
        return {"engine": "numpy"}
