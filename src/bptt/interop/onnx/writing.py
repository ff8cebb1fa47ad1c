"""to_onnx: networks and fitted models as ONNX files."""

import json
import os
from typing import Any

import numpy as np

from ... import config
from ...errors import InteropError, operation
from ...layers import Recurrent
from ...models import LanguageModel
from ...models.supervised import SequenceModel
from ...network import Network
from ..imported import Imported
from ..running import gives_one_step
from ..writing import put, save
from .building import Builder
from .layers import LAYERS, Scope
from .models import Around, around

__all__ = ["to_onnx", "write"]

FITTED = True  # what stands around the network of a fitted model is written


@operation
def to_onnx(
    model: Any,
    path: str | os.PathLike[str],
    *,
    lengths: bool | None = None,
    states: bool | None = None,
    opset: int = 14,
) -> tuple[str, ...]:
    """Write a network or a fitted model as an ONNX file of float32, for any batch size and time.

    A fitted model is written whole: scaling, categories, embedding, pooling, softmax, the units of
    its predictions; labels, vocabulary and names are in the file's metadata as JSON. What stays
    behind is returned.

    The input is ``x`` (batch, time, n_x), ``tokens`` (batch, time) where the network reads
    tokens, or ``window`` of a forecaster; the output ``y`` (batch, time, n_y), ``probabilities``,
    ``prediction``, ``logits`` or ``forecast``.

    Parameters
    ----------
    model : fitted model, Imported, or pair of Network and dict of str to ndarray
    path : str or path-like
    lengths : bool
        Whether there is an input ``lengths`` (batch,) of int32, the true lengths; ONNX Runtime
        reads it, most small runtimes do not. Default: only of models that predict from
        sequences, in one direction or two.
    states : bool
        Whether the states before the first step are inputs, ``lstm0.a`` and ``lstm0.c`` (slots,
        batch, n_a), and those after the last step outputs, ``lstm0.a_next``, as a stream needs
        them. Otherwise the states begin at 0, or at the learned ones. Default: only of language
        models.
    opset : int
        11 to 17.

    Returns
    -------
    tuple of str
        Sentences about what was converted and what stays behind.

    Raises
    ------
    InteropError
        ONNX has no such layer or cell, or the file cannot be written.
    ConfigError
        onnx is not installed.
    """
    own = {"lengths": lengths, "states": states}
    return save(
        model, _with_ending(path), opset=opset, **{k: v for k, v in own.items() if v is not None}
    )


def _with_ending(path):
    name = os.fspath(path)
    if not name.lower().endswith(".onnx"):
        raise InteropError(f"path is {name}; expected a name that ends in .onnx.")
    return name


def write(
    imported: Imported,
    path: str,
    *,
    lengths: bool | None = None,
    states: bool | None = None,
    opset: int = 14,
) -> tuple[str, ...]:
    """Write an ONNX file: see `to_onnx`."""
    model = imported.fitted
    if opset not in range(11, 18):
        raise InteropError(f"opset is {opset}; expected 11 to 17.")
    if lengths is None:
        lengths = isinstance(model, SequenceModel)
    if states is None:
        states = isinstance(model, LanguageModel)
    network, parameters = imported
    b, what = Builder(), around(model)
    notes = list(what.notes)
    if any(p.dtype == np.float64 for p in parameters.values()):
        notes.append("the parameters are rounded from float64 to float32")
    learned = _learned(imported)
    graph = _Graph(b, network, parameters, lengths=lengths, states=states)
    y = graph.run(what, learned)
    layers = list(network.layers.values())
    if any(layer.expands for layer in layers):
        b.sizes["T"] = "time_out"
    what.finish(b, y, layers[-1].n_out, gives_one_step(layers))
    for name, value, shape in graph.final_states:
        b.rename(value, name)
        b.output(name, "float", *shape)
    metadata = {
        "bptt": json.dumps({"version": config.version(), **what.metadata, **_about(imported)})
    }
    put(path, b.model(opset, config.version(), metadata))
    return tuple(notes)


