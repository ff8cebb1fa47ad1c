"""What a forecaster reads beside its targets: past and future covariates, and the calendar.

Past covariates p are known up to the last step of a window, known ones f (future covariates and
calendar features) for the steps of the forecast too. Both are standardized by the training part.
At step t of a window the network reads, beside the targets,

(1)  [p<t>, f<t>, f<t + horizon>]

so that, with a window of at least the horizon, its last state has read f of all steps that are
forecast. Every input is of a step of the window: the network and its gradients are those without
covariates. Calendar features of a period P, with v the number of the hour, day or month:

(2)  f = [sin(2 pi v / P), cos(2 pi v / P)]
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..checks import suggestion
from ..errors import ConfigError, ShapeError
from ..readers.times import Frequency, show_time
from .layouts import Layout
from .names import CHANGES, listed
from .scaling import finite_row, mean_and_scale, scale_row
from .series import Series, read_series


def _whole(times, unit):
    return times.astype(f"datetime64[{unit}]")


CALENDAR: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "minute": (60, lambda t: (_whole(t, "m") - _whole(t, "h")).astype(int)),
    "hour": (24, lambda t: (_whole(t, "h") - _whole(t, "D")).astype(int)),
    "dayofweek": (7, lambda t: _whole(t, "D").astype(int) + 3),  # 1970-01-01 was a Thursday
    "dayofyear": (365.25, lambda t: (_whole(t, "D") - _whole(t, "Y")).astype(int)),
    "month": (12, lambda t: _whole(t, "M").astype(int)),
}


def calendar_features(names: Sequence[str], times: np.ndarray) -> np.ndarray:
    """Compute (2) of each name: shape (n, 2 len(names)), sines and cosines in turn.

    Parameters
    ----------
    names : sequence of str
        Of `CALENDAR`.
    times : ndarray of datetime64, shape (n,)
    """
    features = []
    for name in names:
        period, number = CALENDAR[name]
        angle = 2 * np.pi * number(times) / period
        features += [np.sin(angle), np.cos(angle)]
    return np.stack(features, axis=-1) if features else np.zeros((len(times), 0))


_ROLES = ("target", "past", "future", "calendar", "names")


@dataclass(frozen=True)
class Covariates:
    """The columns of a forecaster by their roles, and how covariates become inputs.

    Attributes
    ----------
    target, past, future : tuple of str
        Names of columns; those of target may be empty, where the series have no names.
    calendar : tuple of str
        Of `CALENDAR`.
    names : tuple of str
        All of these columns, in the order of the series.
    mean, scale : ndarray of float64, shape (past and future columns,)
    """

    target: tuple[str, ...]
    past: tuple[str, ...]
    future: tuple[str, ...]
    calendar: tuple[str, ...]
    names: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def chosen(
        cls, names: Sequence[str], target: Sequence[str], future: Sequence[str],
        calendar: Sequence[str],
    ) -> Self | None:  # fmt: skip
        """Return the roles of columns; None where all of them are targets, and nothing else.

        Raises
        ------
        ConfigError
            A column does not exist, or has two roles.
        """
        if not (target or future or calendar):
            return None
        for role, wanted in {"target": target, "future": future}.items():
            if wanted and not names:
                raise ConfigError(
                    f"{role} is {tuple(wanted)}, and X has no names of columns; expected a data "
                    f"frame."
                )
            for name in wanted:
                if name not in names:
                    raise ConfigError(
                        f"{role} has {name!r}; expected columns among {listed(tuple(names))}."
                        f"{suggestion(name, list(names))}"
                    )
        if both := [name for name in target if name in future]:
            raise ConfigError(f"{both[0]!r} is in target and in future; expected one of them.")
        own = tuple(target) or tuple(n for n in names if n not in future)
        if not own and names:
            raise ConfigError("future names all columns of X; expected a target beside them.")
        past = tuple(n for n in names if n not in (*own, *future))
        nothing = np.zeros(0)
        return cls(own, past, tuple(future), tuple(calendar), tuple(names), nothing, nothing)

    @property
    def n_inputs(self) -> int:
        """Number of entries of (1)."""
        return len(self.past) + 2 * (len(self.future) + 2 * len(self.calendar))

    @property
    def n_rows(self) -> int:
        """Number of covariates at one step, each once."""
        return len(self.past) + len(self.future) + 2 * len(self.calendar)

    def split(self, series: Series) -> Series:
        """Return series of the targets alone, with the covariates beside them.

        Raises
        ------
        ConfigError, ShapeError
            A covariate is missing, or the calendar has no dates.
        """
        layout, names = series.layout, (*self.past, *self.future)
        self._check_dates(layout)
        if not names:
            empty = [np.zeros((len(x), 0)) for x in series.values]
            return replace(series, covariates=empty)
        series.check_width(len(self.names), f"targets and covariates {listed(self.names)}")
        order = [self.names.index(n) for n in (*self.target, *names)]
        values = [x[:, order] for x in series.values]
        k = len(self.target)
        for i, x in enumerate(values):
            if (gone := np.argwhere(np.isnan(x[:, k:]))).size:
                t, j = (int(at) for at in gone[0])
                when = t if series.index is None else show_time(series.index[i][t])
                raise ConfigError(
                    f"{series.name(i)} lacks the covariate {names[j]!r} at step {when}; expected "
                    f"a number at each step."
                )
        return replace(
            series,
            values=[x[:, :k] for x in values],
            covariates=[x[:, k:] for x in values],
            layout=replace(layout, names=self.target if layout.names else ()),
        )

    def _check_dates(self, layout):
        if self.calendar and (layout.ends is None or _is_of_numbers(layout)):
            raise ConfigError(
                f"calendar is {self.calendar}, and X has no evenly spaced dates; expected a data "
                f"frame with them."
            )

    def scaled_by(self, rows: np.ndarray) -> Self:
        """Return the covariates with mean and scale of training rows."""
        mean, scale = mean_and_scale("X", rows, (*self.past, *self.future))
        return replace(self, mean=mean, scale=scale)

    def rows(self, values: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """Return standardized covariates, or the last of them, and calendar features."""
        first = len(self.mean) - values.shape[1]  # without the past covariates
        scaled = (values - self.mean[first:]) / self.scale[first:]
        if not self.calendar or times is None:
            return scaled
        return np.concatenate([scaled, calendar_features(self.calendar, times)], axis=1)

    def of_series(self, series: Series) -> list[np.ndarray]:
        """Return `rows` of each series."""
        times = series.index or [None] * len(series.values)
        return [self.rows(x, own) for x, own in zip(series.covariates or [], times, strict=True)]

    def inputs(self, rows: np.ndarray, horizon: int, after: np.ndarray | None = None) -> np.ndarray:
        """Compute (1) at each step.

        Parameters
        ----------
        rows : ndarray, shape (..., n, n_rows)
        horizon : int
        after : ndarray, shape (..., horizon, known), optional
            Known covariates after the last step. Without: 0, in inputs that no window ends with.
        """
        known = rows[..., len(self.past) :]
        if after is None:
            after = np.zeros((*known.shape[:-2], horizon, known.shape[-1]))
        ahead = np.concatenate([known, after], axis=-2)[..., horizon:, :]
        return np.concatenate([rows, ahead], axis=-1).astype(np.float32)

    def after(self, layout: Layout, m: int, horizon: int, future: Any) -> np.ndarray:
        """Return the known covariates of the steps that are forecast, (m, horizon, known).

        Parameters
        ----------
        layout : Layout
            That of the series that end before these steps.
        m, horizon : int
        future : data frame or Data with the times of the forecast; ndarray (m, horizon, future)

        Raises
        ------
        ConfigError, ShapeError, DataError
            Future covariates that do not reach the horizon, by series and time.
        """
        times = layout.times(horizon)
        if future is not None and not self.future:
            raise ConfigError("future is given, and the model has no future covariates.")
        if not self.future:
            values = np.zeros((m, horizon, 0))
        elif future is None:
            until = "" if times is None else f" from {show_time(times[0][0])}"
            raise ConfigError(
                f"future is not given; expected {listed(self.future)} of the {horizon} "
                f"steps{until} that are forecast."
            )
        elif isinstance(future, np.ndarray):
            shape = (m, horizon, len(self.future))
            if future.shape not in (shape, shape[1:] if m == 1 else shape):
                raise ShapeError(f"future is {future.shape}; expected {shape}.")
            values = future.reshape(shape).astype(np.float64)
            if not np.isfinite(values).all():
                raise ConfigError("future holds NaN or inf; expected finite numbers.")
        else:
            values = self._looked_up(layout, m, times, future)
        own = [None] * m if times is None else times
        return np.stack([self.rows(v, t) for v, t in zip(values, own, strict=True)])

    def _looked_up(self, layout, m, times, future):
        """Return future covariates (m, horizon, columns) by id and time."""
        known = replace(layout, names=self.future, ends=None, frequency=None, ids=None)
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="|".join(CHANGES)
            )  # other columns may be there
            given = read_series(future, known=replace(known, framed=True))
        if times is None or given.index is None:
            raise ConfigError(
                "the series or future has no evenly spaced times to find future covariates by; "
                "expected them, or an array (series, horizon, columns)."
            )
        values = []
        for i in range(m):
            j = self._place(layout, i, given)
            at = np.searchsorted(given.index[j], times[i])
            inside = np.minimum(at, len(given.index[j]) - 1)
            own = given.values[j][inside]
            gone = (given.index[j][inside] != times[i]) | np.isnan(own).any(axis=1)
            if gone.any():
                dates = [show_time(t) for t in times[i][gone]]
                more = f" to {dates[-1]} ({len(dates)} steps)" if len(dates) > 1 else ""
                whose = "" if layout.ids is None else f" of series {layout.ids[i]!r}"
                raise ConfigError(
                    f"future lacks {listed(self.future)}{whose} at {dates[0]}{more}; expected all "
                    f"{len(times[i])} steps of the horizon."
                )
            values.append(own)
        return np.stack(values)

    def _place(self, layout, i, given):
        """Return which of the series of future covariates is that of series i."""
        if given.layout.single:
            return 0  # the same for all series
        ids = list(given.layout.ids or ())
        own = None if layout.ids is None else layout.ids[i]
        if own not in ids:
            raise ConfigError(f"future has no series {own!r}; expected the ids of X.")
        return ids.index(own)

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        roles = {n: list(getattr(self, n)) for n in _ROLES}
        return roles | {"mean": self.mean.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_json(cls, state: dict[str, Any], k: int) -> Self:
        """Undo `to_json`; the content of a file is not trusted.

        Raises
        ------
        ConfigError, KeyError, TypeError
        """
        roles = {n: tuple(state[n]) for n in _ROLES}
        names = [n for role in ("target", "past", "future") for n in roles[role]]
        known = all(n in CALENDAR for n in roles["calendar"])
        if not known or not all(isinstance(n, str) for n in names) or len(set(names)) < len(names):
            raise ConfigError("its covariates are not names.")
        if sorted(roles["names"]) != sorted(names):
            raise ConfigError("its columns are not those of its targets and covariates.")
        if len(roles["target"]) not in (0, k):
            raise ConfigError(f"its targets are not {k} names.")
        n = len(roles["past"]) + len(roles["future"])
        mean = finite_row("mean of covariates", state["mean"], n)
        return cls(**roles, mean=mean, scale=scale_row("scale of covariates", state["scale"], n))


def _is_of_numbers(layout):
    return layout.frequency is None or not Frequency(layout.frequency).dated
