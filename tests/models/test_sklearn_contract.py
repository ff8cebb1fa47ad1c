"""scikit-learn's contract: which of its checks apply to sequence input, and that they pass.

`check_estimator` gives its estimators tables (n, p). A row of a table is, to these models, a
sequence of p steps of one value, so that its checks run as they are on the models with one target a
sequence. What does not apply, because p is a number of steps and not of features:

=======================================  =========================================================
check                                    why not
=======================================  =========================================================
check_n_features_in                      ``n_features_in_`` is of a step: 1 here, not p
check_n_features_in_after_fitting        the same
check_classifiers_train                  wants other lengths than in `fit` refused: they are the
                                         point; its other parts are tested below
check_estimators_partial_fit_n_features  the same
check_sample_weight_equivalence_*        wants a weight of 2 to be a sequence given twice: so it is
                                         in one batch of all (tested in `test_training_sets`), not
                                         where the order of the batches is drawn
check_supervised_y_2d                    wants scikit-learn's own DataConversionWarning for labels
                                         in one column, which are taken as they are
check_methods_subset_invariance,         on the NumPy engine alone: BLAS sums float32 in an order
check_methods_sample_order_invariance    that depends on the batch, more than 1e-7 apart
check_array_api_input                    skipped by scikit-learn itself, where SciPy's switch is off
*_data_not_an_array                      skipped where pandas is missing
=======================================  =========================================================

The checks that look at the constructor alone run on every model, language model and forecaster
included. The others are done below on lists of arrays of different lengths, strings and words.
"""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.validation import check_is_fitted

from bptt import (
    Forecaster,
    LanguageModel,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
    engine,
)
from bptt.errors import BpttError
from tests.support.cases import copies, same_bits
from tests.support.model_cases import LABELS, MODELS, NUMBERS, SERIES, STRINGS, WAVE, N

SMALL = {"units": 4, "epochs": 1, "batch_size": 4}
QUIET = {"progress": "silent"}
LEARNS = {"cell": "gru", "units": 16, "epochs": 40, "learning_rate": 0.03, "batch_size": 32}
NOT_APPLICABLE = {
    "check_n_features_in": "n_features_in_ is of a step",
    "check_n_features_in_after_fitting": "n_features_in_ is of a step",
    "check_classifiers_train": "sequences may be longer or shorter than in fit",
    "check_estimators_partial_fit_n_features": "n_features_in_ is of a step",
    "check_sample_weight_equivalence_on_dense_data": "batches of the one are not the other's",
    "check_supervised_y_2d": "labels in one column are taken without a warning",
}
SUPERVISED = [n for n in MODELS if n.startswith(("SequenceC", "SequenceR", "SequenceT"))]
every_model = pytest.mark.parametrize("name", MODELS)
every_supervised = pytest.mark.parametrize("name", SUPERVISED)


# scikit-learn's own


@pytest.mark.filterwarnings("ignore")  # the checks' own
@pytest.mark.parametrize("kind", [SequenceClassifier, SequenceRegressor])
@pytest.mark.slow
def test_check_estimator(kind):
    results = estimator_checks.check_estimator(kind(**LEARNS), on_fail=None, on_skip=None)
    by_status = {
        status: {r["check_name"] for r in results if r["status"] == status}
        for status in ("passed", "failed", "skipped")
    }
    excused = set(NOT_APPLICABLE)
    if engine.provider().name != "native":
        excused |= {"check_methods_subset_invariance", "check_methods_sample_order_invariance"}
    assert by_status["failed"] <= excused, [
        (r["check_name"], r["exception"]) for r in results if r["status"] == "failed"
    ]
    needs_pandas = {f"check_{n}_data_not_an_array" for n in ("classifier", "regressor")}
    assert by_status["skipped"] <= {"check_array_api_input"} | needs_pandas
    assert len(by_status["passed"]) >= 40
    table = (NOT_APPLICABLE.keys() & {r["check_name"] for r in results}) - by_status["failed"]
    assert table <= {"check_supervised_y_2d"}  # else the table is out of date


