"""Optimisers: rules that turn gradients into new parameters. Their state is a dict of arrays."""

import numbers

import numpy as np

from ..errors import ConfigError

LARGEST = float(np.finfo(np.float32).max)  # beyond it an update would make parameters infinite


def clip_by_global_norm(gradients, max_norm):
    """Scale all gradients down together, where their joint norm exceeds a limit.

    g <- g max_norm / |g| where |g| > max_norm (Pascanu, Mikolov & Bengio 2013, algorithm 1), with
    |g| the Euclidean norm of all gradients together.

    Parameters
    ----------
    gradients : dict of str to ndarray
    max_norm : float or None
        No limit where None.

    Returns
    -------
    gradients : dict of str to ndarray
        The same arrays where nothing was clipped.
    norm : float
        Before clipping. Not finite where a gradient is not: the caller must not go on.
    """
    norm = np.sqrt(sum(float(np.vdot(g, g)) for g in gradients.values()))
    if max_norm is None or not norm > max_norm or not np.isfinite(norm):
        return gradients, float(norm)
    return {name: g * g.dtype.type(max_norm / norm) for name, g in gradients.items()}, float(norm)


class SGD:
    """Stochastic gradient descent with momentum (Polyak 1964; Sutskever et al. 2013).

    (1)  v <- momentum v + g
    (2)  w <- w - learning_rate v

    Parameters
    ----------
    learning_rate : float
    momentum : float
        In [0, 1); 0 is plain gradient descent.
    """

    def __init__(self, learning_rate=0.1, momentum=0.0):
        self.learning_rate = _positive("SGD", "learning_rate", learning_rate)
        self.momentum = _fraction("SGD", "momentum", momentum)
        self.state = {}

    def update(self, parameters, gradients):
        """Change `parameters` in place; `gradients` holds d + name for each of them."""
        for name, w in parameters.items():
            v = self.state.setdefault(f"v.{name}", np.zeros_like(w))
            v *= self.momentum
            v += gradients[f"d{name}"]  # (1)
            w -= self.learning_rate * v  # (2)


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1, with the bias correction moved into the step size).

    (1)  m <- beta1 m + (1 - beta1) g
    (2)  v <- beta2 v + (1 - beta2) g^2
    (3)  w <- w - learning_rate sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon')

    with epsilon' = epsilon sqrt(1 - beta2^t), so that (3) is the paper's rule exactly.

    Parameters
    ----------
    learning_rate : float
    beta1, beta2 : float
        Decay of the two moments, in [0, 1).
    epsilon : float
    """

    def __init__(self, learning_rate=2e-3, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.learning_rate = _positive("Adam", "learning_rate", learning_rate)
        self.beta1 = _fraction("Adam", "beta1", beta1)
        self.beta2 = _fraction("Adam", "beta2", beta2)
        self.epsilon = _positive("Adam", "epsilon", epsilon)
        self.state = {"t": np.zeros((), np.int64)}

    def update(self, parameters, gradients):
        """Change `parameters` in place; `gradients` holds d + name for each of them."""
        self.state["t"] += 1
        t = int(self.state["t"])
        correction = np.sqrt(1 - self.beta2**t)
        rate = self.learning_rate * correction / (1 - self.beta1**t)
        for name, w in parameters.items():
            g = gradients[f"d{name}"]
            m = self.state.setdefault(f"m.{name}", np.zeros_like(w))
            v = self.state.setdefault(f"v.{name}", np.zeros_like(w))
            m *= self.beta1
            m += (1 - self.beta1) * g  # (1)
            v *= self.beta2
            v += (1 - self.beta2) * g * g  # (2)
            w -= (
                w.dtype.type(rate) * m / (np.sqrt(v) + w.dtype.type(self.epsilon * correction))
            )  # (3)


def _positive(where, name, value):
    if not (_is_number(value) and value > 0):
        raise ConfigError(f"{where}: {name} is {value!r}; expected a number > 0.")
    if value > LARGEST:
        raise ConfigError(f"{where}: {name} is {value!r}; expected a number < 3.4e38.")
    return float(value)


def _fraction(where, name, value):
    if not (_is_number(value) and 0 <= value < 1):
        raise ConfigError(f"{where}: {name} is {value!r}; expected a number in [0, 1).")
    return float(value)


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
