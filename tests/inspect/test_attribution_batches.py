"""Attribution of batches: parts, baselines, windows, passes; each sequence as if it were alone."""

import numpy as np
import pytest

from bptt import GRU, LSTM, RNN, Dense, LanguageModel, Network, SequenceClassifier, inspect
from bptt.errors import ConfigError, ShapeError
from bptt.inspect.parts import _spelled
from bptt.layers import Embedding, FeatureEmbedding
from bptt.models import SequenceTagger
from tests.inspect.test_attribution import METHODS, summing
from tests.support.sequence_models import QUIET

RNG = np.random.default_rng(7)
X = [RNG.normal(size=(n, 3)) for n in (6, 2, 11)]
LINEAR = METHODS[1:]


def network(layer=LSTM, **options):
    net = Network([layer(3, 4, **options), Dense(4 * (1 + ("bidirectional" in options)), 2)])
    rng = np.random.default_rng(1)
    p = {k: 2 * v for k, v in net.init(rng, np.float64).items()}
    for name in (k for k in p if k.split(".")[-1].startswith("b")):  # so that zeros move states
        p[name] = p[name] + 0.3 * rng.normal(size=p[name].shape)
    return net, p


def delay_line(lag):
    """A linear recurrence that returns its input `lag` steps later, and forgets it."""
    net = Network({"rnn": RNN(1, lag, cell="rnn_relu"), "dense": Dense(lag, 1)})
    p = {k: np.zeros_like(v) for k, v in net.init(np.random.default_rng(0), np.float64).items()}
    p["rnn.Wax"][0] = 1
    p["rnn.Waa"][np.arange(1, lag), np.arange(lag - 1)] = 1
    p["dense.Wy"][0, -1] = 1
    return net, p


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layer", [LSTM, GRU, RNN])
def test_ragged_batches_equal_passes_of_one_row(method, layer, monkeypatch):
    net, p = network(layer, bidirectional=True)
    found = inspect.attribute(net, X, p, method=method, steps=16)
    monkeypatch.setattr("bptt.inspect.passes.STEPS", 1)  # one row in a pass, and no padding
    again = inspect.attribute(net, X, p, method=method, steps=16)
    for value, own in zip(found.values, again.values, strict=True):
        np.testing.assert_allclose(value, own, atol=1e-12)
    if method not in ("permutation", "shapley"):  # which draw for each sequence
        for value, x in zip(found.values, X, strict=True):
            alone = inspect.attribute(net, [x], p, method=method, steps=16)
            np.testing.assert_allclose(value, alone.values[0], atol=1e-12)


