"""Operators of ONNX that multiply: MatMul, Gemm, Conv, ConvTranspose; normalizations."""

from typing import Any

import numpy as np

from ...errors import InteropError
from .operators import Attributes, need_room, operator, padded


@operator("MatMul")
def _matmul(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    a, b = inputs
    if a.ndim > 1 and b.ndim > 1:
        need_room(*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    return np.matmul(a, b)


@operator("Gemm")
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


@operator("Conv")
def _conv(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    """Convolve x (N, C, ...) with W (M, C / groups, ...): a product for each group."""
    x, W, b = padded(inputs, 3)
    n = x.ndim - 2
    strides = attributes.get("strides", [1] * n)
    dilations = attributes.get("dilations", [1] * n)
    groups = attributes.get("group", 1)
    reach = [(k - 1) * d + 1 for k, d in zip(W.shape[2:], dilations, strict=True)]
    pads = attributes.get("pads", [0] * 2 * n)
    if attributes.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        total = [
            max((-(-size // s) - 1) * s + r - size, 0)
            for size, s, r in zip(x.shape[2:], strides, reach, strict=True)
        ]
        lower = attributes["auto_pad"] == "SAME_LOWER"
        first = [(t + lower) // 2 for t in total]
        pads = [*first, *(t - f for t, f in zip(total, first, strict=True))]
    if x.shape[1] != W.shape[1] * groups or W.shape[0] % groups or min(strides) < 1:
        raise InteropError(f"Conv of x {x.shape} with W {W.shape} and {groups} groups do not fit.")
    if any(pads):
        x = np.pad(x, [(0, 0), (0, 0), *zip(pads[:n], pads[n:], strict=True)])
    windows = np.lib.stride_tricks.sliding_window_view(x, reach, axis=tuple(range(2, n + 2)))
    every = tuple(slice(None, None, s) for s in strides)
    kernel = tuple(slice(None, None, d) for d in dilations)
    windows = windows[(slice(None), slice(None), *every, *kernel)]
    need_room(x.shape[0], W.shape[0], *windows.shape[2 : 2 + n])
    outputs = []
    axes = ([1, *range(2 + n, 2 + 2 * n)], list(range(1, n + 2)))
    for own, weights in zip(np.split(windows, groups, 1), np.split(W, groups), strict=True):
        outputs.append(np.moveaxis(np.tensordot(own, weights, axes), -1, 1))
    y = np.concatenate(outputs, axis=1)
    return y if b is None else y + b.reshape(-1, *[1] * n)


@operator("BatchNormalization")
def _batch_normalization(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, scale, bias, mean, variance = inputs
    shape = (-1, *[1] * (x.ndim - 2))
    factor = scale / np.sqrt(variance + np.asarray(attributes.get("epsilon", 1e-5), x.dtype))
    return (x - mean.reshape(shape)) * factor.reshape(shape) + bias.reshape(shape)


@operator("LayerNormalization")
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


@operator("ConvTranspose")
def _conv_transpose(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    """Spread x (N, C, ...) by W (C, M / groups, ...): the gradient of Conv."""
    x, W, b = padded(inputs, 3)
    n, groups = x.ndim - 2, attributes.get("group", 1)
    strides = attributes.get("strides", [1] * n)
    dilations = attributes.get("dilations", [1] * n)
    pads = attributes.get("pads", [0] * 2 * n)
    extra = attributes.get("output_padding", [0] * n)
    if attributes.get("auto_pad", "NOTSET") != "NOTSET" or "output_shape" in attributes:
        raise InteropError("ConvTranspose has auto_pad or output_shape; expected pads.")
    if x.shape[1] != W.shape[0] or W.shape[0] % groups or min(strides) < 1:
        raise InteropError(f"ConvTranspose of x {x.shape} with W {W.shape} does not fit.")
    full = [
        (size - 1) * s + (k - 1) * d + 1 + e
        for size, s, k, d, e in zip(
            x.shape[2:], strides, W.shape[2:], dilations, extra, strict=True
        )
    ]
    need_room(x.shape[0], W.shape[1] * groups, *full)
    outputs = []
    for own, weights in zip(np.split(x, groups, 1), np.split(W, groups), strict=True):
        y = np.zeros((x.shape[0], W.shape[1], *full), x.dtype)
        for tap in np.ndindex(*W.shape[2:]):
            spread = np.moveaxis(np.tensordot(own, weights[(..., *tap)], ([1], [0])), -1, 1)
            place = [
                slice(t * d, t * d + (size - 1) * s + 1, s)
                for t, d, size, s in zip(tap, dilations, x.shape[2:], strides, strict=True)
            ]
            y[(slice(None), slice(None), *place)] += spread
        outputs.append(y)
    y = np.concatenate(outputs, axis=1)
    ends = [size - p for size, p in zip(full, pads[n:], strict=True)]
    y = y[(slice(None), slice(None), *(slice(p, e) for p, e in zip(pads[:n], ends, strict=True)))]
    return y if b is None else y + b.reshape(-1, *[1] * n)
