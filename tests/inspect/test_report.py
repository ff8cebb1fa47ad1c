"""The page of a report: what it holds is what was computed."""

import csv
import html
import json
import re
from base64 import b64decode
from zlib import decompress

import numpy as np
import pandas
import pytest

from bptt import GRU, LSTM, Dense, Embedding, Network, inspect
from bptt.cli import main
from bptt.errors import ConfigError
from bptt.inspect import attribute, error_split, probabilities, trace
from bptt.inspect.drawings import of_histograms
from bptt.inspect.report import report
from bptt.inspect.report_drawings import svg
from bptt.inspect.report_states import _few
from bptt.interop import save
from bptt.layers import Flatten, Pool, Repeat, Windows
from bptt.models import Forecaster, LanguageModel, SequenceClassifier, SequenceTagger
from bptt.readers import Data
from tests.support.model_cases import MODELS

TEXT = "the <cat> sat. " * 30
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def language():
    given = {"units": 6, "epochs": 1, "batch_size": 2}
    return LanguageModel(**given).fit(TEXT, progress="silent")


def _data(page):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(found[1])


def _values(row, unit):
    """Return the values of a unit as the page's script reads them; 255: none."""
    low, high, text = row["units"][str(unit)]
    found = np.frombuffer(decompress(b64decode(text)), np.uint8)
    return np.where(found == 255, np.nan, low + (high - low) * found / row["levels"])


def test_the_values_of_a_page_are_those_of_the_trace(language):
    data = _data(report(language, TEXT))
    seen = trace(language, TEXT)
    for name in ("lstm0.c", "lstm0.ft"):
        for unit in range(6):
            own = seen[name][0][:, unit]
            shown = _values(data["rows"][name], unit)
            np.testing.assert_allclose(shown, own, atol=np.ptp([*own, *-own]) / 500 + 1e-6)
    assert data["tokens"] == TEXT
    assert "dense0.y" not in data["rows"]
    page = report(language, TEXT, unit="lstm0.c:2")
    steps = b64decode(re.search(r'"steps.csv" href="data:text/csv;base64,(.*?)"', page)[1]).decode()
    shown = np.genfromtxt(steps.splitlines(), delimiter=",", skip_header=1)[:, 1]
    own = seen["lstm0.c"][0][:, 2]
    np.testing.assert_allclose(shown, own, atol=np.ptp([*own, *-own]) / 500 + 1e-6)


def test_the_probabilities_of_a_page_are_those_of_the_score(language):
    data = _data(report(language, TEXT))
    p = _values(data["rows"]["probability"], 0)
    assert np.isnan(p[0])  # nothing precedes the first character
    assert np.mean(-np.log(p[1:])) == pytest.approx(language.cross_entropy(TEXT), abs=0.05)
    top, likely = data["top"], probabilities(language, TEXT)
    entropy = _values(data["rows"]["entropy (nats)"], 0)
    assert np.isnan(entropy[0])
    np.testing.assert_allclose(entropy[1:], likely.entropy[0], atol=0.01)
    ids = np.frombuffer(decompress(b64decode(top["ids"])), np.uint8)
    assert (ids.reshape(-1, 5) == likely.top_ids[0]).all()
    shown = np.frombuffer(decompress(b64decode(top["p"])), np.uint8) / 250
    np.testing.assert_allclose(shown.reshape(-1, 5), likely.top[0], atol=1 / 400)


def test_the_facts_of_a_page_and_the_difference_of_two_models(language):
    other = LanguageModel(units=4, epochs=20, batch_size=2, learning_rate=0.05)
    other.fit(TEXT, progress="silent")
    page = report(language, TEXT, unit="lstm0.c:2", compare=other)
    own, theirs = (probabilities(m, TEXT) for m in (language, other))
    share = [f"{np.mean(own.rank[0] < k):.1%}" for k in (1, 5)]
    assert f"at {share[0]} of the steps, among the five likeliest at {share[1]}." in page
    assert np.mean(own.rank[0] < 5) != np.mean(own.rank[0] < 6)
    mean = float(re.findall(r"The true token is (.*?) likelier", page)[0])
    assert mean == pytest.approx((own.true[0] - theirs.true[0]).mean(), abs=2e-3)
    assert abs(mean) > 4e-3
    c = trace(language, TEXT)["lstm0.c"][0][:, 2]
    lined = page.count(";border-color:rgba(var(--minus),.9)")  # against the unit's sign
    limits = [(c < k * np.abs(c).max()).sum() for k in (-0.11, -0.09)]
    assert 0 < limits[0] <= lined <= limits[1] < (c < 0).sum()


