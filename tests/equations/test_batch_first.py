"""The batch-first family against published values, plain NumPy and the features-first functions."""

import math

import numpy as np
import pytest

import bptt
from bptt import batch_first as bf
from bptt.errors import ShapeError
from tests.support.cases import CELLS, same_bits
from tests.support.tolerances import TOLERANCES, assert_close

N, T, D, H = 4, 7, 3, 5
SEQUENCES = {"rnn": (bf.rnn_forward, bf.rnn_backward), "lstm": (bf.lstm_forward, bf.lstm_backward)}
COLUMNS = {"rnn": H, "lstm": 4 * H}
every_cell = pytest.mark.parametrize("cell", SEQUENCES)


def line(start, stop, *shape):
    """The exercise's inputs: evenly spaced numbers."""
    return np.linspace(start, stop, num=math.prod(shape)).reshape(shape)


def draw(cell):
    rng = np.random.default_rng(0)
    columns = COLUMNS[cell]
    shapes = {"x": (N, T, D), "h0": (N, H), "Wx": (D, columns), "Wh": (H, columns), "b": (columns,)}
    arrays = {name: 0.6 * rng.standard_normal(shape) for name, shape in shapes.items()}
    return arrays, rng.standard_normal((N, T, H))


# The values that the CS231n exercise prints for its forward passes
PUBLISHED = {
    "rnn_step_forward": (
        lambda: bf.rnn_step_forward(
            line(-0.4, 0.7, 3, 10), line(-0.2, 0.5, 3, 4),
            line(-0.1, 0.9, 10, 4), line(-0.3, 0.7, 4, 4), line(-0.2, 0.4, 4),
        )[0][0],
        [-0.58172089, -0.50182032, -0.41232771, -0.31410098],
    ),
    "rnn_forward": (
        lambda: bf.rnn_forward(
            line(-0.1, 0.3, 2, 3, 4), line(-0.3, 0.1, 2, 5),
            line(-0.2, 0.4, 4, 5), line(-0.4, 0.1, 5, 5), line(-0.7, 0.1, 5),
        )[0][1, 2],
        [-0.51014825, -0.30524429, -0.06755202, 0.17806392, 0.40333043],
    ),
    "lstm_step_forward h": (
        lambda: bf.lstm_step_forward(
            line(-0.4, 1.2, 3, 4), line(-0.3, 0.7, 3, 5), line(-0.4, 0.9, 3, 5),
            line(-2.1, 1.3, 4, 20), line(-0.7, 2.2, 5, 20), line(0.3, 0.7, 20),
        )[0][2],
        [0.56735664, 0.66310127, 0.74419266, 0.80889665, 0.858299],
    ),
    "lstm_step_forward c": (
        lambda: bf.lstm_step_forward(
            line(-0.4, 1.2, 3, 4), line(-0.3, 0.7, 3, 5), line(-0.4, 0.9, 3, 5),
            line(-2.1, 1.3, 4, 20), line(-0.7, 2.2, 5, 20), line(0.3, 0.7, 20),
        )[1][2],
        [0.74192008, 0.90592151, 1.07717006, 1.25120233, 1.42395676],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("run", "expected"), PUBLISHED.values(), ids=PUBLISHED)
def test_published_values_are_reproduced(run, expected):
    rtol, atol = TOLERANCES["seed"]
    assert np.allclose(run(), expected, rtol, atol)


def test_temporal_softmax_loss_of_small_scores_is_log_of_the_words_a_step():
    """The exercise's own check: about 2.3 a step for 10 words, T steps an example."""
    rng = np.random.default_rng(0)
    for n, t, share in ((1000, 1, 1.0), (200, 10, 1.0), (2000, 10, 0.1)):
        x, y = 1e-3 * rng.standard_normal((n, t, 10)), rng.integers(10, size=(n, t))
        mask = rng.random((n, t)) <= share
        loss, _ = bf.temporal_softmax_loss(x, y, mask)
        assert loss == pytest.approx(math.log(10) * mask.sum() / n, rel=1e-3)


def plain_rnn(x, h0, Wx, Wh, b):
    h, states = h0, []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ Wx + h @ Wh + b)
        states.append(h)
    return np.stack(states, axis=1)


