r"""Decoding of text files, shared by all readers: a byte-order mark, a given encoding, or UTF-8.

Line ends are ``"\n"``, ``"\r\n"``, ``"\r\r\n"`` (written by programs that convert twice) and
``"\r"``; other separators of Unicode, such as U+2028, are characters of a line.
"""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from ..errors import ConfigError, DataError

MAX_FILE = 2**30  # bytes of one file
UTF8 = "utf-8"
_CHUNK = 2**16  # bytes decoded at a time
_MARKS = (  # the mark of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Python calls these encodings of text too. A program writes no data file in them.
_NO_TEXT = ("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7")
_LINE_END = re.compile(r"\r{1,2}\n|\r")
_WRONG_BYTE = re.compile("[\udc80-\udcff]")  # what `surrogateescape` makes of a wrong byte


def encoding_of(head: bytes, encoding: str | None = None) -> tuple[str, int]:
    """Return the encoding of a file, and the number of bytes of its byte-order mark.

    Parameters
    ----------
    head : bytes
        The first four bytes, or all of a shorter file.
    encoding : str, optional
        Of a file without a byte-order mark. Default: UTF-8.

    Raises
    ------
    ConfigError
        `encoding` is not the name of a text encoding.
    """
    given = UTF8 if encoding is None else _checked(encoding)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name, len(mark)
    return given, 0


def _checked(encoding):
    try:
        codec = codecs.lookup(encoding)
        name = codec.name.replace("_", "-")
        if codec._is_text_encoding and name not in _NO_TEXT:  # type: ignore[attr-defined]
            return name
    except (LookupError, TypeError, ValueError):  # ValueError: a NUL in the name
        pass
    raise ConfigError(
        f"encoding is {encoding!r:.60}; expected the name of an encoding of text, such as 'utf-8', "
        f"'latin-1', 'cp1252' or 'utf-16'."
    )


def pieces(file: BinaryIO, encoding: str | None = None) -> Iterator[str]:
    r"""Yield the text of a file, decoded piece by piece; all line ends are ``"\n"``.

    A byte that cannot be decoded becomes the lone surrogate U+DC80 to U+DCFF that `wrong_byte`
    finds.

    Parameters
    ----------
    file : binary file
    encoding : str, optional
        As in `encoding_of`.
    """
    data = file.read(_CHUNK)
    name, mark = encoding_of(data[:4], encoding)
    data = data[mark:]
    decoder = codecs.getincrementaldecoder(name)("surrogateescape")
    held, more = "", True
    while more:
        more = bool(data)
        try:
            text = held + decoder.decode(data, not more)
        except UnicodeError as error:  # bytes below 0x80, which `surrogateescape` does not take
            text, more = held + _up_to(error, name), False
        # "\r\r\n" may lie on the border of two pieces.
        keep = min(2, len(text) - len(text.rstrip("\r"))) if more else 0
        text, held = (text[:-keep], text[-keep:]) if keep else (text, "")
        yield unix_lines(text)
        data = file.read(_CHUNK) if more else b""


def _up_to(error, name):
    """Return the text in front of what cannot be decoded, and a mark of the wrong byte."""
    if not isinstance(error, UnicodeDecodeError):
        return "\udcff"
    good = error.object[: error.start].decode(name, "surrogateescape")
    return good + chr(0xDC80 | error.object[error.start])


def unix_lines(text: str) -> str:
    r"""Return a text in which every line end is ``"\n"``."""
    return _LINE_END.sub("\n", text) if "\r" in text else text


def wrong_byte(text: str) -> int | None:
    """Return the index of the first byte in a text of `pieces` that could not be decoded."""
    if text.isascii():
        return None
    match = _WRONG_BYTE.search(text)
    return match and match.start()


def way_out(encoding: str) -> str:
    """Return what to do about a file that does not have this encoding: the end of a message."""
    other = "latin-1" if encoding == UTF8 else "utf-8"
    return f"{encoding.upper()} text, or encoding='{other}' if it is that"


def decode(data: bytes, name: str, encoding: str | None = None) -> str:
    r"""Decode a whole file; all line ends are ``"\n"``.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        Of the file, for the message.
    encoding : str, optional
        As in `encoding_of`.

    Raises
    ------
    ConfigError
        As in `encoding_of`.
    DataError
        A byte cannot be decoded, or there is a NUL.
    """
    codec, mark = encoding_of(data[:4], encoding)
    try:
        text = str(memoryview(data)[mark:], codec)
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = data[mark : mark + start].decode(codec, "ignore").count("\n") + 1
        raise DataError(
            f"{name} is not {codec.upper()} from byte offset {mark + start}, in line {line}; "
            f"expected {way_out(codec)}."
        ) from None
    if (at := text.find("\0")) >= 0:
        offset = mark + len(text[:at].encode(codec))
        raise DataError(f"{name} has a NUL at byte offset {offset}; expected {no_nul(codec)}.")
    return unix_lines(text)


def no_nul(encoding: str) -> str:
    """Return what to do about a file that holds a NUL: the end of a message."""
    if encoding.startswith(("utf-16", "utf-32")):
        return "text"
    return "text, or encoding='utf-16' if it is that"
