"""A folder of submissions: ``python -m tests.course.folder FOLDER`` writes 200 for ``bptt grade``.

Of ten, five are notebooks and five are ``.py`` files; one is right, the others have one token of
one equation changed. One of a hundred has a loop without an end. One ends the process, one is no
Python, and one is empty.
"""

import ast
import inspect
import json
import sys
from pathlib import Path

from bptt.course.grading import FUNCTIONS
from tests.course import submissions
from tests.course.diagnosis import broken_steps

RIGHT = Path(submissions.__file__).read_text("utf-8")
ODD = {
    17: "\ndef rnn_cell_forward(xt, a_prev, parameters):\n    while True:\n        pass\n",
    58: "\nimport os\n\ndef lstm_forward(*x):\n    os._exit(3)\n",
    117: "\ndef lstm_forward(x, a0, parameters):\n    t = 0\n    while t < 1:\n        t = t\n",
    138: "\ndef rnn_forward(x, a0:\n",
}


def write(folder: Path, count: int = 200) -> None:
    """Write submissions into a folder."""
    folder.mkdir(parents=True)
    broken = [f for _, name, _, f in broken_steps() if name in FUNCTIONS]
    for k in range(count):
        text = RIGHT + ODD.get(k, "") if k != 178 else ""
        if k % 10 and k not in ODD and text:
            wrong = broken[k * len(broken) // count]
            own = inspect.getsource(getattr(submissions, wrong.__name__))
            text = text.replace(own, wrong.text + "\n")
        if k % 2:
            (folder / f"student{k:03}.py").write_text(text, "utf-8")
            continue
        cells = [{"cell_type": "code", "source": part.splitlines(True)} for part in _cells(text)]
        (folder / f"student{k:03}.ipynb").write_text(json.dumps({"cells": cells}), "utf-8")


def _cells(text):
    """Return the statements of a file, each for a cell of its own."""
    try:
        return [ast.unparse(statement) for statement in ast.parse(text).body]
    except SyntaxError:
        return [text]


if __name__ == "__main__":
    write(Path(sys.argv[1]))
