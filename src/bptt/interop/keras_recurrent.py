"""Make bptt's layers of Keras' recurrent ones, in one direction or two."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..equations import Cell
from ..equations.variants import variant
from ..errors import InteropError
from ..layers import Merge, Pool, Reverse
from ..layers.recurrent import recurrent_layer
from ..safe_files import printable
from . import keras_weights
from .imported import Mask
from .keras_building import Building, activation_name, refuse, shown
from .keras_config import KerasLayer, layer_of

__all__ = ["RECURRENT", "add_recurrent"]

Arrays = Sequence[np.ndarray]
RECURRENT = ("LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU")


def _cell(b: Building, layer: KerasLayer) -> Cell:
    """Return the cell of a recurrent layer, with its activations."""
    kind, config = layer.kind.removeprefix("CuDNN"), layer.config
    where = f"{b.where}: {shown(layer)}"
    cudnn = layer.kind.startswith("CuDNN")
    old = "hard_sigmoid" if b.version < 2 else "sigmoid"
    g = activation_name(config.get("activation", "tanh"), b.version, where)
    inner = config.get("recurrent_activation", config.get("inner_activation", old))
    sigma = "sigmoid" if cudnn else activation_name(inner, b.version, where)
    if "softmax" in (g, sigma):
        raise InteropError(f"{where} has softmax inside; expected a function of each unit.")
    if kind == "LSTM":
        return variant("lstm", (sigma, g, g))
    if kind == "GRU":
        after = cudnn or bool(config.get("reset_after", False))
        return variant("gru_reset_after" if after else "gru", (sigma, g))
    return variant("rnn", (g,))


def _directions(b: Building, layer: KerasLayer) -> tuple[KerasLayer, bool, Any]:
    """Return the recurrent layer, whether it is bidirectional, and how directions are merged."""
    if layer.kind != "Bidirectional":
        return layer, False, None
    forward = layer_of(layer.config.get("layer"), b.where)
    backward = layer_of(layer.config.get("backward_layer") or layer.config["layer"], b.where)
    if forward.kind not in RECURRENT or forward.config.get("go_backwards"):
        raise InteropError(
            f"{b.where}: {shown(layer)} has {shown(forward)} inside; expected one of "
            f"{', '.join(RECURRENT)} that goes forward."
        )
    alike = backward.kind == forward.kind and all(
        forward.config.get(k) == backward.config.get(k)
        for k in ("units", "output_dim", "return_sequences", "use_bias")
    )
    if not alike or _cell(b, forward).name != _cell(b, backward).name:
        raise InteropError(
            f"{b.where}: {shown(layer)} has two different directions; expected the same layer "
            f"twice."
        )
    return forward, True, layer.config.get("merge_mode", "concat")


_MERGES = {"sum": "sum", "ave": "mean", "mul": "product"}


def add_recurrent(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add a recurrent layer, the pool of its last step where it returns that, and the merge."""
    inner, bidirectional, merge = _directions(b, layer)
    config = inner.config
    cell, n_slots = _cell(b, inner), 1 + bidirectional
    refuse(b, inner, "time_major")
    if bidirectional and merge != "concat" and merge not in _MERGES:
        raise InteropError(
            f"{b.where}: {shown(layer)} has merge_mode {printable(merge, 20)}; expected one of "
            f"concat, {', '.join(_MERGES)}."
        )
    counts = [n_slots * k for k in (2, 3, 3 * keras_weights.gates_of(cell))]
    arrays = keras_weights.checked(arrays, counts, f"{b.where}: {shown(layer)}")
    half, own = len(arrays) // n_slots, {}
    for slot, prefix in enumerate(("", "reverse.")[:n_slots]):
        part = arrays[slot * half : (slot + 1) * half]
        found = keras_weights.recurrent(cell, part, f"{b.where}: {shown(layer)}")
        own |= {prefix + k: p for k, p in found.items()}
    n_a = len(own[next(iter(own))])
    first = own.get("Wax", own.get("Wc"))
    n_x = first.shape[1] - (0 if "Wax" in own else n_a)  # type: ignore[union-attr]
    b.features(layer, n_x)
    if b.dims is not None and len(b.dims) != 2:
        raise InteropError(
            f"{b.where}: {shown(layer)} takes {len(b.dims)} dimensions; expected 2, steps and "
            f"features."
        )
    sequences = bool(config.get("return_sequences", False))
    if config.get("go_backwards"):
        if b.masked and sequences:
            raise InteropError(
                f"{b.where}: {shown(layer)} goes backwards over masked steps and returns all of "
                f"them; expected no mask."
            )
        b.put(f"{layer.name}_reverse", Reverse(n_x))
    made = recurrent_layer(cell, n_x, n_a, bidirectional=bidirectional)
    b.put(layer.name, made, own)
    _note_recurrent(b, inner, bidirectional, sequences)
    n = made.n_out
    if not sequences:
        b.put(f"{layer.name}_last", Pool(n, "last", bidirectional=bidirectional))
        b.masked = False
    if bidirectional and merge != "concat":
        b.put(f"{layer.name}_{_MERGES[merge]}", Merge(n, _MERGES[merge]))  # type: ignore[arg-type]
        n //= 2
    steps = b.dims[0] if b.dims else None
    b.dims = (steps, n) if sequences else (n,)


def _note_recurrent(b: Building, layer: KerasLayer, bidirectional: bool, sequences: bool) -> None:
    """Note what a configuration has besides: states kept, dropout inside, zeros at a mask."""
    config = layer.config
    if config.get("stateful"):
        b.notes.append(
            f"{shown(layer)} is stateful: pass the state that forward returns to the next batch."
        )
    if any(config.get(k) for k in ("recurrent_dropout", "dropout_U", "dropout_W")):
        b.notes.append(f"{shown(layer)} has dropout inside in training; bptt has none there.")
    if b.mask is not None and b.masked and sequences:
        zero = bool(config.get("zero_output_for_mask")) or (bidirectional and b.of_tensorflow)
        b.mask = Mask(b.mask.kind, b.mask.value, zero_output=zero)
