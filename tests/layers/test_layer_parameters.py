"""Parameters of the layers: their names, and their first values."""

import numpy as np
import pytest

import bptt.layers
from bptt import LSTM, Dense, Embedding
from bptt.equations.initializers import glorot_uniform
from tests.support.cases import same_bits
from tests.support.gradient_cases import KINDS, N_A, N_TOKENS, N_X, N_Y, build
from tests.support.tolerances import assert_close

GATES = {
    "RNN tanh": "Wax Waa ba",
    "RNN relu": "Wax Waa ba",
    "LSTM": "Wf bf Wi bi Wc bc Wo bo",
    "GRU before": "Wu bu Wr br Wc bc",
    "GRU after": "Wu bu Wr br Wc bc bca",
}


@pytest.mark.parametrize("kind", KINDS)
def test_parameter_names(kind):
    names = GATES[kind].split()
    assert list(build(kind).shapes()) == names
    assert list(build(kind, 1, True).shapes()) == names + [f"reverse.{n}" for n in names]
    prefixes = ["layer0.", "layer0.reverse.", "layer1.", "layer1.reverse."]
    deep = build(kind, 2, True)
    assert list(deep.shapes()) == [p + n for p in prefixes for n in names]
    assert list(build(kind, 2).shapes()) == [p + n for p in prefixes[::2] for n in names]
    assert {n: p.shape for n, p in deep.init(np.random.default_rng(0)).items()} == deep.shapes()
    widths = {shape[1] for n, shape in deep.shapes().items() if n.startswith("layer1.W")}
    assert widths == ({2 * N_A, N_A} if kind.startswith("RNN") else {3 * N_A})
    for part in ("``Wf``", "``reverse.``", "``layer0.``", "``layer0.reverse.Wf``"):
        assert part in bptt.layers.__doc__


def blocks(layer, parameters):
    """Every weight matrix cut into what takes the state and what takes the input."""
    for name, p in parameters.items():
        kind = name.rpartition(".")[2]
        if kind == "Waa":
            yield p, None
        elif kind == "Wax":
            yield None, p
        elif kind.startswith("W"):
            yield p[:, : layer.n_a], p[:, layer.n_a :]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_initial_weights(kind, dtype):
    layer = KINDS[kind](30, 40, n_layers=2, bidirectional=True)
    parameters = layer.init(np.random.default_rng(0), dtype)
    assert all(p.dtype == dtype and p.flags.c_contiguous for p in parameters.values())
    for recurrent, from_input in blocks(layer, parameters):
        if recurrent is not None:
            error = np.abs(recurrent @ recurrent.T - np.eye(40)).max()
            assert error < 100 * np.finfo(dtype).eps
        if from_input is not None:
            limit = np.sqrt(6 / sum(from_input.shape))
            assert 0.95 * limit < np.abs(from_input).max() <= limit * (1 + np.finfo(dtype).eps)
            assert abs(from_input.mean()) < 0.1 * limit
    for name, p in parameters.items():
        if name.rpartition(".")[2].startswith("b"):
            assert (p == (1 if name.endswith("bf") else 0)).all()


def test_forget_bias_can_be_chosen():
    parameters = LSTM(N_X, N_A, n_layers=2, biases={"bf": -2}).init(np.random.default_rng(0))
    assert (parameters["layer1.bf"] == -2).all()
    assert not parameters["layer1.bi"].any()


@pytest.mark.parametrize("kind", KINDS)
def test_initial_weights_can_be_chosen(kind):
    def twos(rng, shape):
        return np.full(shape, 2.0)

    def threes(rng, shape):
        return np.full(shape, 3.0)

    layer = KINDS[kind](N_X, N_A, n_layers=2, input_init=twos, recurrent_init=threes)
    for recurrent, from_input in blocks(layer, layer.init(np.random.default_rng(0))):
        assert recurrent is None or (recurrent == 3).all()
        assert from_input is None or (from_input == 2).all()
    assert (Dense(N_A, N_Y, weight_init=twos).init(np.random.default_rng(0))["Wy"] == 2).all()


def test_initial_dense_and_embedding():
    dense, embedding = Dense(40, 30), Embedding(300, 40)
    p = dense.init(np.random.default_rng(0))
    assert 0.95 < np.abs(p["Wy"]).max() / np.sqrt(6 / 70) < 1.0001
    assert not p["by"].any()
    vectors = embedding.init(np.random.default_rng(0))["We"]
    assert 0.098 < vectors.std() < 0.102
    wide = Embedding(300, 40, scale=0.2).init(np.random.default_rng(0))["We"]
    assert_close(wide, 2 * vectors, "rows")


@pytest.mark.parametrize("kind", [*KINDS, "Dense", "Embedding"])
def test_same_seed_same_bits(kind):
    layer = {"Dense": Dense(N_X, N_Y), "Embedding": Embedding(N_TOKENS, N_X)}.get(kind)
    layer = layer or build(kind, 2, True)
    rng = np.random.default_rng(7)
    first, second = layer.init(rng), layer.init(rng)
    assert same_bits(first, layer.init(np.random.default_rng(7)))
    weights = [n for n in first if n.rpartition(".")[2].startswith("W")]
    assert not any(np.array_equal(first[n], second[n]) for n in weights)
    drawn = [first[n].tobytes() for n in weights]
    assert len(set(drawn)) == len(drawn)


def test_glorot_limits_count_the_block_and_not_the_whole_matrix():
    shapes = []

    def watched(rng, shape):
        shapes.append(shape)
        return glorot_uniform(rng, shape)

    LSTM(N_X, N_A, input_init=watched).init(np.random.default_rng(0))
    assert shapes == [(N_A, N_X)] * 4
