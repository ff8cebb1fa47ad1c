"""The typeset equations have the numbers of the docstrings, each once, and no others."""

import re
from pathlib import Path

import pytest

from bptt.equations import gru, lstm, rnn, sequences

PAGES = Path(__file__).parents[2] / "docs" / "equations"


@pytest.mark.parametrize(
    ("page", "module"), [("rnn", rnn), ("lstm", lstm), ("gru", gru), ("through_time", sequences)]
)
def test_numbers_of_the_page_are_those_of_the_docstring(page, module):
    tags = re.findall(r"\\tag\{(\w+)\}", (PAGES / f"{page}.md").read_text())
    numbers = re.findall(r"^\((\d+\w?)\) .*=", module.__doc__, re.MULTILINE)
    assert sorted(tags) == sorted(numbers)
    assert len(set(tags)) == len(tags)
