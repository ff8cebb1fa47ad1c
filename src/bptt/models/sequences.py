"""Sequences in every form that models accept: checked, and as lists of arrays or of tokens.

A list of arrays (T_i, n_features) or (T_i,); a padded array (m, T, n_features) or (m, T) with
lengths; strings, read as characters; lists of words.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..checks import ArrayChecker
from ..errors import ConfigError, ShapeError

LARGEST_CATEGORY = 2**24  # whole numbers up to here survive float32


def as_sequences(X: Any, lengths: Any = None) -> list[Any]:
    """Return the sequences of X, one by one.

    Parameters
    ----------
    X : list of sequences, or ndarray, shape (m, T) or (m, T, n_features)
        An array's rows are sequences of T steps.
    lengths : sequence of m int, optional
        Only with an array: true lengths in 0..T.

    Returns
    -------
    list

    Raises
    ------
    ShapeError
    """
    X = as_plain(X)
    if isinstance(X, np.ndarray) and (X.ndim > 1 or X.dtype.kind not in "OU"):
        if X.ndim > 1 and X.shape[1] == 0:
            raise ShapeError(
                f"X has 0 feature(s) (shape={X.shape}) while a minimum of 1 is required; "
                f"expected at least one step."
            )
        if X.ndim not in (2, 3):
            raise ShapeError(
                f"X has shape {X.shape}; expected a list of sequences, or an array "
                f"(m, T) or (m, T, n_features). Reshape your data: one sequence is X[None]."
            )
        if len(X) == 0:
            raise ShapeError(f"X has 0 sequence(s) {X.shape}; expected a minimum of 1.")
        lengths = ArrayChecker().lengths("lengths", lengths, *X.shape[:2])
        return list(X) if lengths is None else [x[:n] for x, n in zip(X, lengths, strict=True)]
    if lengths is not None:
        raise ShapeError("lengths given with a list; expected none, as it has its own.")
    if not isinstance(X, (list, tuple, np.ndarray)):
        raise ShapeError(f"X is a {type(X).__name__}; expected a list of sequences.")
    if len(X) == 0:
        raise ShapeError("X has 0 sequence(s); expected a minimum of 1.")
    return list(X)


def as_plain(X: Any) -> Any:
    """Return a data frame, a column of one, or another array-like object as an array."""
    if hasattr(X, "to_numpy"):
        return X.to_numpy()
    if hasattr(X, "toarray"):
        raise ShapeError(
            f"X is a sparse {type(X).__name__}, which is not supported; expected a list "
            f"of sequences, or a dense array."
        )
    return np.asarray(X) if hasattr(X, "__array__") and not isinstance(X, np.ndarray) else X


class NotNumbersError(ShapeError, TypeError):
    """A sequence that holds no numbers."""


def kind_of(sequence: Any) -> Literal["numbers", "characters", "words"]:
    """Return what a sequence is made of."""
    if isinstance(sequence, str):
        return "characters"
    if isinstance(sequence, np.ndarray):
        is_text = sequence.dtype.kind == "U" or (
            sequence.dtype.kind == "O" and sequence.ndim == 1 and _all_text(sequence)
        )
        return "words" if is_text else "numbers"
    return "words" if isinstance(sequence, (list, tuple)) and _all_text(sequence) else "numbers"


def _all_text(values):
    return len(values) > 0 and all(isinstance(v, str) for v in values)


def numeric(name: str, x: Any) -> np.ndarray:
    """Return a sequence of numbers as an array (T, n_features), integers as they are.

    Raises
    ------
    ShapeError, ConfigError
        Another number of axes, no numbers, NaN or infinity.
    """
    try:
        x = np.asarray(x)
        if x.dtype.kind == "O":
            x = x.astype(np.float64)
    except (TypeError, ValueError):
        raise NotNumbersError(
            f"{name} is not an array of numbers, and an argument must be a string or of real "
            f"numbers; expected (steps, features)."
        ) from None
    if x.dtype.kind not in "fiub":
        what = "Complex data not supported" if x.dtype.kind == "c" else f"it is {x.dtype}"
        raise ShapeError(f"{name} cannot be read: {what}; expected an array of real numbers.")
    if x.ndim not in (1, 2):
        raise ShapeError(f"{name} has shape {x.shape}; expected (steps, features).")
    x = x[:, np.newaxis] if x.ndim == 1 else x
    if x.dtype.kind == "f":
        wrong = np.argwhere(~np.isfinite(x))
        if len(wrong):
            t, j = wrong[0]
            what = "NaN" if np.isnan(x[t, j]) else "inf"
            raise ConfigError(
                f"{name} holds {what} at step {t}, feature {j}; expected finite numbers."
            )
    return x


def text_of(i: int, sequence: Any, kind: str) -> Sequence[str]:
    """Return the characters or the words of a sequence."""
    if kind == "characters":
        if not isinstance(sequence, str):
            given = type(sequence).__name__
            raise ShapeError(f"X[{i}] is a {given}; expected a str, as the others are.")
        return sequence
    words = sequence if isinstance(sequence, (list, tuple, np.ndarray)) else None
    wrong = None if words is None else next((w for w in words if not isinstance(w, str)), None)
    if words is None or wrong is not None:
        given = f"is a {type(sequence).__name__}" if words is None else f"holds {wrong!r}"
        raise ShapeError(f"X[{i}] {given}; expected a list of words, each a str.")
    return list(words)


def check_categories(i: int, column: np.ndarray, j: int) -> None:
    """Refuse a column of categories that holds anything but whole numbers.

    Raises
    ------
    ConfigError
    """
    with np.errstate(invalid="ignore"):
        wrong = (column != np.floor(column)) | (np.abs(column) > LARGEST_CATEGORY)
    if wrong.any():
        raise ConfigError(
            f"X[{i}] holds {column[wrong][0]:g} in column {j}; expected whole numbers up "
            f"to 2**24, because it holds categories."
        )
