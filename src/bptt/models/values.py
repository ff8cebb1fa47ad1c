"""Numbers as targets: standardized for the network, predictions in their own units."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from ..training import SquaredError
from .scaling import finite_row, mean_and_scale, scale_row
from .sequences import numeric
from .targets import one_each


class Values:
    """Numbers, one or several for each sequence; the network predicts them standardized.

    Parameters
    ----------
    mean, scale : ndarray of float64, shape (n_targets,)
        Mean and standard deviation over the training set.
    one_axis : bool
        Whether ``y`` has one axis, (n,), and not two, (n, n_targets).
    """

    def __init__(self, mean: np.ndarray, scale: np.ndarray, one_axis: bool):
        self.mean: np.ndarray = mean
        self.scale: np.ndarray = scale
        self.one_axis: bool = one_axis
        self.n_outputs: int = len(mean)

    @staticmethod
    def read(sequences: Sequence[Any], y: Any, per_step: bool) -> np.ndarray:
        """Return the numbers of sequences, ndarray of float64, shape (n,) or (n, n_targets).

        Raises
        ------
        ShapeError, ConfigError
        """
        y = one_each(sequences, y)
        columns = numeric("y", y).astype(np.float64)
        return columns[:, 0] if y.ndim == 1 else columns

    @classmethod
    def learn(cls, targets: np.ndarray) -> "Values":
        """Compute mean and scale of a training set."""
        mean, scale = mean_and_scale("y", targets.reshape(len(targets), -1))
        return cls(mean, scale, targets.ndim == 1)

    def encode(self, targets: np.ndarray) -> np.ndarray:
        """Return standardized numbers, ndarray of float32, shape (n, n_targets).

        Raises
        ------
        ShapeError
            Another number of targets than in the training set.
        """
        columns = targets.reshape(len(targets), -1)
        if columns.shape[1] != self.n_outputs:
            raise ShapeError(
                f"y has {columns.shape[1]} columns; expected {self.n_outputs}, as in fit."
            )
        with np.errstate(over="ignore"):  # the training refuses what is infinite
            return ((columns - self.mean) / self.scale).astype(np.float32)

    def objective(self, encoded: np.ndarray, model: Any) -> SquaredError:
        """Return the squared error."""
        return SquaredError()

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return predictions in the units of the targets, in the shape of ``y``."""
        y = outputs.astype(np.float64) * self.scale + self.mean
        return y[:, 0] if self.one_axis else y

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        mean, scale = self.mean.tolist(), self.scale.tolist()
        return {"y_mean": mean, "y_scale": scale, "one_axis": self.one_axis}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> "Values":
        """Undo `to_json`; the content of a file is not trusted.

        Raises
        ------
        ConfigError, KeyError, TypeError
        """
        one_axis, n = state["one_axis"], len(state["y_mean"])
        if not isinstance(one_axis, bool) or n < 1 or (one_axis and n > 1):
            raise ConfigError("its targets have no shape.")
        mean = finite_row("y_mean", state["y_mean"], n)
        return cls(mean, scale_row("y_scale", state["y_scale"], n), one_axis)
