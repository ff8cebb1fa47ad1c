"""Tables of delimited text: CSV, TSV and similar."""

import csv
import os
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from ..errors import ConfigError, operation
from .data import Data, Path
from .lines import Lines, Steps, shown

_DELIMITERS = ",;\t|"
_DATES = ("date", "datetime", "day", "ds", "hour", "index", "month", "time", "timestamp", "week",
          "year")  # fmt: skip

Column = str | int


@operation
def read_table(
    path: Path,
    *,
    label: Column | None = None,
    sequence: Column | None = None,
    columns: Sequence[Column] | None = None,
    text: Column | None = None,
    per_step: bool = False,
    header: bool | None = None,
    delimiter: str | None = None,
) -> Data:
    """Read sequences and their labels from a table.

    With `sequence`, rows with the same entry in that column are the time steps of one sequence, in
    their order. Without it, each row is a sequence, whose steps are the row's values (one feature);
    with `per_step`, the whole table is one sequence.

    Parameters
    ----------
    path : path-like
    label : str or int, optional
        Column of the labels. A column is given by its name in the header or its number from 0;
        negative numbers count from the end.
    sequence : str or int, optional
        Column that identifies the sequence of each row.
    columns : sequence of str or int, optional
        Columns of numbers. Default: all columns that are not named elsewhere.
    text : str or int, optional
        Column with text instead of numbers: a word, where rows are steps.
    per_step : bool
        Each step has its own label; otherwise all steps of a sequence have the same label.
    header : bool, optional
        Whether the first row names the columns. Default: whether none of its fields is a number.
    delimiter : str, optional
        One character. Default: a tab in files that end in .tsv or .tab, otherwise the one of
        ``, ; | tab`` that is most frequent in the first line. Fields may be quoted by ``"``, except
        in tables with tabs.

    Returns
    -------
    Data
        X : list of ndarray of float32, shape (T, columns), or of str or lists of str;
        y : list of str, of list of str, or None.

    Raises
    ------
    DataError
        The file cannot be read; a row has another number of fields than the first; a column does
        not exist; a value is missing or not a number; the steps of a sequence have different
        labels.
    ConfigError
        Options contradict one another.
    """
    if text is not None and columns is not None:
        raise ConfigError("columns and text are both given; expected one of them.")
    table = _Table(path, header, delimiter)
    at_label, at_sequence, at_text = map(table.find, (label, sequence, text))
    special = {at for at in (at_label, at_sequence, at_text) if at is not None}
    chosen = [] if text is not None else table.choose(columns, special)
    sequences: dict[str | int, Any] = {}
    labels: dict[str | int, list[str]] = {}
    for k, row in enumerate(table):
        key = table.entry(row, at_sequence) if at_sequence is not None else 0 if per_step else k
        if key not in sequences:
            sequences[key] = Steps(len(chosen)) if at_text is None else []
        step = table.numbers(row, chosen) if at_text is None else table.entry(row, at_text)
        sequences[key].append(step)
        if at_label is None:
            continue
        own, entry = labels.setdefault(key, []), table.entry(row, at_label)
        if not own or per_step:
            own.append(entry)
        elif entry != own[0]:
            table.lines.refuse(
                f"labels {shown(str(key))} {shown(entry)}", f"{shown(own[0])}, as its steps before"
            )
    X = [steps if at_text is not None else steps.array() for steps in sequences.values()]
    if sequence is None and not per_step:  # a row is a sequence
        X = [steps[0] if at_text is not None else steps.reshape(-1, 1) for steps in X]
    y = [own if per_step else own[0] for own in labels.values()]
    return Data(X, None if label is None else y, tuple(table.names[at] for at in chosen))


