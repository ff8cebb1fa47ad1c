"""Updates of parameters by their gradients, in place: one equation a line, numbered.

w is an array of parameters and g its gradient. `adam` runs in the engine during training; these
lines are what it computes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .underflow import may_underflow


@may_underflow
def sgd(
    w: np.ndarray, g: np.ndarray, v: np.ndarray, *, learning_rate: float, momentum: float = 0.0
) -> None:
    """Take one step of gradient descent with momentum (Polyak 1964; Sutskever et al. 2013).

    v is the velocity, 0 before the first step.
    """
    v *= momentum
    v += g  # (1) v <- momentum v + g
    w -= learning_rate * v  # (2)


@may_underflow
def rmsprop(
    w: np.ndarray,
    g: np.ndarray,
    s: np.ndarray,
    v: np.ndarray,
    *,
    learning_rate: float,
    alpha: float,
    momentum: float,
    epsilon: float,
) -> None:
    """Take one step of RMSprop with momentum (Tieleman & Hinton 2012, lecture 6.5).

    s is the running mean of squared gradients and v the velocity, both 0 before the first step.
    """
    s *= alpha
    s += (1 - alpha) * g * g  # (3) s <- alpha s + (1 - alpha) g^2
    v *= momentum
    v += g / (np.sqrt(s) + w.dtype.type(epsilon))  # (4) v <- momentum v + g / (sqrt(s) + epsilon)
    w -= learning_rate * v  # (5)


class AdamStep(NamedTuple):
    """The numbers of one step of Adam, as `adam` and the engine take them.

    Attributes
    ----------
    scale : float
        Factor of all gradients: that of gradient clipping, 1 for none.
    learning_rate, beta1, beta2, epsilon : float
    decay : sequence of float
        Decoupled weight decay of every array; 0 for none.
    correction1, correction2 : float
        1 - beta1^t and 1 - beta2^t at step t = 1, 2, ...
    """

    scale: float
    learning_rate: float
    beta1: float
    beta2: float
    epsilon: float
    decay: Sequence[float]
    correction1: float
    correction2: float


@may_underflow
def adam(
    w: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    step: AdamStep,
    decay: float = 0.0,
) -> None:
    """Take one step of Adam (Kingma & Ba 2015, algorithm 1) on one array.

    m and v are the moments, 0 before the first step. `decay` is the decoupled weight decay of this
    array (Loshchilov & Hutter 2019, algorithm 2).
    """
    g = step.scale * g
    m *= step.beta1
    m += (1 - step.beta1) * g  # (6) m <- beta1 m + (1 - beta1) g
    v *= step.beta2
    v += (1 - step.beta2) * g * g  # (7) v <- beta2 v + (1 - beta2) g^2
    change = m / step.correction1 / (np.sqrt(v / step.correction2) + step.epsilon)  # (8)
    w -= step.learning_rate * (change + decay * w)  # (9)
