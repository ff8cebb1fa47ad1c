"""Attributions with known answers: linear networks, a planted cue, gaps, padding."""

import numpy as np
import pytest

from bptt import LSTM, RNN, Dense, Network, SequenceClassifier, inspect
from bptt.errors import ConfigError
from bptt.inspect.inputs import read
from tests.support.cases import same_bits
from tests.support.model_cases import MODELS
from tests.support.sequence_models import QUIET

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in (5, 9)]
METHODS = (
    "gradient", "gradient_x_input", "integrated_gradients", "occlusion", "permutation", "shapley"
)  # fmt: skip


def summing():
    """Return a linear network: the state adds up w x, the output is the state."""
    net = Network({"rnn": RNN(2, 1, cell="rnn_relu"), "dense": Dense(1, 1)})
    p = net.init(np.random.default_rng(0), np.float64)
    p["rnn.Wax"][:], p["rnn.Waa"][:], p["rnn.ba"][:] = [[2.0, -3.0]], 1, 0
    p["dense.Wy"][:], p["dense.by"][:] = 1, 0
    return net, p | {"rnn.ba": np.full((1, 1), 100.0)}  # so that relu is linear here


def test_of_a_linear_network_it_is_weight_times_input():
    net, p = summing()
    w = np.array([2.0, -3.0])
    for method in METHODS[1:4]:
        found = inspect.attribute(net, X, p, method=method)
        for x, value in zip(X, found.values, strict=True):
            expected = w * x if method != "occlusion" else x @ w
            np.testing.assert_allclose(value, expected, atol=1e-9)
        np.testing.assert_allclose(found.gaps, 0, atol=1e-9)
    gradient = inspect.attribute(net, X, p, method="gradient").values[1]
    np.testing.assert_allclose(gradient, np.broadcast_to(w, (9, 2)))


def test_another_baseline_is_subtracted():
    net, p = summing()
    base = np.array([0.5, 1.0])
    found = inspect.attribute(net, X, p, baseline=base)
    np.testing.assert_allclose(found.values[0], np.array([2.0, -3.0]) * (X[0] - base), atol=1e-9)
    mean = inspect.attribute(net, X, p, baseline="mean")
    again = inspect.attribute(net, X, p, baseline=np.concatenate(X).mean(axis=0))
    same_bits(mean.values[0], again.values[0])


def test_the_gap_shrinks_with_the_steps_and_is_the_difference():
    net = Network([LSTM(2, 4), Dense(4, 3)])
    p = {k: 2 * v for k, v in net.init(np.random.default_rng(5), np.float64).items()}
    gaps = [np.abs(inspect.attribute(net, X, p, steps=n).gaps).max() for n in (4, 16, 64)]
    assert gaps[0] > 4 * gaps[1] > 16 * gaps[2]  # midpoint rule: one over the square
    found = inspect.attribute(net, X, p, target=1, steps=600)
    for i, x in enumerate(X):
        y = net.forward(np.stack([x, 0 * x]), p)[0][:, -1, 1]
        assert found.values[i].sum() == pytest.approx(y[0] - y[1], abs=1e-5)


def test_the_gradient_is_that_of_differences():
    net = Network([LSTM(2, 4), Dense(4, 3)])
    p = net.init(np.random.default_rng(5), np.float64)
    found = inspect.attribute(net, X, p, method="gradient", target=2, step=3).values[0]
    for t, j in ((0, 1), (3, 0), (4, 1)):
        up, down = X[0].copy(), X[0].copy()
        up[t, j] += 1e-6
        down[t, j] -= 1e-6
        y = net.forward(np.stack([up, down]), p)[0][:, 3, 2]
        assert found[t, j] == pytest.approx((y[0] - y[1]) / 2e-6, abs=1e-8)
    assert (found[4] == 0).all()  # after the step that is explained


@pytest.mark.parametrize("method", METHODS[2:])
def test_a_planted_cue_is_found(method):
    """A spike tells the class; all others are noise. Gradients alone find 70 to 90 of 100."""
    rng = np.random.default_rng(1)
    X, y, places = [], [], []
    for k in range(200):
        x = 0.2 * rng.normal(size=(rng.integers(8, 16), 2))
        places.append(int(rng.integers(len(x))))
        x[places[-1], 0] += 3 if k % 2 else -3
        X.append(x)
        y.append(k % 2)
    model = SequenceClassifier(units=8, epochs=15, learning_rate=0.02, standardize=False)
    model.fit(X[:100], y[:100], **QUIET)
    found = inspect.attribute(model, X[100:], method=method)
    right = 0
    for value, place in zip(found.values, places[100:], strict=True):
        right += int(np.abs(value.reshape(len(value), -1).sum(axis=1)).argmax()) == place
    assert right >= 95


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_explained(name):
    row = MODELS[name]
    model = row.build().fit(*row.data, **QUIET)
    given = row.data[0][:90] if name == "LanguageModel" else row.data[0]  # many passes a character
    inputs = read(model, given).arrays
    for method in ("integrated_gradients", "permutation"):
        found = inspect.attribute(model, given, method=method, steps=8)
        assert [len(v) for v in found.values] == list(map(len, inputs))
        assert np.isfinite(np.concatenate([v.ravel() for v in found.values])).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "guess"}, "method is 'guess'"),
        ({"target": 7}, "target is 7; expected 0 to 0"),
        ({"step": 9}, "step is 9"),
        ({"baseline": "noise"}, "baseline is 'noise'"),
        ({"baseline": np.zeros(3)}, r"baseline has the shape \(3,\)"),
        ({"steps": 0}, "steps is 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    net, p = summing()
    with pytest.raises(ConfigError, match=message):
        inspect.attribute(net, X, p, **options)
