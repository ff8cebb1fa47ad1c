"""Dropout: while training, some features of some steps are left out."""

import numpy as np

from ..checks import Door
from ..errors import ConfigError, ShapeError
from .base import Layer, Stateless, as_batch, need_tape, whole_number


class Dropout(Layer):
    """Leave out each feature of each step with probability `rate`; scale the others up.

    (1)  y = mask x,  mask = 0 with probability rate, else 1 / (1 - rate)
    (2)  dx = mask dy

    (Srivastava et al. 2014; between layers only, never in the recurrence: Zaremba et al. 2014.)
    Without a generator, and when stepping, the layer passes its input on.

    Parameters
    ----------
    n_x : int
        Features.
    rate : float
        In [0, 1).
    """

    def __init__(self, n_x, rate):
        self.n_in = self.n_out = whole_number("Dropout", "n_x", n_x)
        if not (isinstance(rate, (int, float)) and 0 <= rate < 1):
            raise ConfigError(f"Dropout: rate is {rate!r}; expected a number in [0, 1).")
        self.rate = float(rate)

    def __repr__(self):
        return f"Dropout({self.n_in}, {self.rate:g})"

    def shapes(self):
        """Return an empty dict: there are no parameters."""
        return {}

    def init(self, rng, dtype=np.float32):
        """Return an empty dict: there are no parameters."""
        return {}

    def forward(self, x, parameters, state=None, lengths=None, *, keep_tape=True, rng=None):
        """Apply (1).

        Parameters
        ----------
        x : ndarray, shape (m, T_x, n_x), or list of m ndarray, each (T_i, n_x)
        rng : numpy.random.Generator, optional
            Draws the mask; without it nothing is left out.

        Returns
        -------
        y : ndarray, shape (m, T_x, n_x)
        state : ()
        tape : tuple, or None

        Raises
        ------
        ShapeError
        """
        x, lengths = as_batch("Dropout.forward", x, lengths)
        door = Door("Dropout.forward", n_x=self.n_in)
        x = door.array("x", x, "m T_x n_x")
        door.lengths("lengths", lengths, *x.shape[:2])
        if rng is None or self.rate == 0:
            return x, (), (None, x.shape, x.dtype) if keep_tape else None
        mask = rng.random(x.shape, np.float32) >= self.rate
        mask = np.multiply(mask, 1 / (1 - self.rate), dtype=x.dtype)
        return mask * x, (), (mask, x.shape, x.dtype) if keep_tape else None

    def backward(self, tape, dy, dstate=None):
        """Apply (2): return dx, () and {}."""
        need_tape("Dropout.backward", tape)
        mask, (m, T_x, _), dtype = tape
        dy = Door("Dropout.backward", m=m, T_x=T_x, n_x=self.n_in).array("dy", dy, "m T_x n_x")
        if dy.dtype != dtype:
            raise ShapeError(f"Dropout.backward: dy is {dy.dtype}; expected {dtype}, as y is.")
        return (dy if mask is None else mask * dy), (), {}

    def step(self, xt, parameters, state):
        """Pass one step on: (m, n_x)."""
        return Door("Dropout.step", n_x=self.n_in).array("xt", xt, "m n_x"), ()

    def stepper(self, parameters, m):
        """Prepare to pass steps on."""
        return Stateless(lambda xt: xt)
