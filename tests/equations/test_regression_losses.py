"""Losses of predicted numbers: by the direct formula, what they are least for, what they refuse."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from bptt import check_grads
from bptt.equations.losses import REDUCTIONS
from bptt.equations.regression import gaussian_entries, gaussian_nll, pinball
from bptt.equations.sequences import valid_steps
from bptt.errors import ConfigError, ShapeError
from tests.support.gradient_cases import RAGGED, M, gaussian_cases, pinball_cases
from tests.support.tolerances import TOLERANCES, assert_close

T_X, LEVELS = 4, [0.1, 0.5, 0.8]
both = pytest.mark.parametrize(("lengths", "shape"), [(None, (M,)), (RAGGED, (M, T_X))])


@pytest.mark.parametrize("case", [*gaussian_cases(), *pinball_cases()])
def test_gradients(case):
    assert check_grads(*case, rtol=TOLERANCES["gradient"]) < 1e-9


def existing(lengths, shape):
    mask = np.ones(shape, bool) if lengths is None else valid_steps(lengths, *shape)
    return [tuple(step) for step in np.argwhere(mask)]


def divisor(reduction, n):
    return {"sum": 1, "mean_examples": M, "mean_steps": n}[reduction]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@both
def test_gaussian_is_the_density_of_the_normal_distribution(lengths, shape, reduction):
    rng = np.random.default_rng(0)
    z, target = rng.standard_normal((4, *shape)), rng.standard_normal((2, *shape))
    steps, nats = existing(lengths, shape), 0.0
    for step in steps:
        for k in range(2):
            mu, s = z[(k, *step)], z[(2 + k, *step)]
            nats -= math.log(NormalDist(mu, math.exp(s / 2)).pdf(target[(k, *step)]))
    loss, dz = gaussian_nll(z, target, lengths, reduction)
    assert type(loss) is float
    assert loss == pytest.approx(nats / divisor(reduction, len(steps)), rel=1e-12)
    if lengths is not None:
        assert not dz[:, ~valid_steps(lengths, *shape)].any()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@both
def test_pinball_is_the_direct_formula(lengths, shape, reduction):
    rng = np.random.default_rng(0)
    y, target = rng.standard_normal((6, *shape)), rng.standard_normal((2, *shape))
    steps, total = existing(lengths, shape), 0.0
    for step in steps:
        for q, level in enumerate(LEVELS):
            for k in range(2):
                e = target[(k, *step)] - y[(2 * q + k, *step)]
                total += level * e if e > 0 else (level - 1) * e
    loss, _ = pinball(y, target, LEVELS, lengths, reduction)
    assert loss == pytest.approx(total / divisor(reduction, len(steps)), rel=1e-12)


def test_pinball_is_least_at_the_quantile():
    target = np.sort(np.random.default_rng(0).exponential(size=(1, 999)))
    for i in (99, 499, 899):
        level = (i + 0.5) / 999
        losses = [
            pinball(np.full((1, 999), y), target, [level])[0] for y in target[0, i - 1 : i + 2]
        ]
        assert np.argmin(losses) == 1


def test_gaussian_is_least_at_mean_and_variance():
    target = np.random.default_rng(0).standard_normal(500)
    s = math.log(target.var())
    _, dmu, ds = gaussian_entries(np.full(500, target.mean()), np.full(500, s), target)
    assert abs(dmu.mean()) < 1e-12
    assert abs(ds.mean()) < 1e-12


def test_the_median_costs_half_the_absolute_error():
    rng = np.random.default_rng(0)
    y, target = rng.standard_normal((2, 1, M))
    assert pinball(y, target, [0.5])[0] == pytest.approx(0.5 * np.abs(target - y).sum())


@pytest.mark.parametrize("loss", [gaussian_nll, lambda z, t, n: pinball(z, t, [0.3, 0.7], n)])
def test_padding_is_never_read(loss):
    rng = np.random.default_rng(0)
    z, target = rng.standard_normal((4, M, T_X)), rng.standard_normal((2, M, T_X))
    value, dz = loss(z, target, RAGGED)
    off = ~valid_steps(RAGGED, M, T_X)
    z[:, off], target[:, off] = np.nan, np.inf
    other, dz2 = loss(z, target, RAGGED)
    assert other == value
    assert np.array_equal(dz, dz2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_in_is_dtype_out(dtype):
    z, target = np.ones((4, M), dtype), np.zeros((2, M), dtype)
    for _, dz in (gaussian_nll(z, target), pinball(z, target, [0.3, 0.7])):
        assert dz.dtype == dtype
    _, exact = gaussian_nll(np.ones((4, M)), np.zeros((2, M)))
    assert_close(gaussian_nll(z, target)[1], exact, "equations")


def test_refusals():
    z, target = np.zeros((4, M)), np.zeros((2, M))
    with pytest.raises(ShapeError, match=r"target has shape \(3, 7\); expected \(2, 7\), because"):
        gaussian_nll(z, np.zeros((3, M)))
    with pytest.raises(ShapeError, match=r"y has shape \(3, 7\); expected 2 n_y outputs first"):
        gaussian_nll(z[:3], target)
    with pytest.raises(ShapeError, match=r"target is float32; expected float64"):
        gaussian_nll(z, target.astype(np.float32))
    with pytest.raises(ConfigError, match="reduction is 'mean'"):
        gaussian_nll(z, target, reduction="mean")
    for bad in ([], [0.0, 0.5], [1.0], [[0.5]], [np.nan]):
        with pytest.raises(ConfigError, match=r"pinball: levels are .*; expected numbers between"):
            pinball(z, target, bad)
