"""The equations against PyTorch: golden files that `golden/make_torch.py` made, to 1e-12."""

from pathlib import Path

import numpy as np
import pytest

from bptt.checks import shape_of
from tests.support.cases import CELLS, final_states
from tests.support.tolerances import assert_close

FOLDER = Path(__file__).parents[1] / "golden"
FILES = sorted(path for path in FOLDER.glob("*.npz") if path.stem in CELLS)
every_case = pytest.mark.parametrize("pattern", ["uniform", "ragged"])
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def load(path, pattern):
    with np.load(path, allow_pickle=False) as file:
        prefix = f"{pattern}_"
        return {n.removeprefix(prefix): file[n] for n in file.files if n.startswith(prefix)}


def run(path, golden):
    """Our outputs and gradients under the names of the golden file."""
    spec = CELLS[path.stem]
    head = {n: np.zeros(shape_of(s, n_y=2, n_a=5)) for n, s in spec.head.items()}
    parameters = {p: golden[p] for p in spec.table} | head
    state0 = tuple(golden[f"{s}0"] for s in spec.states)
    states, _, caches = spec.forward(golden["x"], state0, parameters, golden["lengths"])
    finals = final_states(states, state0, golden["lengths"])
    dfinal = [golden[f"d{s}_final"] for s in spec.states]
    gradients = spec.backward(golden["da"], caches, dfinal)
    named = {f"{s}_final": f for s, f in zip(spec.states, finals, strict=True)}
    return {"a": states[0], **named, **gradients}


@every_case
@every_file
def test_outputs_and_gradients_equal_pytorch(path, pattern):
    golden = load(path, pattern)
    results = run(path, golden)
    for name, result in results.items():
        assert result.dtype == golden[name].dtype == np.float64
        assert_close(result, golden[name], "golden")


@every_file
def test_every_gradient_is_in_the_file_and_none_is_zero(path):
    golden = load(path, "ragged")
    assert CELLS[path.stem].gradients <= golden.keys()
    assert all(np.any(golden[name]) for name in CELLS[path.stem].gradients)
    assert sorted(golden["lengths"]) != list(golden["lengths"])


def test_the_files_say_what_made_them():
    assert [path.stem for path in FILES] == ["gru_reset_after", "lstm", "rnn", "rnn_relu"]
    for path in FILES:
        with np.load(path, allow_pickle=False) as file:
            assert str(file["version_torch"]).startswith("2.13.0")
            assert {"version_numpy", "version_python"} <= set(file.files)
    assert sum(path.stat().st_size for path in FILES) < 200_000
