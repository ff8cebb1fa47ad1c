"""Data frames as X: long ones with a group, wide ones, lists of them."""

import numpy as np
import pytest

import bptt
from bptt import SequenceClassifier, SequenceRegressor, SequenceTagger
from bptt.errors import BpttError
from tests.support.cases import same_bits
from tests.support.model_cases import LABELS, NUMBERS, SENTENCES, SERIES, SIGNS, TAGS
from tests.support.sequence_models import QUIET, SMALL

pd = pytest.importorskip("pandas")

IDS = [30 - i for i in range(len(SERIES))]  # in no order


def long(ids=IDS, **columns):
    """Return a frame with a row for each time step: id, a, b, c and more."""
    rows = np.concatenate(SERIES)
    lengths = [len(x) for x in SERIES]
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    frame.insert(0, "id", np.repeat(ids, lengths))
    for name, values in columns.items():
        frame[name] = np.repeat(values, lengths)
    return frame


@pytest.fixture(scope="module")
def expected():
    return SequenceClassifier(**SMALL).fit(SERIES, LABELS, **QUIET)


@pytest.fixture(scope="module")
def model():
    return SequenceClassifier(**SMALL).fit(long(label=LABELS), "label", group="id", **QUIET)


def test_a_long_frame_is_its_sequences(model, expected):
    assert same_bits(model.parameters_, expected.parameters_)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.n_features_in_ == 3


@pytest.mark.parametrize(
    "y",
    [
        LABELS,
        np.array(LABELS),
        pd.Series(LABELS),
        pd.Series(LABELS, index=IDS).sort_index(),
        pd.Series(np.repeat(LABELS, [len(x) for x in SERIES])),
    ],
)
def test_targets_are_an_array_or_a_series(y, expected):
    model = SequenceClassifier(**SMALL).fit(long(), y, group="id", **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)


def test_the_column_itself_as_target_is_no_feature(expected):
    frame = long(label=LABELS)
    model = SequenceClassifier(**SMALL).fit(frame, frame["label"], group="id", **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)
    assert model.score(frame) == expected.score(SERIES, LABELS)


def test_predictions_carry_ids(model, expected, tmp_path):
    model.save(tmp_path / "m")
    for own in (model, bptt.load(tmp_path / "m")):
        said = own.predict(long())
        assert isinstance(said, pd.Series)
        assert said.index.tolist() == IDS
        assert (said.index.name, said.name) == ("id", "label")
        assert said.tolist() == expected.predict(SERIES).tolist()
        p = own.predict_proba(long(label=LABELS))  # the label is not read
        assert p.columns.tolist() == expected.classes_.tolist()
        assert p.index.tolist() == IDS
        assert same_bits(p.to_numpy(), expected.predict_proba(SERIES))
        assert own.score(long(label=LABELS)) == expected.score(SERIES, LABELS)
        assert own.score(long(), pd.Series(LABELS, IDS)[::-1]) == expected.score(SERIES, LABELS)
        assert isinstance(own.predict(SERIES), np.ndarray)


def test_columns_in_another_order_and_unknown_ones(model, expected):
    with pytest.warns(UserWarning, match="Put the columns in the model's order"):
        p = model.predict_proba(long()[["c", "id", "a", "b"]])
    assert same_bits(p.to_numpy(), expected.predict_proba(SERIES))
    with pytest.warns(UserWarning, match="Left out 'd': the model does not have"):
        p = model.predict_proba(long(d=NUMBERS))
    assert same_bits(p.to_numpy(), expected.predict_proba(SERIES))
    with pytest.raises(BpttError, match=r"the columns are 'a', 'b'; expected 'a', 'b', 'c'"):
        model.predict(long().drop(columns="c"))
    with pytest.raises(BpttError, match="group is 'id'; expected one of the columns"):
        model.predict(long().drop(columns="id"))


def test_a_missing_label_of_new_data_does_not_matter(model):
    frame = long(label=LABELS)
    frame["label"] = None
    assert len(model.predict(frame)) == len(IDS)
    with pytest.raises(BpttError, match="label"):
        model.score(frame)


def test_validation_is_a_frame(expected):
    frame = long(label=LABELS)
    one = SequenceClassifier(**SMALL).fit(frame, "label", group="id", validation=frame, **QUIET)
    two = SequenceClassifier(**SMALL).fit(SERIES, LABELS, validation=(SERIES, LABELS), **QUIET)
    assert one.history_[-1]["validation"] == two.history_[-1]["validation"]