def test_all_sequences_share_their_passes(monkeypatch):
    net, p = network()
    calls = []
    backward = Network.backward
    monkeypatch.setattr(Network, "backward", lambda *a, **k: calls.append(k) or backward(*a, **k))
    inspect.attribute(net, X, p, steps=64)
    assert calls == [{"parts": ()}]  # without the gradients of parameters
    monkeypatch.setattr("bptt.inspect.passes.STEPS", 33)  # 3 rows of the longest
    whole = inspect.attribute(net, X, p, steps=64)
    assert len(calls) - 1 <= 3 * 64
    monkeypatch.undo()
    for a, b in zip(whole.values, inspect.attribute(net, X, p).values, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("method", LINEAR)
def test_a_delay_line_points_to_the_step_before_its_lag(method):
    lag = 4
    net, p = delay_line(lag)
    x = [np.abs(RNG.normal(size=(n, 1))) + 0.1 for n in (9, 12)]
    found = inspect.attribute(net, x, p, method=method, per="step", seed=3)
    for value, own in zip(found.values, x, strict=True):
        assert np.nonzero(value)[0].tolist() == [len(own) - lag]
    earlier = inspect.attribute(net, x, p, method=method, per="step", step=6)
    assert all(np.nonzero(v)[0].tolist() == [6 - lag + 1] for v in earlier.values)


@pytest.mark.parametrize("method", LINEAR[:3])
def test_an_identity_recurrence_weighs_all_steps_alike(method):
    net, p = summing()
    x = np.ones((30, 2))
    value = inspect.attribute(net, [x], p, method=method, per="step").values[0]
    np.testing.assert_allclose(value, -1.0, atol=1e-9)  # 2 - 3, however far back


def test_parts_are_sums_of_values():
    net, p = network()
    found = {per: inspect.attribute(net, X, p, per=per) for per in ("value", "step", "feature")}
    groups = [np.arange(len(x)) // 2 for x in X]
    grouped = inspect.attribute(net, X, p, per=groups)
    for i, value in enumerate(found["value"].values):
        np.testing.assert_allclose(found["step"].values[i], value.sum(axis=1))
        np.testing.assert_allclose(found["feature"].values[i], value.sum(axis=0))
        np.testing.assert_allclose(grouped.values[i].sum(), value.sum())
        np.testing.assert_allclose(grouped.values[i][0], value[:2].sum())


def test_occlusion_of_a_feature_replaces_it_everywhere():
    net, p = network()
    value = inspect.attribute(net, X, p, method="occlusion", per="feature", target=1).values[2]
    y = net.forward(X[2][None], p)[0][0, -1, 1]
    for j in range(3):
        x = X[2].copy()
        x[:, j] = 0
        assert value[j] == pytest.approx(y - net.forward(x[None], p)[0][0, -1, 1])


def test_permutation_takes_parts_of_other_examples_and_is_seeded():
    """Of a linear network the change is the weight times the mean difference."""
    net, p = summing()
    x = [np.full((4, 2), v) for v in (0.0, 10.0, 20.0)]
    found = inspect.attribute(net, x, p, method="permutation", draws=400, per="step")
    np.testing.assert_allclose(found.values[0], (0 - 15) * -1.0, atol=1.0)  # of 10 and 20
    np.testing.assert_allclose(found.values[1], 0, atol=1.0)  # of 0 and 20
    same = [inspect.attribute(net, x, p, method="permutation", draws=2, seed=k) for k in (5, 5, 6)]
    assert all(map(np.array_equal, same[0].values, same[1].values))
    assert not all(map(np.array_equal, same[0].values, same[2].values))


def test_baselines_may_be_other_examples():
    net, p = network()
    other = RNG.normal(size=(11, 3))
    found = inspect.attribute(net, X, p, baseline=[other], target=0, steps=300)
    for i, x in enumerate(X):
        y = net.forward(np.stack([x, other[: len(x)]]), p)[0][:, -1, 0]
        assert found.values[i].sum() == pytest.approx(y[0] - y[1], abs=1e-4)
        assert found.baselines[i] == pytest.approx(y[1])
    drawn = inspect.attribute(net, X, p, baseline="example", draws=3, steps=300)
    assert np.abs(drawn.gaps).max() < 1e-3


@pytest.mark.parametrize("method", METHODS[2:])
def test_a_window_begins_with_the_state_of_the_sequence(method):
    """Its contribution is that of the steps before it, and the sum is the whole difference."""
    net, p = summing()
    x, w = np.arange(20.0).reshape(10, 2), np.array([2.0, -3.0])
    found = inspect.attribute(net, [x, x[:2]], p, method=method, window=3, baseline="zero")
    assert np.count_nonzero(found.values[0][:7]) == 0
    if method != "permutation":
        expected = x[7:] * w if method == "integrated_gradients" else x[7:] @ w
        np.testing.assert_allclose(found.values[0][7:], expected, atol=1e-9)
        before = (x[:7] @ w + 100).sum()  # with the bias
        np.testing.assert_allclose(found.starts, [before, 0], atol=1e-9)
        np.testing.assert_allclose(found.gaps, 0, atol=1e-9)


def test_the_state_and_the_window_of_an_lstm_add_up():
    net, p = network()
    found = inspect.attribute(net, X, p, window=4, steps=600)
    np.testing.assert_allclose(found.gaps, 0, atol=1e-4)
    assert found.starts[0] != 0
    assert found.starts[1] == 0
    for i, x in enumerate(X):
        state = net.forward(x[None, : max(0, len(x) - 4)], p)[1] if len(x) > 4 else None
        y = net.forward(x[None, -4:], p, state)[0][0, -1]
        assert found.outputs[i] == pytest.approx(y[found.targets[i]])
        zero = net.forward(np.zeros_like(x[None, -4:]), p)[0][0, -1]
        assert found.baselines[i] == pytest.approx(zero[found.targets[i]])


def test_columns_of_categories_get_the_sum_of_their_vectors():
    net = Network([FeatureEmbedding(3, {1: (4, 2)}), LSTM(4, 5), Dense(5, 2)])
    p = net.init(np.random.default_rng(0), np.float64)
    x = [RNG.normal(size=(n, 3)) for n in (3, 5)]
    for row in x:
        row[:, 1] = RNG.integers(0, 4, len(row))
    found = inspect.attribute(net, x, p, steps=200)
    assert [v.shape for v in found.values] == [(3, 3), (5, 3)]
    np.testing.assert_allclose(found.gaps, 0, atol=1e-5)
    changed = inspect.attribute(net, x, p, method="occlusion", per="value", target=0)
    own = {k.removeprefix("featureembedding0."): v for k, v in p.items()}
    vectors = net.layers["featureembedding0"].forward(x[0][None], own)[0]
    y = net.forward(x[0][None], p)[0][0, -1, 0]
    vectors[0, 1, 2:] = 0  # the numbers come first, then the vector of column 1
    above = Network(dict(list(net.layers.items())[1:]))
    without = above.forward(vectors, p)[0][0, -1, 0]
    assert changed.values[0][1, 1] == pytest.approx(y - without)
    base = np.array([0.0, 2.0, 0.0])  # a step of the input
    same = inspect.attribute(net, [np.tile(base, (4, 1))], p, baseline=base)
    np.testing.assert_array_equal(same.values[0], 0)


def test_words_of_a_language_model_get_the_sum_of_their_characters():
    text = "the cat sat on the mat. " * 20
    model = LanguageModel(units=8, embedding=4, seq_length=16, batch_size=4, epochs=1)
    model.fit(text, **QUIET)
    shown = "a cat  sat"
    by_character = inspect.attribute(model, shown, target=2)
    by_word = inspect.attribute(model, shown, target=2, per="word")
    assert by_character.values[0].shape == (10,)
    expected = [by_character.values[0][a:b].sum() for a, b in ((0, 2), (2, 7), (7, 10))]
    np.testing.assert_allclose(by_word.values[0], expected, atol=1e-9)
    gone = inspect.attribute(model, shown, target=2, per="word", method="permutation", seed=1)
    assert gone.values[0].shape == (3,)


def test_tokens_that_are_words_are_parts_of_their_own():
    text = "the cat sat on the mat . \n " * 20
    given = {"units": 4, "seq_length": 16, "batch_size": 4, "epochs": 1}
    model = LanguageModel(tokenizer="whitespace", **given).fit(text, **QUIET)
    found = [inspect.attribute(model, "the cat sat", per=per).values[0] for per in ("word", "step")]
    assert found[0].shape == (3,)
    np.testing.assert_array_equal(*found)
    model = LanguageModel(tokenizer="words", **given).fit(text, **QUIET)  # white space is a token
    tokens = inspect.tokens(model, "the cat sat")[0]
    found = [inspect.attribute(model, "the cat sat", per=per).values[0] for per in ("word", "step")]
    assert "".join(tokens) == "the cat sat"
    words = inspect.word_groups(tokens)
    assert words.tolist() == np.cumsum([t in ("cat", "sat") for t in tokens]).tolist()
    np.testing.assert_allclose(found[0], np.bincount(words, found[1]))
    spelled = _spelled(["\u0120the", "\u0120c", "at", "\u010a", "\u2581sat"])
    assert inspect.word_groups(spelled).tolist() == [0, 1, 1, 1, 2]
    assert inspect.word_groups(_spelled(["the", "c", "##at"])).tolist() == [0, 1, 1]
    assert inspect.word_groups("a").tolist() == [0]
    assert inspect.word_groups("").tolist() == []
    tagger = SequenceClassifier(units=3, epochs=1).fit([["a", "b"], ["b"]], [0, 1], **QUIET)
    assert inspect.attribute(tagger, [["a", "b", "b"]], per="word").values[0].shape == (3,)


def test_a_target_is_a_class_or_a_token_by_its_name():
    X = [RNG.normal(size=(n, 2)) for n in (4, 6, 5)]
    given = {"units": 3, "epochs": 1}
    model = SequenceClassifier(**given).fit(X, ["up", "down", "left"], **QUIET)
    found = inspect.attribute(model, X, target=["up", "down", "up"])
    same = inspect.attribute(model, X, target=[2, 0, 2])  # numbers of sorted classes
    assert found.targets.tolist() == [2, 0, 2]
    assert all(map(np.array_equal, found.values, same.values))
    with pytest.raises(
        ConfigError, match="target is 'sideways'; expected one of 'down', 'left', 'up'"
    ):
        inspect.attribute(model, X, target="sideways")
    numbered = SequenceClassifier(**given).fit(X, [1, 2, 5], **QUIET)
    assert inspect.attribute(numbered, X, target=2).targets.tolist() == [1, 1, 1]
    with pytest.raises(ConfigError, match=r"target is 0; expected one of 1, 2, 5\.$"):
        inspect.attribute(numbered, X, target=0)
    tagger = SequenceTagger(**given).fit(["ab", "b"], [["N", "V"], ["V"]], **QUIET)
    assert inspect.attribute(tagger, ["ab"], target="V", step=0).targets.tolist() == [1]
    language = LanguageModel(batch_size=1, **given).fit("abcabcabd" * 9, **QUIET)
    assert inspect.attribute(language, "abc", target="c").targets.tolist() == [3]
    with pytest.raises(ConfigError, match="target is 'x'; expected one of '\ufffd', 'a', 'b'"):
        inspect.attribute(language, "abc", target="x")


def test_a_target_for_each_sequence_at_a_step():
    net, p = network()
    tagged = inspect.attribute(net, X, p, step=1, target=[0, 1, 0])
    assert tagged.targets.tolist() == [0, 1, 0]
    assert all((v[2:] == 0).all() for v in tagged.values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per": "letter"}, "per is 'letter'; expected 'value'"),
        ({"per": "word"}, "X holds no text"),
        ({"per": [np.zeros(6, int)]}, "per has 1 arrays of groups; expected 3"),
        ({"per": [np.zeros(5, int)] * 3}, r"per\[0\] has the shape \(5,\)"),
        ({"window": 0}, "window is 0"),
        ({"draws": 0}, "draws is 0"),
        ({"target": [0, 1]}, "target has 2 values; expected one, or 3 of them"),
        ({"baseline": X[:2]}, "baseline has 2 sequences; expected 1, or 3"),
        ({"baseline": np.full(3, np.nan)}, "baseline has a value that is not finite"),
        ({"step": 4}, r"step is 4; expected one of the 2 steps of X\[1\]"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    net, p = network()
    with pytest.raises((ConfigError, ShapeError), match=message):
        inspect.attribute(net, X, p, **options)


def test_a_window_of_a_network_that_reads_backward_is_refused():
    net, p = network(bidirectional=True)
    with pytest.raises(ConfigError, match="window is given, and the network reads the whole"):
        inspect.attribute(net, X, p, window=2)
    pooled = SequenceClassifier(units=4, epochs=1).fit(X, [0, 1, 0], **QUIET)
    with pytest.raises(ConfigError, match="step is 1; expected the only output"):
        inspect.attribute(pooled, X, step=1)
    tokens = Network([Embedding(4, 2), LSTM(2, 3), Dense(3, 4)])
    p = tokens.init(np.random.default_rng(0))
    with pytest.raises(ConfigError, match="per is 'feature', and X holds tokens"):
        inspect.attribute(tokens, [np.array([1, 2])], p, per="feature")
