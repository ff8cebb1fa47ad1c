"""Sums and maxima over the time steps of each sequence of a ragged batch (batch first)."""

import numpy as np

from .sequences import valid_steps

_AT_ONCE = 2**19  # elements summed at a time: memory does not grow with T_x


def add_steps(x: np.ndarray, lengths: np.ndarray | None, total: np.ndarray) -> np.ndarray:
    """Return total + x<0> + x<1> + ..., added in this order in float64.

    Parameters
    ----------
    x : ndarray, shape (m, T_x, n)
    lengths : ndarray of int, shape (m,), optional
    total : ndarray of float64, shape (m, n)
    """
    if lengths is not None:
        x = x[:, : lengths.max(initial=0)]
        x = np.where(valid_steps(lengths, *x.shape[:2])[:, :, np.newaxis], x, x.dtype.type(0))
    total = total.copy()
    if total.size >= 512:  # a step at a time: 0.3 ms for (32, 100, 64), with cumsum 1 ms
        for t in range(x.shape[1]):
            total += x[:, t]
        return total
    some = max(1, _AT_ONCE // max(1, total.size))
    for t in range(0, x.shape[1], some):
        sums = x[:, t : t + some].astype(np.float64)
        sums[:, 0] += total
        total = np.cumsum(sums, axis=1, out=sums)[:, -1].copy()
    return total


def max_steps(
    x: np.ndarray, lengths: np.ndarray | None, top: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the maximum of `top` and the steps, and which of them is the first that has it.

    Parameters
    ----------
    x : ndarray, shape (m, T_x, n)
    lengths : ndarray of int, shape (m,), optional
    top : ndarray, shape (m, n), of the dtype of x

    Returns
    -------
    most : ndarray, shape (m, n)
        NaN where a step is NaN.
    at : ndarray of int64, shape (m, n)
        0 for `top`, 1 + t for step t.
    """
    seen = np.empty((len(x), 1 + x.shape[1], x.shape[2]), x.dtype)
    seen[:, 0] = top
    exists = valid_steps(lengths, *x.shape[:2])
    seen[:, 1:] = np.where(exists[:, :, np.newaxis], x, -np.inf)
    at = np.argmax(seen, axis=1)
    return np.take_along_axis(seen, at[:, np.newaxis], axis=1)[:, 0], at
