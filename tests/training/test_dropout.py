"""Dropout: what it leaves out, in training only."""

import numpy as np
import pytest

from bptt.errors import ConfigError
from bptt.layers import Dropout
from tests.support.trainings import network_and_parameters


def test_dropout_leaves_out_its_share_and_keeps_the_mean():
    layer = Dropout(50, 0.3)
    x = np.ones((20, 30, 50))
    y, _, tape = layer.forward(x, {}, rng=np.random.default_rng(0))
    assert np.mean(y == 0) == pytest.approx(0.3, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.02)
    assert np.unique(y).tolist() == [0, 1 / 0.7]
    np.testing.assert_array_equal(layer.backward(tape, x)[0], y)
    np.testing.assert_array_equal(layer.forward(x, {})[0], x)
    assert y.dtype == x.dtype


def test_dropout_is_off_in_evaluation_and_on_in_training():
    network, parameters = network_and_parameters(dropout=0.5)
    x = np.array([[1, 2, 3]])
    plain = network.forward(x, parameters)[0]
    np.testing.assert_array_equal(plain, network.forward(x, parameters)[0])
    drawn = network.forward(x, parameters, rng=np.random.default_rng(0))[0]
    assert (drawn != plain).any()
    np.testing.assert_array_equal(
        drawn, network.forward(x, parameters, rng=np.random.default_rng(0))[0]
    )


@pytest.mark.parametrize("rate", [-0.1, 1.0, "a", None])
def test_a_dropout_rate_that_makes_no_sense(rate):
    with pytest.raises(ConfigError, match="rate is"):
        Dropout(4, rate)
