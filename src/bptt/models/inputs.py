"""Everything that models take as X, as `Data`: arrays, lists, data frames, readers' results."""

from collections.abc import Sequence
from typing import Any

from ..errors import ShapeError
from ..readers import Data
from ..readers.columns import Columns
from .data_frames import (
    NO_COLUMNS,
    FrameColumns,
    as_frame,
    check_frame,
    of_rows,
    of_steps,
    with_index,
)
from .names import aligned, names_of
from .sequences import as_sequences


def as_data(
    X: Any,
    y: Any = None,
    *,
    lengths: Any = None,
    frame: FrameColumns = NO_COLUMNS,
    names: Sequence[str] = (),
    labeled: bool = True,
    per_step: bool = False,
) -> Data:
    """Return what a user passes as X and y as `Data`; what is `Data` already keeps its names.

    Parameters
    ----------
    X : Data, data frame, ndarray, or list of sequences
        A data frame that has ``frame.group`` has a row for each time step; without, each row is a
        sequence. In a list of data frames each is a sequence.
    y : optional
        Targets; they replace those that X holds. With a data frame also an array or a Series with
        an entry for each row, or a Series whose index holds the groups.
    lengths : sequence of int, optional
        Only with an array: true lengths.
    frame : FrameColumns
        A label that is not in the data frame is ignored.
    names : sequence of str
        ``feature_names_in_`` of a fitted model: a data frame is read in this order, if it has them.
    labeled : bool
        Whether targets are needed; if not, a data frame's label is not read.
    per_step : bool
        Whether each step has a target of its own.

    Returns
    -------
    Data
        X : list of sequences, whose values are not checked yet. y : as given, or from the data.

    Raises
    ------
    ShapeError, ConfigError
    """
    table = as_frame(X)
    if lengths is not None and (table is not None or isinstance(X, Data)):
        given = type(X).__name__
        raise ShapeError(f"lengths given with a {given}; expected none, as it has its own.")
    if isinstance(X, Data):
        return X.but(X=as_sequences(X.X), y=X.y if y is None else y)
    if table is not None:
        check_frame(table)
        if frame.group is None:
            return of_rows(table, y, frame, names, labeled)
        table = with_index(table, frame.group, frame.time)
        return of_steps(table, y, frame, names, labeled, per_step)
    if isinstance(X, (list, tuple)) and X and all(as_frame(x) is not None for x in X):
        return _of_frames([as_frame(x) for x in X], y)
    return Data(as_sequences(X, lengths), y)


def _of_frames(tables, y):
    """Read a list of data frames, each of them a sequence."""
    for table in tables:
        check_frame(table)
    first, X, notes = tables[0], [], ()
    for i, table in enumerate(tables):
        read = Columns(table.reset_index(drop=True))
        values = read.numbers(read.choose(None, set()))
        one = Data([values], columns=names_of(table.columns))
        one = aligned(one, names_of(first.columns), f"as X[0] has (this is X[{i}])")
        X += one.X
        notes = notes or one.notes
    return Data(X, y, names_of(first.columns), notes=notes)
