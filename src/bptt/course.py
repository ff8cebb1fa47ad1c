"""The course's sequence functions on the engine: same names, arguments, results and caches.

`bptt.equations` is the specification; here the same mathematics runs fused. A cache reads like the
textbook's, ``caches[0][t]``, but a step's tuple is only made when somebody looks at it.
"""

from collections.abc import Sequence
from functools import wraps

import numpy as np

from . import equations
from .engine import Tape, provider
from .equations.activations import softmax
from .equations.arguments import backward_door, sequence_door
from .equations.gru import GRU, gru_variant
from .equations.lstm import LSTM
from .equations.rnn import RNN, rnn_variant
from .equations.sequences import Caches, backward_through_time, running_columns, valid_steps


def _batch_first(z):
    return z.transpose(1, 2, 0)


def _features_first(z):
    return z.transpose(2, 0, 1)


class _Steps(Sequence):
    """The step caches of a sequence, made from the tape when they are looked at."""

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


def _forward(where, cell, x, state0, parameters, seq_lengths):
    x, state0, lengths = sequence_door(where, cell, x, state0, parameters, seq_lengths)
    own = {name: parameters[name] for name in cell.parameters}
    a, _, tape = provider().forward(cell, _batch_first(x), tuple(s.T for s in state0), own, lengths)
    assert tape is not None  # keep_tape is the default
    steps = _Steps(cell, x, state0, parameters, lengths, tape)
    caches = EngineCaches(steps, x, cell, lengths, parameters)
    caches.tape = tape
    return _features_first(a), caches


def _predictions(a, Wy, by, lengths):
    """Softmax of the output layer at every step that exists, (n_y, m, T_x); 0 on padding."""
    n_a, m, T_x = a.shape
    rows = _batch_first(a).reshape(m * T_x, n_a)
    y = softmax(provider().dense_forward(rows, Wy, by).T).reshape(len(Wy), m, T_x)
    valid = valid_steps(lengths, m, T_x)
    return y if valid.all() else np.where(valid, y, np.zeros((), a.dtype))


def _backward(da, dstate, caches):
    if not isinstance(caches, EngineCaches):  # those of `equations`, or of somebody's own loop
        return backward_through_time(da, dstate, caches)
    x, T = caches[1], da.shape[2]
    dy = np.zeros((*x.shape[1:], da.shape[0]), da.dtype)
    dy[:, :T] = _batch_first(da)  # the loss looks at the first T steps only
    dx, dstate0, gradients = provider().backward(caches.tape, dy, tuple(ds.T for ds in dstate))
    assert dx is not None  # need_dx is the default
    return {
        "dx": _features_first(dx[:, :T]),
        **{f"d{s}0": d.T for s, d in zip(caches.cell.states, dstate0, strict=True)},
        **{f"d{name}": g for name, g in gradients.items()},
    }


@wraps(equations.rnn_forward)
def rnn_forward(x, a0, parameters, seq_lengths=None, *, activation="tanh"):
    """On the engine: the documentation is that of the equations."""
    cell = rnn_variant("rnn_forward", activation)
    a, caches = _forward("rnn_forward", cell, x, (a0,), parameters, seq_lengths)
    return a, _predictions(a, parameters["Wya"], parameters["by"], caches.lengths), caches


@wraps(equations.rnn_backward)
def rnn_backward(da, caches, *, da_final=None):
    """On the engine: the documentation is that of the equations."""
    return _backward(*backward_door("rnn_backward", RNN, da, (da_final,), caches))


@wraps(equations.lstm_forward)
def lstm_forward(x, a0, parameters, seq_lengths=None, *, c0=None):
    """On the engine: the documentation is that of the equations."""
    a, caches = _forward("lstm_forward", LSTM, x, (a0, c0), parameters, seq_lengths)
    c = _features_first(caches.tape.copy("c"))
    return a, _predictions(a, parameters["Wy"], parameters["by"], caches.lengths), c, caches


@wraps(equations.lstm_backward)
def lstm_backward(da, caches, *, da_final=None, dc_final=None):
    """On the engine: the documentation is that of the equations."""
    return _backward(*backward_door("lstm_backward", LSTM, da, (da_final, dc_final), caches))


@wraps(equations.gru_forward)
def gru_forward(x, a0, parameters, seq_lengths=None):
    """On the engine: the documentation is that of the equations."""
    cell = gru_variant(parameters)
    a, caches = _forward("gru_forward", cell, x, (a0,), parameters, seq_lengths)
    return a, _predictions(a, parameters["Wy"], parameters["by"], caches.lengths), caches


@wraps(equations.gru_backward)
def gru_backward(da, caches, *, da_final=None):
    """On the engine: the documentation is that of the equations."""
    return _backward(*backward_door("gru_backward", GRU, da, (da_final,), caches))
