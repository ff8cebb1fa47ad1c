"""JSON lines: on each line an object with a sequence under one key and its label under another."""

import json
import re

import numpy as np

from ..checks import FLOAT32_MAX, is_number, is_whole
from ..errors import operation
from ..safe_files import parse_json
from .data import Data, Path
from .lines import Lines, shown

_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no file can hold


@operation
def read_json_lines(path: Path, *, sequence: str = "sequence", label: str | None = "label") -> Data:
    """Read sequences from a file with a JSON object on each line.

    Parameters
    ----------
    path : path-like
    sequence : str
        Key of the sequence: a text, a list of words, a list of numbers (one feature), or a list of
        lists of n numbers; the same kind on every line.
    label : str or None
        Key of the label: a text or a whole number, or a list with one for each step; the same kind
        on every line. None: read no labels.

    Returns
    -------
    Data
        X : list of str, of list of str, or of ndarray of float32, shape (T, n); y : list of str, of
        list of str, or None. Whole numbers become str.

    Raises
    ------
    DataError
        The file cannot be read; a line is not a JSON object, lacks a key, or holds another kind of
        sequence or label than the lines before it; a list of labels does not fit its sequence.
    """
    lines = Lines(path)
    X, y, kinds = [], [], {}
    for line in lines:
        if not line.strip():
            continue
        row = _object(line, lines)
        x = _sequence(_entry(row, sequence, lines), sequence, lines)
        _hold_to(kinds, sequence, _kind(x), lines)
        X.append(x)
        if label is None:
            continue
        target = _label(_entry(row, label, lines), label, lines)
        _hold_to(kinds, label, "a list of labels" if type(target) is list else "a label", lines)
        if type(target) is list and len(target) != len(x):
            lines.refuse(f"has {len(target)} labels", f"{len(x)}, one for each step")
        y.append(target)
    if not X:
        lines.refuse_file("holds no sequence", "a JSON object on each line")
    return Data(X, None if label is None else y)


def _object(line, lines: Lines):
    try:
        return parse_json(line)
    except RecursionError:
        lines.refuse("is nested too deeply", "a JSON object")
    except ValueError as error:
        lines.refuse(f"is invalid ({shown(str(error), 100, '')})", "a JSON object")


def _entry(row, key, lines: Lines):
    if key not in row:
        keys = ", ".join(shown(name) for name in list(row)[:10]) or "no key"
        lines.refuse(f"has {keys}", f"also {shown(key)}")
    return row[key]


def _sequence(value, key, lines: Lines):
    """Return a str, a list of str, or an array (T, n)."""
    if _is_text(value):
        return value
    if isinstance(value, list) and value:
        if all(map(_is_text, value)):
            return value
        rows = value if isinstance(value[0], list) else [[v] for v in value]
        n = len(rows[0])
        if n and all(
            isinstance(row, list) and len(row) == n and all(map(_is_number, row)) for row in rows
        ):
            return np.array(rows, np.float32)
    lines.refuse(
        f"has {_named(value)} in {shown(key)}",
        "a text, a list of words, of finite numbers, or of lists of as many finite numbers each",
    )


def _is_text(value):
    return isinstance(value, str) and value != "" and not _SURROGATE.search(value)


def _is_number(value):
    return is_number(value) and -FLOAT32_MAX <= value <= FLOAT32_MAX


def _label(value, key, lines: Lines):
    if is_whole(value) or _is_text(value):
        return str(value)
    if isinstance(value, list) and value and not any(isinstance(v, list) for v in value):
        return [_label(v, key, lines) for v in value]
    lines.refuse(
        f"has {_named(value)} in {shown(key)}", "a text or a whole number, or a list of them"
    )


def _kind(x):
    if isinstance(x, np.ndarray):
        return f"steps of {x.shape[1]} numbers"
    return "a text" if isinstance(x, str) else "a list of words"


def _hold_to(kinds, key, kind, lines: Lines):
    first = kinds.setdefault(key, kind)
    if kind != first:
        lines.refuse(f"has {kind} in {shown(key)}", f"{first}, as in the lines before")


def _named(value):
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return f"{names.get(type(value), 'the value')} {shown(json.dumps(value))}"
