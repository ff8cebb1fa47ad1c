"""The loggers for MLflow and Weights & Biases that the guide shows, run as they stand there."""

import re
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bptt import SequenceClassifier

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide" / "inspect.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```py\n(import (?:mlflow|wandb)\n.*?)```", PAGE, flags=re.DOTALL)
RNG = np.random.default_rng(0)
X, Y = [RNG.normal(size=(4 + k % 3, 2)) for k in range(12)], [0, 1] * 6


def run(tool):
    """Run the block of a tool; return the model that it trained."""
    (block,) = (b for b in BLOCKS if b.startswith(f"import {tool}\n"))
    model = SequenceClassifier(units=3, batch_size=4, epochs=2, verbose=0)
    exec(block, {"model": model, "X": X, "y": Y, "__name__": "guide"})
    return model


def test_weights_and_biases_gets_every_step(monkeypatch):
    rows = []
    stub = SimpleNamespace(
        log=lambda row, step: rows.append((step, row)), init=lambda **_: nullcontext()
    )
    monkeypatch.setitem(sys.modules, "wandb", stub)
    model = run("wandb")
    assert [step for step, _ in rows] == list(range(1, model.history_[-1]["step"] + 1))
    assert all(set(row) == {"loss", "grad_norm"} for _, row in rows)


def test_mlflow_keeps_parameters_and_epochs_in_its_file_store(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(tmp_path.as_uri())
    mlflow.set_experiment("bptt")
    model = run("mlflow")
    (found,) = tmp_path.glob("*/*/metrics/loss")
    rows = [line.split() for line in found.read_text().splitlines()]  # time, value, step
    assert [float(row[1]) for row in rows] == [row["loss"] for row in model.history_]
    assert [int(row[2]) for row in rows] == [row["step"] for row in model.history_]
    assert (found.parent.parent / "params" / "units").read_text() == "3"
