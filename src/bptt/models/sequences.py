"""Sequences in every form that models accept: checked, and as lists of arrays or of tokens.

A list of arrays (T_i, n_features) or (T_i,); a padded array (m, T, n_features) or (m, T) with
lengths; strings, read as characters; lists of words; an object with ``len`` and ``[i]`` of these.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..checks import ArrayChecker
from ..errors import ConfigError, ShapeError
from .collection import Collection, is_collection

LARGEST_CATEGORY = {"f4": 2**24, "f8": 2**53, "u8": 2**63 - 1}  # exact up to here, by type


def as_sequences(X: Any, lengths: Any = None) -> list[Any] | Collection:
    """Return the sequences of X, one by one.

    Parameters
    ----------
    X : list of sequences, object with len and [i], or ndarray (m, T) or (m, T, n_features)
        An array's rows are sequences of T steps.
    lengths : sequence of m int, optional
        Only with an array: true lengths in 0..T.

    Returns
    -------
    list, or Collection where X is memory-mapped or an object with ``len`` and ``[i]``

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
        if isinstance(X, np.memmap):
            return Collection(X, np.full(*X.shape[:2]) if lengths is None else lengths)
        return list(X) if lengths is None else [x[:n] for x, n in zip(X, lengths, strict=True)]
    if lengths is not None:
        raise ShapeError("lengths given with a list; expected none, as it has its own.")
    if not (is_collection(X) or isinstance(X, (list, tuple, np.ndarray))):
        raise ShapeError(
            f"X is a {type(X).__name__}; expected a list of sequences, or an object with len and "
            f"[i]."
        )
    if len(X) == 0:
        raise ShapeError("X has 0 sequence(s); expected a minimum of 1.")
    return Collection(X) if is_collection(X) else list(X)


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


def numeric(name: str, x: Any, *, columns: Sequence[str] = (), missing: bool = False) -> np.ndarray:
    """Return a sequence of numbers as an array (T, n_features), integers as they are.

    Parameters
    ----------
    name : str
        For the message.
    x : array-like, shape (T,) or (T, n_features)
        Masked entries and None are missing values.
    columns : sequence of str
        Names of the features, for the message.
    missing : bool
        Whether values may be missing: NaN.

    Raises
    ------
    ShapeError, ConfigError
        Another number of axes, no numbers, infinity, or NaN unless `missing`.
    """
    try:
        if isinstance(x, np.ma.MaskedArray):
            x = np.ma.filled(x.astype(np.float64), np.nan) if np.ma.is_masked(x) else x.data
        x = np.asarray(x)
        if x.dtype.kind == "O":
            x = x.astype(np.float64)
    except OverflowError:
        raise ConfigError(f"{name} holds a number too large for float64.") from None
    except (TypeError, ValueError, RecursionError):
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
    if x.dtype.kind == "f" and not (finite := np.isfinite(x)).all():
        wrong = np.isinf(x) if missing else ~finite
        if wrong.any():
            raise refuse_value(name, x, wrong, columns)
    return x


def refuse_value(
    name: str, x: np.ndarray, wrong: np.ndarray, columns: Sequence[str] = (), way_out: str = ""
) -> ConfigError:
    """Return the error that names the first wrong value of a sequence (T, n)."""
    t, j = np.argwhere(wrong)[0]
    what = "NaN" if np.isnan(x[t, j]) else "inf"
    named = f" ({columns[j]!r})" if len(columns) == x.shape[1] else ""
    return ConfigError(
        f"{name} holds {what} at step {t}, feature {j}{named}; expected finite numbers{way_out}."
    )


def text_of(name: str, sequence: Any, kind: str) -> Sequence[str]:
    """Return the characters or the words of a sequence."""
    if kind == "characters":
        if not isinstance(sequence, str):
            given = type(sequence).__name__
            raise ShapeError(f"{name} is a {given}; expected a str, as the others are.")
        return sequence
    words = sequence if isinstance(sequence, (list, tuple, np.ndarray)) else None
    wrong = None if words is None else next((w for w in words if not isinstance(w, str)), None)
    if words is None or wrong is not None:
        given = f"is a {type(sequence).__name__}" if words is None else f"holds {wrong!r}"
        raise ShapeError(f"{name} {given}; expected a list of words, each a str.")
    return list(words)


def check_categories(name: str, column: np.ndarray, j: int) -> None:
    """Refuse a column of categories that holds anything but whole numbers and NaN.

    Raises
    ------
    ConfigError
    """
    limit = LARGEST_CATEGORY.get(column.dtype.str[1:])
    with np.errstate(invalid="ignore"):
        wrong = (column != np.floor(column)) & (column == column)  # NaN is no value
        if limit is not None:
            wrong |= (column > limit) | (column < -limit if column.dtype.kind == "f" else False)
    if wrong.any():
        largest = "" if limit is None else f" up to 2**{limit.bit_length() - (limit % 2 == 0)}"
        raise ConfigError(
            f"{name} holds {column[wrong][0]:.20g} in column {j}; expected whole numbers{largest}, "
            f"because it holds categories and is {column.dtype}."
        )


def named(i: int, ids: Sequence[Any] | None = None) -> str:
    """Return how messages name a sequence: by its place, and by its id where it has one."""
    return f"X[{i}]" if ids is None else f"X[{i}] (id {ids[i]!r:.60})"
