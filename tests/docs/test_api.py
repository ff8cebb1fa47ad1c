"""The API pages list what is public, and nothing that does not exist."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import bptt

PAGES = Path(__file__).parents[2] / "docs" / "api"
LISTED = set(
    re.findall(r"^   ([\w.]+)$", "\n".join(p.read_text() for p in PAGES.glob("*.md")), re.M)
)


@pytest.mark.parametrize("room", ["bptt", "layers", "models", "readers", "training"])
def test_every_public_name_is_listed(room):
    module = bptt if room == "bptt" else import_module(f"bptt.{room}")
    short = {name.split(".")[-1] for name in LISTED}  # some by the name of the top level
    assert set(module.__all__) - short <= {"batch_first"}


@pytest.mark.parametrize("name", sorted(LISTED))
def test_every_listed_name_exists(name):
    found = bptt
    for part in name.split("."):
        found = getattr(found, part, None) or import_module(f"{found.__name__}.{part}")
    assert found.__doc__
