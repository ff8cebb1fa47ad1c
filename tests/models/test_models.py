"""The models that learn from sequences: what they read, what they say, what they refuse."""

import json

import numpy as np
import pytest

import bptt
from bptt import Forecaster, SequenceClassifier, SequenceRegressor, SequenceTagger, engine
from bptt.errors import BpttError, CheckpointError, ConfigError, ShapeError
from bptt.training.array_files import load_arrays, save_arrays
from tests.support.cases import copies, same_bits
from tests.support.model_cases import (
    LABELS,
    MIXED,
    MODELS,
    NUMBERS,
    SENTENCES,
    SERIES,
    SIGNS,
    STRINGS,
    TAGS,
    WAVE,
    WAVES,
    N,
)
from tests.support.tolerances import assert_close

SMALL = {"units": 4, "epochs": 1, "batch_size": 4}
QUIET = {"progress": "silent"}


@pytest.fixture(params=[name for name in MODELS if name != "LanguageModel"], scope="module")
def case(request):
    row = MODELS[request.param]
    return row, row.build().fit(*row.data, **QUIET)


def classifier(**settings):
    return SequenceClassifier(**SMALL, **settings).fit(SERIES, LABELS, **QUIET)


def alike(actual, expected):
    """Equal to the bit on the native engine, labels on every one; else as float32 is."""
    if np.asarray(actual).dtype.kind == "f" and engine.provider().name != "native":
        assert_close(np.asarray(actual, np.float32), expected, "rows")
    else:
        assert np.array_equal(actual, expected)


# Forms of X


def padded(sequences, junk=np.nan):
    lengths = [len(s) for s in sequences]
    X = np.full((len(sequences), max(lengths), *sequences[0].shape[1:]), junk)
    for row, s in zip(X, sequences, strict=True):
        row[: len(s)] = s
    return X, lengths


def test_a_padded_array_with_lengths_is_the_list():
    X, lengths = padded(SERIES)
    model = SequenceClassifier(**SMALL).fit(X, LABELS, lengths=lengths, **QUIET)
    expected = classifier()
    assert same_bits(model.parameters_, expected.parameters_)
    p = expected.predict_proba(SERIES)
    assert same_bits(model.predict_proba(X, lengths), p)
    assert same_bits(model.predict_proba(tuple(SERIES)), p)
    assert same_bits(model.predict_proba([s.tolist() for s in SERIES]), p)
    objects = np.empty(N, object)
    objects[:] = SERIES
    assert same_bits(model.predict_proba(objects), p)
    assert model.score(X, LABELS, lengths) == expected.score(SERIES, LABELS)


def test_one_axis_and_one_column_are_the_same():
    thin = [s[:, 0] for s in SERIES]
    model = SequenceClassifier(**SMALL).fit(thin, LABELS, **QUIET)
    assert same_bits(model.predict_proba(thin), model.predict_proba([s[:, :1] for s in SERIES]))
    assert model.n_features_in_ == 1


def test_a_table_is_a_sequence_a_row():
    X = np.random.default_rng(0).standard_normal((N, 5))
    model = SequenceClassifier(**SMALL).fit(X, LABELS, **QUIET)
    assert same_bits(model.predict_proba(X), model.predict_proba(X[:, :, np.newaxis]))


def test_integers_are_numbers_as_their_floats():
    X = [np.round(s).astype(int) for s in SERIES]
    model = SequenceClassifier(**SMALL).fit(X, LABELS, **QUIET)
    assert same_bits(model.predict_proba(X), model.predict_proba([x.astype(float) for x in X]))


@pytest.mark.parametrize("name", MODELS)
def test_data_is_left_alone(name):
    row = MODELS[name]
    before = copies(row.data)
    row.outcomes(row.build().fit(*row.data, **QUIET))
    assert same_bits(copies(row.data), before)


def test_features_are_scaled_by_the_steps_of_the_training_set():
    model = classifier()
    rows = np.concatenate(SERIES)
    assert_close(model.mean_, rows.mean(axis=0), "equations")
    assert_close(model.scale_, rows.std(axis=0), "equations")
    far = [1000 * s + 5 for s in SERIES]
    other = SequenceClassifier(**SMALL).fit(far, LABELS, **QUIET)
    assert_close(other.predict_proba(far), model.predict_proba(SERIES), "float32")
    plain = classifier(standardize=False)
    assert plain.mean_ is None
    held_out = SequenceClassifier(**SMALL, validation_fraction=0.5).fit(SERIES, LABELS, **QUIET)
    assert not np.allclose(held_out.mean_, model.mean_)


