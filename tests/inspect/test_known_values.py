"""Statistics, flows and drawings against small arrays whose values are known."""

import numpy as np
import pytest

from bptt import GRU, LSTM, Dense, Network, inspect
from bptt.inspect.drawings import of_flow
from bptt.inspect.report_values import quantized

RNG = np.random.default_rng(0)


def trace_of(name, rows):
    rows = np.asarray(rows, float)
    return inspect.Trace({name: rows}, np.array([len(rows)]))


def test_shares_and_time_constants_of_gates():
    found = trace_of("lstm0.ft", [[0.95, 0.05], [0.95, 0.5], [0.5, 0.05], [0.95, 0.05]])
    share = inspect.saturation(found, "lstm0.ft")
    assert share.open.tolist() == [0.75, 0]
    assert share.closed.tolist() == [0, 0.75]
    gates = [[0.2], [0.4]]
    assert inspect.time_constants(trace_of("lstm0.ft", gates), "lstm0.ft") == pytest.approx(
        -2 / np.log(0.2 * 0.4)
    )
    assert inspect.time_constants(trace_of("gru0.ut", gates), "gru0.ut") == pytest.approx(
        -2 / np.log(0.8 * 0.6)
    )


def test_weights_of_the_state_are_the_first_columns():
    network = Network([GRU(3, 2)])
    p = network.init(RNG)
    parts = inspect.weights_by_gate(network, p)
    np.testing.assert_array_equal(parts["gru0.Wu.recurrent"], p["gru0.Wu"][:, :2])
    np.testing.assert_array_equal(parts["gru0.Wu.input"], p["gru0.Wu"][:, 2:])


def test_a_stretch_beside_the_given_one_is_a_neighbor_and_maps_show_the_largest_directions():
    states = RNG.normal(size=(40, 3)) * [0.1, 3, 1]
    states[14:18] = states[10:14]
    first = inspect.neighbors(trace_of("lstm0.c", states), "lstm0.c", 0, 10, 14)[0]
    assert first == (0, 14, 0.0)
    square = np.array([[0, 3, 0], [0, -3, 0], [0.1, 0, 1], [-0.1, 0, -1.0]])
    points = inspect.map_states(trace_of("lstm0.c", square), "lstm0.c")
    np.testing.assert_allclose(np.abs(points), [[3, 0], [3, 0], [0, 1.005], [0, 1.005]], atol=1e-3)


def test_a_flow_is_the_mean_over_directions_of_the_top_layer_to_all_states():
    network = Network([LSTM(2, 3, n_layers=2)])
    p = {k: 2 * v for k, v in network.init(RNG, np.float64).items()}
    x = RNG.normal(size=(1, 2, 2))
    flow = inspect.gradient_flow(network, x, p, lags=2, draws=2000)
    J = inspect.step_jacobian(network, x, p, step=1)  # rows: a of both layers, c of both
    expected = (J[3:6] ** 2).sum() / 3  # of random unit vectors
    assert (flow.norms[1] ** 2).mean() == pytest.approx(expected, rel=0.1)
    band = of_flow(flow).series[1]
    low, high = np.quantile(flow.norms, (0.1, 0.9), axis=(1, 2))
    np.testing.assert_array_equal(band.low, low)
    np.testing.assert_array_equal(band.y, high)


def test_gradients_of_gates_times_their_slopes_are_those_of_pre_activations():
    network = Network([LSTM(2, 3), Dense(3, 2)])
    p = network.init(RNG, np.float64)
    x = RNG.normal(size=(1, 4, 2))
    d, seen = inspect.gradients(network, x, 1, p), inspect.trace(network, x, p)
    f, g = seen.flat("lstm0.ft"), seen.flat("lstm0.cct")
    np.testing.assert_allclose(d.flat("lstm0.zft"), d.flat("lstm0.ft") * f * (1 - f))
    np.testing.assert_allclose(d.flat("lstm0.zcct"), d.flat("lstm0.cct") * (1 - g**2))


def test_zero_is_exact_among_the_levels_of_both_signs():
    row = quantized(np.array([[1.0, 2], [0, 4], [-3, 3]]), 254)
    values = row.low + (row.high - row.low) * row.bytes / 254
    assert values[1, 0] == 0
    np.testing.assert_allclose(values, [[1, 2], [0, 4], [-3, 3]], atol=3 / 254)
    np.testing.assert_allclose(row.deviation, np.std([[1, 2], [0, 4], [-3, 3]], axis=0))
