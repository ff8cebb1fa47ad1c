"""Targets of sequences: what a model learns to predict from them."""

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np

from ..errors import ConfigError, ShapeError
from ..training.objectives import Objective
from .sequences import as_plain

Arrays = np.ndarray | list[np.ndarray]  # one target for each sequence, or one for each time step


class Target(Protocol):
    """Reads ``y``; learned from a training set, it encodes targets and decodes predictions."""

    n_outputs: int

    @staticmethod
    def read(sequences: Sequence[Any], y: Any, per_step: bool) -> Any:
        """Return the targets of sequences as `Arrays`; raise ShapeError or ConfigError."""
        ...

    @classmethod
    def learn(cls, targets: Any) -> Self:
        """Return the target of a training set."""
        ...

    def encode(self, targets: Any) -> Any:
        """Return what the objective compares the outputs of the network with."""
        ...

    def objective(self, encoded: Any, model: Any) -> Objective:
        """Return what the training minimizes."""
        ...

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return what outputs (n, n_outputs) of the network mean."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        ...

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        """Undo `to_json`; the content of a file is not trusted."""
        ...


def each(targets: Arrays) -> list[np.ndarray]:
    """Return the arrays of targets, which are one array or a list of them."""
    return [targets] if isinstance(targets, np.ndarray) else targets


def one_each(sequences: Sequence[Any], y: Any) -> np.ndarray:
    """Return the targets as an array, one for each sequence.

    Raises
    ------
    ShapeError, ConfigError
    """
    if y is None:
        raise ConfigError(
            "requires y to be passed, but the target y is None; expected one target for each "
            "sequence."
        )
    try:
        y = np.asarray(as_plain(y))
    except ValueError:  # lists of different lengths
        raise ShapeError("y is ragged; expected one target for each sequence.") from None
    n = len(y) if y.ndim else 0
    if n != len(sequences):
        raise ShapeError(f"y has {n} targets; expected {len(sequences)}, one for each sequence.")
    return y
