"""A line of `bptt.course` in a test file of otter-grader, and in a cell of nbgrader.

``python -m tests.course.graders`` installs both graders and bptt (without the engine) into
build/graders-venv, or takes ``--python``, which has them; a right and a wrong submission are graded
by each, as a teacher does: ``otter generate`` and ``otter run``; ``nbgrader generate_assignment``,
``autograde`` and ``export``. Two of three points are for `lstm_cell_backward`, whose derivative of
the forget gate is wrong in the wrong submission.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINE = "from bptt.course.public_tests import *; {0}_test({0})"
POINTS = {"rnn_cell_forward": 1, "lstm_cell_backward": 2}
RIGHT = (ROOT / "tests/course/submissions.py").read_text("utf-8")
WRONG = RIGHT.replace("* ft * (1 - ft)\n", "* ft * (1 + ft)\n")
EXPECTED = {"right": 3.0, "wrong": 1.0}


def notebook(*cells: dict) -> str:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": list(cells), "metadata": {"kernelspec": kernel},
                       "nbformat": 4, "nbformat_minor": 5})  # fmt: skip


def code(name: str, source: str, **metadata) -> dict:
    return {"cell_type": "code", "id": name, "source": source, "outputs": [],
            "execution_count": None, "metadata": metadata}  # fmt: skip


def run(python: Path, folder: Path, program: str, *arguments: str) -> str:
    """Run a grader's command line; return what it printed."""
    path = os.pathsep.join((str(python.parent), os.environ["PATH"]))
    ended = subprocess.run(
        [str(python), "-m", program, *arguments],
        cwd=folder, env=os.environ | {"PATH": path}, text=True, capture_output=True, check=False,
    )  # fmt: skip
    if ended.returncode:
        sys.exit(f"{program} {' '.join(arguments)}:\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout + ended.stderr


def otter(python: Path, folder: Path) -> tuple[dict[str, float], str]:
    """Grade both submissions by otter-grader; return the points and what the learner is told."""
    (folder / "tests").mkdir(parents=True)
    for name, points in POINTS.items():
        case = {"code": f">>> {LINE.format(name)}\n{name}: all tests passed.", "hidden": False}
        test = {"name": name, "points": points, "suites": [{"cases": [case], "type": "doctest"}]}
        (folder / f"tests/{name}.py").write_text(f"OK_FORMAT = True\ntest = {test!r}\n")
    run(
        python,
        folder,
        "otter",
        "generate",
        "-t",
        "tests",
        "-o",
        "autograder.zip",
        "--no-environment",
    )
    found, told = {}, ""
    for student, text in (("right", RIGHT), ("wrong", WRONG)):
        (folder / f"{student}.ipynb").write_text(notebook(code("hers", text)))
        (folder / student).mkdir()
        run(
            python,
            folder,
            "otter",
            "run",
            "-a",
            "autograder.zip",
            "-o",
            student,
            f"{student}.ipynb",
        )
        results = json.loads((folder / student / "results.json").read_text())
        tests = [t for t in results["tests"] if "score" in t]
        found[student] = sum(float(t["score"]) for t in tests)
        told += "".join(t["output"] for t in tests)
    return found, told


def nbgrader(python: Path, folder: Path) -> tuple[dict[str, float], str]:
    """Grade both submissions by nbgrader; return the points and what the learner is told."""

    def marked(name: str, **what) -> dict:
        return {"nbgrader": {"schema_version": 3, "grade_id": name, "grade": False, "task": False,
                             "solution": False, "locked": False} | what}  # fmt: skip

    def test(name: str) -> dict:
        metadata = marked(f"test-{name}", grade=True, points=POINTS[name], locked=True)
        return code(f"test-{name}", LINE.format(name), **metadata)

    hidden = f"### BEGIN SOLUTION\n{RIGHT}\n### END SOLUTION\n"

    def written(place: str, source: str) -> None:
        path = folder / place / "lstm.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(
            notebook(code("hers", source, **marked("hers", solution=True)), *map(test, POINTS))
        )

    folder.mkdir()
    (folder / "nbgrader_config.py").write_text('get_config().CourseDirectory.course_id = "rnn"\n')
    written("source/week5", hidden)
    run(python, folder, "nbgrader", "generate_assignment", "week5")
    released = (folder / "release/week5/lstm.ipynb").read_text()
    assert "NotImplementedError" in released
    assert "def lstm_cell_backward" not in released
    for student, text in (("right", RIGHT), ("wrong", WRONG)):
        written(f"submitted/{student}/week5", text)
    run(python, folder, "nbgrader", "autograde", "week5")
    run(python, folder, "nbgrader", "export")
    rows = csv.DictReader((folder / "grades.csv").read_text().splitlines())
    graded = (folder / "autograded/wrong/week5/lstm.ipynb").read_text()
    return {row["student_id"]: float(row["score"]) for row in rows}, graded


def environment() -> Path:
    """Return the Python of an environment with both graders and this checkout."""
    python = ROOT / "build/graders-venv/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "otter-grader", "nbgrader", "-C",
         "wheel.cmake=false", "-C", "wheel.py-api=py3", str(ROOT)], check=True,
    )  # fmt: skip
    return python


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, help="an environment's Python with both and bptt")
    python = parser.parse_args().python or environment()
    with tempfile.TemporaryDirectory() as folder:
        for grader in (otter, nbgrader):
            points, told = grader(python, Path(folder) / grader.__name__)
            print(
                f"{grader.__name__}: right {points['right']:g} of 3, wrong {points['wrong']:g} of 3"
            )
            print(
                f"  {re.search(r'lstm_cell_backward: not yet.*?fit this mistake: [^.]*', told)[0]}"
            )
            assert points == EXPECTED, points
