"""Conv and ConvTranspose as one product of a matrix of weights with a matrix of windows."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from operator import methodcaller
from typing import Any, NamedTuple

import numpy as np

from ...errors import InteropError
from .operators import Attributes, need_room, operator, padded


class Stage(NamedTuple):
    """A part of a convolution: see `runs.Step`."""

    kind: str
    function: Callable[..., Any]
    shape: tuple[int, ...] = ()  # of the result of a call


def convolution(shape: tuple[int, ...], W: np.ndarray, attributes: Attributes) -> list[Stage]:
    """Return the stages that convolve x of a shape (N, C, ...) with W (M, C / groups, ...).

    Raises
    ------
    InteropError
        W, the attributes and the shape do not fit.
    """
    n, (strides, dilations, groups) = len(shape) - 2, common(len(shape) - 2, attributes)
    reach = [(k - 1) * d + 1 for k, d in zip(W.shape[2:], dilations, strict=True)]
    pads = pads_of(shape[2:], reach, strides, attributes)
    fits = shape[1] == W.shape[1] * groups and not W.shape[0] % groups and len(pads) == 2 * n
    if not fits or min(pads) < 0:
        raise InteropError(f"Conv of x {shape} with W {W.shape} and {groups} groups do not fit.")
    room = [s + a + b for s, a, b in zip(shape[2:], pads[:n], pads[n:], strict=True)]
    place = [slice(p, p + s) for p, s in zip(pads, shape[2:], strict=False)]
    return _product(shape, W, groups, room, place, strides, dilations)


def pads_of(
    sizes: Sequence[int], reach: Sequence[int], strides: Sequence[int], attributes: Attributes
) -> list[int]:
    """Return the elements before each axis, then those after, for kernels that reach so far."""
    if attributes.get("auto_pad", "NOTSET") not in ("SAME_UPPER", "SAME_LOWER"):
        return attributes.get("pads", [0] * 2 * len(sizes))
    total = [
        max((-(-size // s) - 1) * s + r - size, 0)
        for size, s, r in zip(sizes, strides, reach, strict=True)
    ]
    lower = attributes["auto_pad"] == "SAME_LOWER"
    first = [(t + lower) // 2 for t in total]
    return [*first, *(t - f for t, f in zip(total, first, strict=True))]


def transposed_convolution(
    shape: tuple[int, ...], W: np.ndarray, attributes: Attributes
) -> list[Stage]:
    """Return the stages that spread x (N, C, ...) by W (C, M / groups, ...): Conv's gradient.

    It is a convolution of x, with zeros between and around its elements, with the kernel reversed.

    Raises
    ------
    InteropError
        W, the attributes and the shape do not fit.
    """
    n, (strides, dilations, groups) = len(shape) - 2, common(len(shape) - 2, attributes)
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


def common(n: int, attributes: Attributes) -> tuple[list[int], list[int], int]:
    """Return strides, dilations and groups of n axes."""
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
) -> list[Stage]:  # fmt: skip
    """Put what is kept of x at a place in zeros; multiply W with the windows under the kernel."""
    N, M, kernel = shape[0], W.shape[0], W.shape[2:]
    out = [
        (size - (k - 1) * d - 1) // s + 1 if k else 0
        for size, k, s, d in zip(room, kernel, strides, dilations, strict=True)
    ]
    if min(out, default=1) < 1:
        raise InteropError(f"x of {tuple(shape)} has no place for a kernel of {kernel}.")
    steps, taps = math.prod(out), W[0].size if M else 0
    need_room(*shape[:2], *room)
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
        multiply, products = np.dot, (M, N * steps)  # faster than matmul
    else:
        windows = (N, groups, W.shape[1], *kernel, *out)
        jumps = (shape[1] * volume, W.shape[1] * volume, volume, *taken, *moved)
        columns, product = (N, groups, taps, steps), (N, M, *out)
        weights = W.reshape(groups, M // groups, taps)
        multiply, products = np.matmul, (N, groups, M // groups, steps)
    weights, jumps = np.ascontiguousarray(weights), tuple(j * W.itemsize for j in jumps)
    if list(shape[2:]) == room:
        first = Stage("view", np.ascontiguousarray)
    else:
        padding = partial(placed, 0, (..., *place), (..., *kept))
        first = Stage("call", padding, (*shape[:2], *room))
    stages = [
        first,
        Stage("view", lambda x: np.ndarray(windows, W.dtype, x, 0, jumps)),
        Stage("reshape", methodcaller("reshape", columns)),
        Stage("call", partial(multiply, weights), products),
        Stage("reshape", methodcaller("reshape", product)),
    ]  # fmt: skip
    return [*stages, Stage("view", methodcaller("swapaxes", 0, 1))] if groups == 1 else stages


def placed(value: Any, into: Any, of: Any, x: np.ndarray, out: np.ndarray) -> None:
    """Put a part of x at a place in `out`, which is a constant elsewhere."""
    out.fill(value)
    out[into] = x[of]


def _operator(make: Any) -> Any:
    def computed(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
        x, W, b = padded(inputs, 3)
        if x.ndim < 3 or x.ndim != W.ndim or x.dtype != W.dtype:
            raise InteropError(
                f"x is {x.shape} of {x.dtype} and W {W.shape} of {W.dtype}; expected one dtype, "
                f"and a batch, channels and one or more axes in both."
            )
        y = x
        for kind, function, shape in make(x.shape, W, attributes):
            y, given = np.empty(shape, W.dtype) if kind == "call" else function(y), y
            if kind == "call":
                function(given, out=y)
        return y if b is None else y + b.reshape(-1, *[1] * (x.ndim - 2))

    return computed


operator("Conv", shaped_by=())(_operator(convolution))
operator("ConvTranspose", shaped_by=())(_operator(transposed_convolution))
