"""The code of the pages runs: the blocks of a page marked ``python``, in order."""

import re
from pathlib import Path

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"
SOURCES = sorted([*DOCS.glob("guide/*.md"), DOCS / "course" / "functions.md"])
OTHERS_FILES = {"interop"}  # its code reads files that other programs wrote
PAGES = [
    page
    for page in SOURCES
    if "```python\n" in page.read_text("utf-8") and page.stem not in OTHERS_FILES
]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    names = {"__name__": page.stem}
    for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = text[: block.start(1)].count("\n")
        exec(compile("\n" * line + block[1], page.name, "exec"), names)


@pytest.mark.slow
def test_the_notebook_of_the_guide_runs():
    text = (DOCS / "guide" / "inspect_three_models.md").read_text(encoding="utf-8")
    names = {"__name__": "notebook"}
    for cell in re.findall(r"^```\{code-cell\}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(cell, names)
    names["plt"].close("all")
    assert np.mean(names["hit"]) > 0.7
    assert abs(names["best"][0].correlation) > 0.6  # a unit follows the brackets


def test_pages_have_code():
    assert {"classify", "forecast", "functions", "layers", "streaming", "training"} <= {
        p.stem for p in PAGES
    }
