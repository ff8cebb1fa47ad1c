"""Forecasts of a trained network: at once or step by step, points, quantiles or paths."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

from ..network import Network
from ..training import Batch, infer
from .forecast_outputs import Output
from .scales import Scales
from .windows import Framing

ROWS = 256  # windows computed at a time: limits the memory, does not change the result
PATHS = 500  # paths drawn for an interval of a recursive forecast


@dataclass(frozen=True)
class Ends:
    """Windows that forecasts continue.

    Attributes
    ----------
    z : ndarray of float32, shape (m, window, n)
        Standardized values, masks, covariates.
    scales : Scales
        Of the series of each window, or one row for all.
    ahead : ndarray of float32, shape (m, horizon - 1 or more, n_extra), optional
        Covariates of the steps that a recursive forecast appends.
    """

    z: np.ndarray
    scales: Scales
    ahead: np.ndarray | None = None

    def repeated(self, n: int) -> Self:
        """Return each window n times in turn."""
        ahead = None if self.ahead is None else np.repeat(self.ahead, n, axis=0)
        return type(self)(np.repeat(self.z, n, axis=0), self.scales.repeated(n), ahead)


class Predictor:
    """Forecasts windows, in the units of the series.

    Parameters
    ----------
    network : Network
    parameters : dict of str to ndarray
    framing : Framing
        Its horizon is the number of steps that the network forecasts at once.
    output : Output
    recursive : bool
        Whether forecasts are made step by step; else the horizon is at most that of the framing.
    nonnegative : bool
        Whether what is below 0 becomes 0.
    """

    def __init__(
        self,
        network: Network,
        parameters: dict[str, np.ndarray],
        framing: Framing,
        output: Output,
        recursive: bool = False,
        nonnegative: bool = False,
    ):
        self.network = network
        self.parameters = parameters
        self.framing = framing
        self.output = output
        self.recursive = recursive
        self.nonnegative = nonnegative

    def point(self, ends: Ends, horizon: int) -> np.ndarray:
        """Forecast the next steps: (m, horizon, k)."""
        return self._steps(ends, horizon, self.output.point)

    def quantiles(
        self, ends: Ends, horizon: int, levels: Sequence[float], seed: int, n_paths: int = PATHS
    ) -> list[np.ndarray]:
        """Forecast the quantiles of some levels, each (m, horizon, k).

        For a recursive forecast of more than one step they are those of paths.
        """
        if not self.recursive or self.framing.horizon >= horizon:
            parts = self._parts(ends)[:, :, :horizon]
            return [self._in_units(self.output.quantile(parts, q), ends.scales) for q in levels]
        paths = self.paths(ends, horizon, seed, n_paths)
        return list(np.quantile(paths, levels, axis=1))

    def paths(self, ends: Ends, horizon: int, seed: int, n_paths: int) -> np.ndarray:
        """Draw paths, (m, n_paths, horizon, k).

        Each step of a recursive forecast is drawn from the distribution that the network predicts
        after the steps drawn before it; the steps of a direct one are drawn independently.
        """
        draw = partial(self.output.draw, rng=np.random.default_rng(seed))
        paths = self._steps(ends.repeated(n_paths), horizon, draw)
        return paths.reshape(len(ends.z), n_paths, *paths.shape[1:])

    def _steps(self, ends, horizon, choose: Callable[[np.ndarray], np.ndarray]):
        if self.recursive and self.framing.horizon < horizon:
            return self._recursive(ends, horizon, choose)
        return self._in_units(choose(self._parts(ends))[:, :horizon], ends.scales)

    def _in_units(self, values, scales):
        values = values if self.output.counts else scales.unscaled(values)
        return np.maximum(values, 0.0) if self.nonnegative else values

    def _parts(self, ends):
        """Run the network over windows: what `Output.read` returns."""
        places = range(0, len(ends.z), ROWS)
        framed = (self.framing.read(ends.z[i : i + ROWS]) for i in places)
        batches = (Batch(np.ascontiguousarray(x), base) for x, base in framed)
        outputs, parts = infer(self.network, self.parameters, batches), []
        for i, (batch, y) in zip(places, outputs, strict=True):
            y = y.reshape(len(y), self.output.n_outputs, *batch.target.shape[1:])
            scales = ends.scales[i : i + ROWS]
            with np.errstate(all="ignore"):  # the forecasts are checked
                y = y.swapaxes(0, 1).astype(np.float64)
                parts.append(self.output.read(y, batch.target, self.framing.scale, scales))
        return np.concatenate(parts, axis=1)

    def _recursive(self, ends, horizon, choose):
        """Forecast step by step: each step that `choose` returns is appended to the window."""
        steps = []
        for i in range(horizon):
            step = choose(self._parts(ends))[:, :1]
            steps.append(self._in_units(step, ends.scales))
            if self.output.counts or self.nonnegative:
                step = ends.scales.scaled(steps[-1])
            extra = None if ends.ahead is None or i + 1 == horizon else ends.ahead[:, i]
            with np.errstate(over="ignore", invalid="ignore"):
                z = self.framing.follow(ends.z, step[:, 0], extra) if i + 1 < horizon else ends.z
            ends = Ends(z, ends.scales, ends.ahead)
        return np.concatenate(steps, axis=1)
