"""The operators in plans, where shapes, attributes and constants are known: few NumPy calls.

A form adds a step with the same result as the operator of `operators`, `shapes`, `products` or
`convolutions`: see `plans.Form`.
"""

from collections.abc import Callable
from functools import partial
from operator import itemgetter, methodcaller
from typing import Any

import numpy as np

from . import recurrent
from .convolutions import convolution, transposed_convolution
from .files import Node
from .operators import ELEMENTWISE, axes_of
from .plans import FORMS, Form, Known, form
from .shapes import pad_arguments, slice_index


def _fixed(array: Any) -> Known:
    return Known(np.asarray(array), fixed=True)


def _attribute(node: Node, name: str, default: Any) -> Any:
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
    return maker.call(np.maximum, [given[0], _fixed(results[0].dtype.type(0))], results)


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
    if results[0].dtype not in (np.float32, np.float64):
        return None
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
        slope = _fixed(results[0].dtype.type(_attribute(node, "alpha", 0.01)))
    if not slope.fixed or slope.array.dtype != given[0].array.dtype:
        return None
    if (slope.array > 0).all() and (slope.array <= 1).all():
        return maker.call(lambda x, slope: np.maximum(x, x * slope), [given[0], slope], results)
    return maker.call(_two_slopes, [given[0], slope, _fixed(results[0].dtype.type(0))], results)


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
    return [maker.reshape(given[0], results[0]), _fixed(results[1])]


@form("Transpose")
def _transpose(maker, node, given, results):
    x = given[0].array
    order = _attribute(node, "perm", list(range(x.ndim))[::-1])
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
    axis = _attribute(node, "axis", 0) % x.array.ndim
    for part in results:
        index = (slice(None),) * axis + (slice(first, first + part.shape[axis]),)
        parts.append(_part(maker, x, index, part))
        first += part.shape[axis]
    return parts


@form("Gather")
def _gather(maker, node, given, results):
    x, indices = given
    axis = _attribute(node, "axis", 0) % x.array.ndim
    if indices.fixed and indices.array.size:
        numbers = indices.array.ravel() % x.array.shape[axis]
        steps = np.unique(np.diff(numbers)).tolist() or [1]
        if len(steps) == 1 and steps[0] > 0:
            part = slice(int(numbers[0]), int(numbers[-1]) + 1, steps[0])
            taken = x.array[index := (slice(None),) * axis + (part,)]
            return maker.reshape(_part(maker, x, index, taken), results[0])
    return maker.call(np.ndarray.take, [x, indices, _fixed(axis)], results)


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
            (x,) = maker.call(np.ndarray.take, [x, _fixed(index), _fixed(axis)], [array])
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


# ---- sums and products ----


