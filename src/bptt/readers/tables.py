"""Tables, read with pandas: CSV, TSV and similar, Parquet, Arrow, Excel."""

from collections.abc import Sequence
from inspect import unwrap
from typing import Any, Literal

from ..errors import ConfigError, DataError, operation
from .columns import Column
from .data import Data, Path
from .frames import sequences_of_frame, series_of_frame
from .list_columns import is_list_column, sequences_of_lists
from .table_base import Table
from .table_files import TableFormat, open_table

Columns = str | int | Sequence[Column]


@operation
def read_frame(
    path: Path,
    *,
    format: TableFormat | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    decimal: Literal[".", ","] = ".",
    thousands: str | None = None,
    header: bool | None = None,
) -> Any:
    """Read a table into a data frame.

    A column becomes numbers if every entry is a decimal number or missing: empty, ?, NA, N/A, NaN,
    null or None. A column in which a number begins with a needless 0 remains text, as all others:
    these are names.

    Parameters
    ----------
    path : path-like
        The file may be packed by gzip, bzip2, xz or zip.
    format : {"csv", "tsv", "parquet", "arrow", "excel"}, optional
        Default: found by the name's suffix and the first bytes. "csv" stands for all tables in
        text, "tsv" for those with tabs.
    encoding : str, optional
        Of a text without a byte-order mark. Default: UTF-8.
    separator : str, optional
        One ASCII character, or " " for columns aligned by spaces. Default: named by a first line
        such as ``sep=;``; a tab in files that end in .tsv or .tab; otherwise the one of tab,
        ``;``, ``|``, ``,`` and spaces that divides all rows alike.
    decimal : {".", ","}
        Decimal mark of the numbers.
    thousands : str, optional
        Character between groups of three digits. Default: none.
    header : bool, optional
        Whether the first row names the columns. Default: yes, unless it holds numbers alone or
        fields of the same kinds (number, date, text) as the rows below.

    Returns
    -------
    pandas.DataFrame
        ``attrs["notes"]`` is a tuple of sentences: what was left out or guessed.

    Raises
    ------
    DataError
        The file cannot be read, or rows have different numbers of fields.
    ConfigError
        pandas is not installed; or an option does not make sense.
    """
    options = (encoding, separator, decimal, thousands, header)
    return open_table(path, format, *options).every_column()


@operation
def read_table(
    path: Path,
    *,
    label: Column | None = None,
    sequence: Column | None = None,
    columns: Columns | None = None,
    text: Column | None = None,
    time: Column | None = None,
    per_step: bool = False,
    format: TableFormat | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    decimal: Literal[".", ","] = ".",
    thousands: str | None = None,
    header: bool | None = None,
) -> Data:
    """Read sequences and their labels from a table.

    With `sequence`, rows with the same entry in that column are the time steps of one sequence, in
    their order or that of their times. Without it, each row is a sequence, whose steps are the
    row's values (one feature); missing values at its end are not part of it. With `per_step`, the
    whole table is one sequence.

    Parameters
    ----------
    path : path-like
    label : str or int, optional
        Column of the labels. A column is given by its name in the header or its number from 0;
        negative numbers count from the end. A name that is a number is a name first.
    sequence : str or int, optional
        Column that identifies the sequence of each row. In a column in which each entry occurs
        once, an empty entry continues the sequence above. A column of lists (Parquet, Arrow) holds
        a whole sequence in each row; one that is called `sequence` is found.
    columns : str, int or sequence of them, optional
        Columns of numbers. A str is one name, or several separated by commas and quoted by ``"``
        where needed. Default: all columns that are not named elsewhere and no index.
    text : str or int, optional
        Column with text instead of numbers: a word, where rows are steps.
    time : str or int, optional
        Column of the times of the steps.
    per_step : bool
        Each step has its own label; otherwise all steps of a sequence have the same label.
    format, encoding, separator, decimal, thousands, header
        As in `read_frame`.
    static : str, int or sequence of them, optional
        Columns with one value for each series, numbers or texts. They are no values.

    Returns
    -------
    Data
        X : list of ndarray of float64, shape (T, columns), NaN where a value is missing; or of str
        or lists of str. y : list of str, of list of str, or None.

    Raises
    ------
    DataError
        As in `read_frame`; a column does not exist; an entry is not a number; the steps of a
        sequence have different labels.
    ConfigError
        Options contradict one another, or pandas is not installed.
    """
    options = (encoding, separator, decimal, thousands, header)
    table = open_table(path, format, *options)
    return sequences_of_table(table, label, sequence, columns, text, time, per_step)


