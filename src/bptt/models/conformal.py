"""Conformal intervals: half-widths from the errors of forecasts that training has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..errors import ConfigError
from .scaling import finite_row

_MOST_KEPT = 2**16  # numbers that a file holds


@dataclass(frozen=True)
class Conformal:
    """Split conformal prediction of each step of the horizon and each value.

    The half-width of coverage c is the ceil((n + 1) c)-th smallest of n absolute errors: a new
    value from the same distribution lies inside with probability at least c (Vovk, Gammerman and
    Shafer 2005; for forecasts of recurrent networks Stankeviciute et al. 2021, here for each step
    by itself). Errors of a series depend on one another, so that the promise is approximate.

    Attributes
    ----------
    errors : ndarray of float64, shape (n, horizon, k)
        Absolute errors, in units of the series' scales where each series has its own, sorted along
        the first axis; NaN at its end where a value was missing.
    """

    errors: np.ndarray

    @classmethod
    def of(cls, forecast: np.ndarray, actual: np.ndarray) -> Self:
        """Return the calibration by forecasts (n, horizon, k); at most 2**16 errors are kept."""
        most = max(_MOST_KEPT // forecast[0].size, 1)
        some = np.unique(np.linspace(0, len(forecast) - 1, min(len(forecast), most)).astype(int))
        return cls(np.sort(np.abs(forecast[some] - actual[some]), axis=0))

    def radius(self, coverage: float) -> np.ndarray:
        """Return the half-widths of intervals, (horizon, k).

        Raises
        ------
        ConfigError
            There are too few errors for this coverage.
        """
        n = np.sum(~np.isnan(self.errors), axis=0)
        rank = np.ceil((n + 1) * coverage - 1e-9).astype(int)  # 20 * 0.95 is 19, not more
        if (rank > n).any():
            least = int(n.min())
            raise ConfigError(
                f"coverage is {coverage:g}, calibrated by {least:,} forecasts; expected at most "
                f"{least / (least + 1):.4g}, or a longer held-out end."
            )
        return np.take_along_axis(self.errors, rank[np.newaxis] - 1, axis=0)[0]

    def offsets(self, levels: Sequence[float], horizon: int) -> list[np.ndarray]:
        """Return what is added to a forecast for quantiles of some levels, each (horizon, k).

        Raises
        ------
        ConfigError
            There are too few errors for a level, or steps beyond those of the calibration.
        """
        if horizon > self.errors.shape[1]:
            raise ConfigError(
                f"horizon is {horizon}; expected at most {self.errors.shape[1]}, the steps that "
                f"the intervals are calibrated for."
            )
        signs = [1 if q > 0.5 else -1 for q in levels]
        coverages = [abs(2 * q - 1) for q in levels]
        return [
            sign * self.radius(c)[:horizon] if c else np.zeros_like(self.errors[0, :horizon])
            for sign, c in zip(signs, coverages, strict=True)
        ]

    def to_json(self) -> list[Any]:
        """Return the errors, ready for JSON: None where one is missing."""
        flat = self.errors.reshape(-1)
        return [None if np.isnan(e) else e for e in flat.tolist()]

    @classmethod
    def from_json(cls, flat: Any, horizon: int, k: int) -> Self:
        """Undo `to_json`; the content of a file is not trusted.

        Raises
        ------
        ConfigError
        """
        if not isinstance(flat, list) or not flat or len(flat) % (horizon * k):
            raise ConfigError("its calibration does not consist of errors (horizon, k).")
        gone = np.array([e is None for e in flat])
        errors = finite_row("calibration", [0.0 if e is None else e for e in flat], len(flat))
        errors = np.where(gone, np.nan, errors).reshape(-1, horizon, k)
        return cls(np.sort(np.abs(errors), axis=0))
