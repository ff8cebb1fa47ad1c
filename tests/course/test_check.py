"""`bptt.course.check`: right submissions pass, the broken line is named, mistakes are known."""

import inspect
import signal
import textwrap
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice

import numpy as np
import pytest

import bptt
from bptt import course, equations
from bptt.course import EXERCISES, check, mistakes, public_tests
from bptt.course.checking import ALIASES
from bptt.course.steps import STEPS, draw
from bptt.course.textbook import computed
from bptt.equations import batch_first
from tests.course import batch_first_submissions, diagnosis, submissions
from tests.course.styles import STYLES
from tests.course.wrong import WRONG


def own(name):
    form, _, plain = ALIASES.get(name, name).rpartition(".")
    if form == "batch_first" or "_step_" in plain:
        return getattr(batch_first, plain)
    return getattr(equations, plain)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_librarys_functions_pass(name):
    assert check(name, own(name))
    if not name.startswith("batch_first."):
        assert check(name, getattr(course, name.rpartition(".")[2], own(name)))


@pytest.mark.parametrize("name", STEPS)
def test_the_lines_are_the_equations(name):
    """To the last bits: the textbook as data and `bptt.equations` are one."""
    step, rng = STEPS[name], np.random.default_rng(3)
    names = draw(step, rng)
    lines = computed(step, names)
    report = check(name, own(name), seed=3)
    assert report.passed
    assert report.points == 1
    assert set(lines) == {line.name for line in step.lines}


BATCH_FIRST = {
    name if "_step_" in name else f"batch_first.{name}": function
    for name, function in batch_first_submissions.EXERCISE.items()
}


@pytest.mark.parametrize(
    ("name", "function"), [*submissions.NOTEBOOK.items(), *BATCH_FIRST.items(), *STYLES]
)
def test_right_submissions_pass(name, function):
    report = check(name, function)
    assert report, report


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_right_ragged_submissions_pass(cell):
    forward = getattr(submissions, f"ragged_{cell}_forward")
    backward = getattr(submissions, f"ragged_{cell}_backward")
    assert check(f"{cell}_forward", forward)
    assert check(f"ragged.{cell}_forward", forward)
    assert check(f"ragged.{cell}_backward", backward, forward=forward)


def test_what_the_cache_is_made_by():
    backward = submissions.ragged_rnn_backward
    report = check("ragged.rnn_backward", lambda da, caches: backward(da, caches))
    assert "define rnn_forward in the same notebook or file, or pass it as forward=" in str(report)
    report = check("ragged.rnn_backward", backward, forward=submissions.rnn_forward)
    assert "waits for rnn_forward, which makes its cache" in str(report)
    assert "expected seq_lengths" in str(report)

    def wrong_forward(x, h0, Wx, Wh, b):
        return np.zeros((3, 6, 5)), ()

    report = check("batch_first.rnn_backward", backward, forward=wrong_forward)
    assert "in step 1, next_h: yours is off" in str(report)
    with pytest.raises(bptt.errors.ConfigError, match="forward is a int"):
        check("rnn_backward", backward, forward=3)


def test_the_form_of_another_exercise():
    report = check("rnn_forward", batch_first_submissions.rnn_forward)
    assert "check it as 'batch_first.rnn_forward'" in str(report)


def ragged_backward(body, end=""):
    """`ragged_rnn_backward` with another line in the loop, or at the end."""
    text = inspect.getsource(submissions.ragged_rnn_backward)
    line = "da[:, active, t] + da_prev[:, active]"
    assert line in text
    text = text.replace(line, body).replace("    return", f"    {end}\n    return")
    names = dict(vars(submissions)) | {"rnn_forward": submissions.ragged_rnn_forward}
    exec(text, names)
    return names["ragged_rnn_backward"]


@pytest.mark.parametrize(
    ("body", "end", "first", "sentence"),
    [
        ("da[:, active, t]", "", "da_prev", "carries nothing"),
        ("da_prev[:, active]", "", "dx", "leaves out da, the losses of the steps"),
        ("da[:, active, 0] + da_prev[:, active]", "", "dx", "da[:, :, 0] in every step"),
        ("da[:, active, t] + da_prev[:, active]", "total['dWaa'] = total['dWaa'] / T", "dWaa",
         "the mean over the steps"),
        ("da[:, active, t] + da_prev[:, active]", "dx[:, 1, 2:] = 1", "dx",
         "on the padding of example 1, in step 6, where it is 0"),
        ("da[:, active, t] - da_prev[:, active]", "", "da_prev", "to step 5 of example 0"),
    ],
)  # fmt: skip
def test_mistakes_in_a_ragged_backward_pass(body, end, first, sentence):
    report = check("ragged.rnn_backward", ragged_backward(body, end))
    assert report.first == first, report
    assert sentence in str(report)


