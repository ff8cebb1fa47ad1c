"""The NumPy provider: the equations themselves, their arrays turned to batch first (views)."""

import numpy as np

from .. import params
from ..equations import CELLS
from ..equations.sequences import (
    backward_through_time,
    forward_through_time,
    reverse_valid,
    running_columns,
)


def _batch_first(z):
    """(n, m, T_x) -> (m, T_x, n)."""
    return z.transpose(1, 2, 0)


def _features_first(z):
    """(m, T_x, n) -> (n, m, T_x)."""
    return z.transpose(2, 0, 1)


class NumpyTape:
    """The step caches of the equations, read by name."""

    def __init__(self, caches, reverse):
        self.caches, self.reverse = caches, reverse
        self.names = caches.cell.states + caches.cell.gates
        x = caches[1]
        self.shape, self.dtype = x.shape[1:], x.dtype

    def __getitem__(self, name):
        """Collect a state or a gate from the steps: (m, T_x, n_a), 0 on padding."""
        if name not in self.names:
            raise KeyError(f"the tape has {', '.join(self.names)}; not {name!r}")
        steps, x = self.caches
        lengths, parameters = self.caches.lengths, self.caches.parameters
        n_a = parameters[next(iter(params.CELLS[self.caches.cell.name]))].shape[0]
        field = f"{name}_next" if name in self.caches.cell.states else name
        z = np.zeros((n_a, *x.shape[1:]), x.dtype)
        for t, cache in enumerate(steps):
            z[:, running_columns(lengths, t), t] = getattr(cache, field)
        return _batch_first(reverse_valid(z, lengths) if self.reverse else z)


class NumpyProvider:
    """Computes with the functions of `bptt.equations`, step by step."""

    name = "numpy"

    def forward(self, cell, x, state0, parameters, lengths, *, reverse, keep_tape):
        """Run a cell over a batch of sequences: see `bptt.engine.forward`."""
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
        tape = NumpyTape(caches, reverse) if keep_tape else None
        return outputs, tuple(s.T for s in final), tape

    def backward(self, tape, d_outputs, d_state):
        """Backpropagate through time: see `bptt.engine.backward`."""
        caches = tape.caches
        turn = (lambda z: reverse_valid(z, caches.lengths)) if tape.reverse else (lambda z: z)
        da = _features_first(d_outputs)
        zeros = np.zeros(da.shape[:2], da.dtype)
        gradients = backward_through_time(
            turn(da), tuple(zeros if ds is None else ds.T for ds in d_state), caches
        )
        d_state0 = tuple(gradients.pop(f"d{s}0").T for s in caches.cell.states)
        return _batch_first(turn(gradients.pop("dx"))), d_state0, gradients

    def step(self, cell, xt, state, parameters):
        """Run one step: see `bptt.engine.step`."""
        *after, _ = CELLS[cell].recurrence(xt.T, *(s.T for s in state), parameters)
        return tuple(s.T for s in after)
