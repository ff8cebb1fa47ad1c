"""The modules of a state dict: found by the names of tensors, converted to layers."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..errors import InteropError
from ..layers import Dense, Embedding, Layer
from ..layers.recurrent import recurrent_layer
from ..network import Network
from .conventions import Blocks, from_blocks

__all__ = [
    "Found",
    "chained",
    "converted",
    "incomplete_modules",
    "recurrent_modules",
    "stepwise_module",
]

Model = tuple[Network, dict[str, np.ndarray]]

_KINDS = {"weight": "weight", "w": "weight", "bias": "bias", "b": "bias"}
_RECURRENT = re.compile(
    r"(?:(?P<prefix>.*)[._])??(?P<kind>weight|bias|[wWbB])_(?P<of>ih|hh|hr)"
    r"(?:_l(?P<layer>\d{1,4}))?(?P<reverse>_reverse)?"
)
_WEIGHT = re.compile(r"(?:(?P<prefix>.*)(?P<mark>[._]))??(?P<kind>weight|w|emb|embedding)")
_CELLS = {4: "lstm", 3: "gru_reset_after", 1: "rnn"}


class Found(NamedTuple):
    """What a module is made of: (layer, reverse, "weight_ih") -> array, and names of the file."""

    tensors: dict[tuple[int, bool, str], np.ndarray]
    names: list[str]


_PAIR = {(0, False, "weight_ih"), (0, False, "weight_hh")}


def recurrent_modules(tensors: Mapping[str, np.ndarray]) -> dict[str, Found]:
    """Return the recurrent modules of a state dict by their prefixes, without the dot."""
    return {p: found for p, found in _grouped(tensors).items() if found.tensors.keys() >= _PAIR}


def incomplete_modules(tensors: Mapping[str, np.ndarray]) -> list[str]:
    """Return the prefixes that have recurrent weights, but not both of the first layer."""
    grouped = _grouped(tensors).items()
    return [prefix for prefix, found in grouped if not found.tensors.keys() >= _PAIR]


def _grouped(tensors: Mapping[str, np.ndarray]) -> dict[str, Found]:
    """Return the recurrent weights of a state dict by their prefixes."""
    modules: dict[str, Found] = {}
    for name, tensor in tensors.items():
        if (match := _RECURRENT.fullmatch(name)) is None or tensor.ndim > 2:
            continue
        prefix = match["prefix"] or ""
        found = modules.setdefault(prefix, Found({}, []))
        key = f"{_KINDS[match['kind'].lower()]}_{match['of']}"
        found.tensors[int(match["layer"] or 0), match["reverse"] is not None, key] = tensor
        found.names.append(name)
    return modules


def converted(found: Found, nonlinearity: str, where: str) -> tuple[Model, list[str]]:
    """Return the network of a recurrent module with its parameters, and notes.

    Raises
    ------
    InteropError
        The shapes do not fit one another, or the weights are not finite floating-point numbers.
    """
    tensors = found.tensors
    n_layers = 1 + max(layer for layer, _, _ in tensors)
    directions = (False, True) if any(reverse for _, reverse, _ in tensors) else (False,)
    notes = _dtypes(tensors, where)
    hh = full(tensors[0, False, "weight_hh"])
    hr = tensors.get((0, False, "weight_hr"))
    projected = hr is not None
    square = hh if hr is None else hr
    if hh.ndim != 2 or square.ndim != 2 or not square.shape[1]:
        raise InteropError(f"{where} has a weight_hh of the shape {hh.shape}.")
    n_a = square.shape[1]
    gates, rest = divmod(len(hh), n_a)
    if rest or gates not in _CELLS or (projected and gates != 4):
        raise InteropError(
            f"{where} has a weight_hh of the shape {hh.shape}; expected 4 (LSTM), 3 (GRU) or 1 "
            f"(RNN) times {n_a} rows."
        )
    cell = "rnn_relu" if gates == 1 and nonlinearity == "relu" else _CELLS[gates]
    if gates == 1:
        notes.append(f"An RNN; its activation, which is not in the file, is {nonlinearity}.")
    slots = []
    for k in range(n_layers):
        slots.append([_slot(tensors, k, reverse, cell, where) for reverse in directions])
    if projected:
        notes.append(
            f"Its projection is a Dense layer; the recurrent weights are weight_hh @ weight_hr: "
            f"the same outputs from a state of zeros, whose size is {n_a}."
        )
        return _projected(slots, cell, n_a, where), notes
    n_x = slots[0][0].n_x
    layer = recurrent_layer(cell, n_x, n_a, n_layers=n_layers, bidirectional=len(directions) > 1)
    flat = [s for row in slots for s in row]
    own = {
        slot.prefix + name: p
        for slot, s in zip(layer.slots, flat, strict=True)
        for name, p in s.parameters.items()
    }
    return chained([layer], [own], where), notes


class _Slot(NamedTuple):
    """One layer in one direction."""

    n_x: int
    parameters: dict[str, np.ndarray]
    projection: np.ndarray | None


def _slot(tensors, layer, reverse, cell, where) -> _Slot:
    def get(key):
        value = tensors.get((layer, reverse, key))
        return None if value is None else full(value)

    W, U, hr = get("weight_ih"), get("weight_hh"), get("weight_hr")
    if W is None or U is None:
        name = f"weight_ih_l{layer}{'_reverse' * reverse}"
        raise InteropError(f"{where} has no {name} or weight_hh beside it; expected both.")
    if hr is not None:
        if hr.ndim != 2 or U.ndim != 2 or U.shape[1] != len(hr):
            raise InteropError(f"{where} has a weight_hr of {hr.shape} for {U.shape}.")
        U = (U.astype(np.float64) @ hr).astype(U.dtype)
    blocks = Blocks(W, U, get("bias_ih"), get("bias_hh"))
    parameters = from_blocks(cell, blocks, "torch", like=where)
    return _Slot(W.shape[1], parameters, hr)


def _projected(slots, cell, n_a, where):
    """Stack LSTM and Dense layers for an LSTM with a projection."""
    layers: list[Layer] = []
    parameters = []
    for row in slots:
        if any(s.projection is None for s in row):
            raise InteropError(f"{where} has a weight_hr for some layers only.")
        lstm = recurrent_layer(cell, row[0].n_x, n_a, bidirectional=len(row) > 1)
        layers.append(lstm)
        parameters.append(
            {
                slot.prefix + name: p
                for slot, s in zip(lstm.slots, row, strict=True)
                for name, p in s.parameters.items()
            }
        )
        n_p = len(row[0].projection)
        Wy = np.zeros((n_p * len(row), n_a * len(row)), row[0].projection.dtype)
        for i, s in enumerate(row):  # each direction has its own
            Wy[i * n_p : (i + 1) * n_p, i * n_a : (i + 1) * n_a] = s.projection
        layers.append(Dense(n_a * len(row), n_p * len(row)))
        parameters.append({"Wy": Wy, "by": np.zeros((len(Wy), 1), Wy.dtype)})
    return chained(layers, parameters, where)


def chained(layers, parameters, where) -> Model:
    """Return a network and the parameters of its layers; refuse shapes that do not fit."""
    network = Network(layers)
    named = {
        f"{name}.{key}": np.ascontiguousarray(p)
        for name, own in zip(network.layers, parameters, strict=True)
        for key, p in own.items()
    }
    dtype = np.result_type(*named.values())
    for name, shape in network.shapes().items():
        if named[name].shape != shape:
            raise InteropError(
                f"{where} has {name} of the shape {named[name].shape}; expected {shape}."
            )
    return network, {name: p.astype(dtype, copy=False) for name, p in named.items()}


def full(tensor: np.ndarray) -> np.ndarray:
    """Return float16 as float32, others as they are."""
    return tensor.astype(np.float32) if tensor.dtype == np.float16 else tensor


def _dtypes(tensors: Mapping[Any, np.ndarray], where: str) -> list[str]:
    """Return a note about half precision; refuse integers."""
    for tensor in tensors.values():
        if tensor.dtype.kind != "f":
            raise InteropError(f"{where} has weights of {tensor.dtype}; expected floating point.")
        if not np.isfinite(tensor).all():
            raise InteropError(f"{where} has weights that are not finite.")
    half = any(t.dtype == np.float16 for t in tensors.values())
    return ["Its weights are float16 in the file, float32 here."] if half else []


def stepwise_module(
    tensors: Mapping[str, np.ndarray], name: str, widths: set[int]
) -> tuple[str, tuple[str, ...], Model, str] | None:
    """Return (prefix, names, model, note) of a linear layer or an embedding; None if it is none.

    Parameters
    ----------
    tensors : dict of str to ndarray
        The whole state dict.
    name : str
        Of a tensor that may be its weight.
    widths : set of int
        Features that the recurrent modules read.
    """
    match, W = _WEIGHT.fullmatch(name), full(tensors[name])
    if match is None or W.ndim != 2 or W.dtype.kind != "f" or not W.size:
        return None
    if not np.isfinite(W).all():
        return None
    mark, kind = match["mark"] or ".", match["kind"]
    prefix = match["prefix"] or ""
    bias_name = (f"{prefix}{mark}" if prefix else "") + ("b" if kind == "w" else "bias")
    b = tensors.get(bias_name)
    named = "emb" in name.lower()
    if b is not None:
        if b.shape != (len(W),) or b.dtype.kind != "f" or not np.isfinite(b).all():
            return None
        own = {"Wy": W, "by": full(b)[:, np.newaxis]}
        network = chained([Dense(W.shape[1], len(W))], [own], name)
        return prefix, (name, bias_name), network, ""
    if named or (W.shape[1] in widths and len(W) not in widths and len(W) > W.shape[1]):
        note = "" if named else f"Taken for an embedding: no bias, {W.shape[1]} columns."
        if kind in ("emb", "embedding"):
            prefix = name
        return prefix, (name,), chained([Embedding(*W.shape)], [{"We": W}], name), note
    own = {"Wy": W, "by": np.zeros((len(W), 1), W.dtype)}
    network = chained([Dense(W.shape[1], len(W))], [own], name)
    return prefix, (name,), network, "A linear layer without a bias, which is 0 here."
