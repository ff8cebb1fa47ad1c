"""`bptt tokenize`, and what reads its files."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

import bptt
from bptt.models import TokenFile
from tests.support.cli_cases import Terminal, command

SIZES = ("--units", 8, "--epochs", 1, "--seq-length", 8, "--batch-size", 4)


def test_a_token_file_trains_scores_and_is_described(run):
    status, out, err = run("tokenize", "text.txt", "--out", "t.npy")
    assert (status, err) == (0, "")
    n = len(bptt.corpus.read_text("text.txt"))
    assert out.startswith(f"Wrote {n:,} characters to ")
    assert "uint8" in out
    status, out, _ = run("train", "text", "t.npy", *SIZES, "--out", "a")
    assert status == 0
    assert f"Training on {int(0.9 * n):,} characters of t.npy; " in out
    run("train", "text", "text.txt", *SIZES, "--out", "b")
    scores = [run("score", m, data)[1] for m in "ab" for data in ("t.npy", "text.txt")]
    assert len(set(scores)) == 1
    run("tokenize", "text.txt", "--out", "w.npy", "--tokenizer", "words", "--documents", "line")
    assert run("train", "text", "w.npy", *SIZES, "--out", "w")[0] == 0
    assert "tokenizer words; trained on documents" in run("info", "w")[1]
    assert "(60 documents)" in run("score", "w", "w.npy")[1] or TokenFile("w.npy").texts


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "text", "t.npy", "text.txt"), "expected one token file alone"),
        (("train", "text", "t.npy", "--documents", "line"), "expected one token file alone"),
        (("train", "text", "t.npy", "--tokenizer", "words"), "expected it left out"),
        (("tokenize", "text.txt", "--out", "tokens.txt"), "ends in '.npy'"),
        (("tokenize", "missing.txt", "--out", "m.npy"), "cannot read missing.txt"),
        (("tokenize", "text.txt", "--out", "m.npy", "--documents", "page"), "split is 'page'"),
        (("score", "missing", "t.npy"), "missing"),
        (("train", "text", "u.npy"), "cannot read u.npy"),
    ],
)
def test_mistakes_are_one_sentence(run, arguments, words):
    run("tokenize", "text.txt", "--out", "t.npy", "--quiet")
    status, _, err = run(*arguments)
    assert status == 2
    assert words in err
    assert err.count("\n") == 1


def test_encodings_are_those_of_the_options(run, tmp_path):
    text = "the naïve cat sat.\n" * 60
    (tmp_path / "l.txt").write_bytes(text.encode("latin-1"))
    assert run("train", "text", "l.txt", *SIZES)[0] == 2
    named = ("--encoding", "latin-1")
    assert run("train", "text", "l.txt", *SIZES, *named, "--out", "m")[0] == 0
    assert "ï" in bptt.load("m").vocabulary_
    assert run("tokenize", "l.txt", *named, "--out", "l.npy")[0] == 0
    assert TokenFile("l.npy").encoder.vocabulary.tokens == bptt.load("m").vocabulary_
    scores = [run("score", "m", *arguments)[1] for arguments in (("l.txt", *named), ("l.npy",))]
    assert scores[0] == scores[1]


def test_the_share_of_unknown_tokens_is_said(run, tmp_path, trained):
    (tmp_path / "other.txt").write_text("the cat sat on the ☃.\n" * 9)
    out = run("score", trained, "other.txt")[1]
    assert "; 4.6 % of the characters are unknown (" in out
    assert "unknown" not in run("score", trained, "text.txt")[1]


def test_progress_is_shown_in_a_terminal(tmp_path):
    (tmp_path / "big.txt").write_text("the cat sat on the mat. " * 10**5)
    terminal = Terminal("tokenize", "big.txt", "--out", "big.npy", "--tokenizer", "words")
    try:
        terminal.read_until(None)
        assert terminal.process.wait(60) == 0
    finally:
        terminal.close()
    assert "counting" in terminal.shown
    assert "writing" in terminal.shown
    assert "Wrote 1,300,000 tokens to big.npy" in " ".join(terminal.shown.split())


def test_a_terminated_command_leaves_nothing(here, tmp_path):
    line = "the cat sat on the mat. " * 50 + "\n"
    (tmp_path / "big.txt").write_text(line * 20000)  # 24 MB
    process = subprocess.Popen(
        command("tokenize", "big.txt", "--out", "big.npy", "--tokenizer", "words"),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    for _ in range(600):
        if list(tmp_path.glob(".bptt-*")) or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + signal.SIGTERM, b"bptt: interrupted.\n")
    assert sorted(p.name for p in tmp_path.iterdir() if "big" in p.name) == ["big.txt"]
    assert not list(tmp_path.glob(".bptt-*"))


def test_a_prompt_that_the_model_does_not_know_is_named(run, trained):
    status, out, err = run("sample", trained, "--prompt", "the ☃☃ é", "--length", 3)
    assert status == 0
    assert out.startswith("the ☃☃ é")
    assert err == (
        "bptt: the prompt holds 2 characters that the model was not trained on, and reads as one "
        "unknown token: '☃', 'é'.\n"
    )


def test_the_vocabulary_beside_a_token_file_is_not_replaced(run):
    assert run("tokenize", "text.txt", "--out", "t.npy")[0] == 0
    place = Path("t.vocabulary.safetensors")
    before = place.read_bytes()
    arguments = ["--units", 2, "--epochs", 1, "--batch-size", 2, "--seq-length", 8, "--force"]
    status, _, err = run("train", "text", "t.npy", *arguments, "--out", place)
    assert (status, err.count("is read by this command")) == (2, 1)
    assert place.read_bytes() == before
