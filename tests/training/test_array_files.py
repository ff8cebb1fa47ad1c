"""Checkpoints: what is saved comes back to the bit, and what would not come back is refused."""

import numpy as np
import pytest
import safetensors.numpy

from bptt.errors import ConfigError, ShapeError
from bptt.training.array_files import MAX_HEADER, load_arrays, save_arrays

CONFIG = {
    "units": 3,
    "vocabulary": "aé語😀\ud800\0\n\"'",
    "deep": [{"x": None}, True, 1e-300, 2**127],
}
ARRAYS = {"z": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array([True, False, True])}


def assert_same(path, arrays=ARRAYS, config=CONFIG):
    loaded, loaded_config = load_arrays(path)
    assert loaded_config == config
    assert list(loaded) == list(arrays)
    for name, array in arrays.items():
        assert (loaded[name].dtype, loaded[name].shape) == (array.dtype, array.shape)
        assert loaded[name].tobytes() == array.tobytes()


@pytest.fixture
def saved(path):
    save_arrays(path, ARRAYS, CONFIG)
    return path


# Round trips


@pytest.mark.parametrize("dtype", list("?bhiqBHIQefd"))
def test_every_dtype_shape_and_layout_comes_back(path, dtype):
    base = np.random.default_rng(3).integers(0, 2**15, (4, 6)).astype(dtype)
    read_only = base.copy()
    read_only.flags.writeable = False
    arrays = {
        "plain": base,
        "fortran": np.asfortranarray(base),
        "strided": base[::-2, 1::3],
        "broadcast": np.broadcast_to(base[:, :1], (4, 5)),
        "swapped": base.astype(base.dtype.newbyteorder(">")),
        "read-only": read_only,
        "scalar": base[1, 2, ...],
        "empty": base[:0],
        "long empty": np.zeros((3, 0, 2**40), dtype),
    }
    before = {name: (a.tobytes(), a.flags.writeable) for name, a in arrays.items()}
    save_arrays(path, arrays, {})
    assert before == {name: (a.tobytes(), a.flags.writeable) for name, a in arrays.items()}
    loaded, config = load_arrays(path)
    assert config == {}
    assert list(loaded) == list(arrays)
    for name, array in loaded.items():
        np.testing.assert_array_equal(array, arrays[name], strict=False)
        assert (array.dtype, array.shape) == (np.dtype(dtype), arrays[name].shape)
        assert array.flags.carray  # C-ordered, aligned, writable


def test_floats_come_back_to_the_bit(path):
    bits = np.array([0x7FF8000000000001, 0xFFF0000000000000, 1 << 63, 1, 0x7FF4000000000000], "u8")
    save_arrays(path, {"w": bits.view("f8")}, CONFIG)
    assert_same(path, {"w": bits.view("f8")})


def test_names_and_order_come_back_and_nothing_is_needed(path):
    names = ["lstm0.Wf", "a", "Z", "é語😀", "", "../../x", "b c", "dtype"]
    arrays = {name: np.full(k, k, np.int16) for k, name in enumerate(names)}
    save_arrays(str(path), arrays, CONFIG)
    assert_same(str(path), arrays)
    save_arrays(path, {}, {})
    assert_same(path, {}, {})


def test_equal_content_gives_equal_bytes_and_safetensors_reads_them(saved, tmp_path):
    for k in range(5):
        save_arrays(tmp_path / f"{k}", ARRAYS, CONFIG)
        assert (tmp_path / f"{k}").read_bytes() == saved.read_bytes()
    other = safetensors.numpy.load_file(saved)
    assert {name: a.tolist() for name, a in other.items()} == {
        name: a.tolist() for name, a in ARRAYS.items()
    }


# What cannot be saved


@pytest.mark.parametrize(
    "array",
    [
        np.array([None, "x"]),
        np.array(["text"]),
        np.zeros(2, complex),
        np.zeros(2, np.longdouble),
        np.zeros(2, "M8[s]"),
        np.zeros(2, [("x", "f4")]),
        np.ma.masked_array([1.0, 2.0], [True, False]),
        [1.0, 2.0],
        np.float64(1),
    ],
)
def test_arrays_that_cannot_be_stored_are_refused_by_name(saved, array):
    with pytest.raises(ShapeError, match=r"^save: lstm0\.Wf .*expected"):
        save_arrays(saved, {"z": ARRAYS["z"], "lstm0.Wf": array}, CONFIG)
    assert_same(saved)


@pytest.mark.parametrize("name", ["__metadata__", 3, None])
def test_names_that_cannot_be_stored_are_refused(saved, name):
    with pytest.raises(ConfigError, match="name an array"):
        save_arrays(saved, {name: ARRAYS["z"]}, {})
    assert_same(saved)


def nested(depth):
    result = []
    for _ in range(depth):
        result = [result]
    return result


@pytest.mark.parametrize(
    "config",
    [
        *({"x": x} for x in (float("nan"), float("inf"), (1, 2), {1: 2}, {3}, b"", np.ones(2))),
        [1],
        None,
        {1: 2},
        {"x": nested(100_000)},
        {"x": [[k, "y" * 4000] for k in range(1 + MAX_HEADER // 4000)]},  # no columns
        {"x": 10**41},
    ],
)
def test_config_that_would_not_come_back_is_refused(saved, config):
    with pytest.raises(ConfigError, match=r"^save: config [^\n]*\.$"):
        save_arrays(saved, ARRAYS, config)
    assert_same(saved)
