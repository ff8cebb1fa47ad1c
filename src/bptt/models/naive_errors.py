"""Errors of the naive forecast on what a forecaster was trained on: the scale of its MASE."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError
from .forecast_metrics import naive_error
from .scaling import finite_row


@dataclass(frozen=True)
class NaiveErrors:
    """Mean absolute errors of the seasonal naive forecast on the series of a training.

    Attributes
    ----------
    ids : tuple of str, optional
    season : int (steps)
    errors : ndarray of float64, shape (m, k)
        NaN where there is none, see `bptt.models.forecast_metrics.naive_error`.
    """

    ids: tuple[str, ...] | None
    season: int
    errors: np.ndarray

    @classmethod
    def learned(
        cls, training: Sequence[np.ndarray], ids: Sequence[str] | None, season: int
    ) -> Self:
        """Return those of series, each (n_i, k), with NaN where a value is missing."""
        lengths = [len(x) for x in training]
        rows, owner = np.concatenate(training), np.repeat(np.arange(len(training)), lengths)
        error = np.abs(rows[season:] - rows[:-season])
        counts = (owner[season:] == owner[:-season])[:, np.newaxis] & ~np.isnan(error)
        total, n = (
            np.stack([np.bincount(owner[season:], c, len(training)) for c in part.T], axis=1)
            for part in (np.where(counts, error, 0.0), counts)
        )
        errors = np.divide(total, n, out=np.full(total.shape, np.nan), where=total > 0)
        return cls(None if ids is None else tuple(ids), season, errors)

    def of(
        self, before: Sequence[np.ndarray], ids: Sequence[str] | None, season: int
    ) -> np.ndarray:
        """Return the errors of series (m, k): those of the training, else on given steps of them.

        The series of the training is known by its id, or is the only one.

        Parameters
        ----------
        before : sequence of ndarray, each (n_i, k)
            Steps of the series that may be used.
        ids : sequence of str, optional
        season : int
            The errors of the training are those of one season.
        """
        alone = self.ids is ids is None and len(self.errors) == len(before) == 1
        known: Sequence[str] = ("",) if alone else self.ids or ()
        own = dict(zip(known, self.errors, strict=False)) if season == self.season else {}
        names = ids or ("",) * len(before)
        return np.stack(
            [
                own[name] if name in own else naive_error(x, season)
                for name, x in zip(names, before, strict=True)
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON: None for NaN."""
        flat = self.errors.reshape(-1).tolist()
        return {"season": self.season, "errors": [None if e != e else e for e in flat]}

    @classmethod
    def from_json(cls, state: dict[str, Any], ids: tuple[str, ...] | None, k: int) -> Self:
        """Undo `to_json`; the content of a file is not trusted.

        Raises
        ------
        ConfigError, KeyError, TypeError
        """
        flat, season = state["errors"], state["season"]
        n = len(flat) if isinstance(flat, list) else 0
        if not n or n % k or (ids is not None and len(ids) * k != n) or not is_whole(season):
            raise ConfigError("its naive errors are not those of its series.")
        errors = finite_row("naive errors", [0.0 if e is None else e for e in flat], n)
        errors = np.where(errors > 0, errors, np.nan).reshape(-1, k)
        return cls(ids, season, errors)
