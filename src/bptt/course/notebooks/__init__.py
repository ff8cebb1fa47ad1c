"""The course's notebooks, and how they are written for students and teachers.

A notebook is a Markdown file (MyST): text, and code in fences of ``{code-cell}``. In a cell with
the tag ``exercise`` the lines between BEGIN SOLUTION and END SOLUTION are the student's to write.
"""

import json
import re
from pathlib import Path
from typing import Any

from ...errors import DataError, operation
from .. import pictures

FOLDER = Path(__file__).parent
_FENCE = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```\n?", re.MULTILINE | re.DOTALL)
_TAGS = re.compile(r"^:tags: \[(.*)\]\n+")
_SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION\n", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"^ *### (BEGIN|END) SOLUTION\n", re.MULTILINE)


@operation
def write(folder: str | Path) -> list[Path]:
    """Write the notebooks into ``student`` and ``teacher`` below a folder, with their pictures.

    Raises
    ------
    DataError
        A file of that name is there: a student's work is never overwritten.
    """
    written: list[Path] = []
    for kind in ("student", "teacher"):
        target = Path(folder) / kind
        for source in sorted(FOLDER.glob("*.md")):
            path = target / f"{source.stem}.ipynb"
            if path.exists():
                raise DataError(f"{path} exists; expected a new folder, so that no work is lost.")
            target.mkdir(parents=True, exist_ok=True)
            text = json.dumps(notebook(source.read_text("utf-8"), kind == "student"), indent=1)
            path.write_text(text + "\n", encoding="utf-8")
            written.append(path)
        pictures.write(target / "pictures")
    return written


def notebook(text: str, student: bool) -> dict[str, Any]:
    """Return a notebook's content, as JSON has it, from its Markdown.

    Parameters
    ----------
    text : str
    student : bool
        Whether the solutions are left out.
    """
    body = text.split("---\n", 2)[2].replace("](/_static/", "](pictures/")
    cells: list[dict[str, Any]] = []
    at = 0
    for fence in _FENCE.finditer(body):
        _add_text(cells, body[at : fence.start()])
        at = fence.end()
        code = fence[1]
        tags = match[1].split(", ") if (match := _TAGS.match(code)) else []
        code = _TAGS.sub("", code)
        code = _blank(code) if student and "exercise" in tags else _MARK.sub("", code)
        cells.append(_cell("code", code, tags) | {"outputs": [], "execution_count": None})
    _add_text(cells, body[at:])
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for k, cell in enumerate(cells):
        cell["id"] = f"cell{k}"
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def page(text: str) -> str:
    """Return a notebook's Markdown for the site: each blank, then its solution, folded away."""

    def both(fence: re.Match[str]) -> str:
        whole, code = fence[0], fence[1]
        if not _SOLUTION.search(code):
            return whole
        blank = _blank(_TAGS.sub("", code)).strip("\n")
        solution = _MARK.sub("", whole).replace("[exercise]", "[exercise, hide-input]")
        return f"```{{code-block}} python\n{blank}\n```\n\n{solution}"

    return _FENCE.sub(both, text)


def _blank(code):
    return _SOLUTION.sub(r"\1# Your code here.\n\1raise NotImplementedError\n", code)


def _add_text(cells, text):
    if text.strip():
        cells.append(_cell("markdown", text, []))


def _cell(kind, text, tags):
    metadata = {"tags": tags} if tags else {}
    return {"cell_type": kind, "metadata": metadata, "source": text.strip("\n").splitlines(True)}
