"""Merge: one output from the two halves of the features, such as the directions of a layer."""

from typing import Literal, get_args

import numpy as np

from ..errors import ConfigError, operation
from .activation import PlainStepwise
from .base import whole_number

Merging = Literal["sum", "mean", "product"]
MERGINGS: tuple[Merging, ...] = get_args(Merging)


class Merge(PlainStepwise):
    """Add, average or multiply the two halves of the features, such as the two directions.

    Parameters
    ----------
    n_x : int
        Features, an even number; the output has n_x / 2.
    how : {"sum", "mean", "product"}

    Examples
    --------
    >>> y, _, _ = Merge(4, "sum").forward(np.array([[[1.0, 2.0, 10.0, 20.0]]]), {})
    >>> y
    array([[[11., 22.]]])
    """

    @operation
    def __init__(self, n_x: int, how: Merging = "sum"):
        self.n_in: int = whole_number("n_x", n_x)
        if self.n_in % 2:
            raise ConfigError(f"n_x is {n_x}; expected an even number, two halves.")
        if not isinstance(how, str) or how not in MERGINGS:
            raise ConfigError(f"how is {how!r}; expected one of {', '.join(MERGINGS)}.")
        self.n_out: int = self.n_in // 2
        self.how = how

    def __repr__(self) -> str:
        return f"Merge({self.n_in}, {self.how!r})"

    def _of(self):
        return type(self), self.n_in, self.how

    def _map(self, name, rows, own, keep_tape):
        a, b = rows[:, : self.n_out], rows[:, self.n_out :]
        if self.how == "product":
            return a * b, rows.copy() if keep_tape else None
        return (a + b if self.how == "sum" else (a + b) / 2), None

    def _map_backward(self, kept, d_rows, own, need_dx):
        if self.how == "product":
            a, b = kept[:, : self.n_out], kept[:, self.n_out :]
            return np.concatenate([d_rows * b, d_rows * a], axis=1), {}
        d_half = d_rows if self.how == "sum" else d_rows / 2
        return np.concatenate([d_half, d_half], axis=1), {}
