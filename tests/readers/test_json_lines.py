"""JSON lines: what comes back, and what is refused with which words."""

import pytest

from bptt.readers import read_json_lines
from tests.support.readers import refusal


@pytest.mark.parametrize(
    ("line", "X"),
    [
        ('{"sequence": "abc", "label": "x"}', "abc"),
        ('{"sequence": ["the", "cat"], "label": "x"}', ["the", "cat"]),
        ('{"label": "x", "sequence": [1, 2.5]}', [[1], [2.5]]),
        ('{"sequence": [[1, 2], [3, 4]], "label": "x", "more": null}', [[1, 2], [3, 4]]),
    ],
)
def test_json_lines(write, line, X):
    data = read_json_lines(write(f"{line}\n\n{line}\r\n"))
    assert [getattr(x, "tolist", lambda x=x: x)() for x in data.X] == [X, X]
    assert data.y == ["x", "x"]
    assert read_json_lines(write(line), label=None).y is None


def test_json_labels(write):
    path = write('{"x": [1, 2], "y": [0, "b"]}\n')
    assert read_json_lines(path, sequence="x", label="y").y == [["0", "b"]]
    assert read_json_lines(write('{"x": "a", "y": 7}'), sequence="x", label="y").y == ["7"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no sequence"),
        ("{", "line 1 is invalid"),
        ("[1]", r"line 1 is invalid .*not an object\); expected a JSON object"),
        ("null", "line 1 is invalid .*not an object"),
        ('{"sequence": [1]}', "line 1 has 'sequence'; expected also 'label'"),
        ("{}", "line 1 has no key; expected also 'sequence'"),
        ('{"a": 1, "a": 2}', "line 1 is invalid .*a key occurs twice"),
        ('{"sequence": [NaN], "label": 1}', "NaN is not a finite number"),
        ('{"sequence": [1e999], "label": 1}', "1e999 is not a finite number"),
        ('{"sequence": [1e39], "label": 1}', "line 1 has a list"),
        ('{"sequence": [' + "9" * 5000 + '], "label": 1}', "line 1 is invalid"),
        ('{"sequence": [' + "9" * 4000 + '], "label": 1}', "line 1 has a list"),
        ('{"sequence": [true], "label": 1}', "line 1 has a list"),
        ('{"sequence": [], "label": 1}', "line 1 has a list"),
        ('{"sequence": "", "label": 1}', "line 1 has a text"),
        ('{"sequence": [[]], "label": 1}', "line 1 has a list"),
        ('{"sequence": [[1], [1, 2]], "label": 1}', "line 1 has a list"),
        ('{"sequence": [1, [2]], "label": 1}', "line 1 has a list"),
        ('{"sequence": ["a", 1], "label": 1}', "line 1 has a list"),
        ('{"sequence": {"a": 1}, "label": 1}', "line 1 has an object"),
        ('{"sequence": "\\ud800", "label": 1}', "line 1 has a text"),
        ('{"sequence": "a", "label": 1.5}', "line 1 has the value '1.5' in 'label'"),
        ('{"sequence": "a", "label": null}', "line 1 has null"),
        ('{"sequence": "a", "label": true}', "line 1 has the value 'true'"),
        ('{"sequence": "a", "label": []}', "line 1 has a list"),
        ('{"sequence": "a", "label": [["a"]]}', "line 1 has a list"),
        ('{"sequence": [1], "label": ["a", "b"]}', "line 1 has 2 labels; expected 1, one"),
        (
            '{"sequence": "a", "label": 1}\n{"sequence": ["a"], "label": 1}',
            "line 2 has a list of words in 'sequence'; expected a text",
        ),
        (
            '{"sequence": [[1, 2]], "label": 1}\n{"sequence": [[1]], "label": 1}',
            "line 2 has steps of 1 numbers in 'sequence'; expected steps of 2 numbers",
        ),
        (
            '{"sequence": "a", "label": 1}\n{"sequence": "a", "label": ["b"]}',
            "line 2 has a list of labels in 'label'; expected a label",
        ),
        ('{"sequence": ' + "[" * 100_000, "line 1 is nested too deeply|line 1 is invalid"),
    ],
)
def test_refused_json_lines(write, text, words):
    refusal(read_json_lines, write(text), words)
