"""What tests of the engine share."""

import pytest

import bptt


@pytest.fixture
def threads():
    """Restore the number of threads after the test."""
    before = bptt.get_num_threads()
    yield
    bptt.set_num_threads(before)
