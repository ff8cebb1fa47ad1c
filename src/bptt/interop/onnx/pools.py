"""Pooling: MaxPool, AveragePool, and those over all places."""

from typing import Any

import numpy as np

from ...errors import InteropError
from .convolutions import common, pads_of
from .operators import Attributes, need_room, operator


def _windows(x: np.ndarray, attributes: Attributes, padding: Any, beyond: Any) -> np.ndarray:
    """Return the windows of x (N, C, ...) under the kernel, whose axes come last.

    Parameters
    ----------
    x : ndarray
    attributes : mapping
    padding : number
        The elements that the attributes put around x.
    beyond : number
        Those after them, which complete the last window with ceil_mode.
    """
    n, sizes, kernel = x.ndim - 2, x.shape[2:], attributes.get("kernel_shape", [])
    strides, dilations, _ = common(n, attributes)
    if n < 1 or len(kernel) != n or min(kernel) < 1:
        raise InteropError(f"kernel_shape is {kernel}; expected {n} numbers of at least 1.")
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = pads_of(sizes, reach, strides, attributes)
    if len(pads) != 2 * n or min(pads) < 0:
        raise InteropError(f"pads are {pads}; expected {2 * n} numbers of at least 0.")
    around, after = [(0, 0)] * 2, [(0, 0)] * 2
    for size, r, s, a, b in zip(sizes, reach, strides, pads[:n], pads[n:], strict=True):
        room, last = size + a + b - r, 0
        if room % s and attributes.get("ceil_mode") and (room // s + 1) * s < size + a:
            last = s - room % s  # one window more, which begins before the padding behind x
        around.append((a, b))
        after.append((0, last))
    need_room(*(size + sum(w) + sum(v)
                for size, w, v in zip(x.shape, around, after, strict=True)))  # fmt: skip
    x = np.pad(np.pad(x, around, constant_values=padding), after, constant_values=beyond)
    found = np.lib.stride_tricks.sliding_window_view(x, reach, tuple(range(2, n + 2)))
    each = [slice(None, None, step) for step in (*strides, *dilations)]
    found = found[:, :, *each]
    need_room(*found.shape)  # a view, but each of its elements costs time
    return found


def _inner(x: np.ndarray) -> tuple[int, ...]:
    """Return the axes after those of sequences and channels."""
    return tuple(range(2, x.ndim))


@operator("MaxPool", shaped_by=())
def _max_pool(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    (x,) = inputs
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    windows = _windows(x, attributes, lowest, lowest)
    return windows.max(axis=_inner(windows)[x.ndim - 2 :])


@operator("AveragePool", shaped_by=())
def _average_pool(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    (x,) = inputs
    ones = np.ones((1, 1, *x.shape[2:]), x.dtype)
    counts = _windows(ones, attributes, attributes.get("count_include_pad", 0), 0)
    windows = _windows(x, attributes, 0, 0)
    own = _inner(windows)[x.ndim - 2 :]
    return windows.sum(axis=own) / counts.sum(axis=own)


@operator("GlobalMaxPool", shaped_by=())
def _global_max(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    return inputs[0].max(axis=_inner(inputs[0]), keepdims=True)


@operator("GlobalAveragePool", shaped_by=())
def _global_average(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    return inputs[0].mean(axis=_inner(inputs[0]), keepdims=True)
