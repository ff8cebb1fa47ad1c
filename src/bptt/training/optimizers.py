"""Optimizers: rules that turn gradients into new parameters. Their state is a dict of arrays."""

import math

import numpy as np

from ..checks import FLOAT32_MAX, is_number
from ..engine import provider
from ..equations import updates
from ..errors import ConfigError


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
    return math.sqrt(provider().squared_norm(list(gradients.values())))


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


class Optimizer:
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

    squares = ""  # the moment, if any, that is a mean of squares: never negative

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
            Of each of them, by the same names.
        scale : float
            Multiplies every gradient: of clipping, of an average.
        """
        for name, w in parameters.items():
            g = gradients[name]
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
        key = f"{kind}.{name}"
        if key not in self.state:
            self.state[key] = np.zeros_like(w)
        return self.state[key]

    def _moments(self, kind, parameters):
        """Return those of all parameters; looked up together, because a step is short."""
        try:
            return [self.state[f"{kind}.{name}"] for name in parameters]
        except KeyError:
            return [self._moment(kind, name, w) for name, w in parameters.items()]

    def _positive(self, name, value):
        return self._check(name, value, "> 0", lambda v: v > 0)

    def _fraction(self, name, value):
        return self._check(name, value, "in [0, 1)", lambda v: 0 <= v < 1)

    def _check(self, name, value, expected, holds):
        kind = type(self).__name__
        if not (is_number(value) and holds(value)):
            raise ConfigError(f"{kind}: {name} is {value!r}; expected a number {expected}.")
        if value > FLOAT32_MAX:  # type: ignore[operator]
            raise ConfigError(f"{kind}: {name} is {value!r}; expected a number < 3.4e38.")
        return float(value)


class SGD(Optimizer):
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
        updates.sgd(
            w,
            self._decayed(name, w, g),
            self._moment("v", name, w),
            learning_rate=self.learning_rate,
            momentum=self.momentum,
        )


class RMSprop(Optimizer):
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

    squares = "s"

    def __init__(
        self, learning_rate=2e-3, alpha=0.99, momentum=0.0, epsilon=1e-8, weight_decay=0.0
    ):
        super().__init__(learning_rate, weight_decay)
        self.alpha = self._fraction("alpha", alpha)
        self.momentum = self._fraction("momentum", momentum)
        self.epsilon = self._positive("epsilon", epsilon)

    def _apply(self, name, w, g):
        updates.rmsprop(
            w,
            self._decayed(name, w, g),
            self._moment("s", name, w),
            self._moment("v", name, w),
            learning_rate=self.learning_rate,
            alpha=self.alpha,
            momentum=self.momentum,
            epsilon=self.epsilon,
        )


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1), in one pass of the engine.

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

    squares, decoupled = "v", False

    def __init__(self, learning_rate=2e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0):
        super().__init__(learning_rate, weight_decay)
        self.beta1 = self._fraction("beta1", beta1)
        self.beta2 = self._fraction("beta2", beta2)
        self.epsilon = self._positive("epsilon", epsilon)
        self.state["t"] = np.zeros((), np.int64)

    def update(self, parameters, gradients, scale=1.0):
        """Change `parameters` in place: see `Optimizer.update`."""
        self.state["t"] += 1
        t = int(self.state["t"])
        decay = [self._decay(name) if self.weight_decay else 0.0 for name in parameters]
        given = [gradients[name] for name in parameters]
        if any(decay) and not self.decoupled:
            scaled = zip(parameters.items(), given, strict=True)
            given = [self._decayed(name, w, g * w.dtype.type(scale)) for (name, w), g in scaled]
            decay, scale = [0.0] * len(given), 1.0
        provider().adam(
            list(parameters.values()),
            given,
            self._moments("m", parameters),
            self._moments("v", parameters),
            updates.AdamStep(
                float(scale),
                float(self.learning_rate),
                self.beta1,
                self.beta2,
                self.epsilon,
                decay,
                1 - self.beta1**t,
                1 - self.beta2**t,
            ),
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).

    As `Adam`, without a decay in the gradient; (3) also subtracts learning_rate weight_decay w.
    """

    decoupled = True

    def __init__(self, learning_rate=2e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01):
        super().__init__(learning_rate, beta1, beta2, epsilon, weight_decay)


OPTIMIZERS = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}
