"""Early stopping, learning rate schedules and the history."""

import numpy as np
import pytest

import bptt
from bptt.errors import ConfigError
from bptt.training import Adam, CrossEntropy, Run, Schedule, TextStreams, fit
from tests.support.trainings import TEXT, V, network_and_parameters, quiet, tiny


def test_the_best_parameters_are_kept_and_the_training_stops():
    model = tiny(epochs=60, patience=2, learning_rate=0.05, dropout=0, seed=2)
    text = "".join(np.random.default_rng(0).choice(list("abcdef"), 600))  # nothing to learn
    quiet(model, text)
    losses = [row["validation"] for row in model.history_]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 60
    source = TextStreams(model.encode(model.split(text)[0][-1] + model.split(text)[1]), 4, 8)
    now = bptt.training.evaluate(model.network_, model.parameters_, CrossEntropy(), source)
    assert now == losses[best]
    assert not model.interrupted_


def test_history_holds_what_a_plot_needs():
    model = quiet(tiny(schedule="cosine", warmup=10), TEXT)
    assert [set(row) for row in model.history_] == [
        {
            "epoch", "step", "loss", "validation", "grad_norm", "learning_rate", "seconds",
            "steps_per_second",
        }
    ] * 3  # fmt: skip
    rates = [row["learning_rate"] for row in model.history_]
    assert rates[0] > rates[1] > rates[2] > 0
    assert all(row["steps_per_second"] > 0 and row["grad_norm"] > 0 for row in model.history_)


@pytest.mark.parametrize(
    ("warmup", "n"), [(0, 1), (0, 2), (0, 10), (1, 5), (3, 10), (9, 10), (9, 9)]
)
def test_cosine_begins_with_the_full_rate_and_ends_above_zero(warmup, n):
    rate = Schedule("cosine", 0.5, warmup)
    assert [rate(t, n) for t in range(1, warmup)] == [0.5 * t / warmup for t in range(1, warmup)]
    rates = [rate(t, n) for t in range(max(1, warmup), n + 1)]
    assert rates[0] == 0.5
    assert rates == sorted(set(rates), reverse=True)  # lower in each step
    assert rates[-1] > 0
    assert rate(n + 3, n) > 0  # an epoch with more batches than expected


def test_patience_needs_a_validation_loss():
    network, parameters = network_and_parameters()
    run = Run(parameters, Adam(0.1), Schedule("constant", 0.1), np.random.default_rng(0))
    source = TextStreams(np.arange(50) % V, 2, 5)
    with pytest.raises(ConfigError, match="patience is 1; expected None where there is no valid"):
        fit(run, network, CrossEntropy(), source, epochs=1, patience=1)
    assert run.step == 0


def test_warm_up_rises_evenly_and_the_plateau_halves():
    schedule = Schedule("plateau", 1.0, warmup=4, patience=2)
    assert [schedule(t, 100) for t in (1, 2, 3, 4, 5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    for loss in (3.0, 2.0, 2.0):
        schedule.end_epoch(loss)
    assert schedule(50, 100) == 1.0
    schedule.end_epoch(2.5)  # two epochs without a lower one
    assert schedule(50, 100) == 0.5
    for loss in (1.0, 1.1, 1.2):
        schedule.end_epoch(loss)
    assert schedule(50, 100) == 0.25
    constant = Schedule("constant", 1.0)
    for _ in range(9):
        constant.end_epoch(1.0)
    assert constant(1, 1) == 1.0
    with pytest.raises(ConfigError, match="kind is 'linear'; expected one of constant"):
        Schedule("linear", 1.0)
