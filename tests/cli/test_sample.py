"""`bptt sample`."""

import io
import subprocess
import sys
import warnings

import pytest

import bptt
from bptt import LanguageModel
from bptt.cli import main
from tests.support.cli_cases import (
    Terminal,
    command,
)


def test_sample_prints_the_prompt_and_what_follows(run, trained):
    status, out, err = run("sample", trained, "--prompt", "the ", "--length", 30, "--seed", 4)
    assert (status, err) == (0, "")
    assert out == "the " + bptt.load(trained).sample("the ", 30, seed=4) + "\n"
    assert run("sample", trained, "--prompt", "the ", "--length", 30, "--seed", 4)[1] == out
    assert run("sample", trained, "--prompt", "the ", "--length", 30, "--seed", 5)[1] != out
    cold = run("sample", trained, "--length", 9, "--temperature", 0)[1]
    assert cold == bptt.load(trained).sample("", 9, temperature=0) + "\n"
    assert cold == run("sample", trained, "--length", 9, "--top-k", 1)[1]
    assert len(run("sample", trained)[1]) == 401
    nucleus = run("sample", trained, "--length", 30, "--seed", 4, "--top-p", 0.5, "--stop", "mat")[
        1
    ]
    expected = bptt.load(trained).sample("", 30, top_p=0.5, stop="mat", seed=4)
    assert nucleus == expected + "\n"
    assert "mat" not in nucleus


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line(run, trained, monkeypatch):
    def generate(*_, **__):
        warnings.warn("bptt: slow today.", RuntimeWarning, stacklevel=2)
        yield "x"

    monkeypatch.setattr(LanguageModel, "generate", generate)
    assert run("sample", trained) == (0, "x\n", "bptt: slow today.\n")


def test_sample_is_for_language_models(run, models):
    status, out, err = run("sample", models / "tag")
    assert (status, out) == (2, "")
    assert "holds a SequenceTagger; expected a LanguageModel" in err


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


def test_ctrl_c_ends_a_sample_with_its_line(run, trained, monkeypatch):
    def generate(*_, **__):
        yield from "abc"
        raise KeyboardInterrupt

    monkeypatch.setattr(LanguageModel, "generate", generate)
    assert run("sample", trained) == (130, "abc\n", "bptt: interrupted.\n")


def test_an_output_that_cannot_show_every_character_shows_a_mark(trained, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with pytest.raises(SystemExit) as stop:
        main(["sample", str(trained), "--prompt", "é\udcff→", "--length", "3", "--seed", "1"])
    sys.stdout.flush()
    assert stop.value.code == 0
    assert raw.getvalue().startswith(b"???")


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
