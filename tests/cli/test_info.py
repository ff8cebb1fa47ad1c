"""`bptt info`."""

import os
import re
import subprocess

import pytest

import bptt
from bptt.training.array_files import load_arrays, save_arrays
from tests.support.cli_cases import cases, command, write_ts


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


def test_a_file_with_long_texts_and_a_long_history_is_shown_in_short(run, trained):
    arrays, config = load_arrays(trained)
    config["history"] = [config["history"][0] | {"epoch": k} for k in range(1, 10_001)]
    save_arrays("long", arrays, config)
    status, out, _ = run("info", "long")
    assert (status, len(out) < 20_000) == (0, True)
    assert "(9,940 more)" in out
    assert re.search(r"\n +20 .*\n +\(9,940 more\) *\n +9961 ", out)
    classify = ["classify", "x.ts", "--units", 2, "--epochs", 1, "--out", "c"]
    write_ts("x.ts", *cases())
    assert run("train", *classify)[0] == 0
    arrays, config = load_arrays("c")
    config["fitted"]["classes"] = ["a" * 300_000, "\ud800\x1b[31m"]
    config["hyperparameters"]["class_weight"] = {"dict": [["b" * 300_000, 1.0]]}
    save_arrays("c2", arrays, config)
    status, out, err = run("info", "c2")
    assert (status in (0, 2), len(out + err) < 20_000, "\x1b" in out) == (True, True, False)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is absent")
def test_output_that_cannot_be_written_says_so(trained):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("info", trained), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr == "bptt: cannot write the output: No space left on device.\n"
