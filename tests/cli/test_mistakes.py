"""A user's mistake: one sentence and exit status 2."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.cli_cases import (
    TEXT,
    TINY,
    cases,
    command,
    write_json_lines,
    write_series,
    write_ts,
)


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
    Path("t.csv").write_text("a,label\n1,x\n2,y\n")
    Path("nolabel.csv").write_text("a,b\n1,2\n")
    Path("n.csv").write_text("a\n1\n2\n3\n")
    write_ts("x.ts", *cases(4))
    write_json_lines("t.jsonl", *cases(4))


TRAIN = f"train text.txt {' '.join(TINY)}"


NO_MODEL = "expected a model file of bptt, format version 1 or 2."


MISTAKES = [
    # the text
    ("train missing", "read_text: cannot read missing: No such file or directory."),
    ("train text.txt missing", "read_text: cannot read missing: No such file or directory."),
    ("train folder", "read_text: cannot read folder: Is a directory."),
    ("train binary", "read_text: binary has a NUL at byte offset 4; expected text."),
    ("train latin", "latin is not UTF-8 from byte offset 2, in line 1; expected UTF-8 text, or"),
    ("train empty", "read_text: empty is empty; expected text."),
    (
        f"train short {' '.join(TINY)}",
        "LanguageModel.split: the text has 32 characters to train on beside the 4 characters held "
        r"out; expected at least 33, because a batch takes 4 x 8 of them",
    ),
    # the options
    (
        "train text.txt --cell tcn",
        "cell is 'tcn'; expected one of rnn, rnn_relu, lstm, gru, gru_reset_after",
    ),
    (
        "train text.txt --optimizer lion",
        "optimizer is 'lion'; expected one of adam, adamw, rmsprop, sgd",
    ),
    (
        "train text.txt --patience 0",
        "patience is 0; expected None or a whole number >= 1.",
    ),
    ("train text.txt --dropout 1", r"dropout is 1.0; expected a number in \[0, 1\)."),
    ("train text.txt --documents page", "split is 'page'; expected one of file, paragraph, line."),
    (
        "train --documents line",
        "train text: --documents is given without a FILE; expected at least",
    ),
    ("train text.txt --validation missing", "read_text: cannot read missing: No such file"),
    ("train text.txt --test empty", "read_text: empty is empty; expected text."),
    ("train text.txt --label x", "No such option: --label"),
    ("train text.txt --keep 0", "Checkpoints: keep is 0; expected a whole number >= 1."),
    ("train text.txt --checkpoint-minutes -1", "minutes is -1.0; expected a number >= 0."),
    # the data
    ("train classify", "train classify: no FILE is given; expected at least one."),
    ("train classify text.txt", "text.txt has the columns the cat .*; expected 'label' once among"),
    ("train classify no.csv", "train classify: cannot read no.csv: No such file or directory."),
    ("train classify nolabel.csv", "nolabel.csv has the columns a, b; expected 'label' once"),
    ("train classify t.csv --columns a,z", "t.csv has the columns a, label; expected 'z' once"),
    (
        "train forecast nolabel.csv n.csv",
        "n.csv: the columns are 'a'; expected 'a', 'b', as nolabel",
    ),
    ("train classify t.csv --class-weight x", "--class-weight is 'x'; expected balanced, or pairs"),
    ("train classify t.csv --categories x", "--categories is 'x'; expected all, or numbers of col"),
    (
        "train classify x.ts --label y",
        "--label is 'y'; expected it left out, because x.ts is read as a .ts file",
    ),
    (
        "train tag x.ts",
        "train tag: x.ts ends in '.ts'; expected one of .conll, .conllu, .*, or --format to say",
    ),
    (
        "train tag text.txt --word 9",
        "line 1 has 6 columns; expected more, because the word is ",
    ),
    (
        "train tag t.csv --word 1",
        "--word is .1.; expected it left out, because t.csv is read as a table",
    ),
    ("train forecast t.csv", "t.csv: label holds 'x' in line 2; expected numbers"),
    ("train forecast t.jsonl", "t.jsonl ends in '.jsonl'; expected one of .csv, .*, or --format"),
    ("train forecast n.csv", "Forecaster.fit: X has 3 steps; expected at least 49"),
    ("train forecast n.csv --levels a", "--levels is 'a'; expected numbers separated by commas"),
    ("train forecast n.csv --season 99", "season is 99; expected at most window = 48."),
    # going on
    ("train text.txt --resume missing", "load: missing cannot be read"),
    ("train text.txt --resume model", "model is a finished model without the state of its train"),
    ("train tag t.csv --resume model", "model holds a LanguageModel; expected a SequenceTagger."),
    (
        "train text.txt --resume model --units 9",
        "train text: --units sets units to 9; expected 8, as model has, or the option left out.",
    ),
    ("train text.txt --cell", "Option '--cell' requires an argument"),
    ("train text.txt --units many", "train text: --units is 'many'; expected a whole number >= 1."),
    ("train text.txt --units 1.5", "--units is '1.5'; expected a whole number >= 1."),
    ("train text.txt --units 0", "units is 0; expected a whole number >= 1."),
    ("train text.txt --units -8", "units is -8; expected a whole number >= 1."),
    ("train text.txt --units 99999999999", r"expected a whole number < 2\*\*30."),
    ("train text.txt --layers 0", "layers is 0; expected a whole number >= 1."),
    ("train text.txt --seq-length 0", "seq_length is 0; expected a whole number >= 1."),
    ("train text.txt --batch-size 0", "batch_size is 0; expected a whole number >= 1."),
    ("train text.txt --epochs 0", "epochs is 0; expected a whole number >= 1."),
    ("train text.txt --learning-rate 0", "learning_rate is 0.0; expected a number > 0."),
    ("train text.txt --learning-rate nan", "learning_rate is nan; expected a number > 0."),
    ("train text.txt --learning-rate inf", "learning_rate is inf; expected a number < 3.4e38."),
    ("train text.txt --learning-rate fast", "--learning-rate is 'fast'; expected a number > 0."),
    ("train text.txt --grad-clip -1", "grad_clip is -1.0; expected a number > 0."),
    ("train text.txt --seed -1", "seed is -1; expected a whole number >= 0."),
    ("train text.txt --speed 9", "No such option: --speed"),
    # misspelled
    ("train text.txt --cell lsmt", r"train text: cell is 'lsmt'; .*\. Did you mean 'lstm'\?"),
    ("train text.txt --schedule cosin", r"schedule is 'cosin'; .*\. Did you mean 'cosine'\?"),
    ("train --untis 9 text.txt", r"No such option: --untis\. Did you mean '--units'\?"),
    ("train clasify x.ts", "train: 'clasify' is neither a command nor a file. Did you mean 'class"),
    # where to write
    (f"{TRAIN} --out no/m", "train text: --out no/m is in a directory that does not exist;"),
    (f"{TRAIN} --out folder", "train text: --out folder is a directory;"),
    (f"{TRAIN} --out short/m", "train text: --out short/m is in a directory that does not exist;"),
    (f"{TRAIN} --out {'m' * 300}", r"train text: --out m+ cannot be written \(File name too lo"),
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
    ("sample model --seed -1", "LanguageModel.generate: seed is -1; expected a whole number >= 0."),
    ("score model missing", "read_text: cannot read missing: No such file or directory."),
    ("score model empty", "read_text: empty is empty; expected text."),
    ("score model binary", "read_text: binary has a NUL at byte offset 4; expected text."),
    ("score model one", "LanguageModel.score: the text has 1 character; expected at least 2, "),
    ("score text.txt model", "load: text.txt is not a safetensors file;"),
    (
        "score model text.txt --word 1",
        "score: --word is not an option for the data of `text`; expected of",
    ),
    ("sample model --top-p 0", r"top_p is 0.0; expected a number in \(0, 1\]."),
    ("sample model --stop=", "stop is ''; expected a str that is not empty."),
    # predicting and plotting
    (
        "predict model text.txt",
        "predict: model holds a LanguageModel; expected another model",
    ),
    ("predict missing text.txt", "load: missing cannot be read"),
    ("plot missing", "load: missing cannot be read"),
    ("plot model --out x.jpg", "plot: x.jpg ends in '.jpg'; expected .png or .svg."),
    ("plot model --out no/x.png", "plot: --out no/x.png is in a directory that does not exist;"),
    # the commands
    ("sample", "Missing argument 'MODEL'"),
    ("score model", "Missing argument 'FILE'"),
    ("info", "Missing argument 'MODEL'"),
    ("info model model", "Got unexpected extra argument"),
    ("trian", r"No such command 'trian'\. Did you mean 'train'\?"),
    ("--verbose", "No such option: --verbose"),
]


@pytest.mark.parametrize(("line", "sentence"), MISTAKES, ids=[line[:40] for line, _ in MISTAKES])
def test_a_mistake_gives_one_sentence_and_exit_status_2(run, files, monkeypatch, line, sentence):
    monkeypatch.setattr("bptt.training.fitting.train", lambda *_, **__: pytest.fail("it trained"))
    before = sorted(Path().iterdir())
    status, out, err = run(*line.split(" "))
    assert status == 2
    assert re.fullmatch(r"(Training on .*\n(.+\n)*)?", out)
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert re.match(f"bptt: .*{sentence}", err)
    assert "Traceback" not in err
    assert sorted(Path().iterdir()) == before


def test_a_directory_that_cannot_be_written_is_seen_before_the_training(run, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bptt.safe_files.tempfile.TemporaryFile", refuse)
    status, out, err = run(*TRAIN.split(), "--out", "m")
    assert (status, out) == (2, "")
    assert err == (
        "bptt: train text: --out m cannot be written (Permission denied [errno 13]); "
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


INPUTS = {
    "train": ["train", "text.txt", *TINY, "--epochs", 1],
    "validation": ["train", "text.txt", *TINY, "--epochs", 1, "--validation", "other.txt"],
    "test": ["train", "text.txt", *TINY, "--epochs", 1, "--test", "other.txt"],
    "second": ["train", "text.txt", "other.txt", *TINY, "--epochs", 1],
    "model": ["plot", "model"],
    "predict": ["predict", "forecaster", "series.csv"],
    "forecaster": ["predict", "forecaster"],
    "tokens": ["tokenize", "text.txt", "text.npy"],
}
NAMES = {
    "tokens": "text.npy",
    "model": "model",
    "predict": "series.csv",
    "forecaster": "forecaster",
    "train": "text.txt",
}


@pytest.mark.parametrize("way", ["name", "path", "symbolic link", "hard link"])
@pytest.mark.parametrize("name", INPUTS)
def test_no_command_writes_over_a_file_that_it_reads(run, files, name, way):
    """Whatever name `--out` has for it, and with `--force` too."""
    Path("other.txt").write_text(TEXT)
    Path("text.npy").write_text(TEXT)
    write_series("series.csv")
    if name in ("predict", "forecaster"):
        fit = ["--window", 4, "--units", 2, "--epochs", 1, "--out", "forecaster"]
        assert run("train", "forecast", "series.csv", *fit)[0] == 0
    read = Path(NAMES.get(name, "other.txt"))
    before = read.read_bytes()
    out = read if way == "name" else Path.cwd() / read if way == "path" else Path("out.npy")
    if way == "symbolic link":
        out.symlink_to(read)
    elif way == "hard link":
        out.hardlink_to(read)
    force = ["--force"] if INPUTS[name][0] == "train" else []
    status, _, err = run(*INPUTS[name], "--out", out, *force)
    assert status == 2
    assert re.match(rf"bptt: .*--out {out} (is the same file as {read}, which )?is read by", err)
    assert err.count("\n") == 1
    assert read.read_bytes() == before


def test_only_training_writes_over_a_model(run, files):
    Path("another").write_bytes(Path("model").read_bytes())
    before = Path("another").read_bytes()
    status, _, err = run("plot", "model", "--out", "another")
    assert (status, err.count("--out another is a model; expected the name of another file.")) == (
        2,
        1,
    )
    assert Path("another").read_bytes() == before
