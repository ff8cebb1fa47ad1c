"""Layers: sizes and parameter names, forward and backward; no parameters and no state inside.

Every layer has the same shape::

    parameters = layer.init(rng)                                    # flat dict
    y, state, tape = layer.forward(x, parameters, state, lengths)   # batch first
    dx, dstate0, gradients = layer.backward(tape, dy, dstate)     # "d" + name
    yt, state = layer.step(xt, parameters, state)                   # streaming

Recurrent layers have a state, a tuple (a,) or (a, c), and `Pool` what it has seen so far; the
others have the empty tuple.

Parameters carry the names of the cell (``Wf``, ``bf``, ...): behind ``reverse.`` for the
second direction of a bidirectional layer, and behind ``layer0.``, ``layer1.``, ... where a layer
is several layers deep (``layer0.reverse.Wf``).
"""

from .base import Layer
from .columns import Columns
from .dropout import Dropout
from .feedforward import Dense, Embedding
from .pool import Pool
from .recurrent import GRU, LSTM, RNN
from .words import Words

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Columns",
    "Dense",
    "Dropout",
    "Embedding",
    "Layer",
    "Pool",
    "Words",
]
