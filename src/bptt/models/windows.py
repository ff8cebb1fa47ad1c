"""Windows of a series: model inputs, targets, and the naive forecast they are relative to."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from ..errors import ConfigError, ShapeError
from ..training import Batch
from .sequences import as_plain, as_sequences, numeric

Residual = Literal["window", "target", "none"]


def as_series(X: Any, lengths: Any = None) -> tuple[list[np.ndarray], bool]:
    """Return the series of X, each (n, k), and whether X is a single series.

    Parameters
    ----------
    X : ndarray, shape (n,) or (n, k), or a list of numbers: one series; list of such arrays, or an
        array (m, n, k) with lengths: several

    Raises
    ------
    ShapeError, ConfigError
    """
    X = as_plain(X)
    several = isinstance(X, (list, tuple)) and len(X) > 0 and np.ndim(X[0]) > 0
    several = several or (isinstance(X, np.ndarray) and (X.ndim > 2 or X.dtype.kind == "O"))
    if not several:
        if isinstance(X, (str, dict, set)) or X is None:
            raise ShapeError(f"X is a {type(X).__name__}; expected a series of numbers.")
        return [numeric("X", X).astype(np.float64)], True
    series = [
        numeric(f"X[{i}]", x).astype(np.float64) for i, x in enumerate(as_sequences(X, lengths))
    ]
    for i, x in enumerate(series):
        check_width(f"X[{i}]", x, series[0].shape[1], "as X[0]")
    return series, False


def check_width(name: str, x: np.ndarray, k: int, whence: str) -> None:
    """Raise where a series has another number of values per time step.

    Raises
    ------
    ShapeError
    """
    if x.shape[1] != k:
        raise ShapeError(f"{name} has {x.shape[1]} features; expected {k}, {whence}.")


def check_steps(series: list[np.ndarray], single: bool, least: int, what: str) -> None:
    """Raise where a series is too short.

    Raises
    ------
    ConfigError
    """
    for i, x in enumerate(series):
        if len(x) < least:
            name = "X" if single else f"X[{i}]"
            raise ConfigError(f"{name} has {len(x)} steps; expected at least {least}, {what}.")


class Framing:
    """Turns windows into network inputs, and into the naive forecast that targets are relative to.

    (1)  x = z - z<last>                   residual "window"; else x = z
    (2)  base<h> = z<last - season + 1 + (h - 1) mod season>,  h = 1 .. horizon
                                           residual "none": 0
    (3)  target = (z<last + h> - base<h>) / scale

    With a season of 1 the base is the last value. The scale is the root mean square of the
    differences over the training set: one number, so that squared errors keep their proportions.
    """

    def __init__(
        self, window: int, horizon: int, residual: Residual, season: int, scale: float = 1.0
    ):
        self.window = window
        self.horizon = horizon
        self.residual = residual
        self.season = season
        self.scale: float = scale

    def read(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn windows (m, window, k) into inputs (1) and bases (2), (m, horizon, k)."""
        x = z - z[:, -1:] if self.residual == "window" else z
        if self.residual == "none":
            return x, np.zeros((len(z), self.horizon, z.shape[2]), z.dtype)
        return x, z[:, self.window - self.season + np.arange(self.horizon) % self.season]


class Windows:
    """All windows of some series with the steps after them: a source of batches.

    Parameters
    ----------
    series : list of ndarray of float32, each (n_i, k)
    framing : Framing
    batch_size : int
    stride : int
        Distance between the starts of windows, in steps.

    Attributes
    ----------
    starts : ndarray of int64
        Starts of the windows in the concatenated series.
    """

    def __init__(
        self, series: list[np.ndarray], framing: Framing, batch_size: int, stride: int = 1
    ):
        self.framing = framing
        self._batch_size = batch_size
        self._rows = np.concatenate(series)
        self._span = np.arange(framing.window + framing.horizon)
        starts, before = [], 0
        for z in series:
            starts.append(np.arange(before, before + len(z) - len(self._span) + 1, stride))
            before += len(z)
        self.starts: np.ndarray = np.concatenate(starts).astype(np.int64)

    def order(self, rng: np.random.Generator | None) -> np.ndarray:
        """Draw the order of the windows."""
        n = len(self.starts)
        return np.arange(n) if rng is None else rng.permutation(n)

    def count(self, order: np.ndarray) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(order) // self._batch_size)

    def cut(self, which: np.ndarray) -> list[np.ndarray]:
        """Return windows (m, window, k) and the steps after them, (m, horizon, k)."""
        rows = self._rows[self.starts[which][:, np.newaxis] + self._span]
        return np.split(rows, [self.framing.window], axis=1)

    def batches(self, order: np.ndarray) -> Iterator[Batch]:
        """Yield every batch; the target of a window is (horizon * k,)."""
        for i in range(0, len(order), self._batch_size):
            window, future = self.cut(order[i : i + self._batch_size])
            x, base = self.framing.read(window)
            target = (future - base) / np.float32(self.framing.scale)
            yield Batch(x, target.reshape(len(x), -1))

    def change_scale(self) -> float:
        """Return the root mean square of the targets before scaling."""
        total, n = 0.0, 0
        for batch in self.batches(self.order(None)):
            total += float(np.sum(batch.target.astype(np.float64) ** 2))
            n += batch.target.size
        rms = (total / max(n, 1)) ** 0.5 * self.framing.scale
        return rms if rms > 0 else 1.0
