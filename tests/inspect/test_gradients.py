"""Gradients inside a network, against differences and against the gradients of parameters."""

from functools import partial

import numpy as np
import pytest

from bptt import Network, inspect
from bptt.equations import cell_of
from bptt.equations.nonlinearities import nonlinearity
from bptt.equations.variants import parts_of
from bptt.errors import ConfigError
from bptt.layers import GRU, LSTM, RNN, Dense, Pool, Recurrent, Windows

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 3)) for n in (5, 3)]


@pytest.mark.parametrize("layer", [LSTM, GRU, RNN, partial(Recurrent, "lstm_cifg_peephole")])
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


@pytest.mark.parametrize(
    "name",
    [
        "lstm_cifg", "lstm_peephole", "lstm_cifg_peephole", "lstm__hard_sigmoid__tanh__softsign",
        "lstm_peephole__sigmoid__tanh__tanh__clip_0p5", "gru", "gru_reset_after",
        "gru__sigmoid__elu",
    ],
)  # fmt: skip
def test_gates_and_cell_states_of_every_variant_follow_from_pre_activations(name):
    cell = cell_of(name)
    network = Network({"r": Recurrent(cell, 3, 4, n_layers=2), "dense": Dense(4, 2)})
    p = network.init(np.random.default_rng(3), np.float64)
    p = {k: v + 0.3 * RNG.normal(size=v.shape) for k, v in p.items()}  # peepholes are not 0
    found, traced = inspect.gradients(network, X, 1, p), inspect.trace(network, X, p, names="*")
    _, activations, clip = parts_of(cell)
    sigma, g, *_ = (f if clip is None else f.clipped(clip) for f in map(nonlinearity, activations))
    zs = [n for n in traced if n.split(".")[-1].startswith("z")]
    assert len(zs) == 2 * sum(f"b{gate[0]}" in cell.parameters for gate in cell.gates)
    for z in zs:
        gate = z.replace(".z", ".")
        f, value = (g if gate.endswith("cct") else sigma), traced.flat(gate)
        if gate.endswith("ut"):  # 1 - sigma(-z)
            np.testing.assert_allclose(1 - f.f(-traced.flat(z)), value, atol=1e-12)
            value = 1 - value
        else:
            np.testing.assert_allclose(f.f(traced.flat(z)), value, atol=1e-12)
        np.testing.assert_allclose(found.flat(z), found.flat(gate) * f.d(value), atol=1e-12)
    if name == "gru_reset_after":
        through = found.flat("r.layer0.zcct") * traced.flat("r.layer0.rt")
        np.testing.assert_allclose(found.flat("r.layer0.pct"), through)


def test_layers_that_change_the_number_of_steps_keep_theirs():
    network = Network([Windows(3, 2), LSTM(6, 4), Pool(4), Dense(4, 2)])
    p = network.init(np.random.default_rng(2), np.float64)
    found, traced = inspect.gradients(network, X, 0, p), inspect.trace(network, X, p)
    for name in traced:
        assert [a.shape for a in found[name]] == [a.shape for a in traced[name]], name
    assert [len(a) for a in found["lstm0.c"]] == [4, 2]
    assert [len(a) for a in found["dense0.y"]] == [1, 1]


def test_a_sequence_without_steps_is_refused():
    network = Network([LSTM(3, 4), Dense(4, 2)])
    with pytest.raises(ConfigError, match=r"X\[1\] has no steps; expected at least one"):
        inspect.gradients(network, [X[0], X[0][:0]], 0, network.init(RNG, np.float64))


def test_a_target_that_does_not_fit_is_refused():
    network = Network([LSTM(3, 4), Dense(4, 2)])
    p = network.init(np.random.default_rng(2), np.float64)
    with pytest.raises(ConfigError, match="target is 2; expected an index below 2"):
        inspect.gradients(network, X, 2, p)
