"""The layers of a network as Keras 3 has them: class, configuration and arrays."""

from typing import Any

import numpy as np

from ..equations import Cell
from ..equations.nonlinearities import nonlinearity, read_name, read_number
from ..equations.variants import parts_of
from ..errors import InteropError
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
    Windows,
)
from ..layers.recurrent import Recurrent
from .conventions import to_blocks
from .imported import Imported
from .running import gives_one_step

__all__ = ["Row", "rows_of", "slope_of"]

_HARD_SIGMOID = nonlinearity("hard_sigmoid", 1 / 6, 0.5).name  # of Keras 3
_NAMES = {_HARD_SIGMOID: "hard_sigmoid", nonlinearity("leaky_relu", 0.2).name: "leaky_relu"}
_MERGES = {"sum": "sum", "mean": "ave", "product": "mul"}
_KINDS = {"lstm": "LSTM", "gru": "GRU", "gru_reset_after": "GRU", "rnn": "SimpleRNN"}
_STEPWISE = (
    "Dense", "Dropout", "Activation", "LeakyReLU", "ELU", "BatchNormalization",
    "LayerNormalization",
)  # fmt: skip
_PLAIN = ("tanh", "sigmoid", "relu", "elu", "softplus", "softsign", "linear", "softmax")

Row = tuple[str, dict[str, Any], dict[str, list[np.ndarray]]]  # class, config, path -> arrays


def rows_of(imported: Imported) -> list[Row]:
    """Return Keras' layers: class, configuration, and arrays by the place of their group."""
    network, parameters = imported
    rows: list[Row] = []
    learned = [k for k in network.shapes() if k.endswith((".a0", ".c0"))]
    if learned or imported.initial_state is not None:
        raise InteropError("the initial state is learned; expected zeros, as in Keras.")
    above: Layer | None = None  # of which the next layer is the other part
    for name, layer in network.layers.items():
        own = {k: parameters[f"{name}.{k}"] for k in layer.shapes()}
        if isinstance(above, Reverse) and not isinstance(layer, Recurrent):
            raise InteropError(f"{name} follows Reverse; expected a recurrent layer.")
        if isinstance(layer, (Reverse, Windows)) and not isinstance(above, Windows):
            above = layer
            continue
        if isinstance(above, Windows):
            rows.append(_windowed(name, above, layer, own))
        elif isinstance(layer, Recurrent):
            rows += _recurrent(name, layer, own, isinstance(above, Reverse))
        elif isinstance(layer, Pool) and layer.pooling == "last":
            _take_last(name, layer, rows)
        elif isinstance(layer, Merge):
            if not rows or rows[-1][0] != "Bidirectional" or layer.parts != 2:
                raise InteropError(f"{name} merges halves; expected a bidirectional layer below.")
            if layer.how not in _MERGES:
                raise InteropError(f"{name} merges by {layer.how}; expected {', '.join(_MERGES)}.")
            rows[-1][1]["merge_mode"] = _MERGES[layer.how]
        else:
            rows.append(_plain(name, layer, own, imported))
        above = None
    if above is not None:
        raise InteropError(f"the last layer is {above}; expected the layer that it belongs to.")
    if (mask := imported.mask) is not None and mask.kind == "value":
        rows.insert(0, ("Masking", {"name": "masking", "mask_value": mask.value}, {}))
    for row in rows:
        if row[0] == "Bidirectional":
            del row[1]["return_sequences"]
        elif row[0] in _KINDS.values() and mask is not None and mask.zero_output:
            row[1]["zero_output_for_mask"] = True
    return rows


def _take_last(name: str, layer: Pool, rows: list[Row]) -> None:
    """Let the recurrent layer below return its last step alone.

    A layer between them maps every step on its own, so that it maps the last one too.
    """
    i = len(rows) - 1
    while i > 0 and rows[i][0] in _STEPWISE:
        i -= 1
    between = {row[0] for row in rows[i + 1 :]}
    kind, config, _ = rows[i] if rows else ("", {}, {})
    mixed = layer.bidirectional and between - {"Dropout"}  # the two directions end apart
    if not config.get("return_sequences") or mixed:
        raise InteropError(f"{name} pools the last step; expected a recurrent layer below.")
    if layer.bidirectional != (kind == "Bidirectional"):
        raise InteropError(
            f"{name} is {layer}, above {config['name']}, a {kind}; expected the last step of each "
            f"direction, Pool({layer.n_in}, 'last', bidirectional={kind == 'Bidirectional'})."
        )
    for inner in (config, *_inside(rows[i])):
        inner["return_sequences"] = False


