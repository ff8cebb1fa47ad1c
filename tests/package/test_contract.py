"""What every public layer and model promises, over a registry of them all.

Built, used twice alike, inputs left alone, backward twice equal, saved and loaded to the bit, bad
input refused with a sentence that says what was given and what was expected. A new layer or model
is one row here; a test fails until it has one.
"""

import inspect
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pytest

import bptt
from bptt import layers
from bptt.errors import BpttError, ConfigError
from bptt.models.base import Model
from bptt.training.array_files import load_arrays, save_arrays
from tests.support.cases import copies, same_bits
from tests.support.gradient_cases import flat, like
from tests.support.model_cases import MODELS
from tests.support.tolerances import assert_close

SENTENCE = r"^[A-Z][A-Za-z]*[^:]*: .+; expected .+\.$|^init: .+; expected .+\.$"
M, T_X = 4, 3
LENGTHS = [2, 0, 3, 1]
TOKENS = np.random.default_rng(0).integers(0, 9, (M, T_X))
X = np.random.default_rng(0).standard_normal((M, T_X, 3)).astype(np.float32)
MIXED = X.copy()
MIXED[:, :, 1] = TOKENS  # numbers and tokens
SPELT = np.concatenate([TOKENS[:, :, np.newaxis], (TOKENS[:, :, np.newaxis] + [0, 3]) % 9], axis=2)


class LayerRow(NamedTuple):
    build: Callable[[], Any]
    x: np.ndarray
    shown: str  # its repr


LAYERS = {
    "Embedding": LayerRow(lambda: bptt.Embedding(9, 3), TOKENS, "Embedding(9, 3)"),
    "Dense": LayerRow(lambda: bptt.Dense(3, 4), X, "Dense(3, 4)"),
    "FeatureEmbedding": LayerRow(
        lambda: layers.FeatureEmbedding(3, {1: (9, 2)}), MIXED, "FeatureEmbedding(3, {1: (9, 2)})"
    ),
    "WordEmbedding": LayerRow(
        lambda: layers.WordEmbedding(9, 2, 9, 3, 4), SPELT, "WordEmbedding(9, 2, 9, 3, 4)"
    ),
    "Dropout": LayerRow(lambda: layers.Dropout(3, 0.5), X, "Dropout(3, 0.5)"),
    "Pool": LayerRow(
        lambda: layers.Pool(4, "last", bidirectional=True),
        np.concatenate([X, X[:, :, :1]], axis=2),
        "Pool(4, 'last', bidirectional=True)",
    ),
    "Pool mean": LayerRow(lambda: layers.Pool(3, "mean"), X, "Pool(3, 'mean')"),
    "Pool max": LayerRow(lambda: layers.Pool(3, "max"), X, "Pool(3, 'max')"),
    "Activation": LayerRow(lambda: layers.Activation(3, "softmax"), X, "Activation(3, 'softmax')"),
    "BatchNorm": LayerRow(
        lambda: layers.BatchNorm(3, epsilon=0.01), X, "BatchNorm(3, epsilon=0.01)"
    ),
    "LayerNorm": LayerRow(lambda: layers.LayerNorm(3), X, "LayerNorm(3, epsilon=0.001)"),
    "Merge": LayerRow(
        lambda: layers.Merge(4, "product"), X[:, :, [0, 1, 2, 0]], "Merge(4, 'product')"
    ),
    "Flatten": LayerRow(lambda: layers.Flatten(3, T_X), X, f"Flatten(3, {T_X})"),
    "Unflatten": LayerRow(lambda: layers.Unflatten(3, 3), X, "Unflatten(3, 3)"),
    "Repeat": LayerRow(lambda: layers.Repeat(3, 2), X, "Repeat(3, 2)"),
    "Reverse": LayerRow(lambda: layers.Reverse(3), X, "Reverse(3)"),
    "Windows": LayerRow(
        lambda: layers.Windows(3, 2, stride=2, padding="same"),
        X,
        "Windows(3, 2, stride=2, padding='same')",
    ),
    "Recurrent": LayerRow(lambda: layers.Recurrent("gru", 3, 4), X, "Recurrent('gru', 3, 4)"),
    "RNN": LayerRow(lambda: bptt.RNN(3, 4), X, "RNN(3, 4)"),
    "RNN relu": LayerRow(lambda: bptt.RNN(3, 4, cell="rnn_relu"), X, "RNN(3, 4, cell='rnn_relu')"),
    "RNN deep": LayerRow(lambda: bptt.RNN(3, 4, n_layers=2), X, "RNN(3, 4, n_layers=2)"),
    "LSTM": LayerRow(lambda: bptt.LSTM(3, 4), X, "LSTM(3, 4)"),
    "LSTM both": LayerRow(
        lambda: bptt.LSTM(3, 4, n_layers=2, bidirectional=True),
        X,
        "LSTM(3, 4, n_layers=2, bidirectional=True)",
    ),
    "GRU": LayerRow(lambda: bptt.GRU(3, 4), X, "GRU(3, 4)"),
    "GRU after": LayerRow(
        lambda: bptt.GRU(3, 4, bidirectional=True, cell="gru_reset_after"),
        X,
        "GRU(3, 4, cell='gru_reset_after', bidirectional=True)",
    ),
    "Network": LayerRow(
        lambda: bptt.Network([bptt.Embedding(9, 3), bptt.GRU(3, 4), bptt.Dense(4, 9)]),
        TOKENS,
        "Network(embedding0: Embedding(9, 3), gru0: GRU(3, 4), dense0: Dense(4, 9))",
    ),
}


