"""Targets of sequences, before a model encodes them: see `Labels` and `Values`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from .sequences import as_plain

Arrays = np.ndarray | list[np.ndarray]  # one target for each sequence, or one for each time step


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
