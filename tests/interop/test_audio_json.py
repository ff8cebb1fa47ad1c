"""Models of NAM, GuitarML, RTNeural and AIDA-X: the equations of their runtimes, and back."""

import json

import numpy as np
import pytest

from bptt.errors import ConfigError, InteropError
from bptt.gradcheck import check_grads
from bptt.interop import ResidualNetwork, load, to_nam, to_rtneural
from bptt.layers import GRU, LSTM, Activation, Dense
from bptt.network import Network
from tests.support.interop import CORPUS, close, corpus, task, tasks

RNG = np.random.default_rng(0)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def write(path, content):
    path.write_text(json.dumps(content))
    return path


@corpus
@pytest.mark.parametrize("name", tasks("guitarml-", "nam-", "rtneural-", "unicode-"))
def test_published_models_give_the_outputs_of_their_reference(name):
    folder, about, arrays = task(name)
    imported = load(folder / about["files"][0])
    if "chain" in about:
        imported = imported.chain(*about["chain"])
    (x,) = (v for k, v in arrays.items() if k.startswith("in."))
    (y,) = (v for k, v in arrays.items() if k.startswith("out."))
    x = x if x.dtype.kind == "i" or x.ndim == 3 else x[..., np.newaxis]
    close(imported.run(x).reshape(y.shape), y, about["tolerance"])


@corpus
def test_a_file_with_too_few_weights_is_refused():
    with pytest.raises(InteropError, match="has 50 weights; expected 905"):
        load(CORPUS / "hostile" / "short_weights.nam")


def nam(n_layers=2, n_x=1, H=3):
    """Return the content of a NAM file, and its layers as NAM's own runtime holds them."""
    layers, flat = [], []
    for k in range(n_layers):
        n_in = H if k else n_x
        layer = [RNG.normal(size=n) for n in ((4 * H, n_in + H), 4 * H, H, H)]
        layers.append(layer)
        flat += layer
    flat += (head := [RNG.normal(size=(1, H)), RNG.normal(size=1)])
    weights = np.concatenate([a.ravel() for a in flat]).astype(np.float32).tolist()
    config = {"input_size": n_x, "hidden_size": H, "num_layers": n_layers}
    return {"architecture": "LSTM", "config": config, "weights": weights}, layers, head


def test_nam_begins_in_the_states_of_the_file(tmp_path):
    content, layers, (W, b) = nam()
    imported = load(write(tmp_path / "a.nam", content | {"sample_rate": 48000}))
    assert imported.metadata["sample_rate"] == 48000
    x = RNG.normal(size=20)
    expected = []
    states = [[h, c] for _, _, h, c in layers]
    for xt in x:
        below = np.array([xt])
        for (weights, bias, *_), state in zip(layers, states, strict=True):
            i, f, g, o = np.split(weights @ np.concatenate([below, state[0]]) + bias, 4)
            state[1] = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
            below = state[0] = sigmoid(o) * np.tanh(state[1])
        expected.append((W @ below + b)[0])
    y = imported.run(x[np.newaxis, :, np.newaxis].astype(np.float32))
    np.testing.assert_allclose(y[0, :, 0], expected, atol=1e-5)


def test_nam_is_written_as_it_was_read(tmp_path):
    content, *_ = nam()
    imported = load(write(tmp_path / "a.nam", content))
    again = to_nam(imported, tmp_path / "b.nam", sample_rate=44100)
    assert again["weights"] == pytest.approx(content["weights"], rel=1e-7)
    assert again["config"] == content["config"]
    assert load(tmp_path / "b.nam").metadata == {"sample_rate": 44100}
    for name, p in imported.parameters.items():
        assert load(tmp_path / "b.nam").parameters[name].tobytes() == p.tobytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architecture": "WaveNet"}, "is a WaveNet of NAM; expected an LSTM"),
        ({"config": {"input_size": 1, "hidden_size": 2**40, "num_layers": 1}}, "hidden_size"),
        ({"config": []}, "has no config"),
        ({"weights": [[1], [2, 3]]}, "no array of numbers"),
        ({"weights": [1e300]}, "no array of numbers"),
        ({"weights": ["1"]}, "no array of numbers"),
    ],
)
def test_what_nam_would_not_load_is_refused(tmp_path, change, words):
    with pytest.raises(InteropError, match=words):
        load(write(tmp_path / "a.nam", nam()[0] | change))


def layer(kind, n_in, n_out, *shapes, activation=""):
    weights = [RNG.normal(size=shape).round(3).tolist() for shape in shapes]
    shape = [None, None, n_out]
    return {"type": kind, "activation": activation, "shape": shape, "weights": weights}


def test_rtneural_ignores_the_activation_of_recurrent_layers(tmp_path):
    gru = layer("gru", 1, 3, (1, 9), (3, 9), (2, 9), activation="relu")
    content = {"in_shape": [None, 1], "layers": [gru, layer("dense", 3, 1, (3, 1), 1)]}
    x = RNG.normal(size=(1, 20, 1)).astype(np.float32)
    y = load(write(tmp_path / "a.json", content)).run(x)[0, :, 0]
    W, U, (b, bs) = (np.array(w) for w in gru["weights"])
    Wy, by = (np.array(w) for w in content["layers"][1]["weights"])
    h, expected = np.zeros(3), []
    for xt in x[0]:
        (wz, wr, wc), (uz, ur, uc) = np.split(xt @ W + b, 3), np.split(h @ U + bs, 3)
        z = sigmoid(wz + uz)
        h = z * h + (1 - z) * np.tanh(wc + sigmoid(wr + ur) * uc)
        expected.append((h @ Wy + by)[0])
    np.testing.assert_allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("first", ["lstm", "dense"])
