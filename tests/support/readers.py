"""What the tests of the readers share."""

from pathlib import Path

import pytest

from bptt.errors import ConfigError, DataError

DATA = Path(__file__).parents[3] / "shared" / "data"
shared = pytest.mark.skipif(not DATA.is_dir(), reason="the folder with shared data is not here")


def refusal(read, path, words, *, error=DataError, **options):
    """The one sentence of a refusal; it names the reader and, but for options, the file."""
    with pytest.raises(error, match=words) as caught:
        read(path, **options)
    message = str(caught.value)
    assert message.startswith(f"{read.__name__}: ")
    assert error is ConfigError or str(path)[:300] in message
    assert "; expected " in message or "cannot read" in message
    assert message.endswith(".")
    assert message.isprintable()
    assert len(message) < 500
    return message
