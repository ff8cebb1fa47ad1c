"""to_keras: a network as a file of Keras 3, .keras or .weights.h5."""

import io
import json
import os
import zipfile
from typing import Any

import numpy as np

from .. import extras
from ..equations import Cell
from ..equations.nonlinearities import nonlinearity, read_name, read_number
from ..equations.variants import parts_of
from ..errors import InteropError, operation
from ..layers import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    Merge,
    Pool,
    Repeat,
    Reverse,
    Unflatten,
)
from ..layers.recurrent import Recurrent
from .conventions import to_blocks
from .imported import Imported
from .keras_files import by_class
from .writing import imported_of, put, save

__all__ = ["to_keras", "write"]

_VERSION = "3.0.0"  # of Keras, whose files these are
_DATE = (1980, 1, 1, 0, 0, 0)  # so that the same network gives the same bytes
_HARD_SIGMOID = nonlinearity("hard_sigmoid", 1 / 6, 0.5).name  # of Keras 3
_MERGES = {"sum": "sum", "mean": "ave", "product": "mul"}
_PLAIN = ("tanh", "sigmoid", "relu", "elu", "softplus", "softsign", "linear", "softmax")

Row = tuple[str, dict[str, Any], dict[str, list[np.ndarray]]]  # class, config, path -> arrays


