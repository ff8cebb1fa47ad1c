"""Losses of networks that predict Student's t distribution, or a negative binomial one.

Student's t with location mu, scale sigma and nu degrees of freedom: heavy tails, so that single
outliers have a bounded gradient (Lange, Little and Taylor 1989). For outputs mu, s = log sigma^2
and r, entry by entry, with q = (target - mu)^2 e^(-s), in nats:

(1)  nu = 2 + log(1 + e^r)
(2)  L = log G(nu/2) - log G((nu+1)/2) + 1/2 (log(pi nu) + s + (nu + 1) log(1 + q / nu))
(3)  dmu = (nu + 1) (mu - target) e^(-s) / (nu + q)
(4)  ds = 1/2 (1 - (nu + 1) q / (nu + q))
(5)  dr = 1/2 (psi(nu/2) - psi((nu+1)/2) + 1/nu + log(1 + q/nu) - (nu+1) q / (nu (nu + q))) dnu/dr,
     dnu/dr = sigmoid(r)

Negative binomial with mean mu and variance mu + alpha mu^2, for counts k = 0, 1, ... (Lawless 1987;
for recurrent forecasters Salinas et al. 2020). For outputs a and s = log alpha, with R = e^(-s):

(6)  mu = log(1 + e^a)
(7)  L = log G(R) + log G(k + 1) - log G(k + R) - R log(R / (R + mu)) - k log(mu / (R + mu))
(8)  da = R (mu - k) / (mu (R + mu)) dmu/da,  dmu/da = sigmoid(a)
(9)  ds = R (psi(k + R) - psi(R) - log(1 + mu / R) + (mu - k) / (R + mu))

Derivations: nu is above 2, so that the variance is finite; psi is the derivative of log G. In (9)
dL/dR = psi(R) - psi(k + R) + log((R + mu) / R) + (k - mu) / (R + mu), and dR/ds is -R. All are
computed in float64: (9) is a difference of nearly equal numbers where alpha is small.
"""

import numpy as np

from ..errors import ConfigError, operation
from .activations import sigmoid
from .gamma import digamma, log_gamma
from .losses import Lengths, Reduction, likelihood
from .underflow import may_underflow

_SMALL = -30.0  # below, log(1 + e^a) is e^a in float64


def softplus(a: np.ndarray) -> np.ndarray:
    """Compute log(1 + e^a) without overflow."""
    return np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a)))


@may_underflow
def student_t_entries(
    mu: np.ndarray, s: np.ndarray, r: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Compute (1) to (5) entry by entry.

    Parameters
    ----------
    mu, s, r, target : ndarray
        Locations, logarithms of squared scales, (1), and true values; of one shape.

    Returns
    -------
    nats, dmu, ds, dr : ndarray of float64, shape of mu
    """
    mu, s, r, target = (np.asarray(given, np.float64) for given in (mu, s, r, target))
    nu = 2 + softplus(r)  # (1)
    residual, precision = mu - target, np.exp(-s)
    q = residual**2 * precision
    tail = np.log1p(q / nu)
    log_norm = log_gamma(nu / 2) - log_gamma((nu + 1) / 2)
    nats = log_norm + 0.5 * (np.log(np.pi * nu) + s + (nu + 1) * tail)  # (2)
    dmu = (nu + 1) * residual * precision / (nu + q)  # (3)
    ds = 0.5 * (1 - (nu + 1) * q / (nu + q))  # (4)
    dnu = digamma(nu / 2) - digamma((nu + 1) / 2) + 1 / nu + tail - (nu + 1) * q / (nu * (nu + q))
    dr = 0.5 * dnu * sigmoid(r)  # (5)
    return nats, dmu, ds, dr


@may_underflow
def negative_binomial_entries(
    a: np.ndarray, s: np.ndarray, k: np.ndarray, unit: float | np.ndarray = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute (6) to (9) entry by entry.

    Parameters
    ----------
    a, s, k : ndarray
        Outputs and counts; of one shape.
    unit : float or ndarray
        The mean is `unit` times (6): outputs of a network stay of the size of 1.

    Returns
    -------
    nats, da, ds : ndarray of float64, shape of a
    """
    a, s, k = (np.asarray(given, np.float64) for given in (a, s, k))
    mu, log_mu, d_log_mu = _mean(a, unit)
    R = np.exp(-s)
    log_sum = np.log(R + mu)
    coefficient = log_gamma(R) + log_gamma(k + 1) - log_gamma(k + R)
    nats = coefficient + R * (log_sum + s) + k * (log_sum - log_mu)  # (7)
    da = R * (mu - k) / (R + mu) * d_log_mu  # (8)
    ds = R * (digamma(k + R) - digamma(R) - np.log1p(mu / R) + (mu - k) / (R + mu))  # (9)
    return nats, da, ds


def _mean(a, unit):
    """Return unit times (6), its logarithm, and the derivative of that; exact for a << 0 too."""
    soft, small = softplus(a), a < _SMALL
    floored = np.maximum(soft, 1e-300)
    log_mu = np.where(small, a, np.log(floored)) + np.log(unit)
    return unit * soft, log_mu, np.where(small, 1, sigmoid(a) / floored)


@may_underflow
@operation
def student_t_nll(
    y: np.ndarray, target: np.ndarray, lengths: Lengths = None, reduction: Reduction = "sum"
) -> tuple[float, np.ndarray]:
    """Compute the negative log-likelihood of Student's t, in nats (2), and its gradient (3)-(5).

    Parameters
    ----------
    y : ndarray, shape (3 n_y, m) or (3 n_y, m, T_x)
        n_y locations, then n_y logarithms of squared scales, then n_y outputs r of (1).
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
    >>> loss, dy = student_t_nll(np.array([[1.0], [0.0], [0.0]]), np.array([[3.0]]))
    >>> round(loss, 4), dy.ravel().round(4)
    (2.691, array([-1.1036, -0.6036,  0.0064]))
    """
    return likelihood(student_t_entries, 3, y, target, lengths, reduction)


@may_underflow
@operation
def negative_binomial_nll(
    y: np.ndarray, target: np.ndarray, lengths: Lengths = None, reduction: Reduction = "sum"
) -> tuple[float, np.ndarray]:
    """Compute the negative log-likelihood of counts, in nats (7), and its gradient (8), (9).

    Parameters
    ----------
    y : ndarray, shape (2 n_y, m) or (2 n_y, m, T_x)
        n_y outputs a of (6), then n_y logarithms of alpha.
    target : ndarray, shape (n_y, m) or (n_y, m, T_x)
        Whole numbers >= 0.
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
        Also where a target is no whole number >= 0.

    Examples
    --------
    >>> loss, dy = negative_binomial_nll(np.array([[1.0], [0.0]]), np.array([[3.0]]))
    >>> round(loss, 4), dy.ravel().round(4)
    (2.5371, array([-0.4059,  0.2655]))
    """

    def entries(a, s, target):
        if not ((target >= 0) & (target == np.floor(target))).all():
            raise ConfigError("target holds no counts; expected whole numbers >= 0.")
        return negative_binomial_entries(a, s, target)

    return likelihood(entries, 2, y, target, lengths, reduction)
