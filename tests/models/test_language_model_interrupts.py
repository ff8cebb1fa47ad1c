"""LanguageModel: trainings that end early, by Ctrl-C or a callback."""

import os
import signal
import threading

import pytest

import bptt
from tests.support.language_models import TEXT, assert_same_parameters, tiny


@pytest.fixture
def ctrl_c():
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


def assert_usable(model, path):
    model.save(path)
    again = bptt.load(path)
    assert again.interrupted_ is model.interrupted_
    assert again.score(TEXT[:50]) == model.score(TEXT[:50])
    assert len(again.sample(length=20)) == 20


def test_ctrl_c_ends_the_training_between_steps_and_leaves_a_usable_model(ctrl_c, tmp_path):
    model = tiny(epochs=10**6)
    started = threading.Event()

    def send():
        started.wait(30)
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    sender.start()
    steps = []

    def on_step(progress):
        steps.append(progress)
        started.set()
        return len(steps) == 10_000  # the test's own end, where Ctrl-C is not heard

    model.fit(TEXT, on_step=on_step)
    sender.join()
    assert model.interrupted_ is True
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert model.history_[-1]["step"] == steps[-1].step == len(steps) < 10_000
    assert_usable(model, tmp_path / "m")
    # It is the model of exactly that many steps.
    other = tiny(epochs=10**6).fit(TEXT, on_step=lambda p: p.step == len(steps))
    assert_same_parameters(model, other)


def test_a_second_ctrl_c_leaves_at_once(ctrl_c):
    def twice(progress):
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        tiny().fit(TEXT, on_step=twice)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_on_step_sees_every_step_and_can_end_the_training():
    seen = []
    model = tiny().fit(TEXT, on_step=lambda p: seen.append(p.step))
    assert seen == list(range(1, 55))
    assert model.interrupted_ is False
    model.fit(TEXT, on_step=lambda p: p.step == 30)
    assert model.interrupted_ is True
    assert [(row["epoch"], row["step"]) for row in model.history_] == [(1, 27), (2, 30)]
    assert model.history_[0]["validation"] > 0
    assert model.history_[1]["validation"] is None
    model.fit(TEXT, on_step=lambda p: p.step == 27)  # at an epoch's end: one row, not two
    assert [row["step"] for row in model.history_] == [27]
    model.fit(TEXT, on_step=lambda p: p.step == 54)  # the end is no interruption
    assert model.interrupted_ is False
