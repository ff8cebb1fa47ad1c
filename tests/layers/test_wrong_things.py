"""Public methods of layers, networks and streams refuse wrong things with errors of bptt's own.

Whatever is given in place of an argument, the result is an answer or a `BpttError` with a sentence:
never a TypeError, a ValueError or an AttributeError from inside.
"""

import re
import warnings

import numpy as np
import pytest

import bptt
from bptt import layers
from bptt.errors import BpttError
from tests.package.test_contract import LAYERS, LENGTHS, T_X, M, draw

SENTENCE = re.compile(r"^[A-Za-z]\S*( \S+)*?: .*[.]$", re.DOTALL)
RAGGED = np.array([[1.0, 2.0], [1.0]], dtype=object)
ARRAYS = [
    *(np.zeros(shape, "f4") for shape in ((), (0,), (1,), (M,), (M, T_X), (M, T_X, 99), (1,) * 5)),
    np.zeros((M, T_X, 3)),
    np.zeros((M, T_X, 3), int),
    np.zeros((M, 1), ">f4"),
    np.full((M, T_X), -1),
    np.array(["a"] * M),
    np.array([None] * M),
    np.array([True] * M),
    np.array([1j] * M),
    np.ma.masked_array([1.0, 2.0], [True, False]),
    RAGGED,
]
WRONG = [
    *(None, True, 0, -1, 1.5, 10**400, float("nan"), 1j, "abc", b"abc", "", object(), len, int),
    *((), (1,), (None,), (None, None), [], [[]], [[1], [2, 3]], [1.0, "a"], [None] * M, {}, {1: 2}),
    *({"Wf": None}, {"Wf": "abc"}, set(), range(3), iter([1]), np.float32(1), np.int64(2)),
    *((np.zeros((1, M, 4), "f4"),), (np.zeros((1, M, 4)),) * 2, [np.zeros((3, 3), "f4")] * M),
    *((np.zeros(()),), [np.zeros(())], ("a", "b"), [(np.zeros(3),)], ((), ()), ((), (), ())),
    *ARRAYS,
]


def answer_or_refusal(call, *args, **options):
    """Call; return None, or what is wrong with the error that was raised."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call(*args, **options)
    except BpttError as error:
        if not SENTENCE.match(str(error)):
            return f"{error}: not a sentence of an operation"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def faults_of(cases):
    found = []
    for what, call, args, options in cases:
        fault = answer_or_refusal(call, *args, **options)
        if fault:
            found.append(f"{what}: {fault}"[:300])
    return found


def short(value):
    return f"{type(value).__name__} {value!r}"[:60]


@pytest.fixture(params=LAYERS)
def row(request):
    return LAYERS[request.param]


def other_tapes(layer, x, parameters):
    """Tapes of other layers, and parts of the layer's own."""
    lstm, dense = bptt.LSTM(3, 2), bptt.Dense(3, 2)
    features = np.zeros((M, T_X, 3), "f4")
    own = layer.forward(x, parameters)[2]
    pool = layers.Pool(3, "mean")
    return [
        lstm.forward(features, draw(lstm))[2],
        dense.forward(features, draw(dense))[2],
        pool.forward(features, {})[2],
        layers.Dropout(3, 0.5).forward(features, {})[2],
        bptt.Network([lstm]).forward(features, {f"lstm0.{k}": p for k, p in draw(lstm).items()})[2],
        own[:-1],
        own[::-1],
        (*own, None),
        tuple(None for _ in own),
        list(own),
        own[0],
    ]


def test_forward_refuses_wrong_things(row):
    layer = row.build()
    p = draw(layer)
    cases = [(f"x={short(w)}", layer.forward, (w, p), {}) for w in WRONG]
    cases += [(f"parameters={short(w)}", layer.forward, (row.x, w), {}) for w in WRONG]
    cases += [
        (f"{name}={short(w)}", layer.forward, (row.x, {**p, name: w}), {})
        for name in list(p)[:2]
        for w in WRONG
    ]
    cases += [(f"state={short(w)}", layer.forward, (row.x, p, w), {}) for w in WRONG]
    cases += [(f"lengths={short(w)}", layer.forward, (row.x, p, None, w), {}) for w in WRONG]
    if layer.__class__.__name__ in ("LSTM", "GRU", "RNN", "Recurrent"):
        cases += [(f"table={short(w)}", layer.forward, (row.x, p), {"table": w}) for w in WRONG]
    assert faults_of(cases) == []


