"""Temporal saliency rescaling: a linear network, the definition, a planted cue, bad input."""

import numpy as np
import pytest

from bptt import LSTM, Dense, Embedding, Network, inspect
from bptt.errors import ConfigError
from tests.inspect.test_attribution import X, summing
from tests.inspect.test_attribution_batches import network

RNG = np.random.default_rng(5)


def test_of_a_linear_network_it_is_the_product_of_known_sums():
    net, p = summing()  # contributions are w x, so that a masked value moves its own alone
    found = inspect.temporal_rescaling(net, X, p, quantile=0.5)
    for x, value in zip(X, found, strict=True):
        own = np.abs(x * [2.0, -3.0])
        time = own.sum(axis=1, keepdims=True)
        expected = np.where(time >= np.median(time), time * own, 0)
        np.testing.assert_allclose(value, expected, atol=1e-9)


@pytest.mark.parametrize("method", ["gradient", "occlusion"])
def test_it_is_how_far_the_contributions_move(method):
    net, p = network()
    xs = [RNG.normal(size=(n, 3)) for n in (4, 6)]
    found = inspect.temporal_rescaling(net, xs, p, method=method, quantile=0.0, target=1, step=2)

    def contributions(x):
        given = {"method": method, "per": "value", "target": 1, "step": 2}
        return inspect.attribute(net, [x], p, **given).values[0]

    for x, value in zip(xs, found, strict=True):
        assert (value[3:] == 0).all()  # after the step that is explained
        for t, j in ((0, 1), (2, 2)):
            step, cell = x.copy(), x.copy()
            step[t], cell[t, j] = 0, 0
            moved = [np.abs(contributions(c) - contributions(x)).sum() for c in (step, cell)]
            assert value[t, j] == pytest.approx(moved[0] * moved[1])


def test_what_does_not_fit_is_refused():
    net, p = summing()
    with pytest.raises(ConfigError, match="method is 'shapley'; expected one of gradient, "):
        inspect.temporal_rescaling(net, X, p, method="shapley")
    with pytest.raises(ConfigError, match="quantile is 2; expected a number from 0 to 1"):
        inspect.temporal_rescaling(net, X, p, quantile=2)
    tokens = Network([Embedding(4, 2), LSTM(2, 3), Dense(3, 4)])
    p = tokens.init(RNG)
    with pytest.raises(ConfigError, match="the network reads tokens or categories"):
        inspect.temporal_rescaling(tokens, [np.array([1, 2])], p)
