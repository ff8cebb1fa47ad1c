"""Text to train on: the user's files, or a corpus that every CPython already holds."""

import os
import re
from collections.abc import Iterable
from itertools import islice

from .errors import ConfigError, DataError

__all__ = ["default_corpus", "read_documents", "read_text"]

MAX_FILE = 2**30  # bytes of one file
_CHUNK = 2**20  # a read of MAX_FILE bytes would ask for all that memory, whatever the file holds

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def default_corpus() -> str:
    """Return the English text of the Python language reference.

    It is what ``help("TOPIC")`` prints. Each version of Python has its own: 465 thousand characters
    of 103 kinds in 3.11, 511 thousand in 3.13.

    Returns
    -------
    str
        The sections of ``pydoc_data.topics`` in the order of their sorted keys, a blank line
        between two.

    Raises
    ------
    ConfigError
        This Python was packaged without ``pydoc_data``.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise ConfigError(
            "default_corpus: this Python has no pydoc_data.topics; expected a standard CPython."
        ) from error
    return "\n\n".join(topics[key] for key in sorted(topics))


def read_text(paths: Paths) -> str:
    r"""Read text files encoded in UTF-8.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        The files, in order.

    Returns
    -------
    str
        Their texts joined by a newline: without byte-order marks, every line end ``"\n"``.

    Raises
    ------
    ConfigError
        There is no file.
    DataError
        A file is missing, unreadable, empty or not UTF-8 text.
    """
    return "\n".join(_read_each("read_text", paths))


def read_documents(paths: Paths, split: str = "file") -> list[str]:
    r"""Read text files encoded in UTF-8 as documents: texts that do not continue one another.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        The files, in order.
    split : {"file", "paragraph", "line"}
        What a document is: a whole file, what stands between blank lines, or a line. Blank lines
        are no documents, and the line ends around one are left out.

    Returns
    -------
    list of str
        Without byte-order marks, every line end ``"\n"``.

    Raises
    ------
    ConfigError
        There is no file; `split` is something else.
    DataError
        A file is missing, unreadable, empty or not UTF-8 text.
    """
    if split not in _SPLITS:
        raise ConfigError(
            f"read_documents: split is {split!r}; expected one of {', '.join(_SPLITS)}."
        )
    texts = _read_each("read_documents", paths)
    if split == "file":
        return texts
    parts = [part.strip("\n") for text in texts for part in re.split(_SPLITS[split], text)]
    if not (documents := [part for part in parts if part.strip()]):
        raise DataError("read_documents: all lines are blank; expected at least one document.")
    return documents


_SPLITS = {"file": "", "paragraph": r"\n[ \t]*(?=\n)", "line": r"\n"}


def _read_each(where: str, paths: Paths) -> list[str]:
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    texts = [_read_one(where, path) for path in paths]
    if not texts:
        raise ConfigError(f"{where}: no file given; expected at least one.")
    return texts


def _read_one(where: str, path: str | os.PathLike[str]) -> str:
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            chunks = list(islice(iter(lambda: file.read(_CHUNK), b""), MAX_FILE // _CHUNK + 1))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{where}: cannot read {name}: {reason}.") from error
    if len(data := b"".join(chunks)) > MAX_FILE:
        raise DataError(f"{where}: {name} is too long; expected at most {MAX_FILE} bytes.")
    if (offset := data.find(b"\0")) >= 0:
        raise DataError(f"{where}: {name} has a NUL at byte offset {offset}; expected UTF-8 text.")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: {name} is not UTF-8 from byte offset {error.start}; expected UTF-8 text."
        ) from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise DataError(f"{where}: {name} is empty; expected UTF-8 text.")
    return text
