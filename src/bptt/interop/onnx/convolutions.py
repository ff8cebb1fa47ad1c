"""Conv and ConvTranspose as one product of a matrix of weights with a matrix of windows."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import InteropError
from .operators import Attributes, need_room, operator, padded


def convolution(
    shape: tuple[int, ...], W: np.ndarray, attributes: Attributes
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that convolves x of a shape (N, C, ...) with W (M, C / groups, ...).

    Raises
    ------
    InteropError
        W, the attributes and the shape do not fit.
    """
    n, (strides, dilations, groups) = len(shape) - 2, _common(len(shape) - 2, attributes)
    reach = [(k - 1) * d + 1 for k, d in zip(W.shape[2:], dilations, strict=True)]
    pads = attributes.get("pads", [0] * 2 * n)
    if attributes.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        total = [
            max((-(-size // s) - 1) * s + r - size, 0)
            for size, s, r in zip(shape[2:], strides, reach, strict=True)
        ]
        lower = attributes["auto_pad"] == "SAME_LOWER"
        first = [(t + lower) // 2 for t in total]
        pads = [*first, *(t - f for t, f in zip(total, first, strict=True))]
    fits = shape[1] == W.shape[1] * groups and not W.shape[0] % groups and len(pads) == 2 * n
    if not fits or min(pads) < 0:
        raise InteropError(f"Conv of x {shape} with W {W.shape} and {groups} groups do not fit.")
    room = [s + a + b for s, a, b in zip(shape[2:], pads[:n], pads[n:], strict=True)]
    place = [slice(p, p + s) for p, s in zip(pads, shape[2:], strict=False)]
    return _product(shape, W, groups, room, place, strides, dilations)


def transposed_convolution(
    shape: tuple[int, ...], W: np.ndarray, attributes: Attributes
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that spreads x (N, C, ...) by W (C, M / groups, ...): Conv's gradient.

    It is a convolution of x, with zeros between and around its elements, with the kernel reversed.

    Raises
    ------
    InteropError
        W, the attributes and the shape do not fit.
    """
    n, (strides, dilations, groups) = len(shape) - 2, _common(len(shape) - 2, attributes)
    pads = attributes.get("pads", [0] * 2 * n)
    extra = attributes.get("output_padding", [0] * n)
    if attributes.get("auto_pad", "NOTSET") != "NOTSET" or "output_shape" in attributes:
        raise InteropError("ConvTranspose has auto_pad or output_shape; expected pads.")
    if shape[1] != W.shape[0] or W.shape[0] % groups or min([*pads, *extra], default=0) < 0:
        raise InteropError(f"ConvTranspose of x {shape} with W {W.shape} does not fit.")
    kernel = W.reshape(groups, -1, *W.shape[1:]).swapaxes(1, 2)
    kernel = np.flip(kernel.reshape(-1, W.shape[0] // groups, *W.shape[2:]), tuple(range(2, n + 2)))
    room, place, kept = [], [], []
    for i, (size, k, s, d, e) in enumerate(
        zip(shape[2:], W.shape[2:], strides, dilations, extra, strict=True)
    ):
        reach = (k - 1) * d
        room.append((size - 1) * s + 2 * reach + 1 + e - pads[i] - pads[n + i])
        before = reach - pads[i]  # where the first element lies; what lies outside is cut off
        first = max(0, -(before // s))
        end = max(first, min(size, -(-(room[i] - before) // s)))
        kept.append(slice(first, end))
        place.append(slice(before + first * s, before + end * s, s))
    return _product(shape, kernel, groups, room, place, [1] * n, dilations, kept)


def _common(n: int, attributes: Attributes) -> tuple[list[int], list[int], int]:
    strides = attributes.get("strides", [1] * n)
    dilations = attributes.get("dilations", [1] * n)
    groups = attributes.get("group", 1)
    if min([*strides, *dilations, groups]) < 1 or len(strides) != n or len(dilations) != n:
        raise InteropError(
            f"strides are {strides}, dilations {dilations}, group {groups}; expected {n} whole "
            f"numbers of at least 1, and 1 or more groups."
        )
    return strides, dilations, groups


def _product(
    shape: Sequence[int], W: np.ndarray, groups: int, room: list[int], place: list[slice],
    strides: list[int], dilations: list[int], kept: Sequence[slice] = (),
) -> Callable[[np.ndarray], np.ndarray]:  # fmt: skip
    """Put what is kept of x at a place in zeros; multiply W with the windows under the kernel."""
    N, M, kernel = shape[0], W.shape[0], W.shape[2:]
    out = [
        (size - (k - 1) * d - 1) // s + 1 if k else 0
        for size, k, s, d in zip(room, kernel, strides, dilations, strict=True)
    ]
    if min(out, default=1) < 1:
        raise InteropError(f"x of {tuple(shape)} has no place for a kernel of {kernel}.")
    steps, taps = math.prod(out), W[0].size if M else 0
    need_room(N, M, steps)
    need_room(N, groups, taps, steps)
    # Elements from one to the next: group, channel, tap, sequence, output. With groups, sequences
    # are outermost: a product for each; without, all sequences' windows are in one product.
    volume = math.prod(room)
    each = [math.prod(room[i + 1 :]) for i in range(len(room))]
    taken = [e * d for e, d in zip(each, dilations, strict=True)]
    moved = [e * s for e, s in zip(each, strides, strict=True)]
    if groups == 1:
        windows, jumps = (shape[1], *kernel, N, *out), (volume, *taken, shape[1] * volume, *moved)
        columns, weights, product = (taps, N * steps), W.reshape(M, taps), (M, N, *out)
    else:
        windows = (N, groups, W.shape[1], *kernel, *out)
        jumps = (shape[1] * volume, W.shape[1] * volume, volume, *taken, *moved)
        columns, product = (N, groups, taps, steps), (N, M, *out)
        weights = W.reshape(groups, M // groups, taps)
    weights, dtype = np.ascontiguousarray(weights), W.dtype
    jumps = tuple(j * dtype.itemsize for j in jumps)
    whole = list(shape[2:]) == room
    full, into, of = (*shape[:2], *room), (..., *place), (..., *kept)
    if N == groups == taps // shape[1] == 1 and whole and steps == volume:  # a kernel of 1
        return lambda x: np.matmul(weights, x.reshape(columns)).reshape(1, M, *out)

    def run(x: np.ndarray) -> np.ndarray:
        if whole:
            x = np.ascontiguousarray(x)
        else:
            zeros = np.zeros(full, dtype)
            zeros[into] = x[of]
            x = zeros
        own = np.ndarray(windows, dtype, x, 0, jumps)
        y = np.matmul(weights, own.reshape(columns)).reshape(product)
        return y.swapaxes(0, 1) if groups == 1 else y

    return run


def _operator(make: Any) -> Any:
    def computed(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
        x, W, b = padded(inputs, 3)
        if x.ndim < 3 or x.ndim != W.ndim or x.dtype != W.dtype:
            raise InteropError(
                f"x is {x.shape} of {x.dtype} and W {W.shape} of {W.dtype}; expected one dtype, "
                f"and a batch, channels and one or more axes in both."
            )
        y = make(x.shape, W, attributes)(x)
        return y if b is None else y + b.reshape(-1, *[1] * (x.ndim - 2))

    return computed


operator("Conv", shaped_by=())(_operator(convolution))
operator("ConvTranspose", shaped_by=())(_operator(transposed_convolution))
