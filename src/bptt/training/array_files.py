"""Named arrays and their configuration in one file that is old or new, never in between.

The file is an ordinary safetensors file: eight bytes with the length of a JSON header, the header,
the arrays' bytes. Its ``__metadata__`` holds ``format`` ("bptt"), ``version`` ("1"), ``config``
(JSON text) and ``sha256``, the digest of the configuration and of every array's name, dtype, shape
and bytes. Nothing in a file is ever executed, imported or followed as a path. The digest finds
accidents; whoever forges a file can also forge its digest.
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
# Parsed JSON takes up to 35 times the room of its text, so a hostile header costs 150 MB at most.
MAX_HEADER = 4 * 2**20  # bytes


@operation("save")
def save_arrays(
    path: str | os.PathLike[str], arrays: dict[str, np.ndarray], config: dict[str, Any]
) -> None:
    """Write arrays and configuration to one file, atomically and durably.

    Until the new file is complete and on the disk, `path` holds what it held before; a failure or
    an interruption leaves no temporary file behind. An existing file keeps its permissions, a
    symbolic link stays a link. Equal content gives equal bytes.

    Parameters
    ----------
    path : str or path-like
        The file to write; its directory must exist.
    arrays : dict of str to ndarray
        Arrays of bool, int or float (at most 8 bytes an element), of any shape, layout and byte
        order.
    config : dict
        What comes back unchanged from JSON: str keys, lists, no tuples, no NaN, no infinity.

    Raises
    ------
    ShapeError
        An entry of `arrays` is not a plain NumPy array, or its dtype cannot be stored.
    ConfigError
        `config` would not survive JSON, or a name cannot be stored.
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
    """Read what `save_arrays` wrote.

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
        The file is missing, unreadable, empty, truncated, damaged, or not ours.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # asked first: opening a pipe would wait
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
        loaded = safetensors.numpy.load(data)  # its order is random; the header's is the saved one
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
    """Hash everything a reader gets; each part tells its own length, so none can shift."""
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
            "config changes on its way through JSON; expected a dict with str keys that "
            "holds only dicts, lists, str, int, float, bool and None."
        )
    digest = _digest(stored, text)
    metadata = {"format": FORMAT, "version": VERSION, "config": text, "sha256": digest}
    plain = safetensors.numpy.save(stored)
    start = 8 + int.from_bytes(plain[:8], "little")
    entries = json.loads(plain[8:start])
    # The library would write the metadata in random order; here equal content is equal bytes, and
    # the order of the arrays is kept.
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
    """Return the header, its declared length compared with the file's, and the bytes after it."""
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
    """Compare the bytes that the arrays take with those that follow, before reading them."""
    try:
        declared = max([0, *(entry["data_offsets"][1] for entry in entries.values())])
    except (TypeError, KeyError, IndexError) as error:
        raise _refusal(path, "has a damaged header (an array without its place)") from error
    if declared != rest:
        what = f"is truncated or damaged: its arrays take {declared} bytes and {rest} are there"
        raise _refusal(path, what)


def _read_config(path: str | os.PathLike[str], text: str) -> dict[str, Any]:
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise _refusal(path, f"has a damaged config ({error})") from error
