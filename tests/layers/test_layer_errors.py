"""What layers and networks refuse, and what they say: operation, given, expected, whence."""

import re

import numpy as np
import pytest

from bptt import GRU, LSTM, RNN, Dense, Embedding, Network
from bptt.errors import BpttError, ConfigError, ShapeError
from tests.support.cases import copies, same_bits

M, T_X, N_X, N_A, N_Y, N_TOKENS = 7, 4, 3, 5, 6, 9
F32, F64 = np.float32, np.float64


def zeros(*shape, dtype=F32):
    return np.zeros(shape, dtype)


def draw(layer, dtype=F32):
    return layer.init(np.random.default_rng(0), dtype)


RNN_, LSTM_, GRU_ = RNN(N_X, N_A), LSTM(N_X, N_A), GRU(N_X, N_A, cell="gru_reset_after")
DEEP = LSTM(N_X, N_A, n_layers=2, bidirectional=True)
DENSE, EMBEDDING = Dense(N_A, N_Y), Embedding(N_TOKENS, N_X)
P = {layer: draw(layer) for layer in (RNN_, LSTM_, GRU_, DEEP, DENSE, EMBEDDING)}
X, A, XT = zeros(M, T_X, N_X), zeros(M, T_X, N_A), zeros(M, N_X)
STATE = zeros(1, M, N_A)
TOKENS = np.zeros((M, T_X), int)


def lstm(x=X, state=None, lengths=None, **changed):
    return LSTM_.forward(x, P[LSTM_] | changed, state, lengths)


def lstm_backward(dy=A, dstate=None):
    return LSTM_.backward(lstm()[2], dy, dstate)


def lstm_step(xt=XT, state=(STATE, STATE), **changed):
    return LSTM_.step(xt, P[LSTM_] | changed, state)


def dense_backward(dy):
    return DENSE.backward(DENSE.forward(A, P[DENSE])[2], dy)


def embedding_backward(dy):
    return EMBEDDING.backward(EMBEDDING.forward(TOKENS, P[EMBEDDING])[2], dy)


NETWORK = Network([Embedding(N_TOKENS, N_X), LSTM(N_X, N_A), Dense(N_A, N_Y)])
W = draw(NETWORK)


def network(x=TOKENS, state=None, lengths=None, parameters=W):
    return NETWORK.forward(x, parameters, state, lengths)


def network_backward(dy, dstate=None):
    return NETWORK.backward(network()[2], dy, dstate)