def plain_lstm(x, h0, Wx, Wh, b):
    h, c, states = h0, np.zeros_like(h0), []
    for t in range(x.shape[1]):
        i, f, o, g = np.split(x[:, t] @ Wx + h @ Wh + b, 4, axis=1)  # the exercise's order
        i, f, o = (1 / (1 + np.exp(-z)) for z in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        states.append(h)
    return np.stack(states, axis=1)


@every_cell
def test_sequence_equals_plain_numpy(cell):
    arrays, _ = draw(cell)
    plain = {"rnn": plain_rnn, "lstm": plain_lstm}[cell]
    forward, _ = SEQUENCES[cell]
    assert_close(forward(**arrays)[0], plain(**arrays), "equations")


def course_parameters(cell, Wx, Wh, b):
    """The same weights under the course's names."""
    head = {"Wya" if cell == "rnn" else "Wy": np.zeros((2, H)), "by": np.zeros((2, 1))}
    if cell == "rnn":
        return {"Wax": Wx.T, "Waa": Wh.T, "ba": b[:, None]} | head
    for k, gate in enumerate("ifoc"):
        cut = slice(k * H, (k + 1) * H)
        head[f"W{gate}"] = np.concatenate([Wh[:, cut].T, Wx[:, cut].T], axis=1)
        head[f"b{gate}"] = b[cut, None]
    return head


@every_cell
def test_forward_and_gradients_equal_the_features_first_functions(cell):
    arrays, dh = draw(cell)
    forward, backward = SEQUENCES[cell]
    h, cache = forward(**arrays)
    dx, dh0, dWx, dWh, db = backward(dh, cache)

    spec, (x, h0, *weights) = CELLS[cell], arrays.values()
    state0 = (h0.T, np.zeros((H, N)))[: len(spec.states)]
    states, _, caches = spec.forward(
        x.transpose(2, 0, 1), state0, course_parameters(cell, *weights)
    )
    g = spec.backward(dh.transpose(2, 0, 1), caches)
    assert_close(h, states[0].transpose(1, 2, 0), "equations")
    assert_close(dx, g["dx"].transpose(1, 2, 0), "equations")
    assert_close(dh0, g["da0"].T, "equations")
    if cell == "rnn":
        expected = g["dWax"].T, g["dWaa"].T, g["dba"][:, 0]
    else:
        dW = np.concatenate([g[f"dW{gate}"] for gate in "ifoc"])
        db_all = np.concatenate([g[f"db{gate}"] for gate in "ifoc"])[:, 0]
        expected = dW[:, H:].T, dW[:, :H].T, db_all
    for result, wanted in zip((dWx, dWh, db), expected, strict=True):
        assert_close(result, wanted, "equations")


@every_cell
def test_steps_one_by_one_are_the_sequence_forward_and_backward(cell):
    arrays, dh = draw(cell)
    x, h0, *weights = arrays.values()
    forward, backward = SEQUENCES[cell]
    step_forward, step_backward = (
        getattr(bf, f"{cell}_step_{way}") for way in ("forward", "backward")
    )
    h, cache = forward(**arrays)
    expected = backward(dh, cache)

    states = (h0,) if cell == "rnn" else (h0, np.zeros_like(h0))
    caches = []
    for t in range(T):
        *states, step = step_forward(x[:, t], *states, *weights)
        caches.append(step)
        assert_close(states[0], h[:, t], "equations")
    dstates, dx = [np.zeros_like(h0) for _ in states], np.zeros_like(x)
    total = [np.zeros_like(w) for w in weights]
    for t in reversed(range(T)):
        dstates[0] = dstates[0] + dh[:, t]
        dx[:, t], *rest = step_backward(*dstates, caches[t])
        dstates = rest[: len(dstates)]
        total = [a + b for a, b in zip(total, rest[len(dstates) :], strict=True)]
    for result, wanted in zip((dx, dstates[0], *total), expected, strict=True):
        assert_close(result, wanted, "equations")


@pytest.mark.parametrize(("n", "t"), [(0, 7), (4, 0), (0, 0), (1, 1)])
@every_cell
def test_empty_batches_and_sequences_keep_their_shapes(cell, n, t):
    arrays, _ = draw(cell)
    arrays["x"], arrays["h0"] = arrays["x"][:n, :t], arrays["h0"][:n]
    forward, backward = SEQUENCES[cell]
    h, cache = forward(**arrays)
    assert h.shape == (n, t, H)
    gradients = backward(np.ones((n, t, H)), cache)
    for g, array in zip(gradients, arrays.values(), strict=True):
        assert g.shape == array.shape
    if n * t == 0:
        assert not any(g.any() for g in gradients)


@every_cell
def test_backward_twice_gives_the_same_answer(cell):
    arrays, dh = draw(cell)
    forward, backward = SEQUENCES[cell]
    _, cache = forward(**arrays)
    assert same_bits(backward(dh, cache), backward(dh, cache))


def test_word_embedding_looks_up_and_collects_every_use():
    words = np.array([[0, 2, 2], [5, 2, 0]])
    W, dout = line(0, 1, 6, 5), np.random.default_rng(0).standard_normal((2, 3, 5))
    out, cache = bf.word_embedding_forward(words, W)
    one_hot = np.eye(6)[words]
    assert np.array_equal(out, one_hot @ W)
    dW = bf.word_embedding_backward(dout, cache)
    assert_close(dW, np.einsum("ntv,ntd->vd", one_hot, dout), "equations")
    assert not dW[[1, 3, 4]].any()


@pytest.mark.parametrize("bad", [-1, 6, 100])
def test_a_word_that_is_not_in_the_table_is_refused(bad):
    with pytest.raises(ShapeError, match=f"x holds {bad}; expected 0..5, .* 6 rows in W"):
        bf.word_embedding_forward(np.array([[0, bad]]), np.ones((6, 5)))


def test_temporal_affine_is_the_affine_map_of_every_step():
    rng = np.random.default_rng(0)
    x, w, b, dout = (rng.standard_normal(s) for s in ((N, T, D), (D, 6), (6,), (N, T, 6)))
    out, cache = bf.temporal_affine_forward(x, w, b)
    assert_close(out, x @ w + b, "equations")
    dx, dw, db = bf.temporal_affine_backward(dout, cache)
    assert_close(dx, dout @ w.T, "equations")
    assert_close(dw, np.einsum("ntd,ntm->dm", x, dout), "equations")
    assert_close(db, dout.sum(axis=(0, 1)), "equations")


def test_temporal_softmax_loss_is_the_masked_sum_over_n():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((N, T, 6)), rng.integers(6, size=(N, T))
    mask = rng.random((N, T)) < 0.5
    p = np.exp(x) / np.exp(x).sum(axis=2, keepdims=True)
    loss, dx = bf.temporal_softmax_loss(x, y, mask)
    picked = np.take_along_axis(p, y[:, :, None], axis=2)[:, :, 0]
    assert loss == pytest.approx(-np.log(picked[mask]).sum() / N, rel=1e-13)
    assert_close(dx, (p - np.eye(6)[y]) * mask[:, :, None] / N, "equations")


@pytest.mark.parametrize(
    "mask", [np.ones((4, 7)), np.ones((4, 7), int), np.ones((7, 4), bool), np.ones(4, bool), True]
)
def test_a_mask_that_is_not_a_bool_a_step_is_refused(mask):
    with pytest.raises(ShapeError, match=r"mask is .*; expected bool \(4, 7\)") as caught:
        bf.temporal_softmax_loss(np.ones((4, 7, 6)), np.zeros((4, 7), int), mask)
    assert str(np.asarray(mask).dtype) in str(caught.value)


def test_gate_columns_that_are_not_four_equal_parts_are_refused():
    with pytest.raises(ShapeError, match=r"b has shape \(18,\); expected \(4H,\)"):
        bf.lstm_forward(
            np.ones((N, T, D)), np.ones((N, H)), np.ones((D, 18)), np.ones((H, 18)), np.ones(18)
        )


@pytest.mark.parametrize("name", bf.__all__)
def test_names_that_do_not_clash_are_importable_from_the_top(name):
    if name in {"rnn_forward", "rnn_backward", "lstm_forward", "lstm_backward"}:
        assert getattr(bptt, name) is not getattr(bf, name)  # the top level has the course's
    else:
        assert getattr(bptt, name) is getattr(bf, name)
