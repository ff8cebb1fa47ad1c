"""The README does what it says: its code runs, its commands and files exist."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from bptt.cli import main
from bptt.interop import to_nam
from bptt.interop.wav import Sound, write_wav
from tests.cli.test_convert import amplifier
from tests.support.cli_cases import (
    COMMANDS,
    KINDS,
    SENTENCES,
    TEXT,
    cases,
    settle,
    write_conll,
    write_csv,
    write_series,
    write_ts,
)

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_PAGE = (ROOT / "docs" / "guide" / "commands.md").read_text(encoding="utf-8")


def blocks(language, text=README):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(text=README):
    lines = [line for block in blocks("console", text) for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    words = [shlex.split(line[2:], comments=True) for line in lines]
    return [w[3:] if w[:2] == ["mpiexec", "-n"] else w for w in words]


@pytest.mark.slow
def test_every_block_of_code_runs_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    python = blocks("python")
    assert len(python) >= 5
    namespace = {"__name__": "readme"}
    for block in python:
        line = README[: README.index(block)].count("\n")
        exec(compile("\n" * line + block, "README.md", "exec"), namespace)
    out = capsys.readouterr().out
    # What its comments promise.
    assert re.search(
        r"check_grads: dW\[1, 1\] is wrong: analytic -5\.07\d*, numeric -1\.84\d*", out
    )
    assert re.search(r"^\d\.\d+ nats per character$", out, re.MULTILINE)
    sample = out.splitlines()[-1]
    assert len(sample) == 40
    assert sample in namespace["text"]  # it has learnt the sentence
    assert (tmp_path / "fox.safetensors").exists()


def test_every_make_target_exists():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    used = [words[1] for words in commands() if words[0] == "make"]
    assert {"demo", "test"} <= set(used) <= set(targets)


def test_every_command_and_option_exists(capsys):
    page = [words[1:] for words in commands(COMMAND_PAGE)]
    used = page + [words[1:] for words in commands() if words[0] == "bptt"]
    assert {words[0] for words in page} == set(COMMANDS)
    assert {words[1] for words in page if words[0] == "train"} > set(KINDS[1:])
    for name, *arguments in used:
        kind = (arguments[0] if arguments[0] in KINDS else "text",) if name == "train" else ()
        with pytest.raises(SystemExit) as stop:
            main([name, *kind, "--help"])
        shown = capsys.readouterr().out
        assert stop.value.code == 0
        for option in arguments:
            if option.startswith("--"):
                assert re.search(rf"{option}\b", shown), f"bptt {name} {option}"
    assert {words[0] for words in commands()} == {"make", "bptt", "pip"}


def test_the_commands_run_in_order_on_small_data(tmp_path, monkeypatch, capsys):
    settle(tmp_path, monkeypatch)
    for name in ("shakespeare.txt", "hamlet.txt", "wiki.txt"):
        Path(name).write_text("ROMEO:\n" + TEXT)
    write_ts("vowels.ts", *cases())
    write_ts("others.ts", *cases(6, seed=1))
    X, _ = cases()
    write_csv("runs.csv", X, [str(len(x)) for x in X], label="score", sequence="run")
    for name in ("english.conllu", "dev.conllu", "new.conllu"):
        write_conll(name, universal=True)
    write_series("load.csv", 130)
    to_nam(amplifier(), "amp.nam", sample_rate=44100)
    write_wav("guitar.wav", Sound(np.zeros((100, 1), np.float32), 44100, 16))
    Path("submissions").mkdir()
    Path("submissions", "ann.py").write_text("def softmax(x):\n    return x\n")
    small = ["--units", "4", "--epochs", "1", "--batch-size", "4", "--keep", "1"]
    for _, *arguments in commands(COMMAND_PAGE):
        if "--resume" in arguments:  # what an interrupted run would have left
            (left,) = Path().glob("shakespeare-*.safetensors")
            left.rename(arguments[arguments.index("--resume") + 1])
        elif arguments[0] == "train":
            arguments += small + ["--seq-length", "8"] * (arguments[1] not in KINDS)
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0, arguments
    assert "bptt: " not in capsys.readouterr().err  # neither errors nor warnings
    assert Path("tagged.tsv").read_text().count("\n\n") == len(SENTENCES)
    assert Path("tomorrow.csv").read_text().count("\n") == 25
    assert Path("history.png").exists()
    assert Path("vowels.onnx").exists()
    assert Path("out.wav").exists()
    assert "ann.py,0,8" in Path("grades.csv").read_text()
    assert len(list(Path("notebooks").rglob("*.ipynb"))) == 18


def test_every_file_named_exists():
    links = re.findall(r"\]\(([\w./-]+)\)", README)
    paths = re.findall(r"`((?:src|examples|docs|tests)/[\w./-]+)`", README)
    assert len(links) >= 3
    assert len(paths) >= 2
    for name in links + paths:
        assert (ROOT / name).exists(), name


def test_the_example_has_as_many_lines_as_the_readme_says():
    (lines,) = re.findall(r"in (\d+) lines: `examples/train_by_hand\.py`", README)
    assert int(lines) == len((ROOT / "examples" / "train_by_hand.py").read_text().splitlines())
