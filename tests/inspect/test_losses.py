"""Losses by length are those of the scores."""

import numpy as np
import pytest

from bptt import inspect
from bptt.errors import ConfigError, ShapeError
from tests.support.model_cases import LABELS, MODELS, NUMBERS, SENTENCES, SERIES, TAGS
from tests.support.sequence_models import QUIET


@pytest.fixture(scope="module")
def models():
    names = ("SequenceClassifier", "SequenceTagger", "SequenceRegressor", "LanguageModel")
    return {name: MODELS[name].build().fit(*MODELS[name].data, **QUIET) for name in names}


def test_of_a_classifier_it_is_the_log_probability(models):
    model = models["SequenceClassifier"]
    found = inspect.loss_by_length(model, SERIES, LABELS, [1, 4, 6, 100])
    p = model.predict_proba(SERIES)
    own = [
        -np.log(row[list(model.classes_).index(label)])
        for row, label in zip(p, LABELS, strict=True)
    ]
    np.testing.assert_allclose(found.losses, own)
    lengths = np.array([len(x) for x in SERIES])
    short = (lengths >= 1) & (lengths < 4)
    assert found.mean[0] == pytest.approx(np.mean(np.array(own)[short]))
    assert found.counts.tolist() == [short.sum(), ((lengths >= 4) & (lengths < 6)).sum(), 3]
    assert inspect.loss_by_length(model, SERIES, LABELS, 3).counts.sum() == len(SERIES)


def test_of_taggers_regressors_and_language_models(models):
    tagger = models["SequenceTagger"]
    found = inspect.loss_by_length(tagger, SENTENCES, TAGS)
    p = tagger.predict_proba(SENTENCES)[0]
    first = [-np.log(p[t, list(tagger.classes_).index(k)]) for t, k in enumerate(TAGS[0])]
    assert found.losses[0] == pytest.approx(np.mean(first))
    regressor = models["SequenceRegressor"]
    losses = inspect.loss_by_length(regressor, SERIES, NUMBERS).losses
    np.testing.assert_allclose(losses, (regressor.predict(SERIES) - NUMBERS) ** 2)
    several = np.stack([NUMBERS, np.negative(NUMBERS)], axis=1)
    two = MODELS["SequenceRegressor"].build().fit(SERIES, several, **QUIET)
    losses = inspect.loss_by_length(two, SERIES, several).losses
    np.testing.assert_allclose(losses, ((two.predict(SERIES) - several) ** 2).mean(axis=1))
    text = models["LanguageModel"]
    assert inspect.loss_by_length(text, "the cat sat.").losses[0] == pytest.approx(
        text.cross_entropy("the cat sat."), rel=1e-6
    )


@pytest.mark.parametrize(
    ("y", "edges", "kind", "message"),
    [
        (LABELS[:3], 5, ShapeError, "y has 3 labels; expected 12"),
        (None, 5, ShapeError, "y has no labels"),
        (["left"] * 12, 5, ConfigError, "y has 'left'; expected one of down, up"),
        (LABELS, [3, 1], ConfigError, "edges is .* expected at least two rising numbers"),
    ],
)
def test_what_does_not_fit_is_refused(models, y, edges, kind, message):
    with pytest.raises(kind, match=message):
        inspect.loss_by_length(models["SequenceClassifier"], SERIES, y, edges)
