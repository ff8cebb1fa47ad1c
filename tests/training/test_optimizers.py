"""Optimizers against their papers' rules, written out plainly here; clipping by global norm."""

import numpy as np
import pytest

from bptt.errors import ConfigError
from bptt.training import SGD, Adam, AdamW, RMSprop, clip_by_global_norm

SHAPES = {"lstm0.Wf": (3, 5), "lstm0.bf": (3, 1), "embedding0.We": (7, 2)}
WEIGHTS = ("lstm0.Wf", "embedding0.We")


def draw(rng, dtype=np.float64, scale=1.0):
    return {
        name: (scale * rng.standard_normal(shape)).astype(dtype) for name, shape in SHAPES.items()
    }


def run(optimizer, steps, dtype=np.float64):
    """Return the parameters before, the gradients of each step, and the parameters after each."""
    rng = np.random.default_rng(5)
    parameters = draw(rng, dtype)
    start = {name: w.copy() for name, w in parameters.items()}
    gradients = [draw(rng, dtype, scale=10.0 ** (k % 5 - 3)) for k in range(steps)]
    after = []
    for g in gradients:
        optimizer.update(parameters, g)
        after.append({name: w.copy() for name, w in parameters.items()})
    return start, gradients, after


@pytest.mark.parametrize(
    ("settings", "alpha", "beta1", "beta2", "epsilon"),
    [
        ({}, 2e-3, 0.9, 0.999, 1e-8),
        (
            {"learning_rate": 0.3, "beta1": 0.5, "beta2": 0.7, "epsilon": 0.1},
            0.3,
            0.5,
            0.7,
            0.1,
        ),
        ({"learning_rate": 0.1, "beta1": 0.0, "beta2": 0.0}, 0.1, 0.0, 0.0, 1e-8),
    ],
)
def test_adam_follows_the_paper(settings, alpha, beta1, beta2, epsilon):
    start, gradients, after = run(Adam(**settings), steps=12)
    for name, w in start.items():
        # Kingma & Ba 2015, algorithm 1, line by line.
        theta, m, v = w.copy(), np.zeros_like(w), np.zeros_like(w)
        for t, gradient in enumerate(gradients, start=1):
            g = gradient[name]
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            m_hat = m / (1 - beta1**t)
            v_hat = v / (1 - beta2**t)
            theta = theta - alpha * m_hat / (np.sqrt(v_hat) + epsilon)
            np.testing.assert_allclose(after[t - 1][name], theta, rtol=1e-12, atol=1e-14)


def test_adams_first_step_is_the_learning_rate_against_the_sign():
    w = {"w": np.array([1.0, 1.0, 1.0])}
    Adam(learning_rate=0.25).update(w, {"w": np.array([1e-3, -7.0, 0.0])})
    np.testing.assert_allclose(w["w"], [0.75, 1.25, 1.0], rtol=1e-4)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_with_momentum_follows_its_rule(momentum):
    start, gradients, after = run(SGD(learning_rate=0.05, momentum=momentum), steps=6)
    for name, w in start.items():
        velocity = np.zeros_like(w)
        for t, gradient in enumerate(gradients):
            velocity = momentum * velocity + gradient[name]
            w = w - 0.05 * velocity
            np.testing.assert_allclose(after[t][name], w, rtol=1e-12, atol=1e-14)


def test_sgd_without_momentum_is_plain_gradient_descent():
    w = {"w": np.array([1.0, 2.0])}
    sgd = SGD(learning_rate=0.5)
    for _ in range(2):
        sgd.update(w, {"w": np.array([1.0, -2.0])})
    np.testing.assert_array_equal(w["w"], [0.0, 4.0])


@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_updates_are_in_place_and_keep_the_dtype(kind, dtype):
    rng = np.random.default_rng(0)
    parameters, gradients = draw(rng, dtype), draw(rng, dtype)
    arrays = dict(parameters)
    before = {name: g.copy() for name, g in gradients.items()}
    optimizer = kind()
    for _ in range(3):
        optimizer.update(parameters, gradients)
    for name, w in parameters.items():
        assert w is arrays[name]
        assert w.dtype == dtype
        np.testing.assert_array_equal(gradients[name], before[name])
    for name, array in optimizer.state.items():
        assert isinstance(array, np.ndarray), name
        assert array.dtype == (np.int64 if name == "t" else dtype), name


def test_float32_follows_float64_over_many_steps():
    *_, single = run(Adam(0.01), 50, np.float32)
    *_, double = run(Adam(0.01), 50, np.float64)
    for name, w in double[-1].items():
        np.testing.assert_allclose(single[-1][name], w, rtol=1e-4, atol=1e-4)


def test_two_optimizers_share_nothing():
    parameters = {"w": np.ones(3)}
    one, other = Adam(), Adam()
    one.update(parameters, {"w": np.ones(3)})
    assert int(one.state["t"]) == 1
    assert int(other.state["t"]) == 0
    assert list(other.state) == ["t"]


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (Adam, {"learning_rate": 0}, "learning_rate is 0; expected a number > 0"),
        (Adam, {"learning_rate": -1.0}, "expected a number > 0"),
        (Adam, {"learning_rate": float("nan")}, "expected a number > 0"),
        (Adam, {"learning_rate": float("inf")}, r"expected a number < 3\.4e38"),
        (Adam, {"learning_rate": 10**400}, r"expected a number < 3\.4e38"),
        (Adam, {"learning_rate": "fast"}, "learning_rate is 'fast'"),
        (Adam, {"learning_rate": None}, "learning_rate is None"),
        (Adam, {"learning_rate": True}, "learning_rate is True"),
        (Adam, {"learning_rate": 1j}, "expected a number > 0"),
        (Adam, {"beta1": 1.0}, r"beta1 is 1\.0; expected a number in \[0, 1\)"),
        (Adam, {"beta2": -0.1}, r"expected a number in \[0, 1\)"),
        (Adam, {"beta2": "0.9"}, r"expected a number in \[0, 1\)"),
        (Adam, {"epsilon": 0.0}, "epsilon"),
        (SGD, {"learning_rate": 0}, "SGD: learning_rate is 0; expected a number > 0"),
        (SGD, {"momentum": 1}, r"SGD: momentum is 1; expected a number in \[0, 1\)"),
        (SGD, {"momentum": float("nan")}, r"expected a number in \[0, 1\)"),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind, settings, words):
    with pytest.raises(ConfigError, match=words):
        kind(**settings)


