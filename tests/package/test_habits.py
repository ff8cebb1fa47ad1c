"""What the project asks of itself."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_commit_is_held_to_the_linters_of_make_lint():
    hooks = ROOT / ".pre-commit-config.yaml"
    if not hooks.exists():
        pytest.skip("not part of the source distribution")
    entries = re.findall(r"^ +entry: (.*)$", hooks.read_text(), re.MULTILINE)
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = re.findall(r"\$\(BIN\)/(.*?)(?: \$\(.*)?$", recipe[1], re.MULTILINE)
    assert entries
    assert set(entries) <= set(commands)


def test_names_that_went_do_not_come_back():
    table = (ROOT / "docs" / "names.md").read_text().partition("## Names that went")[2]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    went = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert len(went) >= 8
    pattern = re.compile(rf"\b({'|'.join(went)})\b")
    sources = {p for room in ("src", "native") for p in (ROOT / room).rglob("*")}
    sources -= {ROOT / "src" / "bptt" / "models" / "files.py"}  # reads files of versions before
    found = {
        f"{path.relative_to(ROOT)}:{n}: {line.strip()}"
        for path in sources
        if path.suffix in (".py", ".pyi", ".h", ".cpp")
        for n, line in enumerate(path.read_text().splitlines(), start=1)
        if pattern.search(line)
    }
    assert not found
