"""Networks: gradients of the whole, named parameters, carried states, streaming."""

import numpy as np
import pytest

from bptt import GRU, LSTM, RNN, Dense, Embedding, Network, check_grads
from bptt.equations import softmax_cross_entropy
from bptt.gradcheck import entry_errors
from bptt.layers import Dropout, FeatureEmbedding, Pool, WordEmbedding
from tests.support.cases import copies, same_bits
from tests.support.gradient_cases import (
    N_A,
    N_TOKENS,
    N_X,
    N_Y,
    RAGGED,
    TOKENS,
    M,
    flat,
    like,
    network_cases,
)
from tests.support.tolerances import TOLERANCES, assert_close

T_X = 4


def characters():
    """Tokens in, logits out."""
    layers = [Embedding(N_TOKENS, N_X), LSTM(N_X, N_A, n_layers=2), GRU(N_A, 4), Dense(4, N_Y)]
    return Network(layers)


def series():
    """Numbers in, in both directions."""
    return Network(
        {"in": Dense(N_X, 4), "both": GRU(4, N_A, bidirectional=True, cell="gru_reset_after")}
    )


def draw(network, dtype=np.float64):
    return network.init(np.random.default_rng(0), dtype)


def random_like(tree, seed, dtype=np.float64):
    """The same tuples of arrays, filled at random."""
    rng = np.random.default_rng(seed)
    return like(tree, (rng.standard_normal(s.shape).astype(dtype) for s in flat(tree)))


def numbers(dtype=np.float64):
    return np.random.default_rng(1).standard_normal((M, T_X, N_X)).astype(dtype)


# Gradients


@pytest.mark.parametrize("case", network_cases())
def test_gradients(case):
    assert check_grads(*case, rtol=TOLERANCES["gradient"]) < 1e-9


def test_every_entry_of_the_gradient_of_a_small_network_with_its_loss():
    network = Network([Embedding(4, 2), LSTM(2, 3), Dense(3, 4)])
    tokens, lengths = np.array([[0, 3, 1], [2, 2, 0]]), [3, 2]
    labels = np.array([[3, 1, 2], [2, 0, 0]])

    def forward(parameters):
        z, _, tape = network.forward(tokens, parameters, lengths=lengths)
        loss, dz = softmax_cross_entropy(z.transpose(2, 0, 1), labels, lengths, "mean_steps")
        return np.array(loss), (tape, dz.transpose(1, 2, 0))

    def backward(d_loss, cache):
        tape, dz = cache
        dx, _, gradients = network.backward(tape, d_loss * dz)
        assert dx is None
        return {f"d{name}": g for name, g in gradients.items()}

    rng = np.random.default_rng(1)
    parameters = {name: 0.5 * rng.standard_normal(s) for name, s in network.shapes().items()}
    errors = entry_errors(forward, backward, parameters)
    assert errors.keys() == network.shapes().keys()
    assert all(error.error < 1e-8 for error in errors.values()), errors


# Names


def test_layers_are_named_by_kind_and_number():
    network = Network([Embedding(9, 3), LSTM(3, 5), RNN(5, 4), LSTM(4, 2), Dense(2, 6)])
    assert list(network.layers) == ["embedding0", "lstm0", "rnn0", "lstm1", "dense0"]
    assert repr(network) == (
        "Network(embedding0: Embedding(9, 3), lstm0: LSTM(3, 5), rnn0: RNN(5, 4), "
        "lstm1: LSTM(4, 2), dense0: Dense(2, 6))"
    )
    assert list(Network({"a": Dense(2, 3), "b": Dense(3, 4)}).shapes()) == [
        *("a.Wy", "a.by"),
        *("b.Wy", "b.by"),
    ]


@pytest.mark.parametrize("make", [characters, series])
def test_parameters_are_those_of_the_layers_under_full_names(make):
    network = make()
    expected = {
        f"{name}.{key}": shape
        for name, layer in network.layers.items()
        for key, shape in layer.shapes().items()
    }
    assert list(network.shapes().items()) == list(expected.items())
    assert {name: p.shape for name, p in draw(network).items()} == expected


