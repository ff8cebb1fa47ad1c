"""Dense: the same affine map at every time step."""

from typing import TYPE_CHECKING

import numpy as np

from ..checks import ParameterChecker, is_plain
from ..engine import provider
from ..engine.contract import changed
from ..equations.initializers import (
    Initializer,
    float_dtype,
    glorot_uniform,
    need_generator,
    parameter_array,
)
from ..errors import operation
from .base import whole_number
from .stepwise import StepwiseLayer

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class Dense(StepwiseLayer):
    """Apply an affine map at every time step: y = Wy a + by (see `bptt.equations.losses`).

    A time step is an array of n_a features. The parameters are Wy (n_y, n_a) and by (n_y, 1).

    Parameters
    ----------
    n_a, n_y : int
        Features of the input and of the output.
    weight_init : callable (rng, shape) -> ndarray
        Initial Wy; by starts at 0.
    """

    @operation
    def __init__(self, n_a: int, n_y: int, *, weight_init: Initializer = glorot_uniform):
        self.n_in: int = whole_number("n_a", n_a)
        self.n_out: int = whole_number("n_y", n_y)
        self.weight_init = weight_init
        table = {"Wy": "n_y n_a", "by": "n_y 1"}
        self._check = ParameterChecker(table, {"n_a": self.n_in, "n_y": self.n_out})

    @property
    def by_rows(self) -> bool:  # type: ignore[override]
        """Whether the native engine computes the products."""
        return provider().by_rows()

    @operation
    def init(
        self, rng: "np.random.Generator", dtype: "DTypeLike" = np.float32
    ) -> dict[str, np.ndarray]:
        """Draw the weights by `weight_init`; the bias starts at 0."""
        need_generator(rng)
        dtype = float_dtype(dtype)
        Wy, by = self.weight_init(rng, (self.n_out, self.n_in)), np.zeros((self.n_out, 1))
        return {"Wy": parameter_array(Wy, dtype), "by": parameter_array(by, dtype)}

    def weights(self) -> tuple[str, ...]:
        """Return the names of the parameters that weight decay acts on: Wy."""
        return ("Wy",)

    def _checked(self, name, x, axes, parameters):
        if (
            is_plain(x, parameters["Wy"].dtype)
            and x.ndim == axes.count(" ") + 2
            and x.shape[-1] == self.n_in
        ):
            return x
        return self._check.arrays(parameters).array(name, x, f"{axes} n_a")

    def _map(self, name, rows, own, keep_tape):
        y = provider().dense_forward(rows, own["Wy"], own["by"])
        return y, (rows, provider().fingerprints([rows, own["Wy"]])) if keep_tape else None

    def _map_backward(self, kept, d_rows, own, need_dx, parts):
        rows, before = kept
        after = provider().fingerprints([rows, own["Wy"]])
        if after != before:
            raise changed("x" if after[0] != before[0] else "Wy")
        back = provider().dense_backward
        d_in, dWy, dby = back(d_rows, rows, own["Wy"], need_dx=need_dx, parts=parts)
        return d_in, {"Wy": dWy, "by": dby}