def test_numpy_numbers_are_numbers():
    assert Adam(learning_rate=np.float32(0.5), beta1=np.float64(0.5)).learning_rate == 0.5


# Clipping


def joint_norm(gradients):
    return np.linalg.norm(np.concatenate([g.ravel() for g in gradients.values()]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping_scales_all_gradients_to_the_limit_together(dtype):
    gradients = draw(np.random.default_rng(1), dtype)
    before = {name: g.copy() for name, g in gradients.items()}
    norm = joint_norm(gradients)
    clipped, given = clip_by_global_norm(gradients, 0.5)
    assert given == pytest.approx(norm, rel=1e-6)
    assert joint_norm(clipped) == pytest.approx(0.5, rel=1e-6)
    for name, g in clipped.items():
        assert g.dtype == dtype
        np.testing.assert_allclose(g, before[name] * (0.5 / norm), rtol=1e-5)
        np.testing.assert_array_equal(gradients[name], before[name])  # the caller's are untouched


def test_gradients_below_the_limit_are_the_same_arrays():
    gradients = {"a": np.array([3.0]), "b": np.array([[4.0]])}
    for limit in (5.0, 5.1, None):
        clipped, norm = clip_by_global_norm(gradients, limit)
        assert norm == 5.0
        assert all(clipped[name] is g for name, g in gradients.items())
    clipped, _ = clip_by_global_norm(gradients, 4.9)
    np.testing.assert_allclose([clipped["a"][0], clipped["b"][0, 0]], [2.94, 3.92])


def test_no_gradients_have_norm_zero():
    assert clip_by_global_norm({}, 1.0) == ({}, 0.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_norm_that_is_not_finite_is_returned_and_nothing_is_scaled(bad):
    gradients = {"a": np.array([1.0, bad], np.float32), "b": np.ones(2, np.float32)}
    clipped, norm = clip_by_global_norm(gradients, 1.0)
    assert not np.isfinite(norm)
    assert clipped is gradients
    np.testing.assert_array_equal(clipped["a"], np.array([1.0, bad], np.float32))


def test_gradients_too_large_for_their_square_count_as_not_finite():
    clipped, norm = clip_by_global_norm({"a": np.full(2, 1e200)}, 1.0)
    assert norm == np.inf
    np.testing.assert_array_equal(clipped["a"], np.full(2, 1e200))
    single = {"a": np.full(2, 1e30, np.float32)}  # its squares are not, in float64 they are
    assert clip_by_global_norm(single, 1.0)[1] == pytest.approx(2**0.5 * 1e30)


# RMSprop, AdamW, weight decay


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_rmsprop_follows_its_rule(momentum):
    start, gradients, after = run(
        RMSprop(learning_rate=0.05, alpha=0.8, momentum=momentum, epsilon=1e-3), steps=6
    )
    for name, w in start.items():
        square, velocity = np.zeros_like(w), np.zeros_like(w)
        for t, gradient in enumerate(gradients):
            g = gradient[name]
            square = 0.8 * square + 0.2 * g**2
            velocity = momentum * velocity + g / (np.sqrt(square) + 1e-3)
            w = w - 0.05 * velocity
            np.testing.assert_allclose(after[t][name], w, rtol=1e-12, atol=1e-14)


def test_adamw_decays_weights_beside_the_gradient_and_biases_not_at_all():
    start, gradients, after = run(AdamW(0.1, weight_decay=0.3, weights=WEIGHTS), steps=5)
    for name, w in start.items():
        theta, m, v = w.copy(), np.zeros_like(w), np.zeros_like(w)
        for t, gradient in enumerate(gradients, start=1):
            g = gradient[name]
            if name in WEIGHTS:
                theta = theta - 0.1 * 0.3 * theta  # Loshchilov & Hutter 2019, algorithm 2
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            theta = theta - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            np.testing.assert_allclose(after[t - 1][name], theta, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam])
@pytest.mark.parametrize("weights", [WEIGHTS, tuple(SHAPES)])
def test_weight_decay_is_the_gradient_of_half_the_square(kind, weights):
    rng = np.random.default_rng(0)
    plain, decayed = draw(rng), {}
    decayed = {name: w.copy() for name, w in plain.items()}
    g = draw(rng)
    added = {name: g[name] + (0.2 * w if name in weights else 0) for name, w in plain.items()}
    kind(0.1).update(plain, added)
    chosen = None if weights == tuple(SHAPES) else weights
    kind(0.1, weight_decay=0.2, weights=chosen).update(decayed, g)
    for name, w in plain.items():
        np.testing.assert_allclose(decayed[name], w, rtol=1e-12)


@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam, AdamW])
def test_a_scale_multiplies_every_gradient(kind):
    rng = np.random.default_rng(0)
    one = draw(rng)
    other, g = {name: w.copy() for name, w in one.items()}, draw(rng)
    kind(0.1).update(one, {name: 0.25 * value for name, value in g.items()})
    kind(0.1).update(other, g, scale=0.25)
    for name, w in one.items():
        np.testing.assert_allclose(other[name], w, rtol=1e-12)
