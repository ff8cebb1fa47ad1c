"""The page of a report: what it holds is what was computed."""

import json
import re
from base64 import b64decode

import numpy as np
import pytest

from bptt.cli import main
from bptt.errors import ConfigError
from bptt.inspect import trace
from bptt.inspect.report import report
from bptt.models import Forecaster, LanguageModel, SequenceClassifier
from bptt.readers import Data

TEXT = "the <cat> sat. " * 30
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def language():
    given = {"units": 6, "epochs": 1, "batch_size": 2}
    return LanguageModel(**given).fit(TEXT, progress="silent")


def _rows(page):
    found = re.search(r'<script type="application/json" id="values">(.*?)</script>', page, re.S)
    return json.loads(found[1])


def test_the_values_of_a_page_are_those_of_the_trace(language):
    rows = _rows(report(language, TEXT))
    c = trace(language, TEXT)["lstm0.c"][0]
    own = rows["lstm0.c"]
    shown = np.frombuffer(b64decode(own["data"]), np.int8).reshape(own["n"], len(c)).T
    np.testing.assert_allclose(shown / 127 * own["largest"], c, atol=own["largest"] / 250)


def test_the_probabilities_of_a_page_are_those_of_the_score(language):
    own = _rows(report(language, TEXT))["probability"]
    p = np.frombuffer(b64decode(own["data"]), np.int8)
    assert p[0] == -128  # nothing precedes the first character
    nats = -np.log(p[1:] / 127 * own["largest"])
    assert np.mean(nats) == pytest.approx(language.cross_entropy(TEXT), abs=0.05)


def test_a_page_loads_nothing_and_escapes_the_text(language):
    page = report(language, TEXT, unit="lstm0.ft:2")
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "&lt;" in page
    assert "lstm0.ft, unit 2</b>" in page
    assert "other/lstm0.c" in _rows(report(language, TEXT, compare=language))


def test_sequences_of_numbers_have_a_page():
    X = [RNG.normal(size=(n, 2)) for n in (5, 9, 7, 6)]
    given = {"units": 3, "epochs": 1, "bidirectional": True, "pooling": "mean"}
    model = SequenceClassifier(**given).fit(X, list("abab"), progress="silent")
    page = report(model, X, example=1)
    assert page.count("<polyline") == 2
    assert page.count("<span") == 9
    assert report(model, Data(X), example=1) == page


def test_a_window_of_a_forecaster_has_a_page():
    series = np.sin(np.arange(80) / 5)
    given = {"window": 12, "horizon": 2, "units": 3, "epochs": 1}
    model = Forecaster(**given).fit(series, progress="silent")
    assert report(model, series).count("<span") == 12


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"unit": "lstm0.x"}, "unit is 'lstm0.x'; expected one of attribution:0..0"),
        ({"unit": "lstm0.c:9"}, "unit is 'lstm0.c:9'"),
        ({"example": 2}, "example is 2; expected 0..0"),
    ],
)
def test_bad_input_is_refused(language, given, message):
    with pytest.raises(ConfigError, match=message):
        report(language, TEXT, **given)


def test_the_command_writes_the_page(language, tmp_path, capsys):
    language.save(tmp_path / "model.safetensors")
    (tmp_path / "text.txt").write_text(TEXT)
    out = tmp_path / "page.html"
    files = [str(tmp_path / name) for name in ("model.safetensors", "text.txt")]
    with pytest.raises(SystemExit) as status:
        main(["inspect", *files, "--out", str(out)])
    assert not status.value.code, capsys.readouterr().err
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
