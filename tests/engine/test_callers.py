"""What callers do to the engine: change arrays, interrupt, share streams, exit, wrong settings."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import bptt
from bptt import LSTM, Dense, Embedding, Network, engine
from bptt.errors import EngineError, ShapeError
from tests.support.cases import NATIVE, copies, same_bits

native = pytest.mark.skipif(
    engine.provider().name != "native", reason="the native engine is not built or not chosen"
)


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# Arrays changed between forward and backward


def forward(lengths=None, m=3, T_x=6):
    rng = np.random.default_rng(0)
    network = Network([LSTM(5, 7), Dense(7, 2)])
    parameters, x = network.init(rng), rng.standard_normal((m, T_x, 5)).astype("f4")
    y, _, tape = network.forward(x, parameters, None, lengths)
    return network, parameters, x, tape, np.ones_like(y)


@pytest.mark.parametrize("name", ["lstm0.Wf", "lstm0.bo", "dense0.Wy"])
def test_a_parameter_updated_before_backward_is_refused(name):
    network, parameters, _, tape, dy = forward()
    expected = copies(network.backward(tape, dy))
    was = parameters[name].copy()
    parameters[name] -= 1e-3
    with pytest.raises(EngineError, match=f"{name.split('.')[1]} was changed after forward; exp"):
        network.backward(tape, dy)
    parameters[name][:] = was
    assert same_bits(copies(network.backward(tape, dy)), expected)


@pytest.mark.parametrize("lengths", [None, [6, 0, 3]])
def test_an_input_refilled_before_backward_is_refused(lengths):
    lstm = LSTM(5, 7)
    parameters = lstm.init(np.random.default_rng(0))
    for layer, p in ((lstm, parameters), (Dense(5, 2), Dense(5, 2).init(np.random.default_rng(0)))):
        x = np.ones((3, 6, 5), "f4")
        y, _, tape = layer.forward(x, p, None, lengths)
        if lengths:  # copied or not, what padding holds does not matter
            x[1], x[2, 3:] = 7, np.nan
            layer.backward(tape, np.ones_like(y))
        x[0] = 5
        if lengths and (layer is not lstm or engine.provider().name == "numpy"):
            layer.backward(tape, np.ones_like(y))  # packed: a copy
        else:
            with pytest.raises(EngineError, match="x was changed after forward"):
                layer.backward(tape, np.ones_like(y))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 500, 3), (200, 4, 3), (70, 70, 33)])
def test_a_new_batch_in_the_same_buffer_is_found(shape):
    lstm, rng = LSTM(shape[2], 2), np.random.default_rng(0)
    parameters = lstm.init(rng)
    x = np.zeros(shape, "f4")  # one feature of each step is 1
    index = rng.integers(0, shape[2], (*shape[:2], 1))
    np.put_along_axis(x, index, 1, axis=2)
    y, _, tape = lstm.forward(x, parameters)
    x[:] = 0
    np.put_along_axis(x, (index + 1) % shape[2], 1 + (shape[2] == 1), axis=2)
    with pytest.raises(EngineError, match="x was changed"):
        lstm.backward(tape, y)


@pytest.mark.parametrize("n", [3, -1, 10**9, 2**62])
def test_tokens_changed_before_backward_do_not_matter(n):
    network = Network([Embedding(50, 8), LSTM(8, 16), Dense(16, 50)])
    alone, words = Embedding(50, 8), bptt.layers.WordEmbedding(50, 2, 9, 3, 2)
    rng = np.random.default_rng(0)
    for layer in (network, alone, words):
        x = np.ones((4, 20) if layer is not words else (4, 20, 3), np.int64)
        y, _, tape = layer.forward(x, layer.init(rng))
        expected = copies(layer.backward(tape, np.ones_like(y)))
        x[:] = n
        assert same_bits(copies(layer.backward(tape, np.ones_like(y))), expected)


@native
def test_tokens_and_lengths_that_another_thread_changes_never_crash():
    code = """
import threading, time, numpy as np, bptt
net = bptt.Network([bptt.Embedding(50, 8), bptt.LSTM(8, 16)])
p = net.init(np.random.default_rng(0))
lstm = net.layers["lstm0"]; own = {k[6:]: v for k, v in p.items() if k.startswith("lstm0.")}
x, lengths = np.zeros((64, 40), np.int64), np.full(64, 40)
stop = False
def change():
    while not stop:
        x[:] = 10**15; x[:] = 0
        lengths[::2] = -5; lengths[::3] = 10**9; lengths[:] = 3
