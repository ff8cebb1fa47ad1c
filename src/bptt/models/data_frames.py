"""Data frames as X: which columns are features, and which are not.

Data frames of pandas, polars and pyarrow are recognized by their methods: none of these packages is
imported unless the caller has imported it.
"""

import inspect
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from .. import extras
from ..checks import is_whole, suggestion
from ..errors import ConfigError, ShapeError
from ..readers import Data
from ..readers.columns import Columns
from ..readers.frames import sequences_of_frame
from .names import changes

Name = str | int  # of a column; pandas allows numbers too
_read = inspect.unwrap(sequences_of_frame)  # errors get the name of the model's method
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
    text : str or int, optional
        Words or texts, read instead of numbers.
    """

    group: Name | None = None
    time: Name | None = None
    label: Name | None = None
    text: Name | None = None

    @classmethod
    def of(cls, X: Any, y: Any = None, group: Any = None, time: Any = None) -> Self:
        """Return the columns that a user names in a call of `fit`.

        Raises
        ------
        ConfigError
            X is no data frame, or does not have them.
        """
        table = None if isinstance(X, Data) else as_frame(X)
        if table is None:
            for role, name in {"group": group, "time": time}.items():
                if name is not None:
                    raise ConfigError(
                        f"{role} is {name!r}, and X is a {type(X).__name__}; expected a data frame."
                    )
            return cls.of_data(X) if isinstance(X, Data) else cls()
        check_frame(table)
        table = with_index(table, group, time)
        group, time = (
            name if name is None else find_column(table, name, role)
            for name, role in ((group, "group"), (time, "time"))
        )
        label = find_column(table, y, "y") if isinstance(y, str) else None
        name = getattr(y, "name", None)
        if name is not None and name in list(table.columns) and table[name].equals(y):
            label = name  # fit(df, df["label"])
        features = [c for c in table.columns if c not in (group, time, label)]
        return cls(group, time, label, _text_column(table, features, cls()))

    @classmethod
    def of_data(cls, data: Data) -> Self:
        """Return the columns that a reader found: those of later data frames, too."""
        has_steps = (
            data.columns and np.ndim(data.X[0]) == 2 and len(data.columns) == len(data.X[0].T)
        )
        return cls(data.ids_name if has_steps else None, None, data.label_name)

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


def with_index(table: Any, group: Name | None, time: Name | None) -> Any:
    """Return a data frame whose index is a column, if it is the group or holds times."""
    names = list(table.index.names)
    wanted = [name for name in (group, time) if name is not None and name in names]
    if wanted and not set(wanted) & set(table.columns):
        return table.reset_index(level=wanted).reset_index(drop=True)
    dates = getattr(table.index.dtype, "kind", "") == "M"  # `sequences_of_frame` finds them
    return table if dates and group is not None else table.reset_index(drop=True)


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
    own = {_id(value): value for value in table[group].dropna().drop_duplicates()}
    return pd.Index([own.get(name, name) for name in ids], name=group)


def _id(value):
    """Return an id as text, as `sequences_of_frame` writes it."""
    is_whole_float = isinstance(value, float) and value.is_integer()
    return str(int(value) if is_whole_float else value).strip()


def of_rows(table, y, frame, names, labeled):
    """Read a wide data frame: each row is a sequence, each column a time step, or it is a text."""
    ids = None if table.index.name is None else [str(i) for i in table.index]
    table = table.reset_index(drop=True)
    label = frame.label if frame.label in list(table.columns) else None
    if label is not None and not (labeled and _is_named(y, label)):
        table, label = table.drop(columns=[label]), None
    columns = [c for c in table.columns if c != label]
    text = _text_column(table, columns, frame)
    if text is None:
        columns = list(names) if set(names) == set(columns) else columns
    data = _read(table, label=label, text=text, columns=columns if text is None else None)
    notes = _notes(table, data, frame, text, names)
    return data.but(
        y=data.y if label is not None else y,
        columns=_known_names(table, data),
        ids=ids,
        notes=notes,
    )


def of_steps(table, y, frame, names, labeled, per_step):
    """Read a long data frame: each row is a time step."""
    group, label = find_column(table, frame.group, "group"), frame.label
    if label is not None and label in list(table.columns):
        if labeled and _is_named(y, label):
            y = None
        else:
            table, label = table.drop(columns=[label]), None
    else:
        label = None
    if y is not None and _is_of_rows(table, y, group, per_step):
        table, label, y = table.assign(**{_TARGET: np.asarray(y)}), _TARGET, None
    roles = (group, label, frame.time)
    columns = [c for c in table.columns if c not in roles]
    text = _text_column(table, columns, frame)
    data = _read(
        table,
        group=group,
        label=label,
        text=text,
        time=frame.time,
        columns=list(names) if names and text is None and set(names) <= set(columns) else None,
        per_step=per_step,
    )
    data = data.but(
        columns=_known_names(table, data), notes=_notes(table, data, frame, text, names)
    )
    return data if y is None else data.but(y=_by_id(table, y, group, data.ids))


def _text_column(table, columns, frame):
    """Return the column of words or texts: the one that `fit` read, or an only one of texts."""
    if frame.text is not None:
        return find_column(table, frame.text, "the column of texts")
    if len(columns) != 1 or not Columns(table[columns]).is_text(0):
        return None
    entries = table[columns[0]].dropna()
    return columns[0] if len(entries) and isinstance(entries.iloc[0], str) else None


def _known_names(table, data):
    """Return the names of the features, if those of the data frame are all str."""
    return data.columns if all(isinstance(c, str) for c in table.columns) else ()


def _notes(table, data, frame, text, names):
    """Return the notes of data: also what was left out, and whether columns were put in order."""
    if not names or text is not None or set(data.columns) != set(names):
        return data.notes
    roles = {frame.group, frame.label, frame.time, data.index_name, data.ids_name, _TARGET}
    own = [c for c in map(str, table.columns) if c not in roles]
    return (*data.notes, *changes(own, names))


def _is_named(y, label):
    """Return whether a target is the column of a data frame that is the label."""
    return y is None or isinstance(y, str) or getattr(y, "name", None) == label


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
