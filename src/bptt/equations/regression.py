"""Losses of a network that predicts numbers, with their spread or their quantiles.

Squared error is in `losses` (7)-(8). Gaussian negative log-likelihood in nats (Nix & Weigend 1994),
for outputs mu and s = log sigma^2, entry by entry:

(1)  L = 1/2 (log 2 pi + s + (target - mu)^2 e^(-s))
(2)  dmu = (mu - target) e^(-s)                 (3)  ds = 1/2 (1 - (target - mu)^2 e^(-s))

Pinball loss of the quantile of level q (Koenker & Bassett 1978), for an output y:

(4)  L = max(q e, (q - 1) e),  e = target - y   (5)  dy = [e < 0] - q

Derivations: s and not sigma is the output, so that every real number is a variance; d/ds of
e^(-s) gives (3). The expected pinball loss is least where P(target < y) = q: the mean of (5) is
then 0. At its kink e = 0 (5) takes one of the subgradients, -q.
"""

import numpy as np

from ..checks import float_array
from ..errors import ConfigError, ShapeError
from .losses import _loss_door, _scale

LOG_2_PI = float(np.log(2 * np.pi))


def gaussian_entries(mu, s, target):
    """Compute (1) to (3) entry by entry.

    Parameters
    ----------
    mu, s, target : ndarray
        Means, logarithms of variances, and what came; of one shape.

    Returns
    -------
    nats, dmu, ds : ndarray, shape of mu
    """
    residual, precision = mu - target, np.exp(-s)
    nats = 0.5 * (LOG_2_PI + s + residual**2 * precision)  # (1)
    dmu = residual * precision  # (2)
    ds = 0.5 * (1 - residual**2 * precision)  # (3)
    return nats, dmu, ds


def pinball_entries(y, target, level):
    """Compute (4) and (5) entry by entry.

    Parameters
    ----------
    y, target : ndarray
        Predicted quantiles and what came; of one shape.
    level : float or ndarray, broadcast to y
        Levels of the quantiles, in (0, 1).

    Returns
    -------
    loss, dy : ndarray, shape of y
    """
    e = target - y
    loss = np.maximum(level * e, (level - 1) * e)  # (4)
    dy = (e < 0) - level  # (5)
    return loss, dy.astype(y.dtype, copy=False)


def gaussian_nll(z, target, lengths=None, reduction="sum"):
    """Negative log-likelihood of a Gaussian, in nats (1), and its gradient (2), (3).

    Parameters
    ----------
    z : ndarray, shape (2 n_y, m) or (2 n_y, m, T_x)
        n_y means, then n_y logarithms of variances.
    target : ndarray, shape (n_y, m) or (n_y, m, T_x)
    lengths : sequence of m int, optional
    reduction : {"sum", "mean_examples", "mean_steps"}

    Returns
    -------
    loss : float
    dz : ndarray, shape of z
        dL/dz; exactly 0 on padding.

    Raises
    ------
    ShapeError, ConfigError

    Examples
    --------
    >>> loss, dz = gaussian_nll(np.array([[1.0], [0.0]]), np.array([[3.0]]))
    >>> round(loss, 4), dz.ravel()
    (2.9189, array([-2. , -1.5]))
    """
    where = "gaussian_nll"
    z, target, valid, scale = _regression_door(where, z, target, 2, "2 n_y", lengths, reduction)
    n_y = len(target)
    nats, dmu, ds = gaussian_entries(z[:n_y, valid], z[n_y:, valid], target[:, valid])
    dz = np.zeros_like(z)
    dz[:n_y, valid], dz[n_y:, valid] = dmu * scale, ds * scale
    return float(nats.sum(dtype=np.float64) * scale), dz


def pinball(y, target, levels, lengths=None, reduction="sum"):
    """Pinball loss of several quantiles (4), and its gradient (5).

    Parameters
    ----------
    y : ndarray, shape (n_q n_y, m) or (n_q n_y, m, T_x)
        The n_y quantiles of the first level, then those of the second, ...
    target : ndarray, shape (n_y, m) or (n_y, m, T_x)
    levels : sequence of n_q float
        Each in (0, 1): 0.5 is the median.
    lengths : sequence of m int, optional
    reduction : {"sum", "mean_examples", "mean_steps"}

    Returns
    -------
    loss : float
    dy : ndarray, shape of y
        dL/dy; exactly 0 on padding.

    Raises
    ------
    ShapeError, ConfigError

    Examples
    --------
    >>> loss, dy = pinball(np.array([[1.0], [4.0]]), np.array([[3.0]]), [0.25, 0.75])
    >>> loss, dy.ravel()
    (0.75, array([-0.25,  0.25]))
    """
    where = "pinball"
    q = np.asarray(levels, np.float64)
    if q.ndim != 1 or not q.size or not ((q > 0) & (q < 1)).all():
        raise ConfigError(f"{where}: levels are {levels!r}; expected numbers between 0 and 1.")
    what = f"{len(q)} n_y"
    y, target, valid, scale = _regression_door(where, y, target, len(q), what, lengths, reduction)
    each = np.repeat(q, len(target)).astype(y.dtype)[:, np.newaxis]
    entries, dy_valid = pinball_entries(
        y[:, valid], np.concatenate([target[:, valid]] * len(q)), each
    )
    dy = np.zeros_like(y)
    dy[:, valid] = dy_valid * scale
    return float(entries.sum(dtype=np.float64) * scale), dy


def _regression_door(where, z, target, outputs, what, lengths, reduction):
    """Check outputs and target; return them, the mask of steps that count, and the factor."""
    z, valid, door = _loss_door(where, "z", z, lengths)
    target = float_array(where, "target", target)
    if len(z) % outputs:
        raise ShapeError(f"{where}: z has shape {z.shape}; expected {what} outputs first.")
    expected = (len(z) // outputs, *z.shape[1:])
    if target.shape != expected:
        raise ShapeError(
            f"{where}: target has shape {target.shape}; expected {expected}, "
            f"because z is {z.shape} = ({what}, ...)."
        )
    target = door.array("target", target, "n m" if target.ndim == 2 else "n m T_x")
    return z, target, valid, _scale(where, reduction, valid)
