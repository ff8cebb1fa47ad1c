"""The help of every command, the version, completion in the shell."""

import importlib.metadata
import re
import subprocess
import sys
from dataclasses import fields

import pytest

import bptt
from bptt import Forecaster
from bptt.cli import main
from bptt.cli.options import of_fields
from bptt.equations import CELLS
from bptt.models.files import KINDS as MODELS
from bptt.models.hyperparameters import declared
from tests.support.cli_cases import (
    COMMANDS,
    KINDS,
)


def test_version_and_the_installed_command(run):
    assert run("--version") == (0, f"bptt {bptt.__version__}\n", "")
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="bptt")
    assert entry.load() is main


def test_help_of_every_command(run):
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    shown = re.findall(r"^│ ([a-z]+) ", out, re.MULTILINE)
    assert shown == COMMANDS
    for name in [*COMMANDS, *(f"train {kind}" for kind in KINDS)]:
        status, out, err = run(*name.split(), "--help")
        assert (status, err) == (0, "")
        assert f"Usage: bptt {name} " in out
    assert all(re.search(rf"^│ {kind} ", run("train", "--help")[1], re.MULTILINE) for kind in KINDS)
    out = run("sample", "--help")[1]
    options = "prompt length temperature top-k top-p stop seed"
    assert all(f"--{option} " in out for option in options.split())


@pytest.mark.parametrize("model", MODELS.values(), ids=[m.command for m in MODELS.values()])
def test_every_hyperparameter_of_a_model_is_an_option_with_help_and_default(
    run, monkeypatch, model
):
    monkeypatch.setenv("COLUMNS", "400")  # every text on one line
    out = run("train", model.command, "-h")[1]
    rows = {row.split()[0]: row for row in out.split("\n│ --")[1:]}
    for f in of_fields(model):
        name = f.name.replace("_", "-")
        row = rows[f"no-{name}" if f.default is True else name]
        assert re.search(r"  [A-Z\"][^│]{10,}[.\]]", row), row  # a sentence
        if not isinstance(f.default, (bool, tuple)) and f.default is not None:
            assert f"[default: {f.default}]" in row
    for name in ("out", "checkpoint-minutes", "keep", "resume", "quiet", "validation", "test"):
        assert name in rows
    if model is Forecaster:
        assert "[default: 0.05,0.5,0.95]" in rows["levels"]
        assert "One of point, gaussian, student_t, " in rows["output"]


@pytest.mark.parametrize("kind", KINDS)
def test_help_of_80_columns_breaks_no_name_and_shows_flags_as_flags(run, monkeypatch, kind):
    monkeypatch.setenv("COLUMNS", "80")
    out = run("train", kind, "-h")[1]
    assert max(map(len, out.splitlines())) <= 80
    words = set(re.findall(r"\w+", out))
    model = next(m for m in MODELS.values() if m.command == kind)
    assert words >= {name for f in fields(model) for name in declared(f).kind.choices}
    assert set(re.findall(r"<[^>]*>", out)) <= {"<eos>", "<unk>"}  # no <bool>, <list[Path]>
    assert ("<eos>" in out) == (kind == "text")
    assert not words & {"micro_batches", "local_steps"}  # they are --micro-batches, --local-steps
    assert re.search(r"--quiet +Print only errors", out)


def complete(monkeypatch, capsys, line, shell="bash"):
    """Return what the shell offers at the end of a line."""
    words = line.split(" ")
    monkeypatch.setenv("_BPTT_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 0
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("bptt sc", ["score"]),
        ("bptt train ", KINDS),
        ("bptt train cl", ["classify"]),
        ("bptt train classify --cell g", [name for name in CELLS if name.startswith("g")]),
        ("bptt train --cell ", list(CELLS)),
        ("bptt train --documents ", ["file", "paragraph", "line"]),
        ("bptt train tag --schedule ", ["constant", "cosine", "plateau"]),
        ("bptt train forecast --outp", ["--output"]),
    ],
)
def test_the_shell_completes_commands_options_and_choices(monkeypatch, capsys, line, offered):
    assert sorted(complete(monkeypatch, capsys, line)) == sorted(offered)


def test_completion_offers_to_install_itself(run, monkeypatch):
    assert "--install-completion " in run("--help")[1]
    monkeypatch.setenv("_BPTT_COMPLETE", "source_bash")
    assert "complete -o default -F _bptt_completion bptt" in run()[1]


def test_without_a_command_it_shows_the_help(run):
    status, out, err = run()
    assert (status, err) == (2, "")
    assert all(f"│ {name} " in out for name in COMMANDS)


def test_only_plot_loads_matplotlib_and_nothing_loads_scikit_learn():
    code = "import sys, bptt.cli; print({'matplotlib', 'sklearn', 'pydoc_data'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "set()\n"
