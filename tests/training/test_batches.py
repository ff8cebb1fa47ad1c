"""Cutting a text into parallel streams: every step once, in order, with its successor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.errors import ConfigError
from bptt.training import CrossEntropy, SequenceBatches, batches, evaluate, gradients, text_windows
from tests.support.trainings import network_and_parameters, sequences


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


# One long sequence among short ones

RAGGED = [3, 5, 2, 60, 4, 4, 500, 3, 6, 55]


def split(monkeypatch, most=100):
    monkeypatch.setattr(batches, "MOST_PADDED", most)
    X, y = sequences(RAGGED)
    source = SequenceBatches(X, y, len(X), np.linspace(0.5, 1.5, len(X)))
    (batch,) = source.batches(source.order(None))
    return source, batch


def test_a_batch_that_is_mostly_padding_is_split(monkeypatch):
    source, whole = split(monkeypatch, most=10**9)
    assert whole.parts == (whole,)
    assert source.count(source.order(None)) == 1
    _, batch = split(monkeypatch)
    assert [part.x.shape for part in batch.parts] == [(7, 6), (2, 60), (1, 500)]
    lengths = np.concatenate([np.full(1, p.x.shape[1]) if p.lengths is None else p.lengths
                              for p in batch.parts])  # fmt: skip
    np.testing.assert_array_equal(lengths, sorted(RAGGED))
    assert sum(part.x.size for part in batch.parts) < 2 * sum(RAGGED)


def test_a_batch_in_parts_has_the_sums_of_the_whole(monkeypatch):
    network, parameters = network_and_parameters(learned=True)
    (source, parts), (_, whole) = split(monkeypatch), split(monkeypatch, most=10**9)
    total, weight, g, _ = gradients(network, parameters, CrossEntropy(), parts)
    expected, same, h, _ = gradients(network, parameters, CrossEntropy(), whole)
    assert total == pytest.approx(expected, rel=1e-12)
    assert weight == same == sum(RAGGED)
    assert g.keys() == h.keys()
    for name, value in h.items():
        np.testing.assert_allclose(g[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
    mean = evaluate(network, parameters, CrossEntropy(), source)
    assert mean == pytest.approx(expected / same, rel=1e-12)


@given(lengths=st.lists(st.integers(0, 400), min_size=1, max_size=40))
def test_parts_and_groups_hold_every_sequence_once_with_bounded_padding(lengths):
    lengths = np.sort(np.array(lengths))
    ends = batches._without_padding(np.array(lengths) * 10**4)
    parts = np.split(lengths, ends)
    np.testing.assert_array_equal(np.concatenate(parts), lengths)
    for part in parts:
        padded = len(part) * part[-1] * 10**4
        assert padded <= max(batches.MOST_PADDED, 2 * part.sum() * 10**4)
    groups = list(batches.packed(lengths[::-1], most_sequences=6, most_steps=900))
    assert sorted(np.concatenate(groups)) == list(range(len(lengths)))
    for group in groups:
        longest = lengths[::-1][group].max()
        assert 1 <= len(group) <= 6
        assert len(group) * longest <= 900 or len(group) == 1
