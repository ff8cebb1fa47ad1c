"""What is fuzzed: small files of every kind, and what must hold for one that still loads.

A target is a list of seeds, (name, bytes, check). ``check(path)`` loads a file and asserts what
must hold of its content, or raises BpttError; anything else that it raises is a fault.
"""

import csv
import io
import json
import os
import signal
import time
import warnings

import numpy as np

from bptt.corpus import read_documents, read_text
from bptt.errors import DataError
from bptt.readers import Data, read_conll, read_json_lines, read_series, read_table, read_ts
from tests.support.fuzz.models import checkpoint_seeds

# Data files: one that loads holds what is asked for, and reads the same once it is written again.


def check_data(read, write):
    """Return a check for a reader, and the writer of its format."""

    def check(path):
        data = read(path)
        assert_data(data, path.stat().st_size)
        again = path.with_name("again" + path.suffix)
        again.write_bytes(write(data).encode())
        other = read(again)
        assert len(other.X) == len(data.X)
        assert other.y == data.y
        for x, x_again in zip(data.X, other.X, strict=True):
            np.testing.assert_array_equal(x, x_again)

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


def conll_u(n):
    rows = [f"{k + 1}\tw{k}\t_\tNOUN\t" + "\t".join("______") for k in range(n)]
    return "# text = x\n1-2\tw\t" + "\t".join("________") + "\n" + "\n".join(rows) + "\n\n"


DATA_SEEDS = [
    (
        "grouped.csv",
        b"who,speed,size,kind\na,1,2,x\na,5,-6e-1,x\nb,3,4.5,y\n",
        check_data(
            lambda p: read_table(p, sequence=0, label=-1),
            lambda d: write_table(d, ["who", *["x"] * d.X[0].shape[1], "kind"]),
        ),
    ),
    (
        "texts.csv",
        b'name,kind\n"Smith, John",x\nO\'Hara,y\n"a ""b""\nc",x\n',
        check_data(lambda p: read_table(p, text=0, label=1), lambda d: write_table(d, ["n", "k"])),
    ),
    (
        "rows.tsv",
        b"1\t0.5\t2\n2\t1.5\t3\n1\t2.5\t4\n",
        check_data(
            lambda p: read_table(p, label=0),
            lambda d: "".join(
                y + "".join(f"\t{v!r}" for v in x[:, 0].tolist()) + "\n"
                for x, y in zip(d.X, d.y, strict=True)
            ),
        ),
    ),
    (
        "series.csv",
        b"date;load;temp\n2016-07-01 00:00;5.8;30.5\n2016-07-01 01:00;5.6;27.7\n",
        check_data(
            read_series,
            lambda d: (
                "date,"
                + ",".join("x" * d.X[0].shape[1])
                + "\n"
                + "".join(f"d,{numbers(row)}\n" for row in d.X[0])
            ),
        ),
    ),
    (
        "words.tsv",
        b"# s 1\nthe\tDET\ncat\tNOUN\n\n#\tSYM\nsat\tVERB\n",
        check_data(read_conll, write_conll),
    ),
    ("words.conllu", (conll_u(2) + conll_u(1)).encode(), check_data(read_conll, write_conll)),
    ("spaces.txt", b"EU B-ORG\nrejects O\n\nPeter B-PER\n", check_data(read_conll, write_conll)),
    (
        "labeled.ts",
        b"#c\n@problemName P\n@timeStamps false\n@missing false\n@univariate false\n@dimensions 2\n"
        b"@equalLength false\n@classLabel true a b\n@data\n1,2:3,4:a\n5.5,6:7,8:b\n9:1e-3:a\n",
        check_data(read_ts, write_ts),
    ),
    (
        "target.ts",
        b"@univariate true\n@equalLength true\n@seriesLength 2\n@targetlabel true\n@data\n"
        b"1,2:0.5\n3,4:-7\n",
        check_data(read_ts, write_ts),
    ),
    (
        "objects.jsonl",
        b'{"sequence": [[1, 2], [3, 4.5]], "label": "x"}\n'
        b'{"label": "y", "sequence": [[-5e-1, 6]], "more": {"a": [null, "b"]}}\n',
        check_data(read_json_lines, write_json_lines),
    ),
    (
        "tagged.jsonl",
        '{"sequence": ["le", "été"], "label": ["D", 1]}\n'
        '{"sequence": ["a"], "label": [2]}'.encode(),
        check_data(read_json_lines, write_json_lines),
    ),
    ("text.txt", "\ufeffAll's well,\r\nsaid é.\n\n \nNew\n".encode(), check_text),
]


# Faults of every kind, to show that the fuzzer sees them.


def faulty(how):
    """Return a check that fails in one way."""

    def check(path):
        match how:
            case "dies":
                os.abort()
            case "another error":
                raise KeyError("not ours")
            case "warns":
                warnings.warn("not ours", stacklevel=1)
            case "loops":
                while True:
                    pass
            case "deaf":
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
                time.sleep(1000)
            case "greedy":
                bytearray(2**40)
            case "refuses":
                raise DataError("refused")

    return how, b"seed", check


FAULTS = ["dies", "another error", "warns", "loops", "deaf", "greedy", "refuses", "loads"]
TARGETS = {
    "data": lambda: DATA_SEEDS,
    "checkpoints": checkpoint_seeds,
    "faults": lambda: [faulty(how) for how in FAULTS],
}
