"""Graphs that are chains of layers come back as networks, with the same bits in every array."""

import numpy as np
import pytest

import bptt
from bptt import interop, layers
from tests.support.cases import same_bits

pytest.importorskip("onnx")
from . import models

L = layers
CHAINS = [
    [L.Embedding(9, 3), L.LSTM(3, 4), L.Dense(4, 9)],
    [L.GRU(3, 4, bidirectional=True), L.Dense(8, 5), L.Activation(5, "softmax")],
    [L.RNN(3, 4), L.GRU(4, 5, cell="gru_reset_after"), L.Pool(5, "last"), L.Dense(5, 2)],
    [L.Recurrent("lstm_cifg", 3, 4), L.Dense(4, 3), L.Activation(3, "tanh")],
]


@pytest.mark.parametrize("chain", CHAINS)
def test_written_and_read_again(chain, tmp_path):
    network = bptt.Network(chain)
    rng = np.random.default_rng(1)
    parameters = {k: v - np.float32(0.1) for k, v in network.init(rng).items()}
    interop.to_onnx((network, parameters), tmp_path / "m.onnx", lengths=False)
    again, read = interop.load(tmp_path / "m.onnx")
    assert repr(again) == repr(network)
    assert all(same_bits(read[k], parameters[k]) for k in parameters)


def test_the_form_of_other_exporters(tmp_path):
    """Time first, directions joined by Transpose and Reshape, the last step, Gemm."""
    rng = np.random.default_rng(2)
    W, R = (rng.standard_normal((1, 16, n)).astype(np.float32) for n in (3, 4))
    constants = {
        "W": W, "R": R, "zero": np.zeros((1, 2, 4), np.float32), "axis": np.array([1]),
        "last": np.array(-1), "K": rng.standard_normal((5, 4)).astype(np.float32),
        "b": rng.standard_normal(5).astype(np.float32),
    }  # fmt: skip
    nodes = [
        models.node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        models.node("LSTM", ["t", "W", "R", "", "", "zero", "zero"], ["Y", "h"], hidden_size=4),
        models.node("Squeeze", ["Y", "axis"], ["s"]),
        models.node("Gather", ["s", "last"], ["e"], axis=0),
        models.node("Gemm", ["e", "K", "b"], ["y"], transB=1),
    ]
    x = rng.standard_normal((2, 6, 3)).astype(np.float32)
    path = models.write(tmp_path / "m.onnx", nodes, {"x": x}, ["y"], constants)
    imported = interop.load(path)
    network, parameters = imported
    kinds = [type(layer).__name__ for layer in network.layers.values()]
    assert kinds == ["LSTM", "Pool", "Dense"]
    y, _, _ = network.forward(x, parameters)
    np.testing.assert_allclose(y[:, 0], imported.run(x), rtol=1e-5, atol=1e-6)


def test_slices_of_zeros_and_the_final_state_of_a_direction(tmp_path):
    """What PyTorch writes of two layers, and of h[-1]."""
    rng = np.random.default_rng(3)
    shapes = {"W": (1, 12, 3), "V": (1, 12, 4), "R": (1, 12, 4), "S": (1, 12, 4)}
    constants = {k: rng.standard_normal(n).astype(np.float32) for k, n in shapes.items()}
    constants |= {k: np.array([v]) for k, v in (("zero", 0), ("one", 1), ("two", 2))}
    constants |= {"sizes": np.array([2, 2, 4]), "last": np.array(-1)}
    nodes = [
        models.node("ConstantOfShape", ["sizes"], ["zeros"]),
        models.node("Slice", ["zeros", "zero", "one", "zero"], ["h"]),
        models.node("Slice", ["zeros", "one", "two", "zero"], ["g"]),
        models.node("GRU", ["x", "W", "R", "", "", "h"], ["Y"], hidden_size=4),
        models.node("Squeeze", ["Y", "one"], ["s"]),
        models.node("GRU", ["s", "V", "S", "", "", "g"], ["", "Z"], hidden_size=4),
        models.node("Gather", ["Z", "last"], ["y"], axis=0),
    ]
    x = rng.standard_normal((6, 2, 3)).astype(np.float32)
    imported = interop.load(models.write(tmp_path / "m.onnx", nodes, {"x": x}, ["y"], constants))
    network, parameters = imported
    assert [type(layer).__name__ for layer in network.layers.values()] == ["GRU", "GRU", "Pool"]
    y, _, _ = network.forward(x.transpose(1, 0, 2), parameters)
    np.testing.assert_allclose(y[:, 0], imported.run(x), rtol=1e-5, atol=1e-6)


def test_the_last_of_all_steps_is_not_that_of_each_sequence(tmp_path):
    """With lengths, a step that is taken by its place may be padding: no `Pool`."""
    weights = {
        "W": np.ones((1, 8, 2), np.float32),
        "R": np.ones((1, 8, 2), np.float32),
        "axis": np.array([1]),
        "last": np.array(-1),
    }
    nodes = [
        models.node("LSTM", ["x", "W", "R", "", "n"], ["Y"], hidden_size=2),
        models.node("Squeeze", ["Y", "axis"], ["s"]),
        models.node("Gather", ["s", "last"], ["y"], axis=0),
    ]
    given = {"x": np.ones((3, 2, 2), np.float32), "n": np.array([3, 1], np.int32)}
    imported = interop.load(models.write(tmp_path / "m.onnx", nodes, given, ["y"], weights))
    assert imported.model is None
    assert not imported.graph.run(given)["y"][1].any()


def test_no_chain_is_computed_as_it_stands(tmp_path):
    x = np.ones((2, 3), np.float32)
    nodes = [models.node("Add", ["x", "x"], ["y"])]
    path = models.write(tmp_path / "m.onnx", nodes, {"x": x}, ["y"])
    imported = interop.load(path)
    assert np.array_equal(imported.run(x), 2 * x)
    with pytest.raises(bptt.errors.InteropError, match="is no chain of layers"):
        _ = imported.network
