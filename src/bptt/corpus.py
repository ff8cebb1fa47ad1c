"""Text to train on: the user's files, or a corpus that every CPython already holds."""

import os
from collections.abc import Iterable

from .errors import ConfigError

__all__ = ["default_corpus", "read_text"]


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


def read_text(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
) -> str:
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
        There is no file, or one is missing, unreadable, empty or not UTF-8 text.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    texts = [_read_one(path) for path in paths]
    if not texts:
        raise ConfigError("read_text: no file given; expected at least one.")
    return "\n".join(texts)


def _read_one(path: str | os.PathLike[str]) -> str:
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"read_text: cannot read {name}: {reason}.") from error
    if (offset := data.find(b"\0")) >= 0:
        raise ConfigError(
            f"read_text: {name} has a NUL at byte offset {offset}; expected UTF-8 text."
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"read_text: {name} is not UTF-8 from byte offset {error.start}; expected UTF-8 text."
        ) from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise ConfigError(f"read_text: {name} is empty; expected UTF-8 text.")
    return text