def test_gradients_on_the_padding_that_count():
    def forward(x, a0, parameters, seq_lengths=None):
        free = submissions.rnn_forward(x, a0, parameters)
        return *submissions.ragged_rnn_forward(x, a0, parameters, seq_lengths)[:2], free[2]

    report = check("ragged.rnn_backward", submissions.rnn_backward, forward=forward)
    assert "da on the padding counts" in report.diagnosis
    assert report.first == "dx"


def test_a_loop_around_a_wrong_step():
    def rnn_cell_backward(da_next, cache):
        return submissions.rnn_cell_backward(2 * da_next, cache)

    names = {"rnn_cell_backward": rnn_cell_backward, "np": np}
    exec(inspect.getsource(submissions.rnn_backward), names)
    report = check("rnn_backward", names["rnn_backward"])
    assert "the step that it calls is not right. rnn_cell_backward: not yet. dtanh" in str(report)
    assert report.first == "dtanh"


def beside(loop, *steps):
    """The notebook's loop in a namespace with these steps."""
    names = {step.__name__: step for step in steps} | {"np": np}
    exec(inspect.getsource(getattr(submissions, loop)), names)
    return names[loop]


def test_a_loop_is_not_blamed_for_its_step():
    def lstm_cell_backward(da_next, dc_next, cache):
        right = submissions.lstm_cell_backward(da_next, dc_next, cache)
        return right | {"dc_prev": dc_next * cache[4]}  # 0 in all steps: as if nothing were carried

    report = check("lstm_backward", beside("lstm_backward", lstm_cell_backward))
    assert "lstm_cell_backward: not yet. dc_prev, equation (20)" in str(report)

    def lstm_cell_forward(xt, a_prev, c_prev, parameters):
        raise NotImplementedError

    report = check("lstm_forward", beside("lstm_forward", lstm_cell_forward))
    assert str(report) == (
        "lstm_forward: not yet. the step that it calls is not right. lstm_cell_forward: not yet. "
        "is not written yet (NotImplementedError)."
    )


def test_a_changed_product_keeps_its_parentheses():
    formula = "ot * (1 - np.tanh(c_next) ** 2) * it"
    told = {m.formula: m.sentence for m in mistakes._breaks(formula, {})}
    broken = "(1 - np.tanh(c_next) ** 2) * it"
    assert told[broken] == f"`{broken}` in place of `{formula}`"


@pytest.mark.parametrize(("name", "function", "first", "diagnosis"), WRONG)
def test_mistakes_are_named(name, function, first, diagnosis):
    report = check(name, function)
    assert not report
    assert report.first == first, report
    assert diagnosis in report.diagnosis, report


@pytest.mark.slow
def test_the_broken_line_is_named():
    """Every seventh of the broken submissions; ``python -m tests.course.diagnosis`` runs all."""
    cases = islice(chain(diagnosis.broken_steps(), diagnosis.broken_loops()), 0, None, 7)
    counts = sum(diagnosis.counted(cases).values(), Counter())
    named = counts["right line"] + counts["another"]
    assert named >= 150, counts
    assert counts["right line"] >= 0.98 * named, counts
    assert counts["mistake named"] >= 0.93 * named, counts
    assert counts["the same function"] <= 6, counts  # keepdims=2 and the like


def call(text):
    names = dict(vars(submissions)) | {"np": np}
    exec(textwrap.dedent(text), names)
    return names["f"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def f(xt, a_prev, parameters): pass", "returns None"),
        ("def f(xt, a_prev, parameters): return a_prev", "returns ndarray; expected 3"),
        ("def f(xt, a_prev, parameters): return rnn_cell_forward(xt, a_prev, parameters)[:2]",
         "returns 2 values; expected 3"),
        ("def f(xt, a_prev, parameters):\n a, y, c = rnn_cell_forward(xt, a_prev, parameters)\n"
         " return a, y, ()", "its cache has 0 entries; expected 4"),
        ("def f(xt, a_prev, parameters):\n a_prev += 1\n"
         " return rnn_cell_forward(xt, a_prev, parameters)", "changes its argument a_prev;"),
        ("def f(xt, a_prev, parameters):\n r = rnn_cell_forward(xt, a_prev, parameters)\n"
         " parameters['ba'][...] = 0\n return r", "changes its argument parameters['ba']"),
        ("def f(xt, a_prev, parameters): return f(xt, a_prev, parameters)", "without end"),
        ("def f(xt, a_prev, parameters):\n return xt @ a_prev", "raises ValueError in line 2"),
        ("def f(xt, a_prev):\n return xt", "raises TypeError"),
        ("def f(xt, a_prev, parameters):\n a, y, c = rnn_cell_forward(xt, a_prev, parameters)\n"
         " return a * np.nan, y, c", "a_next holds NaN"),
        ("def f(xt, a_prev, parameters):\n a, y, c = rnn_cell_forward(xt, a_prev, parameters)\n"
         " return a.astype(str), y, c", "a_next is an array of <U32; expected an array of numbers"),
        ("n = 0\ndef f(xt, a_prev, parameters):\n global n\n n += 1\n"
         " a, y, c = rnn_cell_forward(xt, a_prev, parameters)\n return a + n, y, (a + n, *c[1:])",
         "another answer when it is called a second time"),
    ],
)  # fmt: skip
def test_what_else_learners_do(text, sentence):
    report = check("rnn_cell_forward", call(text))
    assert not report
    assert sentence in str(report)


