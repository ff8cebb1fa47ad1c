"""The ends of the series that a forecaster was trained on, which its forecasts continue."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError
from .layouts import Layout
from .missing import Missing
from .scales import Scales
from .scaling import finite_row
from .series import filled

_MOST_KEPT = 2**16  # numbers that a file holds


@dataclass(frozen=True)
class Context:
    """The last window of several series, and how forecasts of them are named and dated.

    Attributes
    ----------
    layout : Layout
    ends : ndarray of float64, shape (m, window, k), optional
        Missing values filled. None where a file holds none: forecasts need a series.
    masks : ndarray of bool, shape (m, window, k), optional
        Which values were missing; only of a model that reads masks.
    covariates : ndarray of float64, shape (m, window, c), optional
        See `bptt.models.covariates.Covariates.of_series`.
    scales : Scales, optional
        Of each series, where they have their own; None of the series of the training.
    """

    layout: Layout
    ends: np.ndarray | None = None
    masks: np.ndarray | None = None
    covariates: np.ndarray | None = None
    scales: Scales | None = None

    @classmethod
    def of(
        cls,
        values: Sequence[np.ndarray],
        layout: Layout,
        window: int,
        missing: Missing,
        mean: np.ndarray,
        covariates: Sequence[np.ndarray] | None = None,
        scales: Scales | None = None,
    ) -> Self:
        """Return the context of series, each (n, k) with n at least `window`."""
        whole, gone = filled(values, missing, mean)
        ends = np.stack([x[-window:] for x in whole])
        own = None if covariates is None else np.stack([c[-window:] for c in covariates])
        if missing != "indicator":
            return cls(layout, ends, None, own, scales)
        masks = (
            np.zeros(ends.shape, bool) if gone is None else np.stack([g[-window:] for g in gone])
        )
        return cls(layout, ends, masks, own, scales)

    def windows(self) -> np.ndarray:
        """Return the ends (m, window, k); with masks after the values, (m, window, 2 k).

        Raises
        ------
        ConfigError
            There are none.
        """
        if self.ends is None:
            raise ConfigError(
                "the file does not hold the ends of the series; expected X with them."
            )
        return self.ends if self.masks is None else np.concatenate([self.ends, self.masks], axis=2)

    def check_ids(self, ids: Sequence[str] | None) -> None:
        """Raise where there is a series that has none of the names of this context.

        Raises
        ------
        ConfigError
        """
        known = self.layout.ids
        if known is not None and (new := set(ids or ()).difference(known)):
            raise ConfigError(
                f"X has the series {min(new)!r}; expected ids of the series in fit, such as "
                f"{known[0]!r} (an array has no ids)."
            )

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON: ends only where they are few."""
        size = 0 if self.ends is None else self.ends.size
        size += 0 if self.covariates is None else self.covariates.size
        if self.ends is None or not 0 < size <= _MOST_KEPT:
            layout = replace(self.layout, ends=None)
            return {"layout": layout.to_json(), "context": None, "context_masks": None}
        own = self.covariates
        return {
            "layout": self.layout.to_json(),
            "context": self.ends.reshape(-1).tolist(),
            "context_masks": None if self.masks is None else np.flatnonzero(self.masks).tolist(),
            "context_covariates": None if own is None else own.reshape(-1).tolist(),
        }

    @classmethod
    def from_json(
        cls, state: dict[str, Any], window: int, k: int, missing: Missing, n_covariates: int = 0
    ) -> Self:
        """Undo `to_json`; the content of a file is not trusted.

        Raises
        ------
        ConfigError, KeyError, TypeError
        """
        m = ends = masks = own = None
        if (flat := state["context"]) is not None:
            n = len(flat) if isinstance(flat, list) else -1
            m = n // (window * k)
            if n < 1 or n % (window * k):
                raise ConfigError(f"its context does not consist of windows ({window}, {k}).")
            ends = finite_row("context", flat, n).reshape(-1, window, k)
            if missing == "indicator":
                masks = _masks_at(state["context_masks"], ends.shape)
            if n_covariates:
                size = m * window * n_covariates
                own = finite_row("context_covariates", state["context_covariates"], size)
                own = own.reshape(m, window, n_covariates)
        layout = state["layout"]
        if layout is None:  # of an earlier version
            layout = Layout(single=state["single"]).to_json()
        layout = Layout.from_json(layout, m, k)
        if layout.single and m not in (None, 1):
            raise ConfigError(f"its context does not consist of windows ({window}, {k}).")
        return cls(layout, ends, masks, own)


def _masks_at(places, shape):
    """Return masks (m, window, k) from a file: the places of what was missing."""
    masks = np.zeros(shape, bool)
    if not isinstance(places, list) or not all(is_whole(p) and 0 <= p < masks.size for p in places):
        raise ConfigError("its context_masks are not places in the context.")
    masks.reshape(-1)[places] = True
    return masks
