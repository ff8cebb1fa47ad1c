"""Labels in every form that models accept, as arrays: text, whole numbers, booleans."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError
from .collection import Collection
from .targets import one_each


def labels_of_sequences(sequences: Sequence[Any], y: Any) -> np.ndarray:
    """Return the labels of sequences, one for each, as an array.

    Raises
    ------
    ShapeError, ConfigError
    """
    if isinstance(y, (list, tuple)):
        _refuse_lists(y)
        _refuse_mixed("y", y)
    return as_labels("y", y if _is_exact(y, len(sequences)) else one_each(sequences, y))


def labels_of_steps(sequences: Sequence[Any], y: Any) -> list[np.ndarray]:
    """Return a list of arrays of labels, one label for each time step.

    Raises
    ------
    ShapeError, ConfigError
    """
    if y is None:
        raise ConfigError(
            "requires y to be passed, but the target y is None; expected a label for every step."
        )
    if len(y) != len(sequences):
        raise ShapeError(f"y has {len(y)} sequences of labels; expected {len(sequences)}.")
    padded = isinstance(y, np.ndarray) and y.ndim == 2
    targets = []
    if isinstance(sequences, Collection):  # the steps are counted when it is read
        counts = repeat(None) if sequences.lengths is None else sequences.lengths
    else:
        counts = map(len, sequences)
    for i, (labels, n) in enumerate(zip(y, counts)):  # noqa: B905
        if not isinstance(labels, (list, tuple)) and np.ndim(labels) == 0:
            raise ShapeError(
                f"y[{i}] is {labels!r:.60}; expected a label for every step (one label for each "
                f"sequence is for SequenceClassifier)."
            )
        labels = as_labels(f"y[{i}]", labels if n is None or not padded else labels[:n])
        if n is not None:
            check_count(i, labels, n)
        targets.append(labels)
    kinds = {t.dtype.kind.replace("u", "i") for t in targets if len(t)}
    if len(kinds) > 1:
        raise ConfigError(
            f"y mixes {', '.join(sorted(_KINDS[k] for k in kinds))}; expected labels of one kind."
        )
    return targets


def check_count(i: int, labels: np.ndarray, n: int) -> None:
    """Raise ShapeError where a sequence of n steps has another number of labels."""
    if len(labels) != n:
        raise ShapeError(
            f"y[{i}] has {len(labels)} labels; expected {n}, because X[{i}] has as many steps."
        )


_KINDS = {"i": "whole numbers", "f": "floats", "b": "booleans", "U": "text"}


def _refuse_lists(y):
    """Refuse labels of time steps where sequences have one each."""
    for i, label in enumerate(y):
        if isinstance(label, (list, tuple)) and len(label) != 1:
            raise ShapeError(
                f"y[{i}] is a list of {len(label)} labels; expected one label for each sequence (a "
                f"label for each step is for SequenceTagger)."
            )


def _refuse_mixed(name, y):
    """Refuse text beside numbers or booleans, which NumPy would make text or numbers."""
    kinds = {type(v) for v in y}
    groups = {str if issubclass(k, str) else bool if issubclass(k, bool | np.bool_) else k
              for k in kinds}  # fmt: skip
    if len(groups) > 1 and groups & {str, bool}:
        shown = ", ".join(sorted(k.__name__ for k in kinds))
        raise ConfigError(f"{name} holds {shown}. Unknown label type; expected labels of one kind.")


def _is_exact(y, n):
    """Return whether `y` is a list of n whole numbers, which NumPy may round to floats."""
    return isinstance(y, (list, tuple)) and len(y) == n > 0 and all(type(v) is int for v in y)


def whole(values: Sequence[int]) -> np.ndarray:
    """Return whole numbers as int64, or as uint64 where they need it.

    Raises
    ------
    ConfigError
        They need more than 64 bits.
    """
    low, high = min(values), max(values)
    if low < -(2**63) or high >= 2**64 or (low < 0 and high >= 2**63):
        raise ConfigError(
            f"labels are {low} and {high}; expected whole numbers that int64 or uint64 can hold."
        )
    return np.array(values, np.int64 if high < 2**63 else np.uint64)


def joined(labels: Sequence[np.ndarray]) -> np.ndarray:
    """Return arrays of labels as one; int64 and uint64 would be rounded to floats."""
    if {t.dtype.kind for t in labels} == {"i", "u"}:
        return whole([v for t in labels for v in t.tolist()])
    return np.concatenate(labels)


def as_labels(name: str, y: Any) -> np.ndarray:
    """Return labels as an array of str, int64 or bool, or of whole floats.

    Whole numbers from 2**63 on are uint64.

    Raises
    ------
    ShapeError
        Not one axis.
    ConfigError
        Mixed, missing or continuous labels.
    """
    if isinstance(y, (list, tuple)):
        _refuse_mixed(name, y)
        y = whole(y) if _is_exact(y, len(y)) else y
    try:
        y = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    except ValueError:  # lists of different lengths
        raise ShapeError(f"{name} is ragged; expected one label each, (n,).") from None
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1:
        raise ShapeError(f"{name} has shape {y.shape}; expected one label each, (n,).")
    if len(y) == 0:
        return np.zeros(0, np.int64)
    if y.dtype.kind == "O":
        kinds = {type(v) for v in y.tolist()}
        if kinds not in ({str}, {int}, {bool}):
            shown = ", ".join(sorted(k.__name__ for k in kinds))
            raise ConfigError(
                f"{name} holds {shown}. Unknown label type; expected labels of one kind."
            )
        y = whole(y.tolist()) if kinds == {int} else np.array(y.tolist())
    if y.dtype.kind == "f":
        wrong = ~(np.isfinite(y) & (y == np.floor(y)))
        if wrong.any():
            raise ConfigError(
                f"{name} holds {y[wrong][0]}. Unknown label type: continuous numbers (or "
                f"NaN, inf) are for a regressor; expected class labels, str or whole numbers."
            )
        return y.astype(np.float64)
    if y.dtype.kind not in "iubU":
        what = "Complex data not supported" if y.dtype.kind == "c" else f"it is {y.dtype}"
        raise ConfigError(f"{name} cannot be read: {what}; expected labels, str or whole numbers.")
    if y.dtype.kind == "u" and y.max() >= 2**63:
        return y.astype(np.uint64)
    return y.astype(np.int64) if y.dtype.kind in "iu" else y
