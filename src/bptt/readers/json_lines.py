"""JSON lines: on each line an object with a sequence under one key and its label under another."""

import contextlib
import json
import re

import numpy as np

from ..checks import is_number, is_whole
from ..errors import operation
from ..safe_files import parse_json
from .data import Data, Path
from .lines import Lines, counted, shown

FLOAT64_MAX = float(np.finfo(np.float64).max)
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no file can hold


@operation
def read_json_lines(
    path: Path,
    *,
    sequence: str = "sequence",
    label: str | None = "label",
    per_step: bool | None = None,
    numeric: bool = False,
    encoding: str | None = None,
) -> Data:
    """Read sequences from a file with a JSON object on each line.

    Parameters
    ----------
    path : path-like
    sequence : str
        Key of the sequence: a text, a list of words, a list of numbers (one feature), or a list of
        lists of n numbers; the same kind on every line. In place of a number, null is a missing
        value.
    label : str or None
        Key of the label, or of a list with a label for each step; the same kind on every line. A
        label is a text, a whole number or a boolean. None: read no labels.
    per_step : bool, optional
        True: each sequence has a list of labels; False: one label. Default: either.
    numeric : bool
        The label is a number to predict.
    encoding : str, optional
        Of a file without a byte-order mark. Default: UTF-8.

    Returns
    -------
    Data
        X : list of str, of list of str, or of ndarray of float64, shape (T, n); y : list of str, of
        list of str, of float (`numeric`), or None. Whole numbers become str, also where they are
        written as 1.0; booleans become "true" and "false".

    Raises
    ------
    DataError
        The file cannot be read; a line is not a JSON object, lacks a key, or holds another kind of
        sequence or label than the lines before it; a list of labels does not fit its sequence.
    """
    lines = Lines(path, encoding)
    X, y, kinds, rounded = [], [], {}, 0
    for line in lines:
        if not line.strip():
            continue
        row = _object(line, lines)
        value = _entry(row, sequence, lines)
        x = _sequence(value, sequence, lines)
        rounded += _rounded(value, x)
        _hold_to(kinds, sequence, _kind(x), lines)
        X.append(x)
        if label is not None:
            value = _entry(row, label, lines)
            target = _number(value, label, lines) if numeric else _label(value, label, lines)
            _check_nesting(target, x, label, per_step, lines)
            _hold_to(kinds, label, _kind_of_label(target), lines)
            y.append(target)
    if not X:
        lines.refuse_file("holds no sequence", "a JSON object on each line")
    notes = ()
    if rounded:
        notes = (f"Rounded {counted(rounded, 'whole number')} beyond 2**53 to float64.",)
    return Data(X, None if label is None else y, notes=notes)


def _object(line, lines: Lines):
    try:
        return parse_json(line)
    except RecursionError:
        lines.refuse("is nested too deeply", "one JSON object on each line")
    except ValueError as error:
        null = ", with null for a missing value" if "not a finite" in str(error) else ""
        lines.refuse(
            f"is invalid ({shown(str(error), 100, '')})", f"one JSON object on each line{null}"
        )


def _entry(row, key, lines: Lines):
    if key not in row:
        keys = ", ".join(shown(name) for name in list(row)[:10]) or "no key"
        lines.refuse(f"has {keys}", f"also {shown(key)}")
    return row[key]


def _sequence(value, key, lines: Lines):
    """Return a str, a list of str, or an array (T, n)."""
    if _is_text(value) or (isinstance(value, list) and value and all(map(_is_text, value))):
        return value
    if not isinstance(value, list) or not value or isinstance(value[0], str):
        lines.refuse(
            f"has {_named(value)} in {shown(key)}",
            "a text, a list of words, of numbers, or of lists of as many numbers each",
        )
    several = any(isinstance(v, list) for v in value)
    rows = value if several else [[v] for v in value]
    n = next(len(row) for row in rows if isinstance(row, list))
    for t, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != n or n == 0:
            expected = f"a list of {n} numbers, as the first one has" if n else "numbers"
            lines.refuse(f"has {_named(row)} at step {t} of {shown(key)}", expected)
        wrong = next((v for v in row if v is not None and not _is_finite(v)), None)
        if wrong is not None:
            lines.refuse(
                f"has {_named(wrong)} at step {t} of {shown(key)}",
                "finite numbers, or null where one is missing",
            )
    return np.array(rows, np.float64)  # null becomes NaN


def _rounded(value, x):
    """Return how many whole numbers of a sequence float64 cannot hold."""
    if not isinstance(x, np.ndarray) or not (np.abs(x) > 2**53).any():
        return 0
    flat = (v for row in value for v in (row if isinstance(row, list) else [row]))
    return sum(is_whole(v) and int(float(v)) != v for v in flat)


def _is_text(value):
    return isinstance(value, str) and value != "" and not _SURROGATE.search(value)


def _is_finite(value):
    return is_number(value) and -FLOAT64_MAX <= value <= FLOAT64_MAX


def _number(value, key, lines: Lines):
    """Return a number to predict; it may be written as a text."""
    if _is_text(value):
        with contextlib.suppress(ValueError):
            value = float(value) if value.isascii() and "_" not in value else value
    if not _is_finite(value):
        lines.refuse(
            f"has {_named(value)} in {shown(key)}",
            "a finite number to predict (classes are for bptt train classify)",
        )
    return float(value)


def _label(value, key, lines: Lines):
    """Return a label as text, or a list of labels."""
    if isinstance(value, bool):
        return json.dumps(value)
    if is_whole(value) or _is_text(value):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list) and value and not any(isinstance(v, list) for v in value):
        return [_label(v, key, lines) for v in value]
    number = isinstance(value, float)
    lines.refuse(
        f"has {_named(value)} in {shown(key)}",
        "a text, a whole number or a boolean, or a list of them"
        + " (numbers to predict are for bptt train regress)" * number,
    )


def _check_nesting(target, x, key, per_step, lines: Lines):
    several = isinstance(target, list)
    if several and per_step is False:
        lines.refuse(
            f"has a list of {len(target)} labels in {shown(key)}",
            "one label (a label for each step is for bptt train tag)",
        )
    if per_step and not several:
        lines.refuse(
            f"has the label {shown(target)} in {shown(key)}",
            "a list with a label for each step (one label is for bptt train classify)",
        )
    if several and len(target) != len(x):
        lines.refuse(f"has {len(target)} labels", f"{len(x)}, one for each step")


def _kind_of_label(target):
    return "a list of labels" if isinstance(target, list) else "a label"


def _kind(x):
    if isinstance(x, np.ndarray):
        return f"steps of {x.shape[1]} numbers"
    return "a text" if isinstance(x, str) else "a list of words"


def _hold_to(kinds, key, kind, lines: Lines):
    first = kinds.setdefault(key, kind)
    if kind != first:
        lines.refuse(f"has {kind} in {shown(key)}", f"{first}, as in the lines before")


def _named(value):
    if value == "":
        return "an empty text"
    if value == [] or value is None:
        return "an empty list" if value == [] else "null"
    names = {dict: "an object", list: "a list", str: "a text"}
    return f"{names.get(type(value), 'the value')} {shown(json.dumps(value))}"
