"""A fit that is refused or fails leaves the fitted model as it was; set_params changes the next."""

import copy
import json

import numpy as np
import pytest

import bptt
from bptt.errors import BpttError
from tests.support.cases import same_bits
from tests.support.model_cases import MODELS, WAVE
from tests.support.sequence_models import QUIET

every_model = pytest.mark.parametrize("name", MODELS)


def other_data(name, data):
    """Data from which a model would learn another encoder, other classes and other scales."""
    if name == "LanguageModel":
        return ("uvw xyz " * 60,)
    if name.startswith("Forecaster"):
        X = data[0]
        return ([3 * x + 7 for x in X] if isinstance(X, list) else 3 * np.asarray(X) + 7,)
    X, y = data
    X = [x if isinstance(x, (str, list)) else x + 5 for x in X]
    if name.startswith("SequenceRegressor"):
        return X, [np.multiply(2, v) for v in y]
    if isinstance(y[0], bool):
        return X, [f"new {v}" for v in y]
    new = "new" if isinstance(np.ravel(y[0])[0], str) else 99  # one class more
    return X, [[new] * len(y[0]) if name.startswith("SequenceTagger") else new, *y[1:]]


def raising(step):
    def on_step(progress):
        if progress.step == step:
            raise RuntimeError("the caller's own")

    return on_step


# What is wrong with a fit that must change nothing: hyper-parameters, arguments.
REASONS = {
    "hyper-parameter": ({"units": 0}, {}),
    "unknown schedule": ({"schedule": "step"}, {}),
    "patience": ({"patience": 2, "validation_fraction": 0.0}, {}),
    "progress": ({}, {"progress": "off"}),
    "resume": ({}, {"resume": "/nonexistent/model"}),
    "resume from a finished model": ({}, {"resume": "finished"}),
    "resume from another training": ({}, {"resume": "another"}),
    "checkpoint": ({}, {"checkpoint": "/nonexistent/model"}),
    "checkpoint in a file": ({}, {"checkpoint": "finished/model"}),
    "validation": ({}, {"validation": 3}),
    "first step": ({"learning_rate": 3e38, "optimizer": "sgd", "momentum": 0.0}, {"spoil": True}),
}


@every_model
def test_a_refused_fit_changes_nothing(name, tmp_path, monkeypatch):
    row = MODELS[name]
    model = row.build().fit(*row.data, **QUIET)
    before, parameters = row.outcomes(model), copy.deepcopy(model.parameters_)
    history, params = copy.deepcopy(model.history_), model.get_params()
    model.save(tmp_path / "finished")
    other = row.build().set_params(seed=5)
    other.fit(*other_data(name, row.data), checkpoint=tmp_path / "another", **QUIET)
    another = min(p for p in tmp_path.iterdir() if p.name.startswith("another-"))
    for reason, (settings, arguments) in REASONS.items():
        given = {k: v for k, v in (QUIET | arguments).items() if k != "spoil"}
        for key in {"resume", "checkpoint"} & set(given):
            place = another if given[key] == "another" else tmp_path / given[key]
            given[key] = place
        for data in (row.data, other_data(name, row.data)):
            model.set_params(**params | settings)
            with monkeypatch.context() as patch:
                if "spoil" in arguments:  # the gradient of the first step is not finite
                    patch.setattr("bptt.training.loop.global_norm", lambda g: np.inf)
                with pytest.raises(BpttError):
                    model.fit(*data, **given)
            assert row.outcomes(model) == before, reason
            assert same_bits(model.parameters_, parameters), reason
            assert model.history_ == history, reason
            model.save(tmp_path / "again")
            assert row.outcomes(bptt.load(tmp_path / "again")) == before, reason


@every_model
def test_data_that_is_refused_changes_nothing(name, tmp_path):
    row = MODELS[name]
    model = row.build().fit(*row.data, **QUIET)
    before = row.outcomes(model)
    with pytest.raises(BpttError):
        model.fit(*row.bad_data, **QUIET)
    with pytest.raises(BpttError):
        model.set_params(**row.bad_setting).fit(*row.data, **QUIET)
    assert row.outcomes(model) == before
    model.save(tmp_path / "m")
    assert row.outcomes(bptt.load(tmp_path / "m")) == before


@every_model
def test_a_training_that_ends_after_a_step_leaves_a_whole_model(name, tmp_path):
    """Parameters, encoder and targets are those of one training: the new one."""
    row = MODELS[name]
    model = row.build().fit(*row.data, **QUIET)
    new = other_data(name, row.data)
    with pytest.raises(RuntimeError):
        model.fit(*new, on_step=raising(2), **QUIET)
    fresh = row.build()
    fresh.fit(*new, on_step=lambda p: p.step == 2, **QUIET)
    assert same_bits(model.parameters_, fresh.parameters_)
    assert len(model.history_) == 1
    assert row.outcomes(model) == row.outcomes(fresh)
    model.save(tmp_path / "m")
    assert row.outcomes(bptt.load(tmp_path / "m")) == row.outcomes(fresh)


