"""Scaling of series: one mean and standard deviation for all, or those of each series."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from ..checks import require_finite
from ..errors import ConfigError
from .scaling import finite_row, mean_and_scale, scale_row

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
        rows = []
        for i, x in enumerate(values):
            j = None if ids is None else place.get(ids[i])
            if j is not None:
                rows.append((self.scales.mean[j], self.scales.scale[j]))
            else:
                own = x if ends is None else x[: ends[i]]
                rows.append(series_scale(own, self.scales.mean.mean(axis=0)))
        return Scales(*(np.stack(part) for part in zip(*rows, strict=True)))

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


def series_scale(x: np.ndarray, default: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of a series; `default` and 1 where a column has no value.

    Raises
    ------
    ConfigError
        Its numbers are too large to square.
    """
    gone = np.isnan(x).all(axis=0)
    if not gone.any():
        return mean_and_scale("X", x)
    mean, scale = mean_and_scale("X", np.where(gone, 0.0, x))
    return np.where(gone, default, mean), np.where(gone, 1.0, scale)
