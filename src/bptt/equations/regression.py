"""Losses of networks that predict numbers with their variance, or quantiles.

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

from collections.abc import Sequence

import numpy as np

from ..errors import ConfigError, operation
from .gamma import LOG_2_PI
from .losses import Lengths, Reduction, entrywise, likelihood
from .underflow import may_underflow


@may_underflow
def gaussian_entries(
    mu: np.ndarray, s: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute (1) to (3) entry by entry.

    Parameters
    ----------
    mu, s, target : ndarray
        Means, logarithms of variances and true values; of one shape.

    Returns
    -------
    nats, dmu, ds : ndarray, shape of mu
    """
    residual, precision = mu - target, np.exp(-s)
    nats = 0.5 * (LOG_2_PI + s + residual**2 * precision)  # (1)
    dmu = residual * precision  # (2)
    ds = 0.5 * (1 - residual**2 * precision)  # (3)
    return nats, dmu, ds


@may_underflow
def pinball_entries(
    y: np.ndarray, target: np.ndarray, level: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute (4) and (5) entry by entry.

    Parameters
    ----------
    y, target : ndarray
        Predicted quantiles and true values; of one shape.
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


@may_underflow
@operation
def gaussian_nll(
    y: np.ndarray, target: np.ndarray, lengths: Lengths = None, reduction: Reduction = "sum"
) -> tuple[float, np.ndarray]:
    """Compute the negative log-likelihood of a Gaussian, in nats (1), and its gradient (2), (3).

    Parameters
    ----------
    y : ndarray, shape (2 n_y, m) or (2 n_y, m, T_x)
        n_y means, then n_y logarithms of variances.
    target : ndarray, shape (n_y, m) or (n_y, m, T_x)
    lengths : sequence of m int, optional
    reduction : {"sum", "mean_examples", "mean_steps"}

    Returns
    -------
    loss : float
    dy : ndarray, shape of y
        Exactly 0 on padding.

    Raises
    ------
    ShapeError, ConfigError

    Examples
    --------
    >>> loss, dy = gaussian_nll(np.array([[1.0], [0.0]]), np.array([[3.0]]))
    >>> round(loss, 4), dy.ravel()
    (2.9189, array([-2. , -1.5]))
    """
    return likelihood(gaussian_entries, 2, y, target, lengths, reduction)


@may_underflow
@operation
def pinball(
    y: np.ndarray,
    target: np.ndarray,
    levels: Sequence[float] | np.ndarray,
    lengths: Lengths = None,
    reduction: Reduction = "sum",
) -> tuple[float, np.ndarray]:
    """Compute the pinball loss of several quantiles (4), and its gradient (5).

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
        Exactly 0 on padding.

    Raises
    ------
    ShapeError, ConfigError

    Examples
    --------
    >>> loss, dy = pinball(np.array([[1.0], [4.0]]), np.array([[3.0]]), [0.25, 0.75])
    >>> loss, dy.ravel()
    (0.75, array([-0.25,  0.25]))
    """
    q = np.asarray(levels, np.float64)
    if q.ndim != 1 or not q.size or not ((q > 0) & (q < 1)).all():
        raise ConfigError(f"levels are {levels!r}; expected numbers between 0 and 1.")

    def entries(y, target):
        level = np.repeat(q, len(target)).astype(y.dtype)[:, np.newaxis]
        return pinball_entries(y, np.concatenate([target] * len(q)), level)

    return entrywise(entries, "y", y, target, lengths, reduction, len(q), f"{len(q)} n_y")
