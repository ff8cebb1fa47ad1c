"""JSON lines: what comes back, and what is refused with which words."""

import numpy as np
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
        ("[1]", r"line 1 is invalid .*not an object\); expected one JSON object on each line\."),
        ("null", "line 1 is invalid .*not an object"),
        ('{"sequence": [1]}', "line 1 has 'sequence'; expected also 'label'"),
        ("{}", "line 1 has no key; expected also 'sequence'"),
        ('{"a": 1, "a": 2}', "line 1 is invalid .*a key occurs twice"),
        (
            '{"sequence": [NaN], "label": 1}',
            "NaN is not a finite .* null for a missing value",
        ),
        ('{"sequence": [1e999], "label": 1}', "1e999 is not a finite number"),
        ('{"sequence": [' + "9" * 5000 + '], "label": 1}', "line 1 is invalid"),
        ('{"sequence": [' + "9" * 4000 + '], "label": 1}', "line 1 is invalid .*4000 digits"),
        ('{"sequence": [2, true], "label": 1}', "has the value 'true' at step 1 of 'sequence'"),
        ('{"sequence": [], "label": 1}', "line 1 has an empty list in 'sequence'"),
        ('{"sequence": "", "label": 1}', "line 1 has an empty text in 'sequence'"),
        ('{"sequence": [[]], "label": 1}', "line 1 has an empty list at step 0"),
        ('{"sequence": [[1], [1, 2]], "label": 1}', "a list .* at step 1 .*a list of 1 numbers"),
        ('{"sequence": [1, [2]], "label": 1}', "has the value '1' at step 0 .* a list of 1 numb"),
        ('{"sequence": [1, "a"], "label": 1}', "has a text '.a.' at step 1 of .*, or null where"),
        ('{"sequence": [null, {}], "label": 1}', "has an object '{}' at step 1 of 'sequence'"),
        ('{"sequence": ["a", 1], "label": 1}', "line 1 has a list"),
        ('{"sequence": {"a": 1}, "label": 1}', "line 1 has an object"),
        ('{"sequence": "\\ud800", "label": 1}', "line 1 has a text"),
        ('{"sequence": "a", "label": 1.5}', "has the value '1.5' in 'label'; .*bptt train regress"),
        ('{"sequence": "a", "label": null}', "line 1 has null"),
        ('{"sequence": "a", "label": []}', "line 1 has an empty list in 'label'"),
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


def test_labels_that_are_whole_floats_or_booleans(write):
    labels = ("1.0", "0", "-2e1", "true", "false")
    rows = (f'{{"sequence": [1], "label": {label}}}\n' for label in labels)
    assert read_json_lines(write("".join(rows))).y == ["1", "0", "-20", "true", "false"]


def test_numbers_to_predict(write):
    path = write('{"sequence": [1], "label": 0.7}\n{"sequence": [2], "label": 3}\n')
    y = read_json_lines(path, numeric=True).y
    assert y == [0.7, 3.0]
    assert all(type(v) is float for v in y)
    assert read_json_lines(write('{"sequence": [1], "label": "-0.5"}'), numeric=True).y == [-0.5]
    for bad in ('"a"', '"1_0"', '"nan"', "null", "true", "[1]"):
        path = write(f'{{"sequence": [1], "label": {bad}}}')
        refusal(
            read_json_lines, path, "expected a finite number to predict .*classify", numeric=True
        )


def test_a_list_of_labels_or_one_label(write):
    several = write('{"sequence": "abc", "label": ["x", "y", "z"]}', "a.jsonl")
    one = write('{"sequence": "abc", "label": "x"}', "b.jsonl")
    assert read_json_lines(several, per_step=True).y == [["x", "y", "z"]]
    assert read_json_lines(one, per_step=False).y == ["x"]
    words = "has a list of 3 labels in 'label'; expected one label .*bptt train tag"
    refusal(read_json_lines, several, words, per_step=False)
    words = "has the label 'x' in 'label'; expected a list with .*bptt train classify"
    refusal(read_json_lines, one, words, per_step=True)


def test_missing_values_and_digits_of_json(write):
    (a, b), _ = read_json_lines(
        write('{"sequence": [1, null, 3], "label": 0}\n{"sequence": [16777217], "label": 1}\n')
    )
    np.testing.assert_array_equal(a, [[1], [np.nan], [3]])
    assert b.dtype == np.float64
    assert b.tolist() == [[16777217]]
    (c,), _ = read_json_lines(write('{"sequence": [[null, 1e300], [2, null]], "label": 0}'))
    np.testing.assert_array_equal(c, [[np.nan, 1e300], [2, np.nan]])


def test_whole_numbers_that_are_rounded_are_said(write):
    exact, rounded = 2**53 + 2, 2**53 + 1
    text = f'{{"sequence": [{exact}, {rounded}, null, -{rounded}], "label": 0}}'
    assert read_json_lines(write(text)).notes == (
        "Rounded 2 whole numbers beyond 2**53 to float64.",
    )
    assert read_json_lines(write(text.replace(str(rounded), "1"))).notes == ()


def test_encodings_of_json(write):
    text = '{"sequence": "niño", "label": "é"}\r\n'
    for encoding in ("utf-16", "utf-8-sig", "utf-32"):
        assert tuple(read_json_lines(write(text.encode(encoding)))) == (["niño"], ["é"])
    assert read_json_lines(write(text.encode("latin-1")), encoding="latin-1").y == ["é"]
    refusal(read_json_lines, write(text.encode("latin-1")), "line 1 is not UTF-8 from its byte 17")