# Layers and networks


@pytest.fixture(params=LAYERS)
def row(request):
    return LAYERS[request.param]


def run(layer, x, parameters):
    """Forward and backward with every argument, and a step: all that a layer gives back."""
    y, state, tape = layer.forward(x, parameters, None, LENGTHS)
    again = layer.forward(x, parameters, state, LENGTHS, keep_tape=False)
    return y, state, again, layer.backward(tape, y, state), layer.backward(tape, y)


def draw(layer):
    return layer.init(np.random.default_rng(3))


def test_layer_is_shown_as_it_is_built(row):
    assert repr(row.build()) == row.shown
    if not row.shown.startswith("Network"):
        names = {name: getattr(layers, name) for name in layers.__all__}
        assert eval(row.shown, names).shapes() == row.build().shapes()


def test_layer_used_twice_gives_the_same_bits_and_changes_nothing(row):
    layer = row.build()
    parameters = draw(layer)
    shown, shapes, before = repr(layer), layer.shapes(), copies((row.x, parameters))
    first = run(layer, row.x, parameters)
    kept = copies(first)
    second = run(layer, row.x, parameters)
    assert same_bits(first, second)
    assert same_bits(copies(first), kept)  # the second use left the results of the first alone
    assert same_bits(copies((row.x, parameters)), before)
    assert (repr(layer), layer.shapes()) == (shown, shapes)


def test_two_layers_built_alike_are_alike(row):
    one, other = row.build(), row.build()
    assert same_bits(draw(one), draw(other))
    assert same_bits(run(one, row.x, draw(one)), run(other, row.x, draw(other)))


def test_backward_twice_is_equal_whatever_came_between(row):
    layer = row.build()
    parameters = draw(layer)
    y, state, tape = layer.forward(row.x, parameters, None, LENGTHS)
    given = copies((y, state))
    first = copies(layer.backward(tape, y, state))
    layer.forward(row.x[::-1], parameters)
    assert same_bits(copies(layer.backward(tape, y, state)), first)
    assert same_bits(copies((y, state)), given)


def test_read_only_inputs_are_enough(row):
    layer = row.build()
    parameters = draw(layer)
    expected = run(layer, row.x, parameters)
    x = row.x.copy()
    for array in (x, *parameters.values()):
        array.flags.writeable = False
    assert same_bits(run(layer, x, parameters), expected)


