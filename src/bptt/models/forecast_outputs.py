"""What a forecaster's network says of windows: points, intervals, step by step, as they arrive."""

from statistics import NormalDist

import numpy as np

from ..errors import ShapeError

ROWS = 256  # windows computed at a time: memory, not the result
PATHS = 500  # drawn for an interval of a recursive Gaussian forecast


def n_outputs(output, levels):
    """Return how many numbers the network says of each value."""
    return {"point": 1, "gaussian": 2, "quantile": len(levels)}[output]


class Outlook:
    """A trained network with all that turns its outputs into forecasts, in scaled units.

    Parameters
    ----------
    network : Network
    parameters : dict of str to ndarray
    framing : Framing
        Its horizon is what the network says at once.
    output : {"point", "gaussian", "quantile"}
    levels : sequence of float
        Of the quantiles.
    """

    def __init__(self, network, parameters, framing, output, levels):
        self.network, self.parameters, self.framing = network, parameters, framing
        self.output, self.levels = output, levels

    def said(self, windows):
        """Run the network over windows (m, window, k): (numbers a value, m, steps said, k).

        A point; a mean and a standard deviation; or quantiles, put in order (Chernozhukov et al.
        2010).
        """
        parts = []
        for i in range(0, len(windows), ROWS):
            x, base = self.framing.read(windows[i : i + ROWS])
            with np.errstate(all="ignore"):  # the caller refuses what is not finite
                z, _, _ = self.network.forward(
                    np.ascontiguousarray(x), self.parameters, keep_tape=False
                )
                z = z.reshape(len(x), -1, *base.shape[1:]).swapaxes(0, 1).astype(np.float64)
                if self.output == "gaussian":
                    z[1] = np.exp(z[1] / 2)
                z *= self.framing.scale
                z[: 1 if self.output == "gaussian" else None] += base
            parts.append(np.sort(z, axis=0) if self.output == "quantile" else z)
        return np.concatenate(parts, axis=1)

    def place(self, level):
        """Return where a quantile of this level stands; None where it does not."""
        return next((i for i, q in enumerate(self.levels) if abs(q - level) < 1e-9), None)

    def point(self, windows, horizon):
        """Forecast windows (m, window, k): (m, horizon, k)."""
        if self.framing.horizon < horizon:
            return self._paths(windows, horizon, lambda said: said[0])
        return self.said(windows)[self.place(0.5) if self.output == "quantile" else 0]

    def interval(self, windows, horizon, tails, seed):
        """Forecast the quantiles of two levels, each (m, horizon, k).

        A recursive Gaussian forecast draws paths, each step from what the network says after the
        steps drawn before it, with a generator of its own.
        """
        if self.output == "quantile":
            said = self.said(windows)
            return [said[self.place(t)] for t in tails]
        if self.framing.horizon >= horizon:
            mean, deviation = self.said(windows)
            return [mean + NormalDist().inv_cdf(t) * deviation for t in tails]
        rng = np.random.default_rng(seed)

        def draw(said):
            mean, deviation = said
            return mean + deviation * rng.standard_normal(mean.shape)

        paths = self._paths(np.repeat(windows, PATHS, axis=0), horizon, draw)
        paths = paths.reshape(len(windows), PATHS, *paths.shape[1:])
        return np.quantile(paths, tails, axis=1)

    def _paths(self, z, horizon, choose):
        """Go on step by step: what `choose` makes of each step is read as if it had come."""
        steps = []
        for _ in range(horizon):
            steps.append(choose(self.said(z))[:, 0])
            with np.errstate(over="ignore", invalid="ignore"):
                z = np.concatenate([z[:, 1:], steps[-1][:, np.newaxis].astype(np.float32)], axis=1)
        return np.stack(steps, axis=1)


class ForecastStream:
    """Forecasts m series side by side as their values arrive.

    ``state`` is the values that are remembered, an array (m, up to `window`, k): it can be kept and
    set again.
    """

    def __init__(self, model, m):
        self._model, self.m = model, m
        self.reset()

    def reset(self):
        """Forget what has been seen."""
        self.state = np.zeros((self.m, 0, len(self._model.mean_)))

    def step(self, xt):
        """Take the values of one step.

        Parameters
        ----------
        xt : ndarray, shape (m, k)

        Returns
        -------
        ndarray, shape (m, horizon, k)
            What comes next; NaN until `window` steps have been seen.

        Raises
        ------
        ShapeError
        """
        model, k = self._model, len(self._model.mean_)
        xt = np.asarray(xt, np.float64)
        if xt.shape != (self.m, k) or not np.isfinite(xt).all():
            raise ShapeError(
                f"Forecaster.stream: xt is {xt.shape}; expected {(self.m, k)}, finite numbers."
            )
        self.state = np.concatenate([self.state, xt[:, np.newaxis]], axis=1)[:, -model.window :]
        if self.state.shape[1] < model.window:
            return np.full((self.m, model.horizon, k), np.nan)
        return model._point("stream", self.state)