def test_a_page_without_room_holds_what_is_asked_for_and_says_so(language, monkeypatch):
    monkeypatch.setattr("bptt.inspect.report.SIZE", 30_000)
    rows = _data(report(language, TEXT, unit="lstm0.ot:4"))["rows"]
    assert "4" in rows["lstm0.ot"]["units"]
    assert 1 < sum(len(row["units"]) for row in rows.values()) < 30
    assert rows["lstm0.ot"]["n"] == 6
    c = trace(language, TEXT).flat("lstm0.c")
    kept = [int(unit) for unit in rows["lstm0.c"]["units"]]
    assert int(c.std(axis=0).argmax()) in kept  # those that vary most come first
    assert int(c.std(axis=0).argmin()) not in kept


def test_a_long_example_is_attributed_from_the_state_it_has(language, monkeypatch):
    monkeypatch.setattr("bptt.inspect.report.LONG", 100)
    page = report(language, TEXT)
    own = attribute(language, TEXT, window=200)
    assert f"which contributes {own.starts[0]:.3g}" in page
    shown = _values(_data(page)["rows"]["attribution"], 0)
    np.testing.assert_allclose(shown, own.values[0], atol=np.abs(own.values[0]).max() / 250)
    assert (shown[:-200] == 0).all()


def test_the_errors_of_a_page_are_split(language):
    split = error_split(TEXT, probabilities(language, TEXT).true, TEXT)
    assert f"{split.errors:,} of {split.characters:,} characters" in report(
        language, TEXT, train=TEXT
    )


def test_a_page_loads_nothing_and_escapes_the_text(language):
    page = report(language, TEXT, unit="lstm0.ft:2")
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "&lt;" in page
    assert "lstm0.ft, unit 2</b>" in page
    assert "</script>" not in re.findall(r'id="data">(.*?)</script>', page, re.S)[0]
    both = report(language, TEXT, compare=language)
    assert "other/lstm0.c" in _data(both)["rows"]
    assert "+0.0000 likelier than by the other model" in both


def test_sequences_of_numbers_have_a_page():
    X = [RNG.normal(size=(n, 2)) for n in (5, 9, 7, 6)]
    given = {"units": 3, "epochs": 1, "bidirectional": True, "pooling": "mean"}
    model = SequenceClassifier(**given).fit(X, list("abab"), progress="silent")
    page = report(model, X, example=1)
    frame = re.findall(r'<div id="steps".*?</div>', page, re.S)[0]
    assert frame.count("<polyline") == 2
    assert frame.count("<rect") == 2 * 9
    data, own = _data(page), attribute(model, [X[1]]).values[0]
    assert data["at"] == 8  # the step that is explained
    for j in range(2):
        shown = _values(data["rows"]["attribution by feature"], j)
        np.testing.assert_allclose(shown, own[:, j], atol=np.abs(own).max() / 250)
    lines = re.findall(r'<polyline points="(.*?)"', frame)
    fills = re.findall(r"fill:rgba\(var\(--(plus|minus)\),(.*?)\)", frame)
    for j, line in enumerate(lines):
        y = np.array([point.split(",")[1] for point in line.split()], float)
        low, high = X[1][:, j].min(), X[1][:, j].max()  # one over another, high values above
        np.testing.assert_allclose(
            y, 44 * j + 40 - 36 * (X[1][:, j] - low) / (high - low), atol=0.1
        )
        shown = [float(a) * (1 if sign == "plus" else -1) for sign, a in fills[9 * j : 9 * j + 9]]
        np.testing.assert_allclose(shown, 0.6 * own[:, j] / np.abs(own).max(), atol=0.01)
    assert report(model, Data(X), example=1) == page
    network, parameters = model.network_, model.parameters_  # such as an imported one
    scaled = [x.astype(np.float32) for x in model.network_inputs(X)]
    page = report(network, scaled, parameters, example=1)
    assert _data(page)["rows"]["lstm0.a"] == data["rows"]["lstm0.a"]