@operation
def to_keras(model: Any, path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Write a network as a file of Keras 3.

    Parameters
    ----------
    model : Imported, fitted model, or pair of Network and dict of str to ndarray
    path : str or path-like
        .keras, or .weights.h5 for ``model.load_weights``.

    Returns
    -------
    tuple of str
        Sentences about what stays behind.

    Raises
    ------
    InteropError
        Keras has no such layer, or the file cannot be written.
    """
    if not os.fspath(path).lower().endswith((".keras", ".weights.h5")):
        raise InteropError(f"{path} has another ending; expected .keras or .weights.h5.")
    return save(model, path)


def write(imported: Any, path: str) -> tuple[str, ...]:
    """Write a file; called by `save`."""
    imported = imported_of(imported)
    rows = _rows(imported)
    image = _weights(rows)
    if path.lower().endswith(".weights.h5"):
        put(path, image)
    else:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, data in (
                ("metadata.json", json.dumps({"keras_version": _VERSION})),
                ("config.json", json.dumps(_config(rows, imported))),
                ("model.weights.h5", image),
            ):
                archive.writestr(zipfile.ZipInfo(name, _DATE), data)
        put(path, stream.getvalue())
    notes = []
    layers = imported.network.layers.values()
    if any(_slope(layer.cell) != 1 for layer in layers if isinstance(layer, Recurrent)):
        notes.append("Weights of gates are scaled: hard_sigmoid has the slope 1/6 in Keras 3.")
    if imported.fitted is not None:
        notes.append(
            "Scaling, tokens and labels stay in the model of bptt: Keras has the network alone."
        )
    return tuple(notes)


def _rows(imported: Imported) -> list[Row]:
    """Return Keras' layers: class, configuration, and arrays by the place of their group."""
    network, parameters = imported
    rows: list[Row] = []
    names = list(network.layers)
    if any(k not in network.shapes() for k in parameters if k.endswith((".a0", ".c0"))):
        raise InteropError("the initial state is learned; expected zeros, as in Keras.")
    backwards = False
    for name in names:
        layer = network.layers[name]
        own = {k: parameters[f"{name}.{k}"] for k in layer.shapes()}
        if isinstance(layer, Reverse):
            backwards = True
        elif isinstance(layer, Recurrent):
            rows += _recurrent(name, layer, own, backwards)
            backwards = False
        elif backwards:
            raise InteropError(f"{name} follows Reverse; expected a recurrent layer.")
        elif isinstance(layer, Pool) and layer.pooling == "last":
            if not rows or not rows[-1][1].get("return_sequences"):
                raise InteropError(f"{name} pools the last step; expected a recurrent layer below.")
            rows[-1][1]["return_sequences"] = False
            for inner in _inside(rows[-1]):
                inner["return_sequences"] = False
        elif isinstance(layer, Merge):
            if not rows or rows[-1][0] != "Bidirectional":
                raise InteropError(f"{name} merges halves; expected a bidirectional layer below.")
            rows[-1][1]["merge_mode"] = _MERGES[layer.how]
        else:
            rows.append(_plain(name, layer, own, imported))
    if backwards:
        raise InteropError("the last layer is Reverse; expected a recurrent layer above it.")
    if (mask := imported.mask) is not None and mask.kind == "value":
        rows.insert(0, ("Masking", {"name": "masking", "mask_value": mask.value}, {}))
    for row in rows:
        if row[0] == "Bidirectional":
            del row[1]["return_sequences"]
    return rows


def _inside(row: Row) -> list[dict[str, Any]]:
    """Return the configurations of the layers of a Bidirectional."""
    return [row[1][k]["config"] for k in ("layer", "backward_layer") if k in row[1]]


def _recurrent(name: str, layer: Recurrent, own: Any, backwards: bool) -> list[Row]:
    """Return a row for each layer of a recurrent one."""
    family, *activations = layer.cell.name.split("__")
    kinds = {"lstm": "LSTM", "gru": "GRU", "gru_reset_after": "GRU", "rnn": "SimpleRNN"}
    if family == "rnn_relu":
        family, activations = "rnn", ["relu"]
    if family not in kinds or (backwards and (layer.bidirectional or layer.n_layers > 1)):
        raise InteropError(f"{name} is {layer.cell.name}; expected a cell that Keras has.")
    default: dict[str, tuple[str, ...]] = {
        "LSTM": ("sigmoid", "tanh", "tanh"),
        "GRU": ("sigmoid", "tanh"),
    }
    used: tuple[str, ...] = tuple(activations) or default.get(kinds[family], ("tanh",))
    if kinds[family] == "LSTM" and (len(used) != 3 or len(set(used[1:])) != 1):
        raise InteropError(f"{name} has the activations {used}; expected two, as in Keras.")
    rows: list[Row] = []
    slope = _slope(layer.cell)
    for k in range(layer.n_layers):
        title = f"{name}_{k}" if layer.n_layers > 1 else name
        config = {
            "name": title,
            "units": layer.n_a,
            "return_sequences": True,
            "activation": _activation([*used][-1], name),
            "go_backwards": backwards,
        }
        if len(used) > 1:
            gates = used[0] if slope == 1 else _HARD_SIGMOID
            config["recurrent_activation"] = _activation(gates, name)
        if kinds[family] == "GRU":
            config["reset_after"] = family == "gru_reset_after"
        groups = []
        for slot in (s for s in layer.slots if s.layer == k):
            part = {key: own[slot.prefix + key] for key in layer.cell.parameters}
            if slope != 1:
                part |= {key: part[key] * part[key].dtype.type(slope) for key in _gates(layer.cell)}
            W, U, b, b2 = to_blocks(layer.cell, part, "keras")
            assert b is not None
            groups.append([W, U, b if b2 is None else np.stack([b, b2])])
        if not layer.bidirectional:
            rows.append((kinds[family], config, {"cell": groups[0]}))
            continue
        sides = {}
        for key, side in (("layer", "forward"), ("backward_layer", "backward")):
            inner = config | {"name": f"{side}_{title}", "go_backwards": side == "backward"}
            sides[key] = {"module": "keras.layers", "class_name": kinds[family], "config": inner}
        whole = {"name": title, "merge_mode": "concat", "return_sequences": True, **sides}
        cells = {f"{s}_layer/cell": g for s, g in zip(("forward", "backward"), groups, strict=True)}
        rows.append(("Bidirectional", whole, cells))
    return rows


def _gates(cell: Cell) -> list[str]:
    """Return the parameters of a cell's gates, without those of its candidate."""
    return [key for key in cell.parameters if key[0] in "Wb" and not key[1:].startswith(("a", "c"))]


def _slope(cell: Cell) -> float:
    """Return the slope of the gates' hard_sigmoid (0.2 in Keras 1 and 2) divided by Keras 3's, 1/6.

    1 for other gates.
    """
    _, activations, _ = parts_of(cell) or ("", ("",), None)
    if len(activations) > 1 and activations[0].startswith("hard_sigmoid"):
        alpha, beta = read_name(activations[0])[1]
        if alpha > 0 and beta == 0.5:
            return 6 * alpha
    return 1.0


def _activation(name: str, layer: str) -> str:
    """Return Keras' name of an activation."""
    if name in _PLAIN:
        return name
    if name == _HARD_SIGMOID:
        return "hard_sigmoid"
    raise InteropError(
        f"{layer} has the activation {name}; expected one of {', '.join(_PLAIN)}, as in Keras 3."
    )


def _plain(name: str, layer: Layer, own: Any, imported: Imported) -> Row:
    """Return the row of a layer that is not recurrent."""
    config: dict[str, Any] = {"name": name}
    match layer:
        case Embedding():
            masked = imported.mask is not None and imported.mask.kind == "id"
            config |= {"input_dim": layer.n_in, "output_dim": layer.n_out, "mask_zero": masked}
            return "Embedding", config, {"": [own["We"]]}
        case Dense():
            arrays = [np.ascontiguousarray(own["Wy"].T), own["by"][:, 0]]
            return "Dense", config | {"units": layer.n_out}, {"": arrays}
        case BatchNorm() | LayerNorm():
            kind = "BatchNormalization" if isinstance(layer, BatchNorm) else "LayerNormalization"
            arrays = [p[:, 0] for p in own.values()]
            return kind, config | {"axis": -1, "epsilon": layer.epsilon}, {"": arrays}
        case Dropout():
            return "Dropout", config | {"rate": layer.rate}, {}
        case Activation() if layer.activation.startswith("leaky_relu"):
            slope = read_number((layer.activation + "_0p01").split("_")[2])
            return "LeakyReLU", config | {"negative_slope": slope}, {}
        case Activation():
            return "Activation", config | {"activation": _activation(layer.activation, name)}, {}
        case Flatten():
            return "Flatten", config, {}
        case Unflatten():
            return "Reshape", config | {"target_shape": [layer.steps, layer.n_out]}, {}
        case Repeat():
            return "RepeatVector", config | {"n": layer.times}, {}
        case Pool():
            kind = {"mean": "GlobalAveragePooling1D", "max": "GlobalMaxPooling1D"}[layer.pooling]
            return kind, config, {}
    raise InteropError(f"{name} is {layer!r}; expected a layer that Keras has.")


def _config(rows: list[Row], imported: Imported) -> dict[str, Any]:
    """Return config.json."""
    network = imported.network
    first = next(iter(network.layers.values()))
    shape: list[int | None] = [None, None] if first.is_table else [None, None, first.n_in]
    flattened = next((x for x in network.layers.values() if isinstance(x, Flatten)), None)
    if isinstance(first, Unflatten):
        shape = [None, first.n_in]
    elif flattened is not None and not any(x.expands for x in network.layers.values()):
        shape[1] = flattened.steps
    layers = [{"module": "keras.layers", "class_name": "InputLayer",
               "config": {"batch_shape": shape, "dtype": "float32", "name": "input"}}]  # fmt: skip
    layers += [{"module": "keras.layers", "class_name": k, "config": c} for k, c, _ in rows]
    return {"module": "keras", "class_name": "Sequential",
            "config": {"name": "sequential", "layers": layers}}  # fmt: skip


def _weights(rows: list[Row]) -> bytes:
    """Return the bytes of model.weights.h5."""
    h5py = extras.load("h5py", "interop", "to read and write files of Keras")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_group("vars")
        for (_, config, groups), key in zip(rows, by_class([r[0] for r in rows]), strict=True):
            top = file.create_group(f"layers/{key}/vars")
            top.attrs["name"] = config["name"]
            for place, arrays in groups.items():
                own = file.require_group(f"layers/{key}/{place}/vars" if place else top.name)
                for i, array in enumerate(arrays):
                    own.create_dataset(str(i), data=array)
    return stream.getvalue()