def test_a_constant_feature_is_no_trouble():
    X = [np.column_stack([s[:, 0], np.full(len(s), 1e6)]) for s in SERIES]
    model = SequenceClassifier(**SMALL).fit(X, LABELS, **QUIET)
    assert model.scale_[1] == 1
    assert np.isfinite(model.predict_proba(X)).all()


def test_categories_are_whatever_whole_numbers_they_are():
    names = {-3: 7, -2: -1, -1: 100, 0: 5, 1: 6, 2: 0, 3: 44}
    renamed = [x.copy() for x in MIXED]
    for x in renamed:
        x[:, 1] = [names[int(v)] for v in x[:, 1]]
    build = dict(SMALL, categories=[1])
    one = SequenceClassifier(**build).fit(MIXED, LABELS, **QUIET)
    assert one.parameters_["featureembedding0.column1.We"].shape == (8, 32)
    unseen = [x.copy() for x in MIXED]
    for x in unseen:
        x[:, 1] = 999
    lost = [x.copy() for x in MIXED]
    for x in lost:
        x[:, 1] = -12345
    assert same_bits(one.predict_proba(unseen), one.predict_proba(lost))  # one unknown
    assert not np.allclose(one.predict_proba(unseen), one.predict_proba(MIXED))
    tokens = [x[:, 1].astype(int) for x in MIXED]
    every = SequenceClassifier(**dict(SMALL, categories="all")).fit(tokens, LABELS, **QUIET)
    assert every.mean_ is not None
    assert every.parameters_["featureembedding0.column0.We"].shape == (8, 32)
    assert SequenceClassifier(**build).fit(renamed, LABELS, **QUIET).classes_.tolist() == [
        "down",
        "up",
    ]


def test_words_and_letters_that_were_never_seen_are_read():
    tagger = SequenceTagger(**SMALL).fit(SENTENCES, TAGS, **QUIET)
    assert tagger.vocabulary_ == ["a", "cat", "dog", "ran", "sat", "the", "there"]
    same, other = tagger.predict_proba([["zebra"], ["zebra"]]), tagger.predict_proba([["ibex"]])
    assert same_bits(same[0], same[1])
    assert not np.allclose(same[0], other[0])  # letters tell them apart
    blind = SequenceTagger(**SMALL, char_units=0).fit(SENTENCES, TAGS, **QUIET)
    assert same_bits(blind.predict_proba([["zebra"]]), blind.predict_proba([["ibex"]]))
    assert same_bits(blind.predict_proba([["CAT"]]), blind.predict_proba([["cat"]]))
    assert not np.allclose(tagger.predict_proba([["CAT"]]), tagger.predict_proba([["cat"]]))


def test_rare_words_are_the_unknown_word():
    sentences = [*SENTENCES[:-1], ["hapax", "cat", "sat", "there"]]
    tagger = SequenceTagger(**SMALL, char_units=0).fit(sentences, TAGS, **QUIET)
    assert "hapax" not in tagger.vocabulary_
    assert same_bits(tagger.predict_proba([["hapax"]]), tagger.predict_proba([["other"]]))


# What they say


@pytest.mark.parametrize("name", [n for n in MODELS if n.startswith("Sequence")])
def test_a_sequence_is_predicted_alone_as_among_others(name):
    row = MODELS[name]
    model, X = row.build().fit(*row.data, **QUIET), row.data[0]
    together = model.predict(X)
    for i, x in enumerate(X):
        alike(np.array(model.predict([x])[0]), np.array(together[i]))


def test_probabilities_are_those_of_the_classes():
    model = classifier()
    p = model.predict_proba(SERIES)
    assert p.shape == (N, 2)
    assert_close(p.sum(axis=1), np.ones(N), "equations")
    assert (model.predict(SERIES) == model.classes_[p.argmax(axis=1)]).all()
    assert model.score(SERIES, LABELS) == np.mean(model.predict(SERIES) == np.array(LABELS))


