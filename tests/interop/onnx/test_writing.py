"""Written files: ONNX Runtime and bptt's own reader give the network's numbers."""

import json

import numpy as np
import pytest

import bptt
from bptt import interop, layers
from bptt.equations import variant
from bptt.errors import InteropError
from tests.support.tolerances import assert_close

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from . import models  # noqa: E402
from .whole_models import MODELS, there  # noqa: E402

L = layers
PEEPHOLE = variant("lstm_cifg_peephole", ("hard_sigmoid", "tanh", "softsign"), 1.5)
GATED = variant("gru", ("hard_sigmoid_0p3_0p5", "leaky_relu_0p2"))
NETWORKS = {
    "lstm": lambda: [L.LSTM(3, 4), L.Dense(4, 2)],
    "both": lambda: [L.LSTM(3, 4, n_layers=2, bidirectional=True),
                     L.Pool(8, "last", bidirectional=True), L.Dense(8, 2)],
    "mean": lambda: [L.GRU(3, 4), L.Pool(4, "mean"), L.Dense(4, 2)],
    "max": lambda: [L.GRU(3, 4, cell="gru_reset_after", bidirectional=True), L.Pool(8, "max")],
    "around": lambda: [L.RNN(3, 4, cell="rnn_relu"), L.LayerNorm(4), L.Activation(4, "elu"),
                       L.BatchNorm(4), L.Dense(4, 3), L.Activation(3, "softmax")],
    "peephole": lambda: [L.Recurrent(PEEPHOLE, 3, 4, bidirectional=True), L.Merge(8, "sum"),
                         L.Reverse(4)],
    "gates": lambda: [L.Recurrent(GATED, 3, 4), L.Activation(4, "scaled_tanh_0p5_2p0")],
    "coupled": lambda: [L.Recurrent("lstm_cifg", 3, 4), L.Dropout(4, 0.5), L.Pool(4, "last")],
    "tokens": lambda: [L.Embedding(9, 3), L.LSTM(3, 4), L.Dense(4, 9)],
    "columns": lambda: [L.FeatureEmbedding(3, {1: (9, 2)}), L.GRU(4, 4), L.Pool(4, "last")],
    "words": lambda: [L.WordEmbedding(9, 2, 9, 3, 4), L.LSTM(10, 4), L.Dense(4, 3)],
}  # fmt: skip


def drawn(name, rng, m, T_x):
    """An input of a network."""
    x = rng.standard_normal((m, T_x, 3)).astype(np.float32)
    if name == "tokens":
        return rng.integers(0, 9, (m, T_x))
    if name == "columns":
        x[:, :, 1] = rng.integers(0, 9, (m, T_x))
    if name == "words":
        x = np.zeros((m, T_x, 6), np.int64)
        x[:, :, 0] = rng.integers(0, 9, (m, T_x))
        for row, n in zip(x.reshape(-1, 6), rng.integers(0, 6, m * T_x), strict=True):
            row[1 : 1 + n] = rng.integers(1, 9, n)
    return x


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_at_any_size(name, learned, tmp_path):
    rng, path = np.random.default_rng(3), tmp_path / "m.onnx"
    network = bptt.Network(NETWORKS[name](), initial_state="learned" if learned else "zero")
    parameters = {
        k: (v + 0.3 * rng.standard_normal(v.shape)).astype(np.float32)
        for k, v in network.init(rng).items()
    }
    if "batchnorm0.variance" in parameters:
        parameters["batchnorm0.variance"] **= 2
    for with_lengths in (False, True):
        interop.to_onnx((network, parameters), path, lengths=with_lengths)
        for m, T_x in ((5, 4), (1, 1), (3, 7)):
            x, lengths = drawn(name, rng, m, T_x), None
            given = {"tokens" if x.dtype.kind == "i" else "x": x}
            if with_lengths:  # a runtime begins a sequence of no steps, which keeps no state, at 0
                lengths = rng.integers(int(learned), T_x + 1, m).astype(np.int32)
                given["lengths"] = lengths
            ours, _, _ = network.forward(x, parameters, lengths=lengths)
            theirs = models.runtime(path, given, None)[0]
            again = interop.load(path).run(**given)
            assert_close(theirs.reshape(ours.shape), ours, "float32")
            assert_close(again.reshape(ours.shape), ours, "float32")


