"""The course's sequence functions on the engine: same names, arguments, results and caches.

`bptt.equations` is the specification; here the engine runs the loop through time. A cache reads
like the textbook's, ``caches[0][t]``; the tuple of a step is made when it is read.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from .. import equations
from ..engine import Tape, provider
from ..equations.activations import softmax
from ..equations.functions import Loop, run_backward, run_forward
from ..equations.gru import gru_of_caches, gru_variant
from ..equations.lstm import LSTM
from ..equations.rnn import RNN, rnn_variant
from ..equations.sequences import Caches, backward_through_time, running_columns
from ..errors import operation


def _batch_first(z):
    return z.transpose(1, 2, 0)


def _features_first(z):
    return z.transpose(2, 0, 1)


class _Steps(Sequence[Any]):
    """The step caches of a sequence, made from the tape when they are read."""

    def __init__(self, cell, x, state0, parameters, lengths, tape):
        self._cell, self._x, self._parameters = cell, x, parameters
        self._state0, self._lengths, self._tape = state0, lengths, tape
        self._read = {}

    def __len__(self):
        return self._x.shape[2]

    def __getitem__(self, t):
        if isinstance(t, slice):
            return [self[i] for i in range(len(self))[t]]
        t = range(len(self))[t]  # negative ones, and IndexError
        on = running_columns(self._lengths, t)
        fields = {"xt": self._x[:, on, t], "parameters": self._parameters}
        for name, initial in zip(self._cell.states, self._state0, strict=True):
            before = initial if t == 0 else self._all(name)[:, :, t - 1]
            fields[f"{name}_next"] = self._all(name)[:, on, t]
            fields[f"{name}_prev"] = before[:, on]
        fields |= {gate: self._all(gate)[:, on, t] for gate in self._cell.gates}
        return self._cell.cache(**fields)

    def _all(self, name):
        """Return one state or gate of all steps, (n_a, m, T_x), read from the tape once."""
        if name not in self._read:
            self._read[name] = _features_first(self._tape[name])
        return self._read[name]


class EngineCaches(Caches):
    """The caches of a forward pass on the engine: the pair of the course, and the tape."""

    tape: Tape


def _forward(cell, x, state0, parameters, lengths):
    own = {name: parameters[name] for name in cell.parameters}
    y, final, tape = provider().forward(
        cell, _batch_first(x), tuple(s.T for s in state0), own, lengths
    )
    assert tape is not None  # keep_tape=True
    steps = _Steps(cell, x, state0, parameters, lengths, tape)
    caches = EngineCaches(steps, x, cell, lengths, parameters)
    caches.tape = tape
    others = (_features_first(tape.copy(name)) for name in cell.states[1:])
    return (_features_first(y), *others), final, caches


def _backward(da, dstate, caches):
    if not isinstance(caches, EngineCaches):  # those of `equations`, or of the caller's own loop
        return backward_through_time(da, dstate, caches)
    x, T = caches[1], da.shape[2]
    dy = np.zeros((*x.shape[1:], da.shape[0]), da.dtype)
    dy[:, :T] = _batch_first(da)  # the loss uses the first T steps only
    dx, dstate0, gradients = provider().backward(caches.tape, dy, tuple(ds.T for ds in dstate))
    dstate0 = {f"d{s}0": d.T for s, d in zip(caches.cell.states, dstate0, strict=True)}
    gradients = {f"d{name}": g for name, g in gradients.items()}
    return {"dx": _features_first(dx)[:, :, :T], **dstate0, **gradients}


def _predict(a, Wy, by):
    n_a, m, T_x = a.shape
    rows = _batch_first(a).reshape(m * T_x, n_a)
    return softmax(provider().dense_forward(rows, Wy, by).T).reshape(len(Wy), m, T_x)


ENGINE = Loop(_forward, _backward, _predict)

_F = TypeVar("_F", bound=Callable[..., Any])


def _documented(function: _F) -> Callable[[Callable[..., Any]], _F]:
    """Give a function the name, documentation and signature of one of the equations."""
    return lambda own: cast(_F, wraps(function)(own))


@_documented(equations.rnn_forward)
@operation
def rnn_forward(x, a0, parameters, seq_lengths=None, *, activation="tanh"):
    """On the engine: the documentation is that of the equations."""
    return run_forward(rnn_variant(activation), x, (a0,), parameters, seq_lengths, ENGINE)


@_documented(equations.rnn_backward)
@operation
def rnn_backward(da, caches, *, da_final=None):
    """On the engine: the documentation is that of the equations."""
    return run_backward(RNN, da, (da_final,), caches, ENGINE)


@_documented(equations.lstm_forward)
@operation
def lstm_forward(x, a0, parameters, seq_lengths=None, *, c0=None):
    """On the engine: the documentation is that of the equations."""
    return run_forward(LSTM, x, (a0, c0), parameters, seq_lengths, ENGINE)


@_documented(equations.lstm_backward)
@operation
def lstm_backward(da, caches, *, da_final=None, dc_final=None):
    """On the engine: the documentation is that of the equations."""
    return run_backward(LSTM, da, (da_final, dc_final), caches, ENGINE)


@_documented(equations.gru_forward)
@operation
def gru_forward(x, a0, parameters, seq_lengths=None):
    """On the engine: the documentation is that of the equations."""
    return run_forward(gru_variant(parameters), x, (a0,), parameters, seq_lengths, ENGINE)


@_documented(equations.gru_backward)
@operation
def gru_backward(da, caches, *, da_final=None):
    """On the engine: the documentation is that of the equations."""
    return run_backward(gru_of_caches(caches), da, (da_final,), caches, ENGINE)
