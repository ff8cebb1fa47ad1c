"""Make bptt's layers of Keras' that move or repeat steps, such as Flatten and RepeatVector."""

import math
from collections.abc import Sequence

import numpy as np

from ..errors import InteropError
from ..layers import Flatten, Repeat, Unflatten
from .keras_building import Building, number, shown
from .keras_config import KerasLayer

__all__ = ["add_flatten", "add_repeat", "add_reshape", "add_upsampling"]

Arrays = Sequence[np.ndarray]
_MOST_STEPS = 10**7


def _whole(b: Building, layer: KerasLayer) -> tuple[int, ...]:
    """Return the dimensions of the input, all of them known."""
    dims = b.dims
    if dims is None or None in dims:
        raise InteropError(
            f"{b.where}: {shown(layer)} takes {dims or 'an unknown shape'}; expected a fixed "
            f"number of steps and features."
        )
    return tuple(n for n in dims if n is not None)


def _reshaped(b: Building, layer: KerasLayer, target: tuple[int, ...]) -> None:
    """Add the layers that bring dims (n,) or (T, n) to others of the same size."""
    dims = _whole(b, layer)
    if len(dims) > 2 or len(target) > 2:
        raise InteropError(
            f"{b.where}: {shown(layer)} goes from {dims} to {target}; expected two dimensions."
        )
    if dims == target:
        return
    b.ends_mask(layer)
    if len(dims) == 2:
        b.put(f"{layer.name}_flat" if len(target) == 2 else layer.name, Flatten(dims[1], dims[0]))
    if len(target) == 2:
        b.put(layer.name, Unflatten(math.prod(dims), target[0]))
    b.dims = target


def add_flatten(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add a Flatten."""
    _reshaped(b, layer, (math.prod(_whole(b, layer)),))


def add_reshape(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add a Reshape to one step or to steps and features."""
    target = layer.config.get("target_shape", layer.config.get("dims"))
    if isinstance(target, dict):  # a tuple of tf.keras
        target = target.get("items")
    total = math.prod(_whole(b, layer))
    if not isinstance(target, list) or not all(type(n) is int for n in target) or not target:
        raise InteropError(f"{b.where}: {shown(layer)} has no target_shape; expected one.")
    known = math.prod(n for n in target if n != -1)
    if target.count(-1) > 1 or min(target) < -1 or not known or total % known:
        raise InteropError(
            f"{b.where}: {shown(layer)} goes from {b.dims} to {tuple(target)}; expected {total} "
            f"entries."
        )
    full = tuple(total // known if n == -1 else n for n in target)
    if math.prod(full) != total:
        raise InteropError(
            f"{b.where}: {shown(layer)} goes from {b.dims} to {full}; expected {total} entries."
        )
    _reshaped(b, layer, full)


def add_repeat(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add a RepeatVector: one step becomes several."""
    times, n = int(number(layer, "n")), b.features(layer)
    if not 0 < times <= _MOST_STEPS or b.dims is None or len(b.dims) != 1:
        raise InteropError(
            f"{b.where}: {shown(layer)} repeats {b.dims} {times} times; expected one step."
        )
    b.put(layer.name, Repeat(n, times))
    b.dims = (times, n)


def add_upsampling(b: Building, layer: KerasLayer, arrays: Arrays) -> None:
    """Add an UpSampling1D: every step becomes several."""
    times, n = int(number(layer, "size", "length")), b.features(layer)
    if not 0 < times <= _MOST_STEPS or b.dims is None or len(b.dims) != 2:
        raise InteropError(
            f"{b.where}: {shown(layer)} repeats {b.dims} {times} times; expected steps, features."
        )
    b.ends_mask(layer)
    b.put(layer.name, Repeat(n, times))
    b.dims = (None if b.dims[0] is None else b.dims[0] * times, n)
