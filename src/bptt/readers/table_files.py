"""Files of tables: text, Parquet, Arrow and Excel, told apart and opened."""

import contextlib
import os
from typing import Literal

from .. import extras
from ..errors import ConfigError
from .data import Path
from .numerals import Numerals
from .packed import ZIP, suffix_of
from .table_base import Table
from .text_tables import ExcelTable, TextTable
from .typed_tables import TypedTable

TableFormat = Literal["csv", "tsv", "parquet", "arrow", "excel"]
FORMATS: dict[str, tuple[str, ...]] = {
    "csv": (".csv", ".txt", ".dat", ".data"),
    "tsv": (".tsv", ".tab"),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather", ".ipc"),
    "excel": (".xlsx", ".xlsm", ".xls", ".ods"),
}
TYPED = ("parquet", "arrow")  # the columns have names and types
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def format_of(path: Path) -> str | None:
    """Return the format of a table by its first bytes or its suffix; None if neither says it."""
    head = b""
    with contextlib.suppress(OSError, ValueError):
        if os.path.isfile(path):  # a pipe can be read once
            with open(path, "rb") as file:
                head = file.read(8)
    suffix = suffix_of(path)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1") or (suffix in FORMATS["arrow"] and head):
        return "arrow"
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
) -> Table:
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
    check_layout(format, encoding, separator, decimal, thousands, header)
    if format in TYPED:
        return TypedTable(path, pd, numerals)
    if format == "excel":
        return ExcelTable(path, pd, header, numerals)
    if separator is None and (format == "tsv" or suffix_of(path) in FORMATS["tsv"]):
        separator = "\t"
    return TextTable(path, pd, encoding, separator, header, numerals)


def check_layout(
    format: str,
    encoding: str | None,
    separator: str | None,
    decimal: str,
    thousands: str | None,
    header: bool | None,
) -> None:
    """Refuse options of texts for a file that is none.

    Raises
    ------
    ConfigError
    """
    if format not in (*TYPED, "excel"):
        return
    given = {"encoding": encoding, "separator": separator, "thousands": thousands}
    given["decimal"] = None if decimal == "." else decimal
    for name, value in given.items():
        if value is not None:
            raise ConfigError(f"{name} is {value!r}; expected it left out, for a {format} file.")
    if format in TYPED and header is False:
        raise ConfigError(f"header is False; expected None: an {format} file names its columns.")