@operation
def read_series(
    path: Path,
    *,
    columns: Sequence[Column] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
) -> Data:
    """Read time series from a table: one series in each column, one time step in each row.

    Parameters
    ----------
    path : path-like
    columns : sequence of str or int, optional
        As in `read_table`. Default: all, except a first column of dates, which is one whose first
        entry is not a number or whose name is date, datetime, day, ds, hour, index, month, time,
        timestamp, week or year.
    header, delimiter
        As in `read_table`.

    Returns
    -------
    Data
        X : list of one ndarray of float32, shape (T, series); y : None.

    Raises
    ------
    DataError
        As in `read_table`.
    """
    table = _Table(path, header, delimiter)
    dates = table.names[0].lower() in _DATES or not _is_number(table.first[0])
    chosen = table.choose(columns, {0} if dates and columns is None else set())
    steps = Steps(len(chosen))
    for row in table:
        steps.append(table.numbers(row, chosen))
    return Data([steps.array()], None, tuple(table.names[at] for at in chosen))


class _Table:
    """The rows of a table, at least one, all of the same length, and the names of the columns."""

    def __init__(self, path, header, delimiter):
        self.lines = Lines(path)
        source = iter(self.lines)
        head = next((line for line in source if line.strip()), None)
        if head is None:
            self.lines.refuse_file("is empty", "a table")
        delimiter = _delimiter(path, head) if delimiter is None else delimiter
        if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
            raise ConfigError(f"delimiter is {delimiter!r}; expected one character.")
        quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
        text = (line + "\n" for line in chain([head], source))
        self._rows = csv.reader(text, delimiter=delimiter, quoting=quoting, strict=True)
        self._count = 0
        self.first = self._read()
        self._named = not any(map(_is_number, self.first)) if header is None else header
        self.names = [f"column {k}" for k in range(len(self.first))]
        if self._named:
            self.names = [name.strip() for name in self.first]
            self.first = self._read()
        if not self.first:
            self.lines.refuse_file("holds no row", "at least one, beside the columns' names")

    def __iter__(self) -> Iterator[list[str]]:
        row = self.first
        while row:
            yield row
            row = self._read()

    def _read(self):
        """Return the next row that is not blank; an empty row at the end."""
        try:
            row = next((r for r in self._rows if len(r) > 1 or (r and r[0].strip())), [])
        except csv.Error as error:
            self.lines.refuse(
                f"is not a row of a table ({error})", "fields quoted as in CSV, or not"
            )
        self._count = self._count or len(row)
        if row and len(row) != self._count:
            self.lines.refuse(f"has {len(row)} fields", f"{self._count}, as in the first row")
        return row

    def find(self, column: Column | None) -> int | None:
        """Return the index of a column that is given by name or number."""
        if column is None:
            return None
        if isinstance(column, str) and self._named and self.names.count(column) == 1:
            return self.names.index(column)
        whole = isinstance(column, int) or re.fullmatch("-?[0-9]{1,9}", column)
        if whole and -self._count <= int(column) < self._count:
            return int(column) % self._count
        what = ", ".join(map(_bare, self.names[:20])) + ", ..." * (self._count > 20)
        self.lines.refuse_file(f"has the columns {what}", f"{shown(str(column))} once among them")

    def choose(self, columns: Sequence[Column] | None, special: set[int]) -> list[int]:
        """Return the indices of the columns of numbers."""
        if columns is None:
            chosen = [at for at in range(self._count) if at not in special]
        else:
            columns = [columns] if isinstance(columns, str | int) else columns
            chosen = [at for column in columns if (at := self.find(column)) is not None]
        if both := special.intersection(chosen):
            self.lines.refuse_file(
                f"has {_bare(self.names[min(both)])} among the columns of numbers", "it named once"
            )
        if not chosen:
            self.lines.refuse_file("leaves no column of numbers", "at least one")
        return chosen

    def numbers(self, row: list[str], chosen: list[int]) -> list[float]:
        """Return the numbers in these columns."""
        return [self.lines.float32(row[at], self.names[at]) for at in chosen]

    def entry(self, row: list[str], at: int) -> str:
        """Return the text in a column; raise where it is empty."""
        if not (text := row[at].strip()):
            self.lines.refuse(f"has nothing in {_bare(self.names[at])}", "an entry in every row")
        return text


def _bare(name):
    return shown(name, 60, "")


def _delimiter(path, head):
    if os.fspath(path).lower().endswith((".tsv", ".tab")):
        return "\t"
    bare = re.sub('"[^"]*"', "", head)
    return max(_DELIMITERS, key=bare.count)  # the first one where none occurs


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True
