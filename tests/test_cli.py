"""The command line: what a user sees when all is well, after every mistake, and after Ctrl-C."""

import contextlib
import fcntl
import importlib.metadata
import io
import math
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import warnings
from pathlib import Path

import pytest

import bptt
from bptt import LanguageModel
from bptt.cli import main
from bptt.corpus import default_corpus

TEXT = "the cat sat on the mat.\n" * 60  # 1440 characters
TINY = ["--units", "8", "--seq-length", "8", "--batch-size", "4"]
COMMANDS = ["train", "sample", "score", "info"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test in a directory of its own; no colours forced by the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)
    Path("text.txt").write_text(TEXT, encoding="utf-8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model file, trained once by the command itself."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    out = folder / "model.safetensors"
    arguments = ["train", str(folder / "text.txt"), *TINY, "--epochs", "3", "--out", str(out)]
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--learning-rate", "0.02", "--seed", "1"])
    assert stop.value.code == 0
    return out


@pytest.fixture
def run(capsys):
    """Run a command in this process: exit status, standard output, standard error."""

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run


def command(*arguments):
    """The command as a process of its own that hears Ctrl-C, whatever its parent ignores."""
    launch = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"
        "os.execv(sys.executable, [sys.executable, '-m', 'bptt.cli', *sys.argv[1:]])"
    )
    return [sys.executable, "-c", launch, *map(str, arguments)]


# When all is well


def test_train_prints_progress_and_saves(run):
    status, out, err = run("train", "text.txt", *TINY, "--epochs", 2, "--out", "m.safetensors")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "Training on 1,296 characters of text.txt; 144 held out."
    number = r"\d+\.\d{3}"
    pair = rf"{number} nats \({number} bits\)"
    for epoch, line in enumerate(lines[1:3], start=1):
        where = f"epoch {epoch}/2, step {41 * epoch}/82"
        losses = f"loss {pair}, validation {pair} per character"
        assert re.fullmatch(rf"{where}: {losses}, [\d,]+ characters/s, 0:00:\d\d left", line)
    nats, bits = map(float, re.search(r"validation (\S+) nats \((\S+) bits", lines[2]).groups())
    assert bits == pytest.approx(nats / math.log(2), abs=2e-3)
    model = bptt.load("m.safetensors")
    assert nats == pytest.approx(model.history_[-1]["validation"], abs=1e-3)
    n = sum(w.size for w in model.parameters_.values())
    assert lines[3] == f"Saved the model to m.safetensors: {n:,} parameters."
    assert len(lines) == 4
    assert "\x1b" not in out
    assert "\r" not in out


def test_train_hands_every_option_to_the_model(run):
    given = {
        "cell": "gru", "units": 5, "layers": 2, "seq_length": 6, "batch_size": 3,
        "learning_rate": 0.015, "grad_clip": 1.5, "epochs": 1, "seed": 11,
    }  # fmt: skip
    options = [x for name, v in given.items() for x in (f"--{name.replace('_', '-')}", v)]
    assert run("train", *options, "text.txt", "--out", "deep.safetensors")[0] == 0
    model = bptt.load("deep.safetensors")
    assert {name: model.get_params()[name] for name in given} == given
    # It is the model that the library makes of the same settings.
    other = LanguageModel(**given).fit(TEXT)
    assert model.score(TEXT) == other.score(TEXT)


def test_the_options_default_to_those_of_the_library(run, monkeypatch):
    seen = []
    monkeypatch.setattr(LanguageModel, "fit", lambda self, *_, **__: seen.append(self))
    monkeypatch.setattr(LanguageModel, "save", lambda *_: None)
    monkeypatch.setattr(LanguageModel, "interrupted_", False, raising=False)
    monkeypatch.setattr(LanguageModel, "parameters_", {}, raising=False)
    Path("text.txt").write_text(TEXT * 3)
    assert run("train", "text.txt")[0] == 0
    assert seen[0].get_params() == LanguageModel().get_params()


def test_several_files_are_read_one_after_another(run):
    Path("other.txt").write_text("zzz" * 100)
    status, out, _ = run("train", "text.txt", "other.txt", *TINY, "--epochs", 1)
    assert status == 0
    assert "Training on 1,566 characters of text.txt, other.txt; 175 held out." in out
    assert "z" in bptt.load("model.safetensors").vocabulary_


