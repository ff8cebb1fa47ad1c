"""Losses of Student's t and the negative binomial: known values, gradients, what they refuse."""

import math

import numpy as np
import pytest

from bptt import check_grads
from bptt.equations.distributions import (
    negative_binomial_entries,
    negative_binomial_nll,
    softplus,
    student_t_entries,
    student_t_nll,
)
from bptt.equations.gamma import digamma, log_gamma
from bptt.errors import ConfigError, ShapeError
from tests.support.gradient_cases import negative_binomial_cases, student_t_cases
from tests.support.tolerances import TOLERANCES


@pytest.mark.parametrize("case", [*student_t_cases(), *negative_binomial_cases()])
def test_gradients(case):
    assert check_grads(*case, rtol=TOLERANCES["gradient"]) < 1e-8


def test_log_gamma_is_that_of_the_standard_library():
    x = np.concatenate([np.logspace(-8, 8, 400), np.linspace(0.1, 40, 400)])
    exact = np.array([math.lgamma(v) for v in x])
    assert (np.abs(log_gamma(x) - exact) <= 2e-14 * np.maximum(1, np.abs(exact))).all()


def test_digamma_is_its_derivative():
    x = np.linspace(0.3, 20, 200)
    slope = (log_gamma(x + 1e-5) - log_gamma(x - 1e-5)) / 2e-5
    np.testing.assert_allclose(digamma(x), slope, atol=2e-8)


def test_student_t_is_the_density():
    """With r = log(e - 1) nu is 3: 2 / (pi sqrt(3) (1 + t^2/3)^2), by t = (y - mu) / sigma."""
    y = np.array([-2.0, 0.5, 4.0])
    mu, s = np.full(3, 0.5), np.full(3, math.log(4.0))
    t = (y - 0.5) / 2
    density = 2 / (math.pi * math.sqrt(3) * (1 + t**2 / 3) ** 2) / 2
    r = np.full(3, math.log(math.e - 1))
    np.testing.assert_allclose(student_t_entries(mu, s, r, y)[0], -np.log(density), rtol=1e-13)


def test_an_outlier_has_a_bounded_gradient():
    zero = np.zeros(1)
    far = [student_t_entries(zero, zero, zero, np.array([t]))[1][0] for t in (3.0, 1e3, 1e6)]
    assert abs(far[0]) > abs(far[1]) > abs(far[2])


def test_negative_binomial_is_the_probability():
    """With R = 2 the probability of k is (k + 1) p^2 (1 - p)^k, p = R / (R + mu)."""
    k = np.arange(6.0)
    a, s = np.full(6, 1.3), np.full(6, math.log(0.5))
    p = 2 / (2 + softplus(a))
    probability = (k + 1) * p**2 * (1 - p) ** k
    np.testing.assert_allclose(
        negative_binomial_entries(a, s, k)[0], -np.log(probability), rtol=1e-12
    )


def test_a_small_dispersion_gives_poisson():
    k, a = np.arange(5.0), np.full(5, 2.0)
    mu = softplus(a)
    poisson = mu - k * np.log(mu) + log_gamma(k + 1)
    nats, _, ds = negative_binomial_entries(a, np.full(5, -16.0), k)
    np.testing.assert_allclose(nats, poisson, atol=1e-6)
    assert (np.abs(ds) < 1e-6).all()


def test_a_mean_near_0_has_finite_gradients():
    nats, da, ds = negative_binomial_entries(np.array([-800.0]), np.zeros(1), np.array([3.0]))
    assert np.isfinite(nats).all()
    np.testing.assert_allclose(da, -3.0)
    assert np.isfinite(ds).all()


def test_refusals():
    with pytest.raises(ConfigError, match="target holds no counts; expected whole numbers >= 0"):
        negative_binomial_nll(np.zeros((2, 1)), np.array([[1.5]]))
    with pytest.raises(ConfigError, match="whole numbers >= 0"):
        negative_binomial_nll(np.zeros((2, 1)), np.array([[-1.0]]))
    with pytest.raises(ShapeError, match="expected 3 n_y outputs first"):
        student_t_nll(np.zeros((4, 1)), np.zeros((1, 1)))