def test_an_example_behind_the_data_of_the_statistics_is_whole(monkeypatch):
    monkeypatch.setattr("bptt.inspect.report_example.STATISTICS", 10)
    monkeypatch.setattr("bptt.inspect.report_example.SHOWN", 15)
    network = Network([LSTM(2, 3), Dense(3, 1)])
    X = [RNG.normal(size=(20, 2)) for _ in range(3)]
    for example in (0, 2):
        page = report(network, X, network.init(RNG, np.float64), example=example)
        assert _csv(page, "nearest_stretches.csv")[0][0] == str(example)
        data = _data(page)
        assert data["steps"] == 15
        assert len(_values(data["rows"]["lstm0.c"], 0)) == 15


@pytest.mark.parametrize(
    ("layers", "left_out"),
    [
        ([Windows(2, 2), LSTM(4, 3)], ["lstm0"]),
        ([LSTM(2, 3), Flatten(3, 12)], []),
        ([LSTM(2, 3), Pool(3), Repeat(3, 4), GRU(3, 2)], ["gru0"]),
    ],
)
def test_networks_whose_layers_have_other_steps_have_a_page(layers, left_out):
    network = Network(layers)
    p = network.init(RNG, np.float64)
    page = report(network, [RNG.normal(size=(12, 2)), RNG.normal(size=(9, 2))], p)
    assert re.findall("The page has no values of (.*?), whose steps", page) == left_out
    rows = _data(page)["rows"]
    assert ("lstm0.c" in rows) == isinstance(layers[0], LSTM)
    assert "gru0.a" not in rows


def test_ids_are_shown_as_words():
    network = Network([Embedding(30, 2), LSTM(2, 3), Dense(3, 30)])
    page = report(network, [np.array([3, 12, 3, 29] * 3)], network.init(RNG))
    assert _data(page)["tokens"] == ["3", "12", "3", "29"] * 3
    assert ">12 </span>" in page
    assert re.search(r"<mark>(3|12|29) </mark>", page)


def test_bars_stand_on_the_axis_and_are_as_high_as_their_counts():
    drawing = svg(of_histograms({"c": (np.array([1, 3, 0, 4]), np.linspace(-1, 1, 5))}))
    rects = re.findall(r'<rect x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)"', drawing)
    _, top, _, height = np.array(rects, float).T
    np.testing.assert_allclose(top + height, 220)
    np.testing.assert_allclose(height / height.max(), [1 / 4, 3 / 4, 0, 1], atol=1e-3)


def _csv(page, name):
    """Return the rows of a figure's table, without its header, as texts."""
    found = re.search(rf'download="{name}" href="data:text/csv;base64,(.*?)"', page)
    return [*csv.reader(b64decode(found[1]).decode().splitlines())][1:]


