"""Weights that a state dict of PyTorch keeps in parts: weight_norm, and dropout of weights."""

import re
from collections.abc import Mapping

import numpy as np

from ..safe_files import printable

__all__ = ["whole_weights"]

_NORM = (  # of nn.utils.weight_norm, and of nn.utils.parametrizations.weight_norm
    (re.compile(r"((?:.*\.)?weight\w*)_g"), r"\1", r"\1_v"),
    (re.compile(r"(.*\.)?parametrizations\.(\w+)\.original0"), r"\1\2",
     r"\1parametrizations.\2.original1"),
)  # fmt: skip
_RAW = re.compile(r"(.*\.)?(weight_hh_l\d+)_raw")


def whole_weights(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return a state dict whose weights are whole, and notes.

    - Weight normalization (Salimans & Kingma 2016) keeps g and v: w = g v / |v|, where the norm is
      over the axes that g does not have.
    - Dropout of recurrent weights (Merity et al. 2018) keeps weight_hh_l0_raw; weight_hh_l0 beside
      it, if any, holds the weights that the last training step dropped.
    """
    whole, notes = dict(tensors), []
    for name in tensors:
        for pattern, weight, direction in _NORM:
            if match := pattern.fullmatch(name):
                w, v = match.expand(weight), match.expand(direction)
                if v in tensors and (value := _normalized(tensors[name], tensors[v])) is not None:
                    whole = {w if k == name else k: t for k, t in whole.items() if k != v}
                    whole[w] = value
                    notes.append(f"{printable(w, 80)} is g v / |v| of weight normalization.")
        if match := _RAW.fullmatch(name):
            prefix, weight = match[1] or "", match[2]
            inner = f"{prefix}module."
            prefix = inner if f"{inner}{weight.replace('hh', 'ih')}" in tensors else prefix
            whole[f"{prefix}{weight}"] = whole.pop(name)
            notes.append(f"{printable(prefix + weight, 80)} is that before the dropout of weights.")
    return whole, notes


def _normalized(g: np.ndarray, v: np.ndarray) -> np.ndarray | None:
    """Return g v / |v|; None if they do not fit one another."""
    axes = tuple(i for i, n in enumerate(g.shape) if n == 1)
    if g.size == 1:
        g, axes = g.reshape([1] * v.ndim), tuple(range(v.ndim))
    expected = tuple(1 if i in axes else n for i, n in enumerate(v.shape))
    if g.shape != expected or g.dtype.kind != "f" or v.dtype.kind != "f":
        return None
    wide = v.astype(np.float64)
    with np.errstate(all="ignore"):  # a norm of 0 gives NaN, which is refused as in any weight
        norm = np.sqrt((wide**2).sum(axis=axes, keepdims=True))
        return (g * (wide / norm)).astype(np.result_type(v.dtype, np.float32))
