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
    commands = re.findall(r"\$\(BIN\)/(.*)", recipe[1])
    assert entries
    assert set(entries) <= set(commands)
