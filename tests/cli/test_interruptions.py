"""`bptt train` that fails, is interrupted, or has no reader; in a terminal."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bptt
from bptt import LanguageModel
from bptt.cli.train import _again
from bptt.training.interrupts import Terminations
from tests.support.cases import same_bits
from tests.support.cli_cases import (
    TINY,
    Terminal,
    command,
)


@pytest.fixture(autouse=True)
def _signals_are_heard():
    """As in a terminal, even where this process was started by nohup or in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGHUP, hangup)


def test_a_training_that_explodes_says_so_and_keeps_the_last_good_parameters(run):
    status, out, err = run("train", "text.txt", *TINY, "--learning-rate", "3e38", "--epochs", 1)
    assert status == 1
    assert re.fullmatch(
        r"bptt: \w+\.fit: training stopped (at|after) step \d+: .* is not finite.*"
        r" Try a learning rate below 3e\+38\.\n",
        err,
    )
    assert "Saved the parameters of the last good step to model.safetensors." in out
    assert sorted(p.name for p in Path().iterdir()) == ["model.safetensors", "text.txt"]
    bptt.load("model.safetensors")
    status, _, err = run("score", "model.safetensors", "text.txt")
    assert status in (0, 1)
    assert "Traceback" not in err


def test_a_model_larger_than_memory_says_so(run):
    status, _, err = run("train", "text.txt", *TINY, "--units", 1_000_000_000)
    assert status == 1
    assert re.fullmatch(r"bptt: out of memory: [^\n]+\.\n", err)
    assert not Path("model.safetensors").exists()