SHAPES = [
    (
        lambda: LSTM(16, 64).forward(zeros(32, 100, 12), draw(LSTM(16, 64))),
        "LSTM.forward: x has shape (32, 100, 12); expected (m, T_x, n_x) with n_x = 16, "
        "because Wf is (64, 80) = (n_a, n_a + n_x).",
    ),
    (
        lambda: RNN_.forward(zeros(M, T_X, 4), P[RNN_]),
        "RNN.forward: x has shape (7, 4, 4); expected (m, T_x, n_x) with n_x = 3, "
        "because Wax is (5, 3) = (n_a, n_x).",
    ),
    (
        lambda: GRU_.forward(XT, P[GRU_]),
        "GRU.forward: x has shape (7, 3); expected (m, T_x, n_x).",
    ),
    (lambda: lstm(zeros(M, T_X, N_X, dtype=F64)), "x is float64; expected float32, because Wf is"),
    (lambda: lstm(np.zeros((M, T_X, N_X), int)), "x is int64; expected float32 or float64."),
    (lambda: lstm(zeros(M, T_X, N_X, dtype="float16")), "x is float16; expected float32 or"),
    (lambda: lstm(None), "x is a NoneType; expected a NumPy array of float32 or float64."),
    # lists
    (lambda: lstm([]), "x is a list; expected at least one array (T_i, n_x) in it."),
    (lambda: lstm([1.0, 2.0]), "x is a list; expected at least one array (T_i, n_x) in it."),
    (
        lambda: lstm([X[0], zeros(2, 4)]),
        "x[1] is float32 (2, 4); expected float32 with features (3,), because x[0] is (4, 3).",
    ),
    (lambda: lstm([X[0], X[1].astype(F64)]), "x[1] is float64 (4, 3); expected float32 with"),
    (lambda: lstm([X[0].astype("float16")]), "x[0] is float16; expected float32 or float64."),
    (lambda: lstm([X[0]], lengths=[4]), "lengths given with a list of sequences; expected None"),
    # lengths
    (
        lambda: lstm(lengths=[4] * 6),
        "lengths have shape (6,); expected (7,), one for each sequence.",
    ),
    (lambda: lstm(lengths=[4.0] * 7), "lengths are float64; expected 7 integers in 0..4."),
    (lambda: lstm(lengths=[True] * 7), "lengths are bool; expected 7 integers in 0..4."),
    (lambda: lstm(lengths=[4, 4, 5, 4, 4, 4, 4]), "lengths[2] is 5; expected 0..4, because there"),
    (lambda: lstm(lengths=[4, -1, 4, 4, 4, 4, 4]), "lengths[1] is -1; expected 0..4, because"),
    # states
    (lambda: lstm(state=(STATE,)), "LSTM.forward: state has 1 arrays; expected 2, (a, c)."),
    (
        lambda: RNN_.forward(X, P[RNN_], (STATE, STATE)),
        "RNN.forward: state has 2 arrays; expected 1, (a,).",
    ),
    (
        lambda: lstm(state=(STATE, zeros(1, 2, N_A))),
        "state has shape (1, 2, 5); expected (n_slots, m, n_a) with m = 7, as constructed.",
    ),
    (
        lambda: lstm(state=(STATE[0], STATE[0])),
        "state has shape (7, 5); expected (n_slots, m, n_a)",
    ),
    (
        lambda: DEEP.forward(X, P[DEEP], (STATE, STATE)),
        "LSTM.forward: state has shape (1, 7, 5); expected (n_slots, m, n_a) with n_slots = 4",
    ),
    (
        lambda: lstm(state=(STATE.astype(F64),) * 2),
        "LSTM.forward: state is float64; expected float32, as the other arrays are.",
    ),
    (lambda: lstm(state=(STATE, STATE.astype(F64))), "state is float64; expected float32, because"),
    # parameters
    (
        lambda: LSTM_.forward(X, {}),
        "LSTM.forward: parameters has no entry; expected Wf, bf, Wi, bi, Wc, bc, Wo, bo, so Wf,",
    ),
    (
        lambda: lstm(Wi=zeros(N_A, 9)),
        "Wi has shape (5, 9); expected (n_a, n_a + n_x) with n_x = 3, because Wf is (5, 8)",
    ),
    (lambda: lstm(bo=zeros(N_A)), "bo has shape (5,); expected (n_a, 1)."),
    (lambda: lstm(Wc=zeros(N_A, 8, dtype=F64)), "Wc is float64; expected float32, because Wf is"),
    (
        lambda: LSTM(N_X, 6).forward(X, P[LSTM_]),
        "LSTM.forward: the layer's (n_x, n_a) has shape (3, 6); expected (n_x, n_a) with n_a = 5",
    ),
    (
        lambda: DEEP.forward(X, {n: p for n, p in P[DEEP].items() if n != "layer1.reverse.bi"}),
        "layer1.reverse.bc, layer1.reverse.Wo, layer1.reverse.bo, so layer1.reverse.bi is missing.",
    ),
    (
        lambda: DEEP.forward(X, P[DEEP] | {"layer1.Wf": zeros(5, 8)}),
        "LSTM.forward: layer1.Wi has shape (5, 15); expected (n_a, n_a + n_x) with n_x = 3",
    ),
    # backward
    (
        lambda: lstm_backward(zeros(M, T_X, 6)),
        "LSTM.backward: dy has shape (7, 4, 6); expected (m, T_x, n_out) with n_out = 5",
    ),
    (lambda: lstm_backward(zeros(M, 3, N_A)), "dy has shape (7, 3, 5); expected (m, T_x, n_out)"),
    (lambda: lstm_backward(zeros(1, T_X, N_A)), "dy has shape (1, 4, 5); expected (m, T_x, n_out)"),
    (lambda: lstm_backward(A.astype(F64)), "LSTM.backward: dy is float64; expected float32"),
    (lambda: lstm_backward(A.astype(int)), "LSTM.backward: dy is int64; expected float32 or"),
    (lambda: lstm_backward(dstate=(STATE,)), "LSTM.backward: dstate has 1 arrays; expected 2"),
    (
        lambda: lstm_backward(dstate=(STATE, STATE[:, :2])),
        "LSTM.backward: dstate has shape (1, 2, 5); expected (n_slots, m, n_a) with m = 7",
    ),
    (
        lambda: lstm_backward(dstate=(STATE.astype(F64),) * 2),
        "LSTM.backward: dstate is float64; expected float32, as the other arrays are.",
    ),
    # step
    (
        lambda: lstm_step(zeros(M, 4)),
        "LSTM.step: xt has shape (7, 4); expected (m, n_x) with n_x = 3, because Wf is (5, 8)",
    ),
    (lambda: lstm_step(X), "LSTM.step: xt has shape (7, 4, 3); expected (m, n_x)."),
    (lambda: lstm_step(state=(STATE,)), "LSTM.step: state has 1 arrays; expected 2, (a, c)."),
    (
        lambda: lstm_step(zeros(2, N_X)),
        "state has shape (1, 7, 5); expected (n_slots, m, n_a) with",
    ),
    (lambda: lstm_step(XT.astype(F64)), "LSTM.step: xt is float64; expected float32, because"),
    (
        lambda: lstm_step(XT.astype(F64), (STATE.astype(F64),) * 2),
        "LSTM.step: xt is float64; expected float32, because Wf is float32.",
    ),
    (
        lambda: lstm_step(Wf=zeros(5, 9)),
        "LSTM.step: Wi has shape (5, 8); expected (n_a, n_a + n_x)",
    ),
    (lambda: lstm_step(bf=zeros(1, 1)), "LSTM.step: bf has shape (1, 1); expected (n_a, 1)"),
    (
        lambda: LSTM_.step(XT, {"Wf": zeros(5, 8)}, None),
        "LSTM.step: parameters has Wf; expected Wf, bf, Wi, bi, Wc, bc, Wo, bo, so bf, Wi,",
    ),
    # the layers without a state
    (
        lambda: DENSE.forward(X, P[DENSE]),
        "Dense.forward: x has shape (7, 4, 3); expected (m, T_x, n_a) with n_a = 5, "
        "because Wy is (6, 5) = (n_y, n_a).",
    ),
    (lambda: DENSE.forward(A, {"Wy": zeros(6, 5)}), "Dense.forward: parameters has Wy; expected"),
    (
        lambda: Dense(N_X, N_Y).forward(A, P[DENSE]),
        "Dense.forward: the layer's (n_a, n_y) has shape (3, 6); expected (n_a, n_y) with n_a = 5",
    ),
    (
        lambda: DENSE.forward(A, P[DENSE], lengths=[9] * 7),
        "Dense.forward: lengths[0] is 9; expected 0..4",
    ),
    (lambda: DENSE.forward(A.astype(F64), P[DENSE]), "Dense.forward: x is float64; expected"),
    (
        lambda: DENSE.step(XT, P[DENSE], ()),
        "Dense.step: xt has shape (7, 3); expected (m, n_a) with",
    ),
    (lambda: DENSE.step(XT, {}, ()), "Dense.step: parameters has no entry; expected Wy, by"),
    (lambda: DENSE.step(XT.tolist(), P[DENSE], ()), "Dense.step: xt is a list; expected a NumPy"),
    (lambda: dense_backward(A), "Dense.backward: dy has shape (7, 4, 5); expected (m, T_x, n_out)"),
    (lambda: dense_backward(zeros(6, 4, 6)), "Dense.backward: dy has shape (6, 4, 6); expected"),
    (
        lambda: dense_backward(zeros(M, T_X, N_Y, dtype=F64)),
        "Dense.backward: dy is float64; expected",
    ),
    (
        lambda: EMBEDDING.forward(TOKENS + N_TOKENS, P[EMBEDDING]),
        "Embedding.forward: x holds 9; expected 0..8, because there are 9 tokens.",
    ),
    (
        lambda: EMBEDDING.forward(TOKENS - 1, P[EMBEDDING]),
        "Embedding.forward: x holds -1; expected",
    ),
    (lambda: EMBEDDING.forward(TOKENS[0], P[EMBEDDING]), "x has shape (4,); expected (m, T_x)."),
    (lambda: EMBEDDING.forward(X, P[EMBEDDING]), "x has shape (7, 4, 3); expected (m, T_x)."),
    (
        lambda: EMBEDDING.forward(TOKENS * 1.0, P[EMBEDDING]),
        "Embedding.forward: x is float64; expected an array of integers.",
    ),
    (
        lambda: EMBEDDING.forward(TOKENS > 0, P[EMBEDDING]),
        "x is bool; expected an array of integers",
    ),
    (
        lambda: EMBEDDING.forward(TOKENS, {}),
        "Embedding.forward: parameters has no entry; expected We",
    ),
    (
        lambda: EMBEDDING.forward(TOKENS, {"We": zeros(9, 4)}),
        "Embedding.forward: the layer's (n_tokens, n_x) has shape (9, 3); expected (n_tokens, n_x) "
        "with n_x = 4, because We is (9, 4) = (n_tokens, n_x).",
    ),
    (
        lambda: EMBEDDING.forward(TOKENS, P[EMBEDDING], lengths=[5] * 7),
        "Embedding.forward: lengths[0] is 5; expected 0..4",
    ),
    (
        lambda: EMBEDDING.step(TOKENS[:, 0] + 9, P[EMBEDDING], ()),
        "Embedding.step: xt holds 9; expected",
    ),
    (lambda: EMBEDDING.step(TOKENS, P[EMBEDDING], ()), "xt has shape (7, 4); expected (m,)."),
    (
        lambda: EMBEDDING.step([0], P[EMBEDDING], ()),
        "Embedding.step: xt is list; expected an array",
    ),
    (
        lambda: EMBEDDING.step(TOKENS[0], {}, ()),
        "Embedding.step: parameters has no entry; expected",
    ),
    (
        lambda: embedding_backward(A),
        "Embedding.backward: dy has shape (7, 4, 5); expected (m, T_x,",
    ),
    (lambda: embedding_backward(X[:, :2]), "Embedding.backward: dy has shape (7, 2, 3); expected"),
    (
        lambda: embedding_backward(X.astype(F64)),
        "Embedding.backward: dy is float64; expected float32",
    ),
    # networks
    (
        lambda: network(state=((),)),
        "Network.forward: state has 1 entries; expected 3, one for each layer.",
    ),
    (
        lambda: network(state=()),
        "Network.forward: state has 0 entries; expected 3, one for each layer.",
    ),
    (
        lambda: network(state=((), (STATE,), ())),
        "LSTM.forward: state has 1 arrays; expected 2, (a, c).",
    ),
    (lambda: network(lengths=[1]), "lengths have shape (1,); expected (7,)"),
    (lambda: network([TOKENS[0]], lengths=[4]), "Network.forward: lengths given with a list of"),
    (
        lambda: network(parameters={"dense0.Wy": W["dense0.Wy"]}),
        "Network.forward: parameters has dense0.Wy; expected embedding0.We, so",
    ),
    (lambda: network(parameters={}), "parameters has no entry; expected embedding0.We, so"),
    (
        lambda: network_backward(A),
        "Dense.backward: dy has shape (7, 4, 5); expected (m, T_x, n_out)",
    ),
    (
        lambda: network_backward(zeros(M, T_X, N_Y), ((),)),
        "Network.backward: dstate has 1 entries; expected 3, one for each layer.",
    ),
    (
        lambda: NETWORK.step(TOKENS[:, 0], W, ((), ())),
        "Network.step: state has 2 entries; expected 3, one for each layer.",
    ),
    (
        lambda: NETWORK.step(TOKENS[:, 0], {}, None),
        "Network.step: parameters has no entry; expected embedding0.We, so",
    ),
]

