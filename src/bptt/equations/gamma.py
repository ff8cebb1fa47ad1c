"""Logarithm of the gamma function and its derivative, for x > 0, in NumPy alone.

Stirling's series for large arguments (Abramowitz and Stegun 1964, 6.1.41 and 6.3.18), to which the
recurrence leads from small ones (6.1.15, 6.3.6):

(1)  log G(x) = (x - 1/2) log x - x + 1/2 log 2 pi + 1/(12 x) - 1/(360 x^3) + 1/(1260 x^5) - ...
(2)  psi(x) = log x - 1/(2 x) - 1/(12 x^2) + 1/(120 x^4) - 1/(252 x^6) + ...
(3)  log G(x) = log G(x + 8) - log(x (x + 1) ... (x + 7))
(4)  psi(x) = psi(x + 8) - 1/x - ... - 1/(x + 7)

Beyond x = 8 the terms left out are below 1e-14.
"""

import numpy as np

_SHIFT = 8
# Bernoulli numbers B_2, B_4, ..: the terms of (1) are B / (2j (2j - 1) x^(2j - 1)), of (2) B / 2j.
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
LOG_2_PI = float(np.log(2 * np.pi))


def log_gamma(x: np.ndarray) -> np.ndarray:
    """Compute (1) and (3) of positive numbers, in float64.

    Examples
    --------
    >>> log_gamma(np.array([1.0, 5.0])).round(12) + 0.0  # log 0!, log 4!
    array([0.        , 3.17805383])
    """
    x = np.asarray(x, np.float64)
    small = x < _SHIFT
    product = np.ones_like(x)
    for i in range(_SHIFT):
        product *= np.where(small, x + i, 1)
    y = np.where(small, x + _SHIFT, x)
    series, power = np.zeros_like(x), y
    for j, b in enumerate(_BERNOULLI, 1):
        series += b / (2 * j * (2 * j - 1) * power)
        power = power * y**2
    return (y - 0.5) * np.log(y) - y + LOG_2_PI / 2 + series - np.log(product)


def digamma(x: np.ndarray) -> np.ndarray:
    """Compute (2) and (4) of positive numbers, in float64.

    Examples
    --------
    >>> digamma(np.array([1.0])).round(8)  # minus Euler's constant
    array([-0.57721566])
    """
    x = np.asarray(x, np.float64)
    small = x < _SHIFT
    before = np.zeros_like(x)
    for i in range(_SHIFT):
        before += np.where(small, 1 / (x + i), 0)
    y = np.where(small, x + _SHIFT, x)
    series, power = np.zeros_like(x), y**2
    for j, b in enumerate(_BERNOULLI, 1):
        series += b / (2 * j * power)
        power = power * y**2
    return np.log(y) - 0.5 / y - series - before