def test_weight_decay_acts_on_all_but_biases_and_initial_states():
    layers = [
        FeatureEmbedding(N_X, {1: (9, 2)}),
        RNN(N_X + 1, N_A, bidirectional=True),
        GRU(2 * N_A, 4, n_layers=2, cell="gru_reset_after"),
        Dropout(4, 0.5),
        Pool(4),
        Dense(4, N_Y),
    ]
    words = Network([WordEmbedding(9, 2, 9, 3, 4), LSTM(10, 2)])
    for network in (characters(), words, Network(layers, initial_state="learned")):
        matrices = [name for name in network.shapes() if name.rpartition(".")[2][0] == "W"]
        assert list(network.weights()) == matrices
        assert set(network.weights()) < network.shapes().keys()


def test_layers_draw_in_order_from_one_generator():
    network, rng = characters(), np.random.default_rng(5)
    expected = {
        f"{name}.{key}": p
        for name, layer in network.layers.items()
        for key, p in layer.init(rng).items()
    }
    assert same_bits(network.init(np.random.default_rng(5)), expected)
    twins = Network([RNN(5, 5), RNN(5, 5)]).init(np.random.default_rng(5))
    assert not np.array_equal(twins["rnn0.Waa"], twins["rnn1.Waa"])


# Forward, backward, step


def close(a, b):
    """Equal but for the order of sums: the network multiplies the embedding's table first."""
    return np.allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])
def test_a_network_is_its_layers_one_after_the_other(lengths):
    network = characters()
    p = draw(network)
    state = random_like(network.zero_state(M, np.float64), 2)
    y, final, tape = network.forward(TOKENS, p, state, lengths)
    expected, tapes = TOKENS, []
    for (name, layer), s, after in zip(network.layers.items(), state, final, strict=True):
        own = {key: p[f"{name}.{key}"] for key in layer.shapes()}
        expected, expected_after, layer_tape = layer.forward(expected, own, s or None, lengths)
        assert all(map(close, after, expected_after))
        tapes.append(layer_tape)
    assert close(y, expected)

    dy, dstate = np.random.default_rng(3).standard_normal(y.shape), random_like(state, 4)
    dx, dstate0, gradients = network.backward(tape, dy, dstate)
    assert list(gradients) == list(network.shapes())
    for i in reversed(range(len(tapes))):
        name, layer = list(network.layers.items())[i]
        dy, expected_ds, g = layer.backward(tapes[i], dy, dstate[i] or None)
        assert all(map(close, dstate0[i], expected_ds))
        assert all(close(gradients[f"{name}.{key}"], g[key]) for key in g)
    assert dx is None
    assert dy is None


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])
def test_two_halves_equal_the_whole(lengths):
    network = characters()
    p = draw(network)
    first, second = None, None
    if lengths is not None:
        first, second = np.minimum(lengths, 2), np.maximum(np.array(lengths) - 2, 0)
    y, final, _ = network.forward(TOKENS, p, lengths=lengths)
    y1, between, _ = network.forward(TOKENS[:, :2], p, lengths=first)
    y2, final2, _ = network.forward(TOKENS[:, 2:], p, between, second)
    assert_close(np.concatenate([y1, y2], axis=1), y, "rows")
    for after, expected in zip(flat(final2), flat(final), strict=True):
        assert_close(after, expected, "rows")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_equal_forward(dtype):
    network = characters()
    p = draw(network, dtype)
    state = random_like(network.zero_state(M, dtype), 2, dtype)
    y, final, _ = network.forward(TOKENS, p, state)
    for t in range(T_X):
        yt, state = network.step(TOKENS[:, t], p, state)
        assert yt.dtype == dtype
        assert_close(yt, y[:, t], "rows")
    for after, expected in zip(flat(state), flat(final), strict=True):
        assert_close(after, expected, "rows")
    none, zeros = (network.step(TOKENS[:, 0], p, s) for s in (None, network.zero_state(M, dtype)))
    assert same_bits(none, zeros)


def test_lists_equal_padded_arrays():
    tokens = [row[:n] for row, n in zip(TOKENS, RAGGED, strict=True)]
    network = characters()
    p = draw(network)
    assert same_bits(network.forward(tokens, p)[:2], network.forward(TOKENS, p, lengths=RAGGED)[:2])
    network, x = series(), numbers()
    p, rows = draw(network), [row[:n] for row, n in zip(x, RAGGED, strict=True)]
    assert same_bits(network.forward(rows, p)[:2], network.forward(x, p, lengths=RAGGED)[:2])


