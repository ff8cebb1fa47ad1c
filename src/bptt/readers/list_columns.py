"""Sequences in a column of lists, one in each row, as in Parquet and Arrow files."""

from typing import Any

import numpy as np

from ..errors import DataError
from .columns import Column
from .data import Data
from .lines import shown
from .table_base import Table
from .typed_tables import plain


def is_list_column(table: Table, column: Column | None) -> bool:
    """Return whether a column, by default `sequence`, holds lists."""
    if column is None and "sequence" not in table.names:
        return False
    at = table.find("sequence" if column is None else column)
    return at is not None and table.holds_lists(at)


def sequences_of_lists(table: Table, label: Column | None, sequence: Column | None) -> Data:
    """Read sequences from a column of lists, and their labels from another one.

    An entry is a list of numbers, a list of lists of numbers (one for each step), or a list of
    words.

    Raises
    ------
    DataError
        An entry is missing, or is no such list.
    """
    at = table.find("sequence" if sequence is None else sequence)
    at_label = table.find(label)
    assert at is not None
    X = [_sequence(table, k, entry) for k, entry in enumerate(table.entries(at))]
    y = None if at_label is None else [_label(entry) for entry in table.entries(at_label)]
    name = None if at_label is None else table.shown(at_label)
    return Data(X, y, notes=tuple(table.notes), label_name=name)


def _sequence(table, k, entry) -> Any:
    if isinstance(entry, np.ndarray) and entry.dtype.kind in "iuf" and len(entry):
        return entry.reshape(len(entry), -1).astype(np.float64, copy=False)
    steps = [] if entry is None else list(entry)
    if steps and all(isinstance(step, str) for step in steps):
        return steps
    try:
        x = np.array([np.asarray(step, np.float64) for step in steps])
        if x.ndim in (1, 2) and len(x):
            return x.reshape(len(x), -1)
    except (TypeError, ValueError):
        pass
    raise DataError(
        f"{table.name}: row {k + 1} has {shown(str(entry))} as its sequence; expected a list of "
        f"numbers, of lists of numbers as long as one another, or of words."
    )


def _label(entry):
    if isinstance(entry, np.ndarray):
        return [str(tag) for tag in entry.tolist()]
    return plain(entry)
