"""Predictions for sources of any length: a batch at a time, in order, from any place on."""

import itertools
from types import MappingProxyType

import numpy as np
import pytest

from bptt.errors import ConfigError, ShapeError
from tests.support.cases import same_bits
from tests.support.model_cases import MODELS, SERIES
from tests.support.sequence_models import QUIET, classifier


class Rows:
    """What a dataset is: ``len``, and an element for each place."""

    def __init__(self, sequences):
        self.sequences, self.read = sequences, []

    def __len__(self):
        return len(self.sequences)

    def __getitem__(self, i):
        self.read.append(i)
        return {"x": self.sequences[i], "id": i}


@pytest.mark.parametrize("name", [n for n in MODELS if n.startswith("Sequence")])
def test_predictions_are_those_of_all_together(name):
    row = MODELS[name]
    model, X = row.build().fit(*row.data, **QUIET), row.data[0]
    one_by_one = list(model.predict_iter(iter(X), batch_size=5))
    together = model.predict(X)
    assert len(one_by_one) == len(X)
    for a, b in zip(one_by_one, together, strict=True):
        assert np.array_equal(a, b)


def test_a_source_without_end_is_read_as_far_as_it_is_asked_for():
    model, read = classifier(), []

    def endless():
        for x in itertools.cycle(SERIES):
            read.append(1)
            yield x

    got = model.predict_iter(endless(), method="predict_proba", batch_size=4)
    same_bits([next(got) for _ in range(6)], [*model.predict_proba(SERIES[:6])])
    assert len(read) == 8


def test_an_interrupted_work_goes_on_and_reads_only_what_is_left():
    model, rows = classifier(), Rows(SERIES)
    rest = list(model.predict_iter(rows, column="x", start=7, batch_size=2))
    assert rest == model.predict(SERIES)[7:].tolist()
    assert rows.read == list(range(7, len(SERIES)))


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (Rows(SERIES), {}, "the entries x, id; expected column"),
        (Rows(SERIES), {"column": "y"}, "no entry 'y'"),
        (SERIES, {"batch_size": 0}, "batch_size is 0"),
        (SERIES, {"start": -1}, "start is -1"),
        (SERIES, {"method": "fit"}, "method is 'fit'"),
        ([MappingProxyType({})], {}, "sequences 0 to 0"),
    ],
)
def test_what_cannot_be_predicted_is_refused(source, options, message):
    with pytest.raises((ConfigError, ShapeError), match=message):
        list(classifier().predict_iter(source, **options))


def test_a_sequence_that_is_not_valid_is_named_by_its_batch():
    wrong = [*SERIES[:4], np.zeros((3, 9))]
    got = classifier().predict_iter(wrong, batch_size=2)
    assert len(list(itertools.islice(got, 4))) == 4
    with pytest.raises(ShapeError, match="sequences 4 to 4"):
        next(got)
