"""The operators in plans, where shapes, attributes and constants are known: few NumPy calls.

A form adds a step with the same result as the operator of `operators`, `shapes`, `products` or
`convolutions`: see `plans.Form`.
"""

from collections.abc import Callable
from functools import partial
from operator import itemgetter, methodcaller
from typing import Any

import numpy as np

from .files import Node
from .operators import ELEMENTWISE
from .plans import FORMS, Form, Known, form
from .shapes import pad_arguments, slice_index


def fixed(array: Any) -> Known:
    """Return a value that is the same in every run."""
    return Known(np.asarray(array), fixed=True)


def attribute(node: Node, name: str, default: Any) -> Any:
    """Return an attribute, or its default."""
    return node.attributes.get(name, default)


# ---- element by element ----


def _direct(function: Callable[..., np.ndarray]) -> Form:
    return lambda maker, node, given, results: maker.call(function, given, results)


FORMS |= {name: _direct(function) for name, function in ELEMENTWISE.items()}


@form("Div")
def _divide(maker, node, given, results):
    return maker.call(np.divide, given, results) if results[0].dtype.kind == "f" else None


@form("Relu")
def _relu(maker, node, given, results):
    return maker.call(np.maximum, [given[0], fixed(results[0].dtype.type(0))], results)


@form("Pow")
def _power(maker, node, given, results):
    exponent = given[1]
    if not exponent.fixed or exponent.array.size != 1 or exponent.array.ravel()[0] != 2:
        return None
    if results[0].shape != given[0].array.shape:
        return None
    return maker.call(np.square, given[:1], results)


@form("Sigmoid")
def _sigmoid(maker, node, given, results):
    return maker.call(partial(sigmoid, np.log(np.finfo(results[0].dtype).tiny)), given, results)


def sigmoid(lowest: np.floating[Any], x: np.ndarray) -> np.ndarray:
    """Return the logistic function; below `lowest`, where exp(-x) is too large, its value there.

    That of `equations.activations`, exact there too, takes three times as long.
    """
    y = np.maximum(x, lowest)
    np.negative(y, out=y)
    np.exp(y, out=y)
    y += 1
    return np.reciprocal(y, out=y)


@form("PRelu", "LeakyRelu")
def _leaky(maker, node, given, results):
    if node.op == "PRelu":
        slope = given[1]
    else:
        slope = fixed(results[0].dtype.type(attribute(node, "alpha", 0.01)))
    if not slope.fixed or slope.array.dtype != given[0].array.dtype:
        return None
    if (slope.array > 0).all() and (slope.array <= 1).all():
        return maker.call(lambda x, slope: np.maximum(x, x * slope), [given[0], slope], results)
    return maker.call(_two_slopes, [given[0], slope, fixed(results[0].dtype.type(0))], results)


def _two_slopes(x, slope, zero):
    y = np.minimum(x, zero)
    return np.maximum(x, zero) + y * slope


@form("Cast", "CastLike")
def _cast(maker, node, given, results):
    old, new = given[0].array.dtype, results[0].dtype
    if old == new:
        return given[0]
    if old.kind not in "biuf" or (old.kind == "f" and not np.can_cast(old, new)):
        return None  # a number may not fit, which NumPy warns of
    return maker.call(methodcaller("astype", new), given[:1], results)


# ---- shapes ----


@form("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity")
def _reshape(maker, node, given, results):
    return maker.reshape(given[0], results[0])


@form("Dropout")
def _dropout(maker, node, given, results):
    return [maker.reshape(given[0], results[0]), fixed(results[1])]


@form("Transpose")
def _transpose(maker, node, given, results):
    x = given[0].array
    order = attribute(node, "perm", list(range(x.ndim))[::-1])
    moved = [i for i in order if x.shape[i] != 1]
    if moved == sorted(moved):  # axes of one element alone change places
        return maker.reshape(given[0], results[0])
    return maker.call(methodcaller("transpose", order), given, results)


@form("Slice")
def _slice(maker, node, given, results):
    index = slice_index([v.array for v in given], node.attributes)
    return _part(maker, given[0], index, results[0])


def _part(maker, x, index, result):
    """Take a basic index of x; nothing where it takes all."""
    if x.array.shape == result.shape and all((s.step or 1) > 0 for s in index):
        return x
    return maker.call(itemgetter(tuple(index)), [x], [result])[0]


@form("Split")
def _split(maker, node, given, results):
    x, first, parts = given[0], 0, []
    axis = attribute(node, "axis", 0) % x.array.ndim
    for part in results:
        index = (slice(None),) * axis + (slice(first, first + part.shape[axis]),)
        parts.append(_part(maker, x, index, part))
        first += part.shape[axis]
    return parts


@form("Gather")
def _gather(maker, node, given, results):
    x, indices = given
    axis = attribute(node, "axis", 0) % x.array.ndim
    if indices.fixed and indices.array.size:
        numbers = indices.array.ravel() % x.array.shape[axis]
        steps = np.unique(np.diff(numbers)).tolist() or [1]
        if len(steps) == 1 and steps[0] > 0:
            part = slice(int(numbers[0]), int(numbers[-1]) + 1, steps[0])
            taken = x.array[index := (slice(None),) * axis + (part,)]
            return maker.reshape(_part(maker, x, index, taken), results[0])
    return maker.call(np.ndarray.take, [x, indices, fixed(axis)], results)


@form("Concat")
def _concat(maker, node, given, results):
    axis = node.attributes["axis"]
    return maker.call(lambda *xs: np.concatenate(xs, axis), given, results)


@form("Pad")
def _pad(maker, node, given, results):
    cut, widths, mode, value = pad_arguments([v.array for v in given], node.attributes)
    x = _part(maker, given[0], cut, given[0].array[cut])
    if mode == "constant":
        place = tuple(slice(b, b + n) for (b, _), n in zip(widths, x.array.shape, strict=True))
        return maker.call(partial(_placed, results[0].shape, value, place), [x], results)
    for axis, (size, width) in enumerate(zip(x.array.shape, widths, strict=True)):
        if any(width):
            index = np.pad(np.arange(size), width, mode)
            array = x.array.take(index, axis)
            (x,) = maker.call(np.ndarray.take, [x, fixed(index), fixed(axis)], [array])
    return x


def _placed(shape, value, place, x):
    y = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)
    y[place] = x
    return y


@form("ScatterND")
def _scatter(maker, node, given, results):
    x, indices, updates = given
    if not indices.fixed or not indices.array.size or indices.array.shape[-1] > x.array.ndim:
        return None
    sizes = np.array(x.array.shape[: indices.array.shape[-1]])
    rows = (indices.array % sizes).reshape(-1, len(sizes))
    first, end = rows.min(axis=0), rows.max(axis=0) + 1
    box = np.moveaxis(np.indices(end - first), 0, -1).reshape(-1, len(sizes)) + first
    if not np.array_equal(box, rows):
        return None
    place = tuple(slice(a, b) for a, b in zip(first.tolist(), end.tolist(), strict=True))
    return maker.call(partial(_replaced, place, x.array[place].shape), [x, updates], results)


def _replaced(place, shape, x, updates):
    y = x.copy()
    y[place] = updates.reshape(shape)
    return y
