"""Gradients of batches: means over valid steps, learned initial states."""

import numpy as np
import pytest

from bptt import GRU, Dense, Network
from bptt.training import (
    SGD,
    CrossEntropy,
    Run,
    Schedule,
    SequenceBatches,
    gradients,
    train,
)
from tests.support.trainings import network_and_parameters, sequences


@pytest.mark.parametrize("learned", [False, True])
def test_a_batch_split_in_two_and_accumulated_gives_the_same_gradients(learned):
    network, parameters = network_and_parameters(learned)
    X, targets = sequences([3, 9, 1, 6, 2, 7])
    whole = next(SequenceBatches(X, targets, 6).batches(np.arange(6)))
    total, weight, g, _ = gradients(network, parameters, CrossEntropy(), whole)
    assert weight == 28  # valid steps, not 6 rows and not 6 x 9 padded steps
    halves = SequenceBatches(X, targets, 2).batches(np.arange(6))
    parts = [gradients(network, parameters, CrossEntropy(), half) for half in halves]
    assert total == pytest.approx(sum(p[0] for p in parts))
    assert weight == sum(p[1] for p in parts)
    for name, value in g.items():
        np.testing.assert_allclose(sum(p[2][name] for p in parts), value, rtol=1e-9, atol=1e-12)


def test_the_update_is_by_the_mean_over_valid_steps():
    network, parameters = network_and_parameters()
    X, targets = sequences([3, 9, 1])
    before = {name: p.copy() for name, p in parameters.items()}
    source = SequenceBatches(X, targets, 3)
    batch = next(source.batches(source.order(None)))
    _, _, g, _ = gradients(network, parameters, CrossEntropy(), batch)
    run = Run(parameters, SGD(0.1), Schedule("constant", 0.1), np.random.default_rng(0))
    p = next(train(run, network, CrossEntropy(), source, epochs=1))
    for name, value in parameters.items():
        np.testing.assert_allclose(value, before[name] - 0.1 * g[name] / 13, rtol=1e-12)
    assert p.grad_norm == pytest.approx(np.sqrt(sum((v**2).sum() for v in g.values())) / 13)


def test_gradients_of_a_learned_initial_state_are_those_of_differences():
    network, parameters = network_and_parameters(learned=True)
    X, targets = sequences([3, 5, 2])
    batch = next(SequenceBatches(X, targets, 3).batches(np.arange(3)))
    _, _, g, _ = gradients(network, parameters, CrossEntropy(), batch)
    assert set(g) == set(parameters)
    for name in ("lstm0.a0", "lstm0.c0"):
        for i in range(5):
            values = []
            for sign in (1, -1):
                moved = {k: p.copy() for k, p in parameters.items()}
                moved[name][0, 0, i] += sign * 1e-6
                values.append(gradients(network, moved, CrossEntropy(), batch)[0])
            numeric = (values[0] - values[1]) / 2e-6
            assert g[name][0, 0, i] == pytest.approx(numeric, rel=1e-6)
    carried = gradients(network, parameters, CrossEntropy(), batch)[3]
    later = gradients(network, parameters, CrossEntropy(), batch._replace(fresh=False), carried)
    assert not later[2]["lstm0.a0"].any()  # it did not begin there


def test_a_stream_begins_and_begins_again_from_the_learned_state():
    network, parameters = network_and_parameters(learned=True)
    z, _, _ = network.forward(np.array([[1, 4]]), parameters)
    stream = network.stream(parameters)
    for _ in range(2):
        assert np.allclose(stream.step(np.array([1])), z[:, 0], rtol=1e-12)
        assert np.allclose(stream.step(np.array([4])), z[:, 1], rtol=1e-12)
        stream.reset()


def test_a_gru_has_one_learned_state():
    network = Network([GRU(3, 4), Dense(4, 2)], initial_state="learned")
    assert list(network.shapes())[-1] == "gru0.a0"
    assert network.shapes()["gru0.a0"] == (1, 1, 4)
