"""`bptt.course.grading` and `bptt grade`: submissions in processes of their own."""

import csv
import json
from pathlib import Path

import pytest

from bptt.course import grading
from bptt.errors import ConfigError, DataError
from tests.course import submissions
from tests.support.cli_cases import run_in

RIGHT = Path(submissions.__file__).read_text()
WRONG = RIGHT.replace("* ft * (1 - ft)\n", "* ft * (1 + ft)\n")
CELL = ["rnn_cell_forward", "rnn_forward"]


def graded(path, text, functions=CELL, **how):
    path.write_text(text)
    return next(grading.grade([path], functions, **how))


def test_a_right_and_a_wrong_submission(tmp_path):
    assert graded(tmp_path / "right.py", RIGHT, grading.FUNCTIONS).points == 8
    grade = graded(tmp_path / "wrong.py", WRONG, ["lstm_cell_forward", "lstm_cell_backward"])
    assert grade.first.function == "lstm_cell_backward"
    assert (grade.first.first, grade.first.equation) == ("dft", "(10)")
    assert "`1 + ft` in place of `1 - ft`" in grade.first.diagnosis
    assert 1 < grade.points < 2


def test_a_notebook(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# Exercise"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import numpy as np\n",
                                         "from rnn_utils import *\n", "!rm -rf /\n"]},
        {"cell_type": "code", "source": RIGHT.replace("def softmax", "def own").splitlines(True)},
        {"cell_type": "code", "source": "1 / 0\nprint(rnn_forward(None, None, None))"},
        {"cell_type": "code", "source": "%%bash\nls"},
    ]  # fmt: skip
    grade = graded(tmp_path / "a.ipynb", json.dumps({"cells": cells}))
    assert grade.points == 2, grade
    assert "not a notebook" in graded(tmp_path / "b.ipynb", "{}").error
    assert "its JSON is broken" in graded(tmp_path / "c.ipynb", '{"cells": [').error


def notebook(*cells):
    return json.dumps({"cells": [{"cell_type": "code", "source": c} for c in cells]})


def test_cells_as_learners_leave_them(tmp_path):
    """A cell that is not Python costs no other; magics of any form; tries in cells of their own."""
    cells = [
        "np.dot?",
        "files = !ls\nw = %timeit -o 1",
        f"%%time\n{RIGHT}",
        'text = """\n%d of\n!a\n"""\nassert len(text) == 10',
        "for t in range(",
        "def lstm_forward(x, a0, parameters):\n    while True: pass",
        "a, y, c, caches = lstm_forward(1, 2, 3)\nlate = [0 for _ in iter(int, 1)]",
        "if len(text) == 10:\n    K = 4\ntry:\n    import nothing_like_this\n"
        "except ImportError:\n    K += 1",
        "def rnn_cell_backward(da_next, cache):\n    raise ValueError(K)",
    ]
    functions = [*CELL, "lstm_forward", "rnn_cell_backward", "rnn_step_forward"]
    grade = graded(tmp_path / "a.ipynb", notebook(*cells), functions, seconds=4)
    assert [r.passed for r in grade.reports[:2]] == [True, True], grade
    assert "in line 2, `while True: pass`: is there a loop" in grade.reports[2].sentence
    assert grade.reports[3].sentence.endswith(": 5"), grade.reports[3]
    assert "is not defined; line" in grade.reports[4].sentence


@pytest.mark.parametrize(
    "row", ['{"function": "begun", "sentence": "x"}', '{"function": "rnn_cell_forward"}', "[]", "{",
            '{"function": "rnn_cell_forward", "passed": true, "sentence": "", "first": "", '
            '"equation": "", "diagnosis": "", "points": 1e9}'],
)  # fmt: skip
def test_an_answer_that_a_submission_has_written(tmp_path, row):
    text = "import os, sys\nf = open(sys.argv[1], 'a')\n" + f"n = f.write({row!r}), f.flush()\n"
    grade = graded(tmp_path / "a.py", text + "x = os._exit(3)\n")
    assert [r.sentence for r in grade.reports] == ["ends the process with status 3."] * 2
    assert grade.points == 0


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("while True: pass", "takes more than 1 s in line 2, `while True: pass`: is there"),
        ("import os; os._exit(3)", "ends the process with status 3"),
        ("import sys; sys.exit()", "SystemExit"),
        ("return bytearray(2**40)", "memory"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", "no network"),
        ("import _socket; _socket.socket()", "no network"),
        ("import os; os.fork()", "starts and ends no processes"),
        ("import os; os.kill(os.getppid(), 9)", "starts and ends no processes"),
        ("import subprocess; subprocess.run(['id'])", "starts and ends no processes"),
        ("raise ValueError('y' * 10**6)", "y ..."),
        ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')", "no network"),
        ("return input()", "EOFError"),
    ],
)
def test_what_a_submission_may_not_do(tmp_path, body, sentence):
    text = RIGHT + f"\ndef rnn_cell_forward(xt, a_prev, parameters):\n    {body}\n"
    seconds = 3 if "while" in body else 30
    functions = ["rnn_cell_forward", "lstm_cell_forward"]
    grade = graded(tmp_path / "a.py", text, functions, seconds=seconds)
    assert sentence.lower() in grade.reports[0].sentence.lower(), grade
    assert grade.reports[1].passed


def test_the_functions_that_are_asked_for(tmp_path):
    (tmp_path / "a.py").write_text("def lstm_forward(x, a0, parameters):\n    pass\n")
    (tmp_path / "b.py").write_text("def pad_sequences(sequences):\n    pass\n")
    paths = grading.submissions([tmp_path])
    lstm = ["lstm_cell_forward", "lstm_forward", "lstm_cell_backward", "lstm_backward"]
    assert grading.asked_for(paths) == [*lstm, "pad_sequences"]
    assert grading.asked_for([]) == list(grading.FUNCTIONS)


def test_a_submission_without_the_function(tmp_path):
    assert "line 1 is not Python" in graded(tmp_path / "a.py", "def f(:").reports[0].sentence
    assert "line 1 raises ModuleNotFoundError" in str(
        graded(tmp_path / "b.py", "import nothing_like_this").reports[0]
    )


def test_refusals(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'lstm_forward'"):
        next(grading.grade([], ["lstm_forwrd"]))
    with pytest.raises(DataError, match="no submission"):
        grading.submissions([tmp_path])
    with pytest.raises(DataError, match=r"expected \.py or \.ipynb"):
        grading.submissions([tmp_path / "a.txt"])


def test_the_command(tmp_path, capsys):
    (tmp_path / "ann.py").write_text(RIGHT)
    (tmp_path / "bob.py").write_text(WRONG)
    out = tmp_path / "grades.csv"
    assert (
        run_in(
            capsys, "grade", str(tmp_path), "--functions", "lstm_cell_backward", "--out", str(out)
        )[0]
        == 0
    )
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [Path(r["submission"]).name for r in rows] == ["ann.py", "bob.py"]
    assert rows[0]["points"] == "1"
    assert rows[1]["first wrong"] == "dft (10)"
    assert (
        run_in(
            capsys,
            "grade",
            str(tmp_path),
            "--functions",
            "lstm_cell_backward",
            "--out",
            f"{out}.json",
        )[0]
        == 0
    )
    assert json.loads(Path(f"{out}.json").read_text())[0]["points"] == 1
