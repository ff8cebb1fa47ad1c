"""What must hold of a data file that loads: it reads the same once it is written again.

A second reader that reads the file too must agree.
"""

import csv
import io
import json

import numpy as np

from bptt.corpus import read_documents, read_text
from bptt.readers import Data, read_frame
from tests.support.fuzz.second import agrees, frame_agrees, rows_with_csv, rows_with_pandas


def check_data(read, write, second=None, reread=None):
    """Return a check for a reader, the writer of its format, and a second reader of it.

    `reread` reads what was written, if that is another call. ``check(path)`` returns whether the
    second reader could read the file too; it must then agree.
    """

    def check(path):
        data = read(path)
        agreed = second is not None and agrees(data, second(path))
        assert_data(data, path.stat().st_size)
        again = path.with_name("again" + path.suffix)
        again.write_bytes(write(data).encode())
        other = (reread or read)(again)
        assert len(other.X) == len(data.X)
        assert other.y == data.y
        for x, x_again in zip(data.X, other.X, strict=True):
            np.testing.assert_array_equal(x, x_again)
        return agreed

    return check


def check_frame(separator):
    """Return a check that a table is read as by the csv module and by pandas."""

    def check(path):
        frame = read_frame(path, separator=separator, header=True)
        if (rows := rows_with_csv(path, separator)) is None:  # pandas is not as strict
            return False
        with_csv = frame_agrees(frame, rows)
        return frame_agrees(frame, rows_with_pandas(path, separator)) or with_csv

    return check


def assert_data(data, size):
    """Assert what a reader promises."""
    assert isinstance(data, Data)
    assert data.X
    assert data.y is None or len(data.y) == len(data.X)
    arrays = isinstance(data.X[0], np.ndarray)
    for k, x in enumerate(data.X):
        assert len(x) > 0
        assert isinstance(x, np.ndarray) == arrays
        if arrays:
            assert x.dtype in (np.float32, np.float64)
            assert x.ndim == 2
            assert x.shape[1] == data.X[0].shape[1] > 0
            assert not np.isinf(x).any()
        if data.y is not None and isinstance(data.y[k], list):
            assert len(data.y[k]) == len(x)
    assert sum(x.size if arrays else len(x) for x in data.X) <= size  # nothing out of nothing


def numbers(values):
    return ",".join(map(repr, np.asarray(values, float).tolist()))


def write_table(data, header):
    rows = io.StringIO()
    write = csv.writer(rows)
    write.writerow(header)
    for k, x in enumerate(data.X):
        steps = x.tolist() if len(header) > 2 else [[x]] if isinstance(x, str) else [x[:, 0]]
        for t, step in enumerate(steps):
            y = data.y[k] if data.y else None
            label = [] if y is None else [y[t] if isinstance(y, list) else y]
            write.writerow([k] * ("who" in header) + list(step) + label)
    return rows.getvalue()


def write_rows(data):
    """Write sequences of one feature as rows, after their labels; shorter rows end in NaN."""
    width = max(map(len, data.X))
    lines = ["\t".join(["y", *["x"] * width])]
    for x, y in zip(data.X, data.y, strict=True):
        lines.append("\t".join([y, *map(repr, x[:, 0].tolist()), *["NaN"] * (width - len(x))]))
    return "\n".join(lines)


def write_series(data):
    """Write one series without its times."""
    lines = [",".join(["x"] * data.X[0].shape[1]), *map(numbers, data.X[0])]
    return "\n".join(lines)


def write_conll(data):
    """Write a CoNLL-U Plus file, in which # is a word wherever it stands."""
    head, parts = "# global.columns = ID FORM UPOS\n", []
    for x, y in zip(data.X, data.y, strict=True):
        rows = enumerate(zip(x, y, strict=True), start=1)
        parts.append("".join(f"{k}\t{w}\t{t}\n" for k, (w, t) in rows))
    return head + "\n".join(parts)


def write_ts(data):
    head, tails = "@equalLength false\n", [""] * len(data.X)
    if data.y is not None:
        tails = [f":{y!r}" if isinstance(y, float) else f":{y}" for y in data.y]
        named = isinstance(data.y[0], str)
        head += f"@classLabel true {' '.join(data.y)}\n" if named else "@targetLabel true\n"
    cases = (":".join(map(numbers, x.T)) + tail for x, tail in zip(data.X, tails, strict=True))
    return head + "@data\n" + "\n".join(cases)


def write_json_lines(data):
    rows = zip(data.X, data.y, strict=True)
    return "\n".join(json.dumps({"sequence": plain(x), "label": y}) for x, y in rows)


def plain(x):
    """Return a sequence as JSON has it: null for NaN."""
    if not isinstance(x, np.ndarray):
        return x
    return [[None if np.isnan(v) else v for v in step] for step in x.tolist()]


def check_text(path):
    """Check both readers of text."""
    text = read_text(path)
    assert text
    assert "\r" not in text
    assert "\0" not in text
    lines = read_documents(path, "line")
    assert lines == [line for line in text.split("\n") if line.strip()]
    assert all(part in text for part in read_documents(path, "paragraph"))
