"""The command line in tests: running it, files of every kind, a terminal."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest

from bptt.cli import main

TEXT = "the cat sat on the mat.\n" * 60  # 1440 characters
TINY = ["--units", "8", "--seq-length", "8", "--batch-size", "4"]
SMALL = {"units": 6, "epochs": 8, "batch_size": 4, "learning_rate": 0.03}
BRIEF = ["--units", 6, "--batch-size", 4, "--epochs", 3, "--learning-rate", 0.03]
COMMANDS = ["train", "sample", "predict", "score", "tokenize", "info", "plot",
            "inspect", "convert", "run", "grade", "course"]  # fmt: skip
KINDS = ["text", "classify", "regress", "tag", "forecast"]


def settle(folder, monkeypatch):
    """Work in this directory, with a text in it and no colors forced by the environment."""
    monkeypatch.chdir(folder)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)
    Path("text.txt").write_text(TEXT, encoding="utf-8")


def run_in(capsys, *arguments):
    """Run a command in this process: exit status, standard output, standard error."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return stop.value.code, out, err


def train_text(folder):
    """Train a language model by the command itself; return its file."""
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    out = folder / "model.safetensors"
    arguments = ["train", str(folder / "text.txt"), *TINY, "--epochs", "3", "--out", str(out)]
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--learning-rate", "0.02", "--seed", "1"])
    assert stop.value.code == 0
    return out


def command(*arguments):
    """The command as a process of its own that hears signals, whatever its parent ignores."""
    launch = (
        "import os, signal, sys;"
        "[signal.signal(n, signal.SIG_DFL) for n in (signal.SIGINT, signal.SIGHUP)];"
        "os.execv(sys.executable, [sys.executable, '-m', 'bptt.cli', *sys.argv[1:]])"
    )
    return [sys.executable, "-c", launch, *map(str, arguments)]


# Data files of every format


def cases(n=24, seed=0):
    """Sequences of two features that rise or fall, and which."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for i in range(n):
        x = rng.normal(size=(int(rng.integers(3, 8)), 2)).cumsum(axis=0)
        x[:, 0] += np.arange(len(x)) * (4 if i % 2 else -4)
        X.append(x.round(3))
        y.append("up" if i % 2 else "down")
    return X, y


def write_ts(path, X, y):
    lines = ["@problemName tiny", "@univariate false", "@classLabel true down up", "@data"]
    for x, label in zip(X, y, strict=True):
        lines.append(":".join(",".join(f"{v:.3f}" for v in column) for column in x.T) + f":{label}")
    Path(path).write_text("\n".join(lines) + "\n")


def write_csv(path, X, y, label="label", delimiter=",", sequence="id"):
    rows = [[sequence, "a", "b", label]]
    for i, (x, own) in enumerate(zip(X, y, strict=True)):
        rows += [[f"s{i}", f"{a:.3f}", f"{b:.3f}", own] for a, b in x]
    Path(path).write_text("".join(delimiter.join(row) + "\n" for row in rows))


def write_json_lines(path, X, y, sequence="sequence", label="label"):
    rows = [
        {sequence: [[float(f"{v:.3f}") for v in step] for step in x], label: own}
        for x, own in zip(X, y, strict=True)
    ]
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows))


SENTENCES = [["the", "cat", "sat"], ["a", "dog", "ran", "home"], ["the", "dog", "sat"]] * 4
TAGS = [["DET", "NOUN", "VERB"], ["DET", "NOUN", "VERB", "ADV"], ["DET", "NOUN", "VERB"]] * 4


def write_conll(path, universal=False):
    """Sentences in two columns, or in the ten of CoNLL-U."""
    lines = []
    for words, tags in zip(SENTENCES, TAGS, strict=True):
        for i, (word, tag) in enumerate(zip(words, tags, strict=True), start=1):
            empty = ["_"] * 6
            lines.append("\t".join([str(i), word, word, tag, *empty] if universal else [word, tag]))
        lines.append("")
    Path(path).write_text("\n".join(lines) + "\n")


def write_series(path, n=160, delimiter=","):
    """Two series beside their dates."""
    t = np.arange(n)
    rows = [["date", "load", "oil"]]
    rows += [[f"2020-{i:04}", f"{np.sin(i / 4):.4f}", f"{np.cos(i / 4) + 5:.4f}"] for i in t]
    Path(path).write_text("".join(delimiter.join(row) + "\n" for row in rows))


class Terminal:
    """A terminal of 80 columns in which a command runs in the foreground."""

    def __init__(self, *arguments):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        own = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        launch = [sys.executable, "-c", own + "os.execv(sys.argv[1], sys.argv[1:])"]
        names = ("COLUMNS", "LINES", "NO_COLOR")
        environment = {k: v for k, v in os.environ.items() if k not in names}
        self.process = subprocess.Popen(
            [*launch, *command(*arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**environment, "TERM": "xterm-256color"},
        )
        os.close(slave)
        self.shown = ""

    def read_until(self, pattern, seconds=60):
        """Read until the pattern is there, or to the end where it is None."""
        end = time.monotonic() + seconds
        while pattern is None or not re.search(pattern, self.shown):
            assert time.monotonic() < end, self.shown[-2000:]
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    data = os.read(self.master, 65536)
                except OSError:  # Linux: the other side is closed
                    data = b""
                if not data:
                    assert pattern is None, self.shown
                    return
                self.shown += data.decode()

    def type(self, keys):
        os.write(self.master, keys)

    def lines(self):
        """What was shown, line by line, without escape codes."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown).replace("\r", "\n").split("\n")

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self.master)
