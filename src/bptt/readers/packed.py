"""Bytes of a file, at most `MAX_FILE`, decompressed where its first bytes say that it is packed."""

import bz2
import contextlib
import gzip
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ..errors import BpttError, DataError
from ..safe_files import printable
from .data import Path
from .encodings import MAX_FILE

PACKED = (".gz", ".bz2", ".xz", ".zip")  # suffixes, which need not be there
_CHUNK = 2**20  # reading MAX_FILE bytes at once would allocate them, even for a small file
_BROKEN = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError,
           RuntimeError)  # fmt: skip
_OPENERS: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    **{b"BZh%d1A" % level: bz2.open for level in range(1, 10)},
    b"\xfd7zXZ\0": lzma.open,
}
ZIP = b"PK\x03\x04"


def suffix_of(path: Path) -> str:
    """Return the ending of a file's name in lower case, without that of a compression."""
    name = os.path.basename(os.fspath(path)).lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return os.path.splitext(name)[1]


def read_head(path: Path, size: int = 2**16) -> bytes:
    """Return the first bytes of a file's content, decompressed, or as many as can be read."""
    try:
        if not os.path.isfile(path):  # a pipe can be read once
            return b""
        with open(path, "rb") as file, _unpacked(file, os.fspath(path)) as content:
            return content.read(size)
    except (OSError, ValueError, *_BROKEN):
        return b""


@contextlib.contextmanager
def unpacked(path: Path, name: str) -> Iterator[Any]:
    """Open a file to read its content; an error while it is decompressed becomes an OSError."""
    with open(path, "rb") as file:
        try:
            yield _unpacked(file, name)
        except _BROKEN as error:
            raise OSError(str(error)) from error


def read_bytes(path: Path) -> bytes:
    """Return the content of a file: gzip, bzip2, xz, and a zip file with one file are unpacked.

    Raises
    ------
    DataError
        The file cannot be read, is damaged, or is too long.
    """
    name = printable(os.fspath(path), 300)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_FILE:
                _refuse_length(name)
            with _unpacked(file, name) as content:
                chunks = list(
                    islice(iter(lambda: content.read(_CHUNK), b""), MAX_FILE // _CHUNK + 1)
                )
    except BpttError:
        raise
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}.") from error
    except (ValueError, *_BROKEN) as error:  # ValueError: a NUL in the path
        raise DataError(f"cannot read {name}: {error}.") from error
    data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    if len(data) > MAX_FILE:
        _refuse_length(name)
    return data


def _refuse_length(name):
    raise DataError(f"{name} is too long; expected a file of at most {MAX_FILE} bytes, unpacked.")


def _unpacked(file, name) -> Any:
    """Return the content of an open file as a file."""
    head = file.peek(6)[:6]
    opener = next((o for magic, o in _OPENERS.items() if head.startswith(magic)), None)
    if head.startswith(ZIP):
        return _only_file(zipfile.ZipFile(file), name)
    return opener(file) if opener else file


def _only_file(archive, name):
    files = [f for f in archive.infolist() if not f.is_dir() and "__MACOSX" not in f.filename]
    if len(files) != 1:
        names = ", ".join(repr(printable(f.filename, 40)) for f in files[:10]) or "no file"
        raise DataError(f"{name} holds {names}; expected one file in it.")
    return archive.open(files[0])
