"""Names of features: those of a model, compared with those of other data."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..checks import suggestion
from ..errors import ConfigError, warn
from ..readers import Data

CHANGES = ("Left out", "Put the columns")  # beginnings of the notes of `aligned`


def names_of(columns: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of columns if all are str, as scikit-learn has them; else an empty tuple."""
    return tuple(columns) if all(isinstance(c, str) for c in columns) else ()


def aligned(data: Data, names: Sequence[str], whence: str = "as in fit") -> Data:
    """Return data with the columns of a model, in the model's order.

    Parameters
    ----------
    data : Data
        X is a list of sequences, or of series. Data without names are returned as they are.
    names : sequence of str
        ``feature_names_in_``; empty where the model has none.
    whence : str
        For the message.

    Returns
    -------
    Data
        Its notes say what was left out or put in order.

    Raises
    ------
    ConfigError
        A column is missing.
    """
    given, names = tuple(data.columns), tuple(names)
    if not given or not names or given == names or not data.X:
        return data
    if not _are_features(data.X, given):
        return _aligned_steps(data, names, whence)
    missing = [n for n in names if n not in given]
    if missing:
        near = suggestion(missing[0], [n for n in given if n not in names])
        raise ConfigError(
            f"the columns are {listed(given)}; expected {listed(names)}, {whence}: "
            f"{listed(missing)} missing.{near}"
        )
    order = [given.index(n) for n in names]
    X = [np.asarray(x)[:, order] for x in data.X]
    return data.but(X=X, columns=names, notes=(*data.notes, *changes(given, names)))


def warn_of_changes(X: Any, data: Data) -> None:
    """Warn where columns of X were put in order or left out, unless X is Data that says so."""
    said = X.notes if isinstance(X, Data) else ()
    for note in data.notes:
        if note not in said and note.startswith(CHANGES):
            warn(note)


def changes(given, names):
    """Return the notes on columns that become those of a model."""
    notes, extra = [], [n for n in given if n not in names]
    if extra:
        them = "it" if len(extra) == 1 else "them"
        notes.append(f"{CHANGES[0]} {listed(extra)}: the model does not have {them}.")
    if [n for n in given if n in names] != list(names):
        notes.append(f"{CHANGES[1]} in the model's order: {listed(names)}.")
    return notes


def _are_features(X, names):
    """Return whether names are those of features; otherwise they are those of time steps."""
    return np.ndim(X[0]) == 2 and np.shape(X[0])[1] == len(names)


def _aligned_steps(data, names, whence):
    """Align rows of a wide table, whose columns are time steps; their number may differ."""
    given = data.columns
    if set(given) == set(names) and all(len(x) == len(given) for x in data.X):
        order = [given.index(n) for n in names]
        note = f"{CHANGES[1]}, which are time steps, in the model's order."
        X = [np.asarray(x)[order] for x in data.X]
        return data.but(X=X, columns=names, notes=(*data.notes, note))
    common = [n for n in given if n in names]
    if common != [n for n in names if n in given]:
        raise ConfigError(
            f"the columns, which are time steps, are {listed(given)}; expected the order "
            f"{listed(names)}, {whence}."
        )
    return data


def listed(names: Sequence[str]) -> str:
    """Return names for a message: the first ten, and how many there are."""
    return ", ".join(map(repr, names[:10])) + f", ... ({len(names)} in all)" * (len(names) > 10)
