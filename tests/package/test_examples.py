"""The examples: training from the textbook functions alone, and the comparison of the demo."""

import ast
import importlib
import math
import re
import runpy
import sys
from pathlib import Path

import pytest

import bptt
import bptt.corpus

EXAMPLES = Path(__file__).parents[2] / "examples"
BY_HAND = EXAMPLES / "train_by_hand.py"


def test_training_by_hand_learns(capsys):
    train = runpy.run_path(str(BY_HAND))["train"]
    accuracy = train()
    assert accuracy > 0.85
    out = capsys.readouterr().out
    losses = [float(x) for x in re.findall(r"^step \d+: loss (\S+) nats$", out, re.MULTILINE)]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert train(steps=1) < 0.7  # it is the training that does it


def test_training_by_hand_is_short_and_uses_the_equations_alone():
    source = BY_HAND.read_text(encoding="utf-8")
    assert len(source.splitlines()) < 60
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert imported == {"numpy", "bptt.equations"}


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """The demo on a short corpus, in a directory of its own."""
    text = bptt.corpus.default_corpus()[:6000]
    monkeypatch.setattr("bptt.corpus.default_corpus", lambda: text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "demo", raising=False)
    module = importlib.import_module("demo")
    yield module, text
    sys.modules.pop("demo", None)


def test_the_demo_compares_the_model_with_n_grams_on_the_same_split(demo, capsys):
    module, text = demo
    train = ["--units", "9", "--epochs", "1", "--batch-size", "8", "--seq-length", "16"]
    module.bptt_command("train", *train, "--out", module.OUT)
    assert capsys.readouterr().out.startswith("$ bptt train --units 9 --epochs 1 ")
    module.compare()
    out = capsys.readouterr().out
    training, held_out = text[:5400], text[5400:]
    expected = {f"{n}-gram": module.ngram_nats(training, held_out, n) for n in (3, 5)}
    model = bptt.load(module.OUT)
    assert model.split(text) == (training, held_out)
    expected["LSTM (9 units)"] = model.history_[-1]["validation"]
    assert "Held-out part of the corpus, 600 characters:" in out
    for name, nats in expected.items():
        row = rf"^{re.escape(name)} +{nats:.4f} +{nats / math.log(2):.4f}$"
        assert re.search(row, out, re.MULTILINE), row


def test_the_demo_ends_where_a_command_fails(demo, capsys):
    module, _ = demo
    with pytest.raises(SystemExit) as stop:
        module.bptt_command("train", "missing.txt")
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("bptt: read_text: cannot read missing.txt")
