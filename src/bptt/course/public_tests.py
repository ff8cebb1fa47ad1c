"""The tests of the exercise by their course names: ``from bptt.course.public_tests import *``.

Each takes the learner's function, prints that it passed, or raises an AssertionError that names the
first wrong equation (see `bptt.course.check`).
"""

from collections.abc import Callable
from typing import Any

from .checking import check

Test = Callable[[Callable[..., Any]], None]


def _test(name: str) -> Test:
    def test(target: Callable[..., Any]) -> None:
        report = check(name, target)
        if not report:
            raise AssertionError(str(report))
        print(f"{name}: all tests passed.")  # noqa: T201

    test.__name__ = test.__qualname__ = f"{name.replace('.', '_')}_test"
    test.__doc__ = f"Check a learner's `{name}`; raise an AssertionError where it is wrong."
    return test


sigmoid_test: Test = _test("sigmoid")
softmax_test: Test = _test("softmax")
pad_sequences_test: Test = _test("pad_sequences")
rnn_cell_forward_test: Test = _test("rnn_cell_forward")
rnn_forward_test: Test = _test("rnn_forward")
rnn_cell_backward_test: Test = _test("rnn_cell_backward")
rnn_backward_test: Test = _test("rnn_backward")
lstm_cell_forward_test: Test = _test("lstm_cell_forward")
lstm_forward_test: Test = _test("lstm_forward")
lstm_cell_backward_test: Test = _test("lstm_cell_backward")
lstm_backward_test: Test = _test("lstm_backward")
gru_cell_forward_test: Test = _test("gru_cell_forward")
gru_forward_test: Test = _test("gru_forward")
gru_cell_backward_test: Test = _test("gru_cell_backward")
gru_backward_test: Test = _test("gru_backward")
rnnCell_forward_test: Test = _test("rnnCell_forward")
rnnCell_backward_test: Test = _test("rnnCell_backward")
ragged_rnn_forward_test: Test = _test("ragged.rnn_forward")
ragged_rnn_backward_test: Test = _test("ragged.rnn_backward")
ragged_lstm_forward_test: Test = _test("ragged.lstm_forward")
ragged_lstm_backward_test: Test = _test("ragged.lstm_backward")
ragged_gru_forward_test: Test = _test("ragged.gru_forward")
ragged_gru_backward_test: Test = _test("ragged.gru_backward")
rnn_step_forward_test: Test = _test("rnn_step_forward")
rnn_step_backward_test: Test = _test("rnn_step_backward")
lstm_step_forward_test: Test = _test("lstm_step_forward")
lstm_step_backward_test: Test = _test("lstm_step_backward")
batch_first_rnn_forward_test: Test = _test("batch_first.rnn_forward")
batch_first_rnn_backward_test: Test = _test("batch_first.rnn_backward")
batch_first_lstm_forward_test: Test = _test("batch_first.lstm_forward")
batch_first_lstm_backward_test: Test = _test("batch_first.lstm_backward")
rnn_cell_forward_tests: Test = rnn_cell_forward_test  # as the course spells it

__all__ = [
    "batch_first_lstm_backward_test",
    "batch_first_lstm_forward_test",
    "batch_first_rnn_backward_test",
    "batch_first_rnn_forward_test",
    "gru_backward_test",
    "gru_cell_backward_test",
    "gru_cell_forward_test",
    "gru_forward_test",
    "lstm_backward_test",
    "lstm_cell_backward_test",
    "lstm_cell_forward_test",
    "lstm_forward_test",
    "lstm_step_backward_test",
    "lstm_step_forward_test",
    "pad_sequences_test",
    "ragged_gru_backward_test",
    "ragged_gru_forward_test",
    "ragged_lstm_backward_test",
    "ragged_lstm_forward_test",
    "ragged_rnn_backward_test",
    "ragged_rnn_forward_test",
    "rnnCell_backward_test",
    "rnnCell_forward_test",
    "rnn_backward_test",
    "rnn_cell_backward_test",
    "rnn_cell_forward_test",
    "rnn_cell_forward_tests",
    "rnn_forward_test",
    "rnn_step_backward_test",
    "rnn_step_forward_test",
    "sigmoid_test",
    "softmax_test",
]
