"""Changes to files, drawn from a generator: bytes, lines, numbers, and the JSON of checkpoints."""

import hashlib
import json
import random
import re

NUMBERS = [
    b"0", b"-1", b"1", b"2", b"255", b"65536", b"2147483647", b"2147483648", b"4294967295",
    b"1073741824", b"9223372036854775807", b"18446744073709551616", b"1e308", b"1e999", b"-1e39",
    b"1e-400", b"0.1", b"NaN", b"Infinity", b"-inf", b"1_0", b"0x10", b"", b"9" * 400, b"9" * 5000,
]  # fmt: skip
TOKENS = [
    b"\0", b"\n", b"\r\n", b"\r", b"\n\n", b"\t", b" ", b",", b";", b":", b"|", b'"', b"'", b"#",
    b"@", b"?", b"{", b"}", b"[", b"]", b"[[", b"\\", b"\\u", b"\\ud800", b"null", b"true", b"//",
    b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\x1b[31m", b"@data\n",
    b"@timeStamps true\n",
    b"@classLabel true a b\n", b"@dimensions 3\n", b"@missing true\n", b"@seriesLength 99999999\n",
    b"# comment\n", b"1-2\t", b"1.1\t", b"-DOCSTART- O\n", b'"sequence"', b'"label"',
    b"\xc2\xa0", b"\xff\xfe", b"\xfe\xff", b"-DOCSTART-\n", b"# global.columns = ID FORM UPOS\n",
    b"# sent_id = 1\n", b"%", b"NaN", b"1.0", b"(2020-01-01,1)", b"@targetLabel true\n", b"\r\r\n",
    b"__metadata__", b"data_offsets", b"[" * 3000, b'{"a":' * 3000, b"(0,1)", b"\xd9\xa3",
]  # fmt: skip
FIELDS = [
    b"", b" ", b"0", b"1", b"-3", b"2.50", b"1e3", b"16777217", b"9007199254740993", b"1,5",
    b"1.234,5", b'"7"', b'"a b"', b'a ""b', b"NA", b"nan", b"?", b"null", b"true", b"False", b"x",
    b"B-LOC", b"#", b"# a", b"_", b"1-2", b"3.1", b"2020-01-31", b"31.01.2020", b"\xc2\xa0",
    b"2020-01-31 10:00", b"\xe9", b"\xc3\xa9", b"date", b"id", b"label",
]  # fmt: skip
VALUES = [
    None, True, False, 0, 1, -1, 2, 7, 1.5, -0.0, 2**30 - 1, 2**30, 2**31, 2**53, 2**63, 2**64,
    2**200, 1e300, 1e-300, "", "a", "lstm", "gru", "rnn", "sgd", "cosine", "é\u2028", "\ud800",
    "a" * 3000, 2**62, 10**39, 10**400, [], [0], [-1], [2**40], ["a"], [[]], {}, {"a": 1},
    "__class__", "/etc/passwd",
]  # fmt: skip


def mutate(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Change a file in one to four ways; `other` is one to splice with."""
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 4])):
        data = rng.choice(_WAYS)(data, other, rng)[:200_000]
    return data


def _flip(data, _, rng):
    if not data:
        return data
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _overwrite(data, _, rng):
    at = rng.randrange(len(data) + 1)
    new = rng.randbytes(rng.choice([1, 1, 2, 4, 8]))
    return data[:at] + new + data[at + len(new) :]


def _span(data, rng):
    at = rng.randrange(len(data) + 1)
    return at, min(len(data), at + rng.choice([1, 2, 5, 30, 200, len(data)]))


def _delete(data, _, rng):
    at, to = _span(data, rng)
    return data[:at] + data[to:]


def _repeat(data, _, rng):
    at, to = _span(data, rng)
    return data[:to] + data[at:to] * rng.choice([1, 1, 2, 50]) + data[to:]


def _insert(data, _, rng):
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TOKENS) + data[at:]


def _truncate(data, _, rng):
    return data[: rng.randrange(len(data) + 1)]


def _splice(data, other, rng):
    (a, b), (c, d) = _span(data, rng), _span(other, rng)
    return data[:a] + other[c:d] + data[b:]


def _number(data, _, rng):
    places = [m.span() for m in re.finditer(rb"-?\d+(\.\d+)?", data[:50_000])]
    if not places:
        return data
    at, to = rng.choice(places)
    return data[:at] + rng.choice(NUMBERS) + data[to:]


def _lines(data, _, rng):
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[i] = lines[j] if rng.random() < 0.5 else lines[i].swapcase()
    if rng.random() < 0.3:
        del lines[j]
    return b"\n".join(lines)


def _field(data, _, rng):
    """Replace a field, so that the file keeps its form."""
    places = [m.span() for m in re.finditer(rb"[^,;\t\n :|\[\]{}]+", data[:50_000])]
    if not places:
        return data
    at, to = rng.choice(places)
    return data[:at] + rng.choice(FIELDS) + data[to:]


def change_json_line(data: bytes, rng: random.Random) -> bytes:
    """Change a value in a line of JSON; the line stays JSON."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    try:
        lines[at] = json.dumps(_change_json(json.loads(lines[at]), rng)).encode()
    except (ValueError, RecursionError):
        return data
    return b"\n".join(lines)


def _header_length(data, _, rng):
    length = int.from_bytes(data[:8], "little") + rng.choice([-8, -1, 1, 8, 2**20, 2**40, 2**62])
    length = rng.choice([length, 0, 1, len(data), 2**64 - 1]) % 2**64
    return length.to_bytes(8, "little") + data[8:]


_WAYS = [
    _flip, _overwrite, _delete, _repeat, _insert, _insert, _truncate, _splice, _number, _number,
    _lines, _field, _field, _field, _header_length,
]  # fmt: skip


# Checkpoints whose digest is right again, so that what stands behind it is reached


def forge(data: bytes, rng: random.Random) -> bytes:
    """Change the configuration or the arrays of a checkpoint and put the right digest on it."""
    header, payload = _take_apart(data)
    metadata = header.pop("__metadata__")
    config = json.loads(metadata["config"])
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        way = rng.random()
        if way < 0.7 or not header:
            config = _change_json(config, rng)
        elif way < 0.8:  # an array's bytes: huge numbers, not a number
            at = rng.randrange(max(len(payload), 1))
            payload[at : at + 4] = rng.choice(
                [b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\xff\xff\x7f\x7f", b"\1", b"\xff" * 8]
            )
            payload = payload[: _end(header)]
        elif way < 0.9:
            name = rng.choice(list(header))
            shape = header[name]["shape"]
            header[name]["shape"] = rng.choice([shape[::-1], [*shape, 1], shape[1:], [0, *shape]])
        else:  # one array fewer, or under another name
            name = rng.choice(list(header))
            kept = header.pop(name)
            begin, end = kept["data_offsets"]
            if rng.random() < 0.5:
                header[f"{name}x"] = kept
            else:
                del payload[begin:end]
                for entry in header.values():
                    if entry["data_offsets"][0] >= end:
                        entry["data_offsets"] = [n - end + begin for n in entry["data_offsets"]]
    if not isinstance(config, dict):
        config = {"kind": config}
    metadata["config"] = json.dumps(config)
    if "columns" in metadata and rng.random() < 0.3:
        metadata["columns"] = json.dumps(_change_json(json.loads(metadata["columns"]), rng))
    metadata["sha256"] = _digest(metadata, header, bytes(payload))
    text = json.dumps({"__metadata__": metadata} | header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + bytes(payload)


def _take_apart(data):
    start = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:start]), bytearray(data[start:])


def _end(header):
    return max([0, *(entry["data_offsets"][1] for entry in header.values())])


def _digest(metadata, header, payload):
    names = {"F32": "float32", "F64": "float64", "I64": "int64", "U64": "uint64", "U8": "uint8",
             "BOOL": "bool", "I32": "int32", "U32": "uint32"}  # fmt: skip
    hashed = metadata["config"]
    if "columns" in metadata:
        hashed = [hashed, metadata["columns"]]
    sha = hashlib.sha256(json.dumps(hashed).encode())
    for name, entry in sorted(header.items()):
        begin, end = entry["data_offsets"]
        dtype = names[entry["dtype"]]
        sha.update(json.dumps([name, dtype, entry["shape"]]).encode() + payload[begin:end])
    return sha.hexdigest()


def _change_json(value, rng):
    """Return a JSON value with one place in it changed."""
    if isinstance(value, dict) and value and rng.random() < 0.93:
        key = rng.choice(list(value))
        way = rng.random()
        if way < 0.08:
            return {k: v for k, v in value.items() if k != key}
        if way < 0.12:
            return value | {rng.choice(["x", "", "__init__", "units"]): rng.choice(VALUES)}
        return value | {key: _change_json(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        way = rng.random()
        if way < 0.2:
            return value[:at] + value[at + 1 :]
        if way < 0.4:
            return value[: at + 1] + value[at:]
        return [*value[:at], _change_json(value[at], rng), *value[at + 1 :]]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and abs(value) < 1e300 and rng.random() < 0.4:
        return rng.choice([value + 1, value - 1, -value, value * 2, value * 10**9, float(value)])
    if isinstance(value, str) and value and rng.random() < 0.4:
        at = rng.randrange(len(value))
        return rng.choice([value[:at] + value[at + 1 :], value[:at] + "\u0000" + value[at:],
                           value[::-1], value + value])  # fmt: skip
    return rng.choice(VALUES)
