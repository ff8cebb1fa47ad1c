"""Objectives: the losses that training minimizes, and their gradients.

An objective is called with a network's outputs y and a batch and returns (total, weight, dy): the
summed loss, what to divide it by for the mean, and the gradient of the total. Only time steps that
exist count; a network that pools has one output for each sequence, and then every sequence counts
once. All three are sums: two batches together give the sums of both, so that means do not depend on
how the data is split into batches.

``batch.weight``, where it is not None, multiplies each step's (m, T_x), or each sequence's (m,),
share of all three: 0 leaves it out. Where a pooled target has several entries, (m, n), the weight
may have the same shape: one for each entry.
"""

from collections.abc import Sequence

import numpy as np

from ..engine import provider
from ..equations.distributions import negative_binomial_entries, student_t_entries
from ..equations.losses import squared_error_entries
from ..equations.regression import gaussian_entries, pinball_entries
from ..equations.sequences import valid_steps
from .batches import Batch


class Objective:
    """Base class: sums the losses of the rows that count, one for each time step or sequence."""

    target_axes = 3  # axes of a target with a time axis: (m, T_x, n)

    def rows(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
        """Compute the loss of each row, the weight of one, and the gradients.

        Parameters
        ----------
        y : ndarray, shape (rows, n_out)
        target : ndarray, shape (rows,) or (rows, n)

        Returns
        -------
        loss : ndarray of float64, shape (rows,)
        each : int
            Weight of a row in the mean: its number of entries.
        dy : ndarray, shape (rows, n_out)
            Gradient of each row's own loss.
        """
        raise NotImplementedError

    def __call__(self, y: np.ndarray, batch: Batch) -> tuple[float, float, np.ndarray]:
        """Sum the loss of a batch.

        Parameters
        ----------
        y : ndarray, shape (m, T_x, n_out); pooled, (m, 1, n_out)
        batch : Batch
            Its target: (m, T_x) or (m, T_x, n); pooled, (m,) or (m, n).

        Returns
        -------
        total : float
        weight : float
        dy : ndarray, shape of y
            Exactly 0 where nothing counts.
        """
        m, T_x, n_out = y.shape
        target = np.asarray(batch.target)
        pooled = T_x == 1 and target.ndim == self.target_axes - 1
        weight = batch.weight
        if weight is not None and pooled and target.ndim == 2 and weight.shape == target.shape:
            return self._weighted_entries(y, target, weight.astype(np.float64))
        valid = None
        if batch.lengths is not None and not pooled:
            valid = valid_steps(batch.lengths, m, T_x)
        if valid is None:
            y_rows = y.reshape(m * T_x, n_out)
            target = target if pooled else target.reshape(m * T_x, *target.shape[2:])
        else:
            y_rows, target = y[valid], target[valid]  # padding is never read
        loss, each, dy_rows = self.rows(y_rows, target)
        counted = len(loss)
        if batch.weight is not None:
            share = np.asarray(batch.weight, np.float64).reshape(m, -1)
            share = np.broadcast_to(share, (m, T_x))
            share = share.reshape(-1) if valid is None else share[valid]
            loss, counted = loss * share, share.sum()
            dy_rows = dy_rows * share.astype(y.dtype)[:, np.newaxis]
        if batch.factor is not None:
            factor = np.repeat(batch.factor, T_x).reshape(m, T_x)
            factor = factor.reshape(-1) if valid is None else factor[valid]
            loss, dy_rows = loss * factor, dy_rows * factor.astype(y.dtype)[:, np.newaxis]
        if valid is None:
            dy = dy_rows.reshape(y.shape)
        else:
            dy = np.zeros(y.shape, y.dtype)
            dy[valid] = dy_rows
        return float(loss.sum()), float(each * counted), dy

    def entries(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the loss of each entry of the target, and the gradients.

        Parameters
        ----------
        y : ndarray, shape (rows, n_out)
        target : ndarray, shape (rows, n)

        Returns
        -------
        loss : ndarray, shape (rows, c n)
            Those of the n entries, c times: once for each level of a quantile.
        dy : ndarray, shape (rows, n_out)
            n_out is a multiple of n; column j belongs to entry j mod n.
        """
        raise NotImplementedError

    def _weighted_entries(self, y, target, weight):
        loss, dy = self.entries(y.reshape(len(y), -1), target)
        many = loss.shape[1] // target.shape[1]
        total = np.sum(loss * np.tile(weight, (1, many)), dtype=np.float64)
        dy = dy * np.tile(weight, (1, dy.shape[1] // target.shape[1])).astype(y.dtype)
        return float(total), float(many * weight.sum()), dy.reshape(y.shape)


class CrossEntropy(Objective):
    """Cross-entropy with the true class, in nats (`bptt.equations.losses` (5), (6)).

    Parameters
    ----------
    class_weights : ndarray of float, shape (n_classes,), optional
        Multiplies the loss of the rows of each class. The mean is still over rows, not over
        weights; otherwise a batch that happens to contain a rare class would have no larger
        gradient than any other.
    """

    target_axes = 2

    def __init__(self, class_weights: Sequence[float] | np.ndarray | None = None):
        self.class_weights: np.ndarray | None = None
        if class_weights is not None:
            self.class_weights = np.asarray(class_weights, float)

    def rows(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
        """Compute the nats of each row's class from logits y: see `Objective.rows`."""
        nats, dlogits = provider().softmax_cross_entropy(y, target)
        if self.class_weights is not None:
            weight = self.class_weights[target]
            nats, dlogits = nats * weight, dlogits * weight.astype(y.dtype)[:, np.newaxis]
        return nats, 1, dlogits


class SquaredError(Objective):
    """Half the squared distance to a target of n entries, averaged over the entries too.

    (`bptt.equations.losses` (7), (8).)
    """

    def rows(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
        """Compute the loss of each row, of weight n: see `Objective.rows`."""
        loss, dy = self.entries(y, target)
        return _sums(loss), target.shape[1], dy

    def entries(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the loss of each entry: see `Objective.entries`."""
        return squared_error_entries(y, target.astype(y.dtype, copy=False))


class GaussianNLL(Objective):
    """Negative log-likelihood of n Gaussians in nats, averaged over them too.

    The outputs are n means, then n logarithms of variances (`bptt.equations.regression` (1)-(3)).
    """

    def rows(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
        """Compute the nats of each row, of weight n: see `Objective.rows`."""
        nats, dy = self.entries(y, target)
        return _sums(nats), target.shape[1], dy

    def entries(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the nats of each entry: see `Objective.entries`."""
        mu, s = np.split(y, 2, axis=1)
        nats, dmu, ds = gaussian_entries(mu, s, target.astype(y.dtype, copy=False))
        return nats, np.concatenate([dmu, ds], axis=1)


class StudentTNLL(Objective):
    """Negative log-likelihood of n Student's t distributions in nats, averaged over them too.

    The outputs are n locations, n logarithms of squared scales, and n outputs of which the degrees
    of freedom are made (`bptt.equations.distributions` (1)-(5)).
    """

    def rows(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
        """Compute the nats of each row, of weight n: see `Objective.rows`."""
        nats, dy = self.entries(y, target)
        return _sums(nats), target.shape[1], dy

    def entries(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the nats of each entry: see `Objective.entries`."""
        mu, s, r = np.split(y, 3, axis=1)
        nats, *dy = student_t_entries(mu, s, r, target)
        return nats, np.concatenate(dy, axis=1).astype(y.dtype, copy=False)


class NegativeBinomialNLL(Objective):
    """Negative log-likelihood of n counts in nats, averaged over them too.

    The outputs are n numbers of which the means are made, then n logarithms of the dispersion
    (`bptt.equations.distributions` (6)-(9)). A target row holds n counts, then n numbers that are
    added to the first outputs, then n units of the means.
    """

    def rows(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
        """Compute the nats of each row, of weight n: see `Objective.rows`."""
        nats, dy = self.entries(y, target)
        return _sums(nats), target.shape[1] // 3, dy

    def entries(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the nats of each count: see `Objective.entries`."""
        counts, offset, unit = np.split(target.astype(np.float64), 3, axis=1)
        a, s = np.split(y, 2, axis=1)
        nats, *dy = negative_binomial_entries(a + offset, s, counts, unit)
        return nats, np.concatenate(dy, axis=1).astype(y.dtype, copy=False)

    def _weighted_entries(self, y, target, weight):
        n = target.shape[1] // 3
        nats, dy = self.entries(y.reshape(len(y), -1), target)
        own = weight[:, :n]
        dy = dy * np.tile(own, (1, 2)).astype(y.dtype)
        return float(np.sum(nats * own)), float(own.sum()), dy.reshape(y.shape)


class Pinball(Objective):
    """Pinball loss of the quantiles of n entries, averaged over entries and levels too.

    The outputs are the n quantiles of the first level, then those of the second, and so on
    (`bptt.equations.regression` (4), (5)).

    Parameters
    ----------
    levels : sequence of float
        Probabilities in (0, 1).
    """

    def __init__(self, levels: Sequence[float]):
        self.levels: np.ndarray = np.asarray(levels, np.float64)

    def rows(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
        """Compute the loss of each row, of weight n times levels: see `Objective.rows`."""
        loss, dy = self.entries(y, target)
        return _sums(loss), target.shape[1] * len(self.levels), dy

    def entries(self, y: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compute the loss of each entry and level: see `Objective.entries`."""
        n, k = target.shape[1], len(self.levels)
        each = np.repeat(self.levels, n).astype(y.dtype)
        wanted = np.tile(target.astype(y.dtype, copy=False), (1, k))
        return pinball_entries(y, wanted, each)


def _sums(entries):
    """Sum each row in float64."""
    return entries.sum(axis=1, dtype=np.float64)
