"""Large values of a configuration, stored in arrays: everything comes back, forgery is refused."""

import hashlib
import json
import os
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt.errors import CheckpointError, ConfigError
from bptt.training import columns
from bptt.training.array_files import MAX_HEADER, load_arrays, read_config, save_arrays

ROW = {"epoch": 1, "loss": 0.5, "validation": None, "rate": 1}
LARGE = {
    "texts": [f"слово{k}" for k in range(5000)],
    "odd texts": ["", "\ud800", "a\0b", "😀", "\n"] * 500,
    "text": "é語😀 " * 2000,
    "floats": np.linspace(-1, 1, 3000).tolist(),
    "zeros": [0.0, -0.0, 5e-324, 1.7976931348623157e308] * 300,
    "integers": [0, -1, 2**63 - 1, 1 - 2**63] * 300,
    "mixed": [None, 1, 1.0, -0.0, 2**53 - 1] * 300,
    "nothing": [None] * 2000,
    "series": np.sin(np.arange(2400.0)).reshape(3, 400, 2).tolist(),
    "ragged": [[], [1, 2], [], [3]] * 500,
    "ragged texts": [["a"], [], ["b", "é"]] * 500,
    "empty lists": [[], [[]]] * 1000,
    "rows": [ROW | {"epoch": k, "validation": k / 3 if k % 2 else None} for k in range(800)],
    "rows of lists": [[ROW] * 2, [], [ROW]] * 200,
    "inside": {"deep": [{"a": ["x" * 5000, "y"]}, 1.5]},
}
INLINE = {  # what has no columns stays in the header
    "bools": [True, False] * 600,
    "several kinds": [1, "a"] * 500,
    "large numbers": [2**63] * 300,
    "other keys": [{"a": 1}, {"b": 1}] * 400,
    "empty rows": [{}] * 2000,
    "nested rows": [{"a": [1]}] * 600,
}
EXPECTED = ["float64", "int64", "uint8"]


def same(a, b):
    """Equal to the bit, kinds of numbers and order of keys included."""
    return repr(a) == repr(b)


@pytest.mark.parametrize("name", LARGE)
def test_what_is_large_is_stored_in_arrays_and_comes_back(path, name):
    config = {"before": 1, name: LARGE[name], "after": [1, 2]}
    arrays = {"w": np.arange(3.0), "b": np.array(True)}
    save_arrays(path, arrays, config)
    loaded, again = load_arrays(path)
    assert same(again, config)
    assert list(loaded) == list(arrays)
    header = int.from_bytes(path.read_bytes()[:8], "little")
    assert header < 2000
    stored = safetensors.numpy.load_file(path)
    moved = {k: a for k, a in stored.items() if k.startswith("config/")}
    assert sorted({a.dtype.name for a in moved.values()} | set(EXPECTED)) == EXPECTED
    assert np.array_equal(stored["w"], arrays["w"])
    assert read_config(path)["after"] == [1, 2]


@pytest.mark.parametrize("name", INLINE)
def test_what_has_no_columns_stays_in_the_header(path, name):
    save_arrays(path, {}, {name: INLINE[name]})
    assert same(load_arrays(path)[1], {name: INLINE[name]})
    assert not safetensors.numpy.load_file(path)
    assert b'"version":"1"' in path.read_bytes()


def test_small_values_and_equal_content_give_the_bytes_of_version_1(path):
    save_arrays(path, {}, {"a": ["x" * 2000], "b": [0.5] * 500})
    assert b'"version":"1"' in path.read_bytes()
    save_arrays(path, {}, LARGE)
    first = path.read_bytes()
    save_arrays(path, {}, LARGE)
    assert path.read_bytes() == first
    assert b'"version":"2"' in first


def test_the_digest_of_a_file_with_columns_is_the_documented_one(path):
    save_arrays(path, {"w": np.ones(2, np.float32)}, {"v": ["abc"] * 2000})
    data = path.read_bytes()
    n = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + n])["__metadata__"]
    sha = hashlib.sha256(json.dumps([metadata["config"], metadata["columns"]]).encode())
    for name, a in sorted(safetensors.numpy.load_file(path).items()):
        sha.update(json.dumps([name, a.dtype.name, list(a.shape)]).encode() + a.tobytes())
    assert metadata["sha256"] == sha.hexdigest()
    assert metadata["columns"] == '[[["v"], "texts"]]'


def test_a_file_larger_than_a_header_may_be_is_saved_and_read(path):
    config = {"vocabulary": [f"слово{k:07}" for k in range(300_000)]}
    assert len(json.dumps(config)) > 2 * MAX_HEADER
    save_arrays(path, {}, config)
    assert load_arrays(path)[1] == config


def test_names_of_the_arrays_of_a_config_are_taken(path):
    with pytest.raises(ConfigError, match="begins with 'config/'"):
        save_arrays(path, {"config/0": np.ones(1)}, {})


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from(["\ud800", "\udfff😀"])
)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.builds(lambda row, n: [row] * n, inner, st.integers(1, 3))
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(tree=trees)
def test_any_configuration_comes_back_whatever_its_size(tree):
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(columns, "SMALL", 0)  # everything is large
        config, places, arrays = columns.pack({"x": tree})
    config, places = json.loads(json.dumps(config)), json.loads(json.dumps(places))
    columns.unpack(config, places, arrays)
    assert same(config, {"x": tree})


def parts(*arrays):
    return {f"config/{k}": np.asarray(a) for k, a in enumerate(arrays)}


