r"""Activations; each derivative is written in terms of the activation's own output.

(1)  sigmoid(x) = 1 / (1 + e^-x)                 sigmoid' = g (1 - g)    where g = sigmoid(x)
(2)  tanh(x)                                     tanh'    = 1 - g^2      where g = tanh(x)
(3)  relu(x) = max(x, 0)                         relu'    = 1 if g > 0 else 0
(4)  softmax(x)_k = e^(x_k) / sum_j e^(x_j)      over the first axis (classes)

Source: elementary calculus; the stable forms of (1) and (4) multiply the numerator and the
denominator by the same positive number, so that no exponent is above 0.
"""

import numpy as np

from ..checks import float_array
from ..errors import ShapeError, operation
from .underflow import may_underflow


@may_underflow
@operation
def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function (1). No finite or infinite x overflows; NaN gives NaN.

    Parameters
    ----------
    x : ndarray of float32 or float64, any shape

    Returns
    -------
    ndarray, shape and dtype of x

    Raises
    ------
    ShapeError
        If x is not float32 or float64.

    Examples
    --------
    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    x = float_array("x", x)
    e = np.exp(-np.abs(x))  # never above 1: nothing overflows
    one = np.ones((), x.dtype)  # beside a single number, NumPy 1 takes a bare 1 for a float64
    return np.where(x >= 0, one, e) / (one + e)  # (1)


@may_underflow
def d_sigmoid(g: np.ndarray) -> np.ndarray:
    """Derivative of (1) where its output is g."""
    return g * (1 - g)


@may_underflow
def d_tanh(g: np.ndarray) -> np.ndarray:
    """Derivative of (2) where its output is g."""
    return 1 - g**2


@may_underflow
@operation
def relu(x: np.ndarray) -> np.ndarray:
    """Rectifier (3), of an array of float32 or float64. `np.maximum` keeps a NaN a NaN."""
    return np.maximum(float_array("x", x), 0)


def d_relu(g: np.ndarray) -> np.ndarray:
    """Derivative of (3) where its output is g; 0 at the kink. NaN stays NaN."""
    return np.where(np.isnan(g), g, g > 0).astype(g.dtype, copy=False)


@may_underflow
def log_softmax(x: np.ndarray) -> np.ndarray:
    """Logarithm of (4), from the log-sum-exp and never from log(softmax), which may be log 0."""
    # A column of infinities is NaN: it has no softmax. What lies too far below is -inf.
    with np.errstate(invalid="ignore", over="ignore"):
        shifted = x - x.max(axis=0, keepdims=True)  # the maximum of each column, not of the array
    return shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))


@may_underflow
@operation
def softmax(x: np.ndarray) -> np.ndarray:
    """Softmax (4) over the first axis: every column sums to 1.

    Parameters
    ----------
    x : ndarray of float32 or float64, shape (n, m) or (n, m, T_x)
        Shape (n,) is read as one column, (n, 1).

    Returns
    -------
    ndarray, shape of x (after that reading) and dtype of x
        A column that has NaN, +inf, or only -inf is NaN; the other columns are not affected.

    Raises
    ------
    ShapeError
        If x is not float32 or float64, or has no classes (n = 0).

    Examples
    --------
    >>> softmax(np.array([[0.0, 2000.0], [0.0, 0.0]]))
    array([[0.5, 1. ],
           [0.5, 0. ]])
    """
    x = float_array("x", x)
    if x.ndim == 0 or x.shape[0] == 0:
        raise ShapeError(f"x has shape {x.shape}; expected (n, m) with n >= 1.")
    if x.ndim == 1:
        x = x[:, np.newaxis]
    with np.errstate(invalid="ignore", over="ignore"):  # as in log_softmax
        e = np.exp(x - x.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)  # (4)
