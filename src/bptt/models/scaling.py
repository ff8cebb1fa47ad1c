"""Mean and standard deviation of columns: computed from data, or read from a file."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from ..errors import ConfigError

LARGEST = 1e150  # its square is finite in float64
SMALL = 1e-140  # of numbers below it the square may be inexact or 0
NEARLY_CONSTANT = 1e-6  # std / |mean|, below which the rounding of a sum over rows may matter


@dataclass(frozen=True)
class Moments:
    """Number, mean and standard deviation of the values of columns; missing ones do not count.

    Attributes
    ----------
    count, mean, std : ndarray, shape (n,)
    """

    count: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Self:
        """Compute them of rows (n_rows, n), float64, with NaN where a value is missing."""
        count = np.full(rows.shape[1], len(rows))
        with np.errstate(all="ignore"):
            mean, std = rows.mean(axis=0), rows.std(axis=0)
            inexact = (std < SMALL) | (std <= NEARLY_CONSTANT * np.abs(mean))
            for j in np.flatnonzero(np.isnan(mean) | inexact):
                present = rows[~np.isnan(rows[:, j]), j]
                count[j] = len(present)
                mean[j], std[j] = _of_column(present) if len(present) else (0.0, 0.0)
        return cls(count, mean, std)

    @classmethod
    def merged(cls, parts: Sequence["Moments"]) -> "Moments":
        """Return the moments of all rows from those of parts of them: Chan et al. 1983."""
        if len(parts) == 1:
            return parts[0]
        count, mean, std = (
            np.stack([getattr(part, f.name) for part in parts]) for f in fields(cls)
        )
        with np.errstate(all="ignore"):
            _, exponent = np.frexp(np.maximum(np.abs(mean), std).max(axis=0))  # as `_of_column`
            mean, std = np.ldexp(mean, -exponent), np.ldexp(std, -exponent)
            share = count / np.maximum(count.sum(axis=0), 1)
            like = np.take_along_axis(mean, count.argmax(axis=0)[np.newaxis], axis=0)[0]
            whole = like + (share * (mean - like)).sum(axis=0)  # exact where all are equal
            square = (share * (std**2 + (mean - whole) ** 2)).sum(axis=0)
            return cls(
                count.sum(axis=0), np.ldexp(whole, exponent), np.ldexp(np.sqrt(square), exponent)
            )

    def to_json(self) -> list[list[float]]:
        """Return everything, ready for JSON."""
        return [self.count.tolist(), self.mean.tolist(), self.std.tolist()]

    @classmethod
    def from_json(cls, state: list[list[float]]) -> Self:
        """Undo `to_json`."""
        return cls(*map(np.array, state))

    def mean_and_scale(
        self, name: str, columns: Sequence[str] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation, the latter 1 where a column is constant.

        Parameters
        ----------
        name : str
            For the message.
        columns : sequence of str
            Names, for the message.

        Raises
        ------
        ConfigError
            The numbers are too large, or a column holds no value at all.
        """
        for j in np.flatnonzero(self.count == 0):
            what = f"feature {j}" if len(columns) != len(self.mean) else repr(columns[int(j)])
            raise ConfigError(
                f"{name} holds no value in {what}, all are missing; expected at least one."
            )
        if not ((np.abs(self.mean) <= LARGEST) & (self.std <= LARGEST)).all():
            raise ConfigError(f"{name} holds numbers too large to square; expected < 1e150.")
        constant = self.std <= 1e-14 * np.abs(self.mean)  # except for rounding
        return self.mean, np.where(constant, 1.0, self.std)


def mean_and_scale(
    name: str, rows: np.ndarray, columns: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the columns of rows: see `Moments`."""
    return Moments.of(rows).mean_and_scale(name, columns)


def _of_column(x):
    """Return mean and standard deviation of numbers of any size.

    They are divided by a power of two, which is exact, so that the squares of small ones are not 0.
    Of nearly equal ones the differences from the first are added: the sum of equal ones is rounded.
    """
    _, exponent = np.frexp(np.abs(x).max())
    x = np.ldexp(x, -exponent)
    mean, std = x.mean(), x.std()
    if std <= NEARLY_CONSTANT * abs(mean):
        mean, std = x[0] + (x - x[0]).mean(), (x - x[0]).std()
    return np.ldexp(mean, exponent), np.ldexp(std, exponent)


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
