"""The header of a file of arrays: what it declares is checked before anything is allocated."""

import math
import os
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import CheckpointError
from ..safe_files import parse_json, printable

FORMAT, VERSION, WITH_COLUMNS = "bptt", "1", "2"
# Parsed JSON takes up to 35 times the memory of its text: a hostile header takes at most 150 MB.
MAX_HEADER = 4 * 2**20  # bytes
MAX_SIZE, MAX_AXES = 2**48, 32  # of a shape
DTYPES = {
    "BOOL": "?", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "U8": "u1", "U16": "<u2",
    "U32": "<u4", "U64": "<u8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
DTYPE_NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}

Path = str | os.PathLike[str]
Arrays = dict[str, np.ndarray]


class Metadata(NamedTuple):
    """What the header says beside the arrays; `columns` is empty in a file of version "1"."""

    config: str
    columns: str
    digest: str


def refusal(path: Path, what: str) -> CheckpointError:
    """Return the error of a file that cannot be loaded."""
    return CheckpointError(
        f"{os.fspath(path)} {printable(what, 200)}; expected a model file of bptt, format version "
        f"{VERSION} or {WITH_COLUMNS}."
    )


def read_header(path: Path, file: BinaryIO) -> tuple[dict[str, Any], int, int]:
    """Return the header, where the arrays begin, and the number of bytes from there on."""
    size = os.fstat(file.fileno()).st_size
    if size < 9:
        raise refusal(path, f"is too short ({size} bytes)" if size else "is empty")
    length = int.from_bytes(file.read(8), "little")
    if file.read(1) != b"{":
        raise refusal(path, "is not a safetensors file")
    if length > MAX_HEADER:
        raise refusal(path, f"declares a header of {length} bytes, more than {MAX_HEADER}")
    if length > size - 8:
        raise refusal(path, f"is truncated: header of {length} bytes in a file of {size} bytes")
    file.seek(8)
    try:
        return parse_json(file.read(length).decode()), 8 + length, size - 8 - length
    except (ValueError, RecursionError) as error:
        raise refusal(path, f"has a damaged header ({error})") from error


def read_metadata(path: Path, metadata: Any) -> Metadata:
    """Check the ``__metadata__`` of a header; return what it holds."""
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise refusal(path, f"is a safetensors file without the format mark {FORMAT!r}")
    version, config, digest = (metadata.get(key) for key in ("version", "config", "sha256"))
    if not (isinstance(version, str) and isinstance(config, str) and isinstance(digest, str)):
        raise refusal(path, "lacks its version, its config or its sha256 digest")
    if version not in (VERSION, WITH_COLUMNS):
        raise refusal(path, f"has format version {version}")
    columns = metadata.get("columns") if version == WITH_COLUMNS else ""
    if not isinstance(columns, str) or (version == WITH_COLUMNS and not columns):
        raise refusal(path, "lacks its columns")
    return Metadata(config, columns, digest)


def place_of(entry: Any) -> tuple[np.dtype[Any], list[int], int, int]:
    """Return dtype, shape, and first and last byte of an array of the header."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError("an array without dtype, shape and data_offsets")
    name, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    sizes = [*shape, begin, end]
    right = isinstance(shape, list) and len(shape) <= MAX_AXES
    if not right or not all(type(n) is int and 0 <= n < MAX_SIZE for n in sizes):
        raise ValueError("an array whose shape or data_offsets are not whole numbers")
    if not isinstance(name, str) or name not in DTYPES:
        raise ValueError(f"an array of unknown dtype {name!r:.40}")
    dtype = np.dtype(DTYPES[name])
    if math.prod(shape) * dtype.itemsize != end - begin:
        raise ValueError("an array whose shape does not fit its data_offsets")
    return dtype, shape, begin, end


def read_json(path: Path, text: str) -> dict[str, Any]:
    """Read a configuration."""
    try:
        return parse_json(text)
    except (ValueError, RecursionError) as error:
        raise refusal(path, f"has a damaged config ({error})") from error
