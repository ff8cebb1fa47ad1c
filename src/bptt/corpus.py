"""Text to train on: files of the user, or a text that is part of every CPython."""

import os
import re
from collections.abc import Iterable
from itertools import islice
from typing import Literal

from .errors import ConfigError, DataError, operation
from .readers.encodings import MAX_FILE, decode

__all__ = ["default_corpus", "read_documents", "read_text"]

_CHUNK = 2**20  # reading MAX_FILE bytes at once would allocate them, even for a small file

Split = Literal["file", "paragraph", "line"]
Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@operation
def default_corpus() -> str:
    """Return the English text of the Python language reference.

    This is what ``help("TOPIC")`` prints. The text depends on the version of Python: 465 thousand
    characters, 103 different ones, in 3.11; 511 thousand in 3.13.

    Returns
    -------
    str
        The sections of ``pydoc_data.topics``, sorted by key, with a blank line between two.

    Raises
    ------
    ConfigError
        This Python was packaged without ``pydoc_data``.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise ConfigError(
            "this Python has no pydoc_data.topics; expected a standard CPython."
        ) from error
    return "\n\n".join(topics[key] for key in sorted(topics))


@operation
def read_text(paths: Paths) -> str:
    r"""Read text files encoded in UTF-8.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        The files, in order.

    Returns
    -------
    str
        Their texts joined by a newline, without byte-order marks; every line ends in ``"\n"``.

    Raises
    ------
    ConfigError
        No file is given.
    DataError
        A file is missing, unreadable, empty or not UTF-8 text.
    """
    return "\n".join(_read_each(paths))


@operation
def read_documents(paths: Paths, split: Split = "file") -> list[str]:
    r"""Read text files encoded in UTF-8 as documents, which are independent of one another.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        The files, in order.
    split : {"file", "paragraph", "line"}
        What a document is: a whole file, the text between blank lines, or a line. Blank lines are
        skipped, and line ends around a document are removed.

    Returns
    -------
    list of str
        Without byte-order marks; every line ends in ``"\n"``.

    Raises
    ------
    ConfigError
        No file is given; `split` is not one of these.
    DataError
        A file is missing, unreadable, empty or not UTF-8 text.
    """
    if split not in _SPLITS:
        raise ConfigError(f"split is {split!r}; expected one of {', '.join(_SPLITS)}.")
    texts = _read_each(paths)
    if split == "file":
        return texts
    parts = [part.strip("\n") for text in texts for part in re.split(_SPLITS[split], text)]
    if not (documents := [part for part in parts if part.strip()]):
        raise DataError("all lines are blank; expected at least one document.")
    return documents


_SPLITS = {"file": "", "paragraph": r"\n[ \t]*(?=\n)", "line": r"\n"}


def _read_each(paths: Paths) -> list[str]:
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    texts = [_read_one(path) for path in paths]
    if not texts:
        raise ConfigError("no file given; expected at least one.")
    return texts


def _read_one(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            chunks = list(islice(iter(lambda: file.read(_CHUNK), b""), MAX_FILE // _CHUNK + 1))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"cannot read {name}: {reason}.") from error
    if len(data := b"".join(chunks)) > MAX_FILE:
        raise DataError(f"{name} is too long; expected at most {MAX_FILE} bytes.")
    text = decode(data, name)
    if not text:
        raise DataError(f"{name} is empty; expected UTF-8 text.")
    return text
