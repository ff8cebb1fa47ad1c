"""The guide to a cell of one's own: its code runs, and its file is the one that the tests use."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from bptt import equations
from tests.cells import OWN

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "your_own_cell.md"
TEXT = GUIDE.read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_its_cell_is_that_of_the_tests():
    assert blocks("python")[0] == (ROOT / "tests" / "cells" / "mingru.py").read_text()


def test_every_block_of_code_runs_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(equations.CELLS, "mingru", OWN["mingru"])  # undone: what register does, too
    namespace = {"__name__": "guide"}
    for block in blocks("python"):
        line = TEXT[: TEXT.index(block)].count("\n")
        exec(compile("\n" * line + block, GUIDE.name, "exec"), namespace)
    error, sample, names, shape, same = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"relative error [1-9]e-1[1-4]", error)
    assert sample in namespace["text"]
    assert names == "('a', 'ut', 'cct')"
    assert shape == "(4, 7, 5)"
    assert same == "True"


def test_its_command_trains_in_a_process_of_its_own(tmp_path):
    (tmp_path / "mingru.py").write_text(blocks("python")[0])
    (tmp_path / "book.txt").write_text("abcab " * 60)
    (line,) = blocks("console")
    command = shlex.split(line.removeprefix("$ "))
    assert command[0] == "python"
    tiny = ["--units", "4", "--seq-length", "8", "--batch-size", "2", "--epochs", "1", "--out", "m"]
    path = f"import sys; sys.path[:0] = {[str(tmp_path), str(ROOT / 'src'), *sys.path]}; "
    ran = subprocess.run(
        [sys.executable, "-c", path + command[2], *command[3:], *tiny],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "m").exists()
