"""Recurrent nodes with every attribute, against ONNX Runtime; what it refuses, by formulas."""

import numpy as np
import pytest

from bptt import interop
from bptt.errors import InteropError
from tests.support.tolerances import assert_close

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from . import models

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FUNCTIONS = {"LSTM": 3, "GRU": 2, "RNN": 1}
NUMBERS = {
    "HardSigmoid": 2,
    "Affine": 2,
    "LeakyRelu": 1,
    "ThresholdedRelu": 1,
    "ScaledTanh": 2,
    "Elu": 1,
}
ACTIVATIONS = ["Sigmoid", "Tanh", "Relu", "Softsign", "Softplus", *NUMBERS]


def drawn(seed):
    """A recurrent node with random attributes: (op, names, constants, inputs, attributes)."""
    rng = np.random.default_rng(seed)
    op = ("LSTM", "GRU", "RNN")[seed % 3]
    direction = ("forward", "reverse", "bidirectional")[seed // 3 % 3]
    both = 1 + (direction == "bidirectional")
    n_x, n_a, m, T_x = rng.integers(1, 6, 4)

    def normal(*shape):
        return 0.5 * rng.standard_normal(shape).astype(np.float32)

    names = ["X", "W", "R", *[""] * 5]
    constants = {"W": normal(both, GATES[op] * n_a, n_x), "R": normal(both, GATES[op] * n_a, n_a)}
    inputs = {"X": normal(T_x, m, n_x)}
    if rng.random() < 0.8:
        constants["B"], names[3] = normal(both, 2 * GATES[op] * n_a), "B"
    if rng.random() < 0.5:
        inputs["lengths"], names[4] = rng.integers(1, T_x + 1, m).astype(np.int32), "lengths"
    for k, name in enumerate(("h0", "c0")[: 1 + (op == "LSTM")]):
        if rng.random() < 0.5:
            inputs[name], names[5 + k] = normal(both, m, n_a), name
    if op == "LSTM" and rng.random() < 0.4:
        constants["P"], names[7] = normal(both, 3 * n_a), "P"
    attributes = {"hidden_size": int(n_a), "direction": direction}
    if rng.random() < 0.6:
        chosen = [str(rng.choice(ACTIVATIONS)) for _ in range(FUNCTIONS[op])] * both
        numbers = rng.uniform(0.1, 1.0, (2, len(chosen))).astype(np.float32).tolist()
        attributes["activations"] = chosen
        for k, key in enumerate(("activation_alpha", "activation_beta")):
            given = [v for v, c in zip(numbers[k], chosen, strict=True) if NUMBERS.get(c, 0) > k]
            if given:
                attributes[key] = given
    if rng.random() < 0.3:
        attributes["clip"] = float(np.float32(rng.uniform(0.3, 2)))
    if rng.random() < 0.4 and op != "RNN":
        attributes["input_forget" if op == "LSTM" else "linear_before_reset"] = 1
    while not names[-1]:
        names.pop()
    return op, names, constants, inputs, attributes


@pytest.mark.parametrize("seed", range(90))
def test_every_attribute_as_the_runtime(seed, tmp_path):
    op, names, constants, inputs, attributes = drawn(seed)
    outputs = ["Y", "Y_h", "Y_c"][: 2 + (op == "LSTM")]
    made = models.node(op, names, outputs, **attributes)
    path = models.write(tmp_path / "m.onnx", [made], inputs, outputs, constants)
    found = interop.load(path).graph.run(inputs)
    for name, theirs in zip(outputs, models.runtime(path, inputs, outputs), strict=True):
        assert_close(found[name], theirs, "float32")


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op", GATES)
def test_a_node_is_a_network(op, direction, tmp_path):
    """`load_nodes` gives the node's numbers, batch first; it can be trained."""
    rng = np.random.default_rng(5)
    both, n_x, n_a = 1 + (direction == "bidirectional"), 3, 4
    constants = {
        "W": rng.standard_normal((both, GATES[op] * n_a, n_x)).astype(np.float32),
        "R": rng.standard_normal((both, GATES[op] * n_a, n_a)).astype(np.float32),
    }
    x = rng.standard_normal((5, 2, n_x)).astype(np.float32)
    lengths = np.array([5, 3], np.int32)
    made = models.node(
        op, ["X", "W", "R", "", "n"], ["Y"], name="rnn", hidden_size=n_a, direction=direction
    )
    path = models.write(tmp_path / "m.onnx", [made], {"X": x, "n": lengths}, ["Y"], constants)
    network, parameters = interop.load_nodes(path)["rnn"]
    y, _, tape = network.forward(x.transpose(1, 0, 2), parameters, lengths=lengths)
    theirs = interop.load(path).graph.run({"X": x, "n": lengths})["Y"]
    assert_close(y, theirs.transpose(2, 0, 1, 3).reshape(2, 5, -1), "float32")
    _, _, gradients = network.backward(tape, np.ones_like(y))
    assert gradients.keys() == parameters.keys()


def test_layout_1_is_layout_0_with_the_axes_exchanged(tmp_path):
    rng = np.random.default_rng(6)
    constants = {
        "W": rng.standard_normal((1, 12, 2)).astype(np.float32),
        "R": rng.standard_normal((1, 12, 3)).astype(np.float32),
    }
    x, h0 = (rng.standard_normal(s).astype(np.float32) for s in ((4, 2, 2), (1, 2, 3)))
    found = []
    for layout in (0, 1):
        given = {"X": x, "h0": h0}
        if layout:
            given = {name: v.transpose(1, 0, 2) for name, v in given.items()}
        made = models.node(
            "LSTM", ["X", "W", "R", "", "", "h0"], ["Y", "Y_h"], hidden_size=3, layout=layout
        )
        path = models.write(tmp_path / f"{layout}.onnx", [made], given, ["Y", "Y_h"], constants)
        found.append(interop.load(path).graph.run(given))
    first, second = found
    assert np.array_equal(first["Y"].transpose(2, 0, 1, 3), second["Y"])
    assert np.array_equal(first["Y_h"].transpose(1, 0, 2), second["Y_h"])


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"direction": "sideways"}, "direction is 'sideways'; expected forward"),
        ({"activations": ["Tanh"]}, "activations has 1 names; expected 3"),
        ({"activations": ["Sigmoid", "Swish", "Tanh"]}, "'Swish' is not known; expected"),
        ({"activations": ["Sigmoid", "Affine", "Tanh"]}, "Affine has no alpha and beta; expected"),
    ],
)
def test_refused(attributes, sentence, tmp_path):
    constants = {"W": np.ones((1, 8, 2), np.float32), "R": np.ones((1, 8, 2), np.float32)}
    made = models.node("LSTM", ["X", "W", "R"], ["Y"], name="cell", hidden_size=2, **attributes)
    x = {"X": np.ones((1, 1, 2), np.float32)}
    path = models.write(tmp_path / "m.onnx", [made], x, ["Y"], constants)
    with pytest.raises(InteropError, match="LSTM 'cell'") as caught:
        interop.load(path)
    assert sentence in str(caught.value)


def test_a_node_without_an_input_is_refused(tmp_path):
    made = models.node("LSTM", ["", "W", "R"], ["Y"], name="cell", hidden_size=2)
    constants = {"W": np.ones((1, 8, 2), np.float32), "R": np.ones((1, 8, 2), np.float32)}
    x = {"x": np.ones((1, 1, 2), np.float32)}
    path = models.write(tmp_path / "m.onnx", [made], x, ["Y"], constants)
    with pytest.raises(InteropError, match="LSTM 'cell': X, W or R is left out"):
        interop.load(path).graph.run(x)