def test_without_a_file_it_trains_on_the_default_corpus(run, monkeypatch):
    corpus = default_corpus()[:3000]
    monkeypatch.setattr("bptt.cli.default_corpus", lambda: corpus)
    status, out, _ = run("train", *TINY, "--epochs", 1)
    assert status == 0
    assert "Training on 2,700 characters of Python's language reference; 300 held out." in out
    assert bptt.load("model.safetensors").vocabulary_ == sorted(set(corpus[:2700]))


def test_a_long_epoch_reports_on_the_way(run, monkeypatch):
    monkeypatch.setattr("bptt.training.progress.PLAIN_INTERVAL", 0.0)
    _, out, _ = run("train", "text.txt", *TINY, "--epochs", 1)
    lines = out.splitlines()[1:-1]
    assert len(lines) == 41
    assert lines[0].startswith("epoch 1/1, step 1/41: loss ")
    assert "validation" not in lines[0]


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line(run, trained, monkeypatch):
    def generate(*_, **__):
        warnings.warn("bptt: slow today.", RuntimeWarning, stacklevel=2)
        yield "x"

    monkeypatch.setattr(LanguageModel, "generate", generate)
    assert run("sample", trained) == (0, "x\n", "bptt: slow today.\n")


def test_names_of_files_are_not_markup(run):
    Path("[red]x[").mkdir()
    Path("[red]x[/]").write_text(TEXT)
    status, out, err = run("train", "[red]x[/]", *TINY, "--epochs", 1, "--out", ":cat:[b]")
    assert (status, err) == (0, "")
    assert "of [red]x[/]; 144 held out." in out
    assert "Saved the model to :cat:[b]: " in out
    assert ":cat:[b]: LanguageModel" in run("info", ":cat:[b]")[1]


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


def test_score_prints_nats_bits_and_perplexity(run, trained):
    status, out, err = run("score", trained, "text.txt")
    nats = bptt.load(trained).score(TEXT)
    assert (status, err) == (0, "")
    assert out == (
        f"{nats:.4f} nats per character, {nats / math.log(2):.4f} bits per character, "
        f"perplexity {math.exp(nats):.3f} (1,440 characters)\n"
    )


def test_info_shows_layers_parameters_history_and_versions(run, trained):
    status, out, err = run("info", trained)
    assert (status, err) == (0, "")
    model = bptt.load(trained)
    assert out.startswith(f"{trained}: LanguageModel\n")
    for name, value in model.get_params().items():
        assert f"{name} {value}" in out
    assert f"vocabulary: {len(model.vocabulary_)} characters" in out
    for name, w in model.parameters_.items():
        assert re.search(rf"{re.escape(name)} +{re.escape(str(w.shape))} +{w.size:,}\b", out)
    total = sum(w.size for w in model.parameters_.values())
    assert re.search(rf"all +{total:,}\b", out)
    assert "lstm0: LSTM(64, 8)" in out
    for row in model.history_:
        assert re.search(
            rf"{row['epoch']} +{row['step']} +{row['loss']:.4f} +{row['validation']:.4f}", out
        )
    assert out.rstrip().endswith(", ".join(f"{k} {v}" for k, v in model.versions_.items()))
    assert "\x1b" not in out
    assert max(map(len, out.splitlines()[3:])) <= 80


def test_version_and_the_installed_command(run):
    assert run("--version") == (0, f"bptt {bptt.__version__}\n", "")
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="bptt")
    assert entry.load() is main


def test_help_of_every_command(run):
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    assert all(name in out for name in COMMANDS)
    for name in COMMANDS:
        status, out, err = run(name, "--help")
        assert (status, err) == (0, "")
        assert f"bptt {name}" in out
    options = "cell units layers seq-length batch-size learning-rate grad-clip epochs seed out"
    out = run("train", "--help")[1]
    assert all(f"--{option}" in out for option in options.split())
    assert all(cell in out for cell in ("rnn", "lstm", "gru"))
    out = run("sample", "--help")[1]
    assert all(f"--{option}" in out for option in ("prompt", "length", "temperature", "seed"))


def test_without_a_command_it_shows_the_help(run):
    status, out, err = run()
    assert (status, err) == (2, "")
    assert all(name in out for name in COMMANDS)


# Every mistake: one sentence, exit status 2


