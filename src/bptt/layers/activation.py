"""Activation: a function of every feature, or softmax, at every time step."""

from typing import TYPE_CHECKING

import numpy as np

from ..checks import ArrayChecker, ParameterChecker
from ..equations.activations import softmax
from ..equations.nonlinearities import DEFAULTS, nonlinearity
from ..errors import ConfigError, operation
from .base import Parameterless, whole_number
from .stepwise import StepwiseLayer

if TYPE_CHECKING:
    pass


class PlainStepwise(Parameterless, StepwiseLayer):
    """A layer without parameters that maps every time step of n_x features on its own."""

    _check = ParameterChecker({}, {})

    def _checked(self, name, x, axes, parameters):
        return ArrayChecker(n_x=self.n_in).array(name, x, f"{axes} n_x")


class Activation(PlainStepwise):
    """Apply an activation at every time step: y = g(x).

    Parameters
    ----------
    n_x : int
        Features.
    activation : str
        "softmax" (over the features), or a name of `bptt.equations.nonlinearities`: "relu",
        "tanh", "sigmoid", "hard_sigmoid", "leaky_relu_0p3", ...

    Examples
    --------
    >>> y, _, _ = Activation(2, "softmax").forward(np.array([[[0.0, 0.0]]]), {})
    >>> y
    array([[[0.5, 0.5]]])
    """

    @operation
    def __init__(self, n_x: int, activation: str = "relu"):
        self.n_in: int = whole_number("n_x", n_x)
        self.n_out: int = self.n_in
        if not isinstance(activation, str):
            raise ConfigError(
                f"activation is {activation!r}; expected softmax or one of {', '.join(DEFAULTS)}."
            )
        self._nonlinearity = None if activation == "softmax" else nonlinearity(activation)
        self.activation: str = self._nonlinearity.name if self._nonlinearity else activation

    def __repr__(self) -> str:
        return f"Activation({self.n_in}, {self.activation!r})"

    def _of(self):
        return type(self), self.n_in, self.activation

    def _map(self, name, rows, own, keep_tape):
        with np.errstate(under="ignore"):
            y = self._nonlinearity.f(rows) if self._nonlinearity else softmax(rows.T).T
        y = np.ascontiguousarray(y)
        return y, y.copy() if keep_tape else None  # the caller may change y

    def _map_backward(self, kept, d_rows, own, need_dx, parts):
        with np.errstate(under="ignore"):
            if self._nonlinearity:
                return d_rows * self._nonlinearity.d(kept), {}
            through = (d_rows * kept).sum(axis=1, keepdims=True)
            return kept * (d_rows - through), {}
