"""The layers of imported models: values, gradients, padding, streams, refusals."""

import re

import numpy as np
import pytest

from bptt import Dense, Network, check_grads
from bptt.equations import nonlinearities
from bptt.errors import BpttError
from bptt.layers import (
    GRU,
    Activation,
    BatchNorm,
    Flatten,
    LayerNorm,
    Merge,
    Pool,
    Repeat,
    Reverse,
    Unflatten,
    Windows,
)
from tests.support.cases import copies, same_bits
from tests.support.gradient_cases import (
    RAGGED,
    M,
    activation_cases,
    merge_cases,
    normalize_cases,
    off,
    rearrange_cases,
)
from tests.support.tolerances import TOLERANCES, assert_close

T_X = 4
CASES = [*activation_cases(), *merge_cases(), *normalize_cases(), *rearrange_cases()]
STEPWISE = [
    *(Activation(6, name) for name in (*nonlinearities.DEFAULTS, "softmax")),
    BatchNorm(6),
    LayerNorm(6),
    *(Merge(6, how) for how in ("sum", "mean", "product")),
    Merge(6, "max", parts=3),
]
OTHERS = [
    Flatten(6, T_X),
    Unflatten(6, 2),
    Repeat(6, 3),
    Reverse(6),
    Windows(6, 2),
    Windows(6, 3, stride=2, padding="same"),
    Windows(6, 2, padding="causal"),
]
every = pytest.mark.parametrize("layer", [*STEPWISE, *OTHERS], ids=repr)


def rng(seed=0):
    return np.random.default_rng(seed)


def call(layer):
    return rng().standard_normal((M, T_X, 6)), layer.init(rng(), np.float64)


@pytest.mark.parametrize("case", CASES)
def test_gradients(case):
    assert check_grads(*case, rtol=TOLERANCES["gradient"]) < 1e-9


@every
def test_padding_never_matters(layer):
    x, parameters = call(layer)
    y = layer.forward(x, parameters, None, RAGGED)[0]
    dy, after = rng(1).standard_normal(y.shape), layer.lengths_after(RAGGED)
    results = []
    for junk in (0.0, np.nan):
        x[off()] = junk
        if after is not None:
            dy[off(after, dy.shape[1])] = junk
        y, state, tape = layer.forward(x, parameters, None, RAGGED)
        results.append(copies((y, layer.backward(tape, dy))))
        assert state == ()
    assert same_bits(*results)
    assert not results[0][1][0][off()].any()
    if after is not None:
        assert not y[off(after, y.shape[1])].any()


@pytest.mark.parametrize("layer", STEPWISE, ids=repr)
def test_steps_equal_forward(layer):
    x, parameters = call(layer)
    y, _, _ = layer.forward(x, parameters)
    stream = layer.stream(parameters, M)
    for t in range(T_X):
        assert_close(layer.step(x[:, t], parameters, ())[0], y[:, t], "rows")
        assert_close(stream.step(x[:, t]), y[:, t], "rows")


@pytest.mark.parametrize("layer", OTHERS, ids=repr)
def test_layers_that_need_the_whole_sequence_do_not_step(layer):
    with pytest.raises(BpttError, match="expected a whole sequence"):
        layer.step(np.zeros((M, 6)), {}, ())
    with pytest.raises(BpttError, match="expected a whole sequence"):
        layer.stream({}, M)


@every
def test_the_tape_is_safe_from_the_caller(layer):
    x, parameters = call(layer)
    y, _, tape = layer.forward(x, parameters)
    expected = copies(layer.backward(tape, np.ones_like(y)))
    y[:], x[:] = 3, 3
    assert same_bits(layer.backward(tape, np.ones_like(y)), expected)


def test_values():
    x, _ = call(Flatten(6, T_X))
    lengths = np.array(RAGGED)
    reverse = Reverse(6).forward(x, {}, None, RAGGED)[0]
    for i, n in enumerate(RAGGED):
        assert np.array_equal(reverse[i, :n], x[i, :n][::-1])
    flat = Flatten(6, T_X).forward(x, {})[0]
    assert np.array_equal(flat, x.reshape(M, 1, 24))
    assert np.array_equal(Unflatten(24, T_X).forward(flat, {})[0], x)
    assert np.array_equal(Repeat(6, 2).forward(x, {})[0], np.repeat(x, 2, axis=1))
    assert np.array_equal(Repeat(6, 2).lengths_after(RAGGED), 2 * lengths)
    merged = {how: Merge(6, how).forward(x, {})[0] for how in ("sum", "mean", "product")}
    a, b = x[:, :, :3], x[:, :, 3:]
    assert np.array_equal(merged["sum"], a + b)
    assert np.array_equal(merged["mean"], (a + b) / 2)
    assert np.array_equal(merged["product"], a * b)
    most = Merge(6, "max", parts=3).forward(x, {})[0]
    assert np.array_equal(most, x.reshape(M, T_X, 3, 2).max(axis=2))
    assert_close(Activation(6, "softmax").forward(x, {})[0].sum(axis=2), np.ones((M, T_X)), "rows")


