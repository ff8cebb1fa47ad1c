"""Optimizers: update parameters by their gradients. Their state is a dict of arrays."""

import math
from collections.abc import Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from typing import ClassVar, Self

import numpy as np

from ..checks import FLOAT32_MAX, is_number
from ..engine import provider
from ..equations import updates
from ..errors import ConfigError, operation

Arrays = dict[str, np.ndarray]


def global_norm(gradients: Mapping[str, np.ndarray]) -> float:
    """Return the Euclidean norm of all gradients together; not finite where a gradient is not."""
    return math.sqrt(provider().squared_norm(list(gradients.values())))


def clip_scale(norm: float, max_norm: float | None) -> float:
    """Return the factor that reduces a norm to a limit: max_norm / norm, at most 1.

    (Pascanu, Mikolov & Bengio 2013, algorithm 1.)

    Parameters
    ----------
    norm : float
    max_norm : float or None
        None: no limit.
    """
    return 1.0 if max_norm is None or not max_norm < norm < np.inf else max_norm / norm


def clip_by_global_norm(gradients: Arrays, max_norm: float | None) -> tuple[Arrays, float]:
    """Scale all gradients down together, where their joint norm exceeds a limit.

    Parameters
    ----------
    gradients : dict of str to ndarray
    max_norm : float or None
        None: no limit.

    Returns
    -------
    gradients : dict of str to ndarray
        The same arrays where nothing was clipped.
    norm : float
        Before clipping. Not finite where a gradient is not; then do not apply the gradients.
    """
    norm = global_norm(gradients)
    scale = clip_scale(norm, max_norm)
    if scale == 1:
        return gradients, norm
    return {name: g * g.dtype.type(scale) for name, g in gradients.items()}, norm


_RANGES = {  # of the settings, for checks and messages
    "learning_rate": "> 0", "epsilon": "> 0", "weight_decay": ">= 0", "momentum": "in [0, 1)",
    "alpha": "in [0, 1)", "beta1": "in [0, 1)", "beta2": "in [0, 1)",
}  # fmt: skip


@dataclass(eq=False)
class Optimizer:
    """Base class of the optimizers: settings, and a state of arrays by name.

    Parameters
    ----------
    learning_rate : float
        Can be changed before every update.
    weight_decay : float
        L2 penalty: weight_decay * w is added to the gradient of a weight w.
    weights : collection of str, optional
        Names of the parameters that weight decay acts on: see `Network.weights`. Default: all.

    Raises
    ------
    ConfigError
    """

    learning_rate: float
    _: KW_ONLY
    weight_decay: float = 0.0
    weights: Collection[str] | None = None
    state: Arrays = field(init=False, repr=False, default_factory=dict)
    squares: ClassVar[str] = ""  # the moment that is a mean of squares: never negative

    def __post_init__(self) -> None:
        with operation(type(self).__name__):
            for f in fields(self):
                if f.name in _RANGES:
                    setattr(self, f.name, _checked(f.name, getattr(self, f.name)))

    def copy(self) -> Self:
        """Return an optimizer with the same settings and a copy of the state."""
        other = replace(self)
        other.state.update({name: a.copy() for name, a in self.state.items()})
        return other

    def update(self, parameters: Arrays, gradients: Arrays, scale: float = 1.0) -> None:
        """Change `parameters` in place.

        Parameters
        ----------
        parameters : dict of str to ndarray
        gradients : dict of str to ndarray
            With the same keys.
        scale : float
            Factor of all gradients: from clipping, from averaging.
        """
        for name, w in parameters.items():
            g = gradients[name]
            if scale != 1:
                g = g * w.dtype.type(scale)
            self._apply(name, w, self._decayed(name, w, g))

    def _apply(self, name, w, g):
        raise NotImplementedError

    def _decayed(self, name, w, g):
        """Return the gradient with the weight decay added."""
        decay = self._decay(name)
        return g + w.dtype.type(decay) * w if decay else g

    def _decay(self, name):
        return self.weight_decay if self.weights is None or name in self.weights else 0.0

    def _moment(self, kind, name, w):
        key = f"{kind}.{name}"
        if key not in self.state:
            self.state[key] = np.zeros_like(w)
        return self.state[key]

    def _moments(self, kind, parameters):
        """Return the moments of all parameters; looked up together, because a step is short."""
        try:
            return [self.state[f"{kind}.{name}"] for name in parameters]
        except KeyError:
            return [self._moment(kind, name, w) for name, w in parameters.items()]


