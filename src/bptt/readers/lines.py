"""What all readers share: numbered lines of a file, numbers, error messages.

Memory is bounded: a file has at most 1 GiB and is read piece by piece, a line has at most 8 million
characters, and no array is allocated to a size that a file declares.
"""

import math
import os
from collections.abc import Iterator, Sequence
from typing import NoReturn

from ..errors import BpttError, DataError
from ..safe_files import printable
from .data import Path
from .encodings import MAX_FILE, UTF8, encoding_of, no_nul, pieces, way_out, wrong_byte
from .packed import unpacked

MAX_LINE = 2**23  # characters; splitting a line can take 100 times as much memory
MAX_NUMBER = 64  # characters of one number


class Lines:
    """The lines of a text file, counted, so that an error message can give the line.

    Parameters
    ----------
    path : path-like
    encoding : str, optional
        Of a file without a byte-order mark. Default: UTF-8.
    comments : tuple of str
        How a line of a UTF-8 file begins that need not be UTF-8.
    """

    def __init__(self, path: Path, encoding: str | None = None, comments: tuple[str, ...] = ()):
        self.path: Path = path
        self.name: str = shown(os.fspath(path), 300, "")
        self.number: int = 0  # of the line last read: 1, 2, ...
        self._given, self._comments = encoding, comments
        self._codec = UTF8
        self._mark = 0  # bytes of the byte-order mark

    def __iter__(self) -> Iterator[str]:
        """Yield the lines without their ends and without a byte-order mark."""
        try:
            with unpacked(self.path, self.name) as file:
                head = file.peek(4)[:4]
                self._codec, self._mark = encoding_of(head, self._given)
                yield from self._lines(file)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            if isinstance(error, BpttError):
                raise
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"cannot read {self.name}: {reason}.") from error

    def _lines(self, file):
        rest = ""
        for piece in pieces(file, self._given):
            *lines, rest = (rest + piece).split("\n")
            for line in lines:
                yield self._checked(line)
            if len(rest) > MAX_LINE:
                self._checked(rest)
            if file.tell() > MAX_FILE:
                self.number += 1
                self.refuse("is too far", f"a file of at most {MAX_FILE} bytes")
        if rest:
            yield self._checked(rest)

    def _checked(self, line):
        self.number += 1
        if len(line) > MAX_LINE:
            self.refuse(f"has more than {MAX_LINE} characters", "shorter lines")
        if "\0" in line:
            self.refuse("has a NUL", no_nul(self._codec))
        at = wrong_byte(line)
        comment = self._codec == UTF8 and line.startswith(self._comments)
        if at is not None and not comment:
            before = len(line[:at].encode(self._codec, "surrogateescape"))
            before += self._mark if self.number == 1 else 0
            self.refuse(
                f"is not {self._codec.upper()} from its byte {before + 1}",
                way_out(self._codec),
            )
        return line

    def refuse(self, what: str, expected: str) -> NoReturn:
        """Raise the error about the line last read."""
        raise DataError(f"{self.name}, line {self.number} {what}; expected {expected}.")

    def refuse_file(self, what: str, expected: str) -> NoReturn:
        """Raise the error about the file as a whole."""
        raise DataError(f"{self.name} {what}; expected {expected}.")

    def value(self, text: str, name: str, missing: Sequence[str]) -> float:
        """Convert a text to a number, NaN where it is missing; raise where it is no finite number.

        Digits are kept as far as float64 has them.
        """
        if text.strip().lower() in missing:
            return math.nan
        try:
            value = float(text) if len(text) <= MAX_NUMBER else math.nan
        except ValueError:
            value = math.nan
        # float() also accepts 1_000 and the digits of every script; other programs do not.
        if not math.isfinite(value) or "_" in text or not text.isascii():
            self.refuse(f"has {shown(text)} in {shown(name, 60, '')}", "a finite number")
        return value


def shown(text: str, limit: int = 40, quote: str = "'") -> str:
    """Quote content of a file for a message: shortened, without control characters."""
    return quote + printable(text, limit) + "..." * (len(text) > limit) + quote


def counted(n: int, name: str) -> str:
    """Return a number of things in words: "1 comment line", "2,000 comment lines"."""
    return f"{n:,} {name}" + "s" * (n != 1)
