"""Checkpoints, and `bptt train --resume`."""

import signal
from pathlib import Path

import pytest

import bptt
from tests.support.cases import same_bits
from tests.support.cli_cases import (
    BRIEF,
    TEXT,
    TINY,
    cases,
    write_conll,
    write_series,
    write_ts,
)

LINES = {
    "text": ["text", "text.txt", *TINY, "--dropout", 0.2, "--schedule", "cosine"],
    "documents": ["text", "text.txt", "--documents", "line", *TINY],
    "classify": ["classify", "x.ts", *BRIEF[:4], "--dropout", 0.1, "--validation-fraction", 0.2],
    "tag": ["tag", "x.conll", *BRIEF[:4], "--char-units", 3],
    "forecast": ["forecast", "x.csv", *BRIEF[:4], "--window", 12, "--optimizer", "sgd"],
}


def files():
    return sorted(p.name for p in Path().glob("*.safetensors"))


@pytest.mark.parametrize("kind", LINES)
def test_going_on_gives_the_bits_of_a_run_never_interrupted(run, kind):
    write_ts("x.ts", *cases())
    write_conll("x.conll")
    write_series("x.csv")
    line = ["train", *LINES[kind], "--epochs", 2]
    assert run(*line, "--out", "whole.safetensors")[0] == 0
    every = ["--checkpoint-minutes", 0, "--keep", 1000]
    assert run(*line, *every, "--out", "part.safetensors")[0] == 0
    whole, places = bptt.load("whole.safetensors"), [f for f in files() if f.startswith("part-")]
    assert len(places) == whole.history_[-1]["step"]
    place = places[len(places) // 3]
    data = LINES[kind][: 4 if kind == "documents" else 2]
    status, _, err = run("train", *data, "--resume", place, "--out", "again.safetensors")
    assert (status, err) == (0, "")
    again = bptt.load("again.safetensors")
    assert again.get_params() == whole.get_params()
    assert same_bits(again.parameters_, whole.parameters_)
    timeless = [
        [{k: v for k, v in row.items() if "second" not in k} for row in model.history_]
        for model in (whole, again)
    ]
    assert timeless[0] == timeless[1]


def test_going_on_for_more_epochs(run):
    line = ["train", "text.txt", *TINY, "--epochs", 2]
    assert run(*line, "--keep", 1)[0] == 0
    assert files() == ["model-00000082.safetensors", "model.safetensors"]
    arguments = ["--resume", "model-00000082.safetensors", "--epochs", 3, "--out", "b.safetensors"]
    assert run("train", "text.txt", *TINY, *arguments)[0] == 0
    before = ["model-00000082.safetensors", "model.safetensors"]
    assert files() == ["b-00000123.safetensors", "b.safetensors", *before]
    assert run(*line[:-1], 3, "--out", "c.safetensors")[0] == 0
    b, c = bptt.load("b.safetensors"), bptt.load("c.safetensors")
    assert b.epochs == 3
    assert same_bits(b.parameters_, c.parameters_)


def test_a_training_that_had_ended_is_left_as_it_is(run):
    assert run("train", "text.txt", *TINY, "--epochs", 1, "--keep", 1)[0] == 0
    before = Path("model.safetensors").read_bytes()
    place = "model-00000041.safetensors"
    status, out, err = run("train", "text.txt", "--resume", place)
    assert (status, err) == (0, "")
    assert f"\nNothing left to train: {place} had ended after epoch 1.\n" in out
    assert files() == [place, "model.safetensors"]
    assert Path("model.safetensors").read_bytes() == before


def test_other_data_are_refused(run):
    assert run("train", "text.txt", *TINY, "--epochs", 1, "--keep", 1)[0] == 0
    Path("text.txt").write_text(TEXT[::-1])
    status, _, err = run("train", "text.txt", "--resume", "model-00000041.safetensors")
    assert status == 2
    assert err.endswith("was trained on other data; expected the same.\n")


def test_checkpoints_stay_where_they_are_asked_for_and_nobody_elses_are_touched(run):
    line = ["train", "text.txt", *TINY, "--epochs", 1]
    Path("model-00000007.safetensors").write_text("mine")
    status, out, _ = run(*line, "--checkpoint-minutes", 0)
    assert status == 0
    assert files() == ["model-00000007.safetensors", "model.safetensors"]
    assert "checkpoint" not in out
    every = ["--checkpoint-minutes", 0, "--keep", 2]
    status, out, _ = run(*line, *every, "--out", "m.safetensors")
    assert out.splitlines()[-1].endswith(" The last checkpoint is m-00000041.safetensors.")
    first = ["model-00000007.safetensors", "model.safetensors"]
    own = ["m-00000040.safetensors", "m-00000041.safetensors", "m.safetensors"]
    assert files() == [*own, *first]
    assert Path("model-00000007.safetensors").read_text() == "mine"


def test_checkpoints_of_an_interrupted_run_go_when_it_has_finished(run, monkeypatch):
    signals = "bptt.training.interrupts.Interrupts.requested"
    requested = property(lambda self: signal.SIGTERM, lambda self, value: None)
    line = ["train", "text.txt", *TINY, "--epochs", 2]
    with monkeypatch.context() as patched:
        patched.setattr(signals, requested, raising=False)
        assert run(*line)[0] == 130
    assert files() == ["model-00000001.safetensors", "model.safetensors"]
    place = "model-00000001.safetensors"
    assert run("train", "text.txt", "--resume", place)[0] == 0
    assert files() == ["model.safetensors"]
    assert run(*line, "--out", "whole.safetensors")[0] == 0
    model, whole = bptt.load("model.safetensors"), bptt.load("whole.safetensors")
    assert same_bits(model.parameters_, whole.parameters_)


def test_a_checkpoint_of_a_finished_training_stays_when_it_is_resumed(run):
    assert run("train", "text.txt", *TINY, "--epochs", 1, "--keep", 1)[0] == 0
    place = "model-00000041.safetensors"
    assert run("train", "text.txt", "--resume", place, "--epochs", 2)[0] == 0
    assert files() == [place, "model-00000082.safetensors", "model.safetensors"]


def test_a_model_is_replaced_by_force_or_by_its_own_run(run):
    line = ["train", "text.txt", *TINY, "--epochs", 1]
    assert run(*line, "--keep", 1)[0] == 0
    before, place = Path("model.safetensors").read_bytes(), "model-00000041.safetensors"
    status, out, err = run(*line)  # the same command again
    assert (status, out) == (2, "")
    assert err == (
        "bptt: train text: --out model.safetensors exists; expected the name of a new file, or "
        "--force to replace it.\n"
    )
    assert Path("model.safetensors").read_bytes() == before
    assert run("train", "text.txt", "--resume", place, "--epochs", 2)[0] == 0
    assert bptt.load("model.safetensors").epochs == 2
    assert run(*line, "--seed", 3, "--force")[0] == 0
    assert bptt.load("model.safetensors").seed == 3
    status, _, err = run("train", "text.txt", "--resume", place, "--epochs", 2)
    assert (status, "--out model.safetensors exists" in err) == (2, True)  # another run's now
    Path("notes.txt").write_text("mine")
    assert run(*line, "--out", "notes.txt")[0] == 2
    assert Path("notes.txt").read_text() == "mine"
    Path("empty").touch()
    assert run(*line, "--out", "empty")[0] == 0


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_checkpoint_is_not_replaced_by_the_model_that_it_becomes(run, force):
    assert run("train", "text.txt", *TINY, "--epochs", 1, "--keep", 1)[0] == 0
    place = Path("model-00000041.safetensors")
    before = place.read_bytes()
    arguments = ["--resume", place, "--epochs", 2, "--out", place, *force]
    status, _, err = run("train", "text.txt", *arguments)
    assert (status, err.count(" is read by this command")) == (2, 1)
    assert place.read_bytes() == before