def test_aida_x_scales_and_adds_the_input(tmp_path, skip, first):
    """y = out_gain (f(in_gain x) + in_gain x), gains in dB."""
    own = {
        "lstm": [layer("lstm", 2, 4, (2, 16), (4, 16), 16)],
        "dense": [layer("dense", 2, 4, (2, 4), 4, activation="tanh")],
    }[first]
    content = {"in_shape": [None, None, 2], "layers": [*own, layer("dense", 4, 1, (4, 1), 1)]}
    gains = {"in_gain": -6.0, "out_gain": 3.0, "in_skip": skip}
    plain = load(write(tmp_path / "a.json", content))
    whole = load(write(tmp_path / "b.json", content | gains))
    assert (plain.format, whole.format) == ("RTNeural", "AIDA-X")
    x = RNG.normal(size=(2, 9, 2)).astype(np.float32)
    g, out = np.float32(10 ** (-6 / 20)), np.float32(10 ** (3 / 20))
    expected = out * (plain.run(g * x) + skip * g * x[:, :, :1])
    np.testing.assert_allclose(whole.run(x), expected, atol=1e-5)


def test_rtneural_is_read_back_to_the_same_bytes(tmp_path):
    network = ResidualNetwork(
        [
            LSTM(1, 4, n_layers=2),
            GRU(4, 3, cell="gru_reset_after"),
            Dense(3, 2),
            Activation(2, "tanh"),
            Dense(2, 1),
        ]
    )
    parameters = network.init(np.random.default_rng(1))
    to_rtneural((network, parameters), path := tmp_path / "a.json")
    back = load(path)
    x = RNG.normal(size=(1, 30, 1)).astype(np.float32)
    np.testing.assert_array_equal(back.run(x), network.forward(x, parameters)[0])


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([LSTM(1, 2, bidirectional=True), Dense(4, 1)], "in one direction"),
        ([GRU(1, 2), Dense(2, 1)], "GRU\\(1, 2\\)"),
        ([LSTM(1, 2), LSTM(2, 3), Dense(3, 1)], "of one size"),
    ],
)
def test_networks_that_a_runtime_has_not_are_refused(layers, words):
    network = Network(layers)
    model = (network, network.init(np.random.default_rng(0)))
    convert = to_nam if "size" in words else to_rtneural
    with pytest.raises(InteropError, match=words):
        convert(model)


def test_a_residual_network_streams_and_has_the_right_gradients():
    network = ResidualNetwork([LSTM(3, 4), Dense(4, 2)], n_skip=2, gain=0.7)
    parameters = network.init(np.random.default_rng(0), np.float64)
    x = RNG.normal(size=(2, 5, 3))
    y, _, tape = network.forward(x, parameters)
    stream = network.stream(parameters, 2)
    steps = np.stack([stream.step(np.ascontiguousarray(x[:, t])) for t in range(5)], axis=1)
    np.testing.assert_array_equal(steps, y)
    dy = RNG.normal(size=y.shape)
    dx, _, gradients = network.backward(tape, dy)
    for d, p in [(dx, x), *((gradients[k], parameters[k]) for k in parameters)]:
        at = tuple(n - 1 for n in p.shape)
        kept, step = p[at], 1e-6
        sides = []
        for h in (step, -step):
            p[at] = kept + h
            sides.append((network.forward(x, parameters)[0] * dy).sum())
        p[at] = kept
        assert d[at] == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=1e-7)
    ragged = network.forward(x, parameters, lengths=[5, 2])[0]
    np.testing.assert_array_equal(ragged[1, 2:], 0)
    with pytest.raises(ConfigError, match="n_skip is 3"):
        ResidualNetwork([LSTM(3, 4), Dense(4, 2)], n_skip=3)


def test_gradients_of_a_network_whose_input_is_added():
    """Against central differences, with a gain, ragged."""
    network = ResidualNetwork([LSTM(2, 3), Dense(3, 1)], gain=0.5)
    rng = np.random.default_rng(3)
    lengths = np.array([4, 0, 2])
    valid = (np.arange(4) < lengths[:, np.newaxis])[:, :, np.newaxis]
    inputs = network.init(rng, np.float64) | {"x": rng.standard_normal((3, 4, 2)) * valid}

    def forward(inputs):
        parameters = {k: v for k, v in inputs.items() if k != "x"}
        y, _, tape = network.forward(inputs["x"], parameters, lengths=lengths)
        return y, tape

    def backward(dy, tape):
        dx, _, gradients = network.backward(tape, dy * valid)
        return {"dx": dx} | {f"d{k}": g for k, g in gradients.items()}

    assert check_grads(forward, backward, inputs) < 1e-8
