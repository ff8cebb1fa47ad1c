"""Make bptt's layers of those of Keras: a row of `_BUILDERS` for each class.

Dimensions are those behind the batch's: (T, n) for sequences, (n,) for one step of each sequence,
(T,) for tokens; None where the file does not say. Keys of a configuration that change nothing in
the computation are ignored; a layer that bptt does not have is refused by its name.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..equations.nonlinearities import nonlinearity
from ..errors import BpttError, InteropError
from ..layers import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    LayerNorm,
)
from ..safe_files import printable
from . import keras_weights
from .imported import Mask
from .keras_building import (
    Building,
    UnknownLayer,
    activate,
    activation_name,
    number,
    refuse,
    shown,
)
from .keras_config import KerasLayer, layer_of
from .keras_rearranging import add_flatten, add_repeat, add_reshape, add_upsampling
from .keras_recurrent import RECURRENT, add_recurrent
from .keras_windows import add_convolution, add_global_pool, add_pool

__all__ = ["KINDS", "add"]

Arrays = Sequence[np.ndarray]


def add(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add a layer of Keras to a network.

    Raises
    ------
    UnknownLayer
    InteropError
        Its arrays or its configuration do not fit.
    """
    if layer.kind == "RNN":
        layer = _of_cell(layer)
    build = _BUILDERS.get(layer.kind)
    if build is None and layer.kind in _MODELS:
        raise UnknownLayer(
            f"{b.where}: {shown(layer)} is a model in the model; expected one chain: "
            f"keras.Sequential([*inner.layers, ...]) has the same weights."
        )
    if build is None:
        raise UnknownLayer(
            f"{b.where}: {shown(layer)} is a layer that bptt does not have; expected one of "
            f"{', '.join(_BUILDERS)}."
        )
    try:
        b.take_shape(layer)
        build(b, layer, arrays)
    except InteropError:
        raise
    except (BpttError, ValueError, TypeError, LookupError, OverflowError) as error:
        raise InteropError(
            f"{b.where}: {shown(layer)} cannot be read: {printable(error, 200)}"
        ) from error


def _of_cell(layer: KerasLayer) -> KerasLayer:
    """Return the layer that RNN(LSTMCell(...)) is."""
    cell = layer.config.get("cell")
    kind = cell.get("class_name") if isinstance(cell, dict) else None
    own = cell.get("config") if isinstance(cell, dict) else None
    if kind not in ("LSTMCell", "GRUCell", "SimpleRNNCell") or not isinstance(own, dict):
        return layer
    return layer._replace(kind=kind.removesuffix("Cell"), config={**own, **layer.config})


# Layers with weights