OTHERWISE = {
    "LanguageModel": {"units": 9, "embedding": 5, "tokenizer": "words", "max_vocabulary": 2},
    "Forecaster": {"window": 5, "horizon": 3, "residual": "none", "units": 9, "season": 2},
    "SequenceRegressor": {"units": 9, "pooling": "max", "standardize": False, "lowercase": False},
    "SequenceClassifier": {"units": 9, "pooling": "max", "char_units": 2, "lowercase": False},
    "SequenceTagger": {"units": 9, "bidirectional": False, "char_units": 2, "lowercase": False},
}


@every_model
def test_a_model_is_what_it_was_fitted_with_whatever_set_params_says(name, tmp_path):
    row = MODELS[name]
    model = row.build().fit(*row.data, **QUIET)
    fitted, before = model.get_params(), row.outcomes(model)
    model.set_params(**OTHERWISE[name.split()[0]])
    assert model.get_params() != fitted
    assert row.outcomes(model) == before
    model.save(tmp_path / "m")
    loaded = bptt.load(tmp_path / "m")
    assert json.dumps(loaded.get_params(), default=str) == json.dumps(fitted, default=str)
    assert row.outcomes(loaded) == before
    loaded.set_params(**OTHERWISE[name.split()[0]])
    assert row.outcomes(loaded) == before
    assert row.outcomes(copy.deepcopy(model)) == before


def test_a_list_that_is_changed_after_the_fit_changes_nothing(tmp_path):
    row = MODELS["SequenceClassifier mixed"]
    weights, columns = {0: 2.0, 2: 0.5}, [1]
    model = row.build().set_params(class_weight=weights, categories=columns)
    before = row.outcomes(model.fit(*row.data, **QUIET))
    weights[7] = -1.0
    columns.append(2)
    assert row.outcomes(model) == before
    model.save(tmp_path / "m")
    loaded = bptt.load(tmp_path / "m")
    assert loaded.class_weight == {0: 2.0, 2: 0.5}
    assert loaded.categories == [1]


def test_forecast_streams_and_intervals_keep_the_window_of_the_fit():
    settings = {"window": 8, "horizon": 2, "units": 4, "epochs": 1, "output": "quantile"}
    model = bptt.Forecaster(**settings).fit(WAVE, **QUIET)
    before = model.predict_interval(WAVE)
    model.set_params(window=20, horizon=5, levels=(0.3, 0.5, 0.7), output="gaussian")
    assert same_bits(model.predict_interval(WAVE), before)
    stream = model.stream()
    steps = [stream.step(v.reshape(1, 1)) for v in WAVE[-8:]]
    assert steps[-1].shape == (1, 2, 1)
    assert np.isfinite(steps[-1]).all()
    assert np.isnan(steps[-2]).all()


@every_model
def test_strict_floating_point_errors_of_the_caller_do_no_harm(name, tmp_path):
    row = MODELS[name]
    expected = row.outcomes(row.build().fit(*row.data, **QUIET))
    with np.errstate(all="raise"):
        model = row.build().fit(*row.data, checkpoint=tmp_path / "m", **QUIET)
        assert row.outcomes(model) == expected
        if not getattr(model, "bidirectional", False) and name != "LanguageModel":
            model.stream()
        if name.startswith("Sequence"):
            model.score(*row.data)
            model.partial_fit(*row.data)
        model.save(tmp_path / "whole")
        assert np.geterr()["under"] == "raise"
        bptt.load(tmp_path / "whole")


def test_underflow_is_no_error_of_a_caller_who_raises_it():
    """Probabilities of 0, and squares of small differences: both underflow."""
    X, y = MODELS["SequenceClassifier"].data
    X = [np.append(x, np.full((len(x), 1), 1e-170), axis=1) for x in X]
    X[0][:, 3] = 2e-170
    plain = bptt.SequenceClassifier(units=4, epochs=1).fit(X, y, **QUIET)
    with np.errstate(all="raise"):
        model = bptt.SequenceClassifier(units=4, epochs=1).fit(X, y, **QUIET)
        assert same_bits(model.parameters_, plain.parameters_)
        model.parameters_["dense0.Wy"] *= 1e5
        p = model.predict_proba(X)
        assert p.min() == 0
        assert model.score(X, y) >= 0
        with pytest.raises(FloatingPointError):  # what it would be without
            np.exp(np.float64(-1000))
