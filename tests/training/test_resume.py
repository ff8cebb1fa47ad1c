"""Resuming from a checkpoint, also after a kill at any moment: bit-identical results."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import bptt
from bptt import Forecaster
from bptt.errors import CheckpointError, ConfigError
from bptt.training import (
    Checkpoints,
)
from tests.support.trainings import DOCUMENTS, TEXT, assert_same, quiet, tiny


@pytest.mark.parametrize("X", [TEXT, DOCUMENTS], ids=["text", "documents"])
@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": "adamw", "weight_decay": 0.1, "schedule": "cosine", "warmup": 3},
        {"optimizer": "rmsprop", "schedule": "plateau", "learning_rate": 0.3},
        {"optimizer": "sgd", "cell": "gru", "patience": 1, "learning_rate": 0.5},
    ],
    ids=lambda s: s["optimizer"],
)
def test_a_resumed_training_has_the_bits_of_one_never_interrupted(X, settings, tmp_path):
    whole = quiet(tiny(**settings), X)
    n_steps = whole.history_[-1]["step"]
    assert n_steps > 10
    for step in (1, n_steps // 2, n_steps - 1):
        places = Checkpoints(tmp_path / "m.safetensors")
        left = quiet(tiny(**settings), X, checkpoint=places, on_step=lambda p, s=step: p.step == s)
        assert left.interrupted_
        assert places.last.name == f"m-{step:08d}.safetensors"
        again = bptt.load(places.last)  # a checkpoint is a model's file
        assert again.get_params() == left.get_params()
        quiet(again, X, resume=places.last)
        assert not again.interrupted_
        assert_same(whole, again)


def test_a_training_whose_loss_is_negative_is_resumed(tmp_path):
    series = np.sin(np.arange(300) / 5)  # a Gaussian that is sure of it: a density above 1

    def model():
        return Forecaster(window=20, output="gaussian", units=12, epochs=6, learning_rate=0.02)

    whole = quiet(model(), series)
    assert whole.history_[-1]["loss"] < 0
    places = Checkpoints(tmp_path / "m")
    n_steps = whole.history_[-1]["step"]
    quiet(model(), series, checkpoint=places, on_step=lambda p: p.step == n_steps - 2)
    assert_same(whole, quiet(model(), series, resume=places.last))


def test_more_epochs_can_be_asked_of_a_finished_run(tmp_path):
    whole = quiet(tiny(epochs=4), TEXT)
    places = Checkpoints(tmp_path / "m")
    quiet(tiny(epochs=2), TEXT, checkpoint=places)
    assert_same(whole, quiet(tiny(epochs=4), TEXT, resume=places.last))


def test_another_model_other_data_or_a_plain_model_cannot_be_resumed(tmp_path):
    places = Checkpoints(tmp_path / "m")
    model = quiet(tiny(epochs=1), TEXT, checkpoint=places)
    with pytest.raises(ConfigError, match="with units 12; expected 13, as the model has"):
        quiet(tiny(units=13), TEXT, resume=places.last)
    with pytest.raises(ConfigError, match="was trained on other data; expected the same"):
        quiet(tiny(), TEXT + "a cat.", resume=places.last)
    with pytest.raises(ConfigError, match="was trained on other data"):
        quiet(tiny(), TEXT.upper(), resume=places.last)  # the same numbers, other letters
    model.save(tmp_path / "plain")
    with pytest.raises(CheckpointError, match="a finished model without the state of its training"):
        quiet(tiny(), TEXT, resume=tmp_path / "plain")
    with pytest.raises(CheckpointError, match="No such file"):
        quiet(tiny(), TEXT, resume=tmp_path / "missing")


@pytest.mark.parametrize(
    "name",
    ["epoch", "recent", "generator", "schedule", "carried_layers", "history", "stopped"],
)
def test_a_damaged_training_state_is_refused(name, tmp_path):
    from bptt.training.array_files import load_arrays, save_arrays

    places = Checkpoints(tmp_path / "m")
    quiet(tiny(epochs=1), TEXT, checkpoint=places)
    arrays, config = load_arrays(places.last)
    for value in ("x", None, [1, 2]):
        if name == "carried_layers" and value is None:
            continue  # that is how it is between epochs
        broken = config | {"training": config["training"] | {name: value}}
        if name == "recent" and value == [1, 2]:
            continue
        save_arrays(tmp_path / "broken", arrays, broken)
        with pytest.raises(CheckpointError, match="the training state is damaged"):
            quiet(tiny(), TEXT, resume=tmp_path / "broken")
    key = next(k for k in arrays if k.startswith("training/optimizer/m."))
    none = {k: a for k, a in arrays.items() if not k.startswith("training/optimizer/")}
    less = {k: a for k, a in arrays.items() if k != key}
    for broken in (arrays | {key: np.zeros((2, 2), np.float32)}, less, none):
        save_arrays(tmp_path / "broken", broken, config)
        with pytest.raises(CheckpointError, match="the training state is damaged"):
            quiet(tiny(), TEXT, resume=tmp_path / "broken")


WORKER = """
import sys, time
from bptt import LanguageModel
from bptt.training import Checkpoints
from pathlib import Path
path, resume = sys.argv[1], sys.argv[2] or None
text = "the cat sat on the mat. " * 200
sizes = dict(units=8, embedding=4, seq_length=8, batch_size=4, epochs=6)
model = LanguageModel(**sizes, dropout=0.2, seed=5)
print("ready", flush=True)
model.fit(text, progress="silent", checkpoint=Checkpoints(path, minutes=0), resume=resume)
model.save(Path(path).with_name("final"))
"""


def latest(directory):
    files = sorted(directory.glob("run-*.safetensors"))
    return files[-1] if files else None


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
@pytest.mark.slow
def test_killed_twenty_times_and_resumed_each_time_the_bits_are_those_of_one_run(tmp_path, capsys):
    """Every kill loses at most what came after the last checkpoint; every file can be read."""

    def start(directory, resume):
        command = [
            sys.executable,
            "-c",
            WORKER,
            str(directory / "run.safetensors"),
            str(resume or ""),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with process.stdout as output:
            assert output.readline() == "ready\n"
        return process

    (tmp_path / "whole").mkdir()
    assert start(tmp_path / "whole", None).wait(120) == 0
    rng, kills, steps = np.random.default_rng(8), 0, []
    while kills < 20:
        process = start(tmp_path, latest(tmp_path))
        time.sleep(rng.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        if process.wait(60) == 0:  # it was done before the signal came: begin again
            for file in tmp_path.glob("run-*"):
                file.unlink()
            continue
        kills += 1
        for file in tmp_path.glob("run-*.safetensors"):
            assert bptt.load(file).sample(length=3, seed=0)
        steps.append(int(latest(tmp_path).stem[4:]) if latest(tmp_path) else 0)
    assert start(tmp_path, latest(tmp_path)).wait(120) == 0
    whole, resumed = bptt.load(tmp_path / "whole" / "final"), bptt.load(tmp_path / "final")
    assert_same(whole, resumed)
    with capsys.disabled():
        print(f"\n{kills} kills, resumed at steps {steps}: bits equal", end=" ")