WHOLE = "expected a whole number >= 1."
SETTINGS = [
    *(
        (lambda v=v: RNN(v, 2), f"RNN: n_x is {v!r}; {WHOLE}")
        for v in (0, -1, 2.0, True, None, "3")
    ),
    (lambda: LSTM(2, 0), f"LSTM: n_a is 0; {WHOLE}"),
    (lambda: GRU(2, 3, n_layers=0), f"GRU: n_layers is 0; {WHOLE}"),
    (lambda: Dense(2.5, 3), f"Dense: n_a is 2.5; {WHOLE}"),
    (lambda: Dense(2, -3), f"Dense: n_y is -3; {WHOLE}"),
    (lambda: Embedding(0, 3), f"Embedding: n_tokens is 0; {WHOLE}"),
    (lambda: Embedding(5, None), f"Embedding: n_x is None; {WHOLE}"),
    (lambda: RNN(2, 3, cell="lstm"), "RNN: cell is 'lstm'; expected 'rnn' or 'rnn_relu'."),
    (lambda: GRU(2, 3, cell="x"), "GRU: cell is 'x'; expected 'gru' or 'gru_reset_after'."),
    (
        lambda: DEEP.step(XT, P[DEEP], None),
        "LSTM.step: the layer is bidirectional; expected one direction",
    ),
    *(
        (lambda layer=layer: draw(layer, "float16"), "init: dtype is float16; expected float32 or")
        for layer in (LSTM_, DENSE, EMBEDDING, NETWORK)
    ),
    *(
        (
            lambda layer=layer: layer.backward(None, A),
            f"{type(layer).__name__}.backward: tape is None; expected that of forward with",
        )
        for layer in (RNN_, LSTM_, GRU_, DENSE, EMBEDDING, NETWORK)
    ),
    (lambda: Network([]), "Network: layers is empty; expected at least one layer."),
    (lambda: Network({}), "Network: layers is empty; expected at least one layer."),
    (
        lambda: Network([LSTM(3, 5), Dense(4, 6)]),
        "Network: dense0 takes 4 features; expected 5, because that is the output of lstm0.",
    ),
    (
        lambda: Network({"below": GRU(3, 5, bidirectional=True), "above": RNN(5, 2)}),
        "Network: above takes 5 features; expected 10, because that is the output of below.",
    ),
]


def number(cases):
    return [pytest.param(*case, id=f"{i}-{case[1][:40]}") for i, case in enumerate(cases)]


@pytest.mark.parametrize(("call", "message"), number(SHAPES))
def test_arrays_that_do_not_fit(call, message):
    with pytest.raises(ShapeError, match=re.escape(message)) as caught:
        call()
    assert_one_sentence(caught.value)


@pytest.mark.parametrize(("call", "message"), number(SETTINGS))
def test_settings_that_make_no_sense(call, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        call()
    assert_one_sentence(caught.value)


def assert_one_sentence(error):
    text = str(error)
    assert isinstance(error, BpttError)
    assert re.match(r"[A-Za-z]+(\.[a-z]+)?(, [a-z0-9.]+)?: ", text), "the operation comes first"
    assert text.endswith(".")
    assert "\n" not in text


def test_a_refused_call_changes_nothing():
    before = copies(P[LSTM_])
    state = (np.ones_like(STATE), np.ones((1, 2, 2), F32))
    with pytest.raises(ShapeError):
        lstm(state=state)
    assert same_bits(copies(P[LSTM_]), before)
    assert state[0].all()