STEPS = {
    "windows": [L.Windows(3, 2, stride=2, dilation=2, padding="causal"), L.Dense(6, 4),
                L.GRU(4, 2), L.Windows(2, 3, stride=2), L.Merge(6, "max", parts=3)],
    "windows, last": [L.Windows(3, 4, stride=3, padding="same"), L.Merge(12, "mean", parts=4),
                      L.LSTM(3, 2), L.Pool(2, "last")],
    "windows, same and dilated": [L.Windows(3, 2, dilation=3, padding="same"),
                                  L.Windows(6, 4, stride=2, dilation=2, padding="same"),
                                  L.Windows(24, 1, stride=2, padding="same")],
    "repeat": [L.GRU(3, 4), L.Pool(4, "last"), L.Repeat(4, 5), L.GRU(4, 2)],
}  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_networks_that_change_the_number_of_steps(name, tmp_path):
    rng, path = np.random.default_rng(5), tmp_path / "m.onnx"
    network = bptt.Network(STEPS[name])
    parameters = network.init(rng)
    interop.to_onnx((network, parameters), path)
    for m, T_x in ((1, 6), (3, 13)):
        x = drawn(name, rng, m, T_x)
        ours, _, _ = network.forward(x, parameters)
        theirs = models.runtime(path, {"x": x}, None)[0]
        assert theirs.shape == (ours[:, 0] if "last" in name else ours).shape
        assert_close(theirs.reshape(ours.shape), ours, "float32")
        assert_close(interop.load(path).run(x).reshape(ours.shape), ours, "float32")
    if "windows" in name:
        with pytest.raises(InteropError, match="the number of steps; expected lengths=False"):
            interop.to_onnx((network, parameters), path, lengths=True)


@pytest.mark.parametrize("layer", [L.LSTM(3, 4), L.GRU(3, 4, n_layers=2), L.RNN(3, 4)])
def test_states_as_inputs_and_outputs_continue_a_stream(layer, tmp_path):
    rng, path = np.random.default_rng(4), tmp_path / "m.onnx"
    network = bptt.Network({"rnn": layer})
    parameters = network.init(rng)
    interop.to_onnx((network, parameters), path, states=True)
    x = rng.standard_normal((2, 6, 3)).astype(np.float32)
    ours, _, _ = network.forward(x, parameters)
    names = [v.name for v in onnx.load(path).graph.input][1:]
    states, outputs = {n: np.zeros((1, 2, 4), np.float32) for n in names}, []
    for k in (0, 2, 3):  # steps 0 and 1, then 2, then 3 to 5
        part = {"x": x[:, k : {0: 2, 2: 3, 3: 6}[k]], **states}
        y, *after = models.runtime(path, part, ["y", *(f"{n}_next" for n in names)])
        states = dict(zip(names, after, strict=True))
        outputs.append(y)
    assert_close(np.concatenate(outputs, axis=1), ours, "float32")


@pytest.mark.parametrize("name", MODELS)
def test_whole_models(name, tmp_path):
    """Both readers' outputs of a whole model against its own."""
    model, given, output, expected = MODELS[name]()
    notes = interop.to_onnx(model, path := tmp_path / "m.onnx")
    theirs = models.runtime(path, given, [output])[0].reshape(expected.shape)
    again = interop.load(path).graph.run(given)[output].reshape(expected.shape)
    for y in (theirs, again):
        assert_close(there(y, given).astype(float), there(expected, given), "float32")
    properties = {p.key: p.value for p in onnx.load(path).metadata_props}
    said = json.loads(properties["bptt"])
    assert said["model"] == type(model).__name__
    if name.startswith("classifier"):
        assert said["labels"] == ["a", "b", "c"]
    behind = ("documents", "tagger", "language", "recursive", "forecaster, missing", "covariates",
              "scales")  # fmt: skip
    assert any(word in name for word in behind) == any("stay" in note for note in notes)


def test_a_language_model_has_states(tmp_path):
    model, given, _, _ = MODELS["language model"]()
    interop.to_onnx(model, path := tmp_path / "m.onnx")
    _, state, _ = model.network_.forward(given["tokens"], model.parameters_)
    after = models.runtime(path, given, [f"{n}_next" for n in given if n != "tokens"])
    for theirs, ours in zip(after, [s for layer in state for s in layer], strict=True):
        assert_close(theirs, ours, "float32")


def test_what_onnx_does_not_have_is_refused(tmp_path):
    from tests.cells.mingru import MINGRU

    network = bptt.Network({"own": L.Recurrent(MINGRU, 3, 4)})
    parameters = network.init(np.random.default_rng(0))
    with pytest.raises(InteropError, match="own has the cell mingru, which ONNX does not have"):
        interop.to_onnx((network, parameters), tmp_path / "m.onnx")
    windows = bptt.Network([L.Windows(3, 2, stride=5, padding="same")])
    with pytest.raises(InteropError, match="expected a stride up to 2"):
        interop.to_onnx((windows, {}), tmp_path / "m.onnx")
    with pytest.raises(InteropError, match="expected a name that ends in"):
        interop.to_onnx((network, parameters), tmp_path / "m.bin")
    assert not list(tmp_path.iterdir())
