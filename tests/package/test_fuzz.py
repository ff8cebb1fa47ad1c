"""A short run of the fuzzer, and that it sees every kind of fault.

`python -m tests.support.fuzz` runs longer.
"""

import json
import random
import sys
from collections import Counter

import pytest

from bptt.errors import BpttError, CheckpointError
from tests.support.fuzz import models, mutations, runner, targets

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")


@pytest.mark.parametrize("target", ["data", "checkpoints"])
@pytest.mark.slow
def test_changed_files_are_loaded_rightly_or_refused(target, tmp_path):
    rows = runner.fuzz(target, 400, seed=7, folder=tmp_path)
    assert [row for row in rows if row["what"] in runner.FAULTS] == []
    assert [row["k"] for row in rows] == list(range(400))
    counts = Counter(row["what"] for row in rows)
    assert min(counts["loaded"], counts["refused"]) > 20
    if target == "data":
        assert sum(row["agreed"] is True for row in rows) > 40  # with another program
    assert len({row["words"] for row in rows}) > 40
    assert max(row["peak"] for row in rows) < 100 * 1024


@pytest.mark.slow
def test_the_fuzzer_sees_faults_and_keeps_their_files(tmp_path):
    rows = runner.fuzz("faults", 9, 5, folder=tmp_path, memory=256, seconds=1, wait=3)
    assert [row["k"] for row in rows] == list(range(9))
    assert {row["seed"]: row["what"] for row in rows} == {
        "dies": "crash",
        "another error": "crash",
        "warns": "crash",
        "loops": "hang",
        "sleeps": "hang",
        "deaf": "hang",
        "greedy": "memory",
        "refuses": "refused",
        "loads": "loaded",
    }
    faults = [row["k"] for row in rows if row["what"] in runner.FAULTS]
    assert {path.name for path in (tmp_path / "kept").glob("*-case")} == {
        f"{k}-case" for k in faults
    }
    table = runner.table("faults", rows)
    assert f"| all faults | 9 | {sum(row['what'] == 'loaded' for row in rows)} |" in table


def test_the_same_seed_draws_the_same_files(tmp_path):
    runs = [runner.fuzz("data", 30, seed, folder=tmp_path) for seed in (1, 1, 2)]
    first, second, other = ([(row["seed"], row["words"]) for row in rows] for rows in runs)
    assert first == second != other


def test_forged_checkpoints_get_past_the_digest(tmp_path):
    """Or what stands behind the digest would not be fuzzed at all."""
    _, data, _ = next(seed for seed in models.checkpoint_seeds() if seed[0] == "language")
    rng, words = random.Random(0), []
    for _ in range(60):
        path = tmp_path / "forged"
        path.write_bytes(mutations.forge(data, rng))
        try:
            models.check_model(path)
        except BpttError as error:
            words.append(str(error))
    assert not [message for message in words if "sha256" in message]
    assert sum("does not describe a" in message for message in words) > 10


def test_an_unchanged_digest_is_the_files_own(tmp_path):
    for name, data, check in models.checkpoint_seeds():
        header, payload = mutations._take_apart(data)
        metadata = header.pop("__metadata__")
        sha = mutations._digest(metadata, header, payload)
        assert (name, sha) == (name, metadata["sha256"])
        assert json.loads(metadata["config"])
        path = tmp_path / name
        path.write_bytes(data)
        check(path)
        path.write_bytes(data[:-1])
        with pytest.raises(CheckpointError):
            check(path)


@pytest.mark.parametrize("seed", targets.DATA_SEEDS, ids=lambda seed: seed[0])
def test_the_seeds_load(seed, tmp_path):
    name, data, check = seed
    path = tmp_path / name
    path.write_bytes(data)
    check(path)
