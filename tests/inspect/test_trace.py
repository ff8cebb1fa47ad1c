"""Traces: exact values by name, ragged as alone, for every model; bad input in a sentence."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

from bptt import Forecaster, LanguageModel, Network, SequenceClassifier, inspect
from bptt.errors import ConfigError, ShapeError
from bptt.layers import (
    GRU,
    LSTM,
    RNN,
    Dense,
    Embedding,
    Flatten,
    Pool,
    Recurrent,
    Repeat,
    Unflatten,
    Windows,
)
from tests.cells import OWN

RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 3)).astype(np.float32) for n in (5, 2, 9)]


def counter():
    """An LSTM whose cell adds its input: gates open, candidate tanh(x)."""
    network = Network([LSTM(1, 1)])
    p = {k: np.zeros_like(v) for k, v in network.init(np.random.default_rng(0)).items()}
    for gate in "fio":
        p[f"lstm0.b{gate}"][:] = 100
    p["lstm0.Wc"][0, 1] = 1
    return network, p


def test_a_counter_counts():
    network, p = counter()
    x = np.full((1, 6, 1), np.arctanh(0.5), np.float32)
    found = inspect.trace(network, x, p)
    assert np.allclose(found["lstm0.c"][0][:, 0], 0.5 * np.arange(1, 7))
    assert np.allclose(found.flat("lstm0.ft"), 1)
    assert found.layers == ("lstm0",)


def cifg(n_x, n_a, **options):
    return Recurrent("lstm_cifg", n_x, n_a, **options)


@pytest.mark.parametrize("layer", [LSTM, GRU, RNN, cifg])
def test_ragged_equals_alone_and_gates_follow_from_pre_activations(layer):
    network = Network([layer(3, 4, n_layers=2, bidirectional=True), Dense(8, 2)])
    p = network.init(np.random.default_rng(1))
    found = inspect.trace(network, X, p, names="*")
    for i, x in enumerate(X):
        alone = inspect.trace(network, [x], p, names="*")
        assert alone.names == found.names
        for name in found:
            assert np.allclose(found[name][i], alone[name][0], atol=1e-6), name
    sigmoid = {"ft", "it", "ot", "ut", "rt"}
    pairs = [(n, n.replace(".z", ".")) for n in found if ".z" in n]
    assert pairs
    for z, gate in pairs:
        g = (lambda v: 1 / (1 + np.exp(-v))) if gate.split(".")[-1] in sigmoid else np.tanh
        assert np.allclose(g(found.flat(z)), found.flat(gate), atol=1e-5), z


ROWS = {  # of each name, for sequences of 12, 0, 1 and 9 steps
    (Windows(3, 3, stride=2, padding="same"), LSTM(9, 4)): {"windows0.y": [6, 0, 1, 5]},
    (LSTM(3, 4), Windows(4, 2)): {"lstm0.c": [12, 0, 1, 9], "windows0.y": [11, 0, 0, 8]},
    (LSTM(3, 4), Pool(4), Repeat(4, 5), GRU(4, 2)): {"pool0.y": [1] * 4, "gru0.ut": [5] * 4},
    (Unflatten(3, 3), RNN(1, 2)): {"rnn0.a": [36, 0, 3, 27]},
    (LSTM(3, 4), Flatten(4, 12)): {"lstm0.a": [12, 0, 1, 9], "flatten0.y": [1] * 4},
}


@pytest.mark.parametrize("layers", ROWS, ids=lambda layers: type(layers[-1]).__name__)
def test_layers_may_have_other_steps_than_the_data(layers, tmp_path):
    network = Network(list(layers))
    p = network.init(np.random.default_rng(2), np.float64)
    x = RNG.normal(size=(4, 12, 3))
    lengths = [12, 0, 1, 9]
    found = inspect.trace(network, x, p, lengths=lengths)
    for name, rows in ROWS[layers].items():
        assert [len(a) for a in found[name]] == rows
        assert np.diff(found.offsets(name)).tolist() == rows
        assert not found.by_step(name) or rows == lengths
    copied = inspect.trace(network, x, p, lengths=lengths, names="*", out=tmp_path)
    y = network.forward(x, p, lengths=lengths)[0]
    last = f"{list(network.layers)[-1]}.y"
    for name in found:
        for a, b in zip(found[name], copied[name], strict=True):
            np.testing.assert_array_equal(a, b)
    for row, own in zip(y, found[last], strict=True):
        np.testing.assert_array_equal(row[: len(own)], own)
    assert np.isfinite(inspect.gradient_flow(network, x, p, lags=2).norms).all()


def test_pooled_rows_are_one_a_sequence_even_where_all_steps_are_as_many():
    network = Network([LSTM(3, 4), Pool(4)])
    p = network.init(np.random.default_rng(2), np.float64)
    found = inspect.trace(network, [np.ones((2, 3)), np.ones((0, 3))], p)
    assert [len(a) for a in found["pool0.y"]] == [1, 1]
    many = inspect.trace(network, [np.ones((0, 3))] * 100 + [np.ones((2, 3))], p)
    assert [len(a) for a in many["pool0.y"]] == [1] * 101


def test_a_long_text_is_traced_in_windows_and_written_to_files(tmp_path, monkeypatch):
    network = Network([Embedding(5, 3), LSTM(3, 4), Dense(4, 5)])
    p = network.init(np.random.default_rng(2))
    ids = [RNG.integers(0, 5, n) for n in (40, 7)]
    whole = inspect.trace(network, ids, p, names="*")
    monkeypatch.setitem(inspect.Trace.save.__globals__, "WINDOW", 16)
    cut = inspect.trace(network, ids, p, names="*", out=tmp_path)
    for name in whole:
        assert np.allclose(whole.flat(name), cut.flat(name), atol=1e-6), name
    assert np.array_equal(np.load(tmp_path / "lstm0.c.npy"), cut.flat("lstm0.c"))
    cut.save(tmp_path / "all.npz")
    assert np.array_equal(np.load(tmp_path / "all.npz")["lstm0.ft"], cut.flat("lstm0.ft"))
    with pytest.raises(ConfigError, match=r"out='DIRECTORY'"):
        inspect.trace(network, ids, p, limit=100)


def test_every_model_is_traced_and_its_outputs_are_the_models():
    y = [0, 1, 0]
    m = SequenceClassifier(units=3, epochs=1, validation_fraction=0).fit(X, y, progress="silent")
    found = inspect.trace(m, X)
    logits = np.concatenate(found["dense0.y"])
    assert np.allclose(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), m.predict_proba(X))
    assert [len(a) for a in found["lstm0.c"]] == [5, 2, 9]
    text = "hello world " * 30
    lm = LanguageModel(units=4, epochs=1, batch_size=2, seq_length=8).fit(text, progress="silent")
    assert inspect.trace(lm, text).flat("lstm0.a").shape == (len(text), 4)
    f = Forecaster(units=3, epochs=1, window=6, horizon=1).fit(np.arange(60.0), progress="silent")
    assert inspect.trace(f, np.arange(20.0)).flat("lstm0.a").shape == (6, 3)


@pytest.mark.parametrize(
    ("model", "x", "named", "message"),
    [
        (SequenceClassifier(), X, {}, "not fitted"),
        (counter()[0], X, {}, "parameters is None"),
        (counter()[0], [], {"parameters": counter()[1]}, "no step at all"),
        (counter()[0], [np.full((2, 1), np.nan)], {"parameters": counter()[1]}, "step 0"),
        (counter()[0], np.ones((1, 2, 1), np.float32),
         {"parameters": counter()[1], "names": "lstm9.c"}, r"lstm0\.c"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(model, x, named, message):
    with pytest.raises(ConfigError, match=message) as raised:
        inspect.trace(model, x, **named)
    assert str(raised.value).startswith("trace: ")


def test_an_own_cell_shows_the_pre_activations_that_its_record_names():
    own = OWN["mingru"]

    class Cache(NamedTuple):
        a_next: np.ndarray
        ut: np.ndarray
        zut: np.ndarray
        kept: tuple

    def recurrence(xt, a_prev, p):
        a_next, kept = own.recurrence(xt, a_prev, p)
        return a_next, Cache(a_next, kept.ut, p["Wu"] @ xt + p["bu"], kept)

    cell = dataclasses.replace(
        own, name="shown", gates=("ut", "zut"), cache=Cache, recurrence=recurrence,
        backward=lambda da, cache: own.backward(da, cache.kept),
    )  # fmt: skip
    network = Network([Recurrent(cell, 3, 4), Dense(4, 1)])
    p = network.init(np.random.default_rng(0), np.float64)
    found = inspect.trace(network, [x.astype(float) for x in X], p, names="recurrent0.*ut")
    assert found.names == ("recurrent0.ut", "recurrent0.zut")
    z = found.flat("recurrent0.zut")
    np.testing.assert_allclose(found.flat("recurrent0.ut"), 1 / (1 + np.exp(-z)))


def test_what_padding_holds_is_in_no_trace_and_no_gradient():
    network = Network([LSTM(3, 4, bidirectional=True), Dense(8, 2)])
    p = network.init(np.random.default_rng(1))
    padded, lengths = np.full((3, 9, 3), np.nan, np.float32), [len(x) for x in X]
    for row, x in zip(padded, X, strict=True):
        row[: len(x)] = x
    for function in (inspect.trace, lambda *a, **o: inspect.gradients(a[0], a[1], 1, a[2], **o)):
        found, expected = function(network, padded, p, lengths=lengths), function(network, X, p)
        assert found.lengths.tolist() == lengths
        for name in expected:
            np.testing.assert_array_equal(found.flat(name), expected.flat(name))
    with pytest.raises(ShapeError, match="lengths has 3 values; expected 3, each within X"):
        inspect.trace(network, padded, p, lengths=[5, 2, 10])
