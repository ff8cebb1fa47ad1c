"""Files written for Keras come back with the same bytes; what Keras lacks is refused."""

import numpy as np
import pytest

from bptt import LSTM, Dense, Network
from bptt.errors import InteropError
from bptt.interop import from_keras, load, to_keras
from bptt.layers import Recurrent
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


def test_what_keras_lacks_is_refused(tmp_path):
    old = from_keras(
        "SimpleRNN", [np.ones((3, 2)), np.ones((2, 2))], version="2.1", activation="hard_sigmoid"
    )
    with pytest.raises(InteropError, match="has the activation hard_sigmoid"):
        to_keras(old, tmp_path / "m.keras")
    network = Network([Recurrent("lstm_peephole", 2, 3)])
    with pytest.raises(InteropError, match="is lstm_peephole; expected a cell that Keras has"):
        to_keras((network, network.init(np.random.default_rng(0))), tmp_path / "m.keras")
    with pytest.raises(InteropError, match=r"expected .keras or .weights.h5"):
        to_keras(old, tmp_path / "m.h5")