t = threading.Thread(target=change, daemon=True); t.start()
from bptt.engine import _native
end = time.perf_counter() + 1.5
while time.perf_counter() < end:
    try:
        y, s, tape = lstm.forward(x, own, table=p["embedding0.We"])
        lstm.backward(tape, y)
    except Exception:  # whatever a check that lost the race says
        pass
    try:
        zeros = (np.zeros((64, 16), "f4"),) * 2
        _native.forward("lstm", x, own, lengths, zeros, False, True, p["embedding0.We"])
    except Exception:
        pass
    try:
        _native.softmax_cross_entropy(np.zeros((64, 40), "f4"), x[:, 0].copy())
        _native.softmax_cross_entropy(np.zeros((2560, 40), "f4"), x.reshape(-1))
    except Exception:
        pass
stop = True; t.join()
"""
    result = run(code)
    assert result.returncode == 0, result.stderr


# Sizes of zero, sizes that overflow


@native
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", ["rnn", "rnn_relu", "lstm", "gru", "gru_reset_after", "lstm_cifg"])
def test_layers_without_units_or_inputs(name, dtype):
    """No units: refused. No inputs: a cell that runs on its own."""
    cell, provider = NATIVE[name].cell, engine.provider()
    for n_x, n_a in ((3, 0), (0, 0), (0, 4)):
        p = {k: np.ones(shape, dtype) for k, shape in cell.shapes(n_x, n_a).items()}
        x, state = np.ones((2, 3, n_x), dtype), (np.ones((2, n_a), dtype),) * cell.n_states
        if n_a == 0:
            with pytest.raises(ValueError, match="n_a is 0; expected at least 1"):
                provider.forward(cell, x, state, p)
            with pytest.raises(ValueError, match="n_a is 0; expected at least 1"):
                provider.stream(cell, p, 1)
            continue
        y, _, tape = provider.forward(cell, x, state, p, np.array([3, 1]))
        dx, _, gradients = provider.backward(tape, np.ones_like(y), state)
        assert dx.shape == (2, 3, 0)
        assert all(np.isfinite(g).all() for g in gradients.values())


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_the_course_refuses_to_run_without_units(name):
    cell = NATIVE[name].cell
    p = {k: np.ones(s) for k, s in cell.shapes(3, 0).items()}
    p |= {k: np.ones((2, 0) if k.startswith("W") else (2, 1)) for k in cell.head}
    with pytest.raises(ShapeError, match=f"{name}_forward: parameters has n_a = 0, n_y = 2; exp"):
        getattr(bptt, f"{name}_forward")(np.ones((3, 2, 3)), np.ones((0, 2)), p)


@native
def test_sizes_whose_product_overflows_are_a_memory_error():
    lstm = LSTM(1, 1)
    x = np.broadcast_to(np.zeros((1, 1, 1), "f4"), (2**29, 2**29, 1))
    p = {k: np.ones(s, "f4") for k, s in lstm.cell.shapes(1, 1).items()}
    state = (np.broadcast_to(np.zeros((1, 1), "f4"), (2**29, 1)),) * 2
    with pytest.raises(MemoryError):
        engine.provider().forward(lstm.cell, x, state, p)


# Interrupts


INTERRUPT = """
import os, signal, threading, time, numpy as np, bptt
bptt.set_num_threads({threads})
rng = np.random.default_rng(0)
{setup}
sent = []
def send():
    time.sleep(0.3); sent.append(time.perf_counter()); os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=send).start()
start = time.perf_counter()
try:
    while time.perf_counter() - start < 60: {call}
    print("not interrupted")
except KeyboardInterrupt:
    print(time.perf_counter() - sent[0])
