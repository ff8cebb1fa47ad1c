"""A forecaster's backtests, scores, calibration and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError, operation
from ..readers import Data
from .backtest import Backtest
from .conformal import Conformal
from .fitted import as_fitted, numpy_defaults
from .forecast_plot import draw
from .forecasting import ForecastingModel
from .metrics import r2
from .naive_errors import NaiveErrors
from .predictor import ROWS, Ends
from .refitting import refitted
from .reports import Report
from .scikit_learn import check_fitted
from .series import filled
from .windows import Framing, Windows

_CRPS_LEVELS = tuple(i / 20 for i in range(1, 20))


@dataclass(kw_only=True, repr=False, eq=False)
class BacktestedModel(ForecastingModel):
    """A model of series whose forecasts from the past are compared with what came."""

    @operation
    def backtest(
        self,
        X: Any,
        stride: int = 1,
        *,
        windows: int | None = None,
        refit: bool | int = False,
        training_steps: int | None = None,
        season: int | None = None,
        coverage: Sequence[float] = (),
        n_jobs: int | None = 1,
    ) -> Backtest:
        """Forecast from many steps of series; compare with what came and with the naive forecast.

        Without `refit` the fitted model forecasts: a score is fair only on steps after those that
        it was trained on. With `refit` a new model is trained for each origin, on the steps before
        it alone; its scaling too is fitted on them.

        Parameters
        ----------
        X : ndarray, shape (n,) or (n, k), or a list of them; data frame or Data
        stride : int
            Distance between two origins, in steps.
        windows : int, optional
            Number of origins of each series, the last ones; needed with `refit`. Default: every
            step that has a full window before it and a full horizon after it.
        refit : bool or int
            True: train for each origin. A number n: for each n-th one. The model itself stays as
            it is.
        training_steps : int, optional
            With `refit`: train on this many steps before the origin (sliding). Default: on all of
            them (expanding).
        season : int, optional
            Period of the naive forecast, at most `window`. Default: that of the model.
        coverage : sequence of float
            Intervals to compute.
        n_jobs : int or None
            Trainings at the same time, as in joblib.

        Returns
        -------
        Backtest
            Unpacks as ``forecast, actual``, each (n, horizon, k), in the units of the series.
            Scaled errors refer to the naive forecast on the steps that the model was trained on. A
            series that it was not trained on (known by id, or the only one), or another `season`:
            on the steps before the series' first origin.

        Raises
        ------
        ShapeError, ConfigError, DataError, BpttError
            As for `predict`, or for `fit`; ids may be new.
        """
        _check_counts(
            stride=stride, windows=windows, training_steps=training_steps, season=season,
            refit=None if isinstance(refit, bool) else refit,
        )  # fmt: skip
        if season is not None and season > self.window:
            raise ConfigError(f"season is {season}; expected at most window = {self.window}.")
        if refit is False:
            if training_steps is not None:
                raise ConfigError("training_steps is given without refit; expected refit=True.")
            check_fitted(self)
            model = self._as_fitted()
            series = model._read(X, model.window + model.horizon, "window + horizon")
            skipped = None if windows is None else model._skips(series, stride, windows)
            with numpy_defaults():
                return model._tested(series, stride, skipped, season, coverage)
        if windows is None:
            raise ConfigError("windows is not given with refit; expected their number.")
        return refitted(
            self, X, stride, windows, int(refit), training_steps, season, coverage, n_jobs
        )

    def _skips(self, series, stride, windows):
        """Return the start of the first of the last `windows` windows of each series."""
        span = self.window + self.horizon
        least = span + (windows - 1) * stride
        series.check_steps(series.values, least, f"for {windows} windows with stride {stride}")
        return [len(x) - least for x in series.values]

    def _tested(self, series, stride, skipped, season, coverage, training=None):
        """Return the backtest of the fitted model."""
        season, k = season or self.season, len(self.mean_)
        framing = Framing(
            self.window, self.horizon, "target", season, masks=self.missing == "indicator",
            n_extra=self.n_covariates,
        )  # fmt: skip
        before = [first + self.window for first in skipped or [0] * len(series.values)]
        scales = self._scales(series, before)
        whole, gone = filled(series.values, self.missing, scales.mean)
        windows = Windows(
            whole, framing, ROWS, stride, skipped, missing=gone, first=scales.mean,
            extra=self._extra(series),
        )  # fmt: skip
        ids = series.layout.ids
        if training is not None:
            errors = NaiveErrors.learned(training, ids, season).errors
        else:
            known = self._naive_errors or NaiveErrors((), season, np.zeros((0, k)))
            errors = known.of(series.only(before), ids, season)
        origin = np.concatenate(windows.by_series) + self.window
        levels = self._crps_levels() if len(coverage) else ()
        steps = np.arange(self.horizon)
        parts = []
        for i in range(0, len(windows.starts), ROWS):
            chosen = np.arange(i, min(i + ROWS, len(windows.starts)))
            window, future = windows.cut(chosen)
            owner = windows.owner[chosen]
            own = scales[owner]
            ahead = None if self.strategy == "direct" else windows.ahead(chosen, self.horizon - 1)
            ends = Ends(self._standardized(window, own), own, ahead)
            intervals, quantiles = self._spread(ends, self.horizon, coverage, levels)
            times = series.index and np.stack(
                [series.index[i][at + steps] for i, at in zip(owner, origin[chosen], strict=True)]
            )
            parts.append(
                Backtest(
                    self._point(ends, self.horizon),
                    future,
                    framing.read(window)[1],
                    errors[owner].reshape(-1, 1, k),
                    owner,
                    origin[chosen],
                    intervals,
                    quantiles,
                    series.layout.columns(k),
                    series.layout,
                    times,
                )
            )
        return Backtest.joined(parts)

    def _crps_levels(self):
        if self.output == "point":
            return ()
        return tuple(self.levels) if self.output == "quantile" else _CRPS_LEVELS

    @operation
    @as_fitted
    def score(self, X: Any, y: None = None) -> float:
        """Return R2 of the forecasts of `backtest`, averaged over the steps and values.

        1 is perfect; 0 is as good as the mean of `X`. Missing values do not count.

        Raises
        ------
        ShapeError, ConfigError, DataError, BpttError
            As for `backtest`.
        """
        forecast, actual = self.backtest(X)
        return r2(actual, forecast)

    @as_fitted
    def score_text(self, X: Any, y: Any = None) -> str:
        """Return the score in words, as ``bptt score`` prints it."""
        return f"{super().score_text(X)} of forecasts of {self.horizon} steps"

    @as_fitted
    def score_report(self, data: Data) -> Report:
        """Return the score and the tables of `Backtest.report`, as ``bptt score`` prints them."""
        tested = self.backtest(data, coverage=self._coverages())
        score = r2(tested.actual, tested.forecast)
        return [
            f"{self.measure} {score:.4f} of forecasts of {self.horizon} steps",
            *tested.report(),
        ]

    def _coverages(self) -> tuple[float, ...]:
        """Return the coverages of the intervals that reports and pictures show."""
        if self._conformal is not None:
            n = len(self._conformal.errors)
            return tuple(c for c in (0.8, 0.95) if c <= n / (n + 1))
        if self.output == "quantile":
            pairs = [q for q in self.levels if q < 0.5 and 1 - q in map(_rounded, self.levels)]
            return tuple(_rounded(1 - 2 * q) for q in reversed(pairs))
        return () if self.output == "point" or self.strategy == "recursive" else (0.8, 0.95)

    @operation
    def calibrate(self, X: Any, stride: int = 1) -> Self:
        """Calibrate conformal intervals on series that the model was not trained on.

        `predict_interval` then uses them, whatever the output: see `bptt.models.conformal`. The
        next `fit` forgets them.

        Parameters
        ----------
        X
            As for `backtest`, such as the held-out end of the series with a window before it.
        stride : int
            Distance between two origins, in steps.

        Returns
        -------
        The model.

        Raises
        ------
        ShapeError, ConfigError, DataError, BpttError
            As for `backtest`.
        """
        _check_counts(stride=stride)
        check_fitted(self)
        model = self._as_fitted()
        series = model._read(X, model.window + model.horizon, "window + horizon")
        with numpy_defaults():
            self._conformal = model._calibration(series, [0] * len(series.values), stride)
        return self

    def _calibration(self, series, skipped, stride=1):
        """Return the calibration by windows of series, in units of the scale of each series."""
        tested = self._tested(series, stride, skipped, None, ())
        scales = self._scales(series, [first + self.window for first in skipped])
        unit = self._interval_unit(scales[tested.series])
        return Conformal.of(tested.forecast / unit, tested.actual / unit)

    @operation
    @as_fitted
    def plot_forecast(
        self,
        X: Any = None,
        *,
        future: Any = None,
        horizon: int | None = None,
        coverage: Sequence[float] | None = None,
        history: int | None = None,
        axes: Any = None,
    ) -> Any:
        """Plot history, forecast and intervals of each series and value.

        Needs matplotlib: ``pip install 'bptt[plot]'``.

        Parameters
        ----------
        X, future, horizon
            As for `predict`.
        coverage : sequence of float, optional
            Intervals to draw. Default: 0.8 and 0.95, or those that the output has.
        history : int, optional
            Steps that are drawn before the forecast. Default: `window`. Without `X` there are no
            more than that.
        axes : matplotlib Axes or sequence of them, optional
            To draw into, one for each panel. Default: a new figure.

        Returns
        -------
        matplotlib Axes, or ndarray of them where there are several panels
            ``axes.figure.savefig("forecast.svg")`` writes the picture.

        Raises
        ------
        ShapeError, ConfigError, DataError, BpttError
            As for `predict_interval`; matplotlib is not installed; more than 24 panels.
        """
        _check_counts(history=history)
        coverage = self._coverages() if coverage is None else coverage
        for c in coverage:
            self.check_coverage(c)
        horizon = self._horizon(horizon)
        series = self._continued(X)
        ends, layout = self._ends_of(series, future, horizon)
        n, k = history or self.window, len(self.mean_)
        known = self._context.windows()[:, :, :k] if series is None else series.values
        past = [x[-n:] for x in known]
        times = layout.times_until(n)
        if times is not None:
            times = [t[-len(x) :] for t, x in zip(times, past, strict=True)]
        names, ids = layout.columns(k), layout.ids or [str(i + 1) for i in range(len(past))]
        titles = [[name if layout.single else f"{i} {name}" for name in names] for i in ids]
        drawn = draw(
            past, times, self._point(ends, horizon), layout.times(horizon),
            self._spread(ends, horizon, coverage)[0], titles, axes,
        )  # fmt: skip
        if layout.zone is not None:
            for panel in drawn:
                panel.set_xlabel("UTC")
        return drawn[0] if len(drawn) == 1 else drawn


def _rounded(number):
    return round(number, 9)


def _check_counts(**counts):
    for name, given in counts.items():
        if given is not None and not (is_whole(given) and given >= 1):
            raise ConfigError(f"{name} is {given!r}; expected a whole number >= 1.")


def negative_mase(model: Any, X: Any, y: None = None) -> float:
    """Return -MASE of a fitted forecaster on series: greater is better, a scikit-learn scorer.

    Parameters
    ----------
    model : Forecaster
    X : as for `Forecaster.backtest`
    y : None
        Ignored.
    """
    return -float(model.backtest(X).metrics()["MASE"][0])
