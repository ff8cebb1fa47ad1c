"""CoNLL columns: one word on each line, a blank line between sentences."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from ..errors import operation
from .data import Data, Path
from .lines import Lines, counted, shown

_ID = re.compile(r"[0-9]+([-.][0-9]+)?")  # CoNLL-U: 7, the range 7-8, the empty node 7.1
_UNIVERSAL = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
_GLOBAL = re.compile(r"#\s*global\.columns\s*=(.*)")
_SENT_ID = re.compile(r"#\s*sent_id\s*=\s*(.*\S)")
_DOCSTART = "-DOCSTART-"
_AHEAD = 10_000  # lines read in search of the end of the first sentence


@operation
def read_conll(
    path: Path,
    *,
    word: int | str | None = None,
    tag: int | str | None = None,
    tagged: bool = True,
    encoding: str | None = None,
) -> Data:
    """Read tagged sentences: one word on each line, its tag in another column.

    Columns are separated by tabs or, in a file without tabs, by spaces; other white space, such as
    U+00A0, belongs to words. In a CoNLL-U file (ten columns, the first one a number) ranges (7-8)
    and empty nodes (7.1) are skipped; a file that ends in .conllu must be one. ``# global.columns =
    ...`` names the columns of a CoNLL-U Plus file. ``-DOCSTART-`` lines are skipped; they end a
    sentence.

    A line that begins with # is a comment if its number of columns is not that of the words, if the
    first column holds the words' numbers, or if it begins with ``# `` in front of a sentence.
    Elsewhere # is a word. In a file separated by spaces, a line in front of a sentence with as many
    columns as the words, such as ``# SYM``, is a word if another word has its tag.

    Parameters
    ----------
    path : path-like
    word, tag : int or str, optional
        Column numbers from 0; negative ones count from the end. In CoNLL-U files also names, such
        as "FORM" and "XPOS". Default: 0 and 1; in CoNLL-U files FORM and UPOS.
    tagged : bool
        False: read the words only.
    encoding : str, optional
        Of a file without a byte-order mark. Default: UTF-8.

    Returns
    -------
    Data
        X : list of list of str; y : list of list of str, or None; ids : the ``# sent_id`` of the
        sentences, where all have one; notes : what was skipped.

    Raises
    ------
    DataError
        The file cannot be read; a line has another number of columns than the first; a word or a
        tag is empty; there is no sentence; the first column holds the words' numbers, in a file
        that is not CoNLL-U, and `word` is not given.
    """
    lines = Lines(path, encoding)
    source = _Rows(lines)
    w, t = source.column(word, "word"), source.column(tag, "tag")
    known: dict[str, str] = {}  # each distinct word is stored once
    X: list[list[str]] = [[]]
    y: list[list[str]] = [[]]
    ids: list[Any] = [None]
    doubtful: list[tuple[int, list[str]]] = []
    tags: set[str] = set()
    for kind, row in source:
        if kind == "end":
            if X[-1] or (doubtful and doubtful[-1][0] == len(X) - 1):
                X.append([])
                y.append([])
                ids.append(None)
        elif kind == "id":
            ids[-1] = row[0]
        elif kind == "doubtful":
            doubtful.append((len(X) - 1, row))
        else:
            X[-1].append(_field(row, w, "word", source, known))
            if tagged:
                y[-1].append(_field(row, t, "tag", source, known))
            tags.update(row[t : t + 1 or None])
    for at, row in reversed(doubtful):
        if not tags.isdisjoint(row[t : t + 1 or None]):
            X[at].insert(0, _field(row, w, "word", source, known))
            y[at].insert(0, known.setdefault(row[t], row[t]))
            source.skipped["comment line"] -= 1
    kept = [k for k, words in enumerate(X) if words]
    if not kept:
        lines.refuse_file("holds no sentence", "one word and its tag on each line")
    names = [ids[k] for k in kept]
    named = None not in names and len(set(names)) == len(names)
    return Data(
        [X[k] for k in kept],
        [y[k] for k in kept] if tagged else None,
        ids=names if named else None,
        notes=source.notes(),
    )


class _Form(NamedTuple):
    """What the first sentence of a file determines."""

    tabs: bool = False
    width: int = 0  # columns of a word; 0: there is no word
    names: tuple[str, ...] = ()  # of the columns, in CoNLL-U
    numbered: bool = False  # the first column holds the words' numbers


class _Rows:
    """The words of a file as rows of fields, and what is between them.

    Iterating yields ("row", fields), ("doubtful", fields) for what is a word or a comment,
    ("id", [the id of the sentence]) and ("end", []) after a sentence.
    """

    def __init__(self, lines: Lines):
        self.lines = lines
        self.skipped: Counter[str] = Counter()
        self._source = iter(lines)
        self._held: list[str] = []
        self._form = self._first_form()

    def _first_form(self):
        """Read up to the end of the first sentence; return what it determines."""
        rows, names = [], ()
        for line in islice(self._source, _AHEAD):
            self._held.append(line)
            if not line.strip(" \t"):
                if rows:
                    break
            elif not rows and (match := _GLOBAL.match(line)):
                names = tuple(match[1].split())
            elif not line.startswith("#") and not _is_docstart(line):
                rows.append(line)
        if not rows:
            return _Form()
        tabs = "\t" in rows[0]
        fields = [_split(line, tabs) for line in rows]
        count = len(fields[0])
        if not names and count == len(_UNIVERSAL) and _ID.fullmatch(fields[0][0]):
            names = _UNIVERSAL
        if not names and os.fspath(self.lines.path).lower().endswith(".conllu"):
            self.lines.number = self._held.index(rows[0]) + 1
            self.lines.refuse(
                f"has {counted(count, 'column')}",
                "ten, the first one a number, as CoNLL-U files have (# global.columns = ... names "
                "others; other CoNLL columns are in files that end in .conll)",
            )
        ids = [_ID.fullmatch(row[0]) for row in fields]
        own = [match[0] for match in ids if match and not match[1]]
        numbered = count > 2 and None not in ids and own == [str(k + 1) for k in range(len(own))]
        return _Form(tabs, count, names, numbered or names[:1] == ("ID",))

    def column(self, given: int | str | None, what: str) -> int:
        """Return the number of the column of the words or of the tags."""
        form = self._form
        if given is None and form.names:
            given = "FORM" if what == "word" else "UPOS"
        elif given is None and form.numbered and what == "word":
            self.lines.refuse_file(
                "has the words' numbers in column 0",
                "word and tag, the columns of both (--word 1 --tag 2, if it is these)",
            )
        elif given is None:
            return 0 if what == "word" else 1
        if isinstance(given, str):
            if given in form.names:
                return form.names.index(given)
            if not re.fullmatch("-?[0-9]{1,9}", given):
                listed = f"has the columns {', '.join(form.names)}" if form.names else "names none"
                self.lines.refuse_file(
                    shown(listed, 200, ""), f"{shown(given)} among them, or a number from 0"
                )
        return int(given)

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        form, start = self._form, True
        for line in self._all():
            if not line.strip(" \t") or _is_docstart(line):
                self.skipped["-DOCSTART- line"] += _is_docstart(line)
                yield "end", []
                start = True
                continue
            row = _split(line, form.tabs)
            comment = line.startswith("#") and self._is_comment(row, start)
            if comment:
                self.skipped["comment line"] += 1
                self._check_names(line)
                if match := _SENT_ID.match(line):
                    yield "id", [match[1]]
                elif comment == "doubtful":
                    yield "doubtful", row
                continue
            if self._is_word(row):
                start = False
                yield "row", row
        yield "end", []

    def _check_names(self, line):
        match = _GLOBAL.match(line)
        if match and tuple(match[1].split()) != self._form.names:
            self.lines.refuse(
                "names other columns", "those of the first words, or # global.columns before them"
            )

    def _all(self):
        """Yield the lines that were read ahead and the others."""
        ahead = self.lines.number
        for number, line in enumerate(self._held, start=1):
            self.lines.number = number
            yield line
        self.lines.number = ahead
        yield from self._source

    def _is_comment(self, row, start):
        """Return whether a line that begins with # is a comment: True, False or "doubtful"."""
        form = self._form
        if form.numbered or len(row) != form.width:
            return True
        if not start or form.width == 1:
            return False
        if form.tabs:
            return row[0].startswith("# ")
        return "doubtful"

    def _is_word(self, row):
        """Return whether a row is a word; not a range and not an empty node."""
        form = self._form
        if len(row) != (count := len(form.names) or form.width):
            why = "as # global.columns names" if form.names else "as in the lines before"
            self.lines.refuse(f"has {len(row)} columns", f"{count}, {why}")
        if form.names[:1] != ("ID",):
            return True
        if not (match := _ID.fullmatch(row[0])):
            self.lines.refuse(f"has the id {shown(row[0])}", "a number, as CoNLL-U files have")
        if match[1]:
            self.skipped["empty node" if "." in match[1] else "range"] += 1
        return not match[1]

    def named(self, column: int) -> str:
        """Return the name of a column, or its number."""
        names = self._form.names
        return names[column] if -len(names) <= column < len(names) else str(column)

    def notes(self) -> tuple[str, ...]:
        """Return what was skipped."""
        what = [counted(n, name) for name, n in self.skipped.items() if n]
        return (f"Skipped {', '.join(what)}.",) if what else ()


def _is_docstart(line):
    return line.startswith(_DOCSTART) and re.split("[ \t]", line, maxsplit=1)[0] == _DOCSTART


def _split(line, tabs):
    return line.split("\t") if tabs else re.split("[ \t]+", line.strip(" \t"))


def _field(row, column, what, source: _Rows, known):
    if not -len(row) <= column < len(row):
        source.lines.refuse(
            f"has {len(row)} columns", f"more, because the {what} is in column {column}"
        )
    text = row[column].strip(" ")
    if not text and what == "word":
        text = row[column]  # a token of spaces
    if not text:
        source.lines.refuse(f"has an empty {what}", f"a {what} in column {source.named(column)}")
    return known.setdefault(text, text)
