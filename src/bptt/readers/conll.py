"""Columns as in the CoNLL shared tasks: a word a line, a blank line between sentences."""

import re
from collections.abc import Iterator

from .lines import Data, Lines, Path, shown

_ID = re.compile(r"[0-9]+([-.][0-9]+)?")  # CoNLL-U: 7, the range 7-8, the empty node 7.1
_UNIVERSAL = 10  # columns of CoNLL-U


def read_conll(
    path: Path, *, word: int | None = None, tag: int | None = None, tagged: bool = True
) -> Data:
    """Read sentences whose words stand one a line, with their tags in other columns.

    Columns are separated by tabs, in a file without tabs by spaces. A line that begins with # is a
    comment, unless it has as many columns as the words have. In a CoNLL-U file (ten columns, the
    first a number) it always is one, and ranges (7-8) and empty nodes (7.1) are no words.

    Parameters
    ----------
    path : path-like
    word, tag : int, optional
        Columns, from 0; negative ones count from the end. Without: 0 and 1; in a CoNLL-U file
        1 and 3, the universal part of speech.
    tagged : bool
        False reads the words alone.

    Returns
    -------
    Data
        X : list of list of str; y : list of list of str, or None.

    Raises
    ------
    DataError
        A file that cannot be read; a line with another number of columns than the first; an empty
        word or tag; no sentence at all.
    """
    lines = Lines("read_conll", path)
    # Words are kept once however often they stand there.
    known: dict[str, str] = {}
    X, y, words, tags = [], [], [], []
    for row, universal in _rows(lines):
        if row is None:
            if words:
                X.append(words)
                y.append(tags)
            words, tags = [], []
            continue
        w = word if word is not None else universal  # 1 where it is CoNLL-U
        words.append(_field(row, w, "word", lines, known))
        if tagged:
            t = tag if tag is not None else 1 + 2 * universal
            tags.append(_field(row, t, "tag", lines, known))
    if not X:
        lines.refuse_file("holds no sentence", "words one a line, with their tags")
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
