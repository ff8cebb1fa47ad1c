"""Cells against vectors made by PyTorch's autograd from the papers' equations."""

from pathlib import Path

import numpy as np
import pytest

from bptt import equations
from bptt.equations.sequences import backward_through_time, forward_through_time
from tests.cells import OWN
from tests.support.tolerances import assert_close

FOLDER = Path(__file__).parents[3] / "shared" / "cells"
CELLS = {**equations.CELLS, **OWN}
FILES = {
    "lstm_cifg": "lstm_cifg",
    "mingru": "mingru",
    "peephole_lstm": "lstm_peephole",
    "lstm_peephole": "lstm_peephole",
    "lstm_cifg_peephole": "lstm_cifg_peephole",
}

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder with vectors is not here")


def load(file, seed):
    with np.load(FOLDER / f"{file}_{seed}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def run(cell, given):
    """Everything that the file may hold, but the gradients of `a` alone."""
    state0 = tuple(given[f"{s}0"] for s in cell.states)
    parameters = {name: given[name] for name in cell.parameters}
    lengths = given["lengths"]
    states, final, caches = forward_through_time(cell, given["x"], state0, parameters, lengths)
    found = {"a": states[0]}
    found |= {f"{s}_final": f for s, f in zip(cell.states, final, strict=True)}
    for gate in cell.gates:
        found[f"gate_{gate}"] = all_steps = np.zeros_like(states[0])
        for t, cache in enumerate(caches[0]):
            all_steps[:, lengths > t, t] = getattr(cache, gate)
    for prefix, seen in (("grad", True), ("gradout", False)):
        dfinal = tuple(given[f"d{s}_final"] * seen for s in cell.states)
        gradients = backward_through_time(given["da"], dfinal, caches)
        found |= {f"{prefix}_{name.removeprefix('d')}": g for name, g in gradients.items()}
    return found


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", FILES)
def test_all_values_and_gradients(name, seed):
    cell, given = CELLS.get(name) or equations.cell_of(name), load(FILES[name], seed)
    found = run(cell, given)
    inputs = {"lengths", "x", *(f"{s}0" for s in cell.states), *cell.parameters, "da"}
    inputs |= {f"d{s}_final" for s in cell.states}
    assert found.keys() == given.keys() - inputs
    for key, value in found.items():
        assert_close(value, given[key], "golden")