@pytest.mark.parametrize("layer", [x for x in OTHERS if isinstance(x, Windows)], ids=repr)
def test_windows_are_those_of_each_sequence_alone(layer):
    x, _ = call(layer)
    y = layer.forward(x, {}, None, RAGGED)[0]
    for i, T in enumerate(RAGGED):
        n, before = -(-T // layer.stride), layer.size - 1
        if layer.padding == "valid":
            n, before = max(0, T - layer.size + 1), 0
        elif layer.padding == "same":
            before = max(0, (n - 1) * layer.stride + layer.size - T) // 2
        rows = np.concatenate([np.zeros((before, 6)), x[i, :T], np.zeros((layer.size, 6))])
        starts = [t * layer.stride for t in range(n)]
        expected = [rows[s : s + layer.size].reshape(-1) for s in starts]
        assert np.array_equal(y[i, :n], np.reshape(expected, (n, layer.n_out)))
        assert layer.lengths_after(RAGGED)[i] == n
        assert not y[i, n:].any()


@pytest.mark.parametrize("layer", [Repeat(1, 100), Unflatten(100, 100), Windows(1, 3)], ids=repr)
def test_lengths_may_be_short_integers(layer):
    found = layer.lengths_after(np.array([1, 3], np.uint8))
    assert np.array_equal(found, layer.lengths_after([1, 3]))


def test_normalization_gives_mean_0_and_variance_1():
    x, parameters = call(LayerNorm(6))
    y = LayerNorm(6, epsilon=0.0).forward(x, parameters)[0]
    assert np.abs(y.mean(axis=2)).max() < 1e-14
    assert_close(y.var(axis=2), np.ones((M, T_X)), "rows")
    flat = x.reshape(-1, 6)
    given = {"mean": flat.mean(axis=0)[:, None], "variance": flat.var(axis=0)[:, None]}
    parameters = BatchNorm(6).init(rng(), np.float64) | given
    y = BatchNorm(6, epsilon=0.0).forward(x, parameters)[0].reshape(-1, 6)
    assert np.abs(y.mean(axis=0)).max() < 1e-14
    assert_close(y.var(axis=0), np.ones(6), "rows")


def test_a_network_knows_the_lengths_after_each_layer():
    network = Network([GRU(6, 4), Pool(4), Repeat(4, 3), GRU(4, 2), Flatten(2, 3), Dense(6, 2)])
    longer = Network([Unflatten(6, 2), GRU(3, 2)])
    parameters, x = network.init(rng(), np.float64), call(Reverse(6))[0]
    y, _, _ = network.forward(x, parameters, None, RAGGED)
    assert y.shape == (M, 1, 2)
    alone = [network.forward(x[i : i + 1, :n], parameters)[0][0] for i, n in enumerate(RAGGED)]
    assert_close(y, np.stack(alone), "rows")
    y, _, _ = longer.forward(x, longer.init(rng(), np.float64), None, RAGGED)
    assert not y[off(2 * np.array(RAGGED), 2 * T_X)].any()
    assert y[0, 3].any()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Activation(3, "relax"), "activation is 'relax'; expected one of sigmoid"),
        (lambda: Activation(3, None), "activation is None; expected softmax or one of"),
        (lambda: Merge(3), "n_x is 3; expected a multiple of parts = 2"),
        (lambda: Merge(4, "most"), "how is 'most'; expected one of sum, mean, product"),
        (lambda: Windows(5, 0), "size is 0; expected a whole number >= 1"),
        (lambda: Windows(5, 2, padding="full"), "padding is 'full'; expected one of valid, same"),
        (
            lambda: Windows(5, 9).forward(np.ones((2, 8, 5)), {}),
            "8 time steps; expected at least 9",
        ),
        (lambda: Unflatten(5, 2), "n_x is 5; expected a multiple of steps = 2"),
        (lambda: Repeat(5, 0), "times is 0; expected a whole number >= 1"),
        (lambda: BatchNorm(5, epsilon=-1), "epsilon is -1; expected a number >= 0"),
        (
            lambda: Flatten(6, 3).forward(np.zeros((M, 4, 6)), {}),
            "Flatten.forward: x has 4 time steps; expected 3, as constructed",
        ),
    ],
)
def test_refusals(build, words):
    with pytest.raises(BpttError, match=re.escape(words)):
        build()
