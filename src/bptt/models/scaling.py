"""Mean and standard deviation of columns: computed from data, or read from a file."""

from typing import Any

import numpy as np

from ..errors import ConfigError

LARGEST = 1e150  # its square is finite in float64


def mean_and_scale(name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of columns; the latter 1 where a column is constant.

    Raises
    ------
    ConfigError
        The numbers are too large.
    """
    with np.errstate(all="ignore"):
        mean, scale = rows.mean(axis=0), rows.std(axis=0)
        scale[scale <= 1e-12 * np.abs(mean)] = 1.0  # constant, except for rounding
    if not (np.isfinite(mean) & np.isfinite(scale)).all():
        raise ConfigError(f"{name} holds numbers too large to square; expected < 1e150.")
    return mean, scale


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
    if not (row >= 1 / LARGEST).all():
        raise ConfigError(f"its {name} is not above 0.")
    return row
