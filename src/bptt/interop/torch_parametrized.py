"""Weights that a state dict keeps in parts: weight_norm, spectral_norm, dropout of weights."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ..safe_files import printable

__all__ = ["whole_weights"]

_RAW = re.compile(r"(.*\.)?(weight_hh_l\d+)_raw")


def whole_weights(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return a state dict whose weights are whole, and notes.

    - Weight normalization (Salimans & Kingma 2016) keeps g and v: w = g v / |v|, where the norm is
      over the axes that g does not have.
    - Spectral normalization (Miyato et al. 2018) keeps W, u and v: w = W / (u W v).
    - Dropout of recurrent weights (Merity et al. 2018) keeps weight_hh_l0_raw; weight_hh_l0 beside
      it, if any, holds the weights that the last training step dropped.
    """
    whole, notes = dict(tensors), []
    for name in tensors:
        for pattern, weight, others, joined, what in _PARTS:
            if match := pattern.fullmatch(name):
                w, *names = (match.expand(part) for part in (weight, *others))
                if not all(n in tensors for n in names):
                    continue
                if (value := joined(tensors[name], *(tensors[n] for n in names))) is not None:
                    whole = {w if k == name else k: t for k, t in whole.items() if k not in names}
                    whole[w] = value
                    notes.append(f"{printable(w, 80)} is {what}.")
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


def _spectral(W: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray | None:
    """Return W / (u W v); None if they do not fit one another."""
    if W.ndim != 2 or (*u.shape, *v.shape) != W.shape or {a.dtype.kind for a in (W, u, v)} != {"f"}:
        return None
    wide = W.astype(np.float64)
    with np.errstate(all="ignore"):  # as in `_normalized`
        return (wide / (u @ wide @ v)).astype(np.result_type(W.dtype, np.float32))


class _Part(NamedTuple):
    """The first part of a weight, the whole, the other parts, what joins them, and a note."""

    first: re.Pattern[str]
    weight: str
    others: tuple[str, ...]
    joined: Callable[..., np.ndarray | None]
    what: str


_PARTS = tuple(
    _Part(re.compile(first), weight, others, joined, what)
    for joined, what, rows in (
        (_normalized, "g v / |v| of weight normalization", (
            (r"((?:.*\.)?weight\w*)_g", r"\1", (r"\1_v",)),
            (r"(.*\.)?parametrizations\.(\w+)\.original0", r"\1\2",
             (r"\1parametrizations.\2.original1",)),
        )),
        (_spectral, "W / (u W v) of spectral normalization", (
            (r"((?:.*\.)?weight\w*)_orig", r"\1", (r"\1_u", r"\1_v")),
            (r"(.*\.)?parametrizations\.(\w+)\.original", r"\1\2",
             (r"\1parametrizations.\2.0._u", r"\1parametrizations.\2.0._v")),
        )),
    )
    for first, weight, others in rows
)  # fmt: skip
