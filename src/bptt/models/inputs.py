"""Everything that models take as X, as `Data`: arrays, lists, data frames, and what readers return.

Data frames of pandas, polars and pyarrow are recognized by their methods: none of these packages is
imported unless the caller has imported it.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from .. import extras
from ..checks import is_whole, suggestion
from ..errors import ConfigError, ShapeError
from ..readers import Data
from .sequences import as_sequences

Name = str | int  # of a column; pandas allows numbers too
_TARGET = "y (of fit)"  # name of the column that a target with an entry for each row becomes


@dataclass(frozen=True)
class FrameColumns:
    """Columns of a data frame that are not features; a model keeps them for later frames.

    Attributes
    ----------
    group : str or int, optional
        Tells which sequence or series a row is a step of.
    time : str or int, optional
        Times of the rows.
    label : str or int, optional
        The target.
    """

    group: Name | None = None
    time: Name | None = None
    label: Name | None = None

    @classmethod
    def of(cls, X: Any, y: Any = None, group: Any = None, time: Any = None) -> Self:
        """Return the columns that a user names in a call of `fit`.

        Raises
        ------
        ConfigError
            X is no data frame, or does not have them.
        """
        table = as_frame(X)
        if table is None:
            for role, name in {"group": group, "time": time}.items():
                if name is not None:
                    raise ConfigError(
                        f"{role} is {name!r}, and X is a {type(X).__name__}; expected a data frame."
                    )
            return cls()
        check_frame(table)
        group, time = (
            name if name is None else find_column(table, name, role)
            for name, role in ((group, "group"), (time, "time"))
        )
        if isinstance(y, str):
            return cls(group, time, find_column(table, y, "y"))
        name = getattr(y, "name", None)  # fit(df, df["label"])
        is_own = name is not None and name in list(table.columns) and y.equals(table[name])
        return cls(group, time, name if is_own else None)

    def but(self, **given: Name | None) -> Self:
        """Return the columns with those replaced that are given."""
        return replace(self, **{name: v for name, v in given.items() if v is not None})

    def to_json(self) -> dict[str, Any]:
        """Return the names, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        """Undo `to_json`; the content of a file is not trusted.

        Raises
        ------
        ConfigError, TypeError
        """
        columns = cls(**state)
        if not all(v is None or isinstance(v, str) or is_whole(v) for v in state.values()):
            raise ConfigError("its columns of data frames are not names.")
        return columns


NO_COLUMNS = FrameColumns()


