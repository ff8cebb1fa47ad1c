"""Every value that the sources' code cells print is reproduced, cell after cell."""

import pytest

import bptt.course
import bptt.equations
from bptt import batch_first
from bptt.course import check, public_tests
from tests.course import batch_first_submissions, submissions, wrong
from tests.course.cells import agree, executed

_PUBLISHED = {"lstm_backward": wrong.copied_lstm_backward}  # 2018: nothing is carried back
_ALIASES = {"rnnCell_forward": submissions.rnn_cell_forward,
            "rnnCell_backward": submissions.rnn_cell_backward,
            "rnn_forward": submissions.ragged_rnn_forward,
            "rnn_backward": submissions.ragged_rnn_backward,
            "lstm_forward": submissions.ragged_lstm_forward}  # fmt: skip
_NOTEBOOK = dict(submissions.NOTEBOOK)
LEARNER = {
    "2018": _NOTEBOOK | _PUBLISHED,
    "2019": _NOTEBOOK,
    "2021": _NOTEBOOK | vars(public_tests),
    "ragged": _NOTEBOOK | _ALIASES,
    "batch first": vars(batch_first_submissions),
}


def ours(module):
    own = {"rnnCell_forward": bptt.course.rnnCell_forward,
           "rnnCell_backward": bptt.course.rnnCell_backward} | vars(module)  # fmt: skip
    names = {source: own | vars(public_tests) for source in LEARNER}
    return names | {"2018": own | _PUBLISHED, "batch first": vars(batch_first)}


@pytest.mark.parametrize(
    "definitions", [LEARNER, ours(bptt.course), ours(bptt.equations)],
    ids=["learner", "bptt.course", "bptt.equations"],
)  # fmt: skip
def test_every_printed_value_is_reproduced(definitions):
    rows = list(executed(definitions))
    assert len(rows) == 339
    assert [row for row in rows if not agree(*row[3:])] == []


def test_a_changed_digit_is_seen():
    assert agree("[ 0.1234 -2.5]", "[0.12341 -2.5]")
    assert not agree("[ 0.1234 -2.5]", "[0.1235 -2.5]")
    assert not agree("(5, 10)", "(10, 5)")


def test_the_edition_that_carries_nothing_is_told_so():
    assert "carries nothing" in check("lstm_backward", _PUBLISHED["lstm_backward"]).diagnosis
