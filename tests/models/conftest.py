"""Fixtures of the tests of models."""

import pytest

from tests.support.language_models import TEXT, tiny


@pytest.fixture(scope="session")
def fitted():
    """One small language model for all tests that only read it."""
    return tiny(cell="gru", seed=3, learning_rate=0.02).fit(TEXT)
