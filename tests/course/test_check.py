"""`bptt.course.check`: right submissions pass, the broken line is named, mistakes are known."""

import ast
import inspect
import textwrap
from collections import Counter

import numpy as np
import pytest

import bptt
from bptt import course, equations
from bptt.course import EXERCISES, check, public_tests
from bptt.course.checking import draw, textbook
from bptt.course.mistakes import _breaks
from bptt.course.textbook import STEPS
from bptt.equations import batch_first
from tests.course import submissions
from tests.course.styles import STYLES
from tests.course.wrong import WRONG

SWAPS = [
    {"ft", "it", "cct", "ot"}, {"dft", "dit", "dcct", "dot"},
    {"a_prev", "c_prev", "a_next", "c_next"}, {"Wf", "Wi", "Wc", "Wo"}, {"bf", "bi", "bc", "bo"},
]  # fmt: skip


def own(name):
    return getattr(equations, name, None) or getattr(batch_first, name)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_librarys_functions_pass(name):
    assert check(name, own(name))
    if "step" not in name:
        assert check(name, getattr(bptt, name, own(name)))


@pytest.mark.parametrize("name", STEPS)
def test_the_lines_are_the_equations(name):
    """To the last bits: the textbook as data and `bptt.equations` are one."""
    step, rng = STEPS[name], np.random.default_rng(3)
    names = draw(step, rng)
    lines = textbook(step, names)
    report = check(name, own(name), seed=3)
    assert report.passed
    assert report.points == 1
    assert set(lines) == {line.name for line in step.lines}


@pytest.mark.parametrize(("name", "function"), [*submissions.NOTEBOOK.items(), *STYLES])
def test_right_submissions_pass(name, function):
    report = check(name, function)
    assert report, report


@pytest.mark.parametrize(("name", "function", "first", "diagnosis"), WRONG)
def test_mistakes_are_named(name, function, first, diagnosis):
    report = check(name, function)
    assert not report
    assert report.first == first, report
    assert diagnosis in report.diagnosis, report


def broken_submissions():
    """Yield the notebook's functions with one token of one line changed: name, line, function."""
    swaps = {name: sorted(group - {name}) for group in SWAPS for name in group}
    for name, function in submissions.NOTEBOOK.items():
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        for statement in (n for n in ast.walk(tree) if isinstance(n, ast.Assign)):
            target, right = ast.unparse(statement.targets[0]), statement.value
            if target not in {line.name for line in STEPS.get(name, STEPS["sigmoid"]).lines}:
                continue
            for mistake in _breaks(ast.unparse(right), swaps):
                statement.value = ast.parse(mistake.formula, mode="eval").body
                names = dict(vars(submissions))
                exec(ast.unparse(ast.fix_missing_locations(tree)), names)
                yield name, target, names[name]
            statement.value = right


@pytest.mark.slow
def test_the_broken_line_is_named():
    """One-token breaks of the notebook's lines: how often is the named line the broken one?"""
    counts = Counter()
    for name, target, function in broken_submissions():
        report = check(name, function)
        if report.passed:
            counts["the same function"] += 1
        elif not report.first:
            counts["a sentence: raises, or another shape"] += 1
        else:
            counts["right line" if report.first == target else "another line"] += 1
            counts["mistake named"] += bool(report.diagnosis)
    named = counts["right line"] + counts["another line"]
    assert named >= 500, counts
    assert counts["right line"] >= 0.98 * named, counts
    assert counts["mistake named"] >= 0.95 * named, counts
    assert counts["the same function"] <= 12, counts  # keepdims=2 and the like


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
         " return rnn_cell_forward(xt, a_prev, parameters)", "changes its argument number 2"),
        ("def f(xt, a_prev, parameters):\n r = rnn_cell_forward(xt, a_prev, parameters)\n"
         " parameters['ba'][...] = 0\n return r", "changes its argument parameters['ba']"),
        ("def f(xt, a_prev, parameters): return f(xt, a_prev, parameters)", "without end"),
        ("def f(xt, a_prev, parameters):\n return xt @ a_prev", "raises ValueError in line 2"),
        ("def f(xt, a_prev):\n return xt", "raises TypeError"),
        ("def f(xt, a_prev, parameters):\n a, y, c = rnn_cell_forward(xt, a_prev, parameters)\n"
         " return a * np.nan, y, c", "a_next holds NaN"),
        ("def f(xt, a_prev, parameters):\n a, y, c = rnn_cell_forward(xt, a_prev, parameters)\n"
         " return a.astype(str), y, c", "a_next is a ndarray; expected an array of numbers"),
        ("n = 0\ndef f(xt, a_prev, parameters):\n global n\n n += 1\n"
         " a, y, c = rnn_cell_forward(xt, a_prev, parameters)\n return a + n, y, (a + n, *c[1:])",
         "another answer when it is called a second time"),
    ],
)  # fmt: skip
def test_what_else_learners_do(text, sentence):
    report = check("rnn_cell_forward", call(text))
    assert not report
    assert sentence in str(report)


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
    names = {f"{name}_test" for name in EXERCISES}
    assert set(public_tests.__all__) == names | {"rnn_cell_forward_tests"}


def test_a_report_tells_itself():
    report = check("rnn_cell_backward", course.check)
    assert not report
    assert repr(report) == str(report)
