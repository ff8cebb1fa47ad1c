"""The course's notebooks: blanks for students, complete for the teacher, from one source."""

import json

import pytest

from bptt.course import notebooks
from bptt.course.report import Report
from bptt.errors import DataError

SOURCES = sorted(notebooks.FOLDER.glob("*.md"))
EXERCISES = [path for path in SOURCES if "BEGIN SOLUTION" in path.read_text("utf-8")]


def code(path, student):
    cells = notebooks.notebook(path.read_text("utf-8"), student)["cells"]
    return [c for c in cells if c["cell_type"] == "code"]


def test_there_are_nine():
    assert [path.name[:2] for path in SOURCES] == [f"{k:02}" for k in range(1, 10)]
    assert len(EXERCISES) == 4


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_every_blank_is_checked(path):
    """The teacher's cell passes its own check; the student's says what is missing."""
    teacher, names = code(path, False), {}
    for cell, blank in zip(teacher, code(path, True), strict=True):
        source = "".join(cell["source"])
        if "exercise" not in cell["metadata"].get("tags", ()):
            if source.startswith(("import numpy", "import bptt", "from bptt")):
                exec(source, names)
            continue
        *body, last = source.rstrip().splitlines()
        assert last.startswith("check(")
        exec("\n".join(body), names)
        assert eval(last, names).passed
        without = "".join(blank["source"])
        assert "raise NotImplementedError" in without
        own = dict(names)
        exec("\n".join(without.rstrip().splitlines()[:-1]), own)
        report = eval(last, own)
        assert isinstance(report, Report)
        assert not report.passed
        assert "NotImplementedError" in report.sentence


def test_the_site_shows_blanks_and_folds_solutions():
    text = (notebooks.FOLDER / "02_lstm.md").read_text("utf-8")
    page = notebooks.page(text)
    assert page.count("# Your code here.") == page.count("hide-input") == 4
    assert page.count("```{code-cell}") == text.count("```{code-cell}")
    assert "SOLUTION" not in page
    assert "through_a" in page


def test_files_for_students_and_teachers(tmp_path):
    written = notebooks.write(tmp_path)
    assert len(written) == 18
    student = json.loads((tmp_path / "student" / "02_lstm.ipynb").read_text())
    teacher = json.loads((tmp_path / "teacher" / "02_lstm.ipynb").read_text())
    assert student["nbformat"] == 4
    both = ["".join(c["source"]) for c in student["cells"] + teacher["cells"]]
    assert not [text for text in both if "SOLUTION" in text or "{code-cell}" in text]
    assert any("through_a" in text for text in both[len(both) // 2 :])
    assert "](pictures/lstm_cell.svg)" in "".join(both)
    assert (tmp_path / "student" / "pictures" / "lstm_cell.svg").stat().st_size > 1000
    with pytest.raises(DataError, match="no work is lost"):
        notebooks.write(tmp_path)
