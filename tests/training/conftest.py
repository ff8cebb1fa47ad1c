"""Fixtures of the tests of checkpoint files."""

import pytest


@pytest.fixture
def path(tmp_path):
    """Where a test writes its file."""
    return tmp_path / "model.bptt"
