"""Series as a forecaster takes them: values, times, covariates; checked, cut, filled."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np

from ..errors import ConfigError, ShapeError
from ..readers.times import Frequency, show_time
from .layouts import Layout
from .missing import WAYS_OUT, Filler, Missing
from .sequences import named


@dataclass(frozen=True)
class Series:
    """Series as a forecaster takes them.

    Attributes
    ----------
    values : list of ndarray of float64, each (n_i, k)
        NaN where a value is missing.
    layout : Layout
    index : list of ndarray, optional
        Times of the steps.
    covariates : list of ndarray of float64, each (n_i, c), optional
        Past, then future covariates: see `bptt.models.covariates`.
    static : dict of str to list, optional
        Columns with one value for each series.
    """

    values: list[np.ndarray]
    layout: Layout
    index: list[np.ndarray] | None = None
    covariates: list[np.ndarray] | None = None
    static: dict[str, list[Any]] | None = None

    def name(self, i: int) -> str:
        """Return how messages name a series."""
        return "X" if self.layout.single else named(i, self.layout.ids)

    def only(self, cuts: Sequence[int]) -> list[np.ndarray]:
        """Return the beginnings of the series."""
        return [x[:n] for x, n in zip(self.values, cuts, strict=True)]

    def check_steps(self, series: list[np.ndarray], least: int, what: str) -> None:
        """Raise where one of these parts of the series is too short.

        Raises
        ------
        ConfigError
        """
        for i, x in enumerate(series):
            if len(x) < least:
                raise ConfigError(
                    f"{self.name(i)} has {len(x)} step{'s' * (len(x) != 1)}; expected at least "
                    f"{least}, {what}."
                )

    def part(self, starts: Sequence[int], ends: Sequence[int]) -> Self:
        """Return the steps of each series from a start to an end, with their times.

        Of series that `Covariates.split` has not divided.
        """
        cuts = [slice(*own) for own in zip(starts, ends, strict=True)]
        values = [x[cut] for x, cut in zip(self.values, cuts, strict=True)]
        index = self.index
        layout = self.layout
        if index is not None:
            index = [times[cut] for times, cut in zip(index, cuts, strict=True)]
            if layout.ends is not None:
                layout = replace(layout, ends=tuple(number_of(times[-1]) for times in index))
        return replace(self, values=values, index=index, layout=layout)

    def by_id(self) -> Self:
        """Return the series in the order of their ids; as they are where they have none."""
        ids = self.layout.ids
        if ids is None or list(ids) == sorted(ids):
            return self
        order = sorted(range(len(ids)), key=ids.__getitem__)

        def taken(values):
            return None if values is None else [values[i] for i in order]

        ends = taken(self.layout.ends)
        layout = replace(
            self.layout, ids=tuple(taken(ids) or ()), ends=None if ends is None else tuple(ends)
        )
        static = {name: taken(values) or [] for name, values in (self.static or {}).items()}
        return replace(
            self, values=taken(self.values) or [], layout=layout, index=taken(self.index),
            covariates=taken(self.covariates), static=static or None,
        )  # fmt: skip

    def padded(self, least: int) -> Self:
        """Return series of at least some steps: missing values are put before those too short.

        Their covariates there are those of their first step.
        """
        gaps = [max(least - len(x), 0) for x in self.values]
        if not any(gaps):
            return self
        first = [np.full((n, x.shape[1]), np.nan) for n, x in zip(gaps, self.values, strict=True)]
        values = [np.concatenate(both) for both in zip(first, self.values, strict=True)]
        index, covariates = self.index, self.covariates
        if index is not None:
            known = None if self.layout.frequency is None else Frequency(self.layout.frequency)
            index = [_before(t, n, known) for t, n in zip(index, gaps, strict=True)]
        if covariates is not None:
            covariates = [
                np.concatenate([np.repeat(x[:1], n, axis=0), x])
                for x, n in zip(covariates, gaps, strict=True)
            ]
        return replace(self, values=values, index=index, covariates=covariates)

    def refuse_empty(self) -> None:
        """Raise where all values of a series are missing.

        Raises
        ------
        ConfigError
        """
        for i, x in enumerate(self.values):
            if len(x) and np.isnan(x).all():
                raise ConfigError(
                    f"{self.name(i)} holds no value, all {len(x):,} are missing; expected at least "
                    f"one: leave it out."
                )

    def check_width(self, k: int, whence: str) -> None:
        """Raise where a series has another number of values per time step.

        Raises
        ------
        ShapeError
        """
        for i, x in enumerate(self.values):
            if x.shape[1] != k:
                many = self.layout.single and len(x) < x.shape[1]
                wide = " (several series are a list of arrays)" if many else ""
                raise ShapeError(
                    f"{self.name(i)} has {x.shape[1]} features; expected {k}, {whence}{wide}."
                )

    def refuse(self, what: Literal["NaN", "inf"]) -> None:
        """Raise where a value is missing or infinite.

        Raises
        ------
        ConfigError
        """
        is_wrong, way_out = (np.isnan, WAYS_OUT) if what == "NaN" else (np.isinf, "")
        for i, x in enumerate(self.values):
            for t, j in np.argwhere(is_wrong(x))[:1]:
                name = f" ({self.layout.names[j]!r})" if self.layout.names else ""
                raise ConfigError(
                    f"{self._holds(i, t, what)}, feature {j}{name}; expected finite "
                    f"numbers{way_out}."
                )

    def refuse_fractions(self) -> None:
        """Raise where a value is no count.

        Raises
        ------
        ConfigError
        """
        for i, x in enumerate(self.values):
            with np.errstate(invalid="ignore"):
                wrong = np.argwhere(~np.isnan(x) & ((x < 0) | (x != np.floor(x))))
            for t, j in wrong[:1]:
                raise ConfigError(
                    f"{self._holds(i, t, f'{x[t, j]:g}')}; expected counts, whole numbers >= 0, "
                    f"with output='negative_binomial'."
                )

    def _holds(self, i, t, what):
        """Return the beginning of a message: what series i holds at step t."""
        when = "" if self.index is None else f" ({show_time(self.index[i][t])})"
        return f"{self.name(i)} holds {what} at step {t}{when}"


def _before(times, n, frequency):
    """Return times with n before them: even ones, or the first one again where there are none."""
    if not n:
        return times
    if frequency is None:
        return np.concatenate([np.repeat(times[:1], n), times])
    return np.concatenate([frequency.before(times[0], n).astype(times.dtype), times])


def filled(
    series: Sequence[np.ndarray], method: Missing, mean: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
    """Return series without missing values, and which were missing; None where none was.

    "indicator" fills as "forward": a forecast is relative to the last value.

    Parameters
    ----------
    series : sequence of ndarray, each (n, k)
    method : {"raise", "interpolate", "forward", "indicator"}
    mean : ndarray, shape (k,) or (len(series), k)
        Replaces values before the first one.
    """
    missing = [np.isnan(x) for x in series]
    if not any(own.any() for own in missing):
        return list(series), None
    own: Missing = "interpolate" if method == "interpolate" else "forward"
    means = np.broadcast_to(mean, (len(series), mean.shape[-1]))
    return [Filler(own, m).fill(x) for x, m in zip(series, means, strict=True)], missing


def number_of(time):
    """Return a time as a number: of a date, microseconds since 1970."""
    time = np.asarray(time)
    return time.astype("datetime64[us]").astype(np.int64).item() if time.dtype.kind == "M" else (
        time.item()
    )  # fmt: skip
