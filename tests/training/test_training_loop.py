"""The training loop: truncated BPTT, evaluation, what is not finite, Ctrl-C."""

import signal
import threading

import numpy as np
import pytest

from bptt import GRU, LSTM, RNN, Dense, Embedding, Network
from bptt.errors import BpttError, ConfigError
from bptt.training import (
    SGD,
    Adam,
    CrossEntropy,
    Interrupts,
    Run,
    Schedule,
    TextStreams,
    evaluate,
    text_windows,
)
from bptt.training import train as fit_loop

V, N_X, N_A = 6, 5, 7
CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


def build(cell="lstm", dtype=np.float64, n_layers=1):
    network = Network([Embedding(V, N_X), CELLS[cell](N_X, N_A, n_layers=n_layers), Dense(N_A, V)])
    return network, network.init(np.random.default_rng(2), dtype)


def copy(parameters):
    return {name: w.copy() for name, w in parameters.items()}


def assert_same(actual, expected):
    assert list(actual) == list(expected)
    for name, w in expected.items():
        np.testing.assert_array_equal(actual[name], w, err_msg=name)


class Recorder:
    """An optimizer that keeps what it is given and leaves the parameters alone."""

    learning_rate = 1.0

    def __init__(self):
        self.seen, self.state = [], {}

    def update(self, parameters, gradients, scale):
        self.seen.append({name: scale * g for name, g in gradients.items()})


def train(
    network, parameters, optimizer, tokens, validation=None, *,
    batch_size=3, seq_length=4, epochs=1, **settings,
):  # fmt: skip
    schedule = Schedule("constant", optimizer.learning_rate)
    run = Run(parameters, optimizer, schedule, np.random.default_rng(0))
    held_out = None if validation is None else TextStreams(validation, 1, 256)
    source = TextStreams(tokens, batch_size, seq_length)
    return fit_loop(run, network, CrossEntropy(), source, held_out, epochs=epochs, **settings)


def evaluate_text(network, parameters, tokens, window=256):
    return evaluate(network, parameters, CrossEntropy(), TextStreams(tokens, 1, window))


def text(n, seed=0):
    return np.random.default_rng(seed).integers(0, V, n)


