"""Large tables with typed columns (Parquet, Arrow), some of their rows at a time."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from .. import extras
from ..errors import DataError
from .data import Path
from .lines import shown
from .numerals import Numerals
from .table_files import format_of
from .typed_tables import TypedTable, arrow_batches, named

LARGE = 2**28  # bytes of a table, unpacked, from which on it is read in parts
PART = 2**25  # bytes of a part, unpacked


def is_large(path: Path) -> bool:
    """Return whether a file is a table that can be read in parts, and larger than `LARGE`."""
    format = format_of(path)
    if format == "parquet":
        parquet = extras.load("pyarrow.parquet", extra="arrow", why="to read Parquet")
        with contextlib.suppress(Exception):  # a damaged file: the reader says what is wrong
            about = parquet.read_metadata(path)
            groups = (about.row_group(k) for k in range(about.num_row_groups))
            return sum(group.total_byte_size for group in groups) > LARGE
    return format == "arrow" and os.path.getsize(path) > LARGE


def has_lists(path: Path, column: str) -> bool:
    """Return whether a file has a column of this name with lists in it."""
    first = next(arrow_batches(path, 1), None)
    if first is None or column not in first.schema.names:
        return False
    return "list" in str(first.schema.field(column).type)


def table_parts(path: Path, group: str | None = None) -> Iterator[TypedTable]:
    """Yield the rows of a table, some at a time, as tables.

    Parameters
    ----------
    path : path-like
    group : str, optional
        Column with the id of the sequence of each row: a part holds whole sequences. The rows
        of a sequence must be consecutive.

    Raises
    ------
    DataError
        The file cannot be read; the rows of a sequence are not consecutive.
    """
    pd = extras.load("pandas", extra="tables", why="to read tables")
    batches = arrow_batches(path, PART)
    if group is not None:
        for frame in _whole_groups(pd, (batch.to_pandas() for batch in batches), path, group):
            yield TypedTable(path, pd, Numerals("."), frame)
        return
    for batch in batches:
        lists = {f.name: batch.column(f.name) for f in batch.schema if "list" in str(f.type)}
        frame = batch.drop_columns(list(lists)).to_pandas()
        for k, name in enumerate(batch.schema.names):
            if name in lists:
                frame.insert(k, name, None)
        yield TypedTable(path, pd, Numerals("."), frame, lists)


def _whole_groups(pd: Any, frames: Iterator[Any], path: Path, group: str) -> Iterator[Any]:
    """Yield frames cut where the entry of a column changes."""
    seen: set[int] = set()
    rest = None
    for frame in frames:
        if group not in frame.columns:
            columns = ", ".join(map(str, frame.columns[:20]))
            raise DataError(
                f"{named(path)} has the columns {columns}; expected {group} among them."
            )
        frame = frame if rest is None else pd.concat([rest, frame], ignore_index=True)
        last = frame[group].iloc[-1:]
        same = frame[group].isin(last)
        begin = len(frame) - int(same[::-1].cumprod().sum())
        if begin:
            yield _unseen(frame.iloc[:begin], path, group, seen)
        rest = frame.iloc[begin:]
    if rest is not None and len(rest):
        yield _unseen(rest, path, group, seen)


def _unseen(frame, path, group, seen):
    """Return a frame; remember its sequences, and refuse those that came before."""
    for name in frame[group].drop_duplicates():
        if (own := hash(str(name))) in seen:  # of a number: -1 and -2 have one hash
            raise DataError(
                f"{named(path)}: the rows of {shown(str(name))} are not consecutive; expected a "
                f"file sorted by {group}, because it is read in parts."
            )
        seen.add(own)
    return frame.reset_index(drop=True)