def test_training_goes_on_when_nobody_reads_any_more(monkeypatch):
    process = subprocess.Popen(
        command("train", "text.txt", *TINY, "--epochs", 5),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0
    assert [row["epoch"] for row in bptt.load("model.safetensors").history_] == [1, 2, 3, 4, 5]


def assert_saved_at(lines, path):
    """Check what is said of an interruption; return the model and the command that goes on."""
    *_, line, again = lines
    found = re.fullmatch(rf"Interrupted at step ([\d,]+)\. Saved the model to {path}\.", line)
    assert found, line
    assert again.startswith("Resume with: bptt train ")
    model = bptt.load(path)
    assert model.interrupted_
    assert model.history_[-1]["step"] == int(found[1].replace(",", ""))
    assert len(model.sample("the ", length=20, seed=0)) == 20
    return model, shlex.split(again.removeprefix("Resume with: bptt "))


def test_a_job_is_resumed_on_as_many_ranks():
    given = ["train", "a b.txt", "--resume=auto"]
    resume = "bptt train 'a b.txt' --resume m-00000009.safetensors"
    assert _again(given, "m-00000009.safetensors", 1) == resume
    assert _again(given, "m-00000009.safetensors", 3) == f"mpiexec -n 3 {resume}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_says_where(run, number):
    process = subprocess.Popen(
        command("train", "text.txt", *TINY, "--epochs", 10**6, "--out", "half.safetensors"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("epoch 2"):
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, "")
    model, again = assert_saved_at(out.splitlines(), "half.safetensors")
    status, out, _ = run("info", "half.safetensors")
    assert status == 0
    assert "interrupted" in out
    # What it says goes on, and gives the bits of a run that was never interrupted.
    assert bptt.load(again[-1]).history_ == model.history_[: len(bptt.load(again[-1]).history_)]
    epochs = str(model.history_[-1]["epoch"] + 1)
    assert run(*[epochs if word == "1000000" else word for word in again])[0] == 0
    assert run("train", "text.txt", *TINY, "--epochs", epochs, "--out", "whole.safetensors")[0] == 0
    whole, half = bptt.load("whole.safetensors"), bptt.load("half.safetensors")
    assert not half.interrupted_
    assert same_bits(half.parameters_, whole.parameters_)


def test_the_command_that_goes_on_names_one_checkpoint(run, monkeypatch):
    assert run("train", "text.txt", *TINY, "--epochs", 2, "--keep", 1, "--out", "a b.x")[0] == 0
    requested = property(
        lambda self: signal.SIGINT, lambda self, value: None
    )  # Ctrl-C at the first step
    monkeypatch.setattr("bptt.training.interrupts.Interrupts.requested", requested, raising=False)
    for option in (["--resume", "a b-00000082.x"], ["--resume=a b-00000082.x"]):
        arguments = ["train", "text.txt", "--epochs", "9", *option, "--out", "a b.x", "--quiet"]
        status, out, _ = run(*arguments)
        assert status == 130
        _, again = assert_saved_at(out.splitlines(), "a b.x")
        ending = ["--out", "a b.x", "--quiet", "--resume", "a b-00000083.x"]
        assert again == ["train", "text.txt", "--epochs", "9", *ending]


def test_a_second_ctrl_c_leaves_at_once_and_says_that_nothing_was_saved(run, monkeypatch):
    def fit(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(LanguageModel, "fit", fit)
    status, _, err = run("train", "text.txt", *TINY)
    assert (status, err) == (130, "bptt: interrupted; nothing was saved.\n")
    assert not Path("model.safetensors").exists()


def test_a_second_ctrl_c_says_which_checkpoint_is_the_last(run, monkeypatch):
    def fit(self, *_, checkpoint, **__):
        checkpoint.write(12, lambda path: Path(path).touch())
        raise KeyboardInterrupt

    monkeypatch.setattr(LanguageModel, "fit", fit)
    status, _, err = run("train", "text.txt", *TINY)
    sentence = "bptt: interrupted; the last checkpoint is model-00000012.safetensors.\n"
    assert (status, err) == (130, sentence)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", ["score", "plot", "read", "write"])
def test_a_signal_in_any_command_ends_it_without_traceback(run, monkeypatch, name, number):
    """The signal comes while the command reads, computes, or writes its result."""
    assert run("train", "text.txt", *TINY, "--epochs", 1)[0] == 0
    commands = {
        "score": ["score", "model.safetensors", "text.txt"],
        "plot": ["plot", "model.safetensors", "--out", "new.png"],
        "read": ["train", "text.txt", *TINY, "--out", "new"],
        "write": ["plot", "model.safetensors", "--out", "new.png"],
    }
    places = {
        "score": "bptt.models.base.Model.score_report",
        "plot": "bptt.models.plot.plot_history",
        "read": "bptt.cli.data_files.read",
        "write": "bptt.safe_files.os.replace",
    }
    monkeypatch.setattr(places[name], lambda *_, **__: os.kill(os.getpid(), number))
    status, _, err = run(*commands[name])
    assert status == 128 + number
    assert re.fullmatch(r"bptt: interrupted[^\n]*\.\n", err)
    assert sorted(os.listdir()) == ["model.safetensors", "text.txt"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_an_endless_text(run, number):
    assert run("train", "text.txt", *TINY, "--epochs", 1)[0] == 0
    launch = command("sample", "model.safetensors", "--length", 10**9)
    with subprocess.Popen(launch, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(100)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, b"bptt: interrupted.\n")


def test_a_signal_that_is_ignored_stays_ignored(run):
    """As under nohup: the training goes on when its terminal closes."""
    launch = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
    launch += "os.execv(sys.executable, [sys.executable, '-m', 'bptt.cli', *sys.argv[1:]])"
    arguments = ["train", "text.txt", *map(str, TINY), "--epochs", "4"]
    process = subprocess.Popen(
        [sys.executable, "-c", launch, *arguments], stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.startswith("epoch 1"):
            process.send_signal(signal.SIGHUP)
    process.stdout.close()
    assert process.wait(60) == 0
    assert bptt.load("model.safetensors").history_[-1]["epoch"] == 4


def test_a_signal_while_the_model_is_saved_waits_until_it_is(run, monkeypatch):
    save = LanguageModel.save

    def interrupted(self, path):
        os.kill(os.getpid(), signal.SIGTERM)
        save(self, path)

    monkeypatch.setattr(LanguageModel, "save", interrupted)
    status, out, err = run("train", "text.txt", *TINY, "--epochs", 1, "--test", "text.txt")
    assert (status, err) == (128 + signal.SIGTERM, "")
    assert "Saved the model to model.safetensors" in out
    assert "text.txt: " not in out
    assert bptt.load("model.safetensors").history_


def test_handlers_of_an_embedding_program_are_left_alone(run):
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        own = signal.getsignal(signal.SIGTERM)
        with Terminations():
            assert signal.getsignal(signal.SIGTERM) is own
            os.kill(os.getpid(), signal.SIGTERM)
        assert seen == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_a_terminal_a_live_bar_shows_everything_and_ctrl_c_saves():
    arguments = ["train", "text.txt", *TINY, "--epochs", 10**5, "--out", "live.safetensors"]
    terminal = Terminal(*arguments)
    try:
        terminal.read_until(r"epoch 2/100000: .*[\s\S]*validation .* per character")
        terminal.type(b"\x03")  # the key itself
        terminal.read_until(None)
        assert terminal.process.wait(30) == 130
    finally:
        terminal.close()
    lines = terminal.lines()
    assert max(len(line) for line in lines if not line.startswith("Resume with: ")) <= 80
    pair = r"\d\.\d{3} nats \(\d\.\d{3} bits\)"
    bar = [line for line in lines if line.startswith("step ")]
    assert bar
    for line in bar:
        assert re.fullmatch(
            r"step [\d,]+/4,100,000 \S+ +[\d,]+ characters/s, [\d,]+:\d\d:\d\d left *", line
        )
    below = [line for line in lines if line.startswith("loss ")]
    assert below
    assert re.fullmatch(rf"loss {pair}, validation {pair} per character *", below[-1])
    assert any(
        re.fullmatch(rf"epoch 1/100000: loss {pair}, validation {pair}", line.rstrip())
        for line in lines
    )
    assert "\x1b[?25h" in terminal.shown  # the cursor is back
    assert_saved_at([line for line in lines if line], "live.safetensors")
