"""Merge: one output from parts of the features, such as the directions of a layer."""

from typing import Literal, get_args

import numpy as np

from ..errors import ConfigError, operation
from .activation import PlainStepwise
from .base import whole_number

Merging = Literal["sum", "mean", "product", "max"]
MERGINGS: tuple[Merging, ...] = get_args(Merging)


class Merge(PlainStepwise):
    """Add, average, multiply or take the maximum of parts of the features, such as two directions.

    y[k] = sum over j of x[j n_y + k], or their mean, product or maximum, where n_y = n_x / parts

    Parameters
    ----------
    n_x : int
        Features, a multiple of `parts`.
    how : {"sum", "mean", "product", "max"}
    parts : int

    Examples
    --------
    >>> y, _, _ = Merge(4, "sum").forward(np.array([[[1.0, 2.0, 10.0, 20.0]]]), {})
    >>> y
    array([[[11., 22.]]])
    """

    @operation
    def __init__(self, n_x: int, how: Merging = "sum", *, parts: int = 2):
        self.n_in: int = whole_number("n_x", n_x)
        self.parts: int = whole_number("parts", parts)
        if self.n_in % self.parts:
            raise ConfigError(f"n_x is {n_x}; expected a multiple of parts = {parts}.")
        if not isinstance(how, str) or how not in MERGINGS:
            raise ConfigError(f"how is {how!r}; expected one of {', '.join(MERGINGS)}.")
        self.n_out: int = self.n_in // self.parts
        self.how = how

    def __repr__(self) -> str:
        parts = f", parts={self.parts}" * (self.parts != 2)
        return f"Merge({self.n_in}, {self.how!r}{parts})"

    def _of(self):
        return type(self), self.n_in, self.how, self.parts

    def _map(self, name, rows, own, keep_tape):
        x = rows.reshape(len(rows), self.parts, self.n_out)
        if self.how in ("sum", "mean"):
            y = x.sum(axis=1)
            return y if self.how == "sum" else y / self.parts, None
        y = x.prod(axis=1) if self.how == "product" else x.max(axis=1)
        return y, x.copy() if keep_tape else None

    def _map_backward(self, kept, d_rows, own, need_dx, parts):
        dx = np.repeat(d_rows[:, np.newaxis], self.parts, axis=1)
        if self.how == "mean":
            dx /= self.parts
        elif self.how == "product":
            for j in range(self.parts):
                dx[:, j] *= np.delete(kept, j, axis=1).prod(axis=1)
        elif self.how == "max":  # to the first part that has it
            first = kept.argmax(axis=1)[:, np.newaxis]
            dx *= np.arange(self.parts)[:, np.newaxis] == first
        return dx.reshape(-1, self.n_in), {}
