"""Gradients of parts of a batch: bit-identical to those of each part alone."""

from itertools import pairwise

import numpy as np
import pytest

from bptt import GRU, LSTM, Dense, Embedding, Network
from bptt.engine import provider
from bptt.errors import ConfigError, ShapeError
from bptt.layers import (
    BatchNorm,
    Dropout,
    FeatureEmbedding,
    LayerNorm,
    Pool,
    Recurrent,
    WordEmbedding,
)
from bptt.network import rows_of_state
from tests.cells import OWN
from tests.support.cases import copies, same_bits

M, T_X, N_X, N_A, N_TOKENS = 21, 60, 3, 5, 6
SIZES = (2, 0, 18, 1)  # the third has more than one chunk of steps of the engine
RNG = np.random.default_rng(0)
RAGGED = RNG.integers(0, T_X + 1, M)
CELLS = ("rnn", "lstm", "gru", "gru_reset_after", "lstm_peephole", "lstm__hard_sigmoid__tanh__relu")


def columns():
    x = RNG.standard_normal((M, T_X, N_X))
    x[:, :, 1] = RNG.integers(0, 4, (M, T_X))
    return x


NUMBERS, TOKENS = RNG.standard_normal((M, T_X, N_X)), RNG.integers(0, N_TOKENS, (M, T_X))
MANY = RNG.integers(0, 2000, (M, T_X))  # more tokens than steps of a part
NETWORKS = {
    **{name: ([Recurrent(name, N_X, N_A)], NUMBERS) for name in CELLS},
    "deep": ([LSTM(N_X, N_A, n_layers=2, bidirectional=True), Dense(2 * N_A, 4)], NUMBERS),
    "tokens": ([Embedding(N_TOKENS, N_X), GRU(N_X, N_A), Dense(N_A, N_TOKENS)], TOKENS),
    "many tokens": ([Embedding(2000, N_X), LSTM(N_X, N_A)], MANY),
    "embedding": ([Embedding(N_TOKENS, N_X), Dense(N_X, 4)], TOKENS),
    "columns": ([FeatureEmbedding(N_X, {1: (4, 2)}), LSTM(4, N_A), Pool(N_A, "mean")], columns()),
    "norms": ([LayerNorm(N_X), Dropout(N_X, 0.5), BatchNorm(N_X), Pool(N_X, "max")], NUMBERS),
}


def run(network, x, p, lengths, rows=slice(None), parts=None):
    """Return everything that a backward pass returns."""
    state = rows_of_state(network.initial_state(p, len(x)), rows)
    lengths = None if lengths is None else lengths[rows]
    y, final, tape = network.forward(x[rows], p, state, lengths)
    return network.backward(tape, np.cos(y), copies(final), parts=parts)


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_parts_are_those_of_the_parts_alone(name, lengths):
    layers, x = NETWORKS[name]
    network = Network(layers, initial_state="learned")
    if not network.by_rows:
        pytest.skip("the native engine alone computes by rows")
    for dtype in (np.float32, np.float64):
        p = {n: z + dtype(0.1) for n, z in network.init(np.random.default_rng(1), dtype).items()}
        own = x if x.dtype.kind == "i" else x.astype(dtype)
        dx, dstate0, gradients = run(network, own, p, lengths, parts=SIZES)
        gradients |= network.initial_state_gradients(dstate0, SIZES)
        assert all(z.shape == (len(SIZES), *p[n].shape) for n, z in gradients.items())
        for k, (a, b) in enumerate(pairwise(np.cumsum([0, *SIZES]))):
            rows = slice(a, b)
            dx_k, dstate0_k, alone = run(network, own, p, lengths, rows)
            alone |= network.initial_state_gradients(dstate0_k)
            assert same_bits({n: z[k] for n, z in gradients.items()}, alone)
            assert same_bits(rows_of_state(dstate0, rows), dstate0_k)
            assert same_bits(dx, None) if dx_k is None else same_bits(dx[rows], dx_k)


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])
@pytest.mark.parametrize("name", NETWORKS)
def test_without_the_gradients_of_parameters_the_others_are_the_same(name, lengths):
    layers, x = NETWORKS[name]
    network = Network(layers)
    p = network.init(np.random.default_rng(1), np.float64)
    *others, gradients = run(network, x, p, lengths)
    *same, none = run(network, x, p, lengths, parts=())
    assert gradients
    assert none == {}
    assert same_bits(same, others)