y, state, tape = small.forward(np.ones((2, 3, 4), "f4"), q)  # all works as before
small.backward(tape, y)
"""
LONG = """
small = bptt.LSTM(4, 5); q = small.init(rng)
layer = bptt.LSTM(64, 512); p = layer.init(rng); x = np.ones((16, {steps}, 64), "f4")
"""


@native
@pytest.mark.parametrize(
    ("setup", "call"),
    [
        (LONG.format(steps=6000), "layer.forward(x, p, keep_tape=False)"),
        (LONG.format(steps=1500), "layer.forward(x, p)"),
        (
            LONG.format(steps=600) + "y, s, tape = layer.forward(x, p)",
            "layer.backward(tape, np.broadcast_to(y[:1], y.shape))",
        ),
        (
            LONG.format(steps=1) + "d = bptt.Dense(1000, 5000); p = d.init(rng)\n"
            "x = np.zeros((1, 30_000, 1000), 'f4')",
            "d.forward(x, p, keep_tape=False)",
        ),
    ],
    ids=["forward", "with a tape", "backward", "dense"],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_long_call_is_interrupted(setup, call, threads):
    result = run(INTERRUPT.format(setup=setup, call=call, threads=threads))
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 3  # 0.1 s on an idle machine; the calls take 5 s and more


@native
def test_a_handler_that_returns_changes_nothing():
    lstm = LSTM(64, 256)
    p = lstm.init(np.random.default_rng(0))
    for steps in 600 * 2 ** np.arange(7):  # until the handler runs within the call too
        x = np.random.default_rng(1).standard_normal((16, steps, 64)).astype("f4")
        expected = lstm.forward(x, p, keep_tape=False)[0]
        calls = []
        before = signal.signal(
            signal.SIGALRM, lambda *_, to=calls: to.append(bptt.get_num_threads())
        )
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        try:
            y = lstm.forward(x, p, keep_tape=False)[0]
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert same_bits(y, expected)
        if len(calls) > 2:
            return
    pytest.fail(f"{steps} steps were over before the handler ran within a call")


# Streams shared by threads


@native
@pytest.mark.parametrize("chain", [False, True])
def test_a_second_thread_in_a_stream_is_refused_and_nothing_is_torn(chain):
    network = Network([LSTM(64, 512), LSTM(512, 512)] if chain else [LSTM(64, 512)])
    stream = network.stream(network.init(np.random.default_rng(0)))
    x, refused, done = np.ones((1, 64), "f4"), [], []

    def work():
        for _ in range(60):
            try:
                done.append(stream.step(x).shape)
            except EngineError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(done) + len(refused) == 180
    assert set(refused) <= {
        "Stream.step: another thread uses the stream; expected one thread at a time."
    }
    steps = len(done)
    again = network.stream(network.init(np.random.default_rng(0)))
    for _ in range(steps):
        again.step(x)
    assert same_bits(stream.state, again.state)


@native
def test_a_long_step_lets_other_threads_run():
    bptt.set_num_threads(1)
    lstm = LSTM(64, 1024)
    stream, x = lstm.stream(lstm.init(np.random.default_rng(0))), np.ones((1, 64), "f4")
    stop, turns = threading.Event(), 0

    def work():
        while not stop.is_set():
            stream.step(x)

    thread = threading.Thread(target=work)
    thread.start()
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:
        time.sleep(0)
        turns += 1
    stop.set()
    thread.join()
    assert turns > 400  # with the lock held, one in a switch interval of 5 ms: 100


# The end of the process; the environment


@native
@pytest.mark.parametrize("call", ["y, s, t = l.forward(x, p); l.backward(t, y)", "s.step(x[:, 0])"])
def test_daemon_threads_in_native_calls_end_quietly(call):
    code = f"""
import threading, numpy as np, time
from bptt import LSTM
l = LSTM(32, 300); p = l.init(np.random.default_rng(0)); x = np.zeros((8, 30, 32), np.float32)
def loop():
    s = l.stream(p, 8)
    while True: {call}
for _ in range(4): threading.Thread(target=loop, daemon=True).start()
time.sleep(0.3)
"""
    for _ in range(3):
        result = run(code)
        assert (result.returncode, result.stderr) == (0, "")


@native
@pytest.mark.parametrize("isa", ["abacus", "AVX2", "avx", "native"])
@pytest.mark.parametrize("chosen", ["auto", "native"])
def test_an_instruction_set_that_is_not_here_is_an_error_that_names_it(isa, chosen):
    result = run("import bptt; bptt.show_config()", BPTT_ISA=isa, BPTT_ENGINE=chosen)
    last = result.stderr.splitlines()[-1]
    assert result.returncode == 1
    assert last.startswith(f"bptt.errors.EngineError: BPTT_ISA is '{isa}'; expected one of ")
    assert "baseline" in last or "neon" in last


@native
def test_an_empty_environment_variable_is_none():
    result = run(
        "import bptt; bptt.show_config()",
        BPTT_ISA="",
        BPTT_ENGINE="",
        BPTT_CACHE="",
        OMP_NUM_THREADS="",
    )
    assert result.returncode == 0, result.stderr
    assert "native" in result.stdout
