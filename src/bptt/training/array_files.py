"""Save and load named arrays with their configuration, in one safetensors file.

The file has eight bytes with the length of a JSON header, the header, and the bytes of the arrays.
Its ``__metadata__`` holds ``format`` ("bptt"), ``version`` ("1"), ``config`` (JSON text) and
``sha256``, the digest of the configuration and of the name, dtype, shape and bytes of every array.
A file of version "2" also has ``columns`` (JSON text): the values of the configuration that are
stored in arrays because they are large, see `bptt.training.columns`. Without such values a file has
version "1". Nothing in a file is executed, imported or used as a path. The digest detects damage,
not forgery.
"""

import hashlib
import json
import os
import stat
from typing import Any, BinaryIO

import numpy as np

from ..errors import CheckpointError, ConfigError, ShapeError, operation
from ..safe_files import parse_json, reason, write_atomically
from .array_header import (
    DTYPE_NAMES,
    FORMAT,
    MAX_HEADER,
    VERSION,
    WITH_COLUMNS,
    Arrays,
    Path,
    place_of,
    read_header,
    read_json,
    read_metadata,
    refusal,
)
from .columns import PREFIX, pack, unpack

__all__ = ["check_config", "load_arrays", "read_config", "save_arrays"]


@operation("save")
def save_arrays(path: Path, arrays: Arrays, config: dict[str, Any]) -> None:
    """Write arrays and configuration to one file, atomically: see `bptt.safe_files`.

    Equal content gives equal bytes.

    Parameters
    ----------
    path : str or path-like
        The file to write; its directory must exist.
    arrays : dict of str to ndarray
        Arrays of bool, int or float (at most 8 bytes an element), of any shape, layout and byte
        order.
    config : dict
        Values that JSON preserves: str keys, lists, no tuples, no NaN, no infinity.

    Raises
    ------
    ShapeError
        An entry of `arrays` is not a plain NumPy array, or has a dtype that cannot be stored.
    ConfigError
        JSON does not preserve `config`, or a name cannot be stored.
    CheckpointError
        The file cannot be written: disk full, missing directory, no permission, not a file.
    """
    try:
        write_atomically(path, _encode(arrays, config))
    except (OSError, ValueError, MemoryError) as error:  # ValueError: a NUL in the path
        if isinstance(error, (ConfigError, ShapeError)):
            raise
        raise CheckpointError(f"cannot write {os.fspath(path)}: {reason(error)}.") from error


