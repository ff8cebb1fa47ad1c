"""Damaged and hostile checkpoints: one sentence, or exactly the content that was saved."""

import hashlib
import json
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt.errors import CheckpointError
from bptt.training.array_files import MAX_HEADER, load_arrays, save_arrays

ARRAYS = {"w": np.array([[1, -2.5]], np.float32), "n": np.array(-3, np.int16)}
CONFIG = {"cell": "lstm", "vocabulary": "abé"}
# A file of the first release. Never edit it: users have such files.
CONFIG_TEXT = '{"cell": "lstm", "vocabulary": "ab\\u00e9"}'
SHA = "5381d644f505e3ae27d8c33ef93242b5f8bf34c1f073386fbdda6ca5d69a16a2"
HEADER = (
    '{"__metadata__":{"format":"bptt","version":"1",'
    f'"config":{json.dumps(CONFIG_TEXT)},"sha256":"{SHA}"}},'
    '"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},'
    '"n":{"dtype":"I16","shape":[],"data_offsets":[8,10]}}'
)
PAYLOAD = b"\0\0\x80\x3f\0\0\x20\xc0\xfd\xff"


def craft(header, payload=b"", length=None):
    """A file with any header: an object, or its JSON text."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    text += b" " * (-len(text) % 8)
    return (len(text) if length is None else length).to_bytes(8, "little") + text + payload


GOLDEN = craft(HEADER, PAYLOAD)


def digest(config, arrays):
    """The documented digest, written a second time so that the format cannot drift."""
    sha = hashlib.sha256(json.dumps(config).encode())
    for name in sorted(arrays):
        dtype, shape = arrays[name].dtype.name, list(arrays[name].shape)
        sha.update(json.dumps([name, dtype, shape]).encode() + arrays[name].tobytes())
    return sha.hexdigest()


def forge(config="{}", arrays=None, **changes):
    """Our metadata, the digest right."""
    sha = digest(config, arrays or {})
    return {"format": "bptt", "version": "1", "config": config, "sha256": sha} | changes


def entry(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def marked(metadata):
    return craft({"__metadata__": metadata})


def ours(payload, *entries):
    """A file with our mark, the right digest of nothing, and these arrays."""
    arrays = {f"w{k}": values for k, values in enumerate(entries)}
    return craft({"__metadata__": forge()} | arrays, payload)


def assert_one_sentence(error, path):
    message = str(error)
    assert message.startswith(f"load: {path} ")
    assert message.endswith("; expected a model file of bptt, format version 1 or 2.")
    assert message.isprintable()
    assert len(message) < 500


def assert_refused(path, words=None):
    with pytest.raises(CheckpointError, match=words) as caught:
        load_arrays(path)
    assert_one_sentence(caught.value, path)


def refused_or_equal(path):
    """Whether the file still loads; then it must hold what was saved."""
    try:
        arrays, config = load_arrays(path)
    except CheckpointError as error:
        assert_one_sentence(error, path)
        return False
    assert config == CONFIG
    assert arrays.keys() == ARRAYS.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, ARRAYS[name], strict=True)
    return True


def test_the_format_of_the_first_release_is_read_and_written(path):
    assert digest(CONFIG_TEXT, ARRAYS) == SHA
    path.write_bytes(GOLDEN)
    assert refused_or_equal(path)
    save_arrays(path, ARRAYS, CONFIG)
    assert path.read_bytes() == GOLDEN


# Accidents


def test_every_truncation_is_refused(path):
    path.write_bytes(GOLDEN)
    for length in reversed(range(len(GOLDEN))):
        os.truncate(path, length)
        assert_refused(path, "is empty" if length == 0 else "too short|truncated")


def test_every_flipped_bit_is_refused(path):
    path.write_bytes(GOLDEN)
    with open(path, "r+b", buffering=0) as file:  # in place: thousands of new files would be slow
        for at, byte in enumerate(GOLDEN):
            for other in [byte ^ 1 << bit for bit in range(8)]:
                file.seek(at)
                file.write(bytes([other]))
                assert not refused_or_equal(path), f"byte {at} is {other}"
            file.seek(at)
            file.write(bytes([byte]))
    assert refused_or_equal(path)


@pytest.mark.parametrize("position", [0, 8, 9, len(GOLDEN) - len(PAYLOAD), len(GOLDEN)])
def test_added_bytes_are_refused(path, position):
    path.write_bytes(GOLDEN[:position] + b"\0" + GOLDEN[position:])
    assert_refused(path)


edits = st.tuples(
    st.sampled_from(["set", "insert", "delete", "copy"]),
    st.integers(0, len(GOLDEN)),
    st.integers(0, len(GOLDEN)),
    st.binary(min_size=1, max_size=9) | st.sampled_from([b"{", b'"', b"[", b"99", b"NaN", b"-1"]),
)


@settings(max_examples=400, deadline=None)
@given(edits=st.lists(edits, min_size=1, max_size=4))
def test_fuzzed_bytes_are_refused_or_harmless(tmp_path_factory, edits):
    data = GOLDEN
    for kind, at, to, new in edits:
        if kind == "set":
            data = data[:at] + new + data[at + len(new) :]
        elif kind == "insert":
            data = data[:at] + new + data[at:]
        else:
            data = data[:at] + (b"" if kind == "delete" else data[at:to] * 2) + data[to:]
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(data)
    refused_or_equal(path)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
)
sizes = st.integers(-1, 9) | st.sampled_from([2**31, 2**62, 2**63, 2**64, 2**200])
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "U8", "BOOL", "BF16", "F8_E4M3", "F4", "C64", "x"]),
        "shape": st.lists(sizes, max_size=3),
        "data_offsets": st.tuples(sizes, sizes),
    }
)


@settings(max_examples=250, deadline=None)
@given(
    header=st.dictionaries(st.text(max_size=3), entries | anything, max_size=3),
    metadata=st.just(forge()) | anything,
    payload=st.binary(max_size=8),
)
def test_headers_of_any_structure_are_refused(tmp_path_factory, header, metadata, payload):
    path = tmp_path_factory.getbasetemp() / "structured"
    path.write_bytes(craft({"__metadata__": metadata} | header, payload))
    if header or payload or metadata != forge():
        assert_refused(path)


# Hostile files

F32 = np.zeros(1, np.float32)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (craft(HEADER, PAYLOAD, length=2**63), "declares a header of 9223372036854775808 bytes"),
        (craft(HEADER, PAYLOAD, length=MAX_HEADER), f"truncated: header of {MAX_HEADER} bytes"),
        (craft(HEADER, PAYLOAD, length=0), "damaged header"),
        (craft(HEADER, PAYLOAD, length=5), "damaged header"),
        (craft('{"a":' * 100_000), "damaged header"),
        (craft('{"a":' + "[" * 100_000), "damaged header"),
        (craft('{"a": 1, "a": 1}'), "damaged header .*key occurs twice"),
        (craft('{"a": {"b": 1, "b": 1}}'), "damaged header .*key occurs twice"),
        (craft('{"a": NaN}'), "damaged header .*NaN is not a finite"),
        (craft('{"a": -Infinity}'), "damaged header .*-Infinity is not a finite"),
        (craft('{"a": 1e999}'), "damaged header .*1e999 is not a finite"),
        (craft('{"a": ' + "9" * 10_000 + "}"), "damaged header"),
        (craft('{"a": "\\ud800'), "damaged header"),
        (
            ours(b"", entry(0, 2**40, [2**38])),
            "truncated .* take 1099511627776 bytes and 0 are there",
        ),
        (ours(b"abcd", entry(0, 4, [2**60])), "damaged"),
        (ours(b"", entry(0, 0, [0, 2**63])), "damaged"),
        (ours(b"", entry(0, 0, [2**40, 2**40])), "damaged"),
        (ours(b"", entry(0, 0, [-1])), "damaged"),
        (ours(b"abcd", entry(4, 0, [1])), "damaged"),
        (ours(b"abcd", entry(0, 4, [1]), entry(0, 4, [1])), "damaged"),
        (ours(b"abcdabcd", entry(4, 8, [1])), "damaged"),
        (ours(b"abcdabcd", entry(0, 4, [1])), "take 4 bytes and 8 are there"),
        (ours(b"abcd"), "take 0 bytes and 4 are there"),
        (ours(b"", entry(0, 0, [0], "BF16")), "damaged"),
        (ours(b"", {}), "damaged header"),
        (ours(b"", entry(0, [[]], [1])), "damaged header"),
        (ours(b"", 7), "damaged header"),
        (ours(b"", entry(0, 0, [0]) | {"data_offsets": [0]}), "damaged header"),
        (ours(b"abcd", entry(0, 4, [2], "BF16")), "damaged"),
        (ours(b"abcd", entry(0, 4, [1], "os.system")), "damaged"),
        (ours(b"abcd", entry(0, 4, [1], "\x1b[31m\n")), "damaged"),
        (marked(forge(version="9" * 9999)), "has format version 999"),
        (craft('{"a": ' + "9" * 9999 + ".0}"), "header .*999"),
        (ours(b"abcd", entry(0, 4, [1])), "sha256 digest"),
        (marked(forge(sha256=SHA)), "sha256 digest"),
        (marked(forge(version=1)), "lacks its version"),
        (marked(forge(sha256=None)), "lacks"),
        (marked(forge(config={})), "lacks"),
        (marked(forge("[" * 100_000)), "damaged config"),
        (marked(forge('{"a": 1, "a": 2}')), "damaged config"),
        (marked(forge('{"a": NaN}')), "damaged config"),
        (marked(forge('{"a": 1e999}')), "damaged config"),
        (marked(forge("[]")), "damaged config .*not an object"),
        (marked(forge("")), "damaged config"),
    ],
)
def test_hostile_headers_are_refused_in_little_memory(path, data, words):
    path.write_bytes(data)
    tracemalloc.start()
    try:
        assert_refused(path, words)
        assert tracemalloc.get_traced_memory()[1] < 100_000 + 60 * len(data)
    finally:
        tracemalloc.stop()


def test_the_forged_files_would_load_but_for_their_one_fault(path):
    arrays = {"w": F32}
    path.write_bytes(craft({"__metadata__": forge("{}", arrays), "w": entry(0, 4, [1])}, bytes(4)))
    assert load_arrays(path) == (arrays, {})


def test_a_huge_file_is_judged_by_its_header_alone(path):
    for start, words in [(b"", "not a safetensors file"), (GOLDEN, "take 10 bytes and 10995116")]:
        path.write_bytes(start)
        os.truncate(path, 2**40)  # sparse: takes no room
        assert_refused(path, words)
