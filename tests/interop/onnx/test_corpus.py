"""Published ONNX files against the outputs of their own program."""

import json
from pathlib import Path

import numpy as np
import pytest

from bptt import interop
from bptt.errors import InteropError

FOLDER = Path(__file__).parents[4] / "shared" / "interop"
TASKS = sorted(p.name for p in FOLDER.glob("onnx-*"))

pytestmark = pytest.mark.skipif(not TASKS, reason="the folder with published files is not here")
pytest.importorskip("onnx")


@pytest.mark.parametrize("task", TASKS or ["none"])
def test_outputs(task):
    folder = FOLDER / task
    said = json.loads((folder / "task.json").read_text())
    with np.load(folder / "vectors.npz") as arrays:
        given = {k.removeprefix("in."): v for k, v in arrays.items() if k.startswith("in.")}
        wanted = {k.removeprefix("out."): v for k, v in arrays.items() if k.startswith("out.")}
    imported = interop.load(folder / next(f for f in said["files"] if f.endswith(".onnx")))
    tolerance = {"rtol": said["tolerance"]["rtol"], "atol": said["tolerance"]["atol"]}
    own = {k.removeprefix("graph."): v for k, v in given.items() if not k.startswith("node")}
    expected = {k.removeprefix("graph."): v for k, v in wanted.items() if not k.startswith("node")}
    for _ in range(3):  # node by node, twice, and by the plan that this makes
        found = imported.graph.run(own, list(expected))
        for name, theirs in expected.items():
            np.testing.assert_allclose(found[name], theirs, **tolerance)
    for k, (network, parameters) in enumerate(imported.modules.values()):
        if f"node{k}.Y" not in wanted:
            continue
        states = [given[n] for s in "hc" if (n := f"node{k}.initial_{s}") in given]
        state = tuple(tuple(states) if layer.states else () for layer in network.layers.values())
        y, _, _ = network.forward(
            given[f"node{k}.X"].transpose(1, 0, 2), parameters, state if states else None
        )
        theirs = wanted[f"node{k}.Y"].transpose(2, 0, 1, 3)
        np.testing.assert_allclose(y, theirs.reshape(*theirs.shape[:2], -1), **tolerance)


def test_arrays_in_other_files_are_refused():
    with pytest.raises(InteropError, match="lies in another file"):
        interop.load(FOLDER / "hostile" / "external_data.onnx")
