"""Predictions for a large file, a part at a time: the memory is constant, and work can go on."""

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console as RichConsole

from .. import extras
from ..errors import BpttError, ConfigError
from ..readers import Data
from ..safe_files import reason, replacing, write_atomically
from ..training.interrupts import Interrupts
from .console import fail, field

Rows = Iterable[tuple[Any, ...]]  # a heading, then the predictions


class Parts:
    """The finished parts of a prediction, in a directory beside the file that they will be.

    ``FILE.parts`` holds a file for each part, written whole or not at all, and what they were made
    of. When all are there, they become the file.

    Parameters
    ----------
    out : Path
    made_of : dict
        What the predictions depend on: they go on only if it is the same.
    resume : bool

    Raises
    ------
    ConfigError
        There are parts of another prediction, or of this one and `resume` is False.
    """

    def __init__(self, out: Path, made_of: dict[str, Any], resume: bool):
        self.out, self.parquet = out, out.suffix.lower() == ".parquet"
        self.folder = out.with_name(f"{out.name}.parts")
        about = self.folder / "about.json"
        text = json.dumps(made_of, sort_keys=True, default=str)
        if self.folder.exists():
            same = about.is_file() and about.read_text() == text
            if not (same and resume):
                way = "remove it" if not same else "give --resume to go on, or remove it"
                raise ConfigError(
                    f"{self.folder} holds the parts of {'this' if same else 'another'} prediction, "
                    f"which was interrupted; expected none: {way}."
                )
        else:
            self.folder.mkdir()
            write_atomically(about, text.encode())

    def path(self, k: int) -> Path:
        """Return the name of part k."""
        return self.folder / f"{k:08}{self.out.suffix}"

    def write(self, k: int, rows: Rows, quoted: bool) -> None:
        """Write part k."""
        suffix = self.out.suffix.lower()
        write_atomically(self.path(k), table(rows, suffix, heading=not k, quoted=quoted))

    def join(self, n: int) -> None:
        """Write the file from its n parts, and remove them."""
        with replacing(self.out) as file:
            if self.parquet:
                _join_parquet([self.path(k) for k in range(n)], file)
            else:
                with io.BufferedWriter(_Kept(file)) as whole:
                    for k in range(n):
                        with open(self.path(k), "rb") as part:
                            shutil.copyfileobj(part, whole)
        shutil.rmtree(self.folder)


class _Kept(io.RawIOBase):
    """A file that is not closed with the writer that buffers it."""

    def __init__(self, file: Any):
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._file.write(data)


def _join_parquet(paths, file):
    parquet = extras.load("pyarrow.parquet", extra="arrow", why="to write Parquet")
    with io.BufferedWriter(_Kept(file)) as whole:
        schema = parquet.read_schema(paths[0])
        with parquet.ParquetWriter(whole, schema) as writer:
            for path in paths:
                writer.write_table(parquet.read_table(path).cast(schema))


def table(rows: Rows, suffix: str, *, heading: bool = True, quoted: bool = True) -> bytes:
    """Return rows as the content of a file: CSV, TSV or Parquet, by its suffix.

    Parameters
    ----------
    rows : iterable of tuple
        The first is the heading.
    suffix : str
    heading : bool
        Whether a text has the heading.
    quoted : bool
        False for CoNLL columns, whose entries are not quoted and are separated by tabs.
    """
    if suffix == ".parquet":
        return _parquet(rows)
    text = io.StringIO()
    quotes = {} if quoted else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    separator = "\t" if suffix == ".tsv" or not quoted else ","
    writer = csv.writer(text, delimiter=separator, lineterminator="\n", **quotes)
    for k, row in enumerate(rows):
        if k or heading:
            writer.writerow([_entry(entry) for entry in row])
    return text.getvalue().encode("utf-8", "replace")


def _entry(value):
    return f"{value:.8g}" if isinstance(value, float) else field(value)


def _parquet(rows):
    """Write a table with numbers as numbers."""
    pandas = extras.load("pandas", extra="tables", why="to write Parquet")
    extras.load("pyarrow", extra="arrow", why="to write Parquet")
    heading, *rows = rows
    buffer = io.BytesIO()
    pandas.DataFrame(rows, columns=heading).to_parquet(buffer, index=False)
    return buffer.getvalue()


def predict_parts(
    data: Iterator[Data],
    rows: Callable[[Data], Rows],
    out: Path,
    resume: bool,
    model: Path,
    file: Path,
    options: dict[str, Any],
    quoted: bool,
) -> int:
    """Predict the parts of a file and write them to another one; return the number of sequences.

    Ctrl-C and SIGTERM end the work after the part that is being predicted; the parts stay.

    Raises
    ------
    BpttError
        A part cannot be read or written: those before it stay.
    """
    about = file.stat()
    with open(model, "rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    made_of = {"model": digest, "size": about.st_size, "time": about.st_mtime_ns}
    parts = Parts(out, made_of | {"options": options}, resume)
    n, k = 0, -1
    try:
        with Interrupts() as interrupts, RichConsole(stderr=True).status("") as status:
            for k, part in enumerate(data):
                if not parts.path(k).exists():
                    parts.write(k, rows(part), quoted)
                n += len(part.X)
                status.update(f"{n:,} sequences predicted")
                if interrupts.requested:
                    fail(
                        f"interrupted after {n:,} sequences; the same command with --resume goes "
                        f"on.",
                        128 + interrupts.requested,
                    )
        parts.join(k + 1)
    except OSError as error:
        raise BpttError(
            f"cannot write {out}: {reason(error)}; what is done stays in {parts.folder}, and the "
            f"same command with --resume goes on."
        ) from error
    return n