@dataclass(eq=False)
class SGD(Optimizer):
    """Stochastic gradient descent with momentum (`bptt.equations.updates` (1), (2)).

    Parameters
    ----------
    learning_rate, weight_decay, weights
        See `Optimizer`.
    momentum : float
        In [0, 1); 0 is plain gradient descent.
    """

    learning_rate: float = 0.1
    momentum: float = field(default=0.0, kw_only=True)

    def _apply(self, name, w, g):
        v = self._moment("v", name, w)
        updates.sgd(w, g, v, learning_rate=self.learning_rate, momentum=self.momentum)


@dataclass(eq=False)
class RMSprop(Optimizer):
    """RMSprop with momentum (`bptt.equations.updates` (3) to (5)).

    Parameters
    ----------
    learning_rate, weight_decay, weights
        See `Optimizer`.
    alpha : float
        Decay of the mean square, in [0, 1).
    momentum : float
        In [0, 1).
    epsilon : float
        Added to the root mean square, > 0.
    """

    learning_rate: float = 2e-3
    _: KW_ONLY
    alpha: float = 0.99
    momentum: float = 0.0
    epsilon: float = 1e-8
    squares: ClassVar[str] = "s"

    def _apply(self, name, w, g):
        updates.rmsprop(
            w,
            g,
            self._moment("s", name, w),
            self._moment("v", name, w),
            learning_rate=self.learning_rate,
            alpha=self.alpha,
            momentum=self.momentum,
            epsilon=self.epsilon,
        )


@dataclass(eq=False)
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015; `bptt.equations.updates` (6) to (9)), computed by the engine.

    Parameters
    ----------
    learning_rate, weight_decay, weights
        See `Optimizer`.
    beta1, beta2 : float
        Decay of the two moments, in [0, 1).
    epsilon : float
        Added to the root of the second moment, > 0.
    """

    learning_rate: float = 2e-3
    _: KW_ONLY
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    squares: ClassVar[str] = "v"
    decoupled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.state["t"] = np.zeros((), np.int64)

    def update(self, parameters: Arrays, gradients: Arrays, scale: float = 1.0) -> None:
        """Change `parameters` in place: see `Optimizer.update`."""
        self.state["t"] += 1
        t = int(self.state["t"])
        decay = [self._decay(name) if self.weight_decay else 0.0 for name in parameters]
        given = [gradients[name] for name in parameters]
        if any(decay) and not self.decoupled:
            scaled = zip(parameters.items(), given, strict=True)
            given = [self._decayed(name, w, g * w.dtype.type(scale)) for (name, w), g in scaled]
            decay, scale = [0.0] * len(given), 1.0
        step = updates.AdamStep(
            float(scale), float(self.learning_rate), self.beta1, self.beta2, self.epsilon, decay,
            1 - self.beta1**t, 1 - self.beta2**t,
        )  # fmt: skip
        m, v = self._moments("m", parameters), self._moments("v", parameters)
        provider().adam(list(parameters.values()), given, m, v, step)


@dataclass(eq=False)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).

    Parameters
    ----------
    learning_rate, weights, beta1, beta2, epsilon
        See `Adam`.
    weight_decay : float
        Weights shrink by learning_rate * weight_decay in each step; their gradients do not change.
    """

    weight_decay: float = field(default=0.01, kw_only=True)
    decoupled: ClassVar[bool] = True


def _checked(name, value):
    expected = _RANGES[name]
    if not is_number(value) or not {
        "> 0": value > 0, ">= 0": value >= 0, "in [0, 1)": 0 <= value < 1
    }[expected]:  # fmt: skip
        raise ConfigError(f"{name} is {value!r}; expected a number {expected}.")
    if value > FLOAT32_MAX:  # an update would make parameters infinite
        raise ConfigError(f"{name} is {value!r}; expected a number < 3.4e38.")
    return float(value)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW,
}  # fmt: skip
