"""Forecasts of a fitted model of series: points, intervals, quantiles, paths, streams."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, operation
from .fitted import as_fitted
from .forecast_stream import ForecastStream
from .missing import Filler
from .predictor import PATHS, Ends
from .window_forecasts import WindowForecasts


@dataclass(kw_only=True, repr=False, eq=False)
class ForecastingModel(WindowForecasts):
    """A model of series that forecasts; `Forecaster` trains it."""

    @operation
    @as_fitted
    def predict(self, X: Any = None, *, future: Any = None, horizon: int | None = None) -> Any:
        """Forecast the next steps of a series.

        Parameters
        ----------
        X : ndarray, shape (n,) or (n, k), or a list of them; data frame, Data or dict; optional
            Its last `window` steps are read. Default: the series that `fit` was given.
        future : data frame or Data; ndarray, shape (n_series, horizon, columns); optional
            The covariates `future` of the steps that are forecast, found by ids and times; other
            steps are ignored. A table without ids is used for all series. A direct forecast needs
            them for the model's whole horizon, even where `horizon` is shorter.
        horizon : int (steps), optional
            Default: that of the model. A direct forecast may be shorter, a recursive one of any
            length.

        Returns
        -------
        ndarray of float64, shape (horizon, k); of a list (n_series, horizon, k)
            In the units of the series. Of a data frame, or of Data that has names or times, a data
            frame: of one series its index has the times of the forecast, of several it has columns
            of ids, times and values. Of a dict a dict by id.

        Raises
        ------
        ShapeError, ConfigError, DataError
            The model is not fitted; a series is too short, or has another number of values; a data
            frame has other columns or another frequency than that of `fit`, or an id or a category
            that is new; `future` does not reach the horizon.
        BpttError
            The model's parameters are too large to compute with.
        """
        ends, layout, horizon = self._ends(X, future, horizon)
        return layout.form(self._point(ends, horizon))

    @operation
    @as_fitted
    def predict_interval(
        self,
        X: Any = None,
        coverage: float = 0.9,
        *,
        future: Any = None,
        horizon: int | None = None,
        n_paths: int = PATHS,
    ) -> tuple[Any, Any]:
        """Forecast intervals that contain each value with probability `coverage`.

        Parameters
        ----------
        X
            As for `predict`.
        coverage : float
            In (0, 1). With output "quantile", the distance of two of its `levels` that are
            symmetric about 0.5.
        future, horizon
            As for `predict`.
        n_paths : int
            Number of paths that a recursive forecast draws; with more, intervals depend less on
            the seed.

        Returns
        -------
        lower, upper
            Each as `predict` returns it.

        Raises
        ------
        ShapeError, ConfigError, DataError, BpttError
            As for `predict`; a model with output "point" has no intervals until `calibrate`.
        """
        self.check_coverage(coverage)
        ends, layout, horizon = self._ends(X, future, horizon)
        intervals, _ = self._spread(ends, horizon, [coverage], n_paths=n_paths)
        lower, upper = intervals[coverage]
        return layout.form(lower), layout.form(upper)

    @operation
    @as_fitted
    def predict_quantiles(
        self,
        X: Any = None,
        levels: Sequence[float] | None = None,
        *,
        future: Any = None,
        horizon: int | None = None,
        n_paths: int = PATHS,
    ) -> dict[float, Any]:
        """Forecast quantiles: values that are not exceeded with the probabilities `levels`.

        Parameters
        ----------
        X, future, horizon, n_paths
            As for `predict_interval`.
        levels : sequence of float, optional
            In (0, 1); with output "quantile", some of the model's `levels` unless it is calibrated.
            Default: those of the model with output "quantile", otherwise 0.1, 0.5 and 0.9.

        Returns
        -------
        dict of float to forecast
            By level, each as `predict` returns it.

        Raises
        ------
        ShapeError, ConfigError, DataError, BpttError
            As for `predict_interval`.
        """
        if levels is None:
            levels = self.levels if self.output == "quantile" else (0.1, 0.5, 0.9)
        self._check_levels(levels)
        ends, layout, horizon = self._ends(X, future, horizon)
        _, quantiles = self._spread(ends, horizon, levels=levels, n_paths=n_paths)
        return {q: layout.form(x) for q, x in quantiles.items()}

    @operation
    @as_fitted
    def sample_paths(
        self,
        X: Any = None,
        n_paths: int = 100,
        *,
        future: Any = None,
        horizon: int | None = None,
        seed: int | None = None,
    ) -> np.ndarray:
        """Draw futures of a series from the predicted distribution.

        Each step of a recursive forecast is drawn after the steps before it. The steps of a direct
        forecast are drawn independently: sums over them vary less than they should.

        Parameters
        ----------
        X, future, horizon
            As for `predict`.
        n_paths : int
        seed : int, optional
            Default: that of the model.

        Returns
        -------
        ndarray of float64, shape (n_paths, horizon, k); of several (n_series, n_paths, horizon, k)

        Raises
        ------
        ShapeError, ConfigError, DataError, BpttError
            As for `predict`; the output is "point" or "quantile".
        """
        if self.output in ("point", "quantile"):
            raise ConfigError(
                f"output is {self.output!r}; expected 'gaussian', 'student_t' or "
                f"'negative_binomial' to draw paths from."
            )
        self._check_seed(seed)
        ends, layout, horizon = self._ends(X, future, horizon)
        self._check_paths(n_paths, len(ends.z), horizon)
        seed = self.seed if seed is None else seed
        paths = self._predictor().paths(ends, horizon, seed, n_paths)
        return paths[0] if layout.single else paths

    def prediction_rows(
        self,
        X: Any = None,
        coverage: float | None = None,
        columns: Sequence[str] = (),
        future: Any = None,
        horizon: int | None = None,
        levels: Sequence[float] = (),
        typed: bool = False,
    ) -> Iterator[list[Any]]:
        """Yield a heading, then each step of the forecast: rows of ``bptt predict``.

        Parameters
        ----------
        X
            As for `predict`.
        coverage : float, optional
            Adds the ends of intervals, see `predict_interval`.
        columns : sequence of str
            Names of the values, where the series have none; numbered where not given.
        future, horizon
            As for `predict`.
        levels : sequence of float
            Adds quantiles, see `predict_quantiles`.
        typed : bool
            Times and numbers as they are, not as text.
        """
        if coverage is not None:
            self.check_coverage(coverage)
        if levels:
            self._check_levels(levels)
        ends, layout, horizon = self._ends(X, future, horizon)
        coverages = () if coverage is None else (coverage,)
        intervals, quantiles = self._spread(ends, horizon, coverages, levels)
        parts = [("", self._point(ends, horizon))]
        for bounds in intervals.values():
            parts += zip((" lower", " upper"), bounds, strict=True)
        parts += [(f" {q:g}", quantiles[q]) for q in levels]
        yield from layout.rows(parts, self.scale_, columns, typed)

    @operation
    @as_fitted
    def stream(self, m: int = 1, *, start: Any = None) -> Any:
        """Forecast m series in parallel as their values arrive.

        Parameters
        ----------
        m : int
        start : datetime, str or numpy.datetime64, optional
            Time of the first step, where the model has calendar features.

        Returns
        -------
        ForecastStream

        Raises
        ------
        ConfigError
            The model is not fitted, or it has static covariates or scales each series by itself: a
            stream has no ids.
        """
        own, frequency = self._covariates, self._context.layout.frequency
        if self._own_scales is not None or (own is not None and own.static is not None):
            raise ConfigError(
                "the model has static covariates or scaling='series', and a stream has no ids; "
                "expected a model without, or predict."
            )
        if own is not None and own.calendar and start is None:
            raise ConfigError("start is not given; expected the time of the first step (calendar).")
        filler = None if self.missing == "raise" else Filler(self.missing, self.mean_)
        return ForecastStream(
            self._of_stream, m, self.window, self.horizon, len(self.mean_), filler=filler,
            covariates=own, lag=self._steps(), start=start, frequency=frequency,
        )  # fmt: skip

    def _of_stream(self, windows, ahead):
        scales = self._scales_of_all()
        return self._point(Ends(self._standardized(windows, scales), scales, ahead), self.horizon)
