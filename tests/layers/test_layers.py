"""Layers: gradients, carried states, streaming, ragged batches, tapes."""

from functools import partial

import numpy as np
import pytest

from bptt import LSTM, Dense, Embedding, check_grads, engine
from bptt.engine.numpy_provider import NumpyProvider
from bptt.equations import rnn
from bptt.equations.sequences import forward_through_time
from bptt.errors import ShapeError
from tests.support.cases import copies, same_bits
from tests.support.gradient_cases import (
    KINDS,
    N_A,
    N_TOKENS,
    N_X,
    N_Y,
    RAGGED,
    TOKENS,
    M,
    build,
    dense_cases,
    embedding_layer_cases,
    layer_case,
)
from tests.support.tolerances import TOLERANCES, assert_close

STACKS = [(n_layers, bidirectional) for n_layers in (1, 2) for bidirectional in (False, True)]
T_X = 4


def random_call(layer, T_x=T_X, dtype=np.float64, seed=0):
    """Random x, parameters, state, dy and dstate of a layer."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.standard_normal(shape).astype(dtype)

    state = layer.zero_state(M, dtype)
    return (
        draw(M, T_x, layer.n_in),
        {name: 0.5 * draw(*shape) for name, shape in layer.shapes().items()},
        tuple(draw(*s.shape) for s in state),
        draw(M, T_x, layer.n_out),
        tuple(draw(*s.shape) for s in state),
    )


def padding(lengths=RAGGED, T_x=T_X):
    return np.arange(T_x) >= np.array(lengths)[:, np.newaxis]


# Gradients


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])
@pytest.mark.parametrize("T_x", [1, T_X])
@pytest.mark.parametrize(("n_layers", "bidirectional"), STACKS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "RNN relu"])
def test_gradients(kind, n_layers, bidirectional, T_x, lengths):
    lengths = lengths and [min(n, T_x) for n in lengths]
    case = layer_case(build(kind, n_layers, bidirectional), T_x, lengths)
    assert len(case.inputs) == len(build(kind, n_layers, bidirectional).shapes()) + (
        3 if kind == "LSTM" else 2
    )
    assert check_grads(*case, rtol=TOLERANCES["gradient"]) < 1e-9


@pytest.mark.parametrize("lengths", [None, [2, 0, 2, 1, 2, 0, 1]], ids=["uniform", "ragged"])
@pytest.mark.parametrize(("n_layers", "bidirectional"), STACKS)
def test_gradients_of_relu_away_from_its_kink(n_layers, bidirectional, lengths, monkeypatch):
    relu, distances = rnn.relu, []

    def watched(z):
        distances.append(np.abs(z).min(initial=np.inf))
        return relu(z)

    chosen = engine.provider()
    monkeypatch.setattr(engine, "_chosen", NumpyProvider())  # whose relu can be watched
    monkeypatch.setattr(rnn, "relu", watched)
    for seed in range(1000):
        case = layer_case(build("RNN relu", n_layers, bidirectional), 2, lengths, seed=seed)
        distances.clear()
        case.forward(case.inputs)
        if min(distances) > 0.02:
            break
    assert min(distances) > 0.02
    distances.clear()
    assert check_grads(*case) < 1e-9
    assert min(distances) > 0  # no central difference stepped over it
    monkeypatch.setattr(engine, "_chosen", chosen)
    assert check_grads(*case) < 1e-9


@pytest.mark.parametrize("case", [*dense_cases(), *embedding_layer_cases()])
def test_gradients_of_layers_without_a_state(case):
    assert check_grads(*case, rtol=TOLERANCES["gradient"]) < 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_backward_without_d_state_takes_zeros(kind):
    layer = build(kind, 2, True)
    x, parameters, state, dy, dstate = random_call(layer)
    _, _, tape = layer.forward(x, parameters, state, RAGGED)
    zeros = tuple(np.zeros_like(ds) for ds in dstate)
    assert same_bits(layer.backward(tape, dy), layer.backward(tape, dy, zeros))


# States carried


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])
@pytest.mark.parametrize("n_layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_two_halves_equal_the_whole(kind, n_layers, lengths):
    layer = build(kind, n_layers)
    x, parameters, state, dy, dstate = random_call(layer)
    first, second = (
        (None, None)
        if lengths is None
        else (np.minimum(lengths, 2), np.maximum(np.array(lengths) - 2, 0))
    )
    whole, final, tape = layer.forward(x, parameters, state, lengths)
    y1, between, tape1 = layer.forward(x[:, :2], parameters, state, first)
    y2, final2, tape2 = layer.forward(x[:, 2:], parameters, between, second)
    assert_close(np.concatenate([y1, y2], axis=1), whole, "rows")
    for after, expected in zip(final2, final, strict=True):
        assert_close(after, expected, "rows")

    dx, dstate0, gradients = layer.backward(tape, dy, dstate)
    dx2, d_between, gradients2 = layer.backward(tape2, dy[:, 2:], dstate)
    dx1, d_state1, gradients1 = layer.backward(tape1, dy[:, :2], d_between)
    assert_close(np.concatenate([dx1, dx2], axis=1), dx, "rows")
    for ds, expected in zip(d_state1, dstate0, strict=True):
        assert_close(ds, expected, "rows")
    for name, expected in gradients.items():
        assert_close(gradients1[name] + gradients2[name], expected, "rows")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_equal_forward(kind, n_layers, dtype):
    layer = build(kind, n_layers)
    x, parameters, state, *_ = random_call(layer, dtype=dtype)
    y, final, _ = layer.forward(x, parameters, state)
    for t in range(T_X):
        yt, state = layer.step(x[:, t], parameters, state)
        assert yt.dtype == dtype
        assert_close(yt, y[:, t], "rows")
    for after, expected in zip(state, final, strict=True):
        assert_close(after, expected, "rows")


def test_steps_of_layers_without_a_state_equal_forward():
    dense, embedding = Dense(N_A, N_Y), Embedding(N_TOKENS, N_X)
    x, parameters, *_ = random_call(dense)
    y, _, _ = dense.forward(x, parameters)
    vectors = embedding.init(np.random.default_rng(0))
    z, _, _ = embedding.forward(TOKENS, vectors)
    for t in range(T_X):
        yt, state = dense.step(x[:, t], parameters, ())
        assert_close(yt, y[:, t], "rows")
        assert state == ()
        assert same_bits(embedding.step(TOKENS[:, t], vectors, ()), (z[:, t], ()))


@pytest.mark.parametrize("kind", KINDS)
def test_no_state_is_a_state_of_zeros(kind):
    layer = build(kind, 2)
    x, parameters, *_ = random_call(layer)
    zeros = layer.zero_state(M, np.float64)
    assert [s.shape for s in zeros] == [(2, M, N_A)] * (2 if kind == "LSTM" else 1)
    assert same_bits(layer.forward(x, parameters)[:2], layer.forward(x, parameters, zeros)[:2])
    assert same_bits(layer.step(x[:, 0], parameters, None), layer.step(x[:, 0], parameters, zeros))


def test_one_array_in_several_places():
    layer = LSTM(N_A, N_A)
    _, parameters, _, y, (ds, _) = random_call(layer)
    whole = layer.forward(y, parameters, (ds, ds), RAGGED)
    apart = layer.forward(y.copy(), parameters, (ds.copy(), ds.copy()), RAGGED)
    assert same_bits(whole[:2], apart[:2])
    back = layer.backward(whole[2], y, (ds, ds))
    assert same_bits(back, layer.backward(apart[2], y.copy(), (ds.copy(), ds.copy())))


# Ragged batches


@pytest.mark.parametrize(("n_layers", "bidirectional"), STACKS)
@pytest.mark.parametrize("kind", KINDS)
def test_padding_never_matters(kind, n_layers, bidirectional):
    layer = build(kind, n_layers, bidirectional)
    x, parameters, state, dy, dstate = random_call(layer)
    off = padding()
    results = []
    for junk in (0.0, np.nan):
        x[off], dy[off] = junk, junk
        y, final, tape = layer.forward(x, parameters, state, RAGGED)
        results.append((y, final, layer.backward(tape, dy, dstate)))
    clean, dirty = results
    assert same_bits(clean, dirty)
    y, final, (dx, dstate0, _) = clean
    assert (y[off] == 0).all()
    assert (dx[off] == 0).all()
    for i, length in enumerate(RAGGED):
        if length == 0:
            for before, after in zip(state, final, strict=True):
                assert np.array_equal(before[:, i], after[:, i])
            for ds, ds0 in zip(dstate, dstate0, strict=True):
                assert np.array_equal(ds[:, i], ds0[:, i])


@pytest.mark.parametrize(("n_layers", "bidirectional"), STACKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_ragged_batch_equals_its_rows(kind, n_layers, bidirectional):
    layer = build(kind, n_layers, bidirectional)
    x, parameters, state, dy, dstate = random_call(layer)
    y, final, tape = layer.forward(x, parameters, state, RAGGED)
    dx, dstate0, gradients = layer.backward(tape, dy, dstate)
    total = dict.fromkeys(gradients, 0)
    for i, n in enumerate(RAGGED):
        row = slice(i, i + 1)
        own_state, own_d_state = (tuple(s[:, row] for s in ss) for ss in (state, dstate))
        y1, final1, tape1 = layer.forward(x[row, :n], parameters, own_state)
        dx1, d_state1, g = layer.backward(tape1, dy[row, :n], own_d_state)
        assert_close(y[row, :n], y1, "rows")
        assert_close(dx[row, :n], dx1, "rows")
        for whole, alone in zip((*final, *dstate0), (*final1, *d_state1), strict=True):
            assert_close(whole[:, row], alone, "rows")
        total = {name: total[name] + g[name] for name in total}
    for name, gradient in gradients.items():
        assert_close(gradient, total[name], "equations")


def test_padding_never_matters_to_layers_without_a_state():
    dense, embedding = Dense(N_A, N_Y), Embedding(N_TOKENS, N_X)
    x, parameters, _, dy, _ = random_call(dense)
    vectors = embedding.init(np.random.default_rng(0), np.float64)
    d_vectors = np.random.default_rng(1).standard_normal((M, T_X, N_X))
    tokens, off, results = TOKENS.copy(), padding(), []
    for junk, token in ((0.0, 0), (np.nan, -1), (np.inf, 10**9)):
        x[off], dy[off], d_vectors[off], tokens[off] = junk, junk, junk, token
        y, _, tape = dense.forward(x, parameters, lengths=RAGGED)
        z, _, z_tape = embedding.forward(tokens, vectors, lengths=RAGGED)
        results.append((y, dense.backward(tape, dy), z, embedding.backward(z_tape, d_vectors)))
    assert same_bits(results[0], results[1])
    assert same_bits(results[0], results[2])
    y, (dx, _, _), z, _ = results[0]
    assert not y[off].any()
    assert not dx[off].any()
    assert not z[off].any()
    assert y[~off].all()


@pytest.mark.parametrize(
    "make", [*(partial(build, kind) for kind in KINDS), partial(Dense, N_X, N_Y)]
)
def test_a_list_of_arrays_equals_the_padded_array(make):
    layer = make()
    x, parameters, state, *_ = random_call(layer)
    sequences = [row[:n] for row, n in zip(x, RAGGED, strict=True)]
    expected = layer.forward(x, parameters, state or None, RAGGED)[:2]
    assert same_bits(layer.forward(sequences, parameters, state or None)[:2], expected)
    assert same_bits(layer.forward(tuple(sequences), parameters, state or None)[:2], expected)
    shorter = layer.forward([s[:2] for s in sequences], parameters)[0]
    assert shorter.shape == (M, 2, layer.n_out)


def test_a_list_of_token_arrays_equals_the_padded_array():
    layer = Embedding(N_TOKENS, N_X)
    parameters = layer.init(np.random.default_rng(0))
    sequences = [row[:n] for row, n in zip(TOKENS, RAGGED, strict=True)]
    expected = layer.forward(TOKENS, parameters, lengths=RAGGED)[:2]
    assert same_bits(layer.forward(sequences, parameters)[:2], expected)


@pytest.mark.parametrize(("m", "T_x"), [(0, 4), (3, 0), (0, 0)])
@pytest.mark.parametrize("kind", [*KINDS, "Dense", "Embedding"])
def test_nothing_to_do(kind, m, T_x):
    layer = {"Dense": Dense(N_X, N_Y), "Embedding": Embedding(N_TOKENS, N_X)}.get(kind)
    layer = layer or build(kind, 2, True)
    parameters = layer.init(np.random.default_rng(0))
    shape = (m, T_x) if kind == "Embedding" else (m, T_x, N_X)
    x = np.zeros(shape, int if kind == "Embedding" else np.float32)
    y, _, tape = layer.forward(x, parameters)
    assert y.shape == (m, T_x, layer.n_out)
    dx, _, gradients = layer.backward(tape, y)
    assert dx is None or dx.shape == x.shape
    assert all(not g.any() for g in gradients.values())


# What the tape holds


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])
@pytest.mark.parametrize("kind", KINDS)
def test_tape_holds_every_gate_of_every_step(kind, lengths):
    layer = build(kind, bidirectional=True)
    x, parameters, state, *_ = random_call(layer)
    y, _, tape = layer.forward(x, parameters, state, lengths)
    cell = layer.cell
    assert tape[0].names == cell.states + cell.gates
    assert_close(np.concatenate([tape[0]["a"], tape[1]["a"]], axis=2), y, "rows")
    for slot, slot_tape, way in zip(layer.slots, tape, (1, -1), strict=True):
        own = {name: parameters[slot.prefix + name] for name in cell.parameters}
        collected = {name: slot_tape[name] for name in cell.states + cell.gates}
        for i, n in enumerate(lengths or [T_X] * M):
            alone = x[i : i + 1, :n][:, ::way].transpose(2, 0, 1)
            state0 = tuple(s[0 if way == 1 else 1, i : i + 1].T for s in state)
            _, _, (steps, _) = forward_through_time(cell, alone, state0, own, None)
            for t, step in enumerate(steps[::way]):
                for name in cell.gates:
                    assert_close(collected[name][i, t], getattr(step, name)[:, 0], "rows")
                for name in cell.states:
                    after = getattr(step, f"{name}_next")[:, 0]
                    assert_close(collected[name][i, t], after, "rows")
            for values in collected.values():
                assert values.shape == (M, T_X, N_A)
                assert not values[i, n:].any()


def test_tape_refuses_what_it_does_not_have():
    layer = build("GRU before")
    x, parameters, *_ = random_call(layer)
    _, _, tape = layer.forward(x, parameters)
    with pytest.raises(KeyError, match=r"the tape has a, ut, rt, cct; not 'ft'"):
        tape[0]["ft"]


@pytest.mark.parametrize("kind", [*KINDS, "Dense"])
def test_keep_tape_changes_nothing_else(kind):
    layer = Dense(N_X, N_Y) if kind == "Dense" else build(kind, 2, True)
    x, parameters, state, *_ = random_call(layer)
    y, final, tape = layer.forward(x, parameters, state or None, RAGGED, keep_tape=False)
    assert tape is None
    assert same_bits((y, final), layer.forward(x, parameters, state or None, RAGGED)[:2])


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("n_layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_prepare_keeps_the_weights(kind, n_layers, bidirectional):
    layer = build(kind, n_layers, bidirectional)
    x, parameters, state, *_ = random_call(layer)
    calls = [(x, state or None, RAGGED), (x, None, None), (list(x), state, None)]
    expected = [layer.forward(x, parameters, s, lengths)[:2] for x, s, lengths in calls]
    prepared = layer.prepare(parameters)
    for p in parameters.values():
        p[...] = 0
    for call, y in zip(calls, expected, strict=True):
        assert same_bits(prepared.forward(*call), y)
    with pytest.raises(
        ShapeError, match=r"Prepared.forward: x has shape .*expected \(m, T_x, n_x\)"
    ):
        prepared.forward(x[:, :, 1:])
    with pytest.raises(
        ShapeError, match=rf"{type(layer).__name__}.prepare: parameters has no entry"
    ):
        layer.prepare({})


def test_both_directions_are_two_layers_side_by_side():
    layer = build("LSTM", bidirectional=True)
    x, parameters, state, *_ = random_call(layer)
    y, final, _ = layer.forward(x, parameters, state)
    alone = build("LSTM")
    ahead = {name: p for name, p in parameters.items() if not name.startswith("reverse.")}
    back = {n.removeprefix("reverse."): p for n, p in parameters.items() if n not in ahead}
    y0, final0, _ = alone.forward(x, ahead, tuple(s[:1] for s in state))
    y1, final1, _ = alone.forward(x[:, ::-1], back, tuple(s[1:] for s in state))
    assert same_bits(y, np.concatenate([y0, y1[:, ::-1]], axis=2))
    assert same_bits(final, tuple(map(np.concatenate, zip(final0, final1, strict=True))))


# dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [*KINDS, "Dense"])
def test_dtype_in_is_dtype_out(kind, dtype):
    layer = Dense(N_X, N_Y) if kind == "Dense" else build(kind, 2, True)
    x, parameters, state, dy, dstate = random_call(layer, dtype=dtype)
    before = copies((x, parameters, state, dy, dstate))
    y, final, tape = layer.forward(x, parameters, state or None, RAGGED)
    dx, dstate0, gradients = layer.backward(tape, dy, dstate or None)
    arrays = [y, *final, dx, *dstate0, *gradients.values()]
    if kind != "Dense":
        arrays += [tape[0][name] for name in tape[0].names]
        arrays += [*layer.zero_state(M, dtype)]
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}
    assert same_bits(before, copies((x, parameters, state, dy, dstate)))
    assert list(gradients) == list(layer.shapes())
    assert {n: g.shape for n, g in gradients.items()} == layer.shapes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_of_the_embedding(dtype):
    layer = Embedding(N_TOKENS, N_X)
    y, _, tape = layer.forward(TOKENS, layer.init(np.random.default_rng(0), dtype))
    _, _, gradients = layer.backward(tape, y)
    assert y.dtype == gradients["We"].dtype == dtype


# The caller's floating-point settings


@pytest.mark.parametrize("kind", KINDS)
def test_underflow_is_no_error_whatever_the_caller_has_set(kind):
    """Saturated gates, gradients that vanish: exp(-1000) is 0."""
    layer = build(kind, 2, True)
    x, parameters, state, dy, dstate = random_call(layer, dtype=np.float32)
    tiny = np.float32(1e-36)
    x, dy, dstate = 1000 * x, tiny * dy, tuple(tiny * d for d in dstate)
    expected = layer.forward(x, parameters, state or None, RAGGED)
    gradients = layer.backward(expected[2], dy, dstate or None)
    with np.errstate(all="raise"):
        found = layer.forward(x, parameters, state or None, RAGGED)
        assert same_bits(found[:2], expected[:2])
        assert same_bits(layer.backward(found[2], dy, dstate or None), gradients)
