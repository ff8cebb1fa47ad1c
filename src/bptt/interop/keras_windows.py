"""Make bptt's layers of Keras' convolutions and pools over time."""

from collections.abc import Sequence

import numpy as np

from ..errors import InteropError
from ..layers import Dense, Merge, Pool, Windows
from ..layers.windows import PADDINGS
from ..safe_files import printable
from . import keras_weights
from .keras_building import Building, activate, refuse, shown
from .keras_config import KerasLayer

__all__ = ["add_convolution", "add_global_pool", "add_pool"]

Arrays = Sequence[np.ndarray]
_MOST = 2**24  # weights of a kernel with its groups filled with zeros, unless it has as many


def add_convolution(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add a Conv1D: `Windows`, and a `Dense` of the features that they join."""
    where = f"{b.where}: {shown(layer)}"
    _need_sequence(b, layer)
    kernel, *bias = keras_weights.checked(arrays, [1, 2], where)
    groups = _size(layer, "groups", default=1)
    if kernel.ndim != 3 or not kernel.size or kernel.shape[2] % groups:
        raise InteropError(
            f"{where} has a kernel of {kernel.shape} and {groups} groups; expected three axes: "
            f"steps, features, and filters that the groups divide."
        )
    size, n_x, filters = kernel.shape
    if kernel.size * groups > max(_MOST, kernel.size):
        raise InteropError(f"{where} has {groups} groups; expected {_MOST // kernel.size} or less.")
    b.features(layer, n_x * groups)  # which may not be known but for the kernel
    own = np.zeros((size, groups, n_x, groups, filters // groups), kernel.dtype)
    for g in range(groups):
        own[:, g, :, g] = kernel.reshape(size, n_x, groups, -1)[:, :, g]
    padding = layer.config.get("padding", "valid")
    stride, dilation = (_size(layer, k, default=1) for k in ("strides", "dilation_rate"))
    _windows(b, layer, n_x * groups, size, stride, dilation, padding)
    dense = keras_weights.stepwise([own.reshape(-1, filters), *bias], where)
    b.put(layer.name, Dense(dense["Wy"].shape[1], filters), dense)
    activate(b, layer, layer.config.get("activation"), filters)
    b.dims = None if b.dims is None else (b.dims[0], filters)


def add_pool(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add a MaxPooling1D or AveragePooling1D: `Windows`, and a `Merge` of their steps."""
    _need_sequence(b, layer)
    n = b.features(layer)
    size = _size(layer, "pool_size", "pool_length", default=2)
    stride = _size(layer, "strides", "stride", default=size)
    padding = layer.config.get("padding", layer.config.get("border_mode", "valid"))
    steps = b.dims[0] if b.dims else None
    if padding == "same" and steps and (-(-steps // stride) - 1) * stride + size <= steps:
        padding = "valid"  # no window goes beyond the steps
    if padding != "valid":
        raise InteropError(
            f"{b.where}: {shown(layer)} has padding {printable(padding, 20)!r} and takes "
            f"{steps or 'an unknown number of'} steps; expected 'valid', or steps that windows of "
            f"{size} fill."
        )
    _windows(b, layer, n, size, stride, 1, padding)
    how = "mean" if "Average" in layer.kind else "max"
    b.put(layer.name, Merge(n * size, how, parts=size))


def add_global_pool(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add a GlobalMaxPooling1D or GlobalAveragePooling1D."""
    refuse(b, layer, "keepdims")
    _need_sequence(b, layer)
    n = b.features(layer)
    b.put(layer.name, Pool(n, "mean" if "Average" in layer.kind else "max"))
    b.masked, b.dims = False, (n,)


def _windows(b, layer, n_x, size, stride, dilation, padding) -> None:
    """Add the windows; set the number of steps."""
    if padding not in PADDINGS:
        raise InteropError(
            f"{b.where}: {shown(layer)} has padding {printable(padding, 20)!r}; expected one of "
            f"{', '.join(PADDINGS)}."
        )
    b.ends_mask(layer)
    windows = Windows(n_x, size, stride=stride, dilation=dilation, padding=padding)
    steps = b.dims[0] if b.dims else None
    if steps is not None and (steps := int(windows.lengths_after(steps))) < 1:
        raise InteropError(
            f"{b.where}: {shown(layer)} takes {b.dims} steps and features; expected at least "
            f"{windows.reach} steps, a window."
        )
    b.put(f"{layer.name}_windows", windows)
    b.dims = None if b.dims is None else (steps, n_x)


def _need_sequence(b: Building, layer: KerasLayer) -> None:
    """Refuse an input that is not steps of features."""
    steps_first = layer.config.get("data_format", "channels_last") in ("channels_last", None)
    if not steps_first or (b.dims is not None and len(b.dims) != 2):
        raise InteropError(f"{b.where}: {shown(layer)} takes {b.dims}; expected steps, features.")


def _size(layer: KerasLayer, *names: str, default: int) -> int:
    """Return a size under the first name that is there: 3, or [3]."""
    value = next((layer.config[n] for n in names if layer.config.get(n) is not None), default)
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    if type(value) is not int or not 0 < value <= 2**30:
        raise InteropError(f"{shown(layer)} has {names[0]} {printable(value, 40)}; expected one.")
    return value