@pytest.mark.parametrize(
    "labels",
    [
        [i % 3 for i in range(N)],
        np.arange(N, dtype=np.int32) % 2 * 7 - 3,
        [i % 2 == 0 for i in range(N)],
        [float(i % 2) for i in range(N)],
        ["Ä" * (i % 3 + 1) for i in range(N)],
        np.array(["a", "b"] * 6, dtype=object),
        [5] * N,
    ],
)
def test_labels_of_every_kind_come_back(labels, tmp_path):
    model = SequenceClassifier(**SMALL).fit(SERIES, labels, **QUIET)
    assert model.classes_.tolist() == sorted(set(np.asarray(labels).tolist()))
    assert set(model.predict(SERIES).tolist()) <= set(np.asarray(labels).tolist())
    model.save(tmp_path / "m")
    loaded = bptt.load(tmp_path / "m")
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.predict(SERIES).tolist() == model.predict(SERIES).tolist()
    assert loaded.score(SERIES, labels) == model.score(SERIES, labels)


def test_models_learn():
    rng = np.random.default_rng(1)
    X = [rng.standard_normal((rng.integers(2, 9), 2)) for _ in range(60)]
    y = [int(x[:, 0].sum() > 0) for x in X]
    how = {"units": 16, "epochs": 40, "batch_size": 10, "learning_rate": 0.02, "cell": "gru"}
    for pooling in ("last", "mean", "max"):
        for both in (False, True):
            model = SequenceClassifier(**how, pooling=pooling, bidirectional=both)
            assert model.fit(X, y, **QUIET).score(X, y) > 0.93, (pooling, both)
    tags = [(x.cumsum(axis=0)[:, 0] > 0).astype(int) for x in X]
    assert SequenceTagger(**how).fit(X, tags, **QUIET).score(X, tags) > 0.93
    sums = [x.sum(axis=0) for x in X]
    assert SequenceRegressor(**how).fit(X, sums, **QUIET).score(X, sums) > 0.9


def test_class_weights_move_the_decision():
    y = ["rare" if i == 0 else "common" for i in range(N)]
    X = [np.zeros((3, 1))] * N  # nothing to tell them by
    how = dict(SMALL, epochs=150, learning_rate=0.05)
    plain = SequenceClassifier(**how).fit(X, y, **QUIET).predict_proba(X)[0]
    balanced = SequenceClassifier(**how, class_weight="balanced").fit(X, y, **QUIET)
    heavy = SequenceClassifier(**how, class_weight={"rare": 33.0}).fit(X, y, **QUIET)
    assert plain[1] == pytest.approx(1 / 12, abs=0.04)
    assert balanced.predict_proba(X)[0, 1] == pytest.approx(0.5, abs=0.1)
    assert heavy.predict_proba(X)[0, 1] == pytest.approx(0.75, abs=0.1)


def test_regression_does_not_depend_on_the_unit_of_the_target():
    one = SequenceRegressor(**SMALL).fit(SERIES, NUMBERS, **QUIET)
    far = SequenceRegressor(**SMALL).fit(SERIES, [1e6 * v - 5e7 for v in NUMBERS], **QUIET)
    assert_close(far.predict(SERIES), 1e6 * one.predict(SERIES) - 5e7, "float32")
    two = SequenceRegressor(**SMALL).fit(SERIES, [[v, 2 * v] for v in NUMBERS], **QUIET)
    assert two.predict(SERIES).shape == (N, 2)
    assert one.predict(SERIES).shape == (N,)


# Streams


