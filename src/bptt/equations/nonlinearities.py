"""Activations by name, each with its derivative in terms of its own output.

=================  ==================================  =======================================
name               g = f(x)                            f'(x)
=================  ==================================  =======================================
sigmoid            1 / (1 + e^-x)                      g (1 - g)
tanh               tanh x                              1 - g^2
relu               max(x, 0)                           [g > 0]
hard_sigmoid       min(max(alpha x + beta, 0), 1)      alpha [0 < g < 1]
linear             alpha x + beta                      alpha
leaky_relu         x if x >= 0 else alpha x            1 if g >= 0 else alpha, with alpha >= 0
thresholded_relu   x if x > alpha else 0               [g != 0]
scaled_tanh        alpha tanh(beta x)                  beta (alpha - g^2 / alpha)
elu                x if x >= 0 else alpha (e^x - 1)    1 if g >= 0 else g + alpha
softsign           x / (1 + |x|)                       (1 - |g|)^2
softplus           log(1 + e^x)                        1 - e^-g
=================  ==================================  =======================================

The names and defaults are those of ONNX (operators LSTM, GRU, RNN); Keras 1 and 2 have the same
hard_sigmoid (alpha 0.2, beta 0.5), Keras 3 has alpha 1/6. Clipped to [-c, c], f' is 0 where f has
the value of an end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ..errors import ConfigError
from .activations import d_relu, d_sigmoid, d_tanh, relu, sigmoid

Function = Callable[[np.ndarray], np.ndarray]

DEFAULTS: dict[str, tuple[float, ...]] = {  # alpha and beta, where an activation has them
    "sigmoid": (),
    "tanh": (),
    "relu": (),
    "hard_sigmoid": (0.2, 0.5),
    "linear": (1.0, 0.0),
    "leaky_relu": (0.01,),
    "thresholded_relu": (1.0,),
    "scaled_tanh": (1.0, 1.0),
    "elu": (1.0,),
    "softsign": (),
    "softplus": (),
}


@dataclass(frozen=True)
class Nonlinearity:
    """An activation: `f` of an array, `d` of the activation's own output, and its full name."""

    name: str
    f: Function
    d: Function

    def clipped(self, c: float) -> "Nonlinearity":
        """Return the activation of arguments cut to [-c, c]."""

        def f(x: np.ndarray) -> np.ndarray:
            return self.f(np.clip(x, -c, c))

        def d(g: np.ndarray) -> np.ndarray:
            ends = self.f(np.array([-c, c], g.dtype))
            return np.where((g == ends[0]) | (g == ends[1]), 0, self.d(g)).astype(g.dtype)

        return replace(self, f=f, d=d)


@cache
def nonlinearity(name: str, *values: float) -> Nonlinearity:
    """Return an activation.

    Parameters
    ----------
    name : str
        One of the table above, or one with its numbers, as `Nonlinearity.name` has them:
        "leaky_relu_0p3".
    *values : float
        alpha and beta, those that the activation has; its defaults if none.

    Raises
    ------
    ConfigError
        No such activation, other numbers, or a negative alpha of leaky_relu.

    Examples
    --------
    >>> nonlinearity("hard_sigmoid", 0.25, 0.5).name
    'hard_sigmoid_0p25_0p5'
    >>> nonlinearity("leaky_relu_0p3").f(np.array([-1.0, 2.0]))
    array([-0.3,  2. ])
    """
    kind, read = read_name(name)
    values = tuple(map(float, values)) or read
    expected = len(DEFAULTS[kind])
    if len(values) != expected or not np.isfinite(values).all():
        raise ConfigError(f"{kind} has {values}; expected {expected} finite numbers.")
    if (kind == "leaky_relu" and values[0] < 0) or (kind == "scaled_tanh" and not values[0]):
        raise ConfigError(f"{kind} has alpha = {values[0]}; expected another number.")
    f, d = _FUNCTIONS[kind](*values)
    default = values == DEFAULTS[kind]
    return Nonlinearity(kind if default else "_".join((kind, *map(number_text, values))), f, d)


def read_name(name: str) -> tuple[str, tuple[float, ...]]:
    """Return the function that an activation's name begins with, and its numbers.

    >>> read_name("hard_sigmoid_0p25_0p5"), read_name("leaky_relu")
    (('hard_sigmoid', (0.25, 0.5)), ('leaky_relu', (0.01,)))
    """
    kind = max((k for k in DEFAULTS if name == k or name.startswith(k + "_")), key=len, default="")
    if not kind:
        raise ConfigError(f"activation is {name!r}; expected one of {', '.join(DEFAULTS)}.")
    if name == kind:
        return kind, DEFAULTS[kind]
    try:
        return kind, tuple(read_number(text) for text in name[len(kind) + 1 :].split("_"))
    except ValueError:
        raise ConfigError(
            f"activation is {name!r}; expected {kind} with numbers such as 0p2."
        ) from None


def number_text(value: float) -> str:
    """Return a number as a part of an identifier: 0.2 -> "0p2", -1e-05 -> "m1em05"."""
    return repr(float(value)).replace(".", "p").replace("-", "m").replace("+", "")


def read_number(text: str) -> float:
    """Undo `number_text`."""
    return float(text.replace("p", ".").replace("m", "-"))


def _hard_sigmoid(alpha, beta):
    return (
        lambda x: np.clip(alpha * x + beta, 0, 1).astype(x.dtype),
        lambda g: (alpha * ((g > 0) & (g < 1))).astype(g.dtype),
    )


def _linear(alpha, beta):
    return lambda x: (alpha * x + beta).astype(x.dtype), lambda g: np.full_like(g, alpha)


def _leaky_relu(alpha):
    return (
        lambda x: np.where(x >= 0, x, alpha * x).astype(x.dtype),
        lambda g: np.where(g >= 0, 1, alpha).astype(g.dtype),
    )


def _thresholded_relu(alpha):
    return (
        lambda x: np.where(x > alpha, x, 0).astype(x.dtype),
        lambda g: (g != 0).astype(g.dtype),
    )


def _scaled_tanh(alpha, beta):
    return (
        lambda x: (alpha * np.tanh(beta * x)).astype(x.dtype),
        lambda g: (beta * (alpha - g**2 / alpha)).astype(g.dtype),
    )


def _elu(alpha):
    return (
        lambda x: np.where(x >= 0, x, alpha * np.expm1(np.minimum(x, 0))).astype(x.dtype),
        lambda g: np.where(g >= 0, 1, g + alpha).astype(g.dtype),
    )


_FUNCTIONS: dict[str, Callable[..., tuple[Function, Function]]] = {
    "sigmoid": lambda: (sigmoid, d_sigmoid),
    "tanh": lambda: (np.tanh, d_tanh),
    "relu": lambda: (relu, d_relu),
    "hard_sigmoid": _hard_sigmoid,
    "linear": _linear,
    "leaky_relu": _leaky_relu,
    "thresholded_relu": _thresholded_relu,
    "scaled_tanh": _scaled_tanh,
    "elu": _elu,
    "softsign": lambda: (lambda x: x / (1 + np.abs(x)), lambda g: (1 - np.abs(g)) ** 2),
    "softplus": lambda: (
        lambda x: np.logaddexp(np.zeros((), x.dtype), x),
        lambda g: -np.expm1(-g),
    ),
}
