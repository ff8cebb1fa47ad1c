"""Mean and standard deviation of columns: computed from data, or read from a file."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ConfigError

LARGEST = 1e150  # its square is finite in float64
SMALL = 1e-140  # of numbers below it the square may be inexact or 0


def mean_and_scale(
    name: str, rows: np.ndarray, columns: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of columns; the latter 1 where a column is constant.

    Parameters
    ----------
    name : str
        For the message.
    rows : ndarray of float64, shape (n_rows, n)
        Missing values (NaN) do not count.
    columns : sequence of str
        Names, for the message.

    Raises
    ------
    ConfigError
        The numbers are too large, or a column holds no value at all.
    """
    with np.errstate(all="ignore"):
        mean, scale = rows.mean(axis=0), rows.std(axis=0)
        for j in np.flatnonzero(np.isnan(mean) | (scale < SMALL)):
            present = rows[~np.isnan(rows[:, j]), j]
            if not len(present):
                what = f"feature {j}" if len(columns) != len(mean) else repr(columns[int(j)])
                raise ConfigError(
                    f"{name} holds no value in {what}, all are missing; expected at least one."
                )
            mean[j], scale[j] = _of_column(present)
        scale[scale <= 1e-14 * np.abs(mean)] = 1.0  # constant, except for rounding
    if not ((np.abs(mean) <= LARGEST) & (scale <= LARGEST)).all():
        raise ConfigError(f"{name} holds numbers too large to square; expected < 1e150.")
    return mean, scale


def _of_column(x):
    """Return mean and standard deviation of numbers of any size.

    They are divided by a power of two, which is exact, so that the squares of small ones are not 0.
    """
    _, exponent = np.frexp(np.abs(x).max())
    x = np.ldexp(x, -exponent)
    return np.ldexp(x.mean(), exponent), np.ldexp(x.std(), exponent)


def finite_row(name: str, values: Any, n: int) -> np.ndarray:
    """Return n finite numbers from a file.

    Raises
    ------
    ConfigError
    """
    is_row = isinstance(values, list) and len(values) == n
    if not is_row or not all(isinstance(v, (int, float)) for v in values):
        raise ConfigError(f"its {name} is not a list of {n} numbers.")
    row = np.array([float(v) for v in values], np.float64)
    if not (np.abs(row) <= LARGEST).all():
        raise ConfigError(f"its {name} is not finite, or too large to square.")
    return row


def scale_row(name: str, values: Any, n: int) -> np.ndarray:
    """Return n divisors from a file.

    Raises
    ------
    ConfigError
    """
    row = finite_row(name, values, n)
    if not (row > 0).all():
        raise ConfigError(f"its {name} is not above 0.")
    return row
