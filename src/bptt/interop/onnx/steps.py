"""The operators in plans, where shapes, attributes and constants are known: few NumPy calls.

A form adds a step with the same result as the operator of `operators`, `shapes`, `products` or
`convolutions`: see `plans.Form`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter, methodcaller
from typing import Any

import numpy as np

from .convolutions import placed
from .files import Node
from .operators import ELEMENTWISE
from .plans import FORMS, Form, Known, Maker, form
from .shapes import pad_arguments, slice_index


def fixed(array: Any) -> Known:
    """Return a value that is the same in every run."""
    return Known(np.asarray(array), fixed=True)


def attribute(node: Node, name: str, default: Any) -> Any:
    """Return an attribute, or its default."""
    return node.attributes.get(name, default)


# ---- element by element ----

_SPREAD = 2**14  # elements up to which a constant is made as large as the result


def elementwise(maker: Maker, ufunc: np.ufunc, given: Sequence[Known], result: np.ndarray) -> Known:
    """Add a ufunc. Its constants are not broadcast in each run, which takes twice the time."""

    def spread(v: Known) -> Known:
        if not v.fixed or v.array.shape == result.shape:
            return v
        if v.array.size == 1:
            return fixed(v.array.reshape(()))
        return fixed(np.broadcast_to(v.array, result.shape).copy()) if result.size < _SPREAD else v

    return maker.call(ufunc, [spread(v) for v in given], result)


def _direct(function: Callable[..., np.ndarray]) -> Form:
    if isinstance(function, np.ufunc):
        return lambda maker, node, given, results: elementwise(maker, function, given, results[0])
    return lambda maker, node, given, results: maker.fresh(
        lambda *arrays: (function(*arrays),), given, results
    )


FORMS |= {name: _direct(function) for name, function in ELEMENTWISE.items()}


@form("Div")
def _divide(maker, node, given, results):
    return (
        elementwise(maker, np.divide, given, results[0]) if results[0].dtype.kind == "f" else None
    )


@form("Relu")
def _relu(maker, node, given, results):
    return maker.call(np.maximum, [given[0], fixed(results[0].dtype.type(0))], results[0])


@form("Pow")
def _power(maker, node, given, results):
    exponent = given[1]
    if not exponent.fixed or exponent.array.size != 1 or exponent.array.ravel()[0] != 2:
        return None
    if results[0].shape != given[0].array.shape:
        return None
    return maker.call(np.square, given[:1], results[0])


@form("Sigmoid")
def _sigmoid(maker, node, given, results):
    lowest = np.log(np.finfo(results[0].dtype).tiny)
    return maker.call(partial(sigmoid, lowest), given, results[0])


def sigmoid(lowest: np.floating[Any], x: np.ndarray, out: np.ndarray) -> None:
    """Compute the logistic function; below `lowest`, where exp(-x) overflows, its value there.

    That of `equations.activations`, exact there too, takes three times as long.
    """
    np.maximum(x, lowest, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    np.reciprocal(out, out=out)


@form("PRelu", "LeakyRelu")
def _leaky(maker, node, given, results):
    if node.op == "PRelu":
        slope = given[1]
    else:
        slope = fixed(results[0].dtype.type(attribute(node, "alpha", 0.01)))
    if not slope.fixed or slope.array.dtype != given[0].array.dtype:
        return None
    if (slope.array > 0).all() and (slope.array <= 1).all():
        scaled = elementwise(maker, np.multiply, [given[0], slope], results[0])
        return maker.call(np.maximum, [given[0], scaled], results[0])
    zero = fixed(results[0].dtype.type(0))
    below = maker.call(np.minimum, [given[0], zero], given[0].array)
    scaled = elementwise(maker, np.multiply, [below, slope], results[0])
    above = maker.call(np.maximum, [given[0], zero], given[0].array)
    return maker.call(np.add, [above, scaled], results[0])


@form("Cast", "CastLike")
def _cast(maker, node, given, results):
    old, new = given[0].array.dtype, results[0].dtype
    if old == new:
        return given[0]
    if old.kind not in "biuf" or (old.kind == "f" and not np.can_cast(old, new)):
        return None  # a number may not fit, which NumPy warns of
    return maker.call(lambda x, out: np.copyto(out, x, "unsafe"), given[:1], results[0])


# ---- shapes ----


@form("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity")
def _reshape(maker, node, given, results):
    return maker.reshape(given[0], results[0].shape)


@form("Dropout")
def _dropout(maker, node, given, results):
    return [given[0], fixed(results[1])]


@form("Transpose")
def _transpose(maker, node, given, results):
    order = attribute(node, "perm", None)
    y = maker.view(methodcaller("transpose", order), given[0])
    if given[0].origin and given[0].origin[0] == "Gather" and order == [1, 0, 2]:
        table, indices = given[0].origin[1]
        y.origin = "Gather", (table, maker.view(np.transpose, indices))
    return y


@form("Slice")
def _slice(maker, node, given, results):
    index = slice_index([v.array for v in given], node.attributes)
    return maker.view(itemgetter(tuple(index)), given[0])


@form("Split")
def _split(maker, node, given, results):
    x, first, parts = given[0], 0, []
    axis = attribute(node, "axis", 0) % x.array.ndim
    for part in results:
        index = (slice(None),) * axis + (slice(first, first + part.shape[axis]),)
        parts.append(maker.view(itemgetter(index), x))
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
            taken = maker.view(itemgetter((slice(None),) * axis + (part,)), x)
            return maker.reshape(taken, results[0].shape)
    if indices.fixed:
        return maker.call(partial(_taken, axis), given, results[0])
    (y,) = maker.fresh(lambda x, indices: (x.take(indices, axis),), given, results)
    if x.fixed and axis == 0 and x.array.ndim == indices.array.ndim == 2:
        y.origin = "Gather", (x.array, indices)
    return y


def _taken(axis, x, indices, out):
    """Take elements of x by indices that are known to fit."""
    x.take(indices, axis, out, "wrap")


@form("Concat")
def _concat(maker, node, given, results):
    axis = node.attributes["axis"]
    return maker.call(lambda *xs, out: np.concatenate(xs, axis, out), given, results[0])


@form("Pad")
def _pad(maker, node, given, results):
    cut, widths, mode, value = pad_arguments([v.array for v in given], node.attributes)
    x = maker.view(itemgetter(cut), given[0])
    if mode == "constant":
        place = tuple(slice(b, b + n) for (b, _), n in zip(widths, x.array.shape, strict=True))
        return maker.call(partial(placed, value, place, ...), [x], results[0])
    for axis, (size, width) in enumerate(zip(x.array.shape, widths, strict=True)):
        if any(width):
            index = np.pad(np.arange(size), width, mode)
            array = x.array.take(index, axis)
            x = maker.call(partial(_taken, axis), [x, fixed(index)], array)
    return x


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
    updates = maker.reshape(updates, x.array[place].shape)
    return maker.call(partial(_replaced, place), [x, updates], results[0])


def _replaced(place, x, updates, out):
    np.copyto(out, x)
    out[place] = updates
