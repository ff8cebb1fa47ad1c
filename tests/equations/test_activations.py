"""Activations: right for every input a float can hold, without warnings, against 60 digits."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from bptt.equations import relu, sigmoid, softmax
from bptt.equations.activations import d_relu, d_sigmoid, d_tanh, log_softmax
from bptt.errors import ShapeError
from tests.support.tolerances import TOLERANCES

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def exact(function, values):
    """Apply a function of a list of `Decimal` and give the result back as longdouble."""
    with localcontext() as context:
        context.prec, context.Emin = 60, -330  # smaller is 0, as for the floats
        context.traps = dict.fromkeys(context.traps, False)
        result = function([Decimal(float(v)) for v in values])
        return np.array([np.longdouble(str(v)) for v in result])


def exact_sigmoid(values):
    small = [(-abs(x)).exp() for x in values]
    return [(1 if x >= 0 else e) / (1 + e) for x, e in zip(values, small, strict=True)]


def exact_softmax(column):
    e = [(x - max(column)).exp() for x in column]
    return [v / sum(e) for v in e]


def exact_log_softmax(column):
    total = sum((x - max(column)).exp() for x in column).ln()
    return [x - max(column) - total for x in column]


def ulps(actual, expected):
    """Largest distance in units of the last place; below the smallest normal number, of that."""
    floor = np.finfo(actual.dtype).tiny
    place = np.spacing(np.maximum(np.abs(expected), floor).astype(actual.dtype))
    return float((np.abs(actual.astype(np.longdouble) - expected) / place).max())


# --- sigmoid --------------------------------------------------------------------------------------


@both_dtypes
def test_sigmoid_is_exact_to_a_few_units_of_the_last_place(dtype):
    x = np.concatenate([np.linspace(-80, 80, 641), np.geomspace(1e-30, 80, 50)]).astype(dtype)
    assert ulps(sigmoid(x), exact(exact_sigmoid, x)) <= TOLERANCES["activation_ulp"]


@both_dtypes
@pytest.mark.parametrize("size", [1e4, 1e30, np.inf, "largest"])
def test_sigmoid_of_huge_inputs_is_zero_or_one(size, dtype):
    size = np.finfo(dtype).max if size == "largest" else size
    assert np.array_equal(sigmoid(np.array([-size, size], dtype)), [0, 1])


@pytest.mark.parametrize("x", [-700.0, -740.0, 40.0, -0.0, 0.0])
def test_sigmoid_keeps_what_the_naive_form_loses(x):
    """The naive 1 / (1 + exp(-x)) overflows below -709.79 in float64."""
    (expected,) = exact(exact_sigmoid, [x])
    assert sigmoid(np.array([x]))[0] == pytest.approx(float(expected), rel=1e-12, abs=5e-324)


@both_dtypes
def test_sigmoid_of_nan_is_nan_and_only_there(dtype):
    result = sigmoid(np.array([0, np.nan, 1, -np.inf], dtype))
    assert np.array_equal(np.isnan(result), [False, True, False, False])


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (0,), (2, 0)])
@both_dtypes
def test_sigmoid_keeps_shape_and_dtype(shape, dtype):
    result = sigmoid(np.zeros(shape, dtype))
    assert result.shape == shape
    assert result.dtype == dtype
    assert (result == 0.5).all()


def test_sigmoid_takes_a_python_float():
    assert sigmoid(0.0) == 0.5


# --- softmax and its logarithm --------------------------------------------------------------------


def columns(dtype):
    """Columns of every kind, side by side: each must come out as if it stood alone."""
    rng = np.random.default_rng(0)
    large = np.finfo(dtype).max
    return np.column_stack(
        [
            rng.normal(size=4),
            rng.normal(size=4) + 2000,
            rng.normal(size=4) - 2000,
            [1e4, -1e4, 0, 1e4],
            [-1e4, -1e4, -1e4, -1e4],
            [1e30, -1e30, 1e30, 0],
            [-1e30, -1e30, -1e30, -1e30],
            [large, -large, large, 0],
            [0, -np.inf, 1, -np.inf],
            [0, -300, -80, -90],
        ]
    ).astype(dtype)


@both_dtypes
def test_softmax_is_exact_in_every_column(dtype):
    x = columns(dtype)
    result = softmax(x)
    for column, given in zip(x.T, result.T, strict=True):
        assert ulps(given, exact(exact_softmax, column)) <= TOLERANCES["activation_ulp"]
    assert np.allclose(result.sum(axis=0), 1, rtol=0, atol=4 * np.finfo(dtype).eps)


@both_dtypes
def test_log_softmax_is_exact_where_softmax_underflows(dtype):
    x = columns(dtype)[:, [0, 1, 2, 3, 4, 5, 6, 9]]
    result = log_softmax(x)
    assert np.isfinite(result).all()
    for column, given in zip(x.T, result.T, strict=True):
        expected = exact(exact_log_softmax, column)
        scale = np.finfo(dtype).eps * np.maximum(np.abs(expected), 1)
        assert (np.abs(given - expected) / scale).max() <= TOLERANCES["log_epsilons"]


@pytest.mark.parametrize("function", [softmax, log_softmax])
@both_dtypes
def test_each_column_is_the_column_alone_to_the_bit(function, dtype):
    x = columns(dtype)
    for k in range(x.shape[1]):
        assert np.array_equal(function(x)[:, k : k + 1], function(x[:, k : k + 1]))


@both_dtypes
def test_columns_far_apart_do_not_underflow_each_other(dtype):
    """Subtracting the maximum of the whole array would make the second column 0 / 0."""
    x = np.array([[2000.0, 0.0], [2000.0, 0.0]], dtype)
    assert np.array_equal(softmax(x), np.full((2, 2), 0.5))


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize(
    "ill", [[np.nan, 0, 1], [np.inf, 0, 1], [-np.inf] * 3, [np.inf, np.inf, 0], [np.nan] * 3]
)
@both_dtypes
def test_a_column_without_a_softmax_is_nan_and_the_others_are_not_touched(function, ill, dtype):
    healthy = np.array([[1, 4], [2, 5], [3, 6]], dtype)
    result = function(np.insert(healthy, 1, ill, axis=1))
    assert np.isnan(result[:, 1]).any()
    if function is softmax:
        assert np.isnan(result[:, 1]).all()
    assert np.array_equal(result[:, [0, 2]], function(healthy))


@pytest.mark.parametrize("value", [0, 1e4, -1e4, 1e30])
@both_dtypes
def test_one_class_has_probability_one(value, dtype):
    x = np.full((1, 3), value, dtype)
    assert np.array_equal(softmax(x), np.ones((1, 3)))
    assert np.array_equal(log_softmax(x), np.zeros((1, 3)))


@both_dtypes
def test_one_axis_is_read_as_one_column(dtype):
    x = np.array([1, 2, 3], dtype)
    assert softmax(x).shape == (3, 1)
    assert np.array_equal(softmax(x), softmax(x[:, np.newaxis]))


@pytest.mark.parametrize("function", [softmax, log_softmax])
@both_dtypes
def test_three_axes_are_steps_of_columns(function, dtype):
    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(dtype)
    result = function(x)
    assert result.dtype == dtype
    for t in range(5):
        assert np.array_equal(result[:, :, t], function(x[:, :, t]))


@pytest.mark.parametrize("shape", [(3, 0), (3, 4, 0), (3, 0, 4)])
def test_softmax_of_no_columns_is_empty(shape):
    assert softmax(np.zeros(shape)).shape == shape


@pytest.mark.parametrize("shape", [(), (0,), (0, 3)])
def test_softmax_of_no_classes_is_refused(shape):
    with pytest.raises(ShapeError) as caught:
        softmax(np.zeros(shape))
    assert str(caught.value) == f"softmax: x has shape {shape}; expected (n, m) with n >= 1."


# --- relu and the derivatives ---------------------------------------------------------------------


@both_dtypes
def test_relu_and_its_derivative_at_every_kind_of_input(dtype):
    x = np.array([-np.inf, -1e30, -1, 0, 1, 1e30, np.inf, np.nan], dtype)
    g = relu(x)
    assert np.array_equal(g, np.array([0, 0, 0, 0, 1, 1e30, np.inf, np.nan], dtype), equal_nan=True)
    assert np.array_equal(d_relu(g), [0, 0, 0, 0, 1, 1, 1, np.nan], equal_nan=True)
    assert g.dtype == d_relu(g).dtype == dtype


@pytest.mark.parametrize(
    ("function", "derivative"), [(sigmoid, d_sigmoid), (np.tanh, d_tanh), (relu, d_relu)]
)
def test_derivatives_in_terms_of_the_output_are_the_slopes(function, derivative):
    x, h = np.array([-3.0, -1.0, -0.2, 0.4, 2.0, 5.0]), 1e-6
    slope = (function(x + h) - function(x - h)) / (2 * h)
    assert np.allclose(derivative(function(x)), slope, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("z", "error"), TOLERANCES["saturated_tanh"].items())
def test_derivative_of_a_saturated_tanh_in_float32_has_the_stated_error(z, error):
    """1 - g^2 cancels: accepted, with the error stated, since the units hardly move there."""
    z = np.float32(z)
    assert d_tanh(np.tanh(z)) == pytest.approx(1 / np.cosh(np.float64(z)) ** 2, rel=error)


def test_derivative_of_a_tanh_beyond_ten_is_zero_in_float32():
    assert d_tanh(np.tanh(np.float32(10))) == 0


@both_dtypes
@pytest.mark.parametrize("derivative", [d_sigmoid, d_tanh])
def test_derivatives_vanish_where_the_function_saturates(derivative, dtype):
    g = np.array([1, -1 if derivative is d_tanh else 0], dtype)
    assert not derivative(g).any()
    assert derivative(g).dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_underflow_is_no_error_whatever_the_caller_has_set(dtype):
    x = np.array([[0.0, 1000.0], [-1000.0, 1.0]], dtype)
    with np.errstate(all="raise"):
        assert softmax(x).tolist() == [[1, 1], [0, 0]]
        assert np.isfinite(log_softmax(x)).all()
        assert sigmoid(x)[1, 0] == 0
