"""Large values of a configuration as arrays: long texts, and lists of texts, numbers, lists, rows.

The header of a file is limited, because JSON takes many times the memory of its text. What is
large, such as a vocabulary, a history or the end of a series, is therefore stored in arrays
``config/0``, ``config/1``, ... A *scheme* describes how a value is stored:

* ``"text"``: a str, its UTF-8 bytes.
* ``"texts"``: a list of str, the bytes of all and the number of bytes of each.
* ``"integers"``, ``"floats"``: a list of int or of float, as int64 or float64.
* ``"mixed"``: a list of int, float and None, as float64 and the kind of each.
* ``["lists", scheme]``: a list of lists, the length of each and all their entries in one list.
* ``["rows", {key: scheme}]``: a list of dicts with the same keys, one list for each key.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["PREFIX", "pack", "unpack"]

PREFIX = "config/"  # of the names of the arrays
SMALL = 4096  # characters of JSON: what takes more is stored in arrays
_EXACT = 2**53  # float64 holds all whole numbers up to it
_KINDS = {type(None): 0, int: 1, float: 2}

Arrays = dict[str, np.ndarray]
Take = Callable[[Any], np.ndarray]


def pack(config: dict[str, Any]) -> tuple[dict[str, Any], list[Any], Arrays]:
    """Move the large values of a configuration into arrays.

    Parameters
    ----------
    config : dict
        Of JSON.

    Returns
    -------
    config : dict
        With None in place of each value that was moved.
    columns : list
        For each of them its place, a list of keys, and its scheme.
    arrays : dict of str to ndarray
    """
    columns: list[Any] = []
    arrays: Arrays = {}

    def walk(value: Any, place: list[Any]) -> Any:
        if isinstance(value, dict):
            return {key: walk(v, [*place, key]) for key, v in value.items()}
        if not isinstance(value, (str, list)) or len(json.dumps(value)) <= SMALL:
            return value
        parts: list[np.ndarray] = []
        scheme = _scheme(value, parts)
        if scheme is None:
            entries = enumerate(value) if isinstance(value, list) else ()
            return [walk(v, [*place, i]) for i, v in entries] or value
        columns.append([place, scheme])
        arrays.update({f"{PREFIX}{len(arrays) + k}": part for k, part in enumerate(parts)})
        return None

    return walk(config, []), columns, arrays


def _scheme(value, parts):
    """Return the scheme of a value and append its arrays to `parts`; None where it has none."""
    if isinstance(value, str):
        parts.append(_bytes(value))
        return "text"
    kinds = {type(v) for v in value}
    if kinds <= set(_KINDS):
        return _numbers(value, kinds, parts)
    if kinds == {str}:
        texts = [v.encode("utf-8", "surrogatepass") for v in value]
        parts += [_bytes("".join(value)), np.array([len(t) for t in texts], np.int64)]
        return "texts"
    if kinds == {list}:
        parts.append(np.array([len(v) for v in value], np.int64))
        inner = _scheme([entry for v in value for entry in v], parts)
        return inner and ["lists", inner]
    if kinds == {dict} and value[0] and all(list(row) == list(value[0]) for row in value):
        inner = {key: _scheme([row[key] for row in value], parts) for key in value[0]}
        return ["rows", inner] if all(type(s) is str for s in inner.values()) else None
    return None


def _bytes(text):
    return np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)


def _numbers(value, kinds, parts):
    limit = 2**63 if kinds == {int} else _EXACT
    if any(type(v) is int and abs(v) >= limit for v in value):
        return None
    if kinds <= {int}:
        parts.append(np.array(value, np.int64))
        return "integers"
    parts.append(np.array([0.0 if v is None else v for v in value], np.float64))
    if kinds == {float}:
        return "floats"
    parts.append(np.array([_KINDS[type(v)] for v in value], np.uint8))
    return "mixed"


def unpack(config: dict[str, Any], columns: Any, arrays: Arrays) -> None:
    """Put the values that `pack` moved back in their places.

    What it takes is in proportion to the size of the arrays, whatever the schemes are.

    Parameters
    ----------
    config : dict
        Changed in place.
    columns : list
    arrays : dict of str to ndarray
        Those whose names begin with `PREFIX`.

    Raises
    ------
    ValueError, TypeError, LookupError, RecursionError
        They do not fit each other: the file is damaged or forged.
    """
    taken = 0

    def take(dtype):
        nonlocal taken
        array, taken = arrays[f"{PREFIX}{taken}"], taken + 1
        if array.dtype != dtype or array.ndim != 1:
            raise ValueError(f"an array of its config is {array.dtype} {array.shape}")
        return array

    for (*place, last), scheme in columns:
        inside: Any = config
        for key in place:
            inside = inside[key]
        if inside[last] is not None:
            raise ValueError("its config holds a value twice")
        inside[last] = _value(scheme, take)
    if taken != len(arrays):
        raise ValueError("its config does not use all its arrays")


def _value(scheme: Any, take: Take) -> Any:
    if scheme == "text":
        return take(np.uint8).tobytes().decode("utf-8", "surrogatepass")
    if scheme == "texts":
        data = take(np.uint8).tobytes()
        return [p.decode("utf-8", "surrogatepass") for p in _parts(data, take(np.int64))]
    if scheme == "integers":
        return take(np.int64).tolist()
    if scheme == "floats":
        return _finite(take(np.float64)).tolist()
    if scheme == "mixed":
        return _mixed(_finite(take(np.float64)), take(np.uint8))
    kind, inner = scheme
    if kind == "lists":
        lengths = take(np.int64)
        return list(_parts(_value(inner, take), lengths))
    if kind != "rows" or not isinstance(inner, dict) or not inner:
        raise ValueError("its config has an unknown scheme")
    if not all(isinstance(s, str) and s != "text" for s in inner.values()):  # else out of nothing
        raise ValueError("its config has rows of an unknown scheme")
    lists = {key: _value(s, take) for key, s in inner.items()}
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _parts(whole: Any, lengths: np.ndarray) -> Iterator[Any]:
    """Split bytes or a list into parts of these lengths."""
    if len(lengths) and (lengths.min() < 0 or lengths.max() > len(whole)):
        raise ValueError("its config has a part of an impossible length")
    if int(lengths.sum()) != len(whole):
        raise ValueError("the parts of its config do not add up")
    end = 0
    for n in lengths.tolist():
        end += n
        yield whole[end - n : end]


def _finite(values):
    if not np.isfinite(values).all():
        raise ValueError("its config holds a number that is not finite")
    return values


def _mixed(values, kinds):
    if len(values) != len(kinds) or (kinds > 2).any():
        raise ValueError("its config holds a number of an unknown kind")
    whole = values[kinds == 1]
    if (whole != np.floor(whole)).any() or (np.abs(whole) > _EXACT).any():
        raise ValueError("its config holds a whole number that is none")
    as_kind = (lambda v: None, int, float)
    return [as_kind[k](v) for v, k in zip(values.tolist(), kinds.tolist(), strict=True)]