def test_padding_never_matters():
    network, x = series(), numbers()
    p, off = draw(network), np.arange(T_X) >= np.array(RAGGED)[:, np.newaxis]
    dy, results = np.random.default_rng(2).standard_normal((M, T_X, 2 * N_A)), []
    for junk in (0.0, np.nan):
        x[off], dy[off] = junk, junk
        y, final, tape = network.forward(x, p, lengths=RAGGED)
        results.append((y, final, network.backward(tape, dy)))
    assert same_bits(*results)
    y, _, (dx, _, _) = results[0]
    assert not y[off].any()
    assert not dx[off].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_in_is_dtype_out(dtype):
    for network, x in ((characters(), TOKENS), (series(), numbers(dtype))):
        p = draw(network, dtype)
        before = copies((p, x))
        y, final, tape = network.forward(x, p, lengths=RAGGED)
        dx, dstate0, gradients = network.backward(tape, y, final)
        arrays = [y, *flat(final), *flat(dstate0), *gradients.values(), *p.values()]
        arrays += [] if dx is None else [dx]
        assert {a.dtype for a in arrays} == {np.dtype(dtype)}
        assert same_bits(before, copies((p, x)))


def test_keep_tape_changes_nothing_else():
    for network, x in ((characters(), TOKENS), (series(), numbers())):
        p = draw(network)
        y, final, tape = network.forward(x, p, lengths=RAGGED, keep_tape=False)
        assert tape is None
        assert same_bits((y, final), network.forward(x, p, lengths=RAGGED)[:2])


def test_inference_keeps_no_tape_in_any_layer():
    kept = []

    class Watched(Dense):
        def forward(self, *args, keep_tape=True):
            kept.append(keep_tape)
            return super().forward(*args, keep_tape=keep_tape)

    network = Network([Watched(N_X, 4), Watched(4, N_Y)])
    network.forward(numbers(), draw(network), keep_tape=False)
    network.forward(numbers(), draw(network))
    assert kept == [False, False, True, True]


def test_no_state_is_a_state_of_zeros():
    network = characters()
    p, zeros = draw(network), network.zero_state(M, np.float64)
    assert [len(s) for s in zeros] == [0, 2, 1, 0]
    assert same_bits(network.forward(TOKENS, p)[:2], network.forward(TOKENS, p, zeros)[:2])
    y, _, tape = network.forward(TOKENS, p)
    assert same_bits(network.backward(tape, y), network.backward(tape, y, zeros))


def test_what_is_not_finite_is_traced_to_its_gate():
    network = Network([LSTM(3, 4), GRU(4, 5), Dense(5, 2)])
    parameters = network.init(np.random.default_rng(0))
    x = np.zeros((2, 6, 3), np.float32)

    def first():
        return network.find_fault(x, parameters, [6, 3])

    assert first() is None
    x[1, 4] = np.nan  # padding
    assert first() is None
    parameters["dense0.Wy"][0] = np.inf
    assert first() == "the output of dense0"
    parameters["gru0.Wc"][2] = np.nan
    assert first() == "cct of gru0 at step 0"
    x[0, 4, 1] = np.nan
    assert first() == "ft of lstm0 at step 4"


@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])
def test_without_the_gradient_of_x_all_others_are_the_same(lengths):
    both = GRU(N_X, N_A, n_layers=2, bidirectional=True)
    dropped = Network([Dropout(N_X, 0.5), both, Pool(2 * N_A, "mean")], initial_state="learned")
    for network, x in ((characters(), TOKENS), (series(), numbers()), (dropped, numbers())):
        p = draw(network)
        y, state, tape = network.forward(x, p, lengths=lengths, rng=np.random.default_rng(0))
        _, dstate0, gradients = network.backward(tape, y, state)
        dx, *others = network.backward(tape, y, state, need_dx=False)
        assert dx is None
        assert same_bits(others, [dstate0, gradients])


def test_only_the_layers_above_the_lowest_with_parameters_compute_the_gradient_of_their_input():
    needed = []

    class Watched(Dense):
        def backward(self, *args, need_dx=True):
            needed.append(need_dx)
            return super().backward(*args, need_dx=need_dx)

    network = Network([Dropout(N_X, 0.5), Watched(N_X, 4), Watched(4, N_Y)])
    y, _, tape = network.forward(numbers(), draw(network))
    network.backward(tape, y, need_dx=False)
    network.backward(tape, y)
    assert needed == [True, False, True, True]
