"""FeatureEmbedding: values, gradients, padding, refusals."""

import numpy as np
import pytest

from bptt import check_grads
from bptt.errors import BpttError, ShapeError
from bptt.gradcheck import entry_errors
from bptt.layers import FeatureEmbedding
from tests.support.cases import copies, same_bits
from tests.support.gradient_cases import (
    MIXED,
    N_TOKENS,
    RAGGED,
    M,
    columns_cases,
    off,
)
from tests.support.tolerances import TOLERANCES

T_X, N = 4, 6
both = pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])


def rng(seed=0):
    return np.random.default_rng(seed)


def columns_layer():
    return FeatureEmbedding(4, {1: (N_TOKENS, 2), 3: (5, 3)})


def mixed(dtype=np.float64):
    x = MIXED.copy()
    x[:, :, [0, 2]] = rng().standard_normal((M, T_X, 2))
    return x.astype(dtype)


@pytest.mark.parametrize("case", columns_cases())
def test_gradients(case):
    assert check_grads(*case, rtol=TOLERANCES["gradient"]) < 1e-9


@pytest.mark.parametrize("case", columns_cases()[1:2])
def test_every_entry_of_the_gradients(case):
    errors = entry_errors(*case)
    assert errors.keys() == case.inputs.keys()
    assert max(e.error for e in errors.values()) < TOLERANCES["gradient"]


@both
def test_columns_are_numbers_then_vectors(lengths):
    layer, x = columns_layer(), mixed()
    parameters = layer.init(rng(), np.float64)
    y, state, _ = layer.forward(x, parameters, None, lengths)
    assert state == ()
    assert layer.n_out == y.shape[2] == 2 + 2 + 3
    on = ~off(lengths or [T_X] * M)
    assert np.array_equal(y[on][:, :2], x[on][:, [0, 2]])
    for j, place in ((1, slice(2, 4)), (3, slice(4, 7))):
        We = parameters[f"column{j}.We"]
        assert np.array_equal(y[on][:, place], We[x[on][:, j].astype(int)])
    assert not y[~on].any()
    for t in range(T_X):
        yt, _ = layer.step(x[:, t], parameters, ())
        assert np.array_equal(yt[on[:, t]], y[on[:, t], t])
        assert np.array_equal(layer.stream(parameters, M).step(x[:, t]), yt)


def test_padding_never_matters_to_columns():
    layer, x = columns_layer(), mixed()
    parameters, dy = layer.init(rng(), np.float64), rng(1).standard_normal((M, T_X, 7))
    results = []
    for junk in (0.0, np.nan, 1e9):
        x[off()], dy[off()] = junk, junk
        y, _, tape = layer.forward(x, parameters, None, RAGGED)
        results.append(copies((y, layer.backward(tape, dy))))
    assert same_bits(results[0], results[1])
    assert same_bits(results[0], results[2])
    assert not results[0][1][0][off()].any()
    assert not results[0][1][0][:, :, [1, 3]].any()  # tokens have no gradient


@pytest.mark.parametrize("bad", [-1, N_TOKENS, 0.5, np.nan, np.inf, -np.inf])
def test_columns_refuse_what_is_no_token(bad):
    layer, x = columns_layer(), mixed()
    x[2, 1, 1] = bad
    expected = (
        rf"FeatureEmbedding.forward: x holds {bad:g} in column 1; expected whole numbers in 0..8"
    )
    with pytest.raises(ShapeError, match=expected):
        layer.forward(x, layer.init(rng(), np.float64))


def test_columns_without_tokens_pass_numbers_on():
    layer, x = FeatureEmbedding(4, {}), mixed(np.float32)
    assert same_bits(layer.forward(x, {})[0], x)
    assert layer.stream({}, M).step(x[:, 0]).shape == (M, 4)


def refusals():
    columns, x = columns_layer(), np.zeros((M, T_X, N), np.float32)
    return [
        (
            lambda: FeatureEmbedding(2, {2: (3, 4)}),
            "FeatureEmbedding: tokens has column 2; expected 0..1.",
        ),
        (
            lambda: columns.forward(x[..., :4], {}),
            "FeatureEmbedding.forward: parameters has no entry; expected column1.We",
        ),
    ]


@pytest.mark.parametrize(("call", "text"), refusals())
def test_refusals(call, text):
    with pytest.raises(BpttError) as caught:
        call()
    assert text in str(caught.value)