def _learned(imported: Imported) -> dict[str, np.ndarray]:
    """Return initial states by the names of learned ones: "lstm0.a0"."""
    network, parameters = imported
    names = network.shapes()
    found = {}
    for i, (name, layer) in enumerate(network.layers.items()):
        for k, state in enumerate(layer.states):
            key = f"{name}.{state}0"
            if imported.initial_state is not None and layer.initial_shapes():
                found[key] = imported.initial_state[i][k]
            elif key in names:
                found[key] = parameters[key]
    return found


def _about(imported: Imported) -> dict[str, Any]:
    plain = (str, int, float, list, dict, bool, type(None))
    return {k: v for k, v in imported.metadata.items() if isinstance(v, plain)}


class _Graph:
    """Adds a network to a graph."""

    def __init__(
        self, builder: Builder, network: Network, parameters: Any, *, lengths: bool, states: bool
    ):
        self.b, self.network, self.parameters = builder, network, parameters
        self.lengths, self.states = lengths, states
        self.final_states: list[tuple[str, str, tuple[Any, ...]]] = []

    def run(self, what: "Around", learned: dict[str, np.ndarray]) -> str:
        """Add inputs, layers and the mask of the padding; return the output."""
        b, scope = self.b, Scope(self.b, "")
        first = next(iter(self.network.layers.values()))
        x = what.begin(b, first)
        if self.lengths:
            scope.lengths = b.input("lengths", "int32", "m")
            scope.valid = _valid(b, x, scope.lengths)
        for name, layer in self.network.layers.items():
            scope.name = name
            kinds = [kind for kind in LAYERS if isinstance(layer, kind)]
            if not kinds:
                raise InteropError(
                    f"{name} is a {type(layer).__name__}, which has no form in ONNX; expected one "
                    f"of {', '.join(kind.__name__ for kind in LAYERS)}."
                )
            own = {key: self.parameters[f"{name}.{key}"] for key in layer.shapes()}
            if isinstance(layer, Recurrent):
                self._begin_states(name, layer, x, learned, scope)
            elif layer.states and self.states:
                raise InteropError(
                    f"{name} has a state, which is not exported; expected states=False."
                )
            x = LAYERS[kinds[0]](b, layer, x, own, scope)
            if isinstance(layer, Recurrent) and self.states:
                self._end_states(name, layer, scope)
        return x if scope.valid is None else b.add("Mul", x, scope.valid)

    def _prefixes(self, name, layer):
        many = layer.n_layers > 1
        return [f"{name}.layer{k}" if many else name for k in range(layer.n_layers)]

    def _begin_states(self, name, layer, x, learned, scope):
        both = 1 + layer.bidirectional
        for k, prefix in enumerate(self._prefixes(name, layer)):
            given = []
            for state in layer.states:
                if self.states:
                    shape = (both, "m", layer.n_a)
                    given.append(self.b.input(f"{prefix}.{state}", "float", *shape))
                elif (value := learned.get(f"{name}.{state}0")) is not None:
                    own = self.b.constant(value[both * k : both * (k + 1)], f"{prefix}.{state}0")
                    given.append(self._for_each_sequence(own, x, both, layer.n_a))
            scope.states[prefix] = given

    def _for_each_sequence(self, value, x, both, n_a):
        b = self.b
        m = b.add("Gather", b.add("Shape", x), b.constant([0], dtype=np.int64), axis=0)
        sizes = [b.constant([n], dtype=np.int64) for n in (both, n_a)]
        return b.add("Expand", value, b.add("Concat", sizes[0], m, sizes[1], axis=0))

    def _end_states(self, name, layer, scope):
        for prefix in self._prefixes(name, layer):
            shape = (1 + layer.bidirectional, "m", layer.n_a)
            for state, value in zip(layer.states, scope.finals[prefix], strict=True):
                self.final_states.append((f"{prefix}.{state}_next", value, shape))


def _valid(b: Builder, x: str, lengths: str) -> str:
    """(m, T, 1) of float: 1 at the steps that exist."""
    T = b.add("Gather", b.add("Shape", x), b.constant(1, dtype=np.int64), axis=0)
    zero, one = b.constant(0, dtype=np.int64), b.constant(1, dtype=np.int64)
    steps = b.add("Cast", b.add("Range", zero, T, one), to=6)
    return b.reshape(b.add("Cast", b.add("Less", steps, b.reshape(lengths, -1, 1)), to=1), 0, -1, 1)