OF_THE_CONSTRUCTOR = [
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_mixin_order",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", OF_THE_CONSTRUCTOR)
@every_model
def test_checks_of_the_constructor(name, check):
    getattr(estimator_checks, check)(name, MODELS[name].build())


# The others, on sequences


@every_model
def test_clone_is_unfitted_and_equal(name):
    row = MODELS[name]
    model = row.build().fit(*row.data, **QUIET)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not [a for a in vars(copy) if a.endswith("_")]
    check_is_fitted(model)
    with pytest.raises(NotFittedError):
        check_is_fitted(copy)
    assert row.outcomes(copy.fit(*row.data, **QUIET)) == row.outcomes(model)


@every_model
def test_fit_returns_self_and_leaves_the_hyperparameters(name):
    row = MODELS[name]
    model = row.build()
    before = deepcopy(model.get_params())
    assert model.fit(*row.data, **QUIET) is model
    assert model.get_params() == before


@every_model
def test_asking_changes_nothing(name):
    row = MODELS[name]
    model = row.build().fit(*row.data, **QUIET)
    first = row.outcomes(model)
    parameters, attributes = copies(model.parameters_), set(vars(model))
    assert row.outcomes(model) == first
    assert same_bits(copies(model.parameters_), parameters)
    assert set(vars(model)) == attributes


@every_model
def test_fitting_again_begins_anew(name):
    row = MODELS[name]
    model = row.build().fit(*row.data, **QUIET)
    first = row.outcomes(model)
    model.set_params(seed=7).fit(*row.data, **QUIET)
    assert row.outcomes(model) != first
    assert row.outcomes(model.set_params(seed=0).fit(*row.data, **QUIET)) == first


@every_model
def test_pickle(name):
    row = MODELS[name]
    model = row.build().fit(*row.data, **QUIET)
    assert row.outcomes(pickle.loads(pickle.dumps(model))) == row.outcomes(model)


@every_supervised
def test_unfitted_models_say_so(name):
    row = MODELS[name]
    for method in ("predict", "predict_proba"):
        ask = getattr(row.build(), method, None)
        if ask is not None:
            with pytest.raises(NotFittedError, match="expected fit or load first"):
                ask(row.data[0])
            with pytest.raises(BpttError):
                ask(row.data[0])


@every_supervised
def test_the_order_of_the_sequences_does_not_matter(name):
    row = MODELS[name]
    X = row.data[0]
    model = row.build().fit(*row.data, **QUIET)
    order = np.random.default_rng(0).permutation(N)
    turned = model.predict([X[i] for i in order])
    expected = model.predict(X)
    assert all(np.array_equal(turned[k], expected[i]) for k, i in enumerate(order))


@every_supervised
def test_a_pipeline_of_the_model_alone_is_the_model(name):
    row = MODELS[name]
    model = row.build().fit(*row.data, **QUIET)
    pipeline = make_pipeline(row.build())
    step = pipeline.steps[0][0]
    pipeline.fit(*row.data, **{f"{step}__progress": "silent"})
    X, y = row.data
    assert pipeline.score(X, y) == model.score(X, y)
    assert all(map(np.array_equal, pipeline.predict(X), model.predict(X)))


@every_supervised
def test_y_is_required(name):
    row = MODELS[name]
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        row.build().fit(row.data[0])


def test_tags():
    assert is_classifier(SequenceClassifier())
    assert is_regressor(SequenceRegressor())
    for model in (SequenceTagger(), Forecaster()):
        assert not is_classifier(model)
        assert not is_regressor(model)
    assert get_tags(SequenceTagger()).target_tags.required
    assert not get_tags(Forecaster()).target_tags.required


def turned(sequences):
    return [2 * s for s in sequences]


def test_pipelines_with_a_step_before():
    steps = [("turn", FunctionTransformer(turned)), ("model", SequenceClassifier(**SMALL))]
    pipeline = Pipeline(steps).fit(SERIES, LABELS, model__progress="silent")
    alone = SequenceClassifier(**SMALL).fit(turned(SERIES), LABELS, **QUIET)
    assert same_bits(pipeline.predict_proba(SERIES), alone.predict_proba(turned(SERIES)))
    pipeline.set_params(model__units=5)
    assert pipeline.get_params()["model__units"] == 5


