"""What all readers share: numbered lines of a file, numbers, error messages, growing sequences.

Memory is bounded: a file has at most 1 GiB and is read line by line, a line has at most 8 MiB, and
no array is allocated to a size that a file declares.
"""

import os
from array import array
from collections.abc import Iterator
from typing import NoReturn

import numpy as np

from ..checks import FLOAT32_MAX
from ..corpus import MAX_FILE
from ..errors import DataError
from ..safe_files import printable
from .data import Path

MAX_LINE = 2**23  # bytes; splitting a line can take 100 times as much memory
MAX_NUMBER = 64  # characters of one number
_MISSING = ("", "?", "na", "n/a", "nan", "null", "none")


class Lines:
    """The lines of a UTF-8 file, counted, so that an error message can give the line.

    Parameters
    ----------
    path : path-like
    """

    def __init__(self, path: Path):
        self.path: Path = path
        self.name: str = shown(os.fspath(path), 300, "")
        self.number: int = 0  # of the line last read: 1, 2, ...

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
            raise DataError(f"cannot read {self.name}: {reason}.") from error

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
        raise DataError(f"{self.name}, line {self.number} {what}; expected {expected}.")

    def refuse_file(self, what: str, expected: str) -> NoReturn:
        """Raise the error about the file as a whole."""
        raise DataError(f"{self.name} {what}; expected {expected}.")

    def float32(self, text: str, name: str) -> float:
        """Convert a text to a number; raise where it is missing, not finite or not a number."""
        try:
            value = float(text) if len(text) <= MAX_NUMBER else np.nan
        except ValueError:
            value = np.nan
        # float() also accepts 1_000 and the digits of every script; other programs do not.
        if not -FLOAT32_MAX <= value <= FLOAT32_MAX or "_" in text or not text.isascii():
            missing = text.strip().lower() in _MISSING
            what = f"a missing value ({shown(text)})" if missing else shown(text)
            self.refuse(
                f"has {what} in {shown(name, 60, '')}", "a finite number that float32 can hold"
            )
        return value


class Steps:
    """A sequence of steps with n numbers each, to which steps are appended."""

    def __init__(self, n: int):
        self._n, self._values = n, array("f")

    def append(self, step: list[float]) -> None:
        """Append one step."""
        self._values.extend(step)

    def array(self) -> np.ndarray:
        """Return the sequence so far, (T, n)."""
        return np.array(self._values, np.float32).reshape(-1, self._n)


def shown(text: str, limit: int = 40, quote: str = "'") -> str:
    """Quote content of a file for a message: shortened, without control characters."""
    return quote + printable(text, limit) + "..." * (len(text) > limit) + quote
