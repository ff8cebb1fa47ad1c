"""Optimisers: rules that turn gradients into new parameters. Their state is a dict of arrays."""

import numbers

import numpy as np

from ..errors import ConfigError

LARGEST = float(np.finfo(np.float32).max)  # beyond it an update would make parameters infinite


def global_norm(gradients):
    """Return the Euclidean norm of all gradients together.

    Parameters
    ----------
    gradients : dict of str to ndarray

    Returns
    -------
    float
        Not finite where a gradient is not.
    """
    return float(np.sqrt(sum(float(np.vdot(g, g)) for g in gradients.values())))


def clip_scale(norm, max_norm):
    """Return the factor that brings a norm down to a limit: max_norm / norm, at most 1.

    (Pascanu, Mikolov & Bengio 2013, algorithm 1.)

    Parameters
    ----------
    norm : float
    max_norm : float or None
        No limit where None.
    """
    return 1.0 if max_norm is None or not max_norm < norm < np.inf else max_norm / norm


def clip_by_global_norm(gradients, max_norm):
    """Scale all gradients down together, where their joint norm exceeds a limit.

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
    norm = global_norm(gradients)
    scale = clip_scale(norm, max_norm)
    if scale == 1:
        return gradients, norm
    return {name: g * g.dtype.type(scale) for name, g in gradients.items()}, norm


class Optimiser:
    """What the rules share: the learning rate, weight decay, and a state by name.

    Weight decay acts on weight matrices (names that begin with ``W``), not on biases and initial
    states.

    Parameters
    ----------
    learning_rate : float
        May be set anew before every update.
    weight_decay : float
        Adds weight_decay w to the gradient of a weight w: the gradient of half its square.
    """

    def __init__(self, learning_rate, weight_decay=0.0):
        self.learning_rate = self._positive("learning_rate", learning_rate)
        self.weight_decay = self._check("weight_decay", weight_decay, ">= 0", lambda v: v >= 0)
        self.state: dict[str, np.ndarray] = {}

    def update(self, parameters, gradients, scale=1.0):
        """Change `parameters` in place.

        Parameters
        ----------
        parameters : dict of str to ndarray
        gradients : dict of str to ndarray
            d + name for each of them.
        scale : float
            Multiplies every gradient: of clipping, of an average.
        """
        for name, w in parameters.items():
            g = gradients[f"d{name}"]
            if scale != 1:
                g = g * w.dtype.type(scale)
            self._apply(name, w, g)

    def _apply(self, name, w, g):
        raise NotImplementedError

    def _decayed(self, name, w, g):
        """Return the gradient with that of the weight decay."""
        decay = self._decay(name)
        return g + w.dtype.type(decay) * w if decay else g

    def _decay(self, name):
        return self.weight_decay if name.rpartition(".")[2].startswith("W") else 0.0

    def _moment(self, kind, name, w):
        return self.state.setdefault(f"{kind}.{name}", np.zeros_like(w))

    def _positive(self, name, value):
        return self._check(name, value, "> 0", lambda v: v > 0)

    def _fraction(self, name, value):
        return self._check(name, value, "in [0, 1)", lambda v: 0 <= v < 1)

    def _check(self, name, value, expected, holds):
        kind = type(self).__name__
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not (number and holds(value)):
            raise ConfigError(f"{kind}: {name} is {value!r}; expected a number {expected}.")
        if value > LARGEST:  # type: ignore[operator]
            raise ConfigError(f"{kind}: {name} is {value!r}; expected a number < 3.4e38.")
        return float(value)


class SGD(Optimiser):
    """Stochastic gradient descent with momentum (Polyak 1964; Sutskever et al. 2013).

    (1)  v <- momentum v + g
    (2)  w <- w - learning_rate v

    Parameters
    ----------
    learning_rate : float
    momentum : float
        In [0, 1); 0 is plain gradient descent.
    weight_decay : float
    """

    def __init__(self, learning_rate=0.1, momentum=0.0, weight_decay=0.0):
        super().__init__(learning_rate, weight_decay)
        self.momentum = self._fraction("momentum", momentum)

    def _apply(self, name, w, g):
        v = self._moment("v", name, w)
        v *= self.momentum
        v += self._decayed(name, w, g)  # (1)
        w -= self.learning_rate * v  # (2)


class RMSprop(Optimiser):
    """RMSprop (Tieleman & Hinton 2012, lecture 6.5), with momentum.

    (1)  s <- alpha s + (1 - alpha) g^2
    (2)  v <- momentum v + g / (sqrt(s) + epsilon)
    (3)  w <- w - learning_rate v

    Parameters
    ----------
    learning_rate : float
    alpha : float
        Decay of the mean square, in [0, 1).
    momentum : float
    epsilon : float
    weight_decay : float
    """

    def __init__(
        self, learning_rate=2e-3, alpha=0.99, momentum=0.0, epsilon=1e-8, weight_decay=0.0
    ):
        super().__init__(learning_rate, weight_decay)
        self.alpha = self._fraction("alpha", alpha)
        self.momentum = self._fraction("momentum", momentum)
        self.epsilon = self._positive("epsilon", epsilon)

    def _apply(self, name, w, g):
        g = self._decayed(name, w, g)
        s, v = self._moment("s", name, w), self._moment("v", name, w)
        s *= self.alpha
        s += (1 - self.alpha) * g * g  # (1)
        v *= self.momentum
        v += g / (np.sqrt(s) + w.dtype.type(self.epsilon))  # (2)
        w -= self.learning_rate * v  # (3)


class Adam(Optimiser):
    """Adam (Kingma & Ba 2015, algorithm 1).

    (1)  m <- beta1 m + (1 - beta1) g
    (2)  v <- beta2 v + (1 - beta2) g^2
    (3)  w <- w - learning_rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)

    Parameters
    ----------
    learning_rate : float
    beta1, beta2 : float
        Decay of the two moments, in [0, 1).
    epsilon : float
    weight_decay : float
    """

    decoupled = False

    def __init__(self, learning_rate=2e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0):
        super().__init__(learning_rate, weight_decay)
        self.beta1 = self._fraction("beta1", beta1)
        self.beta2 = self._fraction("beta2", beta2)
        self.epsilon = self._positive("epsilon", epsilon)
        self.state["t"] = np.zeros((), np.int64)

    def update(self, parameters, gradients, scale=1.0):
        """Change `parameters` in place: see `Optimiser.update`."""
        self.state["t"] += 1
        super().update(parameters, gradients, scale)

    def _apply(self, name, w, g):
        t, real = int(self.state["t"]), w.dtype.type
        if not self.decoupled:
            g = self._decayed(name, w, g)
        m, v = self._moment("m", name, w), self._moment("v", name, w)
        m *= self.beta1
        m += (1 - self.beta1) * g  # (1)
        v *= self.beta2
        v += (1 - self.beta2) * g * g  # (2)
        correction = np.sqrt(1 - self.beta2**t)  # moved out of the root: one pass less
        rate = self.learning_rate * correction / (1 - self.beta1**t)
        if self.decoupled and self._decay(name):
            w *= real(1 - self.learning_rate * self._decay(name))  # (4)
        w -= real(rate) * m / (np.sqrt(v) + real(self.epsilon * correction))  # (3)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).

    (1) to (3) as in `Adam`, without a decay in the gradient, after
    (4)  w <- w - learning_rate weight_decay w
    """

    decoupled = True

    def __init__(self, learning_rate=2e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01):
        super().__init__(learning_rate, beta1, beta2, epsilon, weight_decay)


OPTIMISERS = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}