def test_the_page_maps_the_states_of_the_steps_and_finds_those_that_are_alike(language):
    text = TEXT[:200] + "cat" + TEXT[:67]
    page, a = report(language, text), trace(language, text)["lstm0.a"][0]
    rows = _csv(page, "map_of_states.csv")
    assert [int(row[0]) for row in rows] == [*range(len(text))]
    kinds = {" ": "space", "t": "letter", "<": "other sign"}
    assert all(row[1] == kinds.get(c, row[1]) for row, c in zip(rows, text, strict=True))
    points = np.array([row[2:] for row in rows], float)
    u, s, _ = np.linalg.svd(a - a.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(points), np.abs(u[:, :2] * s[:2]), atol=1e-4)
    share = (s[:2] ** 2).sum() / (s**2).sum()
    assert f"the two directions hold {share:.0%} of the variance" in page
    drawn = r'd="M([\d.]+) ([\d.]+)m[^"]*" class="point[^"]*" data-go="(\d+)"><title>step (\d+)<'
    x, y, goes, titles = np.array(re.findall(drawn, page), float).T
    assert sorted(goes) == [*range(len(text))]  # a click goes to the step
    np.testing.assert_array_equal(goes, titles)
    assert np.corrcoef(x, points[goes.astype(int), 0])[0, 1] > 0.9999
    assert np.corrcoef(-y, points[goes.astype(int), 1])[0, 1] > 0.9999
    found = _csv(page, "nearest_stretches.csv")
    assert found[0][1:3] == [str(len(text) - 20), "0"]
    best = inspect.neighbors(trace(language, text), "lstm0.a", 0, len(text) - 20, len(text))
    for row, match in zip(found[1:], best, strict=False):
        assert (int(row[1]), float(row[2])) == (match.start, pytest.approx(match.distance, 1e-4))
        assert row[4] == text[match.start : match.start + 20]
        assert f'data-go="{match.start}"' in page
    lines = _csv(page, "stretches.csv")
    own = np.array([row[2] for row in lines if row[0] == "the last 20 steps"], float)
    unit = int(np.ptp(a[-20:], axis=0).argmax())
    np.testing.assert_allclose(own, a[-30:, unit], rtol=1e-4)


def test_the_page_compares_sequences_and_their_losses_by_length():
    X = [RNG.normal(size=(n, 2)) for n in (5, 9, 7, 6, 9, 12)]
    y = list("ababab")
    model = SequenceClassifier(units=3, epochs=1).fit(X, y, progress="silent")
    page = report(model, Data(X, y), example=2)
    states = trace(model, X).flat("pool0.y").astype(float)
    rows = _csv(page, "nearest_sequences.csv")
    distance = np.sqrt(((states - states[2]) ** 2).mean(axis=1))
    assert [int(row[0]) for row in rows] == np.argsort(distance).tolist()
    np.testing.assert_allclose([float(r[1]) for r in rows], np.sort(distance), rtol=1e-4)
    assert all([p, label] == [model.predict([X[int(i)]])[0], y[int(i)]] for i, _, p, label in rows)
    assert [row[1] for row in _csv(page, "map_of_states.csv")] == model.predict(X).tolist()
    losses = inspect.loss_by_length(model, X, y)
    shown = np.array(_csv(page, "loss_by_length.csv"), float)
    np.testing.assert_allclose(shown[:, 2], losses.mean, rtol=1e-5)
    np.testing.assert_array_equal(shown[:, 3], losses.counts)
    assert page.count("Not computed") == 0  # half of the sequences are long enough for each lag
    assert "Not computed: loss_by_length: y has no labels" in report(model, X)
    assert "Loss by length" not in report(model, [x[:5] for x in X])


@pytest.mark.parametrize("name", ["SequenceTagger", "SequenceRegressor", "Forecaster"])
def test_a_map_is_marked_by_what_the_model_predicts(name):
    row = MODELS[name]
    model = row.build().fit(*row.data, progress="silent")
    X = row.data[0]
    page = report(model, X, example=0 if name == "Forecaster" else 1)
    rows = _csv(page, "map_of_states.csv")
    labels = [r[1] for r in rows]
    if name == "SequenceTagger":
        assert labels == [str(tag) for tag in model.predict(X)[1]]
    elif name == "SequenceRegressor":
        values = [float(model.predict(X)[int(r[0])]) for r in rows]
        limits = np.quantile(values, [1 / 3, 2 / 3])
        words = np.array(["below", f"{limits[0]:.3g}", "above"])
        assert [k.split()[0] for k in labels] == words[np.digitize(values, limits)].tolist()
    else:
        steps = len(rows)
        assert labels == [
            f"{['first', 'second', 'last'][3 * t // steps]} third" for t in range(steps)
        ]
    assert f"step {len(rows) - 1}</title>" in page or f"sequence {len(rows) - 1}</title>" in page