def sequences_of_table(
    table: Table,
    label: Column | None,
    sequence: Column | None,
    columns: Columns | None,
    text: Column | None,
    time: Column | None,
    per_step: bool,
) -> Data:
    """Return what `read_table` does, of a table that is open."""
    if text is not None and columns is not None:
        raise ConfigError("columns and text are both given; expected one of them.")
    if text is None and columns is None and is_list_column(table, sequence):
        return sequences_of_lists(table, label, sequence)
    chosen = None if columns is None else table.several(columns)
    marked = {"label": label, "group": sequence, "text": text, "time": time}
    places = {name: table.find(column) for name, column in marked.items()}
    as_text = {at for name, at in places.items() if name != "time" and at is not None}
    times = frozenset() if places["time"] is None else frozenset({places["time"]})
    frame = table.frame(as_text, chosen, text is None, times)
    given = {name: table.position(at) for name, at in places.items()}
    selected = None if chosen is None else [table.position(at) for at in chosen]
    sequences_of = unwrap(sequences_of_frame)
    data = _data(table, sequences_of, frame, columns=selected, per_step=per_step, **given)
    at = places["label"]
    return data if at is None else data.but(label_name=table.shown(at))


@operation
def read_series(
    path: Path,
    *,
    columns: Columns | None = None,
    sequence: Column | None = None,
    time: Column | None = None,
    fill_gaps: bool = False,
    format: TableFormat | None = None,
    encoding: str | None = None,
    separator: str | None = None,
    decimal: Literal[".", ","] = ".",
    thousands: str | None = None,
    header: bool | None = None,
    static: Columns | None = None,
) -> Data:
    """Read time series from a table: a value of the series in each column, a time step in each row.

    Parameters
    ----------
    path : path-like
    columns : str, int or sequence of them, optional
        As in `read_table`. Default: all except the times and a first column that numbers the rows.
    sequence : str or int, optional
        Column of the series' ids, in a table of several series below one another. It is found where
        the columns are called `unique_id` and `ds`.
    time : str or int, optional
        Column of the times. Default: found by dates in it, or by its name.
    fill_gaps : bool
        Insert rows of missing values where times are missing.
    format, encoding, separator, decimal, thousands, header
        As in `read_frame`.
    static : str, int or sequence of them, optional
        Columns with one value for each series, numbers or texts. They are no values.

    Returns
    -------
    Data
        X : list of ndarray of float64, shape (T, columns), NaN where a value is missing, with
        their times as `index`; y : None.

    Raises
    ------
    DataError
        As in `read_table`; a time occurs twice.
    ConfigError
        As in `read_table`.
    """
    options = (encoding, separator, decimal, thousands, header)
    table = open_table(path, format, *options)
    return series_of_table(table, columns, sequence, time, fill_gaps, static)


def series_of_table(
    table: Table,
    columns: Columns | None,
    sequence: Column | None,
    time: Column | None,
    fill_gaps: bool,
    static: Columns | None = None,
) -> Data:
    """Return what `read_series` does, of a table that is open."""
    chosen = None if columns is None else table.several(columns)
    places = {"group": table.find(sequence), "time": table.find(time)}
    own = [] if static is None else table.several(static)
    frame = table.series_frame(places["group"], places["time"], chosen, frozenset(own))
    given = {name: table.position(at) for name, at in places.items()}
    selected = None if chosen is None else [table.position(at) for at in chosen]
    series_of = unwrap(series_of_frame)
    once = [table.position(at) for at in own]
    return _data(
        table, series_of, frame, columns=selected, fill_gaps=fill_gaps, static=once, **given
    )


def _data(table, read, frame, **options) -> Data:
    """Return what a function makes of a frame; errors name the file."""
    try:
        data = read(frame, **options)
    except DataError as error:
        raise DataError(f"{table.name}: {error}") from error
    return data.but(notes=(*table.notes, *data.notes))
