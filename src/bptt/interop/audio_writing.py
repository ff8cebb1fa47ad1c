"""to_nam and to_rtneural: networks for the plug-ins of guitarists."""

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InteropError, operation
from ..layers import Activation, Dense, Dropout, Recurrent
from .conventions import to_blocks
from .imported import Imported
from .residual import ResidualNetwork
from .writing import imported_of, put, save

__all__ = ["to_nam", "to_rtneural", "write"]

RESIDUAL = True  # writes a `ResidualNetwork`


@operation
def to_nam(
    model: Any, path: str | os.PathLike[str] | None = None, *, sample_rate: float | None = None
) -> dict[str, Any]:
    """Convert a network to a .nam model of Neural Amp Modeler (architecture LSTM, version 0.5.4).

    Parameters
    ----------
    model : fitted model, Imported, or pair of Network and dict of str to ndarray
        LSTM layers of one size and a `Dense` layer; initial states may be learned.
    path : str or path-like, optional
        .nam.
    sample_rate : float (Hz), optional
        For which the model was trained.

    Returns
    -------
    dict
        The content of the file.

    Raises
    ------
    InteropError
        NAM has no such network, or the file cannot be written.
    """
    imported = imported_of(model)
    if path is not None:
        save(imported, path, sample_rate=sample_rate)
    return _nam(imported, sample_rate)


