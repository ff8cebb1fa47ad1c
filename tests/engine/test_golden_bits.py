"""The native engine's results have the bits that `golden_bits.json` holds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bptt.engine import provider
from tests.engine.golden_bits import FILE, digest

GOLDEN = json.loads(FILE.read_text())


def digests(**variables):
    """What `golden_bits` prints in a process with these variables."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.engine.golden_bits"],
        cwd=Path(__file__).parents[2],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def native():
    if provider().name != "native":
        pytest.skip("the native engine is not built or not chosen")
    return pytest.importorskip("bptt.engine._native")


@pytest.mark.parametrize("isa", ["avx512", "avx2", "baseline", "neon"])
def test_results_are_bit_identical_to_the_golden_ones(isa, native):
    if isa not in native.available_isas():
        pytest.skip(f"this machine cannot run {isa}")
    if isa not in GOLDEN:
        pytest.skip(f"no golden digests of {isa}: no machine at hand ran it")
    found = digests(BPTT_ISA=isa)
    assert found.keys() == GOLDEN[isa].keys()
    assert [what for what in found if found[what] != GOLDEN[isa][what]] == []


@pytest.mark.parametrize("caches", ["16,64", "32,256", "48,1024", "32,2048"])
def test_results_do_not_depend_on_the_sizes_of_the_caches(caches, native):
    if native.isa() not in GOLDEN:
        pytest.skip(f"no golden digests of {native.isa()}")
    assert digests(BPTT_CACHE=caches) == GOLDEN[native.isa()]


def test_a_digest_sees_one_bit_and_no_order():
    x, other = np.ones((2, 3), np.float32), np.ones((2, 3), np.float32)
    assert digest(x) == digest(other)
    other[1, 2] = np.nextafter(np.float32(1), np.float32(2))
    assert digest(x) != digest(other)
    assert digest(0 * x) != digest(-0.0 * x)
    assert digest(x) != digest(x.astype(np.float64))
    assert digest(x) != digest(x.T)
    assert digest({"a": x, "b": other}) == digest({"b": other, "a": x})
    assert digest({"a": x, "b": other}) != digest({"a": other, "b": x})
