"""Conventions of PyTorch where users bring them: packed batches, state dicts as parameters."""

import numpy as np
import pytest

from bptt import LSTM
from bptt.errors import ShapeError
from bptt.interop import unpack_padded


def test_packed_batches_are_unpacked_in_the_order_of_the_user():
    sequences = [np.arange(n, dtype=np.float32) + 10 * i for i, n in enumerate([2, 4, 1])]
    by_length = np.argsort([-len(s) for s in sequences], kind="stable")
    data, sizes = [], []
    for t in range(4):
        row = [sequences[i][t] for i in by_length if len(sequences[i]) > t]
        data += row
        sizes.append(len(row))
    for order in ({"sorted_indices": by_length}, {"unsorted_indices": np.argsort(by_length)}):
        x, lengths = unpack_padded(np.array(data), sizes, **order)
        np.testing.assert_array_equal(lengths, [2, 4, 1])
        for row, s in zip(x, sequences, strict=True):
            np.testing.assert_array_equal(row, np.pad(s, (0, 4 - len(s))))
    np.testing.assert_array_equal(unpack_padded((np.array(data), sizes, by_length))[0], x)


@pytest.mark.parametrize("sizes", [[2, 3], [2, 1], [0, 5], []])
def test_batch_sizes_that_do_not_fit_are_refused(sizes):
    with pytest.raises(ShapeError, match="batch_sizes is"):
        unpack_padded(np.zeros(5), sizes)
    with pytest.raises(ShapeError, match="batch_sizes is None"):
        unpack_padded(np.zeros(5))


def test_a_layer_names_the_call_that_converts_a_state_dict():
    state = {"weight_ih_l0": np.ones((8, 3)), "weight_hh_l0": np.ones((8, 2))}
    with pytest.raises(ShapeError, match=r"bptt\.interop\.from_torch converts a state dict"):
        LSTM(3, 2).forward(np.ones((1, 2, 3)), state)