def test_rare_labels_of_a_map_are_others():
    assert _few([*"aabbccddeeffgghhij"]) == [*"aabbccddeeffgg", *["others"] * 4]
    assert _few([1, 2]) == ["1", "2"]


def test_names_of_features_are_escaped():
    frame = pandas.DataFrame({"<b>&": np.sin(np.arange(60)), "id": np.arange(60) // 20})
    model = SequenceClassifier(units=2, epochs=1)
    model.fit([g[["<b>&"]] for _, g in frame.groupby("id")], list("aba"), progress="silent")
    page = report(model, [g[["<b>&"]] for _, g in frame.groupby("id")])
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;" in page


def test_frames_are_read_by_their_groups_and_labels():
    rows = np.repeat(np.arange(5), 6)
    frame = pandas.DataFrame({"a": RNG.normal(size=30), "b": RNG.normal(size=30), "id": rows})
    frame["label"] = np.array(list("xyxyx"))[rows]
    model = SequenceClassifier(units=3, epochs=1)
    model.fit(frame, y="label", group="id", progress="silent")
    X = [own[["a", "b"]].to_numpy() for _, own in frame.groupby("id")]
    X[3] = X[3][:4]  # so that there are lengths
    frame = frame.drop(index=[22, 23])
    with pytest.warns(UserWarning, match="in the model's order: 'a', 'b'"):
        page = report(model, frame[["b", "id", "label", "a"]], example=3)
    assert page == report(model, Data(X, list("xyxyx"), ("a", "b")), example=3)
    assert next(row[3] for row in _csv(page, "nearest_sequences.csv")) == "y"
    losses = inspect.loss_by_length(model, frame)
    np.testing.assert_allclose(
        losses.losses, inspect.loss_by_length(model, X, list("xyxyx")).losses
    )
    texts = pandas.DataFrame({"text": ["a b", "bb", "ab a"], "y": list("pqp")})
    reader = SequenceClassifier(units=3, epochs=1).fit(texts, y="y", progress="silent")
    assert [len(v) for v in attribute(reader, texts, per="word").values] == [2, 1, 2]
    assert _data(report(reader, texts, example=2))["tokens"] == "ab a"
    words = pandas.DataFrame({"id": rows, "word": RNG.choice(["red", "green"], 30)})
    tagger = SequenceTagger(units=3, epochs=1)
    tagger.fit(words.assign(tag="t"), y="tag", group="id", progress="silent")
    shown = words[words.id == 1].word.tolist()
    assert _data(report(tagger, words, example=1))["tokens"] == shown


def test_features_of_a_forecaster_are_named_in_the_order_of_the_network():
    t = np.arange(60)
    frame = pandas.DataFrame({
        "past": np.cos(t / 3), "free": (t % 7 == 0) * 1.0, "y": np.sin(t / 5),
        "at": pandas.date_range("2024-01-01", periods=60, freq="h"),
    })  # fmt: skip
    given = {"window": 12, "horizon": 2, "units": 3, "epochs": 1, "calendar": ["hour"]}
    model = Forecaster(target=["y"], future=["free"], missing="indicator", **given)
    model.fit(frame, progress="silent")
    names = model.input_names()
    known = ["free", "sine of hour", "cosine of hour"]
    assert names == ["y", "y missing", "past", *known, *(f"{n}, 2 later" for n in known)]
    data = _data(report(model, frame))
    assert data["names"] == names
    for name in ("y", "past", "free"):  # of the last window whose forecast is in the frame
        shown = _values(data["rows"]["x"], names.index(name))
        assert np.corrcoef(shown, frame[name][46:58])[0, 1] > 0.999
    later = _values(data["rows"]["x"], names.index("free, 2 later"))
    assert np.corrcoef(later, frame.free[48:60])[0, 1] > 0.999


def test_a_window_of_a_forecaster_has_a_page():
    series = np.sin(np.arange(80) / 5)
    given = {"window": 12, "horizon": 2, "units": 3, "epochs": 1}
    model = Forecaster(**given).fit(series, progress="silent")
    data = _data(report(model, series))
    assert data["steps"] == 12
    assert data["rows"]["x"]["n"] == 1
    assert "Not computed" not in report(model, series)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"unit": "lstm0.x"}, "unit is 'lstm0.x'; expected one of lstm0.a:0..5"),
        ({"unit": "lstm0.c:9"}, "unit is 'lstm0.c:9'"),
        ({"unit": 3}, "unit is 3; expected one of lstm0.a"),
        ({"example": 2}, "example is 2; expected 0..0"),
        ({"example": "a"}, "example is 'a'; expected 0..0"),
        ({"train": ""}, "train is empty"),
    ],
)
def test_bad_input_is_refused(language, given, message):
    with pytest.raises(ConfigError, match=message):
        report(language, TEXT, **given)


