"""Metrics of predictions."""

from typing import Any

import numpy as np


def r2(truth: Any, predicted: Any, weights: np.ndarray | None = None) -> float:
    """Return the coefficient of determination, averaged over columns.

    `weights` (n,) multiply the squares of each row. A constant column has 1 where it is predicted
    exactly, otherwise 0. True values that are NaN do not count.
    """
    truth, predicted = (np.asarray(a, np.float64).reshape(len(a), -1) for a in (truth, predicted))
    if (missing := np.isnan(truth)).any():
        pairs = zip(truth.T, predicted.T, missing.T, strict=True)
        own = [(~m, t[~m], p[~m]) for t, p, m in pairs if not m.all()]
        return float(
            np.mean([r2(t, p, None if weights is None else weights[m]) for m, t, p in own])
        )
    w = np.ones((1, 1)) if weights is None else weights[:, np.newaxis]
    mean = truth.mean(axis=0) if weights is None else np.average(truth, axis=0, weights=weights)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers too large to square
        residual = np.sum(w * (truth - predicted) ** 2, axis=0)
        total = np.sum(w * (truth - mean) ** 2, axis=0)
        share = np.divide(residual, total, out=(residual > 0).astype(float), where=total > 0)
    return float(np.mean(1 - share))
