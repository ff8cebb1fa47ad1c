"""warm_start and partial_fit: go on from fitted parameters."""

import numpy as np
import pytest

import bptt
from bptt import Forecaster, LanguageModel, SequenceClassifier, SequenceRegressor, SequenceTagger
from bptt.errors import BpttError, ConfigError
from tests.support.cases import same_bits
from tests.support.model_cases import LABELS, MODELS, NUMBERS, SENTENCES, SERIES, TAGS, TEXT, WAVE
from tests.support.sequence_models import QUIET

SMALL = {"units": 4, "epochs": 2, "batch_size": 4}
every_model = pytest.mark.parametrize("name", MODELS)


@every_model
def test_fine_tuning_a_saved_model_is_three_lines(name, tmp_path):
    row = MODELS[name]
    row.build().fit(*row.data, **QUIET).save(tmp_path / "m")
    model = bptt.load(tmp_path / "m")
    start = {name: p.copy() for name, p in model.parameters_.items()}
    state = model.fitted_state()
    model.set_params(learning_rate=1e-12, optimizer="sgd", warm_start=True)
    model.fit(*row.data, **QUIET)
    assert model.fitted_state() == state  # vocabulary, classes, scaling
    assert same_bits(model.parameters_, start)  # with a step size of almost 0: still where it was
    again = model.set_params(learning_rate=0.01).fit(*row.data, **QUIET)
    assert any((p != start[n]).any() for n, p in again.parameters_.items())
    again.save(tmp_path / "again")
    assert row.outcomes(bptt.load(tmp_path / "again")) == row.outcomes(again)


@every_model
def test_an_unfitted_model_begins_and_a_plain_fit_begins_again(name):
    row = MODELS[name]
    expected = row.build().fit(*row.data, **QUIET)
    model = row.build().set_params(warm_start=True).fit(*row.data, **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)
    model.fit(*row.data, **QUIET)
    assert not same_bits(model.parameters_, expected.parameters_)
    model.set_params(warm_start=False).fit(*row.data, **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)


def test_encoder_and_scales_stay_those_of_the_model():
    c = SequenceClassifier(**SMALL, warm_start=True).fit(SERIES, LABELS, **QUIET)
    mean = c.mean_
    c.fit([x + 100 for x in SERIES], LABELS, **QUIET)
    assert same_bits(c.mean_, mean)
    r = SequenceRegressor(**SMALL, warm_start=True).fit(SERIES, NUMBERS, **QUIET)
    mean = r.y_mean_
    assert same_bits(r.fit(SERIES, [v + 9 for v in NUMBERS], **QUIET).y_mean_, mean)
    t = SequenceTagger(**SMALL, warm_start=True).fit(SENTENCES, TAGS, **QUIET)
    words = t.vocabulary_
    assert t.fit([["unseen", "words"]] * 3, [["D", "N"]] * 3, **QUIET).vocabulary_ == words
    f = Forecaster(**SMALL, window=8, warm_start=True).fit(WAVE, **QUIET)
    mean, scale = f.mean_, f.change_scale_
    f.fit(WAVE + 5, **QUIET)
    assert same_bits(f.mean_, mean)
    assert f.change_scale_ == scale
    assert f.context_[0, -1, 0] == WAVE[-1] + 5  # what predict() continues is the new series
    m = LanguageModel(**SMALL, seq_length=8, warm_start=True).fit(TEXT, **QUIET)
    letters = m.vocabulary_
    assert m.fit("xyz the cat " * 30, **QUIET).vocabulary_ == letters


@pytest.mark.parametrize(
    ("model", "data", "new", "settings", "text"),
    [
        (SequenceClassifier, (SERIES, LABELS), (SERIES, ["left"] * 12), {}, "'left'; expected one"),
        (
            SequenceClassifier,
            (SERIES, LABELS),
            None,
            {"units": 8},
            "units is 8; expected 4, as the",
        ),
        (SequenceClassifier, (SERIES, LABELS), None, {"cell": "gru"}, "cell is 'gru'; expected 'l"),
        (
            SequenceClassifier,
            (SERIES, LABELS),
            None,
            {"pooling": "max"},
            "because warm_start is Tr",
        ),
        (
            SequenceRegressor,
            (SERIES, NUMBERS),
            ([x[:, :2] for x in SERIES], NUMBERS),
            {},
            "has 2 features; expected 3, as in fit",
        ),
        (Forecaster, (WAVE,), (np.stack([WAVE, WAVE], 1),), {}, "X has 2 .*expected 1"),
        (Forecaster, (WAVE,), None, {"window": 9}, "window is 9; expected 48"),
        (LanguageModel, (TEXT,), (["one", "two"] * 20,), {}, "X is documents; expected one text"),
        (LanguageModel, (["one", "two"] * 20,), (TEXT,), {}, "X is one text; expected documents"),
        (LanguageModel, (TEXT,), None, {"tokenizer": "words"}, "tokenizer is 'words'; expected"),
    ],
)
def test_what_the_fitted_network_cannot_take_is_refused(model, data, new, settings, text):
    extra = {"seq_length": 8} if model is LanguageModel else {}
    fitted = model(**SMALL, **extra).fit(*data, **QUIET)
    before = {name: p.copy() for name, p in fitted.parameters_.items()}
    with pytest.raises(BpttError, match=text):
        fitted.set_params(warm_start=True, **settings).fit(*(new or data), **QUIET)
    assert same_bits(fitted.parameters_, before)


