"""Operators of ONNX that make, cut, join and move arrays."""

import math
from typing import Any

import numpy as np

from ...errors import InteropError
from .operators import Attributes, axes_of, ints, need_room, operator


@operator("Shape", shaped_by=())
def _shape(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    return np.array(inputs[0].shape, np.int64)[attributes.get("start", 0) : attributes.get("end")]


@operator("Size", shaped_by=())
def _size(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    return np.array(inputs[0].size, np.int64)


@operator("Constant")
def _constant(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    for name, dtype in (("value_float", "f4"), ("value_floats", "f4"), ("value_int", "i8"),
                        ("value_ints", "i8")):  # fmt: skip
        if name in attributes:
            return np.array(attributes[name], dtype)
    if "value" not in attributes:
        raise InteropError(f"Constant has {', '.join(attributes)}; expected a value.")
    return attributes["value"]


@operator("ConstantOfShape", shaped_by=(0, 1, 2))
def _constant_of_shape(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    shape, value = ints(inputs[0]), attributes.get("value", np.zeros(1, np.float32))
    need_room(*shape)
    return np.full(shape, value.ravel()[0], value.dtype)


@operator("Range", shaped_by=(0, 1, 2))
def _range(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    start, limit, delta = (x.item() for x in inputs)
    if not delta:
        raise InteropError("Range has a step of 0; expected another.")
    need_room(max(0, math.ceil((limit - start) / delta)))
    return np.arange(start, limit, delta, dtype=inputs[0].dtype)


@operator("Reshape")
def _reshape(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, shape = inputs[0], ints(inputs[1])
    if not attributes.get("allowzero"):
        shape = [x.shape[i] if n == 0 else n for i, n in enumerate(shape)]
    return x.reshape(shape)


@operator("Flatten", shaped_by=())
def _flatten(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    (x,), axis = inputs, attributes.get("axis", 1)
    axis = axis % x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@operator("Squeeze")
def _squeeze(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    axes = axes_of(inputs, attributes)
    return np.squeeze(inputs[0], None if axes is None else tuple(axes))


@operator("Unsqueeze")
def _unsqueeze(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    return np.expand_dims(inputs[0], tuple(axes_of(inputs, attributes) or ()))


@operator("Transpose", shaped_by=())
def _transpose(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    return np.transpose(inputs[0], attributes.get("perm"))


@operator("Expand")
def _expand(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    shape = np.broadcast_shapes(inputs[0].shape, tuple(ints(inputs[1])))
    need_room(*shape)
    return np.broadcast_to(inputs[0], shape)


@operator("Tile")
def _tile(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    repeats = ints(inputs[1])
    need_room(*(n * r for n, r in zip(inputs[0].shape, repeats, strict=True)))
    return np.tile(inputs[0], repeats)


@operator("Concat", shaped_by=())
def _concat(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    return np.concatenate(inputs, axis=attributes["axis"])


@operator("Split")
def _split(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, axis = inputs[0], attributes.get("axis", 0)
    sizes = ints(attributes.get("split", inputs[1] if len(inputs) > 1 else None))
    if sizes is None:
        n = attributes["n_outputs"]  # of the node, from `compute`
        each = -(-x.shape[axis] // n)
        sizes = [each] * (n - 1) + [x.shape[axis] - each * (n - 1)]
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis=axis))


@operator("Slice")
def _slice(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    return inputs[0][slice_index(inputs, attributes)]


def slice_index(inputs: list[Any], attributes: Attributes) -> tuple[slice, ...]:
    """Return the index of a Slice."""
    x = inputs[0]
    starts, ends, axes, steps = (
        ints(attributes.get(name, inputs[k] if len(inputs) > k else None))
        for k, name in enumerate(("starts", "ends", "axes", "steps"), 1)
    )
    index = [slice(None)] * x.ndim
    axes, steps = axes or range(len(starts)), steps or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        n = x.shape[axis]
        if step < 0 and end < -n:  # before the first
            end = None
        index[axis] = slice(start, end, step)
    return tuple(index)


@operator("Gather", shaped_by=())
def _gather(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, indices = inputs
    axis = attributes.get("axis", 0)
    need_room(*x.shape[:axis], *indices.shape, *x.shape[axis % x.ndim + 1 :])
    return np.take(x, indices, axis=axis)


@operator("GatherElements", shaped_by=())
def _gather_elements(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, indices = inputs
    axis = attributes.get("axis", 0) % x.ndim
    return np.take_along_axis(x[_beside(indices, axis)], indices, axis)


def _beside(indices: np.ndarray, axis: int) -> tuple[slice, ...]:
    """Return the part of an array that indices along an axis, one for each element, belong to."""
    return tuple(slice(None if k == axis else n) for k, n in enumerate(indices.shape))


@operator("OneHot")
def _one_hot(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    indices, depth, values = inputs
    depth = int(np.ravel(depth)[0])
    need_room(*indices.shape, depth)
    found = (indices[..., np.newaxis] % depth) == np.arange(depth)
    return np.moveaxis(np.where(found, values[1], values[0]), -1, attributes.get("axis", -1))


@operator("Pad")
def _pad(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    cut, widths, mode, value = pad_arguments(inputs, attributes)
    x = inputs[0][cut]
    if mode == "constant":
        return np.pad(x, widths, constant_values=value)
    return np.pad(x, widths, mode=mode)


def pad_arguments(inputs: list[Any], attributes: Attributes) -> tuple[Any, Any, Any, Any]:
    """Return the part of x that a Pad keeps, and the widths, mode and value of `numpy.pad`."""
    x = inputs[0]
    pads = ints(attributes.get("pads", inputs[1] if len(inputs) > 1 else None))
    value = inputs[2] if len(inputs) > 2 and inputs[2] is not None else attributes.get("value", 0.0)
    if len(inputs) > 3 and inputs[3] is not None:
        raise InteropError("Pad has axes; expected pads for all axes.")
    mode: Any = attributes.get("mode", "constant")
    if mode not in ("constant", "reflect", "edge", "wrap"):
        raise InteropError(f"Pad has mode {mode!r}; expected constant, reflect, edge or wrap.")
    n = x.ndim
    before, after = pads[:n], pads[n:]
    need_room(*(size + abs(b) + abs(a) for size, b, a in zip(x.shape, before, after, strict=True)))
    cut = tuple(slice(max(-b, 0), size - max(-a, 0))
                for size, b, a in zip(x.shape, before, after, strict=True))  # fmt: skip
    widths = [(max(b, 0), max(a, 0)) for b, a in zip(before, after, strict=True)]
    return cut, widths, mode, np.asarray(value, x.dtype).ravel()[0]


@operator("ReverseSequence", shaped_by=())
def _reverse_sequence(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, lengths = inputs
    time, batch = attributes.get("time_axis", 0), attributes.get("batch_axis", 1)
    rows = np.moveaxis(x, (batch, time), (0, 1))
    t = np.arange(rows.shape[1])
    n = lengths[:, np.newaxis]
    index = np.where(t < n, n - 1 - t, t).reshape(*rows.shape[:2], *[1] * (x.ndim - 2))
    return np.moveaxis(np.take_along_axis(rows, index, 1), (0, 1), (batch, time))


@operator("ScatterND", shaped_by=())
def _scatter_nd(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, indices, updates = inputs
    if attributes.get("reduction", "none") != "none":
        raise InteropError("ScatterND has a reduction; expected none.")
    y = x.copy()
    y[tuple(np.moveaxis(indices, -1, 0))] = updates
    return y


@operator("ScatterElements", "Scatter", shaped_by=())
def _scatter_elements(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, indices, updates = inputs
    if attributes.get("reduction", "none") != "none":
        raise InteropError("ScatterElements has a reduction; expected none.")
    y, axis = x.copy(), attributes.get("axis", 0) % x.ndim
    np.put_along_axis(y[_beside(indices, axis)], indices, updates, axis)
    return y


@operator("GatherND", shaped_by=())
def _gather_nd(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, indices = inputs
    if attributes.get("batch_dims"):
        raise InteropError("GatherND has batch_dims; expected none.")
    need_room(*indices.shape[:-1], *x.shape[indices.shape[-1] :])
    return x[tuple(np.moveaxis(indices, -1, 0))]


@operator("NonZero", shaped_by=(0,))
def _non_zero(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    return np.array(np.nonzero(inputs[0]), np.int64)


@operator("Trilu", shaped_by=())
def _trilu(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    k = int(np.ravel(inputs[1])[0]) if len(inputs) > 1 and inputs[1] is not None else 0
    return (np.triu if attributes.get("upper", 1) else np.tril)(inputs[0], k)


@operator("TopK")
def _top_k(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, k = inputs[0], int(np.ravel(inputs[1])[0])
    axis = attributes.get("axis", -1)
    key = np.moveaxis(-x if attributes.get("largest", 1) else x, axis, -1)
    order = np.moveaxis(np.argsort(key, axis=-1, kind="stable")[..., :k], -1, axis)
    return np.take_along_axis(x, order, axis=axis), order
