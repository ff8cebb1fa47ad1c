"""Gradients inside a network, against differences and against the gradients of parameters."""

import numpy as np
import pytest

from bptt import Network, inspect
from bptt.errors import ConfigError
from bptt.layers import GRU, LSTM, RNN, Dense

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 3)) for n in (5, 3)]


@pytest.mark.parametrize("layer", [LSTM, GRU, RNN])
def test_pre_activations_sum_to_the_gradients_of_biases_and_inputs_agree(layer):
    network = Network([layer(3, 4, n_layers=2, bidirectional=True), Dense(8, 2)])
    p = network.init(np.random.default_rng(1), np.float64)
    found = inspect.gradients(network, X, (1, 0), p)
    traced = inspect.trace(network, X, p, names="*")
    zs = [n for n in found if n.split(".")[-1].startswith("z")]
    assert {n for n in traced if n.split(".")[-1].startswith("z")} == set(zs)
    for i, x in enumerate(X):
        y, _, tape = network.forward(x[np.newaxis], p)
        dy = np.zeros_like(y)
        dy[0, 1, 0] = 1
        dx, _, g = network.backward(tape, dy)
        assert np.allclose(found["x"][i], dx[0])
        for name in zs:
            head, _, z = name.rpartition(".")
            assert np.allclose(found[name][i].sum(axis=0), g[f"{head}.b{z[1]}"][:, 0]), name


def test_states_are_the_gradients_of_initial_states_and_gates_follow_the_chain_rule():
    network = Network([LSTM(3, 4), Dense(4, 2)])
    p = network.init(np.random.default_rng(2), np.float64)
    x = X[0][np.newaxis]
    found = inspect.gradients(network, x, 1, p)
    traced = inspect.trace(network, x, p)
    _, state, _ = network.forward(x[:, :2], p)

    def late(c):
        own = ((state[0][0], c), state[1])
        return network.forward(x[:, 2:], p, own)[0][0, -1, 1]

    c, eps = state[0][1], 1e-6
    differences = [
        (late(c + eps * e) - late(c - eps * e)) / (2 * eps)
        for e in np.eye(4)[:, np.newaxis, np.newaxis]
    ]
    a, o = found["lstm0.a"][0][1], traced["lstm0.ot"][0][1]
    through_a = a * o * (1 - np.tanh(traced["lstm0.c"][0][1]) ** 2)
    assert np.allclose(found["lstm0.c"][0][1] - through_a, differences, atol=1e-8)
    dc, before = found["lstm0.c"][0][1:], traced["lstm0.c"][0][:-1]
    assert np.allclose(found["lstm0.ft"][0][1:], dc * before)
    assert np.allclose(found["lstm0.it"][0], found["lstm0.c"][0] * traced["lstm0.cct"][0])


def test_a_target_that_does_not_fit_is_refused():
    network = Network([LSTM(3, 4), Dense(4, 2)])
    p = network.init(np.random.default_rng(2), np.float64)
    with pytest.raises(ConfigError, match="target is 2; expected an index below 2"):
        inspect.gradients(network, X, 2, p)
