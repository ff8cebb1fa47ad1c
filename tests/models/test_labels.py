"""Labels of every kind: what they become, which are refused, and those that training lacks."""

import re

import numpy as np
import pytest

import bptt
from bptt.errors import ConfigError, ShapeError
from bptt.models.label_arrays import as_labels
from bptt.models.labels import Labels

X = [np.full((2, 1), float(k)) for k in range(4)]
LARGE = 2**63 + 1


@pytest.mark.parametrize(
    ("y", "classes", "dtype"),
    [
        ([LARGE, 3, 3, LARGE], [3, LARGE], np.uint64),
        (np.array([LARGE, 3, 3, LARGE], np.uint64), [3, LARGE], np.uint64),
        (np.array([LARGE, 3, 3, LARGE], object), [3, LARGE], np.uint64),
        ([2**53 + 1, 2**53, 3, 3], [3, 2**53, 2**53 + 1], np.int64),
        (np.array([2, 3, 3, 2], np.uint64), [2, 3], np.int64),
        ([1.0, 0.0, 0.0, 1.0], [0.0, 1.0], np.float64),
        ([True, False, False, True], [False, True], bool),
        (["a", "b", "b", "a"], ["a", "b"], "U1"),
    ],
)
def test_labels_come_back_as_they_are(tmp_path, y, classes, dtype):
    model = bptt.SequenceClassifier(units=2, epochs=1).fit(X, y, progress="silent")
    model.save(tmp_path / "model")
    for own in (model, bptt.load(tmp_path / "model")):
        assert own.classes_.tolist() == classes
        assert own.classes_.dtype == dtype
        assert set(own.predict(X).tolist()) <= set(classes)
        assert 0 <= own.score(X, y) <= 1


def test_labels_of_steps_that_need_64_bits_without_sign():
    y = [[LARGE, 3], [3, 3]]
    target = Labels.learn(targets := Labels.read(X[:2], y, per_step=True))
    assert [ids.tolist() for ids in target.encode(targets)] == [[1, 0], [0, 0]]
    assert Labels.from_json(target.to_json()).classes.tolist() == [3, LARGE]
    with pytest.raises(ConfigError, match=r"labels are -1 and 9\d+; expected whole numbers that"):
        Labels.learn(Labels.read(X[:2], [[LARGE, 3], [3, -1]], per_step=True))


@pytest.mark.parametrize(
    "y",
    [
        [1, "a"], ("a", 1.5), [True, "a"], [True, 2], ["a", None], [np.int64(1), "a"],
        np.array([1, "a"], object), [2**64, 1], [2**63, -1], [1.0, 2**400],
    ],
)  # fmt: skip
def test_mixed_and_huge_labels_are_refused(y):
    with pytest.raises(ConfigError, match=r"expected (labels of one kind|.*whole numbers)"):
        as_labels("y", y)


def test_lists_where_one_label_is_expected_and_the_other_way_round():
    words = [["anna", "sings"], ["ben", "runs"]]
    tags = [["N", "V"], ["N", "V"]]
    tagger, classifier = (
        kind(units=2, epochs=1, embedding=2)
        for kind in (bptt.SequenceTagger, bptt.SequenceClassifier)
    )
    for y in (tags, [["N"], ["N", "V"]], [["N", "V"], "N"]):
        with pytest.raises(ShapeError, match=r"list of 2 labels; expected one label .*Tagger"):
            classifier.fit(words, y)
    for y in (["N", "V"], [1, 0], np.array(["N", "V"])):
        with pytest.raises(ShapeError, match=r"expected a label for every step .*Classifier"):
            tagger.fit(words, y)
    for y in ([[["N"], ["V", "V"]], ["N", "V"]], [[["N", "V"]], ["N", "V"]]):
        with pytest.raises(ShapeError, match=r"y\[0\] (is ragged|has shape)"):
            tagger.fit(words, y)
    with pytest.raises(ConfigError, match="y mixes text, whole numbers; expected labels of one"):
        tagger.fit(words, [["N", "V"], [1, 2]])
    classifier.fit(words, [["N"], ["V"]], progress="silent")  # a column


def test_unknown_labels_have_the_id_minus_one_and_are_named():
    target = Labels(np.array(["a", "b"]))
    one, steps = np.array(["b", "z", "a", "z"]), [np.array(["y", "a"]), np.array([], int)]
    assert target.encode(one, unknown=True).tolist() == [1, -1, 0, -1]
    assert [ids.tolist() for ids in target.encode(steps, unknown=True)] == [[-1, 0], []]
    note = "Labels of classes that are not in the training set:"
    assert target.unknown_note(one) == f"{note} 2 of 4 ('z')."
    assert target.unknown_note(steps) == f"{note} 1 of 2 ('y')."
    assert target.unknown_note(one[[0, 2]]) is None
    with pytest.raises(ConfigError, match=re.escape("y[1] is 'z'; expected one of 'a', 'b'")):
        target.encode(one)
    numbers = Labels(np.array([3, LARGE], np.uint64))
    assert numbers.encode(np.array([LARGE - 1, 3]), unknown=True).tolist() == [-1, 0]


@pytest.mark.parametrize(
    ("classes", "texts"),
    [
        ([0, 1], ["1", "0"]),
        ([0.0, 1.0], ["1", "0.0"]),
        ([False, True], ["true", "False"]),
        (["0", "1"], ["1", "0"]),
    ],
)
def test_text_of_files_names_classes_of_other_kinds(classes, texts):
    target = Labels(np.array(classes))
    own, y = target.by_name([*texts, "?"])
    assert own.encode(np.array(y), unknown=True).tolist() == [1, 0, -1]
    own, y = target.by_name([[], texts, ["?"]])
    assert [k.tolist() for k in own.encode(list(map(np.array, y)), unknown=True)] == [
        [],
        [1, 0],
        [-1],
    ]
    assert target.by_name(None) == (target, None)
    assert target.by_name(classes) == (target, classes)
