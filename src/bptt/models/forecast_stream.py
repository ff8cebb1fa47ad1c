"""Forecasts of series as their values arrive."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError, operation
from ..readers.times import Frequency
from .covariates import Covariates
from .missing import Filler


class ForecastStream:
    """Forecast m series in parallel as their values arrive.

    ``state`` holds the last values, an array (m, up to `window`, k), with masks of missing values
    and covariates after them; it can be read and set.

    Parameters
    ----------
    forecast : callable (windows, ahead) -> ndarray
        Forecasts windows (m, window, k), with masks and covariates: (m, horizon, k).
    m, window, horizon, k : int
    filler : Filler, optional
        Fills missing values; without, they are refused.
    covariates : Covariates, optional
    lag : int
        That of the covariates (1).
    start : datetime, str or numpy.datetime64, optional
        Time of the first step, for calendar features.
    frequency : str, optional
    """

    def __init__(
        self,
        forecast: Callable[[np.ndarray, np.ndarray | None], np.ndarray],
        m: int,
        window: int,
        horizon: int,
        k: int,
        *,
        filler: Filler | None = None,
        covariates: Covariates | None = None,
        lag: int = 1,
        start: Any = None,
        frequency: str | None = None,
    ):
        self._filler = filler
        self._masks = filler is not None and filler.method == "indicator"
        self._forecast = forecast
        self._covariates, self._lag = covariates, lag
        self._frequency = None if frequency is None else Frequency(frequency)
        self._start = _time(start)
        self.m = m
        self._window, self._horizon, self._k = window, horizon, k
        self.reset()

    def reset(self) -> None:
        """Forget all values."""
        n = self._k * (2 if self._masks else 1)
        n += 0 if self._covariates is None else self._covariates.n_inputs
        self.state: np.ndarray = np.zeros((self.m, 0, n))
        self._time = self._start

    @operation("Forecaster.stream")
    def step(
        self, xt: np.ndarray, past: np.ndarray | None = None, future: np.ndarray | None = None
    ) -> np.ndarray:
        """Take the values of one time step; return the forecast after it.

        Parameters
        ----------
        xt : ndarray, shape (m, k)
            Missing values (NaN) only where the model fills them, and not by "interpolate", which
            needs the values after them.
        past : ndarray, shape (m, columns), optional
            Past covariates of this step, if the model has any.
        future : ndarray, shape (m, 1 + horizon, columns), optional
            Future covariates of this step and of the `horizon` steps after it, if it has any.

        Returns
        -------
        ndarray, shape (m, horizon, k)
            NaN until `window` steps have arrived.

        Raises
        ------
        ShapeError
        """
        xt = np.asarray(xt, np.float64)
        fills = self._filler is not None and self._filler.method != "interpolate"
        if (
            xt.shape != (self.m, self._k)
            or not np.isfinite(xt[~np.isnan(xt)] if fills else xt).all()
        ):
            raise ShapeError(f"xt is {xt.shape}; expected {(self.m, self._k)}, finite numbers.")
        extra = self._extra(past, future)
        if self._filler is not None and fills:
            missing = np.isnan(xt)
            before = self._filler.first(self.m) if self.state.shape[1] == 0 else self.state[:, -1]
            xt = np.where(missing, before[:, : self._k], xt)
            xt = np.concatenate([xt, missing], axis=1) if self._masks else xt
        row, ahead = xt[:, np.newaxis], None
        if extra is not None:
            row, ahead = np.concatenate([row, extra[:, :1]], axis=2), extra[:, 1:]
        self.state = np.concatenate([self.state, row], axis=1)[:, -self._window :]
        if self.state.shape[1] < self._window:
            return np.full((self.m, self._horizon, self._k), np.nan)
        return self._forecast(self.state, ahead)

    def _extra(self, past, future):
        """Return the covariates (1) of this step, and of those that a recursion appends."""
        own = self._covariates
        if own is None:
            if past is not None or future is not None:
                raise ShapeError("past or future is given, and the model has no covariates.")
            return None
        past = _given("past", past, (self.m, len(own.past)))
        future = _given("future", future, (self.m, 1 + self._horizon, len(own.future)))
        times = None
        if self._time is not None and self._frequency is not None:
            after = self._frequency.after(self._time, self._horizon)
            times = np.concatenate([[self._time], after])
            self._time = after[0]
        now = np.concatenate([past, future[:, 0]], axis=1)[:, np.newaxis]
        rows = np.stack([own.rows(x, None if times is None else times[:1]) for x in now])
        ahead = [own.rows(x[1:], None if times is None else times[1:]) for x in future]
        return own.inputs(rows, self._lag, np.stack(ahead))


def _time(start):
    if start is None:
        return None
    try:
        return np.datetime64(start, "us")
    except ValueError:
        raise ConfigError(f"start is {start!r}; expected a time such as '2024-01-31'.") from None


def _given(name: str, values: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return covariates of a step as an array; empty where the model has none of them."""
    nothing = values is None and not shape[-1]
    array: np.ndarray = np.zeros(shape) if nothing else np.asarray(values, np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ShapeError(f"{name} is {array.shape}; expected {shape}, finite numbers.")
    return array