@operation
def to_rtneural(model: Any, path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Convert a network to the JSON of RTNeural; with a skip connection, that of AIDA-X.

    Parameters
    ----------
    model : fitted model, Imported, or pair of Network and dict of str to ndarray
        LSTM, GRU (``cell="gru_reset_after"``), `Dense` and `Activation` layers in one direction.
    path : str or path-like, optional
        .json or .aidax.

    Returns
    -------
    dict
        The content of the file.

    Raises
    ------
    InteropError
        RTNeural has no such layer, or the file cannot be written.
    """
    imported = imported_of(model)
    if path is not None:
        save(imported, path)
    return _rtneural(imported)[0]


def write(imported: Imported, path: str, *, sample_rate: float | None = None) -> tuple[str, ...]:
    """Write a file; called by `interop.save`."""
    if path.lower().endswith(".nam"):
        content, notes = _nam(imported, sample_rate), ()
    else:
        content, notes = _rtneural(imported)
    put(path, json.dumps(content, allow_nan=False).encode())
    return notes


def _numbers(values: np.ndarray) -> Any:
    """Return nested lists of the shortest decimals that read back to the same float32."""
    values = np.asarray(values, np.float32)
    if values.ndim > 1:
        return [_numbers(row) for row in values]
    return [float(f"{v:.9g}") for v in values.tolist()]


def _nam(imported: Imported, sample_rate: float | None) -> dict[str, Any]:
    network, parameters = imported.network, imported.parameters
    layers = [(n, layer) for n, layer in network.layers.items() if not isinstance(layer, Dropout)]
    (_, first), (last, head) = layers[0], layers[-1]
    fits = isinstance(head, Dense) and not isinstance(network, ResidualNetwork)
    for _, layer in layers[:-1]:
        is_lstm = isinstance(layer, Recurrent) and layer.cell.name == "lstm"
        fits = fits and is_lstm and layer.n_out == first.n_out == getattr(layer, "n_a", 0)
    if not fits or len(layers) < 2:
        raise InteropError(
            f"the network is {network!r}; expected LSTM layers of one size and one direction, and "
            f"a Dense layer: NAM has no other recurrent network."
        )
    flat: list[np.ndarray] = []
    n_layers = 0
    for name, layer in layers[:-1]:
        assert isinstance(layer, Recurrent)
        zero = np.zeros((len(layer.slots), layer.n_a), np.float32)
        states = [parameters.get(f"{name}.{key}", zero) for key in ("a0", "c0")]
        for k, slot in enumerate(layer.slots):
            own = {key: parameters[f"{name}.{slot.prefix}{key}"] for key in slot.check.shapes}
            W, U, b, _ = to_blocks("lstm", own, "nam")
            flat += [np.concatenate([W, U], axis=1), b, *(s[k] for s in states)]
        n_layers += layer.n_layers
    flat += [parameters[f"{last}.Wy"], parameters[f"{last}.by"]]
    config = {"input_size": network.n_in, "hidden_size": first.n_out, "num_layers": n_layers}
    if head.n_out > 1:
        config["out_channels"] = head.n_out
    content: dict[str, Any] = {
        "version": "0.5.4",
        "architecture": "LSTM",
        "config": config,
        "weights": _numbers(np.concatenate([np.ravel(a) for a in flat])),
    }
    rate = sample_rate or imported.metadata.get("sample_rate")
    return content | ({"sample_rate": rate} if rate else {})


def _rtneural(imported: Imported) -> tuple[dict[str, Any], tuple[str, ...]]:
    network, parameters = imported.network, imported.parameters
    entries: list[dict[str, Any]] = []
    notes = []
    for name, layer in network.layers.items():
        if isinstance(layer, Recurrent):
            entries += _recurrent(name, layer, parameters)
            if any(f"{name}.{key}" in parameters for key in layer.initial_shapes()):
                notes.append(f"The initial state of {name} stays behind: RTNeural begins at 0.")
        elif isinstance(layer, Dense):
            W, b = parameters[f"{name}.Wy"].T, parameters[f"{name}.by"][:, 0]
            entries.append(_entry("dense", layer.n_out, _numbers(W), _numbers(b)))
        elif isinstance(layer, Activation) and entries and entries[-1]["type"] == "dense":
            if layer.activation not in ("tanh", "relu", "sigmoid", "softmax", "elu_1p0", "elu"):
                raise InteropError(f"{name} is {layer!r}; expected tanh, relu, sigmoid or elu.")
            entries[-1]["activation"] = layer.activation.partition("_")[0]
        elif not isinstance(layer, Dropout):
            raise InteropError(
                f"{name} is {layer!r}; expected LSTM, GRU, Dense, and an Activation above Dense."
            )
    content: dict[str, Any] = {"in_shape": [None, None, network.n_in], "layers": entries}
    if isinstance(network, ResidualNetwork):
        if network.n_skip != 1 or network.gain != 1:
            raise InteropError(f"the network is {network!r}; expected n_skip = 1 and gain = 1.")
        content |= {"in_skip": 1, "in_gain": 0, "out_gain": 0}
        notes.append("in_skip is read by AIDA-X; RTNeural itself does not add the input.")
    rate = imported.metadata.get("sample_rate")
    return content | ({"samplerate": rate} if rate else {}), tuple(notes)


def _recurrent(
    name: str, layer: Recurrent, parameters: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    kinds = {"lstm": "lstm", "gru_reset_after": "gru"}
    if layer.cell.name not in kinds or layer.bidirectional:
        raise InteropError(
            f"{name} is {layer!r}; expected lstm or gru_reset_after in one direction, which "
            f"RTNeural has."
        )
    entries = []
    for slot in layer.slots:
        own = {key: parameters[f"{name}.{slot.prefix}{key}"] for key in slot.check.shapes}
        W, U, *biases = to_blocks(layer.cell, own, "rtneural")
        bias = np.stack([b for b in biases if b is not None])
        weights = (_numbers(W), _numbers(U), _numbers(bias if len(bias) > 1 else bias[0]))
        entries.append(_entry(kinds[layer.cell.name], layer.n_a, *weights))
    return entries


def _entry(kind: str, n_out: int, *weights: Any) -> dict[str, Any]:
    activation = "" if kind == "dense" else "tanh"
    shape = [None, None, n_out]
    return {"type": kind, "activation": activation, "shape": shape, "weights": list(weights)}