def strided(array):
    """A view with gaps and a step back in every axis, of an array that holds junk besides."""
    junk = np.full([2 * n for n in array.shape], np.nan if array.dtype.kind == "f" else -1)
    view = junk.astype(array.dtype)[tuple(slice(None, None, -2) for _ in array.shape)]
    view[...] = array
    return view


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "strided": strided,
    "byte-swapped": lambda array: array.astype(array.dtype.newbyteorder()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_memory_layout_will_do(row, layout):
    layer, turn = row.build(), LAYOUTS[layout]
    parameters = draw(layer)
    y, state, _, (dx, dstate0, gradients), _ = run(layer, row.x, parameters)
    turned = {name: turn(p) for name, p in parameters.items()}
    y2, state2, tape = layer.forward(turn(row.x), turned, None, LENGTHS)
    dstate = like(state, (turn(s) for s in flat(state)))
    dx2, d_state2, gradients2 = layer.backward(tape, turn(y), dstate)
    pairs = [(y2, y), *zip(flat(state2), flat(state), strict=True)]
    pairs += [*zip(flat(d_state2), flat(dstate0), strict=True)]
    pairs += [(gradients2[name], gradients[name]) for name in gradients]
    pairs += [] if dx is None else [(dx2, dx)]
    for given, expected in pairs:
        assert given.dtype == expected.dtype
        assert_close(given, expected, "layout")


def test_threads_may_share_a_layer(row):
    layer = row.build()
    parameters = draw(layer)
    inputs = [row.x[i:] for i in range(M)] * 4

    def work(x):
        y, state, tape = layer.forward(x, parameters)
        return y, state, layer.backward(tape, y, state)

    expected = [work(x) for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        assert same_bits(list(pool.map(work, inputs)), expected)


def test_layer_parameters_come_back_from_a_file(row, tmp_path):
    layer = row.build()
    parameters = draw(layer)
    save_arrays(tmp_path / "layer", parameters, {"layer": repr(layer)})
    loaded, config = load_arrays(tmp_path / "layer")
    assert config == {"layer": row.shown}
    assert list(loaded) == list(parameters)
    assert same_bits(loaded, parameters)
    assert same_bits(run(layer, row.x, loaded), run(layer, row.x, parameters))


def bad_calls(layer, x, parameters):
    """Calls that no layer accepts, by name."""
    y, _, tape = layer.forward(x, parameters)
    forward, backward = layer.forward, layer.backward
    of_parameters = {}
    if parameters:
        name, first = next(iter(parameters.items()))
        of_parameters = {
            "no parameters": lambda: forward(x, {}),
            "shape of a parameter": lambda: forward(x, parameters | {name: first[:, :-1]}),
            "dtype of a parameter": lambda: forward(x, parameters | {name: first.astype(int)}),
            "dtype of parameters": lambda: layer.init(np.random.default_rng(0), "float16"),
        }
    return of_parameters | {
        "axes of x": lambda: forward(x[0], parameters),
        "dtype of x": lambda: forward(x.astype(complex), parameters),
        "text for x": lambda: forward("x", parameters),
        "empty list": lambda: forward([], parameters),
        "lengths too long": lambda: forward(x, parameters, None, [T_X + 1] * M),
        "lengths too many": lambda: forward(x, parameters, None, [1] * (M + 1)),
        "features of dy": lambda: backward(tape, y[:, :, :-1]),
        "steps of dy": lambda: backward(tape, y[:, :-1]),
        "examples of dy": lambda: backward(tape, y[:-1]),
        "dtype of dy": lambda: backward(tape, y.astype(np.float64)),
        "list for dy": lambda: backward(tape, y.tolist()),
        "no tape": lambda: backward(None, y),
    }


def refusal(call):
    """What a call says when it refuses; None if it does not, or not with a sentence."""
    try:
        call()
    except BpttError as error:
        return str(error)
    return None


def test_bad_shapes_are_refused_with_given_and_expected(row):
    layer = row.build()
    refusals = {name: refusal(f) for name, f in bad_calls(layer, row.x, draw(layer)).items()}
    poor = {name: text for name, text in refusals.items() if not re.match(SENTENCE, text or "")}
    assert not poor


def test_every_public_layer_has_a_row():
    public = {name for name in layers.__all__ if name not in ("Layer", "Prepared")} | {"Network"}
    assert public == {name.split()[0] for name in LAYERS}


# Models


@pytest.fixture(params=MODELS, scope="module")
def model_row(request):
    return MODELS[request.param]


@pytest.fixture(scope="module")
def fitted(model_row):
    return model_row.build().fit(*model_row.data)


def test_model_is_shown_as_it_is_built(model_row):
    assert repr(model_row.build()) == model_row.shown


def test_model_keeps_its_hyperparameters(model_row, fitted):
    assert fitted.get_params() == model_row.build().get_params()
    assert repr(fitted) == model_row.shown


def test_model_built_and_fitted_twice_is_the_same(model_row, fitted):
    other = model_row.build()
    assert other.fit(*model_row.data) is other
    assert same_bits(other.parameters_, fitted.parameters_)
    assert model_row.outcomes(other) == model_row.outcomes(fitted)
    assert model_row.outcomes(fitted) == model_row.outcomes(fitted)


def test_model_comes_back_from_a_file(model_row, fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = bptt.load(tmp_path / "model")
    assert type(loaded) is type(fitted)
    assert repr(loaded) == repr(fitted)
    assert list(loaded.parameters_) == list(fitted.parameters_)
    assert same_bits(loaded.parameters_, fitted.parameters_)
    assert model_row.outcomes(loaded) == model_row.outcomes(fitted)


def test_model_refuses_what_makes_no_sense(model_row, tmp_path):
    with pytest.raises(BpttError, match=SENTENCE):
        model_row.build().fit(*model_row.bad_data)
    with pytest.raises(ConfigError, match=SENTENCE):
        model_row.build().set_params(**model_row.bad_setting).fit(*model_row.data)
    with pytest.raises(ConfigError, match=SENTENCE):
        model_row.build().set_params(no_such_setting=1)
    with pytest.raises(ConfigError, match=SENTENCE):
        model_row.build().save(tmp_path / "model")


def test_every_public_model_has_a_row():
    classes = (getattr(bptt, name) for name in bptt.__all__)
    public = {c.__name__ for c in classes if inspect.isclass(c) and issubclass(c, Model)}
    assert public == {name.split()[0] for name in MODELS}
