"""Padding, the mask of true steps, and the reversal within true lengths."""

import numpy as np
import pytest

from bptt.equations import pad_sequences
from bptt.equations.sequences import reverse_valid, running_columns, valid_steps
from bptt.errors import ConfigError, ShapeError


def sequences(*lengths, n_x=3, dtype=np.float64):
    rng = np.random.default_rng(0)
    return [rng.standard_normal((n_x, T)).astype(dtype) for T in lengths]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("padding", [0.0, -1.0, np.nan])
@pytest.mark.parametrize("max_len", [None, 5, 8, np.int64(6)])
def test_sequences_keep_their_values_and_the_rest_is_padding(max_len, padding, dtype):
    given = sequences(2, 5, 0, 3, dtype=dtype)
    x, lengths = pad_sequences(given, max_len, padding)
    assert x.shape == (3, 4, 5 if max_len is None else max_len)
    assert x.dtype == dtype
    assert lengths == [2, 5, 0, 3]
    assert all(type(length) is int for length in lengths)
    for i, s in enumerate(given):
        assert np.array_equal(x[:, i, : lengths[i]], s)
        rest = x[:, i, lengths[i] :]
        assert np.array_equal(rest, np.full_like(rest, padding), equal_nan=True)


def test_one_empty_sequence_is_a_batch():
    x, lengths = pad_sequences(sequences(0))
    assert x.shape == (3, 1, 0)
    assert lengths == [0]


def test_the_result_is_a_copy():
    given = sequences(2)
    x, _ = pad_sequences(given)
    x[...] = 0
    assert given[0].all()


def test_too_long_a_sequence_is_refused_unless_truncation_is_asked_for():
    given = sequences(2, 5, 3)
    with pytest.raises(ShapeError) as caught:
        pad_sequences(given, 3)
    assert str(caught.value) == (
        "pad_sequences: sequences[1] has 5 steps; expected at most max_len = 3 "
        "(truncate=True would cut it)."
    )
    x, lengths = pad_sequences(given, 3, truncate=True)
    assert lengths == [2, 3, 3]
    assert np.array_equal(x[:, 1], given[1][:, :3])
    assert pad_sequences(given, 0, truncate=True)[0].shape == (3, 3, 0)


@pytest.mark.parametrize("wrong", [[], (), np.zeros((3, 2)), np.zeros((4, 3, 2))])
def test_no_list_of_sequences_is_refused(wrong):
    with pytest.raises(ShapeError, match=r"expected a list of at least one array .*\(n_x, T_i\)"):
        pad_sequences(wrong)


def test_unequal_features_are_refused_with_given_and_expected():
    with pytest.raises(ShapeError) as caught:
        pad_sequences([np.zeros((3, 2)), np.zeros((4, 2))])
    message = str(caught.value)
    assert message.startswith("pad_sequences: sequences[1] has shape (4, 2); expected (n_x, T_1)")
    assert "n_x = 3, because sequences[0] is (3, 2)" in message


@pytest.mark.parametrize("wrong", [-1, 2.0, "2", True, np.float64(3)])
def test_max_len_that_is_no_number_of_steps_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"max_len is .*; expected a number of steps >= 0"):
        pad_sequences(sequences(2), wrong)


def test_valid_steps_marks_the_steps_that_exist():
    assert np.array_equal(
        valid_steps([2, 0, 3], 3, 3), [[True, True, False], [False] * 3, [True] * 3]
    )
    assert np.array_equal(valid_steps(None, 2, 3), np.ones((2, 3), dtype=bool))
    assert valid_steps([], 0, 3).shape == (0, 3)
    assert valid_steps([0], 1, 0).shape == (1, 0)


def test_running_columns_are_those_that_have_the_step():
    lengths = np.array([2, 0, 3])
    assert [running_columns(lengths, t).tolist() for t in range(3)] == [[0, 2], [0, 2], [2]]
    assert running_columns(None, 5) == slice(None)


def test_reverse_valid_flips_each_sequence_within_its_true_length():
    x = np.arange(2 * 3 * 4, dtype=float).reshape(2, 3, 4)
    lengths = np.array([3, 0, 4])
    result = reverse_valid(x, lengths)
    for i, n in enumerate(lengths):
        assert np.array_equal(result[:, i, :n], x[:, i, :n][:, ::-1])
        assert np.array_equal(result[:, i, n:], x[:, i, n:])
    assert np.array_equal(reverse_valid(result, lengths), x)
    assert np.array_equal(reverse_valid(x, None), x[:, :, ::-1])
    assert reverse_valid(x[:, :, :0], np.zeros(3, int)).shape == (2, 3, 0)