@pytest.mark.parametrize("initial_state", ["zero", "learned"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_a_classifier_streams_what_it_says_of_each_beginning(pooling, initial_state):
    model = classifier(pooling=pooling, initial_state=initial_state, cell="gru")
    if initial_state == "learned":
        assert model.parameters_["gru0.a0"].any()
    x, other = SERIES[2], SERIES[10]
    stream = model.stream(2)
    for t in range(6):
        p = stream.step(np.stack([x[t], other[t]]))
        alike(p, model.predict_proba([x[: t + 1], other[: t + 1]]))
        if t == 2:
            kept, expected = stream.state, stream.step(np.stack([x[3], other[3]]))
            stream.state = kept
            assert same_bits(stream.step(np.stack([x[3], other[3]])), expected)
            stream.state = kept
    stream.reset()
    alike(stream.step(np.stack([x[0]] * 2)), model.predict_proba([x[:1]] * 2))


def test_taggers_and_regressors_stream_too():
    tagger = SequenceTagger(**SMALL, bidirectional=False).fit(SENTENCES, TAGS, **QUIET)
    stream, whole = tagger.stream(), tagger.predict_proba([["the", "newt", "sat"]])[0]
    for t, word in enumerate(["the", "newt", "sat"]):
        alike(stream.step([word])[0], whole[t])
    letters = SequenceClassifier(**SMALL).fit(STRINGS, LABELS, **QUIET)
    stream = letters.stream()
    for t, c in enumerate("anna"):
        alike(stream.step(c), letters.predict_proba(["anna"[: t + 1]]))
    numbers = SequenceRegressor(**SMALL).fit(SERIES, NUMBERS, **QUIET)
    alike(numbers.stream().step(SERIES[0][:1]), numbers.predict([SERIES[0][:1]]))


def test_streams_refuse():
    with pytest.raises(ConfigError, match="bidirectional; expected one direction"):
        classifier(bidirectional=True).stream()
    with pytest.raises(ShapeError, match=r"xt has shape \(1, 2\); expected \(1, 3\)"):
        classifier().stream().step(np.zeros((1, 2)))
    with pytest.raises(ConfigError, match="xt holds NaN at step 0, feature 1"):
        classifier().stream().step([[0.0, np.nan, 0.0]])
    tagger = SequenceTagger(**SMALL, bidirectional=False).fit(SENTENCES, TAGS, **QUIET)
    with pytest.raises(ShapeError, match="expected 2 of words, each a str"):
        tagger.stream(2).step(["one"])


# What they refuse


def fit(X=SERIES, y=LABELS, kind=SequenceClassifier, **settings):
    return lambda: kind(**SMALL, **settings).fit(X, y, **QUIET)


def said(X, method="predict", **settings):
    return lambda: getattr(classifier(**settings), method)(X)


def with_nan(i, t, j, value=np.nan):
    X = copies(SERIES)
    X[i][t, j] = value
    return X


BAD = [
    (
        fit([*SERIES[:7], np.zeros((4, 11)), *SERIES[8:]]),
        "SequenceClassifier.fit: X[7] has 11 features; expected 3, as X[0].",
    ),
    (said([SERIES[0], SERIES[1][:, :2]]), "predict: X[1] has 2 features; expected 3, as in fit."),
    (fit(with_nan(4, 2, 1)), "X[4] holds NaN at step 2, feature 1; expected finite numbers."),
    (fit(with_nan(4, 2, 1, -np.inf)), "X[4] holds inf at step 2, feature 1; expected finite"),
    (said(with_nan(0, 0, 2)), "SequenceClassifier.predict: X[0] holds NaN at step 0, feature 2"),
    (fit([]), "X has 0 sequence(s); expected a minimum of 1."),
    (fit(np.zeros(12)), "X has shape (12,); expected a list of sequences, or an array (m, T)"),
    (fit("text"), "X is a str; expected a list of sequences."),
    (fit({"a": 1}), "X is a dict; expected a list of sequences."),
    (fit([np.zeros((2, 0))] * N), "X[0] has 0 feature(s) (2, 0); expected a minimum of 1."),
    (fit([np.zeros((2, 2, 2))] * N), "X[0] has shape (2, 2, 2); expected (steps, features)."),
    (fit([[[1.0], [1.0, 2.0]]] * N), "X[0] is no array of numbers"),
    (
        fit([np.zeros((2, 2), complex)] * N),
        "X[0] cannot be read: Complex data not supported; expected",
    ),
    (fit([*SERIES[:-1], "text"]), "X[0] is a ndarray; expected a str, as the others are."),
    (fit([*STRINGS[:-1], SERIES[0]]), "X[11] is a ndarray; expected a str, as the others are."),
    (fit([*SENTENCES[:-1], "text"]), "X[11] is a str; expected a list of words, each a str."),
    (fit([*SENTENCES[:-1], ["a", 1]]), "X[11] holds 1; expected a list of words, each a str."),
    (said(STRINGS), "X[0] holds text; expected numbers, as in fit."),
    (fit(y=None), "requires y to be passed, but the target y is None; expected one target"),
    (fit(y=LABELS[:-1]), "y has 11 targets; expected 12, one for each sequence."),
    (fit(y=[0.5] * N), "y holds 0.5. Unknown label type: continuous numbers"),
    (fit(y=["a", 1] * 6), None),  # NumPy makes text of both
    (
        fit(y=[None, "a"] * 6),
        "y holds NoneType, str. Unknown label type; expected labels of one kind.",
    ),
    (fit(y=np.zeros((N, 2))), "y has shape (12, 2); expected one label each, (n,)."),
    (
        lambda: classifier().score(SERIES, [*LABELS[:-1], "sideways"]),
        "SequenceClassifier.score: y[11] is 'sideways'; expected one of 'down', 'up', the classes",
    ),
    (
        lambda: SequenceTagger(**SMALL).fit(SERIES, SIGNS, **QUIET).score(SERIES[:1], [[9] * 5]),
        "SequenceTagger.score: y[0][0] is 9; expected one of 0, 1, the classes",
    ),
    (fit(SENTENCES, TAGS[:-1], SequenceTagger), "y has 11 sequences of labels; expected 12."),
    (
        fit(SENTENCES, [*TAGS[:-1], ["D"]], SequenceTagger),
        "y[11] has 1 labels; expected 4, because X[11] has as many steps.",
    ),
    (fit(SENTENCES, LABELS, SequenceTagger), "y[0] is 'down'; expected a label for every step."),
    (fit(SERIES, [np.nan] * N, SequenceRegressor), "y holds NaN at step 0, feature 0; expected"),
    (fit(SERIES, LABELS, SequenceRegressor), "expected an array of real numbers"),
    (fit(categories=(3,)), "categories is (3,); expected columns in 0..2, as X[0] has."),
    (fit(categories=(0,)), "in column 0; expected whole numbers up to 2**24, because it holds"),
    (fit(STRINGS, categories=(0,)), "categories is (0,); expected None, because X holds char"),
    (fit(categories="some"), "categories is 'some'; expected None, 'all' or a list of columns."),
    (fit(class_weight={"left": 1.0}), "expected classes of y alone; 'left' is none of them."),
    (fit(class_weight={"up": -1.0}), "expected None, 'balanced' or a dict of class to weight"),
    (fit(class_weight={"up": 0, "down": 0}), "expected weights that are not all 0."),
    (fit(patience=2), "patience is 2; expected None where nothing is held out"),
    (fit([1e200 * s for s in SERIES]), "X holds numbers too large to square; expected < 1e150."),
    (said([1e200 * s for s in SERIES]), "X[0] holds numbers too large for float32"),
    (
        lambda: SequenceClassifier(**SMALL).fit(SERIES, LABELS, lengths=[1] * N, **QUIET),
        "lengths given with a list; expected none, as it has its own.",
    ),
    (
        lambda: SequenceClassifier(**SMALL).fit(SERIES, LABELS, validation=SERIES, **QUIET),
        "SequenceClassifier.fit, validation: it is a list; expected a pair (X, y).",
    ),
    (
        lambda: SequenceClassifier(**SMALL).fit(
            SERIES, LABELS, validation=(SERIES, ["left"] * N), **QUIET
        ),
        "SequenceClassifier.fit, validation: y[0] is 'left'; expected one of 'down', 'up'",
    ),
    (lambda: SequenceClassifier().predict(SERIES), "not fitted yet; expected fit or load first."),
]


@pytest.mark.parametrize(("call", "text"), BAD)
def test_what_makes_no_sense_is_refused(call, text):
    if text is None:
        call()
        return
    with pytest.raises(BpttError) as caught:
        call()
    assert text in str(caught.value)


def test_parameters_too_large_to_compute_with_are_said_to_be():
    model = classifier()
    model.parameters_["dense0.Wy"][:] = np.inf
    with pytest.raises(BpttError, match="predict: the result is not finite"):
        model.predict(SERIES)


# Validation


def test_early_stopping_keeps_the_best_parameters():
    how = dict(SMALL, epochs=30, learning_rate=0.1)
    model = SequenceClassifier(**how, patience=2)
    model.fit(SERIES, LABELS, validation=(SERIES[:4], ["up"] * 4), **QUIET)
    losses = [row["validation"] for row in model.history_]
    assert len(losses) < 30
    assert losses.index(min(losses)) == len(losses) - 3
    p = model.predict_proba(SERIES[:4])[:, 1]
    assert -np.log(p).mean() == pytest.approx(min(losses), rel=1e-5)


# Forecasters


def test_a_forecaster_beats_the_naive_forecast_on_a_wave():
    wave = np.sin(np.arange(600) / 5)
    for settings in (
        {},
        {"strategy": "recursive"},
        {"residual": "none"},
        {"residual": "target", "output": "gaussian"},
        {"output": "quantile"},
    ):
        model = Forecaster(
            window=30, horizon=8, units=16, epochs=15, batch_size=16, learning_rate=0.01, **settings
        ).fit(wave[:500], **QUIET)
        forecast, actual = model.backtest(wave[450:])
        naive = wave[450 + 29 : 450 + 29 + len(actual), np.newaxis, np.newaxis]
        error, floor = np.mean((forecast - actual) ** 2), np.mean((naive - actual) ** 2)
        assert error < 0.05 * floor, settings
        assert model.score(wave[450:]) > 0.9


def test_forecasts_come_in_the_units_and_the_shape_of_the_series():
    how = {"window": 12, "horizon": 3, **SMALL}
    one = Forecaster(**how).fit(WAVE, **QUIET)
    assert one.predict().shape == (3, 1)
    assert same_bits(one.predict(WAVE), one.predict())
    assert same_bits(one.predict(WAVE[-12:].tolist()), one.predict())
    far = Forecaster(**how).fit(1e4 * WAVE + 1e6, **QUIET)
    assert_close(far.predict(), 1e4 * one.predict() + 1e6, "float32")
    two = Forecaster(**how).fit([WAVES, WAVES[:40]], **QUIET)
    assert two.predict().shape == (2, 3, 2)
    assert two.predict(WAVES).shape == (3, 2)
    assert same_bits(two.predict([WAVES])[0], two.predict(WAVES))
    forecast, actual = two.backtest(WAVES, stride=5)
    assert forecast.shape == actual.shape == (14, 3, 2)
    assert np.array_equal(actual[1], WAVES[17:20])
    alike(forecast[1], two.predict(WAVES[5:17]))


@pytest.mark.parametrize(("season", "base"), [(1, WAVE[[79] * 5]), (4, WAVE[[76, 77, 78, 79, 76]])])
def test_an_untrained_network_of_zeros_says_the_naive_forecast(season, base):
    model = Forecaster(window=12, horizon=5, season=season, **SMALL).fit(WAVE, **QUIET)
    for p in model.parameters_.values():
        p[:] = 0
    assert_close(model.predict()[:, 0], base, "float32")


def test_a_drifted_series_looks_as_it_did():
    how = {"window": 12, "horizon": 3, **SMALL}
    shifted = {
        residual: Forecaster(**how, residual=residual).fit(WAVE, **QUIET)
        for residual in ("window", "target", "none")
    }
    change = {r: m.predict(WAVE + 10) - m.predict(WAVE) - 10 for r, m in shifted.items()}
    assert np.abs(change["window"]).max() < 1e-5
    assert np.abs(change["target"]).max() > 1e-3
    assert np.abs(change["none"]).max() > 1


@pytest.mark.parametrize("strategy", ["direct", "recursive"])
def test_gaussian_intervals_cover_what_they_say(strategy):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(1500)
    model = Forecaster(
        window=4, horizon=2, output="gaussian", strategy=strategy, residual="none", units=4,
        epochs=6, batch_size=32, learning_rate=0.01,
    ).fit(noise, **QUIET)  # fmt: skip
    lower, upper = model.predict_interval(coverage=0.8)
    assert lower.shape == upper.shape == (2, 1)
    assert np.allclose(upper - lower, 2 * 1.2816, atol=0.4)
    narrow = model.predict_interval(coverage=0.2)
    assert (narrow[1] - narrow[0] < upper - lower).all()
    assert same_bits(model.predict_interval(coverage=0.8), model.predict_interval(coverage=0.8))


def test_quantiles_are_quantiles():
    rng = np.random.default_rng(0)
    noise = rng.exponential(size=2000)
    model = Forecaster(
        window=2, output="quantile", levels=(0.1, 0.5, 0.9), residual="none", units=4, epochs=10,
        batch_size=32, learning_rate=0.01,
    ).fit(noise, **QUIET)  # fmt: skip
    lower, upper = model.predict_interval(coverage=0.8)
    assert lower[0, 0] == pytest.approx(-np.log(0.9), abs=0.1)
    assert model.predict()[0, 0] == pytest.approx(np.log(2), abs=0.15)
    assert upper[0, 0] == pytest.approx(-np.log(0.1), abs=0.4)


def test_forecasts_stream():
    model = Forecaster(window=12, horizon=3, **SMALL).fit(WAVES, **QUIET)
    stream = model.stream(2)
    for t in range(15):
        forecast = stream.step(np.stack([WAVES[t], WAVES[t + 20]]))
        assert forecast.shape == (2, 3, 2)
        if t < 11:
            assert np.isnan(forecast).all()
        else:
            ends = [WAVES[t - 11 : t + 1], WAVES[t + 9 : t + 21]]
            assert same_bits(forecast, model.predict(ends))
    kept = stream.state
    expected = stream.step(np.zeros((2, 2)))
    stream.state = kept
    assert same_bits(stream.step(np.zeros((2, 2))), expected)
    stream.reset()
    assert np.isnan(stream.step(np.zeros((2, 2)))).all()
    with pytest.raises(ShapeError, match=r"xt is \(2,\); expected \(2, 2\)"):
        stream.step(np.zeros(2))


def forecaster(X=WAVE, **settings):
    return lambda: Forecaster(**(SMALL | {"window": 12, "horizon": 3} | settings)).fit(X, **QUIET)


BAD_SERIES = [
    (forecaster(WAVE[:14]), "X has 14 steps; expected at least 15, window + horizon."),
    (forecaster([WAVE, WAVE[:14]]), "X[1] has 14 steps; expected at least 15, window + horizon."),
    (forecaster(WAVE[:16], validation_fraction=0.5), "X has 8 steps; expected at least 15, window"),
    (forecaster([WAVES, WAVE]), "X[1] has 1 features; expected 2, as X[0]."),
    (forecaster(np.where(WAVE > 1, np.nan, WAVE)), "X holds NaN at step"),
    (forecaster("sine"), "X is a str; expected a series of numbers."),
    (forecaster(None), "X is a NoneType; expected a series of numbers."),
    (forecaster(season=13), "season is 13; expected at most window = 12."),
    (forecaster(output="quantile", levels=(0.1, 0.9)), "levels is (0.1, 0.9); expected increasing"),
    (forecaster(output="quantile", strategy="recursive"), "output is 'quantile'; expected 'point'"),
    (forecaster(patience=1), "patience is 1; expected None where nothing is held out"),
    (lambda: forecaster()().predict(WAVE[:11]), "X has 11 steps; expected at least 12, a window."),
    (lambda: forecaster()().predict(WAVES), "X has 2 features; expected 1, as in fit."),
    (lambda: forecaster()().predict_interval(), "output is 'point'; expected 'gaussian' or"),
    (
        lambda: forecaster(output="gaussian")().predict_interval(coverage=1),
        "coverage is 1; expected a number in (0, 1).",
    ),
    (
        lambda: forecaster(output="quantile")().predict_interval(coverage=0.5),
        "expected one whose ends 0.25 and 0.75 are among the levels (0.05, 0.5, 0.95).",
    ),
]


@pytest.mark.parametrize(("call", "text"), BAD_SERIES)
def test_series_that_make_no_sense_are_refused(call, text):
    with pytest.raises(BpttError) as caught:
        call()
    assert text in str(caught.value)


# Files that lie


def junk():
    values = [None, -1, 0, 2**40, 1.5, float("1e308"), "x", "", [], [None], [1], {}, {"a": 1}, True]
    return [*values, [[]], ["a", "a"], [1e400], [[0, [3, 1]]], [[10**9, [1]]], [1, "a"]]


def places(tree, path=()):
    """Every place in a tree of dicts and lists, the first and last entries of lists."""
    yield path
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from places(value, (*path, key))
    elif isinstance(tree, list):
        for i in {0, len(tree) - 1} & set(range(len(tree))):
            yield from places(tree[i], (*path, i))


def changed(tree, path, value):
    if not path:
        return value
    tree = dict(tree) if isinstance(tree, dict) else list(tree)
    tree[path[0]] = changed(tree[path[0]], path[1:], value)
    return tree


def test_a_file_that_lies_is_refused_or_harmless(case, tmp_path):
    """Whatever stands in the place of one of its values, it loads, or is refused as a file."""
    row, model = case
    model.save(tmp_path / "model")
    arrays, config = load_arrays(tmp_path / "model")
    for part in ("fitted", "hyperparameters"):
        for k, path in enumerate(places(config[part], (part,))):
            for value in junk()[k % 6 :: 6]:  # all of them at every place take minutes
                try:
                    text = json.dumps(changed(config, path, value))
                    save_arrays(tmp_path / "forged", arrays, json.loads(text))
                except (ConfigError, ValueError):
                    continue  # no file can hold that
                try:
                    loaded = bptt.load(tmp_path / "forged")
                except CheckpointError:
                    continue
                try:
                    row.outcomes(loaded)
                except BpttError:
                    continue
