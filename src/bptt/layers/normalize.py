"""Normalization of the features of every time step: by fixed statistics, or by the step's own."""

from typing import TYPE_CHECKING

import numpy as np

from ..checks import ParameterChecker, is_number
from ..equations.initializers import float_dtype, need_generator
from ..errors import ConfigError, operation
from .base import whole_number
from .stepwise import StepwiseLayer, sum_rows

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class _Affine(StepwiseLayer):
    """What both layers share: y = gamma x^ + beta."""

    by_rows = True
    _names: tuple[str, ...] = ("gamma", "beta")

    @operation
    def __init__(self, n_x: int, *, epsilon: float = 1e-3):
        self.n_in: int = whole_number("n_x", n_x)
        self.n_out: int = self.n_in
        if not is_number(epsilon) or not 0 <= epsilon < np.inf:
            raise ConfigError(f"epsilon is {epsilon!r}; expected a number >= 0.")
        self.epsilon: float = float(epsilon)
        self._check = ParameterChecker(dict.fromkeys(self._names, "n_x 1"), {"n_x": self.n_in})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_in}, epsilon={self.epsilon:g})"

    @operation
    def init(
        self, rng: "np.random.Generator", dtype: "DTypeLike" = np.float32
    ) -> dict[str, np.ndarray]:
        """Return gamma and variance of 1, beta and mean of 0."""
        need_generator(rng)
        dtype = float_dtype(dtype)
        ones = ("gamma", "variance")
        return {
            name: (np.ones if name in ones else np.zeros)(shape, dtype)
            for name, shape in self.shapes().items()
        }

    def _of(self):
        return type(self), self.n_in, self.epsilon

    def _checked(self, name, x, axes, parameters):
        return self._check.arrays(parameters).array(name, x, f"{axes} n_x")


class BatchNorm(_Affine):
    """Batch normalization at inference, by fixed statistics (Ioffe & Szegedy 2015).

    (1)  x^ = (x - mean) / sqrt(variance + epsilon)
    (2)  y  = gamma x^ + beta

    The parameters are gamma, beta, mean and variance, each (n_x, 1). The statistics are parameters
    like the others: they are not measured in training.

    Parameters
    ----------
    n_x : int
        Features.
    epsilon : float
    """

    _names = ("gamma", "beta", "mean", "variance")

    def _map(self, name, rows, own, keep_tape):
        gamma, beta, mean, variance = (own[k][:, 0] for k in self._names)
        scale = 1 / np.sqrt(variance + rows.dtype.type(self.epsilon))
        normal = (rows - mean) * scale  # (1)
        return gamma * normal + beta, (normal, scale, gamma) if keep_tape else None  # (2)

    def _map_backward(self, kept, d_rows, own, need_dx, parts):
        normal, scale, gamma = kept
        d_normal = gamma * d_rows
        gradients = {
            "gamma": sum_rows(d_rows * normal, parts),
            "beta": sum_rows(d_rows, parts),
            "mean": -sum_rows(d_normal * scale, parts),
            "variance": -sum_rows(d_normal * normal, parts) * scale**2 / 2,
        }
        return d_normal * scale, {k: d[..., np.newaxis] for k, d in gradients.items()}


class LayerNorm(_Affine):
    """Normalize the features of each time step by their own mean and variance (Ba et al. 2016).

    (1)  x^ = (x - mean(x)) / sqrt(var(x) + epsilon)          over the n_x features of a step
    (2)  y  = gamma x^ + beta

    The parameters are gamma and beta, each (n_x, 1).

    Parameters
    ----------
    n_x : int
        Features.
    epsilon : float
    """

    def _map(self, name, rows, own, keep_tape):
        gamma, beta = own["gamma"][:, 0], own["beta"][:, 0]
        centered = rows - rows.mean(axis=1, keepdims=True)
        variance = (centered**2).mean(axis=1, keepdims=True)
        scale = 1 / np.sqrt(variance + rows.dtype.type(self.epsilon))
        normal = centered * scale  # (1)
        return gamma * normal + beta, (normal, scale, gamma) if keep_tape else None  # (2)

    def _map_backward(self, kept, d_rows, own, need_dx, parts):
        normal, scale, gamma = kept
        d_normal = gamma * d_rows
        mean = d_normal.mean(axis=1, keepdims=True)
        along = (d_normal * normal).mean(axis=1, keepdims=True)
        gradients = {
            "gamma": sum_rows(d_rows * normal, parts)[..., np.newaxis],
            "beta": sum_rows(d_rows, parts)[..., np.newaxis],
        }
        return scale * (d_normal - mean - normal * along), gradients
