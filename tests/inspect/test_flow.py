"""Gradient flow, Jacobians, memory and neighbors, against cases with known answers."""

from importlib import import_module

import numpy as np
import pytest

from bptt import Network, inspect
from bptt.errors import ConfigError
from bptt.layers import GRU, LSTM, RNN, Dense, Embedding

RNG = np.random.default_rng(0)
N = 6


def linear(Waa):
    """A relu network of positive states: a = Waa a_prev + Wax x, with x >= 0."""
    network = Network([RNN(1, N, cell="rnn_relu")])
    Wax = np.eye(N, 1)
    p = {"rnn0.Waa": Waa, "rnn0.Wax": Wax, "rnn0.ba": np.zeros((N, 1))}
    return network, {k: np.asarray(v, np.float64) for k, v in p.items()}


X = RNG.uniform(1, 2, (3, 40, 1))


def test_an_identity_keeps_gradients_and_a_scaled_one_has_a_known_half_life():
    network, p = linear(np.eye(N))
    p["rnn0.Wax"] = np.ones((N, 1))
    flow = inspect.gradient_flow(network, X, p, lags=20)
    assert np.allclose(flow.norms, 1)
    assert flow.half_life is None
    assert "persist" in flow.sentence
    p["rnn0.Waa"] = 0.8 * np.eye(N)
    flow = inspect.gradient_flow(network, X, p, lags=20)
    assert np.allclose(flow.mean, 0.8 ** np.arange(21))
    assert flow.half_life == 4
    assert "vanish" in flow.sentence
    p["rnn0.Waa"] = 1.5 * np.eye(N)
    flow = inspect.gradient_flow(network, X, p, lags=20)
    assert np.allclose(flow.mean, 1.5 ** np.arange(21))
    assert "explode: they are more than twice as large after 2 steps" in flow.sentence


def test_a_delay_line_has_the_memory_of_its_length():
    network, p = linear(np.eye(N, k=-1))
    memory = inspect.effective_memory(network, X, p, lags=12, tolerance=1e-9)
    assert memory.steps == N
    assert memory.change[N - 1] > 0
    assert np.all(memory.change[N:] == 0)
    flow = inspect.gradient_flow(network, X, p, lags=12)
    assert (flow.mean[: N - 1] > 0).all()
    assert np.all(flow.mean[N:] == 0)
    assert inspect.spectral_radius(inspect.step_jacobian(network, X, p)) == 0


def test_a_memory_ends_where_the_change_is_a_share_of_the_whole_one():
    network, p = linear(0.5 * np.eye(N))
    memory = inspect.effective_memory(network, X, p, lags=12, tolerance=0.05)
    assert memory.steps == np.nonzero(memory.change > 0.05 * memory.change[0])[0][-1] + 1
    assert memory.steps in (4, 5)  # 0.5^4 = 0.0625, 0.5^5 = 0.03125


def test_inputs_are_replaced_by_those_of_another_window():
    network, p = linear(np.eye(N))
    for seed in range(6):  # of the only two windows
        memory = inspect.effective_memory(network, X[:2, :4], p, lags=3, positions=1, seed=seed)
        assert memory.change[0] > 0
    p["rnn0.Wax"] = np.ones((N, 1))
    constant = np.stack([np.full((4, 1), v) for v in (1.0, 2.0)])  # each step differs by 1
    memory = inspect.effective_memory(network, constant, p, lags=3, positions=5)
    np.testing.assert_allclose(memory.change, np.sqrt(N) * np.array([4, 3, 2, 1]))
    with pytest.raises(ConfigError, match="X has a single window of 4 steps"):
        inspect.effective_memory(network, X[:1, :4], p, lags=3)


@pytest.mark.parametrize("layer", [LSTM, GRU, RNN])
def test_the_jacobian_is_that_of_differences(layer):
    network = Network([Embedding(5, 3), layer(3, 4, n_layers=2), Dense(4, 2)])
    p = network.init(np.random.default_rng(1), np.float64)
    (name,) = [n for n in network.layers if n not in ("embedding0", "dense0")]
    ids = RNG.integers(0, 5, (1, 9))
    J = inspect.step_jacobian(network, ids, p, step=5)
    own = {k.partition(".")[2]: v for k, v in p.items() if k.startswith(name)}
    layer, x = network.layers[name], p["embedding0.We"][ids]
    _, state, _ = layer.forward(x[:, :5], own)
    z = np.concatenate([s.ravel() for s in state])

    def after(z):
        parts = np.split(z, len(state))
        s = tuple(part.reshape(state[0].shape) for part in parts)
        return np.concatenate([a.ravel() for a in layer.forward(x[:, 5:6], own, s)[1]])

    eps = 1e-6
    columns = [(after(z + eps * e) - after(z - eps * e)) / (2 * eps) for e in np.eye(len(z))]
    assert np.allclose(J, np.stack(columns, axis=1), atol=1e-8)


def test_gates_have_known_statistics():
    found = inspect.Trace({"lstm0.ft": np.array([[0.95, 0.5], [0.05, 0.5]])}, np.array([2]))
    assert [s.tolist() for s in inspect.saturation(found, "lstm0.ft")] == [[0.5, 0], [0.5, 0]]
    assert np.isclose(inspect.time_constants(found, "lstm0.ft")[1], 1 / np.log(2))
    assert inspect.histogram(found, "lstm0.ft", 2)[0].sum() == 4
    assert inspect.dead_units(found, "lstm0.ft").tolist() == [1]
    network = Network([LSTM(3, 4)])
    parts = inspect.weights_by_gate(network, network.init(np.random.default_rng(0)))
    assert parts["lstm0.Wf.recurrent"].shape == (4, 4)
    assert parts["lstm0.Wf.input"].shape == (4, 3)


def test_neighbors_find_a_planted_stretch_and_maps_keep_distances(monkeypatch):
    states = RNG.normal(size=(60, 2))
    states[40:44] = states[10:14] + 0.001
    found = inspect.Trace({"lstm0.c": states}, np.array([30, 30]))
    first = inspect.neighbors(found, "lstm0.c", 0, 10, 14)[0]
    assert first[:2] == (1, 10)
    assert np.isclose(first.distance, 0.001)
    whole = inspect.neighbors(found, "lstm0.c", 0, 10, 14, units=[1])
    for match in whole:
        own = found["lstm0.c"][match.sequence][match.start : match.start + 4, 1]
        assert np.isclose(match.distance, np.sqrt(((own - states[10:14, 1]) ** 2).mean()))
    assert all(abs(m.start - 10) >= 4 for m in whole if m.sequence == 0)
    monkeypatch.setattr(import_module("bptt.inspect.neighbors"), "_ROWS", 7)  # the same in blocks
    assert inspect.neighbors(found, "lstm0.c", 0, 10, 14, units=[1]) == whole
    xy = inspect.map_states(found, "lstm0.c")
    assert np.allclose(np.linalg.norm(xy[0] - xy[1]), np.linalg.norm(states[0] - states[1]))


def test_what_does_not_fit_is_refused():
    network = Network([LSTM(1, 2, bidirectional=True)])
    p = network.init(np.random.default_rng(0), np.float64)
    with pytest.raises(ConfigError, match="lstm0 is bidirectional"):
        inspect.gradient_flow(network, X, p)
    with pytest.raises(ConfigError, match=r"expected lstm0"):
        inspect.gradient_flow(network, X, p, layer="lstm1")
    network, p = linear(np.eye(N))
    with pytest.raises(ConfigError, match=r"lags is 50; expected 1\.\.40"):
        inspect.gradient_flow(network, X, p, lags=50)
