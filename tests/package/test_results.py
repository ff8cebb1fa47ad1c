"""The scripts of benchmarks/results: they run, and their rows join into a table."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks" / "results"
SCRIPTS = sorted(p.name for p in FOLDER.glob("*.py") if p.name not in ("common.py", "table.py"))
DATA = ROOT.parent / "shared" / "data"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="an installed package has no scripts")


def run(script, *arguments):
    result = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", FOLDER / script, *arguments],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_has_the_options_that_all_have(script, monkeypatch, capsys):
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(FOLDER / script), run_name="__main__")
    assert not stop.value.code
    text = capsys.readouterr().out
    assert all(option in text for option in ("--seed", "--out", "--data", "--epochs"))


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder with shared data is not here")
def test_a_row_is_measured_and_joined(tmp_path):
    text = run("sunspots.py", "--epochs", "1", "--seed", "3", "--out", str(tmp_path))
    assert "AR(34) by AIC 18.22, AR(18) by BIC 18.30, persistence 20.09" in text
    (path,) = tmp_path.glob("*.json")
    row = json.loads(path.read_text())
    assert path.name == "monthly-sunspots-one-step-seed3.json"
    assert row["command"] == "python benchmarks/results/sunspots.py --epochs 1 --seed 3"
    assert row["reached"] == (row["values"]["rmse"] < 18.2)
    other = row | {"name": "tiny Shakespeare", "figure": "1.500", "reached": True}
    (tmp_path / "other.json").write_text(json.dumps(other))
    head, rule, first, second = run("table.py", str(tmp_path)).splitlines()
    assert len({line.count("|") for line in (head, rule, first, second)}) == 1
    assert first.startswith("| tiny Shakespeare | ")
    assert "| **1.500** | yes |" in first
    assert f"| **{row['figure']}** | **no** | AR(34)" in second


def test_memory_tasks_run_without_data(tmp_path):
    text = run(
        "memory_tasks.py", "copy-50", "--epochs", "1", "--units", "4", "--data", str(tmp_path)
    )
    assert "not solved after 3,200 sequences" in text
    assert "without memory 0.2971 nats per step" in text
