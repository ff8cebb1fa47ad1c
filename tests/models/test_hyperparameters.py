"""Hyper-parameters are declared once: checks, docstrings and annotations agree with it."""

import inspect
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import bptt
from bptt.errors import ConfigError
from bptt.models.hyperparameters import check, declared
from bptt.models.kinds import CellChoice, Columns, Flag, Levels, Number, Optional, Weights, Whole
from bptt.models.tokenizers import TokenizerChoice
from bptt.training.optimizers import OPTIMIZERS
from bptt.training.schedules import SCHEDULES

MODELS = [m for m in vars(bptt.models).values() if inspect.isclass(m) and hasattr(m, "fit")]
TOOL = Path(__file__).parents[2] / "tools" / "docstrings.py"


def test_docstrings_agree_with_the_declarations():
    # In a process of its own: other tests may have registered cells.
    done = subprocess.run([sys.executable, TOOL, "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("model", MODELS)
def test_defaults_are_right_and_choices_are_those_of_the_annotation(model):
    check(model())
    hints = get_type_hints(model)
    for f in fields(model):
        kind = declared(f).kind
        if kind.choices and not isinstance(kind, (CellChoice, TokenizerChoice)):
            hint = hints[f.name]
            literal = next((a for a in get_args(hint) if get_args(a)), hint)
            assert get_args(literal)[: len(kind.choices)] == kind.choices
        assert declared(f).sentence.endswith(".")


def test_choices_are_what_the_rooms_below_have():
    kinds = {f.name: declared(f).kind for f in fields(bptt.SequenceClassifier)}
    assert set(kinds["optimizer"].choices) == set(OPTIMIZERS)
    assert set(kinds["schedule"].choices) == set(SCHEDULES)


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "expected"),
    [
        (Whole(1), (1, 7), (0, -1, 1.0, True, "1", None), "a whole number >= 1"),
        (Whole(1), (), (2**30,), r"a whole number < 2\*\*30"),
        (Whole(0, below=None), (0, 2**40), (-1,), "a whole number >= 0"),
        (Number(0, 1), (0, 0.5), (1, -0.1, "x", float("nan")), r"a number in \[0, 1\)"),
        (Number(0, above=True), (1e-9, 3), (0, None, True), "a number > 0"),
        (Number(0, above=True), (), (1e39, float("inf")), "a number < 3.4e38"),
        (Flag(), (True, False), (0, "yes", None), "True or False"),
        (CellChoice(), ("lstm",), ("transformer", 3, ["lstm"]), "one of .*lstm"),
        (TokenizerChoice(), ("words", "a.json", Path("a")), ("sentences", 3, None), "one of char"),
        (TokenizerChoice(), (), (str.split,), "a name, because a function cannot be saved"),
        (Columns(), ("all", [0, 2], (1,)), ([-1], ["a"], "some", 3), "'all' or a list of columns"),
        (Weights(), ("balanced", {"a": 2}), ("even", {"a": -1}, [1]), "'balanced' or a dict"),
        (Levels(), ((0.1, 0.5),), ((0.5, 0.1), (0.1, 0.9), (0, 0.5), 0.5), "increasing numbers"),
        (Optional(Columns()), (None, "all"), (3,), "None, 'all' or a list"),
        (Optional(Whole(1)), (None, 3), (0,), "None or a whole number >= 1"),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "check") else None,
)
def test_a_kind_takes_what_is_right_and_says_what_was_expected(kind, right, wrong, expected):
    for value in right:
        assert kind.check(value) is None
    for value in wrong:
        assert re.match(expected, kind.check(value) or ""), value


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Whole(1), 3),
        (Number(0), 0.25),
        (Columns(), [0, 3]),
        (Columns(), "all"),
        (Weights(), "balanced"),
        (Weights(), {"yes": 2.0, "no": 0.5}),
        (Levels(), (0.1, 0.5, 0.9)),
        (Optional(Whole(1)), None),
        (Optional(Whole(1)), 4),
    ],
)
def test_the_command_line_reads_what_it_writes(kind, value):
    assert kind.read(kind.write(value)) == value


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window": 4, "season": 5}, "^season is 5; expected at most window = 4"),
        (
            {"output": "quantile", "strategy": "recursive"},
            "output is 'quantile'; expected any other",
        ),
    ],
)
def test_rules_between_hyperparameters(settings, words):
    with pytest.raises(ConfigError, match=words):
        check(bptt.Forecaster(**settings))