def test_every_layer_can_leave_the_gradients_of_parameters_out():
    class Own(Dense):
        by_rows = False

        def backward(self, tape, dy, dstate=None, *, need_dx=True):
            return super().backward(tape, dy, dstate, need_dx=need_dx)

    (own_cell, *_) = OWN.values()
    network = Network([Own(N_X, 4), Recurrent(own_cell, 4, N_A)])
    p = network.init(np.random.default_rng(1), np.float64)
    *others, _ = run(network, NUMBERS, p, RAGGED)
    *same, none = run(network, NUMBERS, p, RAGGED, parts=())
    assert none == {}
    assert same_bits(same, others)
    with pytest.raises(ConfigError, match=r"parts is given; expected None, because Own\(3, 4\)"):
        run(network, NUMBERS, p, RAGGED, parts=SIZES)


def test_parts_that_are_not_the_batch_are_refused():
    words = Network([WordEmbedding(4, 2, 5, 2, 2)])
    p = words.init(np.random.default_rng(0))
    with pytest.raises(ConfigError, match=r"WordEmbedding.* does not compute each row"):
        run(words, np.ones((2, 1, 3), int), p, None, parts=(1, 1))
    if provider().name != "native":
        return
    network = Network([Dense(N_X, 2)])
    p = network.init(np.random.default_rng(0), np.float64)
    for wrong in ((1, 2), (-1, M + 1)):
        with pytest.raises(ShapeError, match=r"expected numbers of rows that add up to m = 21"):
            run(network, NUMBERS, p, None, parts=wrong)


@pytest.mark.parametrize(
    "wrong", [np.array([2, 19]), 21, (2.0, 19.0), (True, 20), ((2, 19),), "", {21: 1}], ids=repr
)
def test_what_is_no_numbers_of_rows_is_refused(wrong):
    network = Network([Dense(N_X, 2)], initial_state="learned")
    p = network.init(np.random.default_rng(0), np.float64)
    with pytest.raises(ShapeError, match=r"parts is .*; expected numbers of rows, such as"):
        run(network, NUMBERS, p, None, parts=wrong)
    with pytest.raises(ShapeError, match=r"parts is .*; expected numbers of rows, such as"):
        network.initial_state_gradients(None, wrong)


def test_gradients_of_initial_states_need_parts_of_the_batch():
    network = Network([LSTM(N_X, N_A), Pool(N_A, "mean")], initial_state="learned")
    dstate0 = network.zero_state(M)
    for wrong in ((1, 2), (2, M), (-1, M + 1)):
        with pytest.raises(ShapeError, match=r"expected numbers of rows that add up to m = 21"):
            network.initial_state_gradients(dstate0, wrong)
    assert network.initial_state_gradients(dstate0, ()) == {}
    found = network.initial_state_gradients(dstate0, SIZES)
    assert {z.shape for z in found.values()} == {(len(SIZES), 1, 1, N_A)}


def test_dense_parts_of_many_rows():
    rng = np.random.default_rng(3)
    dy, x, W = (rng.standard_normal(s) for s in ((1200, 3), (1200, 5), (3, 5)))
    if not provider().by_rows():
        pytest.skip("the native engine alone computes by rows")
    dx, dW, db = provider().dense_backward(dy, x, W, parts=(700, 0, 500))
    for k, rows in enumerate((slice(0, 700), slice(700, 700), slice(700, 1200))):
        alone = provider().dense_backward(dy[rows], x[rows], W)
        assert same_bits((dx[rows], dW[k], db[k]), alone)
    assert same_bits(provider().dense_backward(dy, x, W, parts=())[0], dx)
