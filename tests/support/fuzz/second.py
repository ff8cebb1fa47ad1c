"""Second readers: other programs' reading of a file, which must not contradict ours.

Each takes a path and returns (X, y) as lists of plain values, or None where that program refuses
the file, or is known to read something else by a rule that its comment names.
"""

import codecs
import csv
import io
import json
import re

import numpy as np

_MARKS = [
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]


def text_of(path):
    """Decode a file; None where Python cannot. The ends of its lines become one."""
    data = path.read_bytes()
    name = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(name)
    except UnicodeError:
        return None
    return re.sub("\r{0,2}\n|\r", "\n", text)


def agrees(data, second):
    """Return whether a second reader could read the file; raise where it contradicts."""
    if second is None:
        return False
    X, y = second
    assert len(X) == len(data.X), "another number of sequences"
    for ours, theirs in zip(data.X, X, strict=True):
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, np.array(theirs, float).reshape(ours.shape))
        else:
            assert list(ours) == list(theirs)
    assert y is None or data.y == y
    return True


def with_json(path, sequence="sequence", label="label"):
    """Read JSON lines with the json module."""
    text = text_of(path)
    if text is None:
        return None
    X, y = [], []
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            X.append(_steps(row[sequence]))
            y.append(_label_text(row[label]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
    return X, y


def _steps(value):
    if isinstance(value, str) or isinstance(value[0], str):
        return value
    return [[np.nan if v is None else float(v) for v in np.atleast_1d(np.array(row, object))]
            for row in value]  # fmt: skip


def _label_text(value):
    if isinstance(value, list):
        return [_label_text(v) for v in value]
    if isinstance(value, str):
        return value
    return json.dumps(int(value) if not isinstance(value, bool) else value)


def with_conllu(path, form="form", tag="upos", fields=None):
    """Read a CoNLL-U file with the conllu package."""
    import conllu

    if (text := text_of(path)) is None:
        return None
    for line in text.split("\n"):
        # It removes white space of every kind at both ends of a line, separates at two spaces
        # where there are tabs but not at one, and takes lines that begin with # for comments in any
        # format. A line of ten columns is CoNLL-U for us, whatever the names of `fields`.
        own = line.strip(" \t")
        if line[:1].strip() != line[:1] or (own and not own.strip()) or _is_white(own[-1:]):
            return None
        if "\t" in line and ("  " in line or (fields and line.startswith("#"))):
            return None
        if fields and len(re.split(r"\t| {2,}", line.strip())) == 10:
            return None
        if "\t" not in line and not line.startswith("#") and re.search("(?<! ) (?! )", line):
            return None
    try:
        sentences = [s for s in conllu.parse(text, fields=fields) if len(s)]
        widths = {len(t) for s in sentences for t in s}
        if len(widths) > 1 or (fields is None and "global.columns" not in text and widths != {10}):
            return None  # it takes lines with columns too few
        words = [[t for t in s if not isinstance(t.get("id"), tuple)] for s in sentences]
        words = [s for s in words if s]
        X = [[_stripped(t[form]) for t in s] for s in words]
        return X, [[t[tag].strip(" ") for t in s] for s in words]
    except (conllu.exceptions.ParseException, KeyError, AttributeError, ValueError):
        return None


def _is_white(character):
    return character != "" and not character.strip()


def _stripped(word):
    return word.strip(" ") or word


def with_spaces(path):
    """Read words and tags separated by spaces, as common scripts for CoNLL-2003 do."""
    text = text_of(path)
    if text is None or re.search("^([# \t]|-DOCSTART-[^ \n])", text, re.MULTILINE) or "\t" in text:
        return None
    X, y = [[]], [[]]
    for line in text.split("\n"):
        if line.startswith("-DOCSTART-") or line == "":
            X.append([])
            y.append([])
            continue
        splits = line.rstrip(" ").split(" ")
        X[-1].append(splits[0])
        y[-1].append(splits[-1])
    return [x for x in X if x], [t for t in y if t]


def with_split(path):
    """Read a .ts file by splitting at colons and commas."""
    if (text := text_of(path)) is None:
        return None
    bare = re.sub(r"^\s*[#%].*$", "", text, flags=re.MULTILINE)
    head, *body = re.split(r"^\s*@data.*$", bare, maxsplit=1, flags=re.MULTILINE | re.IGNORECASE)
    head, rest = head.lower(), "".join(body).split("\n")
    flags = dict(re.findall(r"^\s*@(\w+)[ \t]+(true|false)", head, re.MULTILINE))
    labeled = "true" in (flags.get("classlabel"), flags.get("targetlabel"))
    X, y = [], []
    try:
        for line in rest:
            if not line.strip():
                continue
            line = re.sub(r"\(([^()]*),([^(),]*)\)", r"\2", line)
            *channels, label = line.split(":") if labeled else [*line.split(":"), ""]
            values = [[_value(v) for v in c.split(",")] for c in channels]
            X.append(list(map(list, zip(*values, strict=True))))
            y.append(label.strip())
    except ValueError:
        return None
    if flags.get("equallength") != "false" and len({len(x) for x in X}) == 1:
        X = [_without_end(x) for x in X]
    if not labeled:
        return X, None
    return X, [float(v) for v in y] if flags.get("targetlabel") == "true" else None


def _value(text):
    return float("nan" if text.strip() == "?" else text)


def _without_end(x):
    full = [t for t, step in enumerate(x) if not np.isnan(step).all()]
    return x[: full[-1] + 1] if full else x


_MISSING = ("", "?", "na", "n/a", "nan", "null", "none")


def rows_with_csv(path, separator):
    """Return the rows of a table that the csv module reads; None where it refuses."""
    if (text := text_of(path)) is None:
        return None
    try:
        file, rule = io.StringIO(text, newline=""), {"strict": True, "skipinitialspace": True}
        return list(csv.reader(file, delimiter=separator, **rule))
    except csv.Error:
        return None


def rows_with_pandas(path, separator):
    """Return the rows of a table that pandas reads as text, without any guess."""
    import pandas as pd

    if (text := text_of(path)) is None:
        return None
    strict = {"dtype": str, "keep_default_na": False, "na_filter": False, "header": None}
    strict["skipinitialspace"] = True  # a quote after spaces begins a field
    try:
        table = pd.read_csv(io.StringIO(text), sep=separator, on_bad_lines="error", **strict)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError):
        return None
    return table.to_numpy().tolist()


def frame_agrees(frame, rows):
    """Return whether a second reader could read a table; raise where it contradicts."""
    if rows is None:
        return False
    if any(str(f).strip() != str(f).strip(" \t\n") for row in rows for f in row):
        return False  # other white space, which is text for us
    rows = [[str(field).strip() for field in row] for row in rows if row]
    if ["" for row in rows if row == [""]]:
        return False  # a blank line of spaces, or a quoted field without content
    whole = len(rows)
    while len(rows) > 1 and not any(rows[-1]):
        rows.pop()
    if len(frame) == whole - 1 > len(rows) - 1:
        return False  # a last row of quoted fields without content
    if len({len(row) for row in rows}) > 1:  # a separator at the end of some rows
        while rows[0] and not any(row[-1] if row else "" for row in rows):
            rows = [row[:-1] for row in rows]
    if len({len(row) for row in rows}) != 1:
        return False  # pandas fills short rows, csv returns them
    there = [at for at in range(len(rows[0])) if any(row[at] for row in rows)]
    rows = [[row[at] for at in there] for row in rows]  # without empty columns without a name
    if not rows[0]:
        return False
    _, *rows = rows
    assert frame.shape == (len(rows), len(rows[0]) if rows else frame.shape[1])
    for at in range(frame.shape[1]):
        column = frame.iloc[:, at]
        for ours, theirs in zip(column.tolist(), (row[at] for row in rows), strict=True):
            missing = theirs.lower() in _MISSING
            if column.dtype.kind == "i":
                assert ours == int(float(theirs)) or ours == int(theirs)
            elif column.dtype.kind in "fu":
                assert np.isnan(ours) if missing else ours == float(theirs)
            else:
                empty = ours is None or ours != ours
                assert (missing and empty) or str(ours).strip() == theirs
    return True
