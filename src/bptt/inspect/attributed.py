"""One sequence that is attributed: its variants, and the sums of their results."""

from collections.abc import Sequence
from itertools import permutations
from math import factorial
from typing import Any

import numpy as np

from ..layers.base import State
from .passes import Variants


class Outputs(Variants):
    """A sequence and its baselines.

    Attributes
    ----------
    y : ndarray of float64, shape (1 + draws, n_out)
        Output of the sequence, then of each baseline from the network's initial state.
    """

    y: np.ndarray

    def __init__(
        self,
        x: np.ndarray,
        others: Sequence[np.ndarray],
        states: tuple[tuple[State, ...], tuple[State, ...]],
        at: int,
    ):
        self.x, self.others, self.states, self.at = x, others, states, at
        self.count, self.shape = 1 + len(others), x.shape
        self._y: list[np.ndarray] = []

    def rows(self, first, last):
        """Return the sequence and its baselines."""
        share = np.minimum(np.arange(first, last), 1)
        return np.stack([self.x, *self.others])[first:last], 1.0 - share

    def take(self, first, last, y, dx, dstate):
        """Keep the outputs."""
        self._y.append(y.astype(np.float64))
        if last == self.count:
            self.y = np.concatenate(self._y)


class _Result(Variants):
    """Sums over the parts of a sequence.

    Attributes
    ----------
    total : ndarray of float64, shape (n_parts,)
    errors : ndarray of float64, shape (n_parts,)
        Standard errors of `total` where it is a mean of samples, else NaN.
    start : float
        Of the state before the first step.
    """

    def __init__(self, source: Outputs, target: int, cells: np.ndarray, method: str, plan: Any):
        self.x, self.others, self.shape = source.x, source.others, source.shape
        self.states, self.at, self.target = source.states, source.at, target
        self.value, self.floors, self.method = source.y[0, target], source.y[1:, target], method
        self.cells = np.broadcast_to(cells, self.shape)
        self.total, self.start = np.zeros(int(cells.max()) + 1), 0.0
        self.errors = np.full_like(self.total, np.nan)
        self.carried = any((b != s).any() for s, b in self._pairs())
        self._prepare(plan)

    def _pairs(self):
        """Return the arrays of the two states, start and begin, one pair after another."""
        start, begin = self.states
        return [
            pair
            for layer in zip(start, begin, strict=True)
            for pair in zip(*layer, strict=True)
            if pair[0].ndim == 3
        ]  # fmt: skip

    def _prepare(self, plan: Any) -> None:
        raise NotImplementedError


class Straight(_Result):
    """Gradients at points of the straight line from each baseline to the sequence."""

    def _prepare(self, plan):
        steps, whole = plan, self.method == "integrated_gradients"
        self.points = (np.arange(steps) + 0.5) / steps if whole else np.ones(1)  # midpoint rule
        self.count = len(self.points) * (1 if self.method == "gradient" else len(self.others))

    def rows(self, first, last):
        """Return points of the lines, one line after another."""
        which, k = np.divmod(np.arange(first, last), len(self.points))
        share = self.points[k]
        base = np.stack([self.others[j] for j in which])
        line = base + share[:, np.newaxis, np.newaxis] * (self.x - base)
        return line.astype(self.x.dtype), share

    def take(self, first, last, y, dx, dstate):
        """Add the gradients, times the difference from the baseline."""
        which, g = np.arange(first, last) // len(self.points), dx.astype(np.float64)
        plain = self.method == "gradient"
        for j in np.unique(which):
            here = g[which == j].sum(axis=0) / self.count
            here = here if plain else here * (self.x - self.others[j])
            self.total += np.bincount(self.cells.ravel(), here.ravel(), len(self.total))
        if self.carried and not plain:
            gradients = [d for layer in dstate for d in layer]
            for d, (start, begin) in zip(gradients, self._pairs(), strict=True):
                self.start += float((d.astype(np.float64) * (begin - start)).sum()) / self.count


class Occluded(_Result):
    """Changes of the output when a part of each baseline takes the place of the sequence's."""

    def _prepare(self, plan):
        parts = np.unique(self.cells)  # others are behind the step that is explained
        self.parts = np.append(parts, -1) if self.carried else parts  # -1: the state
        self.count = len(self.parts) * len(self.others)

    def rows(self, first, last):
        """Return the sequence with one part replaced in each, one baseline after another."""
        which, k = np.divmod(np.arange(first, last), len(self.parts))
        rows = np.repeat(self.x[np.newaxis], last - first, axis=0)
        for row, j, part in zip(rows, which, self.parts[k], strict=True):
            np.copyto(row, self.others[j], where=self.cells == part)
        return rows, (self.parts[k] >= 0).astype(float)

    def take(self, first, last, y, dx, dstate):
        """Add the changes of the output."""
        part = self.parts[np.arange(first, last) % len(self.parts)]
        change = (self.value - y[:, self.target].astype(np.float64)) / len(self.others)
        np.add.at(self.total, part[part >= 0], change[part >= 0])
        self.start += float(change[part < 0].sum())


class Shapley(_Result):
    """Changes of the output when parts replace those of a baseline one by one, in random orders."""

    def _prepare(self, plan):
        draws, rng = plan
        parts = np.unique(self.cells)
        self.parts = np.append(parts, -1) if self.carried else parts  # -1: the state
        self.index = np.searchsorted(parts, self.cells)
        n = len(self.parts)
        self.all = len(self.others) == 1 and factorial(n) <= draws  # then nothing is drawn
        orders = (
            [*permutations(range(n))] if self.all else [rng.permutation(n) for _ in range(draws)]
        )
        self.ranks = np.argsort(np.array(orders), axis=1)  # (draws, n): when a part is put in
        self.y = np.empty((len(orders), n + 1))
        self.y[:, 0] = self.floors[np.arange(len(orders)) % len(self.floors)]
        self.y[:, n] = self.value
        self.count = len(orders) * (n - 1)
        if not self.count:
            self._finish()

    def rows(self, first, last):
        """Return the baseline with some parts of the sequence, one more in each."""
        order, done = np.divmod(np.arange(first, last), len(self.parts) - 1)
        rows = np.stack([self.others[k % len(self.others)] for k in order]).astype(self.x.dtype)
        for row, k, j in zip(rows, order, done, strict=True):
            np.copyto(row, self.x, where=self.ranks[k][self.index] <= j)
        return rows, (self.ranks[order, -1] <= done).astype(float)

    def take(self, first, last, y, dx, dstate):
        """Keep the outputs; at the end compute the means of the changes, and their errors."""
        order, done = np.divmod(np.arange(first, last), len(self.parts) - 1)
        self.y[order, done + 1] = y[:, self.target]
        if last == self.count:
            self._finish()

    def _finish(self):
        change = np.take_along_axis(np.diff(self.y, axis=1), self.ranks, axis=1)  # of each part
        mean, error = change.mean(axis=0), np.zeros(len(self.parts))
        if not self.all:
            few = len(change) < 2
            error = error + np.nan if few else change.std(axis=0, ddof=1) / np.sqrt(len(change))
        steps = self.parts >= 0
        self.errors[:] = 0  # of parts that do not occur
        self.total[self.parts[steps]], self.errors[self.parts[steps]] = mean[steps], error[steps]
        self.start = float(mean[~steps].sum())