def test_a_loop_without_an_end():
    def rnn_forward(x, a0, parameters):
        t = 0
        while t < 4:
            pass

    before = signal.getsignal(signal.SIGPROF)
    report = check("rnn_forward", rnn_forward, seconds=0.2)
    assert "takes more than 0.2 s in line 4, `pass`" in str(report) or "`while t < 4:`" in str(
        report
    )
    assert signal.getsignal(signal.SIGPROF) == before
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    with ThreadPoolExecutor(1) as pool:  # no signals there, and no limit
        assert pool.submit(check, "rnn_forward", submissions.rnn_forward).result()
    with pytest.raises(bptt.errors.ConfigError, match="seconds is 0"):
        check("rnn_forward", rnn_forward, seconds=0)


def test_a_list_of_results():
    assert check("rnn_forward", lambda *given: [*submissions.rnn_forward(*given)])
    assert check("rnn_cell_forward", lambda *given: [*submissions.rnn_cell_forward(*given)])


def test_results_that_are_never_stored():
    def lstm_forward(x, a0, parameters):
        a, y, c, caches = submissions.lstm_forward(x, a0, parameters)
        return a, y, 0 * c, caches

    assert "c is 0 everywhere" in str(check("lstm_forward", lstm_forward))


def test_softmax_and_sigmoid_of_large_numbers():
    e = "np.exp(x - np.max(x))"
    report = check("softmax", call(f"def f(x):\n return {e} / {e}.sum(axis=0)"))
    assert "not that of the whole array" in str(report)
    assert check("sigmoid", call("def f(x):\n return 1 / (1 + np.exp(-x))"))


def test_padding_of_ended_sequences_must_be_zero():
    def forward(x, a0, parameters, seq_lengths=None):
        return submissions.rnn_forward(x, a0, parameters)

    assert "is not 0 from step 3 on" in str(check("rnn_forward", forward))


def test_no_such_exercise():
    with pytest.raises(bptt.errors.ConfigError, match="Did you mean 'lstm_forward'"):
        check("lstm_foward", print)
    with pytest.raises(bptt.errors.ConfigError, match="expected a function"):
        check("lstm_forward", 3)


def test_the_notebooks_first_cell(capsys):
    names = {}
    exec("from bptt.course.rnn_utils import *\nfrom bptt.course.public_tests import *", names)
    names["rnn_cell_forward_tests"](submissions.rnn_cell_forward)
    names["lstm_cell_backward_test"](submissions.lstm_cell_backward)
    assert "all tests passed" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="without the outer parentheses"):
        names["lstm_cell_backward_test"](WRONG[0][1])
    assert names["softmax"]([1, 1]).tolist() == [0.5, 0.5]
    assert names["sigmoid"](0) == 0.5
    assert names["sigmoid"](np.array([-1e4, 0])).tolist() == [0, 0.5]
    parameters = {"W1": np.ones((2, 2)), "b1": np.zeros((2, 1))}
    v, s = names["initialize_adam"](parameters)
    grads = {"dW1": np.full((2, 2), 4.0), "db1": np.full((2, 1), -2.0)}
    update = names["update_parameters_with_adam"]
    parameters, v, s = update(parameters, grads, v, s, 1, learning_rate=0.1)
    np.testing.assert_allclose(parameters["W1"], 0.9)  # Adam's first step is the learning rate
    np.testing.assert_allclose(parameters["b1"], 0.1)
    np.testing.assert_allclose(s["dW1"], 0.016)


def test_every_exercise_has_its_public_test():
    names = {f"{name.replace('.', '_')}_test" for name in EXERCISES}
    assert set(public_tests.__all__) == names | {"rnn_cell_forward_tests"}


def test_a_report_tells_itself():
    report = check("rnn_cell_backward", course.check)
    assert not report
    assert repr(report) == str(report)
