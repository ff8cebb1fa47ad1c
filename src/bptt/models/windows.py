"""Windows of a series: model inputs, targets, and the naive forecast they are relative to."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from ..training import Batch
from ..training.batches import Rows
from .forecast_outputs import NegativeBinomial
from .scales import Scales

Residual = Literal["window", "target", "none"]


class Framing:
    """Turns windows into network inputs, and into the naive forecast that targets are relative to.

    (1)  x = z - z<last>                   residual "window"; else x = z
    (2)  base<h> = z<last - season + 1 + (h - 1) mod season>,  h = 1 .. horizon
                                           residual "none": 0
    (3)  target = (z<last + h> - base<h>) / scale

    With a season of 1 the base is the last value. The scale is the root mean square of the
    differences over the training set: one number, so that squared errors keep their proportions.

    Parameters
    ----------
    window, horizon : int
    residual : {"window", "target", "none"}
    season : int
    scale : float
    masks : bool
        Whether windows have masks of missing values after their values: they become inputs.
    n_extra : int
        Number of further inputs of a step, after values and masks: covariates.
    """

    def __init__(
        self,
        window: int,
        horizon: int,
        residual: Residual,
        season: int,
        scale: float = 1.0,
        masks: bool = False,
        n_extra: int = 0,
    ):
        self.window = window
        self.horizon = horizon
        self.residual = residual
        self.season = season
        self.scale: float = scale
        self.masks = masks
        self.n_extra = n_extra

    def read(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn windows (m, window, k) into inputs (1) and bases (2), (m, horizon, k)."""
        if self.n_extra:
            z, extra = np.split(z, [z.shape[2] - self.n_extra], axis=2)
            x, base = self._with_masks(z)
            return np.concatenate([x, extra], axis=2), base
        return self._with_masks(z)

    def _with_masks(self, z):
        if self.masks:
            z, masks = np.split(z, 2, axis=2)
            x, base = self._read(z)
            return np.concatenate([x, masks], axis=2), base
        return self._read(z)

    def _read(self, z):
        with np.errstate(all="ignore"):  # what is not finite is refused in the forecast
            x = z - z[:, -1:] if self.residual == "window" else z
        if self.residual == "none":
            return x, np.zeros((len(z), self.horizon, z.shape[2]), z.dtype)
        return x, z[:, self.window - self.season + np.arange(self.horizon) % self.season]

    def follow(
        self, z: np.ndarray, step: np.ndarray, extra: np.ndarray | None = None
    ) -> np.ndarray:
        """Return windows moved on by one step (m, k), which is appended with its covariates."""
        step = step.astype(np.float32)
        if self.masks:
            step = np.concatenate([step, np.zeros_like(step)], axis=1)
        if extra is not None:
            step = np.concatenate([step, extra], axis=1)
        return np.concatenate([z[:, 1:], step[:, np.newaxis]], axis=1)


