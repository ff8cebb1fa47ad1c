"""What is shown of a training: lines, a bar in a terminal, one cell output in a notebook."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from bptt import LanguageModel
from bptt.errors import ConfigError
from bptt.training import Display, Progress
from bptt.training.display import clock

TEXT = "the cat sat on the mat. " * 20
TINY = {"units": 6, "embedding": 4, "seq_length": 8, "batch_size": 4, "epochs": 3}


def progress(step, n_steps=10, **values):
    defaults = {
        "epoch": 1, "loss": 1.5, "validation": None, "grad_norm": 1.0, "learning_rate": 0.1,
        "items_per_second": 1000.0, "seconds": 1.0, "seconds_left": 61.0, "end_of_epoch": False,
    }  # fmt: skip
    return Progress(step=step, n_steps=n_steps, **(defaults | values))


@pytest.fixture
def shown(monkeypatch):
    """A notebook's IPython: what its display shows, update after update."""
    shown = []

    def display(content, *, raw, display_id):
        assert raw
        assert display_id
        shown.append(content["text/plain"])
        return SimpleNamespace(update=lambda content, raw: shown.append(content["text/plain"]))

    fake = SimpleNamespace(display=SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", fake.display)
    return shown


def notebook():
    console = Console(file=io.StringIO())
    console.is_jupyter = True
    return console


def test_a_notebook_has_one_display_that_is_updated(shown, monkeypatch):
    monkeypatch.setattr("bptt.training.display.NOTEBOOK_INTERVAL", 0.0)
    console = notebook()
    with Display(console, 2, "characters", "{:.2f} nats".format) as display:
        display(progress(4))
        display(progress(5, end_of_epoch=True, validation=1.25))
        display(progress(6, epoch=2, loss=1.0))
    assert console.file.getvalue() == ""  # nothing but the one display
    first, epoch, second, last = shown
    assert first.splitlines() == [
        "step 4/10 ████████████░░░░░░░░░░░░░░░░░░ 1,000 characters/s, 0:01:01 left",
        "loss 1.50 nats per character",
    ]
    line = "epoch 1/2: loss 1.50 nats, validation 1.25 nats per character"
    assert epoch.splitlines()[0] == second.splitlines()[0] == line
    assert "step 6/10" in second
    assert last == line  # the bar goes, the epochs stay


def test_a_training_in_a_notebook(shown):
    LanguageModel(**TINY).fit(TEXT, progress=notebook())
    assert [line.split(":")[0] for line in shown[-1].splitlines()] == [
        "epoch 1/3",
        "epoch 2/3",
        "epoch 3/3",
    ]
    assert len(shown) < 3 * 13  # not one update a step


def test_a_file_gets_lines_and_a_terminal_a_bar():
    lines, terminal = Console(file=io.StringIO(), width=200), io.StringIO()
    LanguageModel(**TINY).fit(TEXT, progress=lines)
    assert lines.file.getvalue().count("\n") == 3
    LanguageModel(**TINY).fit(TEXT, progress=Console(file=terminal, force_terminal=True))
    assert terminal.getvalue().count("epoch ") == 3


def test_unknown_modes_are_refused():
    with pytest.raises(
        ConfigError, match=r"^LanguageModel\.fit: progress is 'loud'; expected one of auto, silent"
    ):
        LanguageModel(**TINY).fit(TEXT, progress="loud")


def test_clock():
    assert [clock(s) for s in (0, 59.6, 3600)] == ["0:00:00", "0:01:00", "1:00:00"]


@pytest.mark.parametrize("patience", [1, 2])
def test_early_stopping_says_where_it_stopped_and_what_it_kept(patience):
    console = Console(file=io.StringIO(), width=200)
    model = LanguageModel(**TINY | {"epochs": 60}, patience=patience, learning_rate=0.1)
    text = "".join(np.random.default_rng(0).choice(list("abcdef"), 600))  # nothing to learn
    model.fit(text, progress=console)
    best = model.best_epoch_
    losses = [row["validation"] for row in model.history_]
    assert losses[best - 1] == min(losses)
    assert len(losses) == best + patience < 60
    last = console.file.getvalue().splitlines()[-1]
    nats = f"{min(losses):.3f} nats"
    assert last.startswith(f"stopped early after epoch {len(losses)}; kept epoch {best}, with")
    assert f"lowest validation loss: {nats}" in last


def test_where_the_last_epoch_is_the_best_or_none_is_kept_nothing_is_said():
    for settings in ({"patience": 2, "learning_rate": 1e-3}, {}):
        console = Console(file=io.StringIO(), width=200)
        model = LanguageModel(**TINY, **settings).fit(TEXT, progress=console)
        assert model.best_epoch_ == 3
        assert "kept" not in console.file.getvalue()
    assert LanguageModel(**TINY, validation_fraction=0.0).fit(
        TEXT, progress="silent"
    ).best_epoch_ is None  # fmt: skip


def test_the_loss_at_the_end_of_an_epoch_is_that_of_the_epoch():
    shown = []
    model = LanguageModel(**TINY).fit(TEXT, progress="silent", on_step=shown.append)
    assert [p.loss for p in shown if p.end_of_epoch] == [row["loss"] for row in model.history_]