@operation("load")
def load_arrays(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read a file that `save_arrays` wrote.

    Parameters
    ----------
    path : str or path-like
        The file to read.

    Returns
    -------
    arrays : dict of str to ndarray
        The arrays in the order in which they were saved: new, C-ordered, writable.
    config : dict
        The configuration.

    Raises
    ------
    CheckpointError
        The file is missing, unreadable, empty, truncated, damaged, or not a file of bptt.
    """
    try:
        with _opened(path) as file:
            header, start, rest = read_header(path, file)
            metadata = read_metadata(path, header.pop("__metadata__", None))
            arrays = _read_arrays(path, file, header, start, rest)
    except (OSError, ValueError, MemoryError) as error:
        raise refusal(path, f"cannot be read ({reason(error)})") from error
    if metadata.digest != _digest(arrays, metadata.config, metadata.columns):
        raise refusal(path, "is damaged: its content does not match its sha256 digest")
    config = read_json(path, metadata.config)
    if metadata.columns:
        own = {name: arrays.pop(name) for name in list(arrays) if name.startswith(PREFIX)}
        try:
            unpack(config, _parse(metadata.columns), own)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise refusal(path, f"has a damaged config ({error})") from error
    return arrays, config


@operation("load")
def read_config(path: Path) -> dict[str, Any]:
    """Read the configuration of a file without its arrays; the digest is not compared.

    Values that are stored in arrays are None.

    Raises
    ------
    CheckpointError
        The file is missing, unreadable, or not a file of bptt.
    """
    try:
        with _opened(path) as file:
            header, *_ = read_header(path, file)
    except (OSError, ValueError, MemoryError) as error:
        raise refusal(path, f"cannot be read ({reason(error)})") from error
    return read_json(path, read_metadata(path, header.get("__metadata__")).config)


@operation("save")
def check_config(config: dict[str, Any]) -> None:
    """Raise the error that `save_arrays` would raise because of a configuration.

    Raises
    ------
    ConfigError
    """
    _encode({}, config)


def _opened(path: Path) -> BinaryIO:
    if not stat.S_ISREG(os.stat(path).st_mode):  # before opening: a pipe would block
        raise refusal(path, "is not a regular file")
    return open(path, "rb")


def _digest(arrays: Arrays, config: str, columns: str) -> str:
    """Hash everything that is loaded; each part includes its length, so that none can shift."""
    sha = hashlib.sha256(json.dumps([config, columns] if columns else config).encode())
    for name, array in sorted(arrays.items()):
        sha.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        sha.update(_raw(array))
    return sha.hexdigest()


def _raw(array: np.ndarray) -> memoryview:
    """Return a view of the bytes of a C-ordered array."""
    return memoryview(array.reshape(-1).view(np.uint8))  # type: ignore[arg-type]


# -- writing -----------------------------------------------------------------------------------


def _encode(arrays: Arrays, config: dict[str, Any]) -> list[bytes | memoryview]:
    """Return the content of the file in parts: no copy of the arrays is made."""
    if any(str(name).startswith(PREFIX) for name in arrays):
        raise ConfigError(f"the name of an array begins with {PREFIX!r}; expected another name.")
    try:
        text = json.dumps(config, allow_nan=False)
        survives = isinstance(config, dict) and parse_json(text) == config
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"config cannot be stored as JSON: {error}.") from error
    if not survives:
        raise ConfigError(
            "config is not preserved by JSON; expected a dict with str keys that "
            "holds only dicts, lists, str, int, float, bool and None."
        )
    config, columns, moved = pack(config)
    stored = {name: _storable(name, array) for name, array in (arrays | moved).items()}
    metadata = {"format": FORMAT, "version": WITH_COLUMNS if columns else VERSION}
    if columns:
        text = metadata["config"] = json.dumps(config)
        metadata["columns"] = json.dumps(columns)
    metadata["config"] = text
    metadata["sha256"] = _digest(stored, text, metadata.get("columns", ""))
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, a in stored.items():
        begin, end = end, end + a.nbytes
        kind, shape = DTYPE_NAMES[a.dtype], list(a.shape)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, end]}
    written = json.dumps(header, separators=(",", ":")).encode()
    written += b" " * (-len(written) % 8)  # arrays begin at a multiple of 8 bytes
    if len(written) > MAX_HEADER:
        raise ConfigError(
            f"config and names take {len(written)} bytes; expected at most {MAX_HEADER}."
        )
    start = len(written).to_bytes(8, "little") + written
    return [start, *(_raw(array) for array in stored.values())]


def _storable(name: str, array: np.ndarray) -> np.ndarray:
    """Return the array in C order and little-endian, or refuse it."""
    if not isinstance(name, str) or name == "__metadata__":
        raise ConfigError(f"{name!r} cannot name an array; expected another str.")
    if type(array) is not np.ndarray:  # a masked array, for one, would lose its mask
        raise ShapeError(f"{name} is a {type(array).__name__}; expected a plain ndarray.")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise ShapeError(
            f"{name} has dtype {array.dtype}; expected bool, int or float of at most 8 bytes."
        )
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


# -- reading -----------------------------------------------------------------------------------


def _parse(text: str) -> Any:
    """Read a JSON list."""
    return parse_json(f'{{"columns": {text}}}')["columns"]


def _read_arrays(
    path: Path, file: BinaryIO, header: dict[str, Any], start: int, rest: int
) -> Arrays:
    """Read the arrays; their places are checked against the size of the file before that."""
    try:
        places = [place_of(entry) for entry in header.values()]
    except (TypeError, KeyError, ValueError) as error:
        raise refusal(path, f"has a damaged header ({error})") from error
    declared = max([0, *(end for *_, end in places)])
    if declared != rest:
        what = f"is truncated or damaged: its arrays take {declared} bytes and {rest} are there"
        raise refusal(path, what)
    end = 0
    for _, _, begin, to in sorted(places, key=lambda place: place[2:]):
        if begin != end:
            raise refusal(path, "is damaged (its arrays overlap or leave a gap)")
        end = to
    arrays = {}
    for name, (dtype, shape, begin, _) in zip(header, places, strict=True):
        arrays[name] = array = np.empty(shape, dtype)
        file.seek(start + begin)
        if file.readinto(_raw(array)) != array.nbytes:  # type: ignore[attr-defined]
            raise refusal(path, "is truncated: it has changed while it was read")
        if array.dtype == np.bool_ and array.view(np.uint8).max(initial=0) > 1:
            raise refusal(path, "is damaged (a bool that is neither 0 nor 1)")
    return arrays
