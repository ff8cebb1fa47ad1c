"""What a forecaster reads beside its targets: past, future and static covariates, the calendar.

Past covariates p are known up to the last step of a window, known ones f (future covariates and
calendar features, see `bptt.models.calendar`) for the steps of the forecast too; static ones s are
the same at each step. All are standardized by the training part. At step t of a window the network
reads, beside the targets,

(1)  [p<t>, f<t>, s, f<t + lag>]

where the lag is the horizon, or 1 of a recursive forecast: with a window of at least the lag, the
last state has read f of all steps that are forecast. Every input is of a step of the window: the
network and its gradients are those without covariates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..checks import suggestion
from ..errors import ConfigError
from ..readers.dates import in_zone
from ..readers.times import Frequency, show_time
from .calendar import CALENDAR, calendar_features
from .future_covariates import future_values
from .layouts import Layout
from .names import listed
from .scaling import finite_row, mean_and_scale, scale_row
from .series import Series
from .static_covariates import Static

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
    static : Static, optional
    zone : str, optional
        Time zone of the calendar; times are UTC then.
    """

    target: tuple[str, ...]
    past: tuple[str, ...]
    future: tuple[str, ...]
    calendar: tuple[str, ...]
    names: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    static: Static | None = None
    zone: str | None = None

    @classmethod
    def chosen(
        cls, names: Sequence[str], target: Sequence[str], future: Sequence[str],
        calendar: Sequence[str], static: Sequence[str] = (),
    ) -> Self | None:  # fmt: skip
        """Return the roles of columns; None where all of them are targets, and nothing else.

        Raises
        ------
        ConfigError
            A column does not exist, or has two roles.
        """
        if not (target or future or calendar or static):
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
    def n_known(self) -> int:
        """Number of entries of f: those that are known for the steps of the forecast."""
        return len(self.future) + 2 * len(self.calendar)

    @property
    def n_rows(self) -> int:
        """Number of covariates at one step, each once."""
        static = 0 if self.static is None else self.static.n_inputs
        return len(self.past) + self.n_known + static

    @property
    def n_inputs(self) -> int:
        """Number of entries of (1)."""
        return self.n_rows + self.n_known

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
        known = None if layout.ends is None else layout.frequency
        if self.calendar and (known is None or not Frequency(known).dated):
            raise ConfigError(
                f"calendar is {self.calendar}, and X has no evenly spaced dates; expected a data "
                f"frame with them."
            )

    def learned(self, rows: np.ndarray, series: Series, static: Sequence[str]) -> Self:
        """Return the covariates with mean and scale of training rows, and the static ones."""
        mean, scale = mean_and_scale("X", rows, (*self.past, *self.future))
        own = Static.learned(static, series.static, series.layout.ids) if static else None
        return replace(self, mean=mean, scale=scale, static=own, zone=series.layout.zone)

    def rows(self, values: np.ndarray, times: np.ndarray | None) -> np.ndarray:
        """Return standardized covariates, all or the future ones alone, and calendar features."""
        if times is not None and self.zone is not None:
            times = in_zone(times, self.zone).tz_localize(None).to_numpy()
        first = len(self.mean) - values.shape[1]  # without the past covariates
        scaled = (values - self.mean[first:]) / self.scale[first:]
        if not self.calendar or times is None:
            return scaled
        return np.concatenate([scaled, calendar_features(self.calendar, times)], axis=1)

    def input_names(self, lag: int) -> list[str]:
        """Return the names of the entries of (1)."""
        calendar = [f"{part} of {name}" for name in self.calendar for part in ("sine", "cosine")]
        known = [*self.future, *calendar]
        static = [] if self.static is None else self.static.input_names()
        return [*self.past, *known, *static, *(f"{name}, {lag} later" for name in known)]

    def of_series(self, series: Series) -> list[np.ndarray]:
        """Return `rows` of each series with the static covariates, each (n, n_rows)."""
        times = series.index or [None] * len(series.values)
        rows = [self.rows(x, t) for x, t in zip(series.covariates or [], times, strict=True)]
        if self.static is None:
            return rows
        static = self.static.inputs(series.static, series.layout.ids)
        return [
            np.concatenate([x, np.broadcast_to(own, (len(x), len(own)))], axis=1)
            for x, own in zip(rows, static, strict=True)
        ]

    def inputs(self, rows: np.ndarray, lag: int, after: np.ndarray | None = None) -> np.ndarray:
        """Compute (1) at each step; with `after`, also at the steps that a recursion appends.

        Parameters
        ----------
        rows : ndarray, shape (..., n, n_rows)
        lag : int
        after : ndarray, shape (..., steps, n_known), optional
            Known covariates of the steps after the last one, at least `lag`. Default: zeros, which
            only the last `lag` inputs have; no training window reaches them.

        Returns
        -------
        ndarray of float32, shape (..., n + steps - lag, n_inputs)
        """
        first, last = len(self.past), len(self.past) + self.n_known
        known = rows[..., first:last]
        if after is None:
            after = np.zeros((*known.shape[:-2], lag, known.shape[-1]))
        more = after.shape[-2] - lag
        if more:
            beyond = np.repeat(rows[..., -1:, :], more, axis=-2)
            beyond[..., first:last] = after[..., :more, :]
            rows = np.concatenate([rows, beyond], axis=-2)
        ahead = np.concatenate([known, after], axis=-2)[..., lag:, :]
        return np.concatenate([rows, ahead], axis=-1).astype(np.float32)

    def after(self, layout: Layout, m: int, horizon: int, future: Any) -> np.ndarray:
        """Return the known covariates of the steps that are forecast, (m, horizon, n_known).

        Parameters and errors are those of `future_values`.
        """
        values = future_values(self.future, layout, m, horizon, future)
        times = layout.times(horizon) or [None] * m
        return np.stack([self.rows(v, t) for v, t in zip(values, times, strict=True)])

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        roles = {n: list(getattr(self, n)) for n in _ROLES}
        own = roles | {"mean": self.mean.tolist(), "scale": self.scale.tolist(), "zone": self.zone}
        return own if self.static is None else own | {"static": self.static.to_json()}

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
        scale = scale_row("scale of covariates", state["scale"], n)
        static, zone = state.get("static"), state.get("zone")  # none in files of earlier versions
        if not (zone is None or isinstance(zone, str)):
            raise ConfigError("its time zone is not a name.")
        return cls(
            **roles,
            mean=mean,
            scale=scale,
            static=None if static is None else Static.from_json(static),
            zone=zone,
        )