@pytest.mark.parametrize(
    ("model", "X", "y"),
    [
        (SequenceClassifier(**SMALL), SERIES, LABELS),
        (SequenceClassifier(**SMALL), STRINGS, LABELS),
        (SequenceRegressor(**SMALL), SERIES, NUMBERS),
        (SequenceTagger(**SMALL), *MODELS["SequenceTagger"].data),
    ],
)
def test_cross_validation(model, X, y):
    scores = cross_val_score(model, X, y, cv=3, params=QUIET, error_score="raise")
    assert scores.shape == (3,)
    parts = KFold(3).split(X)
    by_hand = [
        clone(model)
        .fit([X[i] for i in a], [y[i] for i in a], **QUIET)
        .score([X[i] for i in b], [y[i] for i in b])
        for a, b in parts
    ]
    again = cross_val_score(model, X, y, cv=KFold(3), params=QUIET)
    assert again.tolist() == by_hand


def test_searches():
    grid = {"units": [3, 5], "learning_rate": [1e-3, 1e-2]}
    search = GridSearchCV(SequenceClassifier(**SMALL), grid, cv=2, error_score="raise")
    search.fit(SERIES, LABELS, **QUIET)
    assert search.best_params_.keys() == grid.keys()
    assert len(search.cv_results_["params"]) == 4
    assert search.predict(SERIES).shape == (N,)
    assert search.best_estimator_.units == search.best_params_["units"]
    drawn = RandomizedSearchCV(
        SequenceRegressor(**SMALL), {"units": [3, 4, 5]}, n_iter=2, cv=2, random_state=0
    )
    assert drawn.fit(SERIES, NUMBERS, **QUIET).best_score_ <= 1


def test_a_search_picks_the_best_language_model():
    grid = {"learning_rate": [1e-9, 0.02, 1e-8]}
    settings = {"units": 8, "embedding": 4, "seq_length": 8, "batch_size": 4, "epochs": 3}
    model = LanguageModel(**settings, validation_fraction=0.0)
    search = GridSearchCV(model, grid, cv=2, error_score="raise")
    search.fit(["the cat sat on the mat."] * 12, **QUIET)
    assert search.best_params_ == {"learning_rate": 0.02}
    assert search.best_score_ == max(search.cv_results_["mean_test_score"]) < 0


@pytest.mark.slow
def test_a_search_runs_in_parallel():
    grid = {"units": [3, 5]}
    alone = GridSearchCV(SequenceClassifier(**SMALL), grid, cv=2).fit(SERIES, LABELS, **QUIET)
    together = GridSearchCV(SequenceClassifier(**SMALL), grid, cv=2, n_jobs=2)
    together.fit(SERIES, LABELS, **QUIET)
    scores = "mean_test_score"
    assert together.cv_results_[scores].tolist() == alone.cv_results_[scores].tolist()


def test_other_tools_of_scikit_learn():
    model = SequenceClassifier(**SMALL)
    p = cross_val_predict(model, SERIES, LABELS, cv=2, method="predict_proba", params=QUIET)
    assert p.shape == (N, 2)
    scores = cross_val_score(
        model, SERIES, LABELS, cv=2, scoring="neg_log_loss", params=QUIET, error_score="raise"
    )
    assert np.isfinite(scores).all()
    sizes, *_ = learning_curve(
        model, SERIES, LABELS, cv=2, train_sizes=[4, 6], params=QUIET, error_score="raise"
    )
    assert sizes.tolist() == [4, 6]


def test_a_forecaster_is_searched_along_time():
    model = Forecaster(**SMALL, window=6)
    split = TimeSeriesSplit(3, test_size=12)
    scores = cross_val_score(model, WAVE, cv=split, params=QUIET, error_score="raise")
    assert scores.shape == (3,)
    search = GridSearchCV(model, {"residual": ["window", "none"]}, cv=split, error_score="raise")
    assert search.fit(WAVE, **QUIET).best_params_["residual"] in ("window", "none")
