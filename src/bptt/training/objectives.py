"""Objectives: what the fit loop makes small, of the network's outputs and a batch's targets.

An objective is called with the outputs z and the batch and returns (total, weight, dz): the summed
loss, what to divide it by, and the gradient of the total. Only steps that exist count; a network
that pools has one output a sequence, and then every sequence counts once. Two batches together
give the sums of their totals, weights and gradients: that is what makes averages by valid steps,
whatever the batches.

``batch.weight``, where it is not None, multiplies each step's (m, T_x), or each sequence's (m,),
share of all three: 0 takes it out.
"""

import numpy as np

from ..engine import provider
from ..equations.regression import gaussian_entries, pinball_entries
from ..equations.sequences import valid_steps


class Objective:
    """What objectives share: they see rows, one a step (or a sequence) that counts."""

    target_axes = 3  # of a target with a time axis: (m, T_x, n)

    def rows(self, z, target):
        """Compute the loss of each row, the weight of one, and the gradients.

        Parameters
        ----------
        z : ndarray, shape (rows, n_out)
        target : ndarray, shape (rows,) or (rows, n)

        Returns
        -------
        loss : ndarray of float64, shape (rows,)
        each : int
            What a row counts for: its entries.
        dz : ndarray, shape (rows, n_out)
            Of each row's own loss.
        """
        raise NotImplementedError

    def __call__(self, z, batch):
        """Sum the loss of a batch.

        Parameters
        ----------
        z : ndarray, shape (m, T_x, n_out); pooled, (m, 1, n_out)
        batch : Batch
            Its target: (m, T_x) or (m, T_x, n); pooled, (m,) or (m, n).

        Returns
        -------
        total : float
        weight : float
        dz : ndarray, shape of z
            Exactly 0 where nothing counts.
        """
        m, T_x, n_out = z.shape
        target = np.asarray(batch.target)
        pooled = T_x == 1 and target.ndim == self.target_axes - 1
        valid = None
        if batch.lengths is not None and not pooled:
            valid = valid_steps(batch.lengths, m, T_x)
        if valid is None:
            z_rows = z.reshape(m * T_x, n_out)
            target = target if pooled else target.reshape(m * T_x, *target.shape[2:])
        else:
            z_rows, target = z[valid], target[valid]  # padding is never read
        loss, each, dz_rows = self.rows(z_rows, target)
        counted = len(loss)
        if batch.weight is not None:
            share = np.asarray(batch.weight, np.float64).reshape(m, -1)
            share = np.broadcast_to(share, (m, T_x))
            share = share.reshape(-1) if valid is None else share[valid]
            loss, counted = loss * share, share.sum()
            dz_rows = dz_rows * share.astype(z.dtype)[:, np.newaxis]
        if valid is None:
            dz = dz_rows.reshape(z.shape)
        else:
            dz = np.zeros(z.shape, z.dtype)
            dz[valid] = dz_rows
        return float(loss.sum()), float(each * counted), dz


class CrossEntropy(Objective):
    """Cross-entropy with the true class, in nats (`bptt.equations.losses` (5), (6)).

    Parameters
    ----------
    class_weights : ndarray of float, shape (n_classes,), optional
        Multiplies the loss of what belongs to a class. The average stays one over rows, not over
        weights: else a batch that holds a rare class by chance would push no harder than others.
    """

    target_axes = 2

    def __init__(self, class_weights=None):
        self.class_weights = None if class_weights is None else np.asarray(class_weights, float)

    def rows(self, z, target):
        """Compute the nats of each row's class: see `Objective.rows`."""
        nats, dz = provider().softmax_cross_entropy(z, target)
        if self.class_weights is not None:
            weight = self.class_weights[target]
            nats, dz = nats * weight, dz * weight.astype(z.dtype)[:, np.newaxis]
        return nats, 1, dz


class SquaredError(Objective):
    """Half the squared distance to the target, averaged over its n entries besides."""

    def rows(self, z, target):
        """Compute 1/2 |z - target|^2 of each row, weighing n: see `Objective.rows`."""
        residual = z - target.astype(z.dtype, copy=False)
        return _sums(0.5 * residual**2), target.shape[1], residual


class Gaussian(Objective):
    """Negative log-likelihood in nats of n Gaussians, averaged over them besides.

    The outputs are n means, then n logarithms of variances (`bptt.equations.regression` (1)-(3)).
    """

    def rows(self, z, target):
        """Compute the nats of each row, weighing n: see `Objective.rows`."""
        mu, s = np.split(z, 2, axis=1)
        nats, dmu, ds = gaussian_entries(mu, s, target.astype(z.dtype, copy=False))
        return _sums(nats), target.shape[1], np.concatenate([dmu, ds], axis=1)


class Quantiles(Objective):
    """Pinball loss of the quantiles of n entries, averaged over entries and levels besides.

    The outputs are the n quantiles of the first level, then those of the second, ...
    (`bptt.equations.regression` (4), (5)).

    Parameters
    ----------
    levels : sequence of float
        Each in (0, 1).
    """

    def __init__(self, levels):
        self.levels = np.asarray(levels, np.float64)

    def rows(self, z, target):
        """Compute the pinball loss of each row, weighing n times levels: see `Objective.rows`."""
        n, k = target.shape[1], len(self.levels)
        each = np.repeat(self.levels, n).astype(z.dtype)
        wanted = np.tile(target.astype(z.dtype, copy=False), (1, k))
        loss, dz = pinball_entries(z, wanted, each)
        return _sums(loss), n * k, dz


def _sums(entries):
    """Sum each row in float64."""
    return entries.sum(axis=1, dtype=np.float64)
