"""Save and load named arrays with their configuration, in one safetensors file.

The file has eight bytes with the length of a JSON header, the header, and the bytes of the arrays.
Its ``__metadata__`` holds ``format`` ("bptt"), ``version`` ("1"), ``config`` (JSON text) and
``sha256``, the digest of the configuration and of the name, dtype, shape and bytes of every array.
Nothing in a file is executed, imported or used as a path. The digest detects damage, not forgery.
"""

import hashlib
import json
import os
import stat
from typing import Any, BinaryIO

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from ..errors import CheckpointError, ConfigError, ShapeError, operation
from ..safe_files import parse_json, printable, reason, write_atomically

__all__ = ["load_arrays", "save_arrays"]

FORMAT, VERSION = "bptt", "1"
# Parsed JSON takes up to 35 times the memory of its text: a hostile header takes at most 150 MB.
MAX_HEADER = 4 * 2**20  # bytes


@operation("save")
def save_arrays(
    path: str | os.PathLike[str], arrays: dict[str, np.ndarray], config: dict[str, Any]
) -> None:
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
    data = _encode(arrays, config)
    try:
        write_atomically(path, data)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise CheckpointError(f"cannot write {os.fspath(path)}: {reason(error)}.") from error


@operation("load")
def load_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
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
        if not stat.S_ISREG(os.stat(path).st_mode):  # before opening: a pipe would block
            raise _refusal(path, "is not a regular file")
        with open(path, "rb") as file:
            header, rest = _read_header(path, file)
            config, digest = _read_metadata(path, header.pop("__metadata__", None))
            _check_extent(path, header, rest)
            file.seek(0)
            data = file.read()
    except (OSError, ValueError, MemoryError) as error:
        raise _refusal(path, f"cannot be read ({reason(error)})") from error
    try:
        loaded = safetensors.numpy.load(data)  # in random order; the header has the saved order
        arrays = {name: loaded[name] for name in header}
    except (SafetensorError, KeyError, ValueError) as error:
        raise _refusal(path, f"is damaged ({error})") from error
    if digest != _digest(arrays, config):
        raise _refusal(path, "is damaged: its content does not match its sha256 digest")
    return arrays, _read_config(path, config)


def _refusal(path: str | os.PathLike[str], what: str) -> CheckpointError:
    return CheckpointError(
        f"{os.fspath(path)} {printable(what, 200)}; expected a model file of bptt, format version "
        f"{VERSION}."
    )


def _digest(arrays: dict[str, np.ndarray], config: str) -> str:
    """Hash everything that is loaded; each part includes its length, so that none can shift."""
    sha = hashlib.sha256(json.dumps(config).encode())
    for name, array in sorted(arrays.items()):
        sha.update(json.dumps([name, array.dtype.name, array.shape]).encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def _encode(arrays: dict[str, np.ndarray], config: dict[str, Any]) -> bytes:
    """Return the bytes of the file."""
    stored = {name: _storable(name, array) for name, array in arrays.items()}
    try:
        text = json.dumps(config, allow_nan=False)
        survives = isinstance(config, dict) and json.loads(text) == config
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"config cannot be stored as JSON: {error}.") from error
    if not survives:
        raise ConfigError(
            "config is not preserved by JSON; expected a dict with str keys that "
            "holds only dicts, lists, str, int, float, bool and None."
        )
    digest = _digest(stored, text)
    metadata = {"format": FORMAT, "version": VERSION, "config": text, "sha256": digest}
    plain = safetensors.numpy.save(stored)
    start = 8 + int.from_bytes(plain[:8], "little")
    entries = json.loads(plain[8:start])
    # The library writes the metadata in random order; here equal content gives equal bytes, and the
    # order of the arrays is kept.
    header = {"__metadata__": metadata} | {name: entries[name] for name in stored}
    written = json.dumps(header, separators=(",", ":")).encode()
    written += b" " * (-len(written) % 8)  # arrays begin at a multiple of 8 bytes
    if len(written) > MAX_HEADER:
        raise ConfigError(
            f"config and names take {len(written)} bytes; expected at most {MAX_HEADER}."
        )
    return len(written).to_bytes(8, "little") + written + plain[start:]


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


def _read_header(path: str | os.PathLike[str], file: BinaryIO) -> tuple[dict[str, Any], int]:
    """Return the header and the number of bytes after it; check its length against the file."""
    size = os.fstat(file.fileno()).st_size
    if size < 9:
        raise _refusal(path, f"is too short ({size} bytes)" if size else "is empty")
    length = int.from_bytes(file.read(8), "little")
    if file.read(1) != b"{":
        raise _refusal(path, "is not a safetensors file")
    if length > MAX_HEADER:
        raise _refusal(path, f"declares a header of {length} bytes, more than {MAX_HEADER}")
    if length > size - 8:
        raise _refusal(path, f"is truncated: header of {length} bytes in a file of {size} bytes")
    file.seek(8)
    try:
        return parse_json(file.read(length).decode()), size - 8 - length
    except (ValueError, RecursionError) as error:
        raise _refusal(path, f"has a damaged header ({error})") from error


def _read_metadata(path: str | os.PathLike[str], metadata: Any) -> tuple[str, str]:
    """Return the text of the configuration and the digest."""
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise _refusal(path, f"is a safetensors file without the format mark {FORMAT!r}")
    version, config, digest = (metadata.get(key) for key in ("version", "config", "sha256"))
    if not (isinstance(version, str) and isinstance(config, str) and isinstance(digest, str)):
        raise _refusal(path, "lacks its version, its config or its sha256 digest")
    if version != VERSION:
        raise _refusal(path, f"has format version {version}")
    return config, digest


def _check_extent(path: str | os.PathLike[str], entries: dict[str, Any], rest: int) -> None:
    """Check the size of the arrays against the size of the file, before reading them."""
    try:
        declared = max([0, *(entry["data_offsets"][1] for entry in entries.values())])
    except (TypeError, KeyError, IndexError) as error:
        raise _refusal(path, "has a damaged header (an array without data_offsets)") from error
    if declared != rest:
        what = f"is truncated or damaged: its arrays take {declared} bytes and {rest} are there"
        raise _refusal(path, what)


def _read_config(path: str | os.PathLike[str], text: str) -> dict[str, Any]:
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise _refusal(path, f"has a damaged config ({error})") from error
