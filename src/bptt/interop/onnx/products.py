"""Operators of ONNX that multiply: MatMul, Gemm; normalizations."""

from typing import Any

import numpy as np

from ...errors import InteropError
from .operators import Attributes, need_room, operator, padded


@operator("MatMul", shaped_by=())
def _matmul(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    a, b = inputs
    if a.ndim > 1 and b.ndim > 1:
        need_room(*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    return np.matmul(a, b)


@operator("Gemm", shaped_by=())
def _gemm(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    a, b, c = padded(inputs, 3)
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    need_room(a.shape[0], b.shape[1])
    y = a @ b
    if (alpha := attributes.get("alpha", 1.0)) != 1:
        y = (alpha * y).astype(y.dtype)
    if c is None:
        return y
    beta = attributes.get("beta", 1.0)
    return y + (c if beta == 1 else (beta * c).astype(y.dtype))


@operator("BatchNormalization", shaped_by=())
def _batch_normalization(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, scale, bias, mean, variance = inputs
    shape = (-1, *[1] * (x.ndim - 2))
    factor = scale / np.sqrt(variance + np.asarray(attributes.get("epsilon", 1e-5), x.dtype))
    return (x - mean.reshape(shape)) * factor.reshape(shape) + bias.reshape(shape)


@operator("LayerNormalization", shaped_by=())
def _layer_normalization(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, scale, bias = padded(inputs, 3)
    axis = attributes.get("axis", -1) % x.ndim
    over = tuple(range(axis, x.ndim))
    mean = x.mean(axis=over, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=over, keepdims=True)
    y = (
        (x - mean)
        / np.sqrt(variance + np.asarray(attributes.get("epsilon", 1e-5), x.dtype))
        * scale
    )
    return y if bias is None else y + bias


@operator("InstanceNormalization", shaped_by=())
def _instance_normalization(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, scale, bias = inputs
    over, shape = tuple(range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    centered = x - x.mean(axis=over, keepdims=True)
    variance = (centered**2).mean(axis=over, keepdims=True)
    y = centered / np.sqrt(variance + np.asarray(attributes.get("epsilon", 1e-5), x.dtype))
    return y * scale.reshape(shape) + bias.reshape(shape)


@operator("Einsum", shaped_by=())
def _einsum(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    equation = attributes.get("equation", "").replace(" ", "")
    terms = equation.split("->")[0].split(",")
    if "." in equation or any(len(t) != x.ndim for t, x in zip(terms, inputs, strict=True)):
        raise InteropError(
            f"Einsum has the equation {equation!r}; expected a letter for each axis."
        )
    sizes = {letter: n for t, x in zip(terms, inputs, strict=True)
             for letter, n in zip(t, x.shape, strict=True)}  # fmt: skip
    need_room(*sizes.values())  # the number of products
    return np.einsum(equation, *inputs)