class Counts:
    """Targets of a model of counts: counts, offsets and units of `NegativeBinomial` (10).

    Parameters
    ----------
    series : list of ndarray, each (n_i, k)
        In their own units, NaN where a value is missing.
    scales : Scales
        A row for each series, or one for all.
    """

    def __init__(self, series: list[np.ndarray], scales: Scales):
        self._rows = np.concatenate(series)
        self._scales = scales

    def target(
        self, at: np.ndarray, owner: np.ndarray, base: np.ndarray, scale: float
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return targets (m, 3 n) of the steps `at`, (m, horizon), and weights where some miss."""
        counts = self._rows[at]
        offset, unit = NegativeBinomial.offset(base, scale, self._scales[owner])
        gone = np.isnan(counts)
        parts = [np.where(gone, 0, counts), offset, unit]
        target = np.concatenate([part.reshape(len(at), -1) for part in parts], axis=1)
        weight = np.tile((~gone).reshape(len(at), -1), (1, 3)).astype(float)
        return target, weight if gone.any() else None


class Windows:
    """All windows of some series with the steps after them: a source of batches.

    Parameters
    ----------
    series : list of ndarray, each (n_i, k)
        Without missing values.
    framing : Framing
    batch_size : int
    stride : int
        Distance between the starts of windows, in steps.
    skipped : list of int, optional
        For each series the start of its first window.
    missing : list of ndarray of bool, each (n_i, k), optional
        Which values were missing. Those after a window do not count, and windows before missing
        values only are left out of batches. Those at the end of a window become the last value
        before them, whatever filled them: a value from after the window must not be in it.
    first : ndarray, shape (k,) or (len(series), k), optional
        With `missing`: replaces those that nothing precedes.
    extra : list of ndarray, each (n_i, framing.n_extra), optional
        Further inputs of each step.
    counts : Counts, optional
        Makes the targets of batches, where the values are counts.

    Attributes
    ----------
    starts : ndarray of int64
        Starts of the windows in the concatenated series.
    by_series : list of ndarray of int64
        Starts of the windows of each series, in that series.
    owner : ndarray of int64
        The series of each window.
    """

    def __init__(
        self,
        series: list[np.ndarray],
        framing: Framing,
        batch_size: int,
        stride: int = 1,
        skipped: list[int] | None = None,
        *,
        missing: list[np.ndarray] | None = None,
        first: np.ndarray | None = None,
        extra: list[np.ndarray] | None = None,
        counts: Counts | None = None,
    ):
        self.framing = framing
        self._batch_size = batch_size
        self._rows = np.concatenate(series)
        self._counts = counts
        self._span = np.arange(framing.window + framing.horizon)
        starts, before = [], 0
        for z, skip in zip(series, skipped or [0] * len(series), strict=True):
            last = before + len(z) - len(self._span)
            starts.append(np.arange(before + skip, last + 1, stride))
            before += len(z)
        self.starts: np.ndarray = np.concatenate(starts).astype(np.int64)
        firsts = np.cumsum([0, *map(len, series)])
        self.by_series: list[np.ndarray] = [
            own - first for own, first in zip(starts, firsts[:-1], strict=True)
        ]
        self.owner: np.ndarray = np.repeat(np.arange(len(series)), list(map(len, starts)))
        self._extra = None if extra is None else np.concatenate(extra)
        self._missing: np.ndarray | None = None
        if missing is not None and first is not None:
            self._missing = np.concatenate(missing)
            firsts = np.broadcast_to(first, (len(series), np.shape(first)[-1]))
            parts = [_last(*own) for own in zip(series, missing, firsts, strict=True)]
            self._last, self._age = (np.concatenate(part) for part in zip(*parts, strict=True))
        self._counted = self._followed()

    def _followed(self):
        """Return the indices of the windows that a value follows."""
        if self._missing is None:
            return np.arange(len(self.starts))
        there = np.concatenate([[0], np.cumsum(~self._missing.all(axis=1))])
        after = self.starts + self.framing.window
        return np.flatnonzero(there[after + self.framing.horizon] > there[after])

    def order(self, rng: np.random.Generator | None) -> np.ndarray:
        """Draw the order of the windows."""
        n = self.n_counted
        return np.arange(n) if rng is None else rng.permutation(n)

    @property
    def n_counted(self) -> int:
        """Number of windows in the batches: those that a value follows."""
        return len(self._counted)

    def count(self, order: np.ndarray) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(order) // self._batch_size)

    def cut(self, which: np.ndarray) -> list[np.ndarray]:
        """Return windows (m, window, k) and the steps after them, (m, horizon, k).

        With masks, windows have them after their values; steps that are missing are NaN.
        """
        at = self.starts[which][:, np.newaxis] + self._span
        window, future = np.split(self._rows[at], [self.framing.window], axis=1)
        if self._missing is None:
            masks = np.zeros_like(window)
        else:
            ends = at[:, self.framing.window - 1]
            before_end = self._span[: self.framing.window][::-1, np.newaxis]
            stale = before_end < self._age[ends][:, np.newaxis]
            window = np.where(stale, self._last[ends][:, np.newaxis], window)
            gone, future_gone = np.split(self._missing[at], [self.framing.window], axis=1)
            masks = gone.astype(window.dtype)
            future = np.where(future_gone, np.asarray(np.nan, future.dtype), future)
        if self.framing.masks:
            window = np.concatenate([window, masks], axis=2)
        if self._extra is not None:
            own = self._extra[at[:, : self.framing.window]]
            window = np.concatenate([window, own], axis=2)
        return [window, future]

    def ahead(self, which: np.ndarray, n: int) -> np.ndarray | None:
        """Return the covariates of the n steps after windows, (m, n, n_extra), if there are any."""
        if self._extra is None:
            return None
        after = self.starts[which][:, np.newaxis] + self.framing.window + np.arange(n)
        return self._extra[after]

    def batches(self, order: np.ndarray, rows: Rows = None) -> Iterator[Batch]:
        """Yield every batch with all rows: they are in memory. Targets are (horizon * k,)."""
        for i in range(0, len(order), self._batch_size):
            which = self._counted[order[i : i + self._batch_size]]
            if self._counts is None:
                yield Batch(*self._differences(which))
            else:
                x, base = self.framing.read(self.cut(which)[0])
                at = self.starts[which][:, np.newaxis] + self._span[self.framing.window :]
                owner, scale = self.owner[which], self.framing.scale
                target, weight = self._counts.target(at, owner, base, scale)
                yield Batch(x, target, weight=weight)

    def _differences(self, which):
        """Return inputs, targets (3), no lengths, and weights where some are missing."""
        window, future = self.cut(which)
        x, base = self.framing.read(window)
        target = (future - base) / np.float32(self.framing.scale)
        target, weight = target.reshape(len(x), -1), None
        if self._missing is not None:
            gone = np.isnan(future).reshape(target.shape)
            if gone.any():
                target, weight = np.where(gone, np.float32(0), target), (~gone).astype(float)
        return x, target, None, weight

    def change_scale(self) -> float:
        """Return the root mean square of the targets (3) before scaling."""
        total, n = 0.0, 0
        for i in range(0, self.n_counted, self._batch_size):
            _, target, _, weight = self._differences(self._counted[i : i + self._batch_size])
            total += float(np.sum(target.astype(np.float64) ** 2))
            n += target.size if weight is None else int(weight.sum())
        rms = (total / max(n, 1)) ** 0.5 * self.framing.scale
        return rms if rms > 0 else 1.0


def _last(z, missing, first):
    """Return the last value that is not missing at each step, and how many steps it is ago."""
    steps = np.arange(len(z))[:, np.newaxis]
    at = np.maximum.accumulate(np.where(missing, -1, steps), axis=0)
    last = np.where(at < 0, first, np.take_along_axis(z, np.maximum(at, 0), axis=0))
    return last.astype(z.dtype), steps - at
