"""What all readers share: lines of a file, numbers, refusals, the sequences they build.

Memory is bounded: a file has at most 1 GiB and is read line by line, a line has at most 8 MiB, and
nothing is made larger because a file says how large it is.
"""

import os
from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..checks import FLOAT32_MAX
from ..corpus import MAX_FILE
from ..errors import DataError
from ..safe_files import printable

MAX_LINE = 2**23  # bytes; 100 times its text is what a line's parts may take for a moment
MAX_NUMBER = 64  # characters of one number
_MISSING = ("", "?", "na", "n/a", "nan", "null", "none")

Path = str | os.PathLike[str]


class Data(NamedTuple):
    """Sequences and what is known about them."""

    X: list[Any]  # a float32 array (T, n), a str or a list of words for each sequence
    y: list[Any] | None  # a label for each sequence or, for tags, a list of one a step
    columns: tuple[str, ...] = ()  # names of the n features, where the file names them


class Lines:
    """The lines of a UTF-8 file, counted, so that a refusal can say where.

    Parameters
    ----------
    where : str
        The reader, for messages.
    path : path-like
    """

    def __init__(self, where: str, path: Path):
        self.where, self.name = where, shown(os.fspath(path), 300, "")
        self.path = path
        self.number = 0  # of the line last read: 1, 2, ...

    def __iter__(self) -> Iterator[str]:
        """Yield the lines without their ends and without a byte-order mark."""
        try:
            with open(self.path, "rb") as file:
                size = 0
                while data := file.readline(MAX_LINE + 1):
                    self.number += 1
                    size += len(data)
                    if len(data) > MAX_LINE:
                        self.refuse(f"has more than {MAX_LINE} bytes", "shorter lines")
                    if size > MAX_FILE:
                        self.refuse("is too far", f"a file of at most {MAX_FILE} bytes")
                    yield self._text(data)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            if isinstance(error, DataError):
                raise
            reason = error.strerror if isinstance(error, OSError) else error
            raise DataError(f"{self.where}: cannot read {self.name}: {reason}.") from error

    def _text(self, data: bytes) -> str:
        data = data.removesuffix(b"\n").removesuffix(b"\r")
        if self.number == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        for byte, what in ((b"\0", "a NUL"), (b"\r", "a carriage return in its middle")):
            if byte in data:
                self.refuse(f"has {what}", "lines of UTF-8 text")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            self.refuse(f"is not UTF-8 from its byte {error.start + 1}", "lines of UTF-8 text")

    def refuse(self, what: str, expected: str) -> NoReturn:
        """Raise the error about the line last read."""
        raise DataError(
            f"{self.where}: {self.name}, line {self.number} {what}; expected {expected}."
        )

    def refuse_file(self, what: str, expected: str) -> NoReturn:
        """Raise the error about the file as a whole."""
        raise DataError(f"{self.where}: {self.name} {what}; expected {expected}.")

    def float32(self, text: str, name: str) -> float:
        """Return the number that a text is, or refuse it: missing, not finite, no number."""
        try:
            value = float(text) if len(text) <= MAX_NUMBER else np.nan
        except ValueError:
            value = np.nan
        # float() takes 1_000 and the digits of every script, which no other program would.
        if not -FLOAT32_MAX <= value <= FLOAT32_MAX or "_" in text or not text.isascii():
            missing = text.strip().lower() in _MISSING
            what = f"a missing value ({shown(text)})" if missing else shown(text)
            self.refuse(
                f"has {what} in {shown(name, 60, '')}", "a finite number that float32 can hold"
            )
        return value


class Steps:
    """A sequence that grows: steps of n numbers, four bytes each."""

    def __init__(self, n: int):
        self._n, self._values = n, array("f")

    def append(self, step: list[float]) -> None:
        """Append one step."""
        self._values.extend(step)

    def array(self) -> np.ndarray:
        """Return the sequence so far, (T, n)."""
        return np.array(self._values, np.float32).reshape(-1, self._n)


def shown(text: str, limit: int = 40, quote: str = "'") -> str:
    """Write what a file holds so that it neither floods nor steers a terminal."""
    return quote + printable(text, limit) + "..." * (len(text) > limit) + quote
