"""Loops: the trips that they make, what they carry and what they stack."""

from importlib.util import find_spec

import numpy as np
import pytest

from bptt import interop
from bptt.errors import InteropError
from bptt.interop.onnx import subgraphs
from tests.interop.onnx import models
from tests.interop.onnx.models import node

pytest.importorskip("onnx")


def loop():
    """A Loop that adds c to a, and gives a times the trip, while the sum of a is less than most."""
    helper = models.onnx.helper

    def info(name, kind, shape):
        return helper.make_tensor_value_info(name, kind, shape)

    nodes = [node("Add", ["a", "c"], ["b"]), node("Cast", ["i"], ["n"], to=1),
             node("Mul", ["b", "n"], ["s"]), node("ReduceSum", ["b"], ["sum"], keepdims=0),
             node("Less", ["sum", "most"], ["on"])]  # fmt: skip
    body = helper.make_graph(
        nodes, "body", [info("i", 7, []), info("go", 9, []), info("a", 1, [3])],
        [info("on", 9, []), info("b", 1, [3]), info("s", 1, [3])],
    )  # fmt: skip
    return node("Loop", ["trips", "", "x"], ["last", "all"], body=body)


@pytest.mark.parametrize(("trips", "most"), [(4, 99.0), (50, 7.5), (1, 99.0), (0, 99.0)])
def test_a_loop_ends_by_its_trips_or_its_condition(trips, most, tmp_path):
    constants = {"c": np.full(3, 0.5, np.float32), "most": np.float32(most)}
    given = {"x": np.ones(3, np.float32), "trips": np.array(trips)}
    path = models.write(tmp_path / "m.onnx", [loop()], given, ["last", "all"], constants)
    graph, expected, rows = interop.load(path).graph, given["x"], []
    while len(rows) < trips and (not rows or expected.sum() < most):
        expected = expected + np.float32(0.5)
        rows.append(expected * len(rows))
    for _ in range(3):
        found = graph.run(given)
        np.testing.assert_array_equal(found["last"], expected)
        np.testing.assert_array_equal(found["all"], np.reshape(rows, (-1, 3)))
    if find_spec("onnxruntime"):
        theirs = models.runtime(path, given, ["last", "all"])
        np.testing.assert_array_equal(found["all"], theirs[1])


@pytest.mark.parametrize("backwards", [0, 1])
def test_a_scan_runs_along_its_axes(backwards, tmp_path):
    helper = models.onnx.helper
    info = [helper.make_tensor_value_info(name, 1, [3]) for name in "asbo"]
    nodes = [node("Add", ["a", "s"], ["b"]), node("Mul", ["b", "c"], ["o"])]
    body = helper.make_graph(nodes, "body", info[:2], info[2:])
    made = node("Scan", ["x", "seq"], ["last", "all"], body=body, num_scan_inputs=1,
                scan_input_axes=[1], scan_input_directions=[backwards], scan_output_axes=[-1],
                scan_output_directions=[backwards])  # fmt: skip
    rng = np.random.default_rng(0)
    given = {"x": rng.random(3, np.float32), "seq": rng.random((3, 5), np.float32)}
    constants = {"c": np.full(3, 2, np.float32)}
    path = models.write(tmp_path / "m.onnx", [made], given, ["last", "all"], constants)
    graph, turn = interop.load(path).graph, slice(None, None, -1 if backwards else 1)
    sums = given["x"][:, np.newaxis] + given["seq"][:, turn].cumsum(axis=1)
    for _ in range(3):
        found = graph.run(given)
        np.testing.assert_allclose(found["last"], sums[:, -1], rtol=1e-6)
        np.testing.assert_allclose(found["all"], 2 * sums[:, turn], rtol=1e-6)
    if find_spec("onnxruntime"):
        for own, theirs in zip(found.values(), models.runtime(path, given, None), strict=True):
            np.testing.assert_allclose(own, theirs, rtol=1e-6)


def test_a_loop_without_an_end_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(subgraphs, "MOST_TRIPS", 20)
    constants = {"c": np.zeros(3, np.float32), "most": np.float32(9), "trips": np.array(2**62)}
    path = models.write(
        tmp_path / "m.onnx", [loop()], {"x": np.ones(3, np.float32)}, ["last", "all"], constants
    )
    with pytest.raises(InteropError, match=r"Loop ''.*more than 20 trips"):
        interop.load(path).graph.run({"x": np.ones(3, np.float32)})