def test_steps_are_sorted_by_time(expected):
    frame = long(label=LABELS)
    frame["at"] = pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(len(frame)), "h")
    shuffled = frame.sample(frac=1, random_state=0)
    shuffled = shuffled.sort_values("id", kind="stable", ascending=False)
    model = SequenceClassifier(**SMALL).fit(shuffled, "label", group="id", time="at", **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)
    assert same_bits(model.predict_proba(shuffled).to_numpy(), expected.predict_proba(SERIES))


def test_the_group_may_be_the_index(expected):
    frame = long(label=LABELS).set_index("id")
    model = SequenceClassifier(**SMALL).fit(frame, "label", group="id", **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)
    assert model.predict(frame).index.tolist() == IDS


def test_a_regressor_of_a_frame():
    frame = long(level=NUMBERS)
    model = SequenceRegressor(**SMALL).fit(frame, "level", group="id", **QUIET)
    expected = SequenceRegressor(**SMALL).fit(SERIES, NUMBERS, **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)
    assert same_bits(model.predict(frame).to_numpy(), expected.predict(SERIES))
    assert model.score(frame) == expected.score(SERIES, NUMBERS)
    two = pd.DataFrame({"x": NUMBERS, "y": NUMBERS}, index=IDS)
    said = SequenceRegressor(**SMALL).fit(long(), two[::-1], group="id", **QUIET).predict(long())
    assert said.shape == (len(IDS), 2)


def test_a_tagger_of_a_frame():
    frame = long(ids=list("abcdefghijkl"))
    frame["sign"] = np.concatenate(SIGNS)
    expected = SequenceTagger(**SMALL).fit(SERIES, SIGNS, **QUIET)
    for y in ("sign", frame["sign"], np.concatenate(SIGNS), SIGNS):
        own = frame if isinstance(y, str) or hasattr(y, "iloc") else frame.drop(columns="sign")
        model = SequenceTagger(**SMALL).fit(own, y, group="id", **QUIET)
        assert same_bits(model.parameters_, expected.parameters_)
    assert all(map(np.array_equal, model.predict(frame.drop(columns="sign")), SIGNS)) in (0, 1)


def test_words_in_a_frame():
    lengths = [len(s) for s in SENTENCES]
    frame = pd.DataFrame(
        {
            "sentence": np.repeat(np.arange(len(SENTENCES)), lengths),
            "word": [w for s in SENTENCES for w in s],
            "tag": [t for s in TAGS for t in s],
        }
    )
    model = SequenceTagger(**SMALL).fit(frame, "tag", group="sentence", **QUIET)
    expected = SequenceTagger(**SMALL).fit(SENTENCES, TAGS, **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)
    assert model.score(frame.assign(pos="X")) == expected.score(SENTENCES, TAGS)


def test_a_wide_frame_is_a_sequence_a_row():
    X = np.random.default_rng(0).standard_normal((len(LABELS), 4))
    frame = pd.DataFrame(X, columns=["t0", "t1", "t2", "t3"])
    expected = SequenceClassifier(**SMALL).fit(X, LABELS, **QUIET)
    model = SequenceClassifier(**SMALL).fit(frame, LABELS, **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)
    named = SequenceClassifier(**SMALL).fit(frame.assign(y=LABELS), "y", **QUIET)
    assert same_bits(named.predict_proba(frame), expected.predict_proba(X))
    assert named.score(frame.assign(y=LABELS)) == expected.score(X, LABELS)
    with pytest.warns(UserWarning, match="Put the columns"):
        assert same_bits(model.predict_proba(frame[frame.columns[::-1]]), model.predict_proba(X))
    numbered = SequenceClassifier(**SMALL).fit(pd.DataFrame(X), LABELS, **QUIET)
    assert not hasattr(numbered, "feature_names_in_")  # as scikit-learn: names are str
    texts = pd.DataFrame({"text": ["good", "bad"] * 6})
    spoken = SequenceClassifier(**SMALL).fit(texts, LABELS, **QUIET)
    assert same_bits(spoken.predict_proba(texts), spoken.predict_proba(["good", "bad"] * 6))


