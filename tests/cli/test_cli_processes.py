"""The command line and its surroundings: failures, pipes, Ctrl-C, a terminal."""

import io
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
from bptt.cli import main
from tests.support.cases import same_bits
from tests.support.cli_cases import TINY, Terminal, command

# Work that fails: one sentence, exit status 1


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


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is absent")
def test_output_that_cannot_be_written_says_so(trained):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("info", trained), stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 1
    assert done.stderr == "bptt: cannot write the output: No space left on device.\n"


def test_an_output_that_cannot_show_every_character_shows_a_mark(trained, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with pytest.raises(SystemExit) as stop:
        main(["sample", str(trained), "--prompt", "é\udcff→", "--length", "3", "--seed", "1"])
    sys.stdout.flush()
    assert stop.value.code == 0
    assert raw.getvalue().startswith(b"???")


# Pipes and Ctrl-C


def test_sample_streams_and_is_silent_when_nobody_reads_any_more(trained):
    process = subprocess.Popen(
        command("sample", trained, "--prompt", "on ", "--length", 10**9),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    first = b""
    while len(first) < 30:  # it comes while there is no end in sight
        first += process.stdout.read(30)
    assert first.startswith(b"on ")
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 0


def test_each_character_is_shown_before_the_next_is_drawn(trained, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))

    def generate(*_, **__):
        for k in range(1, 4):
            yield "x"
            assert raw.getvalue() == b"on " + b"x" * k

    monkeypatch.setattr(LanguageModel, "generate", generate)
    with pytest.raises(SystemExit) as stop:
        main(["sample", str(trained), "--prompt", "on "])
    assert stop.value.code == 0


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


def test_ctrl_c_saves_and_says_where(run):
    process = subprocess.Popen(
        command("train", "text.txt", *TINY, "--epochs", 10**6, "--out", "half.safetensors"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("epoch 2"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
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
    requested = property(lambda self: True, lambda self, value: None)  # Ctrl-C at the first step
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


def test_ctrl_c_ends_a_sample_with_its_line(run, trained, monkeypatch):
    def generate(*_, **__):
        yield from "abc"
        raise KeyboardInterrupt

    monkeypatch.setattr(LanguageModel, "generate", generate)
    assert run("sample", trained) == (130, "abc\n", "bptt: interrupted.\n")


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


def test_a_terminal_gets_no_control_characters_from_a_model():
    text = "the \x1b[2J\a cat\n" * 60
    model = LanguageModel(units=8, seq_length=8, batch_size=4, epochs=1).fit(text)
    model.save("m.safetensors")
    terminal = Terminal("sample", "m.safetensors", "--length", 300, "--seed", 0)
    try:
        terminal.read_until(None)
        assert terminal.process.wait(30) == 0
    finally:
        terminal.close()
    assert "�" in terminal.shown
    assert "\x1b" not in terminal.shown
    assert "\a" not in terminal.shown
