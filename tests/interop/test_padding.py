"""pad_sequences as Keras means it."""

import numpy as np
import pytest

from bptt.errors import BpttError
from bptt.interop import pad_sequences

SEQUENCES = [[1, 2, 3], [4], []]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[1, 2, 3], [0, 0, 4], [0, 0, 0]]),
        ({"padding": "post"}, [[1, 2, 3], [4, 0, 0], [0, 0, 0]]),
        ({"maxlen": 2}, [[2, 3], [0, 4], [0, 0]]),
        ({"maxlen": 2, "truncating": "post"}, [[1, 2], [0, 4], [0, 0]]),
        ({"maxlen": 4, "value": -1}, [[-1, 1, 2, 3], [-1, -1, -1, 4], [-1] * 4]),
        ({"maxlen": 0}, [[], [], []]),
    ],
)
def test_sides(options, expected):
    found = pad_sequences(SEQUENCES, **options)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, np.array(expected, int).reshape(found.shape))
    assert len(found) == 3


def test_steps_with_features():
    x = [np.ones((2, 3), np.float32), np.ones((1, 3), np.float32)]
    found = pad_sequences(x, dtype="float32", maxlen=3)
    assert found.shape == (2, 3, 3)
    np.testing.assert_array_equal(found[:, :, 0], [[0, 1, 1], [0, 0, 1]])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1, 2],), r"sequences\[0\] is 1; expected a list of numbers"),
        (([[1], ["a"]],), r"sequences\[1\] is \['a'\]; expected a list of numbers"),
        ((SEQUENCES, -1), "maxlen is -1; expected a number of steps >= 0"),
        ((SEQUENCES, None, "int32", "left"), "padding is 'left'; expected 'pre' or 'post'"),
        (([np.ones((1, 2)), np.ones((1, 3))],), r"steps of the shape \(3,\); expected \(2,\)"),
        ((3,), "sequences is a int; expected a list of lists"),
    ],
)
def test_refusals(arguments, words):
    with pytest.raises(BpttError, match=words):
        pad_sequences(*arguments)
