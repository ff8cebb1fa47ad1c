"""A table of a file as data frames: columns found by name, numbers told from text."""

import csv
import re
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from .. import extras
from ..errors import ConfigError, DataError
from .columns import Column, Position
from .lines import shown
from .numerals import Numerals

_IDS = ("unique_id", "item_id")  # columns of names, even if they look like numbers
_TRIED = 1000  # entries in which a number tells a column of numbers from one of text


class Table:
    """A table with named columns.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    names : list of str
        Of the columns; "" where a column has none.
    notes : list of str
    n_rows : int
    """

    name: str
    names: list[str]
    notes: list[str]
    n_rows: int
    numerals: Numerals
    _unnamed = False  # the table has no header

    def find(self, column: Column | None) -> int | None:
        """Return the index of a column that is given by name or number."""
        if column is None:
            return None
        at = self._at(column)
        if at is None:
            self._refuse_column(column)
        return at

    def _at(self, column):
        if isinstance(column, str):
            if self.names.count(column.strip()) == 1 and column.strip():
                return self.names.index(column.strip())
            if not re.fullmatch("-?[0-9]{1,9}", column) or column in self.names:
                return None
        at, n = int(column), len(self.names)
        return at % n if -n <= at < n else None

    def _refuse_column(self, column) -> NoReturn:
        what = ", ".join(self.shown(at) for at in range(min(20, len(self.names))))
        what += f", ... ({len(self.names)} columns)" * (len(self.names) > 20)
        raise DataError(
            f"{self.name} has the columns {what}; expected {shown(str(column))} once among them."
        )

    def several(self, columns: str | int | Sequence[Column]) -> list[int]:
        """Return the indices of columns: a sequence, or names in a str, separated by commas."""
        if isinstance(columns, str):
            exact = self._at(columns)
            parts = [] if exact is not None else next(csv.reader([columns], skipinitialspace=True))
            columns = [columns] if exact is not None else [part.strip() for part in parts]
        elif isinstance(columns, int):
            columns = [columns]
        chosen = [at for column in columns if (at := self.find(column)) is not None]
        if not chosen:
            raise DataError(f"{self.name} leaves no column of numbers; expected at least one.")
        if len(set(chosen)) < len(chosen):
            raise ConfigError(f"columns are {list(columns)}; expected each column once.")
        return chosen

    def shown(self, at: int) -> str:
        """Return the name of a column for a message."""
        return shown(self.names[at], 60, "") or f"column {at}"

    def position(self, at: int | None) -> Position | None:
        """Return the position in `frame` of a column of the table."""
        if at is not None and at not in self._kept:
            raise DataError(
                f"{self.name} has no value in {self.shown(at)}; expected a column with values."
            )
        return None if at is None else Position(self._kept.index(at))

    def frame(
        self,
        as_text: set[int],
        chosen: list[int] | None,
        numbers: bool = True,
        also: frozenset[int] = frozenset(),
        keep: bool = True,
    ) -> Any:
        """Return a data frame; `attrs["origin"]` has the lines of its rows.

        Parameters
        ----------
        as_text : set of int
            Columns whose entries remain text.
        chosen : list of int, optional
            Columns that must hold numbers. Default: a column in which a number is found first.
        numbers : bool
            False: read the columns of `as_text` and `also` only.
        also : set of int
        keep : bool
            False: a column of `as_text` without name and value is left out like others.
        """
        pd = extras.load("pandas", extra="tables", why="to read tables")
        if chosen is not None and (both := as_text.intersection(chosen)):
            raise DataError(
                f"{self.name} has {self.shown(min(both))} among the columns of numbers; expected "
                f"it named once."
            )
        wanted = list(range(len(self.names))) if numbers else sorted(as_text | also)
        read = self._columns(wanted, as_text, chosen)
        asked = {*as_text, *also, *(chosen or ())} if keep else set()
        self._kept = [
            at for at in wanted if at in asked or self.names[at] or not _is_empty(read[at])
        ]
        if self._unnamed and len(self._kept) > 1:
            last = self._kept[-1]
            if last not in asked and _is_empty(read[last]):
                self._kept.pop()
        if not self._kept:
            raise DataError(f"{self.name} has no value in its columns; expected some.")
        if gone := [at for at in wanted if at not in self._kept]:
            one = len(gone) == 1
            self.notes.append(
                f"{', '.join(self.shown(at) for at in gone[:5])}{', ...' * (len(gone) > 5)} "
                f"{'has' if one else 'have'} no name and no value and {'is' if one else 'are'} "
                f"left out."
            )
        result = pd.concat([read[at] for at in self._kept], axis=1)
        names = self.names
        result.columns = pd.Index(
            [names[at] or f"Unnamed: {at}" for at in self._kept], dtype=object
        )
        result.attrs["origin"] = Origin(self)
        return result

    def holds_lists(self, at: int) -> bool:
        """Return whether the entries of a column are lists; those of texts are not."""
        return False

    def entries(self, at: int) -> list[Any]:
        """Return the entries of a column as they are in the file, None where they are missing."""
        raise NotImplementedError

    def series_frame(
        self,
        group: int | None,
        time: int | None,
        chosen: list[int] | None,
        static: frozenset[int] = frozenset(),
    ) -> Any:
        """Return a data frame of series; their ids are text, and static columns if not numbers."""
        as_text = {at for at, name in enumerate(self.names) if name in _IDS}
        as_text = as_text - set(chosen or ()) if group is None else {group}
        result = self.frame(as_text | static, chosen)
        for at in static.intersection(self._kept):
            k = self._kept.index(at)
            values = self._faithful(result.iloc[:, k])
            if values is not None:
                result.isetitem(k, values)
        return result

    def every_column(self) -> Any:
        """Return a data frame of all columns: numbers where nothing is lost by it."""
        texts = set(range(len(self.names)))
        result = self.frame(texts, None, keep=False)
        for k in range(len(self._kept)):
            values, column = self._faithful(result.iloc[:, k]), result.iloc[:, k]
            if values is None:
                values = [str(text).strip() or np.nan for text in column]
            result.isetitem(k, values)
        result.attrs = {"notes": tuple(self.notes)}
        return result

    def _faithful(self, column):
        """Return a column of text as numbers; None if it is not all numbers, or names."""
        texts = [str(text).strip() for text in column]
        values, bad = self.numerals.read(texts)
        if bad is not None or np.isnan(values).all() or any(map(_is_name, texts)):
            return None
        whole = all(re.fullmatch("[+-]?[0-9]{1,18}", text) for text in texts)
        return np.array(list(map(int, texts))) if whole else values

    # -- what each kind of file defines ------------------------------------------------------

    def line(self, row: int) -> str:
        """Return where a row is, counted from 0: "line 7"."""
        return f"row {row + 1}"

    def _columns(
        self, wanted: list[int], as_text: set[int], chosen: list[int] | None
    ) -> dict[int, Any]:
        """Return columns as pandas.Series: numbers, or text."""
        raise NotImplementedError

    def _as_numbers(self, at: int, texts: Any, must: bool) -> Any:
        """Return a column of text as numbers if it holds numbers; raise where one is wrong."""
        pd = extras.load("pandas", extra="tables", why="to read tables")
        values, bad = self.numerals.read(texts)
        if bad is None:
            return pd.Series(values)
        text = texts[bad]
        if must or self.numerals.is_like(text) or any(map(self.numerals.is_number, texts[:_TRIED])):
            raise DataError(
                f"{self.name}, {self.line(bad)} has {shown(text.strip())} in {self.shown(at)}; "
                f"expected {self.numerals.expected(text)}."
            )
        return pd.Series([text.strip() or None for text in texts], dtype=object)


class Origin:
    """Where the rows of a data frame are in a file, for messages; pandas copies it often."""

    def __init__(self, table: Table):
        self._table = table

    def __deepcopy__(self, memo: Any) -> "Origin":
        return self

    def line(self, row: int) -> str:
        """Return where a row is, counted from 0: "line 7"."""
        return self._table.line(row)


def _is_empty(column):
    """Return whether a column holds nothing; spaces are nothing."""
    empty = column.isna()
    if not empty.all() and column.dtype.kind not in "iufbM":
        empty |= column.astype(str).str.strip() == ""
    return bool(empty.all())


def _is_name(text):
    return re.match(r"[+-]?0[0-9]", text) is not None