@form("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin")
def _reduce(maker, node, given, results):
    x = given[0].array
    axes = axes_of([v.array for v in given], node.attributes)
    if (not axes and _attribute(node, "noop_with_empty_axes", 0)) or x.dtype.kind != "f":
        return None
    over = tuple(axes) if axes else tuple(range(x.ndim))
    kept = bool(_attribute(node, "keepdims", 1))
    if node.op == "ReduceMean" and over in ((-1,), (x.ndim - 1,)) and 0 < x.shape[-1] < 1024:
        share = np.full((x.shape[-1], 1), 1 / x.shape[-1], x.dtype)  # a third of the time of a sum
        return maker.call(np.matmul, [given[0], _fixed(share if kept else share[:, 0])], results)
    ufunc = {"ReduceMax": np.maximum, "ReduceMin": np.minimum}.get(node.op, np.add)
    (y,) = maker.call(partial(ufunc.reduce, axis=over, keepdims=kept), given[:1], results)
    if node.op != "ReduceMean":
        return y
    return maker.call(np.divide, [y, _fixed(x.dtype.type(x.size // max(results[0].size, 1)))],
                      results)  # fmt: skip


@form("Softmax")
def _softmax(maker, node, given, results):
    x = given[0].array
    if maker.opset < 13:
        axis = tuple(range(_attribute(node, "axis", 1) % x.ndim, x.ndim))
    else:
        axis = _attribute(node, "axis", -1)

    def softmax(x):
        y = np.exp(x - np.maximum.reduce(x, axis, keepdims=True))
        y /= np.add.reduce(y, axis, keepdims=True)
        return y

    return maker.call(softmax, given, results) if x.size else None


@form("MatMul")
def _matmul(maker, node, given, results):
    a, W = given
    if W.array.ndim != 2 or a.array.ndim < 3 or not a.array.size:
        return maker.call(np.matmul, given, results)
    rows = a.array.reshape(-1, a.array.shape[-1])  # one product in place of one for each matrix
    product = maker.call(np.matmul, [maker.reshape(a, rows), W], [rows @ W.array])
    return maker.reshape(product[0], results[0])


@form("Gemm")
def _gemm(maker, node, given, results):
    a, b, *c = given
    if not b.fixed or not all(v.fixed for v in c):
        return None
    alpha, beta = _attribute(node, "alpha", 1.0), _attribute(node, "beta", 1.0)
    dtype = results[0].dtype.type
    W = b.array.T if _attribute(node, "transB", 0) else b.array
    W = _fixed(W if alpha == 1 else W * dtype(alpha))
    if _attribute(node, "transA", 0):
        a = maker.call(np.transpose, [a], [a.array.T])[0]
    (y,) = maker.call(np.matmul, [a, W], results)
    if not c or c[0].array is None:
        return y
    bias = c[0].array if beta == 1 else c[0].array * dtype(beta)
    return maker.call(np.add, [y, _fixed(bias)], results)


@form("Conv", "ConvTranspose")
def _conv(maker, node, given, results):
    x, W, *b = given
    if not all(v.fixed for v in given[1:]) or not results[0].size or not x.array.size:
        return None
    make = convolution if node.op == "Conv" else transposed_convolution
    run = make(x.array.shape, W.array, node.attributes)
    if not b or b[0].array is None:
        return maker.call(run, [x], results)
    bias = b[0].array.reshape(-1, *[1] * (x.array.ndim - 2))

    def biased(x, bias):
        y = run(x)
        return np.add(y, bias, out=y)

    return maker.call(biased, [x, _fixed(bias)], results)


@form("BatchNormalization")
def _batch_normalization(maker, node, given, results):
    if not all(v.fixed for v in given[1:]):
        return None
    x, scale, bias, mean, variance = (v.array for v in given)
    shape = (-1, *[1] * (x.ndim - 2))
    factor = scale / np.sqrt(variance + np.asarray(_attribute(node, "epsilon", 1e-5), x.dtype))
    own = [_fixed(v.reshape(shape)) for v in (factor, bias - mean * factor)]
    return maker.call(lambda x, factor, shift: x * factor + shift, [given[0], *own], results)


@form("LayerNormalization")
def _layer_normalization(maker, node, given, results):
    x = given[0].array
    over = tuple(range(_attribute(node, "axis", -1) % x.ndim, x.ndim))
    epsilon = x.dtype.type(_attribute(node, "epsilon", 1e-5))
    if not x.size or (count := x.size // np.add.reduce(x, over).size) < 1 or x.dtype.kind != "f":
        return None
    count = x.dtype.type(count)

    def normalized(x, scale, bias=None):
        y = x - np.add.reduce(x, over, keepdims=True) / count
        variance = np.add.reduce(y * y, over, keepdims=True) / count
        y /= np.sqrt(variance + epsilon)
        y *= scale
        return y if bias is None else y + bias

    return maker.call(normalized, given, results)


@form(*recurrent.OPERATORS)
def _recurrent(maker, node, given, results):
    directions = maker.directions.get(id(node))
    x, lengths = given[0], given[4].array if len(given) > 4 else None
    if directions is None or lengths is not None or x.array.dtype == np.float16:
        return None
    dtype = next(iter(directions[0].parameters.values())).dtype
    states = [*given[5:7], *[Known.left_out()] * 2][: directions[0].cell.n_states]
    for k, own in enumerate(states):
        if own.array is None:
            states[k] = _fixed(np.zeros(results[1].shape, x.array.dtype))
    if any(v.array.dtype != dtype for v in (x, *states)):
        return None
    batch_first = bool(_attribute(node, "layout", 0))
    run = partial(recurrent.compute, directions, batch_first, None)
    m, steps = x.array.shape[:2] if batch_first else x.array.shape[1::-1]
    if m and steps == len(directions) == 1:
        run = recurrent.one_step(directions[0], m, [y.shape for y in results])
    return maker.call(run, [x, *states], results)
