"""Missing values (NaN) of sequences and series: refused, or filled as a model was fitted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .hyperparameters import option
from .kinds import Choice
from .sequences import refuse_value

Missing = Literal["raise", "interpolate", "forward", "indicator"]
WAYS_OUT = " (missing='interpolate', 'forward' or 'indicator' fills missing values)"
_NOT_IN_STREAMS = (
    " in a stream, because missing='interpolate' needs the values after a missing one ('forward' "
    "and 'indicator' do not)"
)


@dataclass
class MissingValues:
    """The hyper-parameter `missing`, which several models have: ``redefault`` declares it there."""

    missing: Missing = option(
        "raise",
        Choice(Missing),
        'Treatment of missing values (NaN). "raise": refuse them. "interpolate": linear between '
        'the neighbors in time, the nearest value at the ends. "forward": the last value; at the '
        'start the mean of the training set. "indicator": the mean of the training set, and a '
        "mask for each feature, 1 where its value is missing, as an additional input.",
        group="Input",
    )


class Filler:
    """Fill missing values; learned on the training set and kept in a model's file.

    Parameters
    ----------
    method : {"raise", "interpolate", "forward", "indicator"}
    mean : ndarray of float64, shape (n,)
        Means of the features over the training set. NaN for a feature of categories: its missing
        values remain NaN, unless "forward" finds a value before them.
    """

    def __init__(self, method: Missing, mean: np.ndarray):
        self.method: Missing = method
        self.mean: np.ndarray = mean

    @property
    def n_masks(self) -> int:
        """Number of masks that `fill` appends to the features."""
        return len(self.mean) if self.method == "indicator" else 0

    def fill(self, x: np.ndarray, name: str = "X", columns: Sequence[str] = ()) -> np.ndarray:
        """Return a sequence (T, n) without missing values, float64, with the masks (T, n) after it.

        Parameters
        ----------
        x : ndarray, shape (T, n)
        name : str
            Of the sequence, for the message.
        columns : sequence of str
            Names of the features, for the message.

        Raises
        ------
        ConfigError
            A value is missing and the method is "raise".
        """
        x = np.asarray(x, np.float64)
        missing = np.isnan(x)
        if missing.any():
            if self.method == "raise":
                raise refuse_value(name, x, missing, columns, WAYS_OUT)
            x = self._filled(x, missing)
        return np.concatenate([x, missing], axis=1) if self.n_masks else x

    def _filled(self, x, missing):
        means = np.broadcast_to(self.mean, x.shape)
        if self.method == "interpolate":
            filled = np.where(missing, means, x)
            for j in np.flatnonzero(missing.any(axis=0) & ~np.isnan(self.mean)):
                there = np.flatnonzero(~missing[:, j])
                if len(there):
                    filled[:, j] = np.interp(np.arange(len(x)), there, x[there, j])
            return filled
        if self.method == "forward":
            steps = np.arange(len(x))[:, np.newaxis]
            last = np.maximum.accumulate(np.where(missing, -1, steps), axis=0)
            return np.where(last < 0, means, np.take_along_axis(x, last, axis=0))
        return np.where(missing, means, x)

    def first(self, m: int) -> np.ndarray:
        """Return what "forward" fills the first step of m sequences with, shape (m, n)."""
        return np.tile(self.mean, (m, 1))

    def fill_step(
        self, xt: np.ndarray, last: np.ndarray, name: str = "xt", columns: Sequence[str] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Fill one time step of m sequences.

        Parameters
        ----------
        xt : ndarray, shape (m, n)
        last : ndarray, shape (m, n)
            The values of the step before: `first`, or what the step before returned.
        name, columns
            As in `fill`.

        Returns
        -------
        filled : ndarray of float64, shape (m, n) or (m, 2 n)
        last : ndarray of float64, shape (m, n)
            For the next step.

        Raises
        ------
        ConfigError
            A value is missing and the method is "raise", or "interpolate", which needs the values
            after it.
        """
        if self.method != "forward":
            if self.method == "interpolate" and np.isnan(xt).any():
                raise refuse_value(name, xt, np.isnan(xt), columns, _NOT_IN_STREAMS)
            return self.fill(xt, name, columns), last
        last = np.where(np.isnan(xt), last, xt)
        return last, last
