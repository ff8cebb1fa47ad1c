"""The output layer and its losses: values by the direct formula, reductions, masks, errors."""

import math

import numpy as np
import pytest

from bptt.equations import output_backward, output_forward, softmax_cross_entropy, squared_error
from bptt.equations.losses import REDUCTIONS
from bptt.equations.sequences import valid_steps
from bptt.errors import ConfigError, ShapeError
from tests.support.tolerances import assert_close

N_Y, M, T_X = 6, 4, 7
PATTERNS = {
    "one step": (None, (M,)),
    "uniform": (None, (M, T_X)),
    "ragged": ([5, 0, 7, 2], (M, T_X)),
    "all zero": ([0] * M, (M, T_X)),
}
every_pattern = pytest.mark.parametrize(("lengths", "shape"), PATTERNS.values(), ids=PATTERNS)
every_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)


def divisor(reduction, steps):
    return {"sum": 1, "mean_examples": M, "mean_steps": max(len(steps), 1)}[reduction]


def existing(lengths, shape):
    """Indices of the steps that exist, one tuple each."""
    mask = np.ones(shape, bool) if lengths is None else valid_steps(lengths, *shape)
    return [tuple(step) for step in np.argwhere(mask)]


@every_reduction
@every_pattern
def test_cross_entropy_is_the_direct_formula_in_nats(lengths, shape, reduction):
    rng = np.random.default_rng(0)
    z, labels = rng.standard_normal((N_Y, *shape)), rng.integers(N_Y, size=shape)
    steps = existing(lengths, shape)
    expected, d_expected = 0.0, np.zeros_like(z)
    for step in steps:
        scores = [z[(k, *step)] for k in range(N_Y)]
        total = math.fsum(math.exp(s) for s in scores)
        expected -= math.log(math.exp(scores[labels[step]]) / total)
        for k, s in enumerate(scores):
            d_expected[(k, *step)] = math.exp(s) / total - (k == labels[step])
    loss, dz = softmax_cross_entropy(z, labels, lengths, reduction)
    assert type(loss) is float
    assert loss == pytest.approx(expected / divisor(reduction, steps), rel=1e-13)
    assert_close(dz, d_expected / divisor(reduction, steps), "equations")


@every_reduction
@every_pattern
def test_squared_error_is_the_direct_formula(lengths, shape, reduction):
    rng = np.random.default_rng(0)
    y, target = rng.standard_normal((2, N_Y, *shape))
    steps = existing(lengths, shape)
    expected, d_expected = 0.0, np.zeros_like(y)
    for step in steps:
        for k in range(N_Y):
            d_expected[(k, *step)] = y[(k, *step)] - target[(k, *step)]
            expected += 0.5 * d_expected[(k, *step)] ** 2
    loss, dy = squared_error(y, target, lengths, reduction)
    assert type(loss) is float
    assert loss == pytest.approx(expected / divisor(reduction, steps), rel=1e-13)
    assert_close(dy, d_expected / divisor(reduction, steps), "equations")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_a_label_of_probability_zero_costs_a_finite_loss(size, dtype):
    """log(softmax) would be log 0."""
    z = np.array([[size], [-size]], dtype)
    loss, dz = softmax_cross_entropy(z, np.array([1]))
    assert loss == pytest.approx(2 * size, rel=1e-6)
    assert np.array_equal(dz, np.array([[1], [-1]], dtype))
    assert dz.dtype == dtype


def test_equal_scores_cost_log_of_the_number_of_classes():
    loss, _ = softmax_cross_entropy(np.zeros((N_Y, M)), np.zeros(M, int), reduction="mean_steps")
    assert loss == pytest.approx(math.log(N_Y), rel=1e-15)


def test_one_class_costs_nothing():
    loss, dz = softmax_cross_entropy(np.full((1, M), 1e30), np.zeros(M, int))
    assert loss == 0
    assert not dz.any()


@every_reduction
@pytest.mark.parametrize("shape", [(0,), (0, T_X), (M, 0), (0, 0)])
def test_where_nothing_exists_the_loss_is_zero_and_not_nan(shape, reduction):
    z = np.zeros((N_Y, *shape))
    for loss, target in ((softmax_cross_entropy, np.zeros(shape, int)), (squared_error, z)):
        value, dz = loss(z, target, reduction=reduction)
        assert value == 0
        assert dz.shape == z.shape


