"""What forecasts of a fitted model are computed from, and forecasts of windows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import is_number, is_whole
from ..errors import ConfigError, operation
from ..readers import Data
from .fitted import as_fitted
from .forecast_context import Context
from .forecast_outputs import Output
from .layouts import Layout
from .predictor import PATHS, Ends, Predictor
from .series import Series
from .series_model import SeriesModel
from .series_options import LONGEST_RECURSION
from .series_reading import read_series

_MOST_PATHS = 2**27  # numbers in paths: 1 GiB


@dataclass(kw_only=True, repr=False, eq=False)
class WindowForecasts(SeriesModel):
    """A model of series that forecasts from windows; `ForecastingModel` has the public methods."""

    @operation
    @as_fitted
    def network_inputs(
        self, X: Any = None, lengths: None = None, *, future: Any = None
    ) -> list[np.ndarray]:
        """Return what the network reads of the last window of each series, (window, n_x).

        `future` is that of `predict`. If the model has future covariates and they are not given,
        the windows end `horizon` steps before the series do, so that `X` has them.
        """
        if future is None and self.future and X is not None:
            ends, _ = self._ends_of(*self._with_future(X), self.horizon)
        else:
            ends, *_ = self._ends(X, future)
        return list(np.ascontiguousarray(self._predictor().framing.read(ends.z)[0]))

    @as_fitted
    def input_names(self) -> list[str]:
        """Return the names of the columns of `network_inputs`."""
        layout, own = self._context.layout, self._covariates
        names = list(layout.names) or [f"x{j}" for j in range(len(self.mean_))]
        names += [f"{name} missing" for name in names] * (self.missing == "indicator")
        return names if own is None else names + own.input_names(self._steps())

    # -- what forecasts are computed from ----------------------------------------------------

    def _horizon(self, horizon) -> int:
        """Return the steps to forecast; refuse more than there can be."""
        if horizon is None:
            return self.horizon
        if not (is_whole(horizon) and horizon >= 1):
            raise ConfigError(f"horizon is {horizon!r}; expected a whole number >= 1.")
        if self.strategy == "direct" and horizon > self.horizon:
            raise ConfigError(
                f"horizon is {horizon}; expected at most {self.horizon}, as the model was trained "
                f"with strategy='direct' (strategy='recursive' forecasts any number of steps)."
            )
        if horizon > LONGEST_RECURSION:
            raise ConfigError(f"horizon is {horizon}; expected at most {LONGEST_RECURSION:,}.")
        return int(horizon)

    def _series(self, X) -> Series:
        return read_series(X, known=self._known_layout(), static=self.static)

    def _with_future(self, X) -> tuple[Series, np.ndarray]:
        """Return series without their last steps, and the future covariates of those steps."""
        whole, h, own = self._series(X), self.horizon, self._covariates
        what = f"a window and {h} more, because future is not given"
        whole.check_steps(whole.values, self.window + h, what)
        ends = [len(x) - h for x in whole.values]
        series = self._checked(whole.part([0] * len(ends), ends), self.window, "a window")
        self._context.check_ids(series.layout.ids)
        first = 0 if own is None else len(own.past)
        known = self._split(whole).covariates or []
        return series, np.stack([c[-h:, first:] for c in known])

    def _read(self, X, least, what):
        """Read series for forecasts."""
        return self._checked(self._series(X), least, what)

    def _checked(self, series, least, what):
        series = self._split(series)
        series.check_width(len(self.mean_), "as in fit")
        self._check_values(series)
        return self._long_enough(series, least, what)

    def _last(self, series) -> Context:
        """Return the ends of series."""
        rows = None if self._covariates is None else self._covariates.of_series(series)
        scales = self._scales(series)
        return Context.of(
            series.values, series.layout, self.window, self.missing, scales.mean, rows,
            None if self._own_scales is None else scales,
        )  # fmt: skip

    def _continued(self, X) -> Series | None:
        """Return the series that forecasts continue; None: those of `fit`."""
        if X is None or (isinstance(X, Data) and X.X is None):
            return None
        series = self._read(X, self.window, "a window")
        self._context.check_ids(series.layout.ids)
        return series

    def _ends(self, X, future=None, horizon=None) -> tuple[Ends, Layout, int]:
        """Return the last windows, the layout of their forecasts, and the steps to forecast."""
        horizon = self._horizon(horizon)
        return *self._ends_of(self._continued(X), future, horizon), horizon

    def _ends_of(self, series, future, horizon) -> tuple[Ends, Layout]:
        context = self._context if series is None else self._last(series)
        return self._of_context(context, future, horizon), context.layout

    def _of_context(self, context, future, horizon):
        windows, own, ahead = context.windows(), self._covariates, None
        scales = context.scales
        if scales is None:
            every = self._own_scales
            scales = self._scales_of_all() if every is None else every.scales
        if own is None or context.covariates is None:
            if future is not None:
                raise ConfigError("future is given, and the model has no future covariates.")
        else:
            lag = self._steps()
            after = own.after(context.layout, len(windows), max(horizon, lag), future)
            extra = own.inputs(context.covariates, lag, after)
            windows = np.concatenate([windows, extra[:, : self.window]], axis=2)
            ahead = extra[:, self.window :]
        return Ends(self._standardized(windows, scales), scales, ahead)

    def _predictor(self):
        framing = self._framing(self.change_scale_)
        recursive = self.strategy == "recursive"
        return Predictor(
            self.network_, self.parameters_, framing, self._output(), recursive, self.nonnegative
        )

    # -- forecasts of windows ----------------------------------------------------------------

    def _point(self, ends: Ends, horizon: int) -> np.ndarray:
        """Forecast windows: (m, horizon, k)."""
        return self._predictor().point(ends, horizon)

    def _spread(
        self, ends, horizon, coverages=(), levels=(), n_paths=PATHS
    ) -> tuple[dict[float, tuple[np.ndarray, np.ndarray]], dict[float, np.ndarray]]:
        """Return (lower, upper) by coverage and quantiles by level, each (m, horizon, k).

        All are computed from the same run of the network, or from the same paths.
        """
        if not (len(coverages) or len(levels)):
            return {}, {}
        tails = [q for c in coverages for q in self._tails(c)]
        found = iter(self._quantiles(ends, [*tails, *levels], horizon, n_paths))
        intervals = {c: (next(found), next(found)) for c in coverages}
        return intervals, dict(zip(levels, found, strict=True))

    def _tails(self, coverage):
        """Return the levels of the ends of an interval."""
        return (self._output() if self._conformal is None else Output()).tails(coverage)

    def _quantiles(self, ends, levels, horizon, n_paths) -> list[np.ndarray]:
        if self._conformal is not None:
            point, unit = self._point(ends, horizon), self._interval_unit(ends.scales)
            offsets = self._conformal.offsets(levels, horizon)
            return [self._floored(point + unit * r) for r in offsets]
        if self.strategy == "recursive" and horizon > 1:
            self._check_paths(n_paths, len(ends.z), horizon)
        return self._predictor().quantiles(ends, horizon, levels, self.seed, n_paths)

    def _interval_unit(self, scales):
        """Return the unit of conformal half-widths: the scale of each series that has its own."""
        return 1.0 if self._own_scales is None else scales.scale[:, np.newaxis]

    def _floored(self, values):
        counts = self.nonnegative or self._output().counts
        return np.maximum(values, 0.0) if counts else values

    # -- checks ------------------------------------------------------------------------------

    def _check_levels(self, levels):
        wrong = [q for q in levels if not (is_number(q) and 0 < q < 1)]
        if wrong or not len(levels):
            raise ConfigError(f"levels are {tuple(levels)}; expected numbers in (0, 1).")
        if self._conformal is not None:
            self._conformal.offsets(levels, 1)
        elif self.output == "point":
            self._output().tails(0.5)
        elif self.output == "quantile" and (new := [q for q in levels if q not in self.levels]):
            raise ConfigError(
                f"levels have {new[0]:g}; expected levels of the model, {tuple(self.levels)}."
            )

    @staticmethod
    def _check_seed(seed):
        if seed is not None and not (is_whole(seed) and seed >= 0):
            raise ConfigError(f"seed is {seed!r}; expected a whole number >= 0.")

    def _check_paths(self, n_paths, m, horizon):
        if not (is_whole(n_paths) and n_paths >= 1):
            raise ConfigError(f"n_paths is {n_paths!r}; expected a whole number >= 1.")
        size = m * horizon * len(self.mean_) * n_paths
        if size > _MOST_PATHS:
            raise ConfigError(
                f"the paths of {m:,} series over {horizon:,} steps hold {size:,} numbers; expected "
                f"at most {_MOST_PATHS:,}: fewer series at a time, or a shorter horizon."
            )

    def check_coverage(self, coverage: Any) -> None:
        """Raise where there are no intervals of this coverage.

        Raises
        ------
        ConfigError
        """
        if not (is_number(coverage) and 0 < coverage < 1):
            raise ConfigError(f"coverage is {coverage!r}; expected a number in (0, 1).")
        self._tails(coverage)
        if self._conformal is not None:
            self._conformal.radius(coverage)
