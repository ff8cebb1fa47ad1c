"""Files of tables that are no text: Parquet, Arrow and Excel."""

import contextlib
import csv
import datetime
import io
import os
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from .. import extras
from ..errors import DataError
from .data import Path
from .encodings import MAX_FILE
from .lines import shown
from .packed import suffix_of
from .table_base import Table

_ENGINES = {".xls": "xlrd", ".ods": "odf"}  # others: openpyxl


def typed_frame(pd: Any, path: Path) -> Any:
    """Return the data frame of a Parquet or Arrow file; a meaningful index is the first column.

    Raises
    ------
    DataError, ConfigError
    """
    arrow = is_arrow(path)
    pa = extras.load("pyarrow", extra="arrow", why=f"to read {'Arrow' if arrow else 'Parquet'}")
    if arrow:
        frame = _read(path, "Arrow", lambda _: pa.Table.from_batches(arrow_batches(path)))
        frame = frame.to_pandas()
    else:
        frame = _read(path, "Parquet", lambda file: pd.read_parquet(file, engine="pyarrow"))
    if not isinstance(frame.index, pd.RangeIndex) or frame.index.name is not None:
        frame = frame.reset_index()
    return frame


def is_arrow(path: Path) -> bool:
    """Return whether a file is an Arrow file or an Arrow stream, by its first bytes."""
    with contextlib.suppress(OSError, ValueError), open(path, "rb") as file:
        return file.read(6).startswith((b"ARROW1", b"\xff\xff\xff\xff"))
    return False


def arrow_batches(path: Path, size: int = 2**25) -> Iterator[Any]:
    """Yield the rows of a Parquet or Arrow file as batches of pyarrow.

    Parameters
    ----------
    path : path-like
    size : int (bytes)
        Of a batch, about, unpacked.

    Raises
    ------
    DataError, ConfigError
    """
    pa = extras.load("pyarrow", extra="arrow", why="to read Parquet and Arrow")
    with _reasons(path, "Parquet or Arrow"), open(path, "rb") as file:
        head = file.read(6)
        file.seek(0)
        if head.startswith(b"PAR1"):
            parquet = extras.load("pyarrow.parquet", extra="arrow", why="to read Parquet")
            whole = parquet.ParquetFile(
                file, pre_buffer=False
            )  # with it, the memory is not bounded
            groups = (whole.metadata.row_group(k) for k in range(whole.num_row_groups))
            total = sum(group.total_byte_size for group in groups)
            rows = max(1, size * whole.metadata.num_rows // max(1, total))
            yield from whole.iter_batches(batch_size=rows)
            return
        if head == b"ARROW1":
            whole = pa.ipc.open_file(file)
            batches = (whole.get_batch(k) for k in range(whole.num_record_batches))
        else:
            batches = pa.ipc.open_stream(file)
        for batch in batches:
            rows = max(1, size * batch.num_rows // max(1, batch.nbytes))
            yield from (batch.slice(k, rows) for k in range(0, batch.num_rows, rows))


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
    with _reasons(path, what), open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_FILE:
            raise DataError(
                f"{named(path)} is too long; expected a file of at most {MAX_FILE} bytes."
            )
        return read(file)


@contextlib.contextmanager
def _reasons(path, what):
    """Say why a file cannot be read: these packages raise whatever a damaged file leads to."""
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or shown(str(error), 120, "")
        raise DataError(f"cannot read {named(path)} as {what}: {reason}.") from error


def named(path: Path) -> str:
    """Return the name of a file for a message."""
    return shown(os.fspath(path), 300, "")


class TypedTable(Table):
    """A file that has the types of its columns, or a part of one.

    Parameters
    ----------
    path : path-like
    pd : module
        pandas.
    numerals : Numerals
    frame : pandas.DataFrame, optional
        A part of the file.
    lists : dict of str to pyarrow.Array
        Columns of lists of the part, which the frame holds no entries of.
    """

    def __init__(
        self, path, pd, numerals, frame=None, lists: Mapping[str, Any] = MappingProxyType({})
    ):
        self.name, self.numerals = named(path), numerals
        self._frame, self.notes = typed_frame(pd, path) if frame is None else frame, []
        self._lists = lists
        self.names = [str(name) for name in self._frame.columns]
        self.n_rows = len(self._frame)

    def _columns(self, wanted, as_text, chosen):
        read = {at: self._frame.iloc[:, at] for at in wanted}
        for at in as_text.intersection(wanted):
            if read[at].dtype.kind in "iufb":
                read[at] = read[at].map(plain).astype(object)
        return read

    def holds_lists(self, at: int) -> bool:
        """Return whether the first entry of a column is a list."""
        if self._lists:
            return self.names[at] in self._lists
        there = next((v for v in self._frame.iloc[:, at] if v is not None), None)
        return isinstance(there, (list, np.ndarray))

    def entries(self, at: int) -> list[Any]:
        """Return the entries of a column, None where they are missing."""
        if self.names[at] in self._lists:
            return _unpacked(self._lists[self.names[at]])
        return list(self._frame.iloc[:, at])

    def every_column(self) -> Any:
        """Return the file's own data frame."""
        self._frame.attrs = {"notes": ()}
        return self._frame


def plain(value):
    """Return a number as text: a whole one without a fraction, a missing one as None."""
    if value is None or value != value:
        return None
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)


def _unpacked(column: Any) -> list[Any]:
    """Return the entries of a column of lists: arrays where they are numbers, else lists.

    The numbers stay in one array. Lists of lists as long as one another become arrays of rows.
    """
    values, ends = column.flatten(), np.cumsum(np.asarray(column.value_lengths().fill_null(0)))
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    if "list" in str(values.type):
        widths = np.asarray(values.value_lengths())
        if values.null_count or len(set(widths.tolist())) > 1:
            return column.to_pylist()
        width = int(widths[0]) if len(widths) else 1
        rows: Any = values.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    elif values.type in ("string", "large_string"):
        return column.to_pylist()
    else:
        rows = values.to_numpy(zero_copy_only=False)
    parts = np.split(rows, ends[:-1]) if len(ends) else []
    return [part if there else None for part, there in zip(parts, valid, strict=True)]
