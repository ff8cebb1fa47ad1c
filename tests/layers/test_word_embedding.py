"""WordEmbedding: values, gradients, padding, refusals."""

import numpy as np
import pytest

from bptt import check_grads
from bptt.errors import BpttError
from bptt.gradcheck import entry_errors
from bptt.layers import WordEmbedding
from tests.support.cases import copies, same_bits
from tests.support.gradient_cases import (
    N_TOKENS,
    RAGGED,
    SPELT,
    M,
    off,
    words_cases,
)
from tests.support.tolerances import TOLERANCES, assert_close

T_X = 4
both = pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])


def rng(seed=0):
    return np.random.default_rng(seed)


def words_layer():
    return WordEmbedding(N_TOKENS, 2, 6, 3, 4)


@pytest.mark.parametrize("case", words_cases())
def test_gradients(case):
    assert check_grads(*case, rtol=TOLERANCES["gradient"]) < 1e-9


@pytest.mark.parametrize("case", words_cases()[1:2])
def test_every_entry_of_the_gradients(case):
    errors = entry_errors(*case)
    assert errors.keys() == case.inputs.keys()
    assert max(e.error for e in errors.values()) < TOLERANCES["gradient"]


@both
def test_words_are_vectors_and_the_final_states_of_their_letters(lengths):
    layer = words_layer()
    parameters = layer.init(rng(), np.float64)
    y, _, _ = layer.forward(SPELT, parameters, None, lengths)
    on = ~off(lengths or [T_X] * M)
    assert not y[~on].any()
    assert layer.n_out == y.shape[2] == 2 + 8
    inner = {n.removeprefix("lstm."): p for n, p in parameters.items() if n.startswith("lstm.")}
    for row, own in zip(SPELT[on], y[on], strict=True):
        letters = parameters["characters.We"][row[1:][row[1:] > 0]][np.newaxis]
        _, (a, _), _ = layer.lstm.forward(letters, inner)
        assert_close(own, np.concatenate([parameters["We"][row[0]], a[0, 0], a[1, 0]]), "rows")


def test_words_step_as_they_read():
    layer = words_layer()
    parameters = layer.init(rng(), np.float64)
    y, _, _ = layer.forward(SPELT, parameters)
    stream = layer.stream(parameters, M)
    for t in range(T_X):
        assert_close(layer.step(SPELT[:, t], parameters, ())[0], y[:, t], "rows")
        assert_close(stream.step(SPELT[:, t]), y[:, t], "rows")


def test_padding_never_matters_to_words():
    layer, x = words_layer(), SPELT.copy()
    parameters, dy = layer.init(rng(), np.float64), rng(1).standard_normal((M, T_X, 10))
    results = []
    for junk, token in ((0.0, 0), (np.nan, -1), (np.inf, 10**9)):
        x[off()], dy[off()] = token, junk
        y, _, tape = layer.forward(x, parameters, None, RAGGED)
        results.append(copies((y, layer.backward(tape, dy))))
    assert same_bits(results[0], results[1])
    assert same_bits(results[0], results[2])


def test_room_for_longer_words_changes_nothing():
    layer = words_layer()
    parameters = layer.init(rng(), np.float64)
    longer = np.concatenate([SPELT, np.zeros((M, T_X, 5), int)], axis=2)
    assert same_bits(layer.forward(longer, parameters)[0], layer.forward(SPELT, parameters)[0])


def test_no_words_at_all():
    layer = words_layer()
    parameters = layer.init(rng())
    for m, T_x in ((0, 3), (3, 0)):
        y, _, tape = layer.forward(np.zeros((m, T_x, 4), int), parameters)
        assert y.shape == (m, T_x, 10)
        assert all(not g.any() for g in layer.backward(tape, y)[2].values())


def refusals():
    words, tokens, spelling = words_layer(), SPELT.copy(), SPELT.copy()
    W = words.init(rng())
    tokens[0, 0, 0], spelling[0, 0, 1] = N_TOKENS, 6
    return [
        (
            lambda: words.forward(SPELT[..., :1], W),
            "x has shape (7, 4, 1); expected (m, T_x, 1 + L)",
        ),
        (lambda: words.forward(tokens, W), "x[..., 0] holds 9; expected 0..8, because there are 9"),
        (
            lambda: words.forward(spelling, W),
            "x[..., 1:] holds 6; expected 0..5, because there are",
        ),
        (
            lambda: words.forward(SPELT, {}),
            "WordEmbedding.forward: parameters has no entry; expected We, ",
        ),
        (
            lambda: words.step(SPELT, W, ()),
            "WordEmbedding.step: xt has shape (7, 4, 4); expected (m, 1 + L)",
        ),
    ]


@pytest.mark.parametrize(("call", "text"), refusals())
def test_refusals(call, text):
    with pytest.raises(BpttError) as caught:
        call()
    assert text in str(caught.value)
