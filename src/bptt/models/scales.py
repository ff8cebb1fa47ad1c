"""Scaling of series: one mean and standard deviation for all, or those of each series."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from ..checks import require_finite
from ..errors import ConfigError
from .scaling import LARGEST, SMALL, finite_row, mean_and_scale, scale_row

Scaling = Literal["global", "series"]


@dataclass(frozen=True)
class Scales:
    """Mean and standard deviation of m series or windows, or one row for all of them.

    Attributes
    ----------
    mean, scale : ndarray of float64, shape (m, k) or (1, k)
    """

    mean: np.ndarray
    scale: np.ndarray

    def scaled(self, x: np.ndarray) -> np.ndarray:
        """Return standardized values (m, n, k), float32."""
        with np.errstate(over="ignore"):  # `unscaled` refuses what is not finite
            z = (x - self.mean[:, np.newaxis]) / self.scale[:, np.newaxis]
            return z.astype(np.float32)

    def of_series(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return whole series, each (n_i, k), standardized by their rows, float32."""
        lengths = [len(x) for x in values]
        rows = np.concatenate(values)
        mean, scale = self.mean, self.scale
        if len(mean) > 1:
            mean, scale = (np.repeat(part, lengths, axis=0) for part in (mean, scale))
        with np.errstate(over="ignore"):
            z = ((rows - mean) / scale).astype(np.float32)
        return np.split(z, np.cumsum(lengths)[:-1])

    def unscaled(self, z: np.ndarray) -> np.ndarray:
        """Undo `scaled`, in float64.

        Raises
        ------
        BpttError
            A number is not finite.
        """
        require_finite(z)
        return z * self.scale[:, np.newaxis] + self.mean[:, np.newaxis]

    def __getitem__(self, rows: Any) -> Self:
        """Return some rows; where there is one for all, itself."""
        return self if len(self.mean) == 1 else type(self)(self.mean[rows], self.scale[rows])

    def repeated(self, n: int) -> Self:
        """Return each row n times in turn."""
        return self[np.repeat(np.arange(len(self.mean)), n)]


@dataclass(frozen=True)
class SeriesScales:
    """Scales of the series that a model was trained on, by their ids.

    Attributes
    ----------
    ids : tuple of str, optional
    scales : Scales
        A row for each series.
    """

    ids: tuple[str, ...] | None
    scales: Scales

    def of(
        self,
        values: Sequence[np.ndarray],
        ids: Sequence[str] | None,
        ends: Sequence[int] | None = None,
    ) -> Scales:
        """Return the scales of series: those of the training by id, else of their own steps.

        Parameters
        ----------
        values : sequence of ndarray, each (n_i, k)
        ids : sequence of str, optional
        ends : sequence of int, optional
            Steps of each series that may be used.
        """
        place = {} if self.ids is None else {name: i for i, name in enumerate(self.ids)}
        known = [-1 if ids is None else place.get(ids[i], -1) for i in range(len(values))]
        new = [i for i, j in enumerate(known) if j < 0]
        mean, scale = self.scales.mean[known], self.scales.scale[known]
        if new:
            parts = [values[i] if ends is None else values[i][: ends[i]] for i in new]
            own = series_scales(parts, self.scales.mean.mean(axis=0))
            mean[new], scale[new] = own.mean, own.scale
        return Scales(mean, scale)

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        mean, scale = self.scales.mean, self.scales.scale
        return {"mean": mean.reshape(-1).tolist(), "scale": scale.reshape(-1).tolist()}

    @classmethod
    def from_json(cls, state: dict[str, Any], ids: tuple[str, ...] | None, k: int) -> Self:
        """Undo `to_json`; the content of a file is not trusted.

        Raises
        ------
        ConfigError, KeyError, TypeError
        """
        n = len(state["mean"])
        if not n or n % k or (ids is not None and len(ids) * k != n):
            raise ConfigError("its scales are not those of its series.")
        mean = finite_row("mean of series", state["mean"], n).reshape(-1, k)
        return cls(
            ids, Scales(mean, scale_row("scale of series", state["scale"], n).reshape(-1, k))
        )


def series_scales(values: Sequence[np.ndarray], default: np.ndarray) -> Scales:
    """Return mean and standard deviation of each series; `default` and 1 where a column is empty.

    Parameters
    ----------
    values : sequence of ndarray, each (n_i, k)
        At least one step each.
    default : ndarray, shape (k,)

    Raises
    ------
    ConfigError
        Numbers are too large to square.
    """
    lengths = np.array([len(x) for x in values])
    rows, starts = np.concatenate(values), np.cumsum(lengths) - lengths
    n = lengths[:, np.newaxis]
    with np.errstate(all="ignore"):
        mean = np.add.reduceat(rows, starts, axis=0) / n
        squares = (rows - np.repeat(mean, lengths, axis=0)) ** 2
        scale = np.sqrt(np.add.reduceat(squares, starts, axis=0) / n)
        odd = ~((scale > SMALL) & (scale > 1e-14 * np.abs(mean)) & (scale < LARGEST))
        odd |= ~(np.abs(mean) < LARGEST)
    # Missing values, constants, and numbers whose squares are not in float64:
    for i in map(int, np.flatnonzero(odd.any(axis=1))):
        gone = np.isnan(values[i]).all(axis=0)
        own = mean_and_scale("X", np.where(gone, 0.0, values[i]))
        mean[i], scale[i] = np.where(gone, default, own[0]), np.where(gone, 1.0, own[1])
    return Scales(mean, scale)
