"""The operators in plans that sum and multiply: reductions, MatMul, Gemm, Conv, normalizations."""

import math
from operator import methodcaller

import numpy as np

from . import recurrent
from .convolutions import convolution, transposed_convolution
from .operators import axes_of
from .plans import Known, form
from .steps import attribute, elementwise, fixed

ROWS_FIRST = methodcaller("swapaxes", 0, 1)  # exchanged with time, or with directions

_MOST_PRODUCTS = 2**20  # of an embedding's table with the weights of a recurrent node, kept


@form("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin")
def _reduce(maker, node, given, results):
    x = given[0].array
    axes = axes_of([v.array for v in given], node.attributes)
    if (not axes and attribute(node, "noop_with_empty_axes", 0)) or x.dtype.kind != "f":
        return None
    over = tuple(axes) if axes else tuple(range(x.ndim))
    kept = bool(attribute(node, "keepdims", 1))
    if node.op == "ReduceMean" and over in ((-1,), (x.ndim - 1,)) and 0 < x.shape[-1] < 1024:
        share = np.full((x.shape[-1], 1), 1 / x.shape[-1], x.dtype)  # a third of the time of a sum
        return maker.call(np.matmul, [given[0], fixed(share if kept else share[:, 0])], results[0])
    ufunc = {"ReduceMax": np.maximum, "ReduceMin": np.minimum}.get(node.op, np.add)
    y = maker.call(lambda x, out: ufunc.reduce(x, over, None, out, kept), given[:1], results[0])
    if node.op != "ReduceMean":
        return y
    count = fixed(x.dtype.type(x.size // max(results[0].size, 1)))
    return maker.call(np.divide, [y, count], results[0])


@form("Softmax")
def _softmax(maker, node, given, results):
    x = given[0].array
    if maker.opset < 13:
        axis = tuple(range(attribute(node, "axis", 1) % x.ndim, x.ndim))
    else:
        axis = attribute(node, "axis", -1)

    def softmax(x, out):
        np.subtract(x, np.maximum.reduce(x, axis, keepdims=True), out=out)
        np.exp(out, out=out)
        np.divide(out, np.add.reduce(out, axis, keepdims=True), out=out)

    return maker.call(softmax, given, results[0]) if x.size else None


@form("MatMul")
def _matmul(maker, node, given, results):
    a, W = given
    if W.array.ndim != 2 or a.array.ndim < 3 or not a.array.size:
        return _product(maker, a, W, results[0])
    rows = maker.reshape(a, (-1, a.array.shape[-1]))  # one product in place of one for each matrix
    product = _product(maker, rows, W, rows.array @ W.array)
    return maker.reshape(product, results[0].shape)


def _product(maker, a, b, result):
    """Multiply; by np.dot, which is called faster, where both are matrices."""
    return maker.call(np.dot if a.array.ndim == b.array.ndim == 2 else np.matmul, [a, b], result)


@form("Gemm")
def _gemm(maker, node, given, results):
    a, b, *c = given
    if not b.fixed or not all(v.fixed for v in c):
        return None
    alpha, beta = attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)
    dtype = results[0].dtype.type
    W = b.array.T if attribute(node, "transB", 0) else b.array
    W = fixed(W if alpha == 1 else W * dtype(alpha))
    if attribute(node, "transA", 0):
        a = maker.view(np.transpose, a)
    y = _product(maker, a, W, results[0])
    if not c or c[0].array is None:
        return y
    bias = c[0].array if beta == 1 else c[0].array * dtype(beta)
    return elementwise(maker, np.add, [y, fixed(bias)], results[0])


@form("Conv", "ConvTranspose")
def _conv(maker, node, given, results):
    x, W, *b = given
    if not all(v.fixed for v in given[1:]) or not results[0].size or not x.array.size:
        return None
    make = convolution if node.op == "Conv" else transposed_convolution
    y = x
    for stage in make(x.array.shape, W.array, node.attributes):
        calls = stage.kind == "call"
        array = np.empty(stage.shape, W.array.dtype) if calls else stage.function(y.array)
        (y,) = maker.add(stage.kind, stage.function, [y], [array])
    if b and b[0].array is not None:
        bias = b[0].array.reshape(-1, *[1] * (x.array.ndim - 2))
        y = elementwise(maker, np.add, [y, fixed(bias)], results[0])
    y.origin = "Conv", (node, given)
    return y


@form("BatchNormalization")
def _batch_normalization(maker, node, given, results):
    if not all(v.fixed for v in given[1:]):
        return None
    x, scale, bias, mean, variance = (v.array for v in given)
    factor = scale / np.sqrt(variance + np.asarray(attribute(node, "epsilon", 1e-5), x.dtype))
    shift = bias - mean * factor
    if given[0].origin and given[0].origin[0] == "Conv":
        conv, own = given[0].origin[1]
        return _scaled_conv(maker, conv, own, factor, shift, results)
    shape = (-1, *[1] * (x.ndim - 2))
    own = [fixed(v.reshape(shape)) for v in (factor, shift)]
    scaled = elementwise(maker, np.multiply, [given[0], own[0]], results[0])
    return elementwise(maker, np.add, [scaled, own[1]], results[0])


def _scaled_conv(maker, node, given, factor, shift, results):
    """Scale the outputs of a Conv by its weights; it is left out if nothing else needs it."""
    x, W, *b = given
    if node.op == "Conv":
        each = factor[:, np.newaxis]
    else:  # W is (C, M / groups, ...)
        groups = attribute(node, "group", 1)
        each = np.repeat(factor.reshape(groups, -1), len(W.array) // groups, axis=0)
    weights = W.array * each.reshape(*each.shape, *[1] * (W.array.ndim - 2))
    bias = shift if not b or b[0].array is None else shift + factor * b[0].array
    return _conv(maker, node, [x, fixed(weights), fixed(bias)], results)


@form("LayerNormalization")
def _layer_normalization(maker, node, given, results):
    x = given[0].array
    over = tuple(range(attribute(node, "axis", -1) % x.ndim, x.ndim))
    epsilon = x.dtype.type(attribute(node, "epsilon", 1e-5))
    if not x.size or x.dtype.kind != "f":
        return None
    count = x.dtype.type(math.prod(x.shape[over[0] :]))

    def normalized(x, out):
        np.subtract(x, np.add.reduce(x, over, keepdims=True) / count, out=out)
        variance = np.add.reduce(out * out, over, keepdims=True) / count
        np.divide(out, np.sqrt(variance + epsilon), out=out)

    y = maker.call(normalized, given[:1], results[0])
    for ufunc, v in zip((np.multiply, np.add), given[1:], strict=False):
        y = y if v.array is None else elementwise(maker, ufunc, [y, v], results[0])
    return y


@form(*recurrent.OPERATORS)
def _recurrent(maker, node, given, results):
    directions = maker.directions.get(id(node))
    x, lengths = given[0], given[4].array if len(given) > 4 else None
    if directions is None or lengths is not None:
        return None
    dtype = next(iter(directions[0].parameters.values())).dtype
    states = [*given[5:7], *[Known.left_out()] * 2][: directions[0].cell.n_states]
    for k, own in enumerate(states):
        if own.array is None:
            states[k] = fixed(np.zeros(results[1].shape, x.array.dtype))
    if any(v.array.dtype != dtype for v in (x, *states)):
        return None
    n_a, table = states[0].array.shape[2], None
    width = len(directions) * recurrent.N_GATES[node.op] * n_a
    if x.origin and x.origin[0] == "Gather" and len(x.origin[1][0]) * width <= _MOST_PRODUCTS:
        table, tokens = x.origin[1]
        x = maker.call(lambda x, out: np.copyto(out, x), [tokens], tokens.array.astype(np.int64))
    run = directions.prepared(table)
    if batch_first := bool(attribute(node, "layout", 0)):
        states = [maker.view(ROWS_FIRST, s) for s in states]
    else:
        x = maker.view(ROWS_FIRST, x)
    m, T_x = x.array.shape[:2]
    n = len(directions)
    arrays = [np.empty((m, T_x, n * n_a), dtype), *[s.array for s in states]]

    def computed(x, *states, out):
        run(x, states, None, out)

    y, *ends = maker.add("call", computed, [x, *states], arrays)
    y = maker.reshape(y, (m, T_x, n, n_a))
    if batch_first:
        return [y, *[maker.view(ROWS_FIRST, s) for s in ends]]
    return [maker.view(methodcaller("transpose", (1, 2, 0, 3)), y), *ends]
