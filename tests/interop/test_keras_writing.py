"""Files written for Keras come back with the same bytes; what Keras lacks is refused."""

import numpy as np
import pytest

from bptt import LSTM, Dense, Network
from bptt import layers as L
from bptt.errors import InteropError
from bptt.interop import from_keras, load, save, to_keras
from bptt.models import SequenceClassifier, SequenceRegressor
from tests.support.interop import GOLDEN

pytest.importorskip("h5py")
FILES = np.load(GOLDEN / "keras_files.npz")
NAMES = [k[: -len("/.keras")] for k in FILES.files if k.endswith("/.keras") and "branched" not in k]


@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_comes_back_with_the_same_bytes(name, tmp_path):
    (tmp_path / "a.keras").write_bytes(FILES[f"{name}/.keras"].tobytes())
    first = load(tmp_path / "a.keras")
    assert to_keras(first, tmp_path / "b.keras") == ()
    to_keras(first, tmp_path / "b.weights.h5")
    second = load(tmp_path / "b.keras")
    assert repr(second.network) == repr(first.network)
    assert second.mask == first.mask or name.startswith("masking_both")
    assert {k: p.tobytes() for k, p in second.parameters.items()} == {
        k: p.tobytes() for k, p in first.parameters.items()
    }
    np.testing.assert_array_equal(second.run(FILES[f"{name}/x"]), first.run(FILES[f"{name}/x"]))
    parts = load(tmp_path / "b.weights.h5").modules.values()
    found = {k: p.tobytes() for part in parts for k, p in part.parameters.items()}
    assert found.items() <= {k: p.tobytes() for k, p in first.parameters.items()}.items()


def test_a_stack_becomes_several_layers(tmp_path):
    network = Network([LSTM(3, 4, n_layers=2, bidirectional=True), Dense(8, 2)])
    parameters = network.init(np.random.default_rng(0))
    to_keras((network, parameters), tmp_path / "m.keras")
    x = np.random.default_rng(1).standard_normal((2, 5, 3)).astype(np.float32)
    y, _, _ = network.forward(x, parameters)
    np.testing.assert_array_equal(load(tmp_path / "m.keras").run(x), y)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_gates_of_keras_2_are_scaled_to_the_slope_of_keras_3(kind, tmp_path):
    rng, n = np.random.default_rng(0), 4 if kind == "LSTM" else 3
    weights = [rng.standard_normal(s) for s in ((3, n * 5), (5, n * 5), (n * 5,))]
    old = from_keras(kind, weights, version="2.1", recurrent_activation="hard_sigmoid")
    (note,) = to_keras(old, tmp_path / "m.keras")
    assert "slope 1/6" in note
    new = load(tmp_path / "m.keras")
    assert "hard_sigmoid_0p1666" in repr(new.network)
    x = 2 * rng.standard_normal((4, 7, 3))
    np.testing.assert_allclose(new.run(x), old.run(x), rtol=1e-12, atol=1e-13)


def test_a_leaky_cell_is_written_by_its_name(tmp_path):
    """Keras 3 has leaky_relu with the slope 0.2 alone."""
    weights = [np.ones((3, 4)), np.eye(4), np.zeros(4)]
    first = from_keras("SimpleRNN", weights, activation="leaky_relu")
    to_keras(first, tmp_path / "m.keras")
    assert "leaky_relu_0p2" in repr(load(tmp_path / "m.keras").network)


STEPS = [  # layers, and Keras' classes
    ([LSTM(3, 4), L.Dropout(4, 0.2), L.Pool(4, "last"), Dense(4, 5), L.Activation(5, "softmax")],
     ["LSTM", "Dropout", "Dense", "Activation"]),
    ([LSTM(3, 4), Dense(4, 5), L.Activation(5, "elu_0p5"), L.Pool(5, "last")],
     ["LSTM", "Dense", "ELU"]),
    ([LSTM(3, 4, bidirectional=True), L.Dropout(8, 0.2), L.Pool(8, "last", bidirectional=True)],
     ["Bidirectional", "Dropout"]),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "kinds"), STEPS)
