"""Output of the commands: sentences, files written at once, no control characters."""

import contextlib
import os
import sys
import unicodedata
from pathlib import Path
from typing import Any, NoReturn

from rich import box
from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.table import Table as RichTable

from ..errors import BpttError, CheckpointError, ConfigError
from ..models.reports import Report
from ..readers import Data
from ..readers.describe import described
from ..safe_files import obstacle, printable, reason, write_atomically
from ..training.array_files import read_config

MARK = "\ufffd"  # in place of a character that is not shown


class Console(RichConsole):
    """Print plain text; print nothing more after a broken pipe (``| head``)."""

    def __init__(self, *, quiet: bool = False):
        super().__init__(highlight=False, markup=False, emoji=False, quiet=quiet)
        self.soft_wrap: bool = not self.is_terminal

    def say(self, sentence: str, **how: Any) -> None:
        """Print a line, without the control characters that names in it may hold."""
        self.print(printable(sentence), **how)

    def report(self, report: Report) -> None:
        """Print sentences and tables; tables with lines only in a terminal."""
        for before, part in zip(["", *report], report, strict=False):
            if not (isinstance(before, str) and isinstance(part, str)):
                self.say("")
            if isinstance(part, str):
                self.say(part)
            else:
                self._table(part)

    def _table(self, table):
        rows = [[printable(entry) for entry in row] for row in (table.columns, *table.rows)]
        if table.title:
            self.say(table.title)
        if self.is_terminal:
            drawn = RichTable(*rows[0][:1], box=box.SIMPLE_HEAD)
            for name in rows[0][1:]:
                drawn.add_column(name, justify="right")
            for row in rows[1:]:
                drawn.add_row(*row)
            self.print(drawn)
            return
        widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        for first, *rest in rows:
            cells = [first + " " * (widths[0] - cell_len(first))]
            cells += [" " * (w - cell_len(c)) + c for c, w in zip(rest, widths[1:], strict=True)]
            self.print("  ".join(cells).rstrip(), soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Continue the work without output."""
        self.quiet = True
        silence_stdout()


def silence_stdout() -> None:
    """Discard all further output, so that Python does not report an error at exit."""
    with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def fail(sentence: str, status: int) -> NoReturn:
    """Print one sentence to standard error and exit."""
    if sentence:  # empty if the help was printed instead
        print(f"bptt: {printable(sentence)}", file=sys.stderr)  # noqa: T201
    sys.exit(status)


def show_input(model: Any, data: Data, file: Path) -> None:
    """Print what was read to standard error: the results are on standard output."""
    first = f"Read {model.extent(data.but(y=None))} of {file}."
    for line in (first, *described(data), *data.notes):
        print(printable(line), file=sys.stderr)  # noqa: T201


def note(sentence: str) -> None:
    """Print a sentence to standard error; the work goes on."""
    print(f"bptt: {printable(sentence)}", file=sys.stderr)  # noqa: T201


def shown(text: str) -> str:
    """Return a text for standard output; for a terminal, without control characters.

    Models and data may come from anybody.
    """
    if not sys.stdout.isatty():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else MARK for c in text)


def field(text: object) -> str:
    """Return an entry of a table's row, with a mark for each character that would end it."""
    separates = ("Cc", "Zl", "Zp")
    return "".join(MARK if unicodedata.category(c) in separates else c for c in str(text))


def check_destination(out: Path, *inputs: Path | None, model: bool = False) -> None:
    """Raise an error if a file cannot or must not be written: before the work, not after hours.

    Parameters
    ----------
    out : Path
    *inputs : Path or None
        The files that the command reads: none of them is overwritten, whatever name it has.
    model : bool
        Whether the file to write is a model; nothing else is written over a model.

    Raises
    ------
    CheckpointError, ConfigError
    """
    for path in inputs:
        if path is not None and _same_file(path, out):
            same = "" if path == out else f" is the same file as {path}, which"
            raise ConfigError(
                f"--out {out}{same} is read by this command; expected the name of another file."
            )
    if what := obstacle(out):
        raise CheckpointError(f"--out {out} {what}; expected the name of a file to write.")
    if not model and holds_model(out):
        raise ConfigError(f"--out {out} is a model; expected the name of another file.")


def _same_file(path, other):
    with contextlib.suppress(OSError, ValueError):  # one of them does not exist
        return os.path.samefile(path, other)
    return False


def holds_model(path: Path) -> bool:
    """Return whether a file is a model of bptt, by its content."""
    try:
        read_config(path)
    except BpttError:
        return False
    return True


def put(text: str, out: Path | None) -> None:
    """Write a text to a file atomically, or to standard output if `out` is None.

    Raises
    ------
    BpttError
        The file cannot be written; what was there before is untouched.
    """
    if out is None:
        sys.stdout.write(shown(text))
        return
    put_bytes(text.encode("utf-8", "replace"), out)


def put_bytes(data: bytes, out: Path) -> None:
    """Write a file atomically.

    Raises
    ------
    BpttError
        The file cannot be written; what was there before is untouched.
    """
    try:
        write_atomically(out, data)
    except OSError as error:
        raise BpttError(f"cannot write {out}: {reason(error)}.") from error
