"""`bptt info`."""

import os
import re
import subprocess

import pytest

import bptt
from tests.support.cli_cases import (
    command,
)


def test_info_shows_layers_parameters_history_and_versions(run, trained):
    status, out, err = run("info", trained)
    assert (status, err) == (0, "")
    model = bptt.load(trained)
    assert out.startswith(f"{trained}: LanguageModel\n")
    for name, value in model.get_params().items():
        assert f"{name} {value}" in out
    assert f"vocabulary: {len(model.vocabulary_)} characters" in out
    for name, w in model.parameters_.items():
        assert re.search(rf"{re.escape(name)} +{re.escape(str(w.shape))} +{w.size:,}\b", out)
    total = sum(w.size for w in model.parameters_.values())
    assert re.search(rf"all +{total:,}\b", out)
    assert "lstm0: LSTM(64, 8)" in out
    for row in model.history_:
        assert re.search(
            rf"{row['epoch']} +{row['step']} +{row['loss']:.4f} +{row['validation']:.4f}", out
        )
    assert out.rstrip().endswith(", ".join(f"{k} {v}" for k, v in model.versions_.items()))
    assert "\x1b" not in out
    assert max(map(len, out.splitlines()[3:])) <= 80


@pytest.mark.parametrize(
    ("name", "knowledge"),
    [
        ("classify", "input: 2 features per time step\nclasses: down, up\n"),
        ("regress", "input: 2 features per time step\n\n"),
        ("tag", "vocabulary: 7 tokens\nclasses: ADV, DET, NOUN, VERB\n"),
        ("forecast", "input: 12 steps of 2 values; forecast: 3 steps\n"),
        ("model.safetensors", "vocabulary: 12 characters and one unknown token; trained "),
    ],
)
def test_info_of_every_kind(run, models, name, knowledge):
    status, out, err = run("info", models / name)
    assert (status, err) == (0, "")
    assert knowledge in out
    model = bptt.load(models / name)
    assert out.startswith(f"{models / name}: {type(model).__name__}\n")
    in_unit = f"in {model.loss_unit}" if model.unit else model.loss_unit
    assert f"\nTraining, losses {in_unit}\n" in out


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is absent")
def test_output_that_cannot_be_written_says_so(trained):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("info", trained), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr == "bptt: cannot write the output: No space left on device.\n"