def test_the_last_step_is_taken_below_layers_that_map_every_step(layers, kinds, tmp_path):
    network = Network(layers)
    parameters = network.init(np.random.default_rng(0))
    to_keras((network, parameters), path := tmp_path / "m.keras")
    found = load(path)
    assert [kind for kind, _ in found.metadata["layers"]] == ["InputLayer", *kinds]
    x = np.random.default_rng(1).standard_normal((2, 5, 3)).astype(np.float32)
    y = network.forward(x, parameters)[0][:, 0]
    np.testing.assert_allclose(found.run(x), y, rtol=1e-6, atol=1e-7)


REFUSED = {
    "both ends at the last step": ([LSTM(3, 4, bidirectional=True), L.Pool(8, "last")],
                                   r"the last step of each direction, Pool\(8, 'last', bi"),
    "mixed before the ends": ([LSTM(3, 4, bidirectional=True), Dense(8, 4),
                               L.Pool(4, "last", bidirectional=True)], "a recurrent layer below"),
    "no recurrent layer": ([Dense(3, 4), L.Pool(4, "last")], "expected a recurrent layer below"),
    "windows alone": ([L.Windows(3, 2)], r"the last layer is Windows\(3, 2\)"),
    "windows and a pool": ([L.Windows(3, 2), L.Pool(6, "max")], "a convolution"),
    "stride and dilation": ([L.Windows(3, 2, stride=2, dilation=2), Dense(6, 4)],
                            "expected stride or dilation 1"),
    "maximum of halves": ([LSTM(3, 4, bidirectional=True), L.Merge(8, "max")], "merges by max"),
    "peephole": ([L.Recurrent("lstm_peephole", 3, 3)], "is lstm_peephole; expected a cell that"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_networks_that_keras_lacks_are_refused(name, tmp_path):
    layers, words = REFUSED[name]
    network = Network(layers)
    with pytest.raises(InteropError, match=words):
        to_keras((network, network.init(np.random.default_rng(0))), tmp_path / "m.keras")


def test_a_learned_initial_state_is_refused(tmp_path):
    network = Network([LSTM(3, 4)], initial_state="learned")
    with pytest.raises(InteropError, match="the initial state is learned"):
        to_keras((network, network.init(np.random.default_rng(0))), tmp_path / "m.keras")


def test_a_mask_that_stays_behind_is_told(tmp_path):
    (tmp_path / "a.keras").write_bytes(FILES["masking/.keras"].tobytes())
    (note,) = save(load(tmp_path / "a.keras"), tmp_path / "m.pt")[-1:]
    assert "The mask stays behind (steps of features 0.5)" in note


def test_what_keras_lacks_is_refused(tmp_path):
    old = from_keras(
        "SimpleRNN", [np.ones((3, 2)), np.ones((2, 2))], version="2.1", activation="hard_sigmoid"
    )
    with pytest.raises(InteropError, match="has the activation hard_sigmoid"):
        to_keras(old, tmp_path / "m.keras")
    with pytest.raises(InteropError, match=r"expected .keras or .weights.h5"):
        to_keras(old, tmp_path / "m.h5")


@pytest.mark.parametrize("kind", ["classifier", "regressor", "two targets"])
def test_fitted_models_take_raw_inputs_and_give_predictions(kind, tmp_path):
    rng = np.random.default_rng(0)
    X = [5 * rng.standard_normal((4, 3)) + 2 for _ in range(6)]
    options = {"units": 5, "epochs": 1, "verbose": 0, "dropout": 0.1, "bidirectional": True}
    if kind == "classifier":
        model = SequenceClassifier(**options).fit(X, list("abcabc"))
        expected = model.predict_proba(X)
    else:
        y = np.array([[x.sum() * 3 + 50, x.max()] for x in X])
        model = SequenceRegressor(**options).fit(X, y if kind == "two targets" else y[:, 0])
        expected = model.predict(X).reshape(len(X), -1)
    assert save(model, tmp_path / "m.pt")[-1].startswith("The file has the network alone: scaling")
    notes = to_keras(model, path := tmp_path / "m.keras")
    assert "Lengths stay behind" in notes[0]
    assert not any("network alone" in note for note in notes)
    found = load(path).run(np.array(X, np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
