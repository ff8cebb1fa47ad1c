"""Objectives: sums over what counts, and their gradients."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from bptt import check_grads
from bptt.equations import softmax_cross_entropy, squared_error
from bptt.equations.distributions import negative_binomial_nll, student_t_nll
from bptt.equations.regression import gaussian_nll, pinball
from bptt.training.objectives import (
    CrossEntropy,
    GaussianNLL,
    NegativeBinomialNLL,
    Pinball,
    SquaredError,
    StudentTNLL,
)
from tests.support.cases import copies, same_bits
from tests.support.tolerances import TOLERANCES, assert_close

M, T_X, N = 7, 4, 3
RAGGED = np.array([2, 0, 4, 1, 4, 3, 2])
LEVELS = [0.1, 0.5, 0.9]
CLASS_WEIGHTS = [0.5, 2.0, 1.0, 3.0, 0.25, 1.5]

Given = partial(SimpleNamespace, factor=None)  # a batch that can be changed
OBJECTIVES = {
    "CrossEntropy": (CrossEntropy(), 6),
    "CrossEntropy weighted": (CrossEntropy(CLASS_WEIGHTS), 6),
    "SquaredError": (SquaredError(), N),
    "GaussianNLL": (GaussianNLL(), 2 * N),
    "StudentTNLL": (StudentTNLL(), 3 * N),
    "Pinball": (Pinball(LEVELS), 3 * N),
}
every_objective = pytest.mark.parametrize("name", OBJECTIVES)


def batch(name, *, pooled=False, lengths=None, weight=None, m=M, seed=0):
    """Outputs and a batch with targets: (m, T) or (m, T, n); pooled, without T."""
    rng = np.random.default_rng(seed)
    objective, n_out = OBJECTIVES[name]
    shape = (m,) if pooled else (m, T_X)
    z = rng.standard_normal((m, 1 if pooled else T_X, n_out))
    if isinstance(objective, CrossEntropy):
        target = rng.integers(0, n_out, shape)
    else:
        target = rng.standard_normal((*shape, N))
    return z, Given(x=None, target=target, lengths=lengths, fresh=None, weight=weight)


WEIGHTS = {
    "none": None,
    "a sequence": np.array([1.0, 2.0, 0.0, 0.5, 3.0, 1.0, 0.0]),
    "a step": np.random.default_rng(3).integers(0, 3, (M, T_X)).astype(float),
}
CASES = [
    (pooled, lengths, weight)
    for pooled in (False, True)
    for lengths in (None, RAGGED)
    for weight in WEIGHTS
    if not (pooled and weight == "a step")
]
every_case = pytest.mark.parametrize(("pooled", "lengths", "weight"), CASES)


@every_case
@every_objective
def test_gradients(name, pooled, lengths, weight):
    objective, _ = OBJECTIVES[name]
    z, given = batch(name, pooled=pooled, lengths=lengths, weight=WEIGHTS[weight])

    def forward(inputs):
        return np.array(objective(inputs["z"], given)[0]), inputs

    def backward(d_total, inputs):
        return {"dz": d_total * objective(inputs["z"], given)[2]}

    assert check_grads(forward, backward, {"z": z}, rtol=TOLERANCES["gradient"]) < 1e-9


def features_first(z):
    return np.moveaxis(z, -1, 0)


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])
def test_without_weights_they_are_the_equations(lengths):
    losses = {
        "CrossEntropy": softmax_cross_entropy,
        "SquaredError": squared_error,
        "GaussianNLL": gaussian_nll,
        "StudentTNLL": student_t_nll,
        "Pinball": lambda z, target, lengths: pinball(z, target, LEVELS, lengths),
    }
    steps = M * T_X if lengths is None else RAGGED.sum()
    entries = {
        "CrossEntropy": 1,
        "SquaredError": N,
        "GaussianNLL": N,
        "StudentTNLL": N,
        "Pinball": 3 * N,
    }
    for name, loss in losses.items():
        z, given = batch(name, lengths=lengths)
        target = given.target if given.target.ndim == 2 else features_first(given.target)
        expected, d_expected = loss(features_first(z), target, lengths)
        total, weight, dz = OBJECTIVES[name][0](z, given)
        assert total == pytest.approx(expected, rel=1e-13)
        assert weight == steps * entries[name]
        assert_close(features_first(dz), d_expected, "equations")


@every_case
@every_objective
def test_sums_are_those_of_the_rows_alone(name, pooled, lengths, weight):
    """Weights included: a batch cut in pieces has the same total, weight and gradients."""
    objective, _ = OBJECTIVES[name]
    z, given = batch(name, pooled=pooled, lengths=lengths, weight=WEIGHTS[weight])
    total, weighs, dz = objective(z, given)
    totals, all_weights = 0.0, 0.0
    for i in range(M):
        one = slice(i, i + 1)
        n = 1 if pooled else T_X if lengths is None else lengths[i]
        own = Given(
            target=given.target[one] if pooled else given.target[one, :n],
            lengths=None,
            weight=None
            if given.weight is None
            else given.weight[one][..., :n]
            if given.weight.ndim == 2
            else given.weight[one],
        )
        t, w, d = objective(z[one, :n], own)
        totals, all_weights = totals + t, all_weights + w
        assert_close(dz[one, :n], d, "rows")
        assert not dz[one, n:].any()
    assert totals == pytest.approx(total, rel=1e-12)
    assert all_weights == pytest.approx(weighs, rel=1e-12)


@every_objective
def test_padding_is_never_read(name):
    objective, _ = OBJECTIVES[name]
    z, given = batch(name, lengths=RAGGED)
    clean = copies(objective(z, given))
    off = np.arange(T_X) >= RAGGED[:, np.newaxis]
    z[off] = np.nan
    given.target[off] = 10**9 if given.target.dtype.kind == "i" else np.nan
    assert same_bits(clean, copies(objective(z, given)))


@every_objective
def test_pooled_outputs_count_every_sequence_once_whatever_its_length(name):
    objective, _ = OBJECTIVES[name]
    z, given = batch(name, pooled=True, lengths=RAGGED)
    total, weight, dz = objective(z, given)
    given.lengths = None
    assert same_bits((total, weight, dz), objective(z, given))
    assert weight > 0
    assert dz.any(axis=(1, 2)).all()


def test_class_weights_weigh_the_loss_and_not_the_average():
    z, given = batch("CrossEntropy", pooled=True)
    nats = [
        CrossEntropy()(z[i : i + 1], Given(target=t, lengths=None, weight=None))[0]
        for i, t in enumerate(given.target[:, np.newaxis])
    ]
    total, weight, _ = CrossEntropy(CLASS_WEIGHTS)(z, given)
    assert weight == M
    assert total == pytest.approx(np.dot(nats, np.take(CLASS_WEIGHTS, given.target)))


@every_objective
def test_weights_of_ones_change_nothing_and_zeros_take_out(name):
    objective, _ = OBJECTIVES[name]
    z, given = batch(name)
    plain = objective(z, given)
    given.weight = np.ones(M)
    assert same_bits(objective(z, given), plain)
    given.weight = np.ones((M, T_X))
    given.weight[:, :2] = 0  # burn-in
    total, weight, dz = objective(z, given)
    assert weight == plain[1] / 2
    assert total == pytest.approx(objective(z[:, 2:], later(given))[0])
    assert not dz[:, :2].any()
    assert dz[:, 2:].any()


def later(given):
    return Given(target=given.target[:, 2:], lengths=None, weight=None)


@every_objective
@pytest.mark.parametrize(("pooled", "lengths"), [(True, None), (False, None), (False, RAGGED)])
def test_a_factor_multiplies_loss_and_gradient_of_a_sequence_not_its_share(name, pooled, lengths):
    objective, _ = OBJECTIVES[name]
    z, given = batch(name, pooled=pooled, lengths=lengths)
    total, weight, dz = objective(z, given)
    given.factor = np.ones(M)
    assert same_bits(objective(z, given), (total, weight, dz))
    given.factor = np.arange(M) / 2
    scaled, same, d = objective(z, given)
    assert same == weight
    np.testing.assert_allclose(d, dz * given.factor[:, np.newaxis, np.newaxis], rtol=1e-12)
    given.factor = None
    given.weight = np.arange(M) / 2  # the same loss, with another share of the mean
    assert scaled == pytest.approx(objective(z, given)[0])
    assert weight != objective(z, given)[1]


@every_objective
def test_dtype_of_the_gradient_is_that_of_the_outputs(name):
    objective, _ = OBJECTIVES[name]
    for weight in WEIGHTS.values():
        for lengths in (None, RAGGED):
            z, given = batch(name, lengths=lengths, weight=weight)
            _, _, exact = objective(z, given)
            total, weighs, dz = objective(z.astype(np.float32), given)
            assert dz.dtype == np.float32
            assert type(total) is type(weighs) is float
            assert_close(dz, exact, "float32")


@every_objective
def test_nothing_that_counts_sums_to_nothing(name):
    objective, _ = OBJECTIVES[name]
    z, given = batch(name, lengths=np.zeros(M, int))
    total, weight, dz = objective(z, given)
    assert (total, weight) == (0, 0)
    assert dz.shape == z.shape
    assert not dz.any()


@pytest.mark.parametrize("name", ["SquaredError", "GaussianNLL", "StudentTNLL", "Pinball"])
def test_entries_of_a_pooled_target_have_weights(name):
    z, given = batch(name, pooled=True)
    objective = OBJECTIVES[name][0]
    given.weight = np.ones((M, N))
    ones = objective(z, given)
    given.weight = None
    rows = objective(z, given)
    np.testing.assert_allclose(ones[0], rows[0], rtol=1e-14)
    assert ones[1] == rows[1]
    np.testing.assert_array_equal(ones[2], rows[2])
    given.weight = np.random.default_rng(5).integers(0, 2, (M, N)).astype(float)
    total, weight, dz = objective(z, given)
    assert weight == given.weight.sum() * rows[1] / (M * N)
    assert not dz.reshape(M, -1, N).transpose(0, 2, 1)[given.weight == 0].any()
    given.target = np.where(given.weight == 0, 1e6, given.target)  # what is left out never matters
    again = objective(z, given)
    assert total == again[0]
    np.testing.assert_array_equal(dz, again[2])

    def forward(inputs):
        return np.array(objective(inputs["z"], given)[0]), inputs

    def backward(d_total, inputs):
        return {"dz": d_total * objective(inputs["z"], given)[2]}

    assert check_grads(forward, backward, {"z": z}, rtol=TOLERANCES["gradient"]) < 1e-9


def test_counts_are_the_equation_and_missing_ones_never_matter():
    rng = np.random.default_rng(3)
    y = rng.standard_normal((M, 1, 2 * N))
    counts = rng.integers(0, 6, (M, N)).astype(float)
    target = np.concatenate([counts, np.zeros((M, N)), np.ones((M, N))], axis=1)
    objective = NegativeBinomialNLL()
    total, weight, dy = objective(y, Given(x=None, target=target, lengths=None, weight=None))
    expected, d_expected = negative_binomial_nll(y[:, 0].T, counts.T)
    assert total == pytest.approx(expected, rel=1e-13)
    assert weight == M * N
    np.testing.assert_allclose(dy[:, 0].T, d_expected, rtol=1e-13)
    weights = np.tile(rng.integers(0, 2, (M, N)).astype(float), (1, 3))
    some = objective(y, Given(x=None, target=target, lengths=None, weight=weights))
    target[:, :N] = np.where(weights[:, :N] == 0, 1e3, counts)
    again = objective(y, Given(x=None, target=target, lengths=None, weight=weights))
    assert some[:2] == again[:2]
    assert some[1] == weights[:, :N].sum()
    np.testing.assert_array_equal(some[2], again[2])
