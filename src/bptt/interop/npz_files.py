"""Read the arrays of an .npz or .npy file, with limits on what is allocated."""

import contextlib
import math
import os
import tokenize
import warnings
import zipfile
import zlib
from typing import Any

import numpy as np

from ..errors import InteropError
from ..safe_files import printable
from .files import MOST_BYTES, MOST_ENTRIES

__all__ = ["npy_array", "npz_arrays"]

MOST_RATIO = 100  # bytes of all arrays by those of the file
_OF_HEADERS = (tokenize.TokenError, SyntaxError, RecursionError, MemoryError)  # NumPy's parser
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def npz_arrays(path: str) -> dict[str, np.ndarray]:
    """Return the arrays of a file that `numpy.savez` or `savez_compressed` wrote.

    Raises
    ------
    InteropError
        It is damaged, or holds Python objects or more than it may.
    """
    arrays: dict[str, np.ndarray] = {}
    with _refusing(path), open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        size = file.seek(0, 2)
        total = sum(info.file_size for info in members)
        if len(members) > MOST_ENTRIES or total > min(MOST_BYTES, MOST_RATIO * size):
            raise InteropError(
                f"{path} has {size} bytes and {len(members)} arrays of {total} bytes."
            )
        for info in members:
            name = info.filename.removesuffix(".npy")
            if name in arrays:
                raise InteropError(f"{path} has {printable(name, 80)!r} twice.")
            with archive.open(info) as member:
                arrays[name] = _array(member, info.file_size, f"{path}: {name}")
    return arrays


def npy_array(path: str | os.PathLike[str]) -> np.ndarray:
    """Return the array of a file that `numpy.save` wrote. Raises as `npz_arrays` does."""
    with _refusing(path), open(path, "rb") as file:
        return _array(file, os.stat(path).st_size, os.fspath(path))


@contextlib.contextmanager
def _refusing(path):
    """Turn what readers of damaged files raise into an `InteropError`."""
    try:
        yield
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise InteropError(f"{path} is a damaged zip file ({printable(error, 100)}).") from None
    except (OSError, ValueError, LookupError, TypeError, zlib.error, *_OF_HEADERS) as error:
        raise InteropError(f"{path} cannot be read ({printable(error, 100)}).") from None


def _array(member: Any, size: int, what: str) -> np.ndarray:
    """Read one .npy member of `size` bytes."""
    version = np.lib.format.read_magic(member)
    if version not in _HEADERS:
        raise InteropError(f"{printable(what, 200)} has the version {version} of .npy.")
    with warnings.catch_warnings(action="ignore"):  # of damaged headers
        shape, fortran, dtype = _HEADERS[version](member)
    if dtype.kind not in "biufSU" or dtype.hasobject:
        raise InteropError(f"{printable(what, 200)} is an array of {dtype}; expected numbers.")
    count = math.prod(shape)
    if count * dtype.itemsize > size:
        raise InteropError(f"{printable(what, 200)} announces {shape}, and has {size} bytes.")
    data = member.read(count * dtype.itemsize)
    flat = np.frombuffer(data, dtype, count)
    return flat.astype(dtype.newbyteorder("="), copy=False).reshape(
        shape, order="F" if fortran else "C"
    )
