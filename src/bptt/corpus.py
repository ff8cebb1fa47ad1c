"""Text to train on: files of the user, or a text that is part of every CPython."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from .errors import ConfigError, DataError, operation
from .readers.encodings import MAX_FILE, decode, encoding_of, no_nul, pieces, way_out, wrong_byte

__all__ = ["default_corpus", "read_documents", "read_text", "stream_documents"]

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
def read_text(paths: Paths, encoding: str | None = None) -> str:
    r"""Read text files.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        The files, in order.
    encoding : str, optional
        Of files without a byte-order mark: "latin-1", "utf-16", ... Default: UTF-8.

    Returns
    -------
    str
        Their texts joined by a newline, without byte-order marks; every line ends in ``"\n"``.

    Raises
    ------
    ConfigError
        No file is given; there is no such encoding.
    DataError
        A file is missing, unreadable, empty or not text in this encoding.
    """
    return "\n".join(_read_each(paths, encoding))


@operation
def read_documents(paths: Paths, split: Split = "file", encoding: str | None = None) -> list[str]:
    r"""Read text files as documents, which are independent of one another.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        The files, in order.
    split : {"file", "paragraph", "line"}
        What a document is: a whole file, the text between blank lines, or a line. Blank lines are
        skipped, and line ends around a document are removed.
    encoding : str, optional
        As for `read_text`.

    Returns
    -------
    list of str
        Without byte-order marks; every line ends in ``"\n"``.

    Raises
    ------
    ConfigError
        No file is given; `split` is not one of these; there is no such encoding.
    DataError
        A file is missing, unreadable, empty or not text in this encoding.
    """
    _check_split(split)
    texts = _read_each(paths, encoding)
    if split == "file":
        return texts
    parts = [part.strip("\n") for text in texts for part in re.split(_SPLITS[split], text)]
    documents = [part for part in parts if part.strip()]
    _require_documents(len(documents))
    return documents


@operation
def stream_documents(
    paths: Paths,
    split: Split | None = None,
    encoding: str | None = None,
    on_read: Callable[[int], Any] | None = None,
) -> Iterator[Any]:
    """Read files of any size as `read_text` and `read_documents` do, a piece at a time.

    Parameters
    ----------
    paths : path-like or iterable of path-like
    split : {"file", "paragraph", "line"}, optional
        None: all files are one text.
    encoding : str, optional
    on_read : callable (int), optional
        Called with the number of bytes that were read since the last call.

    Yields
    ------
    iterator of str, or str
        The pieces of a text, to be read before the next one; or a whole paragraph or line.

    Raises
    ------
    ConfigError, DataError
        As for `read_documents`.
    """
    if split is not None:
        _check_split(split)
    names = _names(paths)

    def files():
        return (_stream(name, encoding, on_read or (lambda n: None)) for name in names)

    if split is None:
        yield _joined(files())
    elif split == "file":
        yield from files()
    else:
        found = 0
        for file in files():
            for document in _documents(file, split):
                found += 1
                yield document
        _require_documents(found)


_SPLITS = {"file": "", "paragraph": r"\n[ \t]*(?=\n)", "line": r"\n"}


def _check_split(split):
    if split not in _SPLITS:
        raise ConfigError(f"split is {split!r}; expected one of {', '.join(_SPLITS)}.")


def _require_documents(found):
    if not found:
        raise DataError("all lines are blank; expected at least one document.")


def _joined(files):
    """Yield the pieces of files, with a newline between two files."""
    for k, file in enumerate(files):
        if k:
            yield "\n"
        yield from file


def _documents(file, split):
    """Yield the paragraphs or lines of a file as `re.split` would find them."""
    group, first = [], True
    for line in _lines(file):
        blank = line.endswith("\n") and not line.strip(" \t\n") and not first
        first = False
        if split == "line" or not blank:
            group.append(line)
        if split == "line" or blank:
            if (part := "".join(group).strip("\n")).strip():
                yield part
            group = []
    if (part := "".join(group).strip("\n")).strip():
        yield part


def _lines(file):
    """Yield the lines of a file, each with its end."""
    rest = ""
    for piece in file:
        *lines, rest = (rest + piece).split("\n")
        yield from (line + "\n" for line in lines)
    if rest:
        yield rest


def _names(paths):
    names = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not names:
        raise ConfigError("no file given; expected at least one.")
    return [os.fspath(name) for name in names]


def _read_each(paths: Paths, encoding: str | None) -> list[str]:
    return [_read_one(name, encoding) for name in _names(paths)]


def _unreadable(name, error):
    reason = error.strerror if isinstance(error, OSError) else error
    return DataError(f"cannot read {name}: {reason}.")


_STORED = ", or a token file of it, which is read part by part (bptt tokenize)."


def _read_one(name, encoding):
    try:
        return _read_whole(name, encoding)
    except MemoryError as error:
        raise DataError(f"{name} does not fit into the memory; expected less{_STORED}") from error


def _read_whole(name, encoding):
    try:
        with open(name, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(min(size, MAX_FILE) + 1)
            while len(data) > size and len(data) <= MAX_FILE and (more := file.read(_CHUNK)):
                data, size = data + more, len(data)  # a pipe, or a file that grows
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unreadable(name, error) from error
    if len(data) > MAX_FILE:
        raise DataError(f"{name} is too long; expected at most {MAX_FILE} bytes{_STORED}")
    text = decode(data, name, encoding)
    if not text:
        raise DataError(f"{name} is empty; expected text.")
    return text


def _stream(name, encoding, on_read):
    """Yield the text of a file in pieces; raise where it is no text."""
    empty, place = True, 0
    try:
        with open(name, "rb") as file:
            codec, _ = encoding_of(file.read(4), encoding)
            file.seek(0)
            for text in pieces(file, encoding):
                on_read(file.tell() - place)
                if wrong_byte(text) is not None:
                    raise DataError(
                        f"{name} is not {codec.upper()} between the byte offsets {place} and "
                        f"{file.tell()}; expected {way_out(codec)}."
                    )
                if "\0" in text:
                    raise DataError(
                        f"{name} has a NUL between the byte offsets {place} and {file.tell()}; "
                        f"expected {no_nul(codec)}."
                    )
                place, empty = file.tell(), empty and not text
                if text:
                    yield text
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError | DataError):
            raise
        raise _unreadable(name, error) from error
    if empty:
        raise DataError(f"{name} is empty; expected text.")
