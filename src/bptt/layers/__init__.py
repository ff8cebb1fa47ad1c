"""Layers: sizes and parameter names, forward and backward; no parameters and no state inside.

Every layer has the same interface::

    parameters = layer.init(rng)                                    # flat dict
    y, state, tape = layer.forward(x, parameters, state, lengths)   # batch first
    dx, dstate0, gradients = layer.backward(tape, dy, dstate)       # keys of the parameters
    yt, state = layer.step(xt, parameters, state)                   # one time step

Recurrent layers have a state, a tuple (a,) or (a, c), and `Pool` a running total or maximum; the
others have the empty tuple.

Parameters have the names of the cell's record (``Wf``, ``bf``, ...), with ``reverse.`` in front for
the second direction of a bidirectional layer and ``layer0.``, ``layer1.``, ... in front of that if
there are several layers (``layer0.reverse.Wf``).
"""

from .base import Layer
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .feature_embedding import FeatureEmbedding
from .pool import Pool
from .recurrent import GRU, LSTM, RNN, Recurrent
from .word_embedding import WordEmbedding

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Dense",
    "Dropout",
    "Embedding",
    "FeatureEmbedding",
    "Layer",
    "Pool",
    "Recurrent",
    "WordEmbedding",
]
