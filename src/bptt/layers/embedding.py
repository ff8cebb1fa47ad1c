"""Embedding: a vector for every token."""

from typing import TYPE_CHECKING

import numpy as np

from ..checks import ArrayChecker, ParameterChecker
from ..equations.initializers import float_dtype, need_generator, parameter_array
from ..errors import operation
from .base import Parameters, need_array, whole_number
from .stepwise import StepwiseLayer, sum_by_index

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class Embedding(StepwiseLayer):
    """Map every token to its vector: y[i, t] = We[x[i, t]].

    A time step is a token id, an integer in 0..n_tokens-1. The parameter is We (n_tokens, n_x).

    Parameters
    ----------
    n_tokens, n_x : int
        Distinct tokens; features of a token's vector.
    scale : float
        Standard deviation of the initial vectors.
    """

    is_table = True
    by_rows = True

    @operation
    def __init__(self, n_tokens: int, n_x: int, *, scale: float = 0.1):
        self.n_in: int = whole_number("n_tokens", n_tokens)
        self.n_out: int = whole_number("n_x", n_x)
        self.scale = scale
        self._check = ParameterChecker(
            {"We": "n_tokens n_x"}, {"n_tokens": self.n_in, "n_x": self.n_out}
        )

    @operation
    def init(
        self, rng: "np.random.Generator", dtype: "DTypeLike" = np.float32
    ) -> dict[str, np.ndarray]:
        """Draw the vectors from a normal distribution."""
        need_generator(rng)
        dtype = float_dtype(dtype)
        We = self.scale * rng.standard_normal((self.n_in, self.n_out))
        return {"We": parameter_array(We, dtype)}

    def weights(self) -> tuple[str, ...]:
        """Return the names of the parameters that weight decay acts on: We."""
        return ("We",)

    def table(self, parameters: Parameters) -> np.ndarray:
        """Check and return the vectors of all tokens, (n_tokens, n_x).

        Raises
        ------
        ShapeError
        """
        return self._check(parameters)[0]["We"]

    def _checked(self, name, x, axes, parameters):
        need_array(name, x)
        ArrayChecker().shape(name, x.shape, axes)
        return x

    def _map(self, name, rows, own, keep_tape):
        ids = ArrayChecker().indices(name, rows, self.n_in, "tokens")
        return own["We"][ids], ids.copy() if keep_tape else None  # the caller's may change

    def _map_backward(self, kept, d_rows, own, need_dx, parts):
        return None, {"We": sum_by_index(own["We"].shape, kept, d_rows, parts)}