def _embedding(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    if b.dims is not None and len(b.dims) != 1:
        raise InteropError(
            f"{b.where}: {shown(layer)} takes {len(b.dims)} dimensions; expected 1, a token a step."
        )
    arrays = keras_weights.checked(arrays, [1], shown(layer))
    table = keras_weights.embedding(arrays, shown(layer))
    if layer.config.get("mask_zero"):
        _first_only(b, layer)
        b.mask, b.masked = Mask("id", 0), True
    elif b.dims and b.dims[0] and not b.layers:
        b.maxlen = b.dims[0]
        b.notes.append(
            f"It takes sequences of {b.maxlen} tokens and has no mask, so that padding counts: pad "
            f"as in training, on the left unless that was changed (interop.pad_sequences)."
        )
    b.put(layer.name, Embedding(*table["We"].shape), table)
    steps = b.dims[0] if b.dims else None
    b.dims = (steps, table["We"].shape[1])


def _masking(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    _first_only(b, layer)
    b.mask, b.masked = Mask("value", float(number(layer, "mask_value", default=0.0))), True


def _first_only(b: Building, layer: KerasLayer) -> None:
    if any(not isinstance(one, Dropout) for one in b.layers.values()) or b.mask is not None:
        raise InteropError(
            f"{b.where}: {shown(layer)} makes a mask behind other layers; expected it at the input."
        )


def _dense(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    arrays = keras_weights.checked(arrays, [1, 2], f"{b.where}: {shown(layer)}")
    own = keras_weights.stepwise(arrays, f"{b.where}: {shown(layer)}")
    n_y, n_x = own["Wy"].shape
    b.features(layer, n_x)
    b.put(layer.name, Dense(n_x, n_y), own)
    activate(b, layer, layer.config.get("activation"), n_y)
    b.dims = None if b.dims is None else (*b.dims[:-1], n_y)


def _normalization(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    batch = layer.kind == "BatchNormalization"
    given = [n for n, k in (("gamma", "scale"), ("beta", "center")) if layer.config.get(k, True)]
    names = ["gamma", "beta"] + ["mean", "variance"] * batch
    given += ["mean", "variance"] * batch
    axis = layer.config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    last = -1 if b.dims is None else len(b.dims)
    if axis not in (-1, last) or layer.config.get("rms_scaling") or layer.config.get("mode"):
        raise InteropError(
            f"{b.where}: {shown(layer)} normalizes along axis {printable(axis, 20)}; expected the "
            f"features, the last axis."
        )
    arrays = keras_weights.checked(arrays, [len(given)], f"{b.where}: {shown(layer)}")
    if not arrays:
        n = b.features(layer)
        own = {"gamma": np.ones((n, 1), np.float32), "beta": np.zeros((n, 1), np.float32)}
    else:
        own = keras_weights.normalization(arrays, names, given, f"{b.where}: {shown(layer)}")
    n = b.features(layer, len(own["gamma"]))
    epsilon = float(number(layer, "epsilon", default=1e-3))
    b.put(layer.name, (BatchNorm if batch else LayerNorm)(n, epsilon=epsilon), own)


def _standardization(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add a Normalization: (x - mean) / max(sqrt(variance), 1e-7), from arrays or as configured."""
    refuse(b, layer, "invert")
    where = f"{b.where}: {shown(layer)}"
    axis = layer.config.get("axis", -1)
    if axis not in (-1, [-1], len(b.dims or ()), [len(b.dims or ())]):
        raise InteropError(f"{where} has axis {printable(axis, 20)}; expected the last.")
    given = [layer.config.get("mean"), layer.config.get("variance")]
    if not arrays and None not in given:
        arrays = [np.asarray(v, np.float32).reshape(-1) for v in given]
    mean, variance = keras_weights.checked(arrays[:2], [2], where)  # the third is a count
    size = max(mean.size, variance.size)
    n = b.features(layer, None if size == 1 and b.dims else size)  # one number for all features
    own = {"mean": mean, "variance": np.maximum(variance, 1e-14)}
    own = {k: np.broadcast_to(p.reshape(-1, 1), (n, 1)).copy() for k, p in own.items()}
    one = np.ones((n, 1), mean.dtype)
    own |= {"gamma": one, "beta": 0 * one}
    b.put(layer.name, BatchNorm(n, epsilon=0.0), own)


# Layers without weights


def _nothing(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add nothing: the layer is the identity at inference."""


def _dropout(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    n = b.dims[-1] if b.dims else None
    if n is not None and b.layers:  # below the first layer they may be tokens
        b.put(layer.name, Dropout(n, float(number(layer, "rate", "p", default=0.0))))


def _time_distributed(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    inner = layer_of(layer.config.get("layer"), b.where)
    if inner.kind not in _STEPWISE:
        raise InteropError(
            f"{b.where}: {shown(layer)} has {shown(inner)} inside; expected one of "
            f"{', '.join(_STEPWISE)}."
        )
    _BUILDERS[inner.kind](b, inner._replace(name=layer.name), arrays)


def _activation(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    name = activation_name(layer.config.get("activation"), b.version, f"{b.where}: {shown(layer)}")
    if name != "linear":
        b.put(layer.name, Activation(b.features(layer), name))


def _rescaling(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add a Rescaling: scale x + offset, each one number or one for each feature."""
    scale, offset = layer.config.get("scale"), layer.config.get("offset", 0.0)
    if isinstance(scale, list) or isinstance(offset, list):
        n = b.features(layer)
        scale, offset = (
            np.broadcast_to(np.asarray(v, np.float32).reshape(-1), n) for v in (scale, offset)
        )
        scale, offset = keras_weights.checked([scale, offset], [2], f"{b.where}: {shown(layer)}")
        own = {"gamma": scale, "beta": offset, "mean": 0 * scale, "variance": 0 * scale + 1}
        own = {k: p[:, np.newaxis].copy() for k, p in own.items()}
        b.put(layer.name, BatchNorm(n, epsilon=0.0), own)
        return
    name = nonlinearity("linear", number(layer, "scale"), number(layer, "offset", default=0.0)).name
    b.put(layer.name, Activation(b.features(layer), name))


def _parametric(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add an activation that is a layer with a number."""
    if layer.kind == "LeakyReLU":
        name = nonlinearity(
            "leaky_relu", number(layer, "negative_slope", "alpha", default=0.3)
        ).name
    elif layer.kind == "ELU":
        name = nonlinearity("elu", number(layer, "alpha", default=1.0)).name
    elif layer.kind == "ThresholdedReLU":
        name = nonlinearity("thresholded_relu", number(layer, "theta", default=1.0)).name
    elif layer.kind == "Softmax":
        axis = layer.config.get("axis", -1)
        if axis not in (-1, len(b.dims) if b.dims else -1):
            raise InteropError(f"{b.where}: {shown(layer)} has axis {axis}; expected the last.")
        name = "softmax"
    else:
        slope = number(layer, "negative_slope", default=0.0)
        if layer.config.get("max_value") is not None or number(layer, "threshold", default=0.0):
            raise InteropError(f"{b.where}: {shown(layer)} has a maximum; expected a plain one.")
        name = nonlinearity("leaky_relu", slope).name if slope else "relu"
    b.put(layer.name, Activation(b.features(layer), name))


_PARAMETRIC = ("ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "Softmax")
_MODELS = ("Sequential", "Functional", "Model")
_IDENTITIES = (
    "InputLayer", "Identity", "SpatialDropout1D", "GaussianNoise", "GaussianDropout",
    "AlphaDropout", "ActivityRegularization",
)  # fmt: skip
_NORMALIZATIONS = ("BatchNormalization", "LayerNormalization")
_STEPWISE = ("Dense", "Activation", "Dropout", *_PARAMETRIC, *_NORMALIZATIONS)

_BUILDERS: Mapping[str, Callable[[Building, KerasLayer, Arrays], None]] = {
    "Embedding": _embedding,
    "Masking": _masking,
    **dict.fromkeys(RECURRENT, add_recurrent),
    "Bidirectional": add_recurrent,
    "TimeDistributed": _time_distributed,
    "Dense": _dense,
    "TimeDistributedDense": _dense,  # Keras 1
    **dict.fromkeys(_NORMALIZATIONS, _normalization),
    "Activation": _activation,
    **dict.fromkeys(_PARAMETRIC, _parametric),
    "Dropout": _dropout,
    **dict.fromkeys(_IDENTITIES, _nothing),
    "Flatten": add_flatten,
    "Reshape": add_reshape,
    "RepeatVector": add_repeat,
    "UpSampling1D": add_upsampling,
    "Rescaling": _rescaling,
    "Normalization": _standardization,
    "Conv1D": add_convolution,
    **dict.fromkeys(("MaxPooling1D", "AveragePooling1D"), add_pool),
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalAveragePooling1D"), add_global_pool),
}
KINDS = tuple(_BUILDERS)
"""Classes of Keras that are read."""
