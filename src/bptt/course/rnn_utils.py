"""The helpers of the exercise by their course names: ``from bptt.course.rnn_utils import *``."""

from typing import Any

import numpy as np

from .. import equations
from ..equations.updates import AdamStep, adam
from ..errors import operation

__all__ = ["initialize_adam", "sigmoid", "softmax", "update_parameters_with_adam"]


def _floats(x: Any) -> np.ndarray:
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


@operation
def softmax(x: Any) -> np.ndarray:
    """Compute the softmax over the first axis; the maximum of each column is subtracted.

    Parameters
    ----------
    x : array-like, shape (n,), (n, m) or more
        Lists and whole numbers too.

    Returns
    -------
    ndarray, shape of x
    """
    x = _floats(x)
    return equations.softmax(x.reshape(len(x), -1)).reshape(x.shape)


@operation
def sigmoid(x: Any) -> Any:
    """Compute 1 / (1 + exp(-x)) of numbers in any form; no number overflows."""
    x = _floats(x)
    return equations.sigmoid(x)[()]


def initialize_adam(
    parameters: dict[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return zeros for Adam's moments: dicts v and s with the keys "dW1", "db1", ...

    Parameters
    ----------
    parameters : dict of str to ndarray
        "W1", "b1", "W2", "b2", ...
    """
    v = {f"d{name}": np.zeros(np.shape(p)) for name, p in parameters.items()}
    return v, {name: z.copy() for name, z in v.items()}


def update_parameters_with_adam(
    parameters: dict[str, np.ndarray],
    grads: dict[str, np.ndarray],
    v: dict[str, np.ndarray],
    s: dict[str, np.ndarray],
    t: int,
    learning_rate: float = 0.01,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Take one step of Adam (`bptt.equations.updates.adam`); return parameters, v and s.

    Parameters
    ----------
    parameters : dict of str to ndarray
        "W1", "b1", ...; changed as in the course: the dicts get new arrays.
    grads : dict of str to ndarray
        "dW1", "db1", ...
    v, s : dict of str to ndarray
        As `initialize_adam` returns them.
    t : int
        Number of the step: 1, 2, ...
    learning_rate, beta1, beta2, epsilon : float
    """
    corrections = 1 - beta1**t, 1 - beta2**t
    step = AdamStep(1.0, learning_rate, beta1, beta2, epsilon, (), *corrections)
    for name, p in parameters.items():
        key = f"d{name}"
        arrays = (np.array(a, np.float64) for a in (p, v[key], s[key]))
        parameters[name], v[key], s[key] = arrays
        adam(parameters[name], np.asarray(grads[key], np.float64), v[key], s[key], step)
    return parameters, v, s