def test_backward_refuses_wrong_things(row):
    layer = row.build()
    p = draw(layer)
    y, _state, tape = layer.forward(row.x, p, None, LENGTHS)
    wrong = [*WRONG, *other_tapes(layer, row.x, p)]
    cases = [(f"tape={short(w)}", layer.backward, (w, y), {}) for w in wrong]
    cases += [(f"dy={short(w)}", layer.backward, (tape, w), {}) for w in WRONG]
    cases += [(f"dstate={short(w)}", layer.backward, (tape, y, w), {}) for w in WRONG]
    assert faults_of(cases) == []


def streams(layer):
    whole = (layers.Flatten, layers.Unflatten, layers.Repeat, layers.Reverse, layers.Windows)
    return not (getattr(layer, "bidirectional", False) or isinstance(layer, whole))


def test_step_refuses_wrong_things(row):
    layer = row.build()
    p, xt = draw(layer), row.x[:, 0]
    cases = [(f"xt={short(w)}", layer.step, (w, p, None), {}) for w in WRONG]
    cases += [(f"parameters={short(w)}", layer.step, (xt, w, None), {}) for w in WRONG]
    cases += [(f"state={short(w)}", layer.step, (xt, p, w), {}) for w in WRONG]
    assert faults_of(cases) == []


def test_streams_refuse_wrong_things(row):
    layer = row.build()
    p, xt = draw(layer), row.x[:, 0]
    cases = [(f"parameters={short(w)}", layer.stream, (w,), {}) for w in WRONG]
    cases += [(f"m={short(w)}", layer.stream, (p, w), {}) for w in WRONG if w is not True]
    assert faults_of(cases) == []
    if not streams(layer):
        return
    stream = layer.stream(p, M)
    before, expected = stream.state, layer.stream(p, M).step(xt)

    def set_state(w):
        stream.state = w

    cases = [(f"xt={short(w)}", stream.step, (w,), {}) for w in WRONG]
    cases += [(f"state={short(w)}", set_state, (w,), {}) for w in WRONG]
    assert faults_of(cases) == []
    stream.state = before  # what was refused has left it as it was
    np.testing.assert_array_equal(stream.step(xt), expected)
    stream.reset()
    np.testing.assert_array_equal(stream.step(xt), expected)


@pytest.mark.parametrize(
    "build",
    [
        bptt.RNN,
        bptt.LSTM,
        bptt.GRU,
        bptt.Dense,
        bptt.Embedding,
        layers.Dropout,
        layers.Pool,
        layers.FeatureEmbedding,
        lambda a, b: layers.Recurrent(a, 3, b),
        lambda a, b: layers.Recurrent("lstm", 3, b, n_layers=a),
        lambda a, b: layers.WordEmbedding(9, 2, 9, a, b),
    ],
)
def test_constructors_refuse_wrong_things(build):
    cases = [(f"first={short(w)}", build, (w, 2), {}) for w in WRONG]
    cases += [(f"second={short(w)}", build, (3, w), {}) for w in WRONG]
    found = faults_of(cases)
    assert found == []


def test_networks_refuse_wrong_things():
    cases = [(f"layers={short(w)}", bptt.Network, (w,), {}) for w in WRONG]
    cases += [(f"layer={short(w)}", bptt.Network, ([bptt.LSTM(3, 4), w],), {}) for w in WRONG]
    cases += [
        (f"initial={short(w)}", bptt.Network, ([bptt.LSTM(3, 4)],), {"initial_state": w})
        for w in WRONG
    ]
    assert faults_of(cases) == []


def test_init_refuses_wrong_things(row):
    layer, rng = row.build(), np.random.default_rng(0)
    cases = [(f"rng={short(w)}", layer.init, (w,), {}) for w in WRONG]
    cases += [(f"dtype={short(w)}", layer.init, (rng, w), {}) for w in WRONG if w is not None]
    assert faults_of(cases) == []
