"""Files that the tests of the readers write."""

import pytest


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(text, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write
