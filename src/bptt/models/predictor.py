"""Forecasts of a trained network: at once or step by step, points or intervals, as a stream."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..errors import ShapeError, operation
from ..network import Network
from ..training import Batch, infer
from .forecast_outputs import Output
from .missing import Filler
from .windows import Framing

ROWS = 256  # windows computed at a time: limits the memory, does not change the result
PATHS = 500  # paths drawn for an interval of a recursive forecast


class Predictor:
    """Forecasts windows in scaled units.

    Parameters
    ----------
    network : Network
    parameters : dict of str to ndarray
    framing : Framing
        Its horizon is the number of steps that the network forecasts at once.
    output : Output
    """

    def __init__(
        self, network: Network, parameters: dict[str, np.ndarray], framing: Framing, output: Output
    ):
        self.network = network
        self.parameters = parameters
        self.framing = framing
        self.output = output

    def point(self, windows: np.ndarray, horizon: int) -> np.ndarray:
        """Forecast windows (m, window, k), with masks (m, window, 2 k): (m, horizon, k)."""
        if self.framing.horizon < horizon:
            return self._recursive(windows, horizon, self.output.point)
        return self.output.point(self._parts(windows))

    def interval(
        self, windows: np.ndarray, horizon: int, levels: Sequence[float], seed: int
    ) -> Any:
        """Forecast the quantiles of some levels, each (m, horizon, k).

        For a recursive forecast they are those of paths, each step of which is drawn from the
        distribution that the network predicts after the steps drawn before it.
        """
        if self.framing.horizon >= horizon:
            parts = self._parts(windows)
            return [self.output.quantile(parts, level) for level in levels]
        draw = partial(self.output.draw, rng=np.random.default_rng(seed))
        paths = self._recursive(np.repeat(windows, PATHS, axis=0), horizon, draw)
        paths = paths.reshape(len(windows), PATHS, *paths.shape[1:])
        return np.quantile(paths, levels, axis=1)

    def _parts(self, windows):
        """Run the network over windows: what `Output.read` returns."""
        blocks = (windows[i : i + ROWS] for i in range(0, len(windows), ROWS))
        framed = map(self.framing.read, blocks)
        batches = (Batch(np.ascontiguousarray(x), base) for x, base in framed)
        parts = []
        for batch, y in infer(self.network, self.parameters, batches):
            y = y.reshape(len(y), self.output.n_outputs, *batch.target.shape[1:])
            with np.errstate(all="ignore"):  # the caller checks the forecasts
                y = y.swapaxes(0, 1).astype(np.float64)
                parts.append(self.output.read(y, batch.target, self.framing.scale))
        return np.concatenate(parts, axis=1)

    def _recursive(self, z, horizon, choose: Callable[[np.ndarray], np.ndarray]):
        """Forecast step by step: each step that `choose` returns is appended to the window."""
        steps = []
        for _ in range(horizon):
            steps.append(choose(self._parts(z))[:, 0])
            with np.errstate(over="ignore", invalid="ignore"):
                z = self.framing.follow(z, steps[-1])
        return np.stack(steps, axis=1)


class ForecastStream:
    """Forecast m series in parallel as their values arrive.

    ``state`` holds the last values, an array (m, up to `window`, k), with masks of missing values
    (m, up to `window`, 2 k); it can be read and set.

    Parameters
    ----------
    forecast : callable (windows) -> ndarray
        Forecasts windows (m, window, k): (m, horizon, k).
    m, window, horizon, k : int
    filler : Filler, optional
        Fills missing values; without, they are refused.
    """

    def __init__(
        self,
        forecast: Callable[[np.ndarray], np.ndarray],
        m: int,
        window: int,
        horizon: int,
        k: int,
        *,
        filler: Filler | None = None,
    ):
        self._filler = filler
        self._masks = filler is not None and filler.method == "indicator"
        self._forecast = forecast
        self.m = m
        self._window, self._horizon, self._k = window, horizon, k
        self.reset()

    def reset(self) -> None:
        """Forget all values."""
        self.state: np.ndarray = np.zeros((self.m, 0, self._k * (2 if self._masks else 1)))

    @operation("Forecaster.stream")
    def step(self, xt: np.ndarray) -> np.ndarray:
        """Take the values of one time step; return the forecast after it.

        Parameters
        ----------
        xt : ndarray, shape (m, k)
            Missing values (NaN) only where the model fills them, and not by "interpolate", which
            needs the values after them.

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
        if self._filler is not None and fills:
            missing = np.isnan(xt)
            before = self._filler.first(self.m) if self.state.shape[1] == 0 else self.state[:, -1]
            xt = np.where(missing, before[:, : self._k], xt)
            xt = np.concatenate([xt, missing], axis=1) if self._masks else xt
        self.state = np.concatenate([self.state, xt[:, np.newaxis]], axis=1)[:, -self._window :]
        if self.state.shape[1] < self._window:
            return np.full((self.m, self._horizon, self._k), np.nan)
        return self._forecast(self.state)
