"""`bptt tokenize`, and what reads its files."""

import signal
import subprocess
import time

import pytest

import bptt
from bptt.models import TokenFile
from tests.support.cli_cases import command

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