@pytest.fixture
def files(trained):
    """One file of every kind that a user may name by mistake."""
    Path("folder").mkdir()
    Path("binary").write_bytes(b"text\0text" * 99)
    Path("latin").write_bytes("naïve ".encode("latin-1") * 99)
    Path("empty").touch()
    Path("one").write_text("a")
    Path("short").write_text(TEXT[:36])
    data = trained.read_bytes()
    Path("model").write_bytes(data)
    Path("truncated").write_bytes(data[: len(data) // 2])
    Path("corrupt").write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    Path("pickle").write_bytes(b"\x80\x04\x95" + bytes(200))


TRAIN = f"train text.txt {' '.join(TINY)}"
NO_MODEL = "expected a model file of bptt, format version 1."
MISTAKES = [
    # the text
    ("train missing", "read_text: cannot read missing: No such file or directory."),
    ("train text.txt missing", "read_text: cannot read missing: No such file or directory."),
    ("train folder", "read_text: cannot read folder: Is a directory."),
    ("train binary", "read_text: binary has a NUL at byte offset 4; expected UTF-8 text."),
    ("train latin", "read_text: latin is not UTF-8 from byte offset 2; expected UTF-8 text."),
    ("train empty", "read_text: empty is empty; expected UTF-8 text."),
    (
        f"train short {' '.join(TINY)}",
        "LanguageModel: the text has 32 characters to train on beside the 4 characters held out; "
        r"expected at least 33, because a batch takes 4 x 8 of them \(batch_size x seq_length\) "
        "and their successors.",
    ),
    # the options
    ("train text.txt --cell tcn", "'--cell': .*'tcn' is not one of 'rnn', 'lstm', 'gru'"),
    ("train text.txt --cell", "Option '--cell' requires an argument"),
    ("train text.txt --units many", "'--units': .*valid int"),
    ("train text.txt --units 1.5", "'--units': .*valid int"),
    ("train text.txt --units 0", "LanguageModel: units is 0; expected a whole number >= 1."),
    ("train text.txt --units -8", "LanguageModel: units is -8; expected a whole number >= 1."),
    ("train text.txt --units 99999999999", r"expected a whole number < 2\*\*30."),
    ("train text.txt --layers 0", "LanguageModel: layers is 0; expected a whole number >= 1."),
    ("train text.txt --seq-length 0", "seq_length is 0; expected a whole number >= 1."),
    ("train text.txt --batch-size 0", "batch_size is 0; expected a whole number >= 1."),
    ("train text.txt --epochs 0", "LanguageModel: epochs is 0; expected a whole number >= 1."),
    ("train text.txt --learning-rate 0", "learning_rate is 0.0; expected a number > 0."),
    ("train text.txt --learning-rate nan", "learning_rate is nan; expected a number > 0."),
    ("train text.txt --learning-rate inf", "learning_rate is inf; expected a number < 3.4e38."),
    ("train text.txt --learning-rate fast", "'--learning-rate': .*valid"),
    ("train text.txt --grad-clip -1", "grad_clip is -1.0; expected a number > 0."),
    ("train text.txt --seed -1", "LanguageModel: seed is -1; expected a whole number >= 0."),
    ("train text.txt --speed 9", "No such option: --speed"),
    # where to write
    (f"{TRAIN} --out no/m", "train: --out no/m is in a directory that does not exist;"),
    (f"{TRAIN} --out folder", "train: --out folder is a directory;"),
    (f"{TRAIN} --out short/m", "train: --out short/m is in a directory that does not exist;"),
    (f"{TRAIN} --out {'m' * 300}", r"train: --out m+ cannot be written \(File name too lo"),
    # the model
    ("sample missing", rf"load: missing cannot be read \(No such file .*\); {NO_MODEL}"),
    ("sample folder", f"load: folder is not a regular file; {NO_MODEL}"),
    ("sample empty", f"load: empty is empty; {NO_MODEL}"),
    ("sample truncated", f"load: truncated is truncated or damaged: .*; {NO_MODEL}"),
    ("sample corrupt", f"load: corrupt is damaged: .* sha256 digest; {NO_MODEL}"),
    ("sample text.txt", f"load: text.txt is not a safetensors file; {NO_MODEL}"),
    ("info pickle", f"load: pickle is not a safetensors file; {NO_MODEL}"),
    ("info missing", rf"load: missing cannot be read \(No such file .*\); {NO_MODEL}"),
    ("score corrupt text.txt", f"load: corrupt is damaged: .*; {NO_MODEL}"),
    ("score missing text.txt", rf"load: missing cannot be read \(.*\); {NO_MODEL}"),
    # sampling and scoring
    ("sample model --length -1", "length is -1; expected a whole number >= 0."),
    ("sample model --length 1.5", "'--length': .*valid int"),
    ("sample model --temperature -1", r"temperature is -1.0; expected a finite number >= 0."),
    ("sample model --temperature nan", r"temperature is nan; expected a finite number >= 0."),
    ("sample model --top-k 0", "top_k is 0; expected a whole number >= 1."),
    ("sample model --seed -1", "LanguageModel.sample: seed is -1; expected a whole number >= 0."),
    ("score model missing", "read_text: cannot read missing: No such file or directory."),
    ("score model empty", "read_text: empty is empty; expected UTF-8 text."),
    ("score model binary", "read_text: binary has a NUL at byte offset 4; expected UTF-8 text."),
    ("score model one", "LanguageModel.score: the text has 1 character; expected at least 2, "),
    ("score text.txt model", "read_text: model has a NUL at byte offset"),
    # the commands
    ("sample", "Missing argument 'MODEL'"),
    ("score model", "Missing argument 'FILE'"),
    ("info", "Missing argument 'MODEL'"),
    ("info model model", "Got unexpected extra argument"),
    ("trian", "No such command 'trian'"),
    ("--verbose", "No such option: --verbose"),
]


@pytest.mark.parametrize(("line", "sentence"), MISTAKES, ids=[line[:40] for line, _ in MISTAKES])
def test_a_mistake_gives_one_sentence_and_exit_status_2(run, files, monkeypatch, line, sentence):
    monkeypatch.setattr(LanguageModel, "fit", lambda *_, **__: pytest.fail("it trained"))
    before = sorted(Path().iterdir())
    status, out, err = run(*line.split(" "))
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert re.match(f"bptt: .*{sentence}", err)
    assert "Traceback" not in err
    assert sorted(Path().iterdir()) == before


def test_a_directory_that_cannot_be_written_is_seen_before_the_training(run, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bptt.cli.tempfile.TemporaryFile", refuse)
    status, out, err = run(*TRAIN.split(), "--out", "m")
    assert (status, out) == (2, "")
    assert err == (
        "bptt: train: --out m cannot be written (Permission denied); "
        "expected the name of a file to write.\n"
    )


def test_a_name_cannot_break_the_line_or_steer_the_terminal(run):
    status, out, err = run("train", "a\nb\x1b[31m\udcff")
    assert (status, out) == (2, "")
    assert err == "bptt: read_text: cannot read a b?[31m?: No such file or directory.\n"


def test_a_mistake_is_one_line_in_a_process_of_its_own_too():
    done = subprocess.run(command("train", "missing"), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "bptt: read_text: cannot read missing: No such file or directory.\n"


# Work that fails: one sentence, exit status 1


def test_a_training_that_explodes_says_so_and_keeps_the_last_good_parameters(run):
    status, out, err = run("train", "text.txt", *TINY, "--learning-rate", "3e38", "--epochs", 1)
    assert status == 1
    assert re.fullmatch(
        r"bptt: training stopped (at|after) step \d+: the .* is not finite.*"
        r" Try a learning rate below 3e\+38\.\n",
        err,
    )
    assert "Saved the parameters of the last good step to model.safetensors." in out
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


def assert_saved_at(line, path):
    found = re.fullmatch(rf"Interrupted at step ([\d,]+)\. Saved the model to {path}\.", line)
    assert found, line
    model = bptt.load(path)
    assert model.interrupted_
    assert model.history_[-1]["step"] == int(found[1].replace(",", ""))
    assert len(model.sample("the ", length=20, seed=0)) == 20
    return model


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
    assert_saved_at(out.splitlines()[-1], "half.safetensors")
    status, out, _ = run("info", "half.safetensors")
    assert status == 0
    assert "interrupted" in out


def test_a_second_ctrl_c_leaves_at_once_and_says_that_nothing_was_saved(run, monkeypatch):
    def fit(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(LanguageModel, "fit", fit)
    status, _, err = run("train", "text.txt", *TINY)
    assert (status, err) == (130, "bptt: interrupted; nothing was saved.\n")
    assert not Path("model.safetensors").exists()


def test_ctrl_c_ends_a_sample_with_its_line(run, trained, monkeypatch):
    def generate(*_, **__):
        yield from "abc"
        raise KeyboardInterrupt

    monkeypatch.setattr(LanguageModel, "generate", generate)
    assert run("sample", trained) == (130, "abc\n", "bptt: interrupted.\n")


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
    assert max(map(len, lines)) <= 80
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
    (saved,) = [line for line in lines if line.startswith("Interrupted")]
    assert_saved_at(saved, "live.safetensors")


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
