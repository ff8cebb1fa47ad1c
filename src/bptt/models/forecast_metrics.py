"""Metrics of forecasts, overall or for each step of the horizon.

All take arrays (n, horizon, k) of n forecasts and average over `axis`: None for one number, `STEPS`
for one of each step. What is NaN in `actual` does not count.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

Axis = int | tuple[int, ...] | None
STEPS = (0, 2)  # averages over forecasts and values, not over steps


def _mean(errors, axis):
    """Return the mean of what is not NaN; NaN where nothing counts."""
    there = ~np.isnan(errors)
    total = np.sum(np.where(there, errors, 0.0), axis=axis)
    count = np.sum(there, axis=axis)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)


def mae(actual: np.ndarray, forecast: np.ndarray, axis: Axis = None) -> Any:
    """Return the mean absolute error, the mean of abs(y - f)."""
    return _mean(np.abs(actual - forecast), axis)


def rmse(actual: np.ndarray, forecast: np.ndarray, axis: Axis = None) -> Any:
    """Return the root mean square error, sqrt(mean (y - f)^2)."""
    return np.sqrt(_mean((actual - forecast) ** 2, axis))


def smape(actual: np.ndarray, forecast: np.ndarray, axis: Axis = None) -> Any:
    """Return the symmetric error, the mean of 2 abs(y - f) / (abs(y) + abs(f)), in [0, 2].

    0 where both are 0.

    Makridakis, Spiliotis and Assimakopoulos 2020 (M4), without the factor of 100.
    """
    error, size = np.abs(actual - forecast), np.abs(actual) + np.abs(forecast)
    return _mean(2 * np.divide(error, size, out=np.zeros_like(error), where=size != 0), axis)


def mase(actual: np.ndarray, forecast: np.ndarray, scale: np.ndarray, axis: Axis = None) -> Any:
    """Return the mean absolute scaled error, mean of abs(y - f) / scale (Hyndman and Koehler 2006).

    Parameters
    ----------
    actual, forecast : ndarray, shape (n, horizon, k)
    scale : ndarray, shape (n, 1, k)
        `naive_error` of the training part of each forecast's series.
    axis : int, tuple of int or None
    """
    return _mean(np.abs(actual - forecast) / scale, axis)


def naive_error(training: np.ndarray, season: int = 1) -> np.ndarray:
    """Return the mean absolute error of the seasonal naive forecast on a training part.

    mean of abs(y<t> - y<t - season>) (Hyndman and Koehler 2006).

    Parameters
    ----------
    training : ndarray, shape (n, k)
    season : int (steps)

    Returns
    -------
    ndarray, shape (k,)
        NaN where the part is not longer than a season, or where the error is 0.
    """
    error = _mean(np.abs(training[season:] - training[:-season]), 0)
    return np.where(error > 0, error, np.nan)


def pinball(actual: np.ndarray, quantile: np.ndarray, level: float, axis: Axis = None) -> Any:
    """Return the pinball loss of a quantile, mean max(level (y - q), (level - 1) (y - q)).

    Koenker and Bassett 1978.
    """
    error = actual - quantile
    return _mean(np.maximum(level * error, (level - 1) * error), axis)


def crps(actual: np.ndarray, quantiles: Mapping[float, np.ndarray], axis: Axis = None) -> Any:
    """Return the continuous ranked probability score from quantiles by level.

    Twice the mean of the pinball losses: it tends to the score where levels are many and evenly
    spaced (Gneiting and Ranjan 2011).
    """
    losses = [pinball(actual, q, level, axis) for level, q in quantiles.items()]
    return 2 * np.mean(losses, axis=0)


def coverage(actual: np.ndarray, lower: np.ndarray, upper: np.ndarray, axis: Axis = None) -> Any:
    """Return the share of values in the intervals, their ends included."""
    inside = ((lower <= actual) & (actual <= upper)).astype(np.float64)
    return _mean(np.where(np.isnan(actual), np.nan, inside), axis)


def width(actual: np.ndarray, lower: np.ndarray, upper: np.ndarray, axis: Axis = None) -> Any:
    """Return the mean width of the intervals of the values that count."""
    return _mean(np.where(np.isnan(actual), np.nan, upper - lower), axis)
