"""Layers: sizes and parameter names, forward and backward; no parameters and no state inside.

Every layer has the same interface::

    parameters = layer.init(rng)                                    # flat dict
    y, state, tape = layer.forward(x, parameters, state, lengths)   # batch first
    dx, dstate0, gradients = layer.backward(tape, dy, dstate)       # keys of the parameters
    yt, state = layer.step(xt, parameters, state)                   # one time step

Recurrent layers have a state, a tuple (a,) or (a, c), and `Pool` a running total or maximum; the
others have the empty tuple. `Activation`, `BatchNorm`, `LayerNorm`, `Merge`, `Flatten`,
`Unflatten`, `Repeat`, `Reverse` and `Windows` are those that models of other programs need
(`bptt.interop`).

Parameters have the names of the cell's record (``Wf``, ``bf``, ...), with ``reverse.`` in front for
the second direction of a bidirectional layer and ``layer0.``, ``layer1.``, ... in front of that if
there are several layers (``layer0.reverse.Wf``).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .base import Layer
from .dense import Dense
from .dropout import Dropout
from .embedding import Embedding
from .feature_embedding import FeatureEmbedding
from .pool import Pool
from .prepared import Prepared
from .recurrent import GRU, LSTM, RNN, Recurrent
from .word_embedding import WordEmbedding

if TYPE_CHECKING:
    from .activation import Activation
    from .merge import Merge
    from .normalize import BatchNorm, LayerNorm
    from .rearrange import Flatten, Repeat, Reverse, Unflatten
    from .windows import Windows

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Embedding",
    "FeatureEmbedding",
    "Flatten",
    "Layer",
    "LayerNorm",
    "Merge",
    "Pool",
    "Prepared",
    "Recurrent",
    "Repeat",
    "Reverse",
    "Unflatten",
    "Windows",
    "WordEmbedding",
]

_LATER = {  # name -> its file: `import bptt` needs none of them
    "Activation": "activation",
    "BatchNorm": "normalize",
    "Flatten": "rearrange",
    "LayerNorm": "normalize",
    "Merge": "merge",
    "Repeat": "rearrange",
    "Reverse": "rearrange",
    "Unflatten": "rearrange",
    "Windows": "windows",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f".{_LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