def nll(z, y):
    """Negative log-probability of each target, plainly."""
    p = np.exp(z - z.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return -np.log(np.take_along_axis(p, y[..., np.newaxis], -1)[..., 0])


# Truncated BPTT


@pytest.mark.parametrize("cell", CELLS)
def test_windows_carry_the_state_so_that_they_equal_one_long_forward(cell):
    network, parameters = build(cell, n_layers=2)
    tokens = text(3 * 18 + 1)  # 3 streams of 18 steps: windows of 4, 4, 4, 4, 2
    before = copy(parameters)
    run = list(train(network, parameters, Recorder(), tokens, epochs=2))
    assert_same(parameters, before)
    assert len(run) == 10
    # With the parameters as they were, the state is the only thing that tells the windows apart.
    x, y = tokens[:-1].reshape(3, 18), tokens[1:].reshape(3, 18)
    z, _, _ = network.forward(x, parameters)
    long = nll(z, y)
    expected = [long[:, t : t + 4].mean() for t in range(0, 18, 4)]
    weights = [3 * min(4, 18 - t) for t in range(0, 18, 4)]
    epoch = np.average(expected, weights=weights)
    both = np.array(expected * 2)  # each epoch starts from zero
    shown = [epoch if k % 5 == 4 else both[: k + 1].mean() for k in range(10)]
    np.testing.assert_allclose([p.loss for p in run], shown, rtol=1e-9)


@pytest.mark.parametrize("cell", CELLS)
def test_a_gradient_stops_at_its_window_but_the_state_comes_in(cell):
    network, parameters = build(cell)
    tokens = text(3 * 10 + 1, seed=1)
    recorder = Recorder()
    list(train(network, parameters, recorder, tokens, seq_length=4))
    x, y = tokens[:-1].reshape(3, 10), tokens[1:].reshape(3, 10)
    for k, t in enumerate((0, 4, 8)):
        state = network.forward(x[:, :t], parameters)[1] if t else None
        z, _, tape = network.forward(x[:, t : t + 4], parameters, state)
        p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
        dz = (p - np.eye(V)[y[:, t : t + 4]]) / y[:, t : t + 4].size
        _, _, gradients = network.backward(tape, dz)
        for name, g in gradients.items():
            np.testing.assert_allclose(recorder.seen[k][name], g, rtol=1e-9, atol=1e-13)


def test_gradients_are_clipped_and_the_norm_before_is_reported():
    network, parameters = build()
    free, clipped = Recorder(), Recorder()
    tokens = text(61)
    a = list(train(network, parameters, free, tokens))
    b = list(train(network, parameters, clipped, tokens, grad_clip=0.01))
    for p, q, g, h in zip(a, b, free.seen, clipped.seen, strict=True):
        norm = np.sqrt(sum((v**2).sum() for v in g.values()))
        assert p.grad_norm == q.grad_norm == pytest.approx(norm)
        assert norm > 0.01
        assert np.sqrt(sum((v**2).sum() for v in h.values())) == pytest.approx(0.01)


@pytest.mark.parametrize("cell", CELLS)
def test_the_loss_falls_on_a_text_that_can_be_learnt(cell):
    network, parameters = build(cell, np.float32)
    tokens = np.tile([0, 1, 2, 0, 1, 3, 4, 5], 60)  # what follows 0 1 needs two steps of memory
    run = list(
        train(network, parameters, Adam(0.02), tokens, epochs=12, seq_length=8, grad_clip=5.0)
    )
    assert run[0].loss == pytest.approx(np.log(V), rel=0.1)
    assert run[-1].loss < 0.1
    assert evaluate_text(network, parameters, tokens[:80]) < 0.2


def test_progress_says_where_the_training_stands():
    network, parameters = build()
    tokens, held_out = text(3 * 10 + 1), text(20, seed=3)
    run = list(train(network, parameters, SGD(0.1), tokens, held_out, epochs=2))
    assert [p.step for p in run] == [1, 2, 3, 4, 5, 6]
    assert [p.epoch for p in run] == [1, 1, 1, 2, 2, 2]
    assert {p.n_steps for p in run} == {6}
    assert [p.validation is None for p in run] == [True, True, False] * 2
    assert run[-1].validation == evaluate_text(network, parameters, held_out)
    seconds = [p.seconds for p in run]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0
    assert all(p.items_per_second > 0 for p in run)
    assert all(12 / p.items_per_second <= p.seconds for p in run[:1])
    assert run[2].seconds_left == pytest.approx(run[2].seconds)  # as long again
    assert run[-1].seconds_left == 0


def test_the_loss_shown_is_the_mean_of_the_last_fifty():
    network, parameters = build()
    tokens = np.concatenate([np.zeros(3 * 70, int), text(3 * 60 + 1)])
    run = list(train(network, parameters, Recorder(), tokens, batch_size=1, seq_length=3))
    steps = (len(tokens) - 1) // 3
    assert len(run) == steps == 130
    z, _, _ = network.forward(tokens[np.newaxis, :-1], parameters)
    each = nll(z, tokens[np.newaxis, 1:]).reshape(steps, 3).mean(1)
    assert run[9].loss == pytest.approx(each[:10].mean())
    assert run[-2].loss == pytest.approx(each[-51:-1].mean())
    assert run[-1].loss == pytest.approx(each.mean())  # of the epoch, at its end


def test_a_text_too_short_is_refused():
    network, parameters = build()
    with pytest.raises(ConfigError, match="has 3 tokens; expected at least 4"):
        next(train(network, parameters, SGD(), text(3)))


# Evaluation


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("window", [1, 7, 39, 40, 256])
def test_evaluation_is_one_forward_pass_whatever_the_window(cell, window):
    network, parameters = build(cell, n_layers=2)
    tokens = text(40)
    before = copy(parameters)
    z, _, _ = network.forward(tokens[np.newaxis, :-1], parameters)
    expected = nll(z, tokens[np.newaxis, 1:]).mean()
    got = evaluate_text(network, parameters, tokens, window=window)
    assert isinstance(got, float)
    assert got == pytest.approx(expected, rel=1e-12)
    assert_same(parameters, before)


def test_evaluation_of_parameters_too_large_is_not_finite_and_silent():
    network, parameters = build(dtype=np.float32)
    parameters["dense0.by"][:, 0] = np.linspace(-3e38, 3e38, V)
    assert not np.isfinite(evaluate_text(network, parameters, text(20)))


# Nothing that is not finite goes unnoticed, and it stops the training before the update


@pytest.mark.parametrize("cell", CELLS)
def test_a_huge_learning_rate_stops_before_the_parameters_change(cell):
    network, parameters = build(cell, np.float32)
    run = train(network, parameters, Adam(3e38), text(200), grad_clip=5.0)
    with pytest.raises(BpttError) as caught:  # noqa: PT012
        for _ in run:
            before = copy(parameters)
    assert type(caught.value) is BpttError
    message = str(caught.value)
    assert message.startswith("training stopped at step ")
    assert " is not finite; the parameters are those of the step before." in message
    assert message.endswith("Try a learning rate below 3e+38.")
    assert_same(parameters, before)
    assert all(np.isfinite(w).all() for w in parameters.values())


def test_the_message_names_the_step_and_the_gradient():
    network, parameters = build()
    adam = Adam()
    run = train(network, parameters, adam, text(100))
    for _ in range(3):
        next(run)
    parameters["dense0.Wy"][0, 0] = np.nan
    before, moments = copy(parameters), copy(adam.state)
    with pytest.raises(BpttError, match=r"at step 4: the parameter dense0\.Wy is not finite"):
        next(run)
    assert_same(parameters, before)
    assert_same(adam.state, moments)
    with pytest.raises(StopIteration):
        next(run)


def test_only_the_gradient_that_is_not_finite_is_named(monkeypatch):
    network, parameters = build()
    backward = network.backward

    def spoiled(*arguments, **options):
        dx, dstate, gradients = backward(*arguments, **options)
        gradients["lstm0.bo"][2] = np.inf
        return dx, dstate, gradients

    monkeypatch.setattr(network, "backward", spoiled)
    with pytest.raises(BpttError, match=r"step 1: the gradient of lstm0\.bo is not finite"):
        next(train(network, parameters, SGD(), text(50)))


def test_a_loss_that_is_not_finite_stops_it_too():
    network, parameters = build(dtype=np.float32)
    parameters["dense0.by"][:, 0] = np.linspace(-3e38, 3e38, V)  # finite, their difference is not
    before = copy(parameters)
    with pytest.raises(BpttError, match=r"step 1: the loss is not finite"):
        next(train(network, parameters, SGD(), text(50)))
    assert_same(parameters, before)


def test_a_norm_that_is_not_finite_stops_it_too(monkeypatch):
    network, parameters = build()
    backward = network.backward

    def large(*arguments, **options):
        dx, dstate, gradients = backward(*arguments, **options)
        return dx, dstate, {name: np.full_like(g, 1e200) for name, g in gradients.items()}

    monkeypatch.setattr(network, "backward", large)
    with pytest.raises(BpttError, match=r"step 1: the norm of all gradients is not finite"):
        next(train(network, parameters, SGD(), text(50)))


def test_a_validation_loss_that_is_not_finite_stops_it_after_its_step():
    network, parameters = build(dtype=np.float32)

    class Spoiler(Recorder):
        def update(self, parameters, gradients, scale):
            super().update(parameters, gradients, scale)
            if len(self.seen) == 5:  # the last step of the epoch
                parameters["dense0.by"][:, 0] = np.linspace(-3e38, 3e38, V)

    run = train(network, parameters, Spoiler(), text(61), text(30), epochs=2)
    for _ in range(4):
        next(run)
    with pytest.raises(BpttError, match="stopped after step 5: the validation loss is not finite"):
        next(run)


# Stopping


def test_a_generator_that_is_left_has_made_exactly_the_steps_asked_for():
    network, parameters = build()
    other = copy(parameters)
    tokens = text(200)
    adam = Adam()
    run = train(network, parameters, adam, tokens, epochs=5)
    last = [next(run) for _ in range(7)][-1]
    run.close()
    assert (last.step, int(adam.state["t"])) == (7, 7)
    for p in train(network, other, Adam(), tokens, epochs=5):
        if p.step == 7:
            break
    assert_same(parameters, other)
    assert len(text_windows(tokens, 3, 4)) > 7


@pytest.fixture
def ctrl_c():
    """Python's own Ctrl-C, whatever the test runner's parent has set."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, previous)


def test_first_ctrl_c_sets_the_flag_and_the_second_leaves(ctrl_c):
    with Interrupts() as interrupts:
        assert not interrupts.requested
        ctrl_c()
        assert interrupts.requested
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        ctrl_c()


def test_the_handler_comes_back_after_an_exception_and_after_nesting(ctrl_c):
    with pytest.raises(ZeroDivisionError), Interrupts():
        1 / 0  # noqa: B018
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with Interrupts() as outer:
        with Interrupts() as inner:
            ctrl_c()
        assert (inner.requested, outer.requested) == (signal.SIGINT, 0)
        ctrl_c()
        assert outer.requested
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_ctrl_c_is_ignored_it_stays_ignored(ctrl_c):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interrupts() as interrupts:
        ctrl_c()
        ctrl_c()
    assert not interrupts.requested
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_may_train_too(ctrl_c):
    results = []

    def work():
        with Interrupts() as interrupts:
            results.append(interrupts.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [False]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
