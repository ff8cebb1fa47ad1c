"""Files of tables: text, Parquet and Excel, opened and read column by column with pandas."""

import csv
import io
import os
import re
from collections.abc import Sequence
from typing import Any, Literal, NoReturn

import numpy as np

from .. import extras
from ..errors import ConfigError, DataError
from .columns import Column, Position
from .data import Path
from .encodings import decode
from .layout import SPACES, Layout, Refused, body, has_header, sep_line, sniff
from .lines import shown
from .numerals import Numerals
from .packed import ZIP, read_bytes, suffix_of
from .typed_tables import excel, parquet

TableFormat = Literal["csv", "tsv", "parquet", "excel"]
FORMATS: dict[str, tuple[str, ...]] = {
    "csv": (".csv", ".txt", ".dat", ".data"),
    "tsv": (".tsv", ".tab"),
    "parquet": (".parquet", ".pq"),
    "excel": (".xlsx", ".xlsm", ".xls", ".ods"),
}
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_IDS = ("unique_id", "item_id")  # columns of names, even if they look like numbers
_SAMPLE_ROWS = 20
_TRIED = 1000  # entries in which a number tells a column of numbers from one of text


def format_of(path: Path) -> str | None:
    """Return the format of a table by its first bytes or its suffix; None if neither says it."""
    try:
        with open(path, "rb") as file:
            head = file.read(8)
    except (OSError, ValueError):
        head = b""
    suffix = suffix_of(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head == _OLD_EXCEL or (head.startswith(ZIP) and b"xl/" in _members(path)):
        return "excel"
    return next((name for name, own in FORMATS.items() if suffix in own), None)


def _members(path):
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(-min(file.tell(), 2**16), os.SEEK_END)
        return file.read()  # the directory of a zip file is at its end


def open_table(
    path: Path,
    format: str | None,
    encoding: str | None,
    separator: str | None,
    decimal: str,
    thousands: str | None,
    header: bool | None,
) -> "Table":
    """Open a table: find its format, layout and names, but do not read its columns yet.

    Raises
    ------
    DataError, ConfigError
        As in `read_frame`.
    """
    if format is not None and format not in FORMATS:
        raise ConfigError(f"format is {format!r}; expected one of {', '.join(FORMATS)}.")
    numerals = Numerals(decimal, thousands)
    pd = extras.load("pandas", extra="tables", why="to read tables")
    format = format or format_of(path) or "csv"
    if format in ("parquet", "excel"):
        given = {"encoding": encoding, "separator": separator, "thousands": thousands}
        given["decimal"] = None if decimal == "." else decimal
        for name, value in given.items():
            if value is not None:
                raise ConfigError(
                    f"{name} is {value!r}; expected it left out, for a {format} file."
                )
    if format == "parquet":
        if header is False:
            raise ConfigError("header is False; expected None: a Parquet file names its columns.")
        return _Typed(path, pd, numerals)
    if format == "excel":
        return _Excel(path, pd, header, numerals)
    if separator is None and (format == "tsv" or suffix_of(path) in FORMATS["tsv"]):
        separator = "\t"
    return _Text(path, pd, encoding, separator, header, numerals)


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
        return None if at is None else Position(self._kept.index(at))

    def frame(
        self,
        as_text: set[int],
        chosen: list[int] | None,
        numbers: bool = True,
        also: frozenset[int] = frozenset(),
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
        """
        pd = extras.load("pandas", extra="tables", why="to read tables")
        if chosen is not None and (both := as_text.intersection(chosen)):
            raise DataError(
                f"{self.name} has {self.shown(min(both))} among the columns of numbers; expected "
                f"it named once."
            )
        wanted = list(range(len(self.names))) if numbers else sorted(as_text | also)
        read = self._columns(wanted, as_text, chosen)
        self._kept = [at for at in wanted if self.names[at] or not _is_empty(read[at])]
        if self._unnamed and len(self._kept) > 1 and _is_empty(read[self._kept[-1]]):
            self._kept.pop()
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

    def series_frame(self, group: int | None, time: int | None, chosen: list[int] | None) -> Any:
        """Return a data frame of series; their ids are text."""
        as_text = {at for at, name in enumerate(self.names) if name in _IDS}
        as_text = as_text - set(chosen or ()) if group is None else {group}
        return self.frame(as_text, chosen)

    def every_column(self) -> Any:
        """Return a data frame of all columns: numbers where nothing is lost by it."""
        texts = set(range(len(self.names)))
        result = self.frame(texts, None)
        for k in range(len(self._kept)):
            values, column = self._faithful(result.iloc[:, k]), result.iloc[:, k]
            if values is None:
                values = [str(text).strip() or None for text in column]
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


class _Text(Table):
    """A table in a text file."""

    def __init__(self, path, pd, encoding, separator, header, numerals):
        self.name, self.numerals, self._pd = shown(os.fspath(path), 300, ""), numerals, pd
        self.notes: list[str] = []
        self._data, first = self._content(path, encoding), 1
        if (own := sep_line(self._data)) and separator in (None, own[0]):
            separator, end = own
            self._data, first = self._data[end:], 2
        if not self._data.strip():
            raise DataError(f"{self.name} is empty; expected a table.")
        sep = sniff(self._data, numerals.decimal) if separator is None else _checked(separator)
        if sep == numerals.decimal or sep == numerals.thousands:
            what = "decimal" if sep == numerals.decimal else "thousands"
            raise ConfigError(f"separator and {what} are both {sep!r}; expected two characters.")
        try:
            self._layout = Layout(self._data, sep, first)
        except Refused as refusal:
            line, what, expected = refusal.args
            raise DataError(f"{self.name}, line {line} {what}; expected {expected}.") from None
        if not self._layout.n_rows:
            raise DataError(f"{self.name} holds no row; expected at least one.")
        self.notes += self._layout.notes
        self._header(header)

    def _content(self, path, encoding):
        """Return the text in UTF-8."""
        return decode(read_bytes(path), self.name, encoding).encode("utf-8", "surrogatepass")

    def _header(self, header):
        layout = self._layout
        sample = [row.tolist() for row in self._parse(0, 1, str).to_numpy()]
        names = [str(name) for name in sample[0]] + [""] * layout.short_header
        rest = min(_SAMPLE_ROWS, layout.n_rows - 1)
        below = self._parse(1, rest, str).to_numpy().tolist() if rest else []
        if header is None:
            header, note = has_header(names, below, self.numerals.decimal)
            self.notes += [note] if note else []
        self._unnamed = not header
        self._first, self.n_rows = int(header), layout.n_rows - header
        self.names = [name.strip() for name in names]
        if not header:
            self.names = [f"column {k}" for k in range(layout.width)]
        if self.n_rows < 1:
            raise DataError(f"{self.name} holds no row; expected at least one, beside the names.")
        twice = [n for k, n in enumerate(self.names) if n and n in self.names[:k]]
        if twice:
            self.notes.append(
                f"{shown(twice[0])} is the name of {self.names.count(twice[0])} columns."
            )
        beyond = layout.short_header and (
            not header or any(text.strip() for text in self._texts(layout.width - 1))
        )
        if beyond:
            raise DataError(
                f"{self.name}, line {layout.line(1)} has {layout.width} fields; expected "
                f"{layout.width - 1}, as in the first row."
            )

    def _parse(self, first, n_rows, dtype=None, columns=None, markers=None):
        """Return rows, counted from 0, as pandas reads them."""
        layout = self._layout
        data = self._data
        if first:
            data = body(data, layout.second or 1)
        result = self._pd.read_csv(
            io.BytesIO(data),
            sep=layout.sep,
            header=None,
            dtype=dtype,
            usecols=columns,
            na_values=markers,
            keep_default_na=False,
            na_filter=markers is not None,
            nrows=n_rows,
            quoting=csv.QUOTE_MINIMAL if layout.quoted else csv.QUOTE_NONE,
            skipinitialspace=True,
            decimal=self.numerals.decimal,
            low_memory=False,
            engine="c",
            encoding="utf-8",
            encoding_errors="surrogatepass",
            **_exact(self._pd),
        )
        if len(result) != n_rows:
            raise DataError(
                f"{self.name} is read as {len(result):,} rows; expected {n_rows:,}, one for each "
                f"line that is not blank."
            )
        return result

    def _texts(self, at):
        result = self._parse(self._first, self.n_rows, str, [at])
        return result[at].tolist()

    def _columns(self, wanted, as_text, chosen):
        free = [at for at in wanted if at not in as_text]
        markers = dict.fromkeys(free, self.numerals.markers)
        result = self._parse(self._first, self.n_rows, dict.fromkeys(as_text, str), wanted, markers)
        read = {at: result[at] for at in wanted}
        for at in free:
            column = read[at]
            sure = column.dtype.kind in "iu" or (
                column.dtype.kind == "f" and bool(np.isfinite(column.to_numpy()).all())
            )
            if not sure or self.numerals.thousands:
                must = chosen is not None and at in chosen
                read[at] = self._lenient(at, must, chosen is not None)
        return read

    def _lenient(self, at, must, others):
        """Return a column that pandas did not read as finite numbers alone."""
        texts = self._texts(at)
        if others and not must:  # not chosen: what it holds does not matter
            values, bad = self.numerals.read(texts)
            return self._pd.Series(values if bad is None else [t.strip() or None for t in texts])
        return self._as_numbers(at, texts, must)

    def line(self, row: int) -> str:
        return f"line {self._layout.line(row + self._first)}"


def _exact(pd):
    """Return the option by which numbers become the nearest float64: the default from 3.1 on."""
    version = tuple(map(int, pd.__version__.split(".")[:2]))
    return {"float_precision": "round_trip"} if version < (3, 1) else {}


def _checked(separator):
    if separator == " ":
        return SPACES
    if not (isinstance(separator, str) and len(separator) == 1 and separator.isascii()):
        raise ConfigError(f"separator is {separator!r}; expected one ASCII character.")
    if separator in '"\r\n\0':
        raise ConfigError(f"separator is {separator!r}; expected another character.")
    return separator


class _Excel(_Text):
    """The first sheet of a workbook: its cells as text."""

    def __init__(self, path, pd, header, numerals):
        self._path = path
        super().__init__(path, pd, None, ",", header, numerals)

    def _content(self, path, encoding):
        data, self._numbers, notes = excel(self._pd, path)
        self.notes += notes
        return data

    def line(self, row: int) -> str:
        return f"row {self._numbers[row + self._first]}"


class _Typed(Table):
    """A file that has the types of its columns."""

    def __init__(self, path, pd, numerals):
        self.name, self.numerals = shown(os.fspath(path), 300, ""), numerals
        self._frame, self.notes = parquet(pd, path), []
        self.names = [str(name) for name in self._frame.columns]
        self.n_rows = len(self._frame)

    def _columns(self, wanted, as_text, chosen):
        read = {at: self._frame.iloc[:, at] for at in wanted}
        for at in as_text.intersection(wanted):
            if read[at].dtype.kind in "iufb":
                read[at] = read[at].map(_plain).astype(object)
        return read

    def every_column(self) -> Any:
        self._frame.attrs = {"notes": ()}
        return self._frame


def _plain(value):
    """Return a number as text: a whole one without a fraction, a missing one as None."""
    if value is None or value != value:
        return None
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)
