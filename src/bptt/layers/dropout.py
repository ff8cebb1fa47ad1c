"""Dropout: in training, set random features of random steps to zero."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import ArrayChecker, is_number
from ..engine.contract import Stepper
from ..errors import ConfigError, operation
from .base import (
    Batch,
    LayerTape,
    Parameterless,
    Parameters,
    State,
    Stateless,
    as_batch,
    checked_gradient,
    own_tape,
    whole_number,
)

if TYPE_CHECKING:
    pass


class Dropout(Parameterless):
    """Set each feature of each step to 0 with probability `rate`; scale the others up.

    (1)  y = mask x,  mask = 0 with probability rate, else 1 / (1 - rate)
    (2)  dx = mask dy

    (Srivastava et al. 2014; between layers only, never in the recurrence: Zaremba et al. 2014.)
    Without a generator, and when stepping, the output is the input.

    Parameters
    ----------
    n_x : int
        Features.
    rate : float
        Probability in [0, 1).
    """

    takes_rng = True
    by_rows = True

    @operation
    def __init__(self, n_x: int, rate: float):
        self.n_in: int = whole_number("n_x", n_x)
        self.n_out: int = self.n_in
        if not (is_number(rate) and 0 <= rate < 1):
            raise ConfigError(f"rate is {rate!r}; expected a number in [0, 1).")
        self.rate: float = float(rate)

    def __repr__(self) -> str:
        return f"Dropout({self.n_in}, {self.rate:g})"

    @operation
    def forward(
        self,
        x: Batch,
        parameters: Parameters,
        state: State | None = None,
        lengths: Sequence[int] | np.ndarray | None = None,
        *,
        keep_tape: bool = True,
        rng: "np.random.Generator | None" = None,
    ) -> tuple[np.ndarray, State, Any]:
        """Apply (1).

        Parameters
        ----------
        x : ndarray, shape (m, T_x, n_x), or list of m ndarray, each (T_i, n_x)
        rng : numpy.random.Generator, optional
            Draws the mask; without it nothing is set to zero.

        Returns
        -------
        y : ndarray, shape (m, T_x, n_x)
        state : ()
        tape : tuple, or None

        Raises
        ------
        ShapeError
        """
        x, lengths = as_batch(x, lengths)
        check = ArrayChecker(n_x=self.n_in)
        x = check.array("x", x, "m T_x n_x")
        check.lengths("lengths", lengths, *x.shape[:2])
        mask = None
        if rng is not None and self.rate:
            mask = rng.random(x.shape, np.float32) >= self.rate
            mask = np.multiply(mask, 1 / (1 - self.rate), dtype=x.dtype)
        y = x if mask is None else mask * x
        return (
            y,
            (),
            LayerTape((Dropout, self.n_in), (mask, x.shape, x.dtype)) if keep_tape else None,
        )

    @operation
    def backward(
        self, tape: Any, dy: np.ndarray, dstate: State | None = None, *, need_dx: bool = True
    ) -> tuple[np.ndarray | None, State, dict[str, np.ndarray]]:
        """Apply (2): return dx, () and {}."""
        mask, shape, dtype = own_tape(tape, (Dropout, self.n_in))
        dy = checked_gradient(dy, shape, dtype)
        return (dy if mask is None else mask * dy), (), {}

    @operation
    def step(
        self, xt: np.ndarray, parameters: Parameters, state: State | None
    ) -> tuple[np.ndarray, State]:
        """Return one step as it is: (m, n_x)."""
        return ArrayChecker(n_x=self.n_in).array("xt", xt, "m n_x"), ()

    def stepper(self, parameters: Parameters, m: int) -> Stepper:
        """Prepare to return steps as they are."""
        return Stateless(lambda xt: ArrayChecker(n_x=self.n_in).array("xt", xt, "m n_x"), m)