def test_rows_that_end_early_are_shorter_sequences():
    frame = pd.DataFrame([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0]] * 6)
    model = SequenceClassifier(**SMALL).fit(frame, ["a", "b"] * 6, **QUIET)
    alone = model.predict_proba([[1.0, 2.0]])
    np.testing.assert_allclose(model.predict_proba(frame)[:1], alone, rtol=1e-6)


def test_a_list_of_frames_is_aligned(expected):
    frames = [pd.DataFrame(x, columns=["a", "b", "c"]) for x in SERIES]
    frames[3] = frames[3][["b", "c", "a"]]
    with pytest.warns(UserWarning, match="Put the columns"):
        model = SequenceClassifier(**SMALL).fit(frames, LABELS, **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)
    frames[4] = frames[4].rename(columns={"a": "x"})
    with pytest.raises(BpttError, match=r"as X\[0\] has \(this is X\[4\]\): 'a' missing"):
        SequenceClassifier(**SMALL).fit(frames, LABELS, **QUIET)


def test_frames_of_other_packages(expected):
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pandas(long(label=LABELS))
    model = SequenceClassifier(**SMALL).fit(table, "label", group="id", **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)
    assert model.predict(table).index.tolist() == IDS


@pytest.mark.parametrize(
    ("X", "y", "how", "sentence"),
    [
        (long(), "lable", {"group": "id"}, "y is 'lable'; expected one of the columns id, a, b"),
        (long(), LABELS, {"group": "i"}, "group is 'i'; expected one of the columns id, a, b, c"),
        (SERIES, LABELS, {"group": "id"}, "group is 'id', and X is a list; expected a data frame"),
        (long(), LABELS[1:], {"group": "id"}, "y has 11 targets; expected 12, one for each"),
        (
            long(),
            pd.Series(LABELS, index=[*IDS[:-1], 99]),
            {"group": "id"},
            "y has nothing for id 19; expected a target for each id, in its index.",
        ),
        (long(), LABELS, {"group": "id", "lengths": [1]}, "lengths given with a DataFrame"),
        (
            long().assign(c="x"),
            LABELS,
            {"group": "id"},
            "SequenceClassifier.fit: c holds 'x' in row 1; expected numbers: choose the columns",
        ),
        (long().assign(a=1j), LABELS, {"group": "id"}, "a holds '1j' in row 1; expected numbers"),
        (
            long().assign(label=range(len(long()))),
            "label",
            {"group": "id"},
            "the rows of '30' have the labels '0' and '1'; expected one label for each sequence.",
        ),
        (
            pd.concat([long(), long()[["a"]]], axis=1),
            LABELS,
            {"group": "id"},
            "X has two columns 'a'; expected a name of its own for each",
        ),
    ],
)
def test_mistakes_with_frames(X, y, how, sentence):
    with pytest.raises(BpttError) as raised:
        SequenceClassifier(**SMALL).fit(X, y, **how, **QUIET)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.astype({"id": "category"}),
        lambda frame: frame.astype({"label": "category"}),
        lambda frame: frame.astype({"id": float}),
        lambda frame: frame.set_index(pd.Index([f"r{i}" for i in range(len(frame))])),
        lambda frame: frame.rename_axis("row"),
        lambda frame: frame.astype({"a": "Float64"}),
        lambda frame: frame.astype({"a": object}),
        lambda frame: frame.set_index(pd.date_range("2024", periods=len(frame), freq="h")),
    ],
)
def test_the_types_of_a_frame_do_not_matter(change, expected):
    frame = change(long(label=LABELS))
    model = SequenceClassifier(**SMALL).fit(frame, "label", group="id", **QUIET)
    assert same_bits(model.parameters_, expected.parameters_)
    assert model.predict(frame).index.tolist() == IDS


def test_pipelines_and_searches_take_wide_frames():
    selection = pytest.importorskip("sklearn.model_selection")
    X = np.random.default_rng(0).standard_normal((len(LABELS), 4))
    frame = pd.DataFrame(X, columns=["t0", "t1", "t2", "t3"])
    scores = [
        selection.cross_val_score(
            SequenceClassifier(**SMALL), own, LABELS, cv=3, params=QUIET, error_score="raise"
        ).tolist()
        for own in (frame, X)
    ]
    assert scores[0] == scores[1]