def test_dropout_and_everything_of_the_training_may_change():
    model = SequenceClassifier(**SMALL).fit(SERIES, LABELS, **QUIET)
    model.set_params(
        warm_start=True, dropout=0.1, input_dropout=0.1, optimizer="sgd", batch_size=3, epochs=1,
        validation_fraction=0.25, class_weight="balanced",
    )  # fmt: skip
    assert len(model.fit(SERIES, LABELS, **QUIET).history_) == 1


def test_a_warm_started_run_resumes_to_the_bit(tmp_path):
    SequenceClassifier(**SMALL).fit(SERIES, LABELS, **QUIET).save(tmp_path / "m")

    def warm(epochs):
        return bptt.load(tmp_path / "m").set_params(warm_start=True, epochs=epochs)

    y = LABELS[::-1]
    warm(2).fit(SERIES, y, checkpoint=tmp_path / "c", **QUIET)
    expected = warm(4).fit(SERIES, y, **QUIET)
    resumed = warm(4).fit(SERIES, y, resume=max(tmp_path.glob("c-*")), **QUIET)
    assert same_bits(resumed.parameters_, expected.parameters_)


# partial_fit


def test_partial_fit_is_one_pass_and_keeps_the_hyperparameters(tmp_path):
    model = SequenceClassifier(**SMALL | {"epochs": 7}, patience=3, validation_fraction=0.25)
    assert model.partial_fit(SERIES[:6], LABELS[:6], classes=["up", "down", "still"]) is model
    assert model.classes_.tolist() == ["down", "still", "up"]
    assert [row["step"] for row in model.history_] == [2]
    before = model.predict_proba(SERIES)
    model.partial_fit(SERIES[6:], LABELS[6:])
    assert (model.predict_proba(SERIES) != before).any()
    assert model.get_params()["epochs"] == 7
    assert not model.warm_start
    model.save(tmp_path / "m")
    loaded = bptt.load(tmp_path / "m")
    assert loaded.get_params() == model.get_params()
    loaded.partial_fit(SERIES, LABELS, sample_weight=[1.0] * 12)
    once = SequenceClassifier(**SMALL | {"epochs": 1}).fit(SERIES, LABELS, **QUIET)
    pass_ = SequenceClassifier(**SMALL).partial_fit(SERIES, LABELS, classes=["up", "down"])
    assert same_bits(pass_.parameters_, once.parameters_)


def test_partial_fit_of_the_other_models():
    assert SequenceRegressor(**SMALL).partial_fit(SERIES, NUMBERS).predict(SERIES).shape == (12,)
    tagger = SequenceTagger(**SMALL).partial_fit(SENTENCES, TAGS, classes=["D", "N", "V", "R", "X"])
    assert len(tagger.classes_) == 5
    model = LanguageModel(**SMALL, seq_length=8).partial_fit(TEXT)
    assert model.partial_fit(TEXT[::-1]).score(TEXT) < 0
    f = Forecaster(**SMALL, window=8).partial_fit(WAVE).partial_fit(WAVE)
    assert f.predict().shape == (1, 1)


def test_partial_fit_refuses_and_then_changes_nothing():
    with pytest.raises(ConfigError, match="partial_fit: classes is None; expected all classes"):
        SequenceClassifier(**SMALL).partial_fit(SERIES, LABELS)
    model = SequenceClassifier(**SMALL)
    model.partial_fit(SERIES, LABELS, classes=["up", "down"])
    before = model.predict_proba(SERIES)
    for X, y, classes in [
        (SERIES, ["left"] * 12, None),
        (SERIES, LABELS, ["up", "down", "left"]),
        (SERIES[:3], LABELS, None),
    ]:
        with pytest.raises(BpttError):
            model.partial_fit(X, y, classes=classes)
        assert same_bits(model.predict_proba(SERIES), before)
    model.partial_fit(SERIES, LABELS, classes=["down", "up"])


def test_passes_learn():
    model = SequenceClassifier(units=8, batch_size=4, learning_rate=0.02, cell="gru")
    for _ in range(25):
        model.partial_fit(SERIES, LABELS, classes=["up", "down"])
    assert model.score(SERIES, LABELS) > 0.9
