"""Files of tables that are no text: Parquet and Excel."""

import csv
import datetime
import io
import os
from typing import Any

from .. import extras
from ..errors import DataError
from .data import Path
from .encodings import MAX_FILE
from .lines import shown
from .packed import suffix_of
from .table_base import Table

_ENGINES = {".xls": "xlrd", ".ods": "odf"}  # others: openpyxl


def parquet(pd: Any, path: Path) -> Any:
    """Return the data frame of a Parquet file; a meaningful index is the first column.

    Raises
    ------
    DataError, ConfigError
    """
    extras.load("pyarrow", extra="arrow", why="to read Parquet")
    frame = _read(path, "Parquet", lambda file: pd.read_parquet(file, engine="pyarrow"))
    if not isinstance(frame.index, pd.RangeIndex) or frame.index.name is not None:
        frame = frame.reset_index()
    return frame


def excel(pd: Any, path: Path) -> tuple[bytes, list[int], list[str]]:
    """Return the first sheet of a workbook as CSV, its row numbers, and notes.

    Raises
    ------
    DataError, ConfigError
    """
    engine = _ENGINES.get(suffix_of(path), "openpyxl")
    extras.load(engine, extra="excel", why="to read Excel files")
    sheets: dict[str, Any] = _read(
        path,
        "an Excel workbook",
        lambda file: pd.read_excel(
            file, sheet_name=None, header=None, dtype=object, keep_default_na=False,
            na_filter=False, engine=engine,
        ),
    )  # fmt: skip
    (name, sheet), *others = sheets.items()
    notes = []
    if others:
        names = ", ".join(shown(other[0]) for other in others[:5]) + ", ..." * (len(others) > 5)
        notes.append(f"The sheet {shown(name)} is read; {names} left out.")
    text, numbers = io.StringIO(), []
    writer = csv.writer(text, lineterminator="\n")
    for number, row in enumerate(sheet.itertuples(index=False, name=None), start=1):
        cells = [_cell(value) for value in row]
        if any(cells):
            numbers.append(number)
            writer.writerow(cells)
    return text.getvalue().replace("\r\n", "\n").replace("\r", "\n").encode(), numbers, notes


def _cell(value):
    """Return a cell as text."""
    if value is None or value != value:
        return ""
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ").removesuffix(" 00:00:00")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _read(path, what, read):
    name = shown(os.fspath(path), 300, "")
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_FILE:
                raise DataError(f"{name} is too long; expected a file of at most {MAX_FILE} bytes.")
            return read(file)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # these packages raise whatever a damaged file leads to
        reason = getattr(error, "strerror", None) or shown(str(error), 120, "")
        raise DataError(f"cannot read {name} as {what}: {reason}.") from error


class TypedTable(Table):
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
        """Return the file's own data frame."""
        self._frame.attrs = {"notes": ()}
        return self._frame


def _plain(value):
    """Return a number as text: a whole one without a fraction, a missing one as None."""
    if value is None or value != value:
        return None
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)