def test_a_model_of_another_kind_is_refused_for_comparison(language):
    X = [RNG.normal(size=(n, 2)) for n in (5, 9)]
    model = SequenceClassifier(units=3, epochs=1).fit(X, list("ab"), progress="silent")
    for own, data, other in ((model, X, language), (language, TEXT, model), (model, X, "x")):
        with pytest.raises(ConfigError, match="report: compare does not read the data of the mod"):
            report(own, data, compare=other)


def test_the_command_writes_the_page(language, tmp_path, capsys):
    language.save(tmp_path / "model.safetensors")
    (tmp_path / "text.txt").write_text(TEXT)
    out = tmp_path / "page.html"
    files = [str(tmp_path / name) for name in ("model.safetensors", "text.txt")]
    with pytest.raises(SystemExit) as status:
        main(["inspect", *files, "--out", str(out)])
    assert not status.value.code, capsys.readouterr().err
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_command_reads_labels_where_there_are_some(tmp_path, capsys):
    X, y = ["ab", "abc", "a", "abcd"], list("xyxy")
    SequenceClassifier(units=2, epochs=1).fit(X, y, progress="silent").save(tmp_path / "m.bptt")
    out = tmp_path / "page.html"
    given = ["inspect", *(str(tmp_path / n) for n in ("m.bptt", "x.jsonl")), "--out", str(out)]
    for labeled in (True, False):
        pairs = zip(X, y, strict=True)
        rows = [{"sequence": x, "label": k} if labeled else {"sequence": x} for x, k in pairs]
        (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
        with pytest.raises(SystemExit) as status:
            main([*given, "--target", "y"])
        assert not status.value.code, capsys.readouterr().err
        page = out.read_text(encoding="utf-8")
        assert ("loss_by_length.csv" in page) == labeled
        assert "Attribution explains the output 'y'" in html.unescape(page)
        out.unlink()
    with pytest.raises(SystemExit) as status:
        main([*given, "--target", "z"])
    assert status.value.code
    assert "target is 'z'; expected one of 'x', 'y'" in " ".join(capsys.readouterr().err.split())


def test_the_command_reads_networks_of_other_programs(tmp_path, capsys):
    network = Network([LSTM(2, 3), Dense(3, 1)])
    parameters = network.init(RNG)
    save((network, parameters), tmp_path / "other.pt")
    x = RNG.normal(size=(2, 30, 2))
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "bad.npy", np.zeros((2, 2, 2, 2)))
    (tmp_path / "x.jsonl").write_text('{"sequence": [[0.5, 1], [2, 3]]}\n')
    for name in ("x.npy", "x.jsonl"):
        out = tmp_path / f"{name}.html"
        files = [str(tmp_path / "other.pt"), str(tmp_path / name)]
        with pytest.raises(SystemExit) as status:
            main(["inspect", *files, "--module", "lstm0", "--out", str(out)])
        assert not status.value.code, capsys.readouterr().err
        assert "Network: example 0" in out.read_text(encoding="utf-8")
    files = [str(tmp_path / "other.pt"), str(tmp_path / "bad.npy")]
    with pytest.raises(SystemExit) as status:
        main(["inspect", *files, "--module", "lstm0"])
    assert status.value.code
    assert "(2, 2, 2, 2)" in " ".join(capsys.readouterr().err.split())
