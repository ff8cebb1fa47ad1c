"""CoNLL columns: one word on each line, a blank line between sentences."""

import re
from collections.abc import Iterator

from ..errors import operation
from .data import Data, Path
from .lines import Lines, shown

_ID = re.compile(r"[0-9]+([-.][0-9]+)?")  # CoNLL-U: 7, the range 7-8, the empty node 7.1
_UNIVERSAL = 10  # columns of CoNLL-U


@operation
def read_conll(
    path: Path, *, word: int | None = None, tag: int | None = None, tagged: bool = True
) -> Data:
    """Read tagged sentences: one word on each line, its tag in another column.

    Columns are separated by tabs or, in a file without tabs, by spaces. A line that begins with #
    is a comment, unless it has as many columns as the other lines. In a CoNLL-U file (ten columns,
    the first one a number) it is always a comment, and ranges (7-8) and empty nodes (7.1) are
    skipped.

    Parameters
    ----------
    path : path-like
    word, tag : int, optional
        Column numbers from 0; negative ones count from the end. Default: 0 and 1; in a CoNLL-U
        file 1 and 3, the universal part of speech.
    tagged : bool
        False: read the words only.

    Returns
    -------
    Data
        X : list of list of str; y : list of list of str, or None.

    Raises
    ------
    DataError
        The file cannot be read; a line has another number of columns than the first; a word or a
        tag is empty; there is no sentence.
    """
    lines = Lines(path)
    # Each distinct word is stored once.
    known: dict[str, str] = {}
    X, y, words, tags = [], [], [], []
    for row, universal in _rows(lines):
        if row is None:
            if words:
                X.append(words)
                y.append(tags)
            words, tags = [], []
            continue
        w = word if word is not None else int(universal)
        words.append(_field(row, w, "word", lines, known))
        if tagged:
            t = tag if tag is not None else 3 if universal else 1
            tags.append(_field(row, t, "tag", lines, known))
    if not X:
        lines.refuse_file("holds no sentence", "one word and its tag on each line")
    return Data(X, y if tagged else None)


def _rows(lines: Lines) -> Iterator[tuple[list[str] | None, bool]]:
    """Yield each word's columns, None after a sentence; and whether the file is CoNLL-U."""
    count, tabs, universal = 0, False, False
    for line in lines:
        if not line.strip():
            yield None, universal
            continue
        if line.startswith("#") and (universal or _is_comment(line, count, tabs)):
            continue
        if not count:
            tabs = "\t" in line
        row = _split(line, tabs)
        if not count:
            count = len(row)
            universal = tabs and count == _UNIVERSAL and _ID.fullmatch(row[0]) is not None
        if len(row) != count:
            lines.refuse(f"has {len(row)} columns", f"{count}, as in the lines before")
        if universal:
            if not (match := _ID.fullmatch(row[0])):
                lines.refuse(f"has the id {shown(row[0])}", "a number, as CoNLL-U files have")
            if match[1]:
                continue
        yield row, universal
    yield None, universal


def _is_comment(line, count, tabs):
    if not count:  # no word before it
        return "\t" not in line or line.startswith("# ")
    return len(_split(line, tabs)) != count


def _split(line, tabs):
    return [field.strip() for field in line.split("\t")] if tabs else line.split()


def _field(row, column, what, lines: Lines, known):
    if not -len(row) <= column < len(row):
        lines.refuse(f"has {len(row)} columns", f"more, because the {what} is in column {column}")
    if not (text := row[column]):
        lines.refuse(f"has an empty {what}", f"a {what} in column {column}")
    return known.setdefault(text, text)
