"""Pool: formulas, gradients, ragged batches, streams, refusals."""

import time

import numpy as np
import pytest

import bptt
from bptt import GRU, LSTM, Dense, Network, check_grads
from bptt.engine import provider
from bptt.equations import pooling
from bptt.errors import BpttError, ConfigError
from bptt.gradcheck import entry_errors
from bptt.layers import Pool
from tests.support.cases import copies, same_bits
from tests.support.gradient_cases import (
    POOLS,
    RAGGED,
    M,
    off,
    pool_cases,
)
from tests.support.tolerances import TOLERANCES, assert_close

T_X, N = 4, 6
both = pytest.mark.parametrize("lengths", [None, RAGGED], ids=["uniform", "ragged"])
every_pool = pytest.mark.parametrize(("how", "bidirectional"), POOLS)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("case", pool_cases())
def test_gradients(case):
    assert check_grads(*case, rtol=TOLERANCES["gradient"]) < 1e-9


@pytest.mark.parametrize("case", pool_cases()[-2:])
def test_every_entry_of_the_gradients(case):
    errors = entry_errors(*case)
    assert errors.keys() == case.inputs.keys()
    assert max(e.error for e in errors.values()) < TOLERANCES["gradient"]


@both
@every_pool
def test_pooling_is_the_direct_formula(how, bidirectional, lengths):
    pool, x = Pool(N, how, bidirectional=bidirectional), rng().standard_normal((M, T_X, N))
    y, _, _ = pool.forward(x, {}, None, lengths)
    assert y.shape == (M, 1, N)
    for row, own, n in zip(y[:, 0], x, lengths or [T_X] * M, strict=True):
        if n == 0:
            assert not row.any()
        elif how == "last":
            ends = [own[n - 1, : N // 2], own[0 if bidirectional else n - 1, N // 2 :]]
            assert np.array_equal(row, np.concatenate(ends))
        else:
            expected = own[:n].mean(axis=0) if how == "mean" else own[:n].max(axis=0)
            assert_close(row, expected, "rows")


@every_pool
def test_padding_never_matters_to_a_pool(how, bidirectional):
    pool, x = Pool(N, how, bidirectional=bidirectional), rng().standard_normal((M, T_X, N))
    dy, results = rng(1).standard_normal((M, 1, N)), []
    for junk in (0.0, np.nan, np.inf):
        x[off()] = junk
        y, state, tape = pool.forward(x, {}, None, RAGGED)
        results.append(copies((y, state, pool.backward(tape, dy))))
    assert same_bits(results[0], results[1])
    assert same_bits(results[0], results[2])
    assert not results[0][2][0][off()].any()
    assert np.isfinite(results[0][0]).all()


@pytest.mark.parametrize("n", [1, 6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("how", ["last", "mean", "max"])
def test_a_pool_streams_the_bits_of_the_sequence(how, dtype, n):
    pool, x = Pool(n, how), rng().standard_normal((M, 50, n)).astype(dtype)
    stream, state = pool.stream({}, M), pool.zero_state(M, dtype)
    for t in range(50):
        whole, final, _ = pool.forward(x[:, : t + 1], {})
        yt = stream.step(x[:, t])
        own, state = pool.step(x[:, t], {}, state)
        assert yt.dtype == own.dtype == dtype
        assert same_bits((yt, yt), (whole[:, 0], own))
        assert same_bits(stream.state, final)
        assert same_bits(state, final)
    stream.reset()
    assert same_bits(stream.step(x[:, 0]).astype(dtype), x[:, 0])


@pytest.mark.parametrize("how", ["mean", "max"])
def test_what_a_pool_has_seen_is_carried_on(how):
    pool, x = Pool(N, how), rng().standard_normal((M, T_X, N))
    first = np.minimum(RAGGED, 2)
    whole, final, _ = pool.forward(x, {}, None, RAGGED)
    _, between, _ = pool.forward(x[:, :2], {}, None, first)
    y, final2, _ = pool.forward(x[:, 2:], {}, between, np.array(RAGGED) - first)
    assert same_bits((y, final2), (whole, final))


def test_the_first_of_equal_maxima_takes_the_gradient():
    pool, x = Pool(1, "max"), np.array([1.0, 3.0, 3.0, 2.0]).reshape(1, 4, 1)
    _, _, tape = pool.forward(x, {})
    dx, _, _ = pool.backward(tape, np.ones((1, 1, 1)))
    assert dx.ravel().tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("how", ["mean", "max"])
def test_a_pool_does_not_hide_nan(how):
    x = np.zeros((2, 3, 1))
    x[1, 1] = np.nan
    y, _, _ = Pool(1, how).forward(x, {})
    assert np.array_equal(np.isnan(y).ravel(), [False, True])


@pytest.mark.parametrize(("m", "T_x"), [(0, 4), (3, 0), (0, 0)])
@every_pool
def test_a_pool_of_nothing(how, bidirectional, m, T_x):
    pool = Pool(N, how, bidirectional=bidirectional)
    y, _, tape = pool.forward(np.zeros((m, T_x, N), np.float32), {})
    assert y.shape == (m, 1, N)
    assert not y.any()
    assert pool.backward(tape, np.ones_like(y))[0].shape == (m, T_x, N)


@pytest.mark.parametrize(
    ("how", "bidirectional"), [("last", True), ("last", False), ("mean", True)]
)
def test_a_pooled_network_learns_from_ragged_rows_as_from_rows_alone(how, bidirectional):
    lstm = LSTM(3, N // (1 + bidirectional), bidirectional=bidirectional)
    network = Network([lstm, Pool(N, how, bidirectional=bidirectional), Dense(N, 2)])
    parameters = network.init(rng(), np.float64)
    x, dy = rng(1).standard_normal((M, T_X, 3)), rng(2).standard_normal((M, 1, 2))
    y, _, tape = network.forward(x, parameters, None, RAGGED)
    dx, _, gradients = network.backward(tape, dy)
    assert y.shape == (M, 1, 2)
    total = dict.fromkeys(gradients, 0)
    for i, n in enumerate(RAGGED):
        own_y, own_state, own_tape = network.forward(x[i : i + 1, :n], parameters)
        own_dx, _, own = network.backward(own_tape, dy[i : i + 1])
        assert_close(y[i : i + 1], own_y, "rows")
        assert_close(dx[i : i + 1, :n], own_dx, "rows")
        total = {name: total[name] + own[name] for name in total}
        if how == "last" and n:
            ends = [own_state[0][0][k, 0] for k in range(1 + bidirectional)]
            pooled = network.layers["dense0"].forward(
                np.concatenate(ends).reshape(1, 1, N),
                {k: parameters[f"dense0.{k}"] for k in ("Wy", "by")},
            )[0]
            assert_close(own_y, pooled, "rows")
    for name in total:
        assert_close(gradients[name], total[name], "equations")
    if not bidirectional:
        stream = network.stream(parameters, M)
        for t in range(T_X):
            yt = stream.step(x[:, t])
        full, final, _ = network.forward(x, parameters)
        assert_close(yt, full[:, 0], "rows")
        assert [len(s) for s in stream.state] == [len(s) for s in final]


def refusals():
    pool, both = Pool(N, "mean"), Pool(N, "last", bidirectional=True)
    x = np.zeros((M, T_X, N), np.float32)
    return [
        (lambda: Pool(N, "sum"), "Pool: pooling is 'sum'; expected one of last, mean, max."),
        (lambda: Pool(3, "last", bidirectional=True), "Pool: n_in is 3; expected an even number"),
        (lambda: pool.forward(x[..., :3], {}), "expected (m, T_x, n_in) with n_in = 6"),
        (
            lambda: pool.forward(x, {}, (x[:, 0],)),
            "Pool.forward: state has 1 arrays; expected 2, (total, count).",
        ),
        (
            lambda: pool.forward(x, {}, (x[:, 0], x[:, 0])),
            "state has shape (7, 6); expected (m, 1)",
        ),
        (lambda: both.step(x[:, 0], {}, ()), "Pool.step: the layer is bidirectional; expected"),
        (lambda: both.stream({}, 1), "Pool.stream: the layer is bidirectional; expected one"),
        (
            lambda: pool.stream({}, 2).step(x[:, 0]),
            "xt has shape (7, 6); expected (m, n_in) with m = 2",
        ),
    ]


@pytest.mark.parametrize(("call", "text"), refusals())
def test_refusals(call, text):
    with pytest.raises(BpttError) as caught:
        call()
    assert text in str(caught.value)


def test_a_bidirectional_recurrent_layer_below_refuses_to_stream():
    network = Network([GRU(2, 3, bidirectional=True), Pool(6, "mean")])
    with pytest.raises(ConfigError, match="bidirectional"):
        network.stream(network.init(rng()))


def test_a_mean_of_many_steps_is_exact_and_fast():
    """In float32, 0.1 added 200,000 times is off by 0.2 %, and counts end at 2**24."""
    x, pool = np.full((1, 200_000, 1), 0.1, np.float32), Pool(1, "mean")
    start = time.perf_counter()
    y, (total, count), _ = pool.forward(x, {})
    assert time.perf_counter() - start < 1  # 3 ms; 1 s in a loop over the steps
    assert y.item() == np.float32(0.1)
    assert (total.dtype, count.item()) == (np.float64, 200_000)
    stream = pool.stream({}, 1)
    stream.state = (np.full((1, 1), 2**24, "f4"), np.full((1, 1), 2**24, "f4"))
    stream.step(np.ones((1, 1), "f4"))
    assert [s.item() for s in stream.state] == [2**24 + 1] * 2


@pytest.mark.parametrize("shape", [(1, 3000, 1), (2, 700, 3), (40, 30, 20), (3, 0, 2), (0, 4, 2)])
def test_a_long_mean_streams_the_bits_of_the_sequence(shape):
    x = rng().standard_normal(shape).astype("f4")
    pool = Pool(shape[2], "mean")
    lengths = rng(1).integers(0, shape[1] + 1, shape[0])
    y, final, _ = pool.forward(x, {}, None, lengths)
    for i, n in enumerate(lengths):
        state = pool.zero_state(1)
        for t in range(n):
            yt, state = pool.step(x[i : i + 1, t], {}, state)
        assert same_bits(tuple(f[i : i + 1] for f in final), state)
        if n:
            assert same_bits(y[i], yt)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(1, 300, 1), (5, 40, 9), (40, 60, 65)])
def test_the_engine_sums_as_the_equations_do(shape, threads, dtype):
    """Bit by bit, ragged, from a state, with strides."""
    native = pytest.importorskip("bptt.engine.native_provider", exc_type=ImportError)
    if provider().name != "native":
        pytest.skip("the NumPy provider is chosen")
    m, T_x, n = shape
    draw = np.random.default_rng(1)
    x = draw.standard_normal((T_x, m, n)).astype(dtype).transpose(1, 0, 2)
    total, top = draw.standard_normal((m, n)), draw.standard_normal((m, n)).astype(dtype)
    before = bptt.get_num_threads()
    bptt.set_num_threads(threads)
    try:
        for lengths in (None, draw.integers(0, T_x + 1, m)):
            ours = native.NativeProvider().add_steps(x, lengths, total)
            assert same_bits(ours, pooling.add_steps(x, lengths, total))
            for ours, theirs in zip(
                native.NativeProvider().max_steps(x, lengths, top),
                pooling.max_steps(x, lengths, top),
                strict=True,
            ):
                assert np.array_equal(ours, theirs)
    finally:
        bptt.set_num_threads(before)