LETTERS, ONES = np.full(8, 97, np.uint8), np.ones(8, np.int64)
FORGED = [
    ([[["x"], "texts"]], parts(LETTERS, ONES * 2), "do not add up"),
    ([[["x"], "texts"]], parts(LETTERS, [9]), "impossible length"),
    ([[["x"], "texts"]], parts(LETTERS, [-1, 9]), "impossible length"),
    ([[["x"], "texts"]], parts(LETTERS, ONES.astype(np.uint64)), "uint64"),
    ([[["x"], "texts"]], parts(LETTERS, ONES.reshape(2, 4)), "int64"),
    ([[["x"], "texts"]], parts(LETTERS), "config/1"),
    ([[["x"], "text"]], parts(LETTERS + 128), "utf-8"),
    ([[["x"], "text"]], parts(LETTERS, ONES), "does not use all"),
    ([[["x"], "floats"]], parts([1.0, np.nan]), "not finite"),
    ([[["x"], "floats"]], parts([1.0, np.inf]), "not finite"),
    ([[["x"], "floats"]], parts(ONES), "int64"),
    ([[["x"], "mixed"]], parts([1.5], np.array([1], np.uint8)), "whole number"),
    ([[["x"], "mixed"]], parts([1e300], np.array([1], np.uint8)), "whole number"),
    ([[["x"], "mixed"]], parts([1.5], np.array([3], np.uint8)), "kind"),
    ([[["x"], "mixed"]], parts([1.5], np.array([2, 2], np.uint8)), "kind"),
    ([[["x"], ["rows", {"a": "integers", "b": "integers"}]]], parts(ONES, ONES[:3]), "zip"),
    ([[["x"], ["rows", {}]]], {}, "unknown scheme"),
    ([[["x"], ["rows", {"a": "text"}]]], parts(LETTERS), "rows of an unknown scheme"),
    ([[["x"], ["rows", {"a": ["rows", {"a": "integers"}]}]]], parts(ONES), "rows of an unknown"),
    ([[["x"], ["rows", ["a"]]]], parts(ONES), "unknown"),
    ([[["x"], ["lists", "floats"]]], parts([9], np.ones(8)), "impossible length"),
    ([[["x"], ["lists", "floats"]]], parts([2**62] * 4, np.ones(8)), "impossible length"),
    ([[["x"], "pickle"]], parts(LETTERS), ""),
    ([[["x"], None]], parts(LETTERS), ""),
    ([[["x"], {}]], parts(LETTERS), ""),
    ([[[], "text"]], parts(LETTERS), ""),
    ([[["y"], "text"]], parts(LETTERS), "y"),
    ([[["taken"], "text"]], parts(LETTERS), "twice"),
    ([[["x", 0], "text"]], parts(LETTERS), ""),
    ([[[["x"]], "text"]], parts(LETTERS), ""),
    ([[["x"], "text"]] * 2, parts(LETTERS), "twice"),
    ([7], parts(LETTERS), ""),
    ({"a": 1}, parts(LETTERS), ""),
    ([[["x"], "text"]], {"config/1": LETTERS}, "config/0"),
]


@pytest.mark.parametrize(("places", "arrays", "words"), FORGED)
def test_columns_that_lie_are_refused_in_one_sentence(path, places, arrays, words):
    forge(path, {"x": None, "taken": 1}, json.dumps(places), arrays)
    with pytest.raises(CheckpointError, match=rf"has a damaged config \(.*{words}") as caught:
        load_arrays(path)
    assert str(caught.value).isprintable()


def forge(path, config, places, arrays):
    """A file of version 2 with a right digest, written without the library."""
    text = json.dumps(config)
    sha = hashlib.sha256(json.dumps([text, places]).encode())
    for name, a in sorted(arrays.items()):
        sha.update(json.dumps([name, a.dtype.name, list(a.shape)]).encode() + a.tobytes())
    metadata = {"format": "bptt", "version": "2", "config": text, "columns": places}
    path.write_bytes(safetensors.numpy.save(arrays, metadata | {"sha256": sha.hexdigest()}))


@pytest.mark.parametrize(
    "places",
    [
        "[" * 100_000,
        json.dumps([[["x"], "text"]] * 50_000),
        '[[["x"], ' + '["lists", ' * 900 + '"texts"' + "]" * 900 + "]]",
        '7, "columns": []',
    ],
)
def test_hostile_columns_take_little_memory(path, places):
    forge(path, {"x": None}, places, parts(np.zeros(0, np.uint8)))
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError):
            load_arrays(path)
        assert tracemalloc.get_traced_memory()[1] < 200_000 + 60 * os.path.getsize(path)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["texts", "lists", "rows"])
def test_what_a_file_unfolds_to_is_in_proportion_to_its_size(path, name):
    n = 100_000
    arrays, scheme = {
        "texts": (parts(np.full(2 * n, 98, np.uint8), np.full(n, 2)), "texts"),
        "lists": (parts(np.zeros(n, np.int64), np.zeros(0)), ["lists", "floats"]),
        "rows": (parts(np.arange(n)), ["rows", {"a": "integers"}]),
    }[name]
    forge(path, {"x": None}, json.dumps([[["x"], scheme]]), arrays)
    tracemalloc.start()
    try:
        assert len(load_arrays(path)[1]["x"]) == n
        assert tracemalloc.get_traced_memory()[1] < 200_000 + 60 * os.path.getsize(path)
    finally:
        tracemalloc.stop()
