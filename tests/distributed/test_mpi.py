"""Jobs of mpiexec: results, and how they end. More: failures.py, hosts.py, resume.py."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from bptt.models.runs import newest
from bptt.training import Checkpoints

from .cases import cases, hash_of
from .hosts import MPIEXEC

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(
    find_spec("mpi4py") is None or not Path(MPIEXEC).exists(),
    reason="mpi4py or MPICH's mpiexec is not installed: pip install mpi4py mpich",
)


def run(ranks, *arguments, timeout=120):
    command = [MPIEXEC, "-n", str(ranks), sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def test_three_ranks_give_the_hash_of_one_process():
    (alone,) = (hash_of(m.fit(*data)) for name, m, data in cases("gru") if name == "documents")
    done = run(3, HERE / "cases.py", "gru", "documents")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"gru documents: {alone}\n"


@pytest.mark.parametrize(
    ("event", "status", "sentence"),
    [
        ("kill", 75, "was ended by SIGKILL; the job ends with status 75."),
        ("stop", 75, "did not answer for 3 s; the job ends with status 75."),
        ("raise", 1, "raised ZeroDivisionError; all ranks end."),
    ],
)
def test_a_job_ends_where_one_rank_is_lost(event, status, sentence, tmp_path):
    path = tmp_path / "m.safetensors"
    done = run(2, "-m", "bptt.distributed", HERE / "failures.py", "--job", event, path)
    assert done.returncode == status, done.stderr
    (said,) = (line for line in done.stderr.splitlines() if sentence in line)
    assert said.startswith("bptt: rank 1 on ")
    assert ("ZeroDivisionError: on purpose" in done.stderr) == (event == "raise")
    assert newest(Checkpoints(path)).stem == "m-00000019"


def test_an_error_of_all_ranks_is_written_once(tmp_path):
    program = tmp_path / "train.py"
    program.write_text("import bptt\nbptt.LanguageModel(units=0).fit('abc', distributed='mpi')\n")
    done = run(3, program)
    assert done.returncode == 1
    assert done.stderr.count("LanguageModel.fit: units is 0") == 1
    assert len([line for line in done.stderr.splitlines() if line.startswith("bptt: rank ")]) == 1
