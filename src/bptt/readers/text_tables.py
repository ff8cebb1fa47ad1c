"""Tables in text files, and workbooks read as such: the cells are read with pandas."""

import codecs
import csv
import io
import os

import numpy as np

from ..errors import ConfigError, DataError
from .encodings import decode
from .layout import SPACES, Layout, Refused, body, has_header, sep_line, sniff
from .lines import shown
from .packed import read_bytes
from .table_base import Table
from .typed_tables import excel

_SAMPLE_ROWS = 20


class TextTable(Table):
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
        if data.startswith(codecs.BOM_UTF8):  # pandas would drop it: there it is a character
            data = b"\n" + data
        try:
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
        except self._pd.errors.ParserError as error:
            raise DataError(
                f"{self.name}, from line {layout.line(first)} on: {str(error).strip()}; expected "
                f"as many fields in every row as in the first."
            ) from None
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
        """Return where a row is, counted from 0: "line 7"."""
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


class ExcelTable(TextTable):
    """The first sheet of a workbook: its cells as text."""

    def __init__(self, path, pd, header, numerals):
        self._path = path
        super().__init__(path, pd, None, ",", header, numerals)

    def _content(self, path, encoding):
        data, self._numbers, notes = excel(self._pd, path)
        self.notes += notes
        return data

    def line(self, row: int) -> str:
        """Return where a row is in the sheet: "row 7"."""
        return f"row {self._numbers[row + self._first]}"
