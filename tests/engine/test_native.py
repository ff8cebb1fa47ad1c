"""The promises of the native engine: bits, threads, denormals, NaN, memory, instruction sets."""

import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import bptt
from bptt import engine
from bptt.equations.updates import AdamStep
from tests.support.cases import NATIVE, same_bits
from tests.support.tolerances import assert_close

pytestmark = [
    pytest.mark.usefixtures("threads"),
    pytest.mark.skipif(
        engine.provider().name != "native", reason="the native engine is not built or not chosen"
    ),
]

SIZES = [(3, 5), (1, 1), (7, 8), (9, 33), (16, 17), (40, 64)]  # n_x, n_a
DTYPES = [np.float32, np.float64]


def setup(name, n_x, n_a, m, T_x, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    p = NATIVE[name].cell.init(rng, n_x, n_a, dtype=dtype)
    x = rng.standard_normal((m, T_x, n_x)).astype(dtype)
    state = tuple(rng.standard_normal((m, n_a)).astype(dtype) for _ in NATIVE[name].states)
    return p, x, state


def run(name, x, state, p, lengths=None, **keywords):
    y, final, tape = engine.provider().forward(NATIVE[name].cell, x, state, p, lengths, **keywords)
    return y, final, tape


# Forward bits: neighbors, padding, threads, streaming


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_x", "n_a"), SIZES)
@pytest.mark.parametrize("name", NATIVE)
def test_a_sequence_has_the_same_bits_in_any_company(name, n_x, n_a, dtype):
    m, T_x = 13, 9
    p, x, state = setup(name, n_x, n_a, m, T_x, dtype)
    lengths = np.random.default_rng(1).integers(0, T_x + 1, m)
    junk = x.copy()
    for row, n in zip(junk, lengths, strict=True):
        row[n:] = np.nan
    y, final, _ = run(name, junk, state, p, lengths)
    for i, n in enumerate(lengths):
        own = tuple(s[i : i + 1] for s in state)
        alone, after, _ = run(name, x[i : i + 1, :n], own, p, keep_tape=False)
        assert same_bits(y[i : i + 1, :n], alone)
        assert not y[i, n:].any()
        assert all(same_bits(f[i : i + 1], s) for f, s in zip(final, after, strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("name", NATIVE)
def test_bits_do_not_depend_on_the_number_of_threads(name, tokens, dtype):
    n_x, n_a, m, T_x = 48, 96, 37, 31  # large enough that two threads share the work
    p, x, state = setup(name, n_x, n_a, m, T_x, dtype)
    table = None
    if tokens:
        x, table = np.random.default_rng(2).integers(0, 20, (m, T_x)), x[0, :20]
    lengths = np.random.default_rng(3).integers(0, T_x + 1, m)
    results = []
    for n in (1, 2, 3, 5):
        bptt.set_num_threads(n)
        y, final, tape = run(name, x, state, p, lengths, table=table)
        dy = np.random.default_rng(4).standard_normal(y.shape).astype(dtype)
        results.append((y, final, engine.provider().backward(tape, dy, final)))
    assert all(same_bits(results[0], other) for other in results[1:])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n_x", "n_a"), SIZES)
@pytest.mark.parametrize("name", NATIVE)
def test_a_stream_gives_the_bits_of_the_sequence(name, n_x, n_a, dtype):
    m, T_x = 5, 7
    p, x, state = setup(name, n_x, n_a, m, T_x, dtype)
    y, final, _ = run(name, x, state, p)
    stream = engine.provider().stream(NATIVE[name].cell, p, m)
    stream.state = state
    for t in range(T_x):
        assert same_bits(stream.step(np.ascontiguousarray(x[:, t])), y[:, t])
    assert same_bits(tuple(stream.state), tuple(final))


@pytest.mark.parametrize("name", NATIVE)
def test_tokens_give_the_bits_of_their_vectors(name):
    p, x, state = setup(name, 6, 11, 4, 9)
    table = np.ascontiguousarray(x[0, :7])
    tokens = np.random.default_rng(5).integers(0, 7, (4, 9))
    for reverse in (False, True):
        y, _, _ = run(name, tokens, state, p, table=table, reverse=reverse)
        assert same_bits(y, run(name, table[tokens], state, p, reverse=reverse)[0])


def test_without_a_tape_the_bits_are_the_same():
    for name in NATIVE:
        p, x, state = setup(name, 5, 9, 6, 150)
        y, final, _ = run(name, x, state, p)
        assert same_bits((y, final), run(name, x, state, p, keep_tape=False)[:2])


def network(rng):
    n = bptt.Network([bptt.Embedding(20, 6), bptt.LSTM(6, 33), bptt.Dense(33, 20)])
    return n, n.init(rng)


def test_a_network_streams_the_bits_of_the_sequence():
    rng = np.random.default_rng(0)
    n, p = network(rng)
    tokens = rng.integers(0, 20, (7, 9))
    z, state, _ = n.forward(tokens, p)
    stream = n.stream(p, 7)
    for t in range(9):
        assert same_bits(stream.step(tokens[:, t]), z[:, t])
    assert same_bits(stream.state, state)
    one = n.stream(p)
    for t in range(9):
        assert same_bits(one.step(tokens[2:3, t]), z[2:3, t])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("rows", "n_in", "n_out"), [(0, 3, 2), (1, 1, 1), (7, 9, 17), (700, 96, 50)]
)
def test_dense_and_loss_equal_the_equations(rows, n_in, n_out, dtype):
    from bptt.engine.native_provider import NativeProvider
    from bptt.engine.numpy_provider import NumpyProvider

    rng = np.random.default_rng(0)
    shapes = ((rows, n_in), (n_out, n_in), (n_out, 1), (rows, n_out))
    x, W, b, dy = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    z, labels = 9 * rng.standard_normal((rows, n_out)).astype(dtype), rng.integers(0, n_out, rows)
    results = {}
    for n_threads in (1, 2):
        bptt.set_num_threads(n_threads)
        for p in (NativeProvider(), NumpyProvider()):
            y = p.dense_forward(x, W, b)
            results[p.name, n_threads] = (
                y, *p.dense_backward(dy, x, W), *p.softmax_cross_entropy(z, labels)
            )  # fmt: skip
    assert same_bits(results["native", 1], results["native", 2])
    for ours, theirs in zip(results["native", 1], results["numpy", 1], strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        scale = np.abs(theirs).max(initial=1e-30)
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=200 * np.finfo(dtype).eps)


def test_the_loss_keeps_a_nan_in_its_row():
    z = np.zeros((3, 5), np.float32)
    z[1, 2] = np.nan
    nats, dz = engine.provider().softmax_cross_entropy(z, np.array([0, 1, 2]))
    assert np.isnan(nats[1])
    assert np.isnan(dz[1]).all()
    np.testing.assert_allclose(nats[[0, 2]], math.log(5), rtol=1e-6)
    nats, dz = engine.provider().softmax_cross_entropy(np.array([[0.0, 2000.0]]), np.array([0]))
    assert nats == 2000
    assert dz.tolist() == [[-1, 1]]


# Threads and processes


def test_two_python_threads_run_two_models_at_once():
    jobs = [(name, *setup(name, 32, 64, 16, 40, seed=k)) for k, name in enumerate(NATIVE)]

    def work(name, p, x, state):
        y, final, tape = run(name, x, state, p)
        return y, engine.provider().backward(tape, np.ones_like(y), final)

    serial = [work(*job) for job in jobs]
    found = [None] * len(jobs)

    def repeat(k):
        for _ in range(5):
            found[k] = work(*jobs[k])

    workers = [threading.Thread(target=repeat, args=(k,)) for k in range(len(jobs))]
    for w in workers:
        w.start()
    for w in workers:
        w.join(timeout=60)
        assert not w.is_alive()
    assert same_bits(serial, found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_computes():
    code = """
import os, numpy as np, bptt
lstm = bptt.LSTM(64, 128); p = lstm.init(np.random.default_rng(0))
x = np.ones((32, 40, 64), np.float32)
y = lstm.forward(x, p)[0]
child = os.fork()
if child == 0:
    os._exit(0 if (lstm.forward(x, p)[0] == y).all() else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert (lstm.forward(x, p)[0] == y).all()
"""
    environment = os.environ | {"OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environment)


def child(code, **environment):
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_threads_follow_the_environment():
    code = "import bptt; print(bptt.get_num_threads())"
    assert child(code, OMP_NUM_THREADS="3") == "3"
    allowed = len(os.sched_getaffinity(0))
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    result = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert int(result) == allowed


def test_threadpoolctl_limits_the_engine():
    pytest.importorskip("threadpoolctl")
    code = """
import threadpoolctl, numpy as np, bptt
bptt.set_num_threads(2)
lstm = bptt.LSTM(2, 3); p = lstm.init(np.random.default_rng(0))
lstm.forward(np.ones((1, 1, 2), np.float32), p)
with threadpoolctl.threadpool_limits(limits=1):
    print(bptt.get_num_threads(), end=" ")
print(bptt.get_num_threads())
"""
    assert child(code) == "1 2"


# Instruction sets


WORK = """
import json, sys, numpy as np
sys.path.insert(0, {root!r})
from tests.engine.test_native import setup, run, NATIVE
from bptt import engine
from bptt.engine import _native
out = dict()
for name in NATIVE:
    for dtype in (np.float32, np.float64):
        p, x, state = setup(name, 9, 17, 6, 8, dtype)
        y, final, tape = run(name, x, state, p, np.array([8, 0, 3, 8, 1, 5]))
        dx, d0, g = engine.provider().backward(tape, np.ones_like(y), final)
        out[name + dtype.__name__] = [float(np.square(a, dtype=float).sum()) for a in
                                      (y, *final, dx, *d0, *g.values())]
print(json.dumps([_native.isa(), out]))
"""


def isas():
    if engine.provider().name != "native":
        return []
    from bptt.engine import _native

    return _native.available_isas()


@pytest.mark.parametrize("isa", isas())
def test_every_instruction_set_computes_the_same(isa):
    code = WORK.format(root=str(Path(__file__).parents[2]))
    used, found = json.loads(child(code, BPTT_ISA=isa))
    assert used == isa
    _, expected = json.loads(child(code))
    for key, values in expected.items():
        rtol = 1e-4 if key.endswith("float32") else 1e-11
        np.testing.assert_allclose(found[key], values, rtol=rtol, atol=rtol)


def test_an_impossible_instruction_set_is_refused():
    result = subprocess.run(
        [sys.executable, "-c", "import bptt; bptt.engine.provider()"],
        env=os.environ | {"BPTT_ISA": "abacus", "BPTT_ENGINE": "native"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode != 0
    assert "abacus" in result.stderr.splitlines()[-1]


# Numbers


@pytest.mark.parametrize(("dtype", "ulps"), [(np.float32, 2), (np.float64, 4)])
@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid"])
def test_elementary_functions_are_within_their_ulps(name, dtype, ulps):
    from bptt.engine import _native

    wide = np.longdouble if dtype == np.float64 else np.float64
    rng = np.random.default_rng(0)
    tiny = float(np.finfo(dtype).tiny)
    x = np.concatenate([
        rng.uniform(-100, 100, 200_000), rng.standard_normal(200_000),
        10.0 ** rng.uniform(math.log10(tiny) + 1, 2, 200_000) * rng.choice([-1, 1], 200_000),
    ]).astype(dtype)  # fmt: skip
    with np.errstate(over="ignore", under="ignore"):
        z = x.astype(wide)
        exact = {"exp": np.exp, "tanh": np.tanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}[name](z)
        rounded = exact.astype(dtype)
    ok = np.isfinite(rounded) & (np.abs(rounded) >= tiny)
    y = getattr(_native, name)(x)
    ulp = np.spacing(np.abs(rounded[ok])).astype(wide)
    assert (np.abs(y[ok] - exact[ok]) / ulp).max() <= ulps
    special = np.array([np.inf, -np.inf, np.nan, 0.0, 1e30, -1e30], dtype)
    ends = {"exp": [np.inf, 0, np.nan, 1, np.inf, 0], "tanh": [1, -1, np.nan, 0, 1, -1],
            "sigmoid": [1, 0, np.nan, 0.5, 1, 0]}[name]  # fmt: skip
    np.testing.assert_array_equal(getattr(_native, name)(special), np.array(ends, dtype))


@pytest.mark.parametrize("name", NATIVE)
def test_nan_stays_nan_and_stays_in_its_row(name):
    p, x, state = setup(name, 3, 5, 4, 6)
    x[1, 2, 0] = np.nan
    y, _, _ = run(name, x, state, p)
    assert np.isnan(y[1, 2:]).all()
    assert np.isfinite(y[1, :2]).all()
    assert np.isfinite(y[[0, 2, 3]]).all()


def test_denormals_are_flushed_and_the_callers_mode_is_kept():
    _, x, _ = setup("rnn", 1, 4, 1, 3000)
    p = {
        "Wax": np.zeros((4, 1), "f"),
        "Waa": 0.9 * np.eye(4, dtype="f"),
        "ba": np.zeros((4, 1), "f"),
    }
    y, _, _ = run("rnn", np.zeros_like(x), (np.ones((1, 4), "f"),), p)
    nonzero = y[y != 0]
    assert nonzero.min() >= np.finfo(np.float32).tiny
    assert not y[0, -1].any()
    tiny = np.float32(1e-40)
    assert tiny * np.float32(1) > 0  # denormals still work here


# Memory


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_memory_does_not_grow_with_varying_shapes():
    rng = np.random.default_rng(0)
    lstm = bptt.LSTM(4, 8)
    p = lstm.init(rng)

    def steps(n):
        for _ in range(n):
            x = rng.standard_normal((rng.integers(1, 9), rng.integers(1, 30), 4)).astype("f")
            y, _, tape = lstm.forward(x, p)
            lstm.backward(tape, y)

    steps(1000)
    before = resident()
    steps(9000)
    assert resident() - before < 8 * 2**20


def test_the_native_engine_takes_every_layout():
    p, x, state = setup("lstm", 6, 5, 4, 7, np.float64)
    y, _, _ = run("lstm", x, state, p)
    for other in (
        np.asfortranarray(x),
        x[::-1][::-1],
        np.ascontiguousarray(x.transpose(1, 0, 2)).transpose(1, 0, 2),
    ):
        assert same_bits(run("lstm", other, state, p)[0], y)
    swapped = {k: np.asfortranarray(v).astype(v.dtype.newbyteorder()) for k, v in p.items()}
    assert_close(run("lstm", x, state, swapped)[0], y, "equations")


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_update_does_not_depend_on_threads(dtype):
    shapes = [(300, 400), (300, 1), (77, 5)]
    results = []
    for n in (1, 2, 3):
        bptt.set_num_threads(n)
        rng = np.random.default_rng(0)
        lists = [[rng.random(s).astype(dtype) for s in shapes] for _ in range(4)]
        norm = engine.provider().squared_norm(lists[1])
        engine.provider().adam(
            *lists, AdamStep(0.3, 1e-2, 0.9, 0.99, 1e-8, [0.1, 0.0, 0.0], 0.1, 0.01)
        )
        results.append([np.float64(norm), *lists[0], *lists[2], *lists[3]])
    for other in results[1:]:
        assert all(same_bits(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("name", NATIVE)
def test_a_stream_walks_the_weights_both_ways_with_the_bits_of_the_sequence(name):
    """Step by step, one row of many panels: odd steps begin with the last."""
    p, x, state = setup(name, 5, 150, 1, 6)
    y, final, _ = run(name, x, state, p, keep_tape=False)
    stepper = engine.provider().stream(NATIVE[name].cell, p, 1)
    stepper.state = state
    for t in range(6):
        assert same_bits(stepper.step(x[:, t]), y[:, t])
    assert all(same_bits(a, b) for a, b in zip(stepper.state, final, strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
def test_inputs_of_any_layout_give_the_same_bits(dtype):
    p, x, state = setup("lstm", 20, 9, 3, 37, dtype)
    dy = np.random.default_rng(1).standard_normal((3, 37, 9)).astype(dtype)
    results = []
    for turn in (
        lambda z: z,
        lambda z: np.array(z.transpose(2, 0, 1), order="C").transpose(1, 2, 0),
    ):
        y, final, tape = run("lstm", turn(x), state, p)
        dx, d0, g = engine.provider().backward(tape, turn(dy), final)
        results.append([y, *final, dx, *d0, *g.values()])
    assert all(same_bits(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize(
    ("layer", "n_x", "n_a", "dtype"),
    [
        (bptt.LSTM, 128, 256, np.float32),
        (bptt.LSTM, 7, 400, np.float32),
        (bptt.LSTM, 64, 200, np.float64),
        (bptt.RNN, 333, 500, np.float64),
    ],
)
def test_threads_that_share_the_units_of_one_row_give_the_bits_of_the_sequence(
    layer, n_x, n_a, dtype
):
    """Weights beyond one core's cache: each thread steps its share of the units."""
    rng = np.random.default_rng(0)
    layer = layer(n_x, n_a)
    parameters = layer.init(rng, dtype)
    x = rng.standard_normal((1, 9, n_x)).astype(dtype)
    y, state, _ = layer.forward(x, parameters)
    before = bptt.get_num_threads()
    try:
        for threads in (1, 2, 3, 5):
            bptt.set_num_threads(threads)
            first, _, _ = layer.forward(x[:, :1], parameters, keep_tape=False)
            np.testing.assert_array_equal(first, y[:, :1])
            stream = layer.stream(parameters)
            for _ in range(2):
                stepped = [stream.step(np.ascontiguousarray(x[:, t])).copy() for t in range(9)]
                np.testing.assert_array_equal(np.stack(stepped, 1), y)
                for one, other in zip(stream.state, state, strict=True):
                    np.testing.assert_array_equal(one, other)
                stream.reset()
    finally:
        bptt.set_num_threads(before)