def as_data(
    X: Any,
    y: Any = None,
    *,
    lengths: Any = None,
    frame: FrameColumns = NO_COLUMNS,
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
        A column that is not in a data frame is ignored if it is the label.
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
            return _of_rows(table, y, frame)
        return _of_steps(table, y, frame, per_step)
    if isinstance(X, (list, tuple)) and X and all(as_frame(x) is not None for x in X):
        return _of_frames([as_frame(x) for x in X], y)
    return Data(as_sequences(X, lengths), y)


def as_frame(X: Any) -> Any | None:
    """Return a data frame as one of pandas; None where X is no data frame.

    Raises
    ------
    ConfigError
        It is one of another package, and pandas is not installed.
    """
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        return X
    if not hasattr(X, "to_pandas") or not (hasattr(X, "columns") or hasattr(X, "column_names")):
        return None
    try:
        return X.to_pandas()
    except ImportError as error:
        kind = type(X).__module__.split(".")[0]
        raise ConfigError(
            f"X is a data frame of {kind}, which cannot be converted ({error}); expected pandas "
            f"beside it: pip install 'bptt[tables]'."
        ) from None


def check_frame(table: Any) -> None:
    """Refuse a data frame two of whose columns have one name, or whose columns have levels.

    Raises
    ------
    ShapeError
    """
    names = list(table.columns)
    twice = next((n for k, n in enumerate(names) if n in names[:k]), None)
    if twice is not None:
        raise ShapeError(f"X has two columns {twice!r}; expected a name of its own for each.")
    if any(isinstance(n, tuple) for n in names):
        raise ShapeError(f"X has columns of several levels, such as {names[0]!r}; expected names.")


def find_column(table: Any, name: Any, role: str) -> Any:
    """Return the name of a column that a data frame has.

    Raises
    ------
    ConfigError
    """
    if name in list(table.columns):
        return name
    names = list(map(str, table.columns))
    more = ", ..." * (len(names) > 20)
    raise ConfigError(
        f"{role} is {name!r}; expected one of the columns {', '.join(names[:20])}{more}."
        f"{suggestion(str(name), names)}"
    )


def group_index(table: Any, group: Name, ids: Sequence[str]) -> Any:
    """Return the pandas index of a grouped data frame's sequences, as they are in the frame."""
    pd = extras.load("pandas", extra="tables", why="for the index of a data frame")
    own = {str(value): value for value in table[group].dropna().drop_duplicates()}
    return pd.Index([own.get(name, name) for name in ids], name=group)


# -- column names ------------------------------------------------------------------------------


def names_of(columns: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of columns if all are str, as scikit-learn has them; else an empty tuple."""
    return tuple(columns) if all(isinstance(c, str) for c in columns) else ()


def aligned(data: Data, names: Sequence[str], whence: str = "as in fit") -> Data:
    """Return data with the columns that a model knows, in the model's order.

    Parameters
    ----------
    data : Data
        X is a list of sequences, or of series. Data without names are returned as they are.
    names : sequence of str
        ``feature_names_in_``; empty where the model knows none.
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
            f"the columns are {_listed(given)}; expected {_listed(names)}, {whence}: "
            f"{_listed(missing)} missing.{near}"
        )
    notes, extra = list(data.notes), [n for n in given if n not in names]
    if extra:
        notes.append(f"Left out {_listed(extra)}: the model does not know them.")
    if [n for n in given if n in names] != list(names):
        notes.append(f"Put the columns in the model's order: {_listed(names)}.")
    order = [given.index(n) for n in names]
    X = [np.asarray(x)[:, order] for x in data.X]
    return data.but(X=X, columns=names, notes=tuple(notes))


def _are_features(X, names):
    """Return whether names are those of features; otherwise they are those of time steps."""
    return np.ndim(X[0]) == 2 and np.shape(X[0])[1] == len(names)


def _aligned_steps(data, names, whence):
    """Align rows of a wide table, whose columns are time steps; their number may differ."""
    given = data.columns
    if set(given) == set(names) and all(len(x) == len(given) for x in data.X):
        order = [given.index(n) for n in names]
        note = "Put the columns, which are time steps, in the model's order."
        X = [np.asarray(x)[order] for x in data.X]
        return data.but(X=X, columns=names, notes=(*data.notes, note))
    common = [n for n in given if n in names]
    if common != [n for n in names if n in given]:
        raise ConfigError(
            f"the columns, which are time steps, are {_listed(given)}; expected the order "
            f"{_listed(names)}, {whence}."
        )
    return data


def _listed(names):
    return ", ".join(map(repr, names[:10])) + f", ... ({len(names)} in all)" * (len(names) > 10)


# -- data frames -------------------------------------------------------------------------------


def _of_rows(table, y, frame):
    """Read a wide data frame: each row is a sequence."""
    label = frame.label
    if label is not None and label in list(table.columns):
        y = table[label].to_numpy() if _is_named(y, label) else y
        table = table.drop(columns=[label])
    return Data(as_sequences(_numbers(table)), y, names_of(table.columns))


def _is_named(y, label):
    """Return whether a target is the column of a data frame that is the label."""
    return y is None or isinstance(y, str) or getattr(y, "name", None) == label


def _numbers(table):
    """Return the values of a data frame; a missing entry of any type is NaN."""
    values = table.to_numpy()
    if values.dtype.kind == "O":
        with contextlib.suppress(TypeError, ValueError):  # the model refuses what is no number
            return table.to_numpy(np.float64, na_value=np.nan)
    return values


def _of_steps(table, y, frame, per_step):
    """Read a long data frame: each row is a time step."""
    from ..readers.frames import sequences_of_frame

    group, label = find_column(table, frame.group, "group"), frame.label
    if _is_named(y, label) and label is not None and label in list(table.columns):
        y = None
    elif y is not None and label is not None and label in list(table.columns):
        table = table.drop(columns=[label])
    if y is not None and _is_of_rows(table, y, group, per_step):
        table, label, y = table.assign(**{_TARGET: np.asarray(y)}), _TARGET, None
    present = label is not None and label in list(table.columns)
    data = sequences_of_frame(
        table, group=group, label=label if present else None, time=frame.time, per_step=per_step
    )
    return data if y is None else data.but(y=_by_id(table, y, group, data.ids))


def _is_of_rows(table, y, group, per_step):
    """Return whether a target has an entry for each row of a data frame, not for each group."""
    if len(y) != len(table) or (not per_step and table[group].nunique() == len(table)):
        return False
    return (hasattr(y, "index") and hasattr(y, "iloc")) or np.ndim(y[0]) == 0


def _by_id(table, y, group, ids):
    """Return the targets in the order of the groups, if they are a Series with their names."""
    if not (hasattr(y, "index") and hasattr(y, "loc")):
        return y
    index, own = list(y.index), list(group_index(table, group, ids))
    if len(index) == len(own) and set(index) == set(own):
        return y.loc[own].to_numpy()
    if index == list(range(len(index))):
        return y.to_numpy()
    strange = next((k for k in index if k not in own), None)
    lost = next((k for k in own if k not in index), None)
    what = f"{strange!r}, which is no {group}" if lost is None else f"nothing for {group} {lost!r}"
    raise ShapeError(f"y has {what}; expected a target for each {group}, in its index.")


def _of_frames(tables, y):
    """Read a list of data frames, each of them a sequence."""
    for table in tables:
        check_frame(table)
    first, X, notes = tables[0], [], ()
    for i, table in enumerate(tables):
        one = Data([_numbers(table)], columns=names_of(table.columns))
        one = aligned(one, names_of(first.columns), f"as X[0] has (this is X[{i}])")
        X += one.X
        notes = notes or one.notes
    return Data(X, y, names_of(first.columns), notes=notes)