def _windowed(name: str, windows: Windows, layer: Layer, own: Any) -> Row:
    """Return the row of `Windows` and the layer above it: a convolution or a pool over time."""
    config: dict[str, Any] = {"name": name, "strides": [windows.stride], "padding": windows.padding}
    if isinstance(layer, Dense):
        if windows.stride > 1 and windows.dilation > 1:
            raise InteropError(
                f"{name} is above {windows!r}; expected stride or dilation 1, as in Keras."
            )
        kernel = own["Wy"].T.reshape(windows.size, windows.n_in, layer.n_out)
        config |= {
            "filters": layer.n_out,
            "kernel_size": [windows.size],
            "dilation_rate": [windows.dilation],
        }
        return "Conv1D", config, {"": [np.ascontiguousarray(kernel), own["by"][:, 0]]}
    kinds = {"mean": "AveragePooling1D", "max": "MaxPooling1D"}
    whole = isinstance(layer, Merge) and layer.parts == windows.size and layer.how in kinds
    if not whole or windows.dilation > 1 or windows.padding != "valid":
        raise InteropError(
            f"{name} is {layer!r} above {windows!r}; expected a Dense layer (a convolution), or "
            f"Merge of the steps of valid windows without dilation (a pool)."
        )
    return kinds[layer.how], config | {"pool_size": [windows.size]}, {}  # type: ignore[union-attr]


def _inside(row: Row) -> list[dict[str, Any]]:
    """Return the configurations of the layers of a Bidirectional."""
    return [row[1][k]["config"] for k in ("layer", "backward_layer") if k in row[1]]


def _recurrent(name: str, layer: Recurrent, own: Any, backwards: bool) -> list[Row]:
    """Return a row for each layer of a recurrent one."""
    family, *activations = layer.cell.name.split("__")
    if family == "rnn_relu":
        family, activations = "rnn", ["relu"]
    if family not in _KINDS or (backwards and (layer.bidirectional or layer.n_layers > 1)):
        raise InteropError(f"{name} is {layer.cell.name}; expected a cell that Keras has.")
    default: dict[str, tuple[str, ...]] = {
        "LSTM": ("sigmoid", "tanh", "tanh"),
        "GRU": ("sigmoid", "tanh"),
    }
    used: tuple[str, ...] = tuple(activations) or default.get(_KINDS[family], ("tanh",))
    if _KINDS[family] == "LSTM" and (len(used) != 3 or len(set(used[1:])) != 1):
        raise InteropError(f"{name} has the activations {used}; expected two, as in Keras.")
    rows: list[Row] = []
    slope = slope_of(layer.cell)
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
        if _KINDS[family] == "GRU":
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
            rows.append((_KINDS[family], config, {"cell": groups[0]}))
            continue
        sides = {}
        for key, side in (("layer", "forward"), ("backward_layer", "backward")):
            inner = config | {"name": f"{side}_{title}", "go_backwards": side == "backward"}
            sides[key] = {"module": "keras.layers", "class_name": _KINDS[family], "config": inner}
        whole = {"name": title, "merge_mode": "concat", "return_sequences": True, **sides}
        cells = {f"{s}_layer/cell": g for s, g in zip(("forward", "backward"), groups, strict=True)}
        rows.append(("Bidirectional", whole, cells))
    return rows


def _gates(cell: Cell) -> list[str]:
    """Return the parameters of a cell's gates, without those of its candidate."""
    return [key for key in cell.parameters if key[0] in "Wb" and not key[1:].startswith(("a", "c"))]


def slope_of(cell: Cell) -> float:
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
    if name in _NAMES:
        return _NAMES[name]
    raise InteropError(
        f"{layer} has the activation {name}; expected one of "
        f"{', '.join((*_PLAIN, *_NAMES))}, as in Keras 3."
    )


def _plain(name: str, layer: Layer, own: Any, imported: Imported) -> Row:
    """Return the row of a layer that is not recurrent."""
    config: dict[str, Any] = {"name": name}
    network = imported.network
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
        case Activation() if layer.activation.startswith("linear_"):
            scale, offset = read_name(layer.activation)[1]
            return "Rescaling", config | {"scale": scale, "offset": offset}, {}
        case Activation() if layer.activation.startswith("leaky_relu"):
            slope = read_number((layer.activation + "_0p01").split("_")[2])
            return "LeakyReLU", config | {"negative_slope": slope}, {}
        case Activation() if layer.activation.startswith("elu_"):
            return "ELU", config | {"alpha": read_name(layer.activation)[1][0]}, {}
        case Activation():
            return "Activation", config | {"activation": _activation(layer.activation, name)}, {}
        case Flatten():
            return "Flatten", config, {}
        case Unflatten():
            return "Reshape", config | {"target_shape": [layer.steps, layer.n_out]}, {}
        case Repeat():
            below = list(network.layers.values())[: list(network.layers).index(name)]
            if gives_one_step(below):
                return "RepeatVector", config | {"n": layer.times}, {}
            return "UpSampling1D", config | {"size": layer.times}, {}
        case Pool():
            kind = {"mean": "GlobalAveragePooling1D", "max": "GlobalMaxPooling1D"}[layer.pooling]
            return kind, config, {}
    raise InteropError(f"{name} is {layer!r}; expected a layer that Keras has.")
