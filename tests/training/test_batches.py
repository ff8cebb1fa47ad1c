"""Cutting a text into parallel streams: every step once, in order, with its successor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.errors import ConfigError
from bptt.training import text_windows


@given(n=st.integers(2, 60), batch_size=st.integers(1, 9), seq_length=st.integers(1, 12))
def test_each_stream_is_a_piece_of_the_text_and_each_target_the_next_token(
    n, batch_size, seq_length
):
    tokens = np.arange(n) * 3 + 1  # all different: a token tells its place
    steps = (n - 1) // batch_size
    if steps == 0:
        with pytest.raises(ConfigError):
            text_windows(tokens, batch_size, seq_length)
        return
    windows = text_windows(tokens, batch_size, seq_length)
    lengths = [x.shape[1] for x, _ in windows]
    assert lengths[:-1] == [seq_length] * (len(windows) - 1)
    assert 1 <= lengths[-1] <= seq_length
    x, y = (np.concatenate(parts, axis=1) for parts in zip(*windows, strict=True))
    assert x.shape == y.shape == (batch_size, steps)
    # The streams follow one another in the text, nothing is left out between them.
    np.testing.assert_array_equal(x.ravel(), tokens[: batch_size * steps])
    np.testing.assert_array_equal(y, x + 3)
    assert 0 <= (n - 1) - batch_size * steps < batch_size  # targets left out at the end


def test_windows_are_views_and_the_text_is_not_changed():
    tokens = np.arange(50)
    tokens.flags.writeable = False
    for x, y in text_windows(tokens, 4, 5):
        assert np.shares_memory(x, tokens)
        assert np.shares_memory(y, tokens)


def test_a_text_too_short_for_the_streams_is_refused_with_both_numbers():
    assert len(text_windows(np.arange(5), 4, 8)) == 1
    with pytest.raises(
        ConfigError, match=r"has 4 tokens; expected at least 5, because batch_size is 4"
    ):
        text_windows(np.arange(4), 4, 8)
    with pytest.raises(ConfigError, match="has 0 tokens; expected at least 2"):
        text_windows(np.arange(0), 1, 8)