def test_the_gradient_of_a_float32_batch_is_summed_in_float64():
    """A hundred thousand steps in float32: the loss keeps its digits."""
    z = np.zeros((2, 1, 100_000), np.float32)
    loss, _ = softmax_cross_entropy(z, np.zeros((1, 100_000), int))
    assert loss == pytest.approx(100_000 * float(np.log(np.float32(2))), rel=1e-12)


def test_nan_scores_are_not_hidden():
    z = np.zeros((N_Y, M))
    z[0, 1] = np.nan
    loss, dz = softmax_cross_entropy(z, np.zeros(M, int))
    assert math.isnan(loss)
    assert np.array_equal(np.isnan(dz).all(axis=0), [False, True, False, False])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_labels_of_every_integer_type_give_the_same(dtype):
    z = np.random.default_rng(0).standard_normal((N_Y, M))
    labels = [5, 0, 3, 3]
    expected, _ = softmax_cross_entropy(z, np.array(labels))
    assert softmax_cross_entropy(z, np.array(labels, dtype))[0] == expected


@pytest.mark.parametrize("bad", [-1, N_Y, 100])
def test_a_label_that_is_no_class_is_refused(bad):
    labels = np.array([0, bad, 0, 0])
    with pytest.raises(ShapeError, match=f"ids holds {bad}; expected 0..5, .* 6 classes"):
        softmax_cross_entropy(np.zeros((N_Y, M)), labels)


@pytest.mark.parametrize("bad", [-100, N_Y])
def test_a_label_on_padding_may_be_anything(bad):
    z, labels = np.zeros((N_Y, M, T_X)), np.zeros((M, T_X), int)
    labels[1] = bad
    loss, _ = softmax_cross_entropy(z, labels, [7, 0, 7, 7])
    assert loss == pytest.approx(21 * math.log(N_Y))


@pytest.mark.parametrize("shape", [(), (M,), (M, T_X + 1), (T_X, M), (N_Y, M, T_X)])
def test_labels_of_another_shape_are_refused_with_given_and_expected(shape):
    with pytest.raises(ShapeError, match="ids have shape") as caught:
        softmax_cross_entropy(np.zeros((N_Y, M, T_X)), np.zeros(shape, int))
    assert f"{shape}; expected (4, 7)" in str(caught.value)


@pytest.mark.parametrize("loss", [softmax_cross_entropy, squared_error])
def test_unknown_reductions_and_lengths_without_time_are_refused(loss):
    z = np.zeros((N_Y, M))
    target = np.zeros(M, int) if loss is softmax_cross_entropy else z
    with pytest.raises(ConfigError, match=r"reduction is 'mean'; expected one of .*'mean_steps'"):
        loss(z, target, reduction="mean")
    with pytest.raises(ShapeError, match=r"lengths given for \w+ \(6, 4\), which has no time axis"):
        loss(z, target, [1, 1, 1, 1])
    for shape in ((), (N_Y,), (1, N_Y, M, T_X)):
        with pytest.raises(ShapeError, match=r"expected \(n_y, m\) or \(n_y, m, T_x\)"):
            loss(np.zeros(shape), target)


@pytest.mark.parametrize("steps", [(), (T_X,)])
def test_output_layer_is_the_same_affine_map_at_every_step(steps):
    rng = np.random.default_rng(0)
    a, Wy, by = (rng.standard_normal(s) for s in ((5, M, *steps), (N_Y, 5), (N_Y, 1)))
    dz = rng.standard_normal((N_Y, M, *steps))
    steps_and_examples = tuple(range(1, a.ndim))
    z = np.tensordot(Wy, a, 1) + by.reshape(-1, *(1 for _ in steps_and_examples))
    assert_close(output_forward(a, Wy, by), z, "equations")
    g = output_backward(dz, a, Wy)
    assert_close(g["da"], np.tensordot(Wy.T, dz, 1), "equations")
    assert_close(
        g["dWy"], np.tensordot(dz, a, (steps_and_examples, steps_and_examples)), "equations"
    )
    assert_close(g["dby"][:, 0], dz.sum(axis=steps_and_examples), "equations")
