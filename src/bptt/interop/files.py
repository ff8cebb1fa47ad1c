"""Which program wrote a file, by its content; and the limits of what is read."""

import os
import zipfile
from pathlib import Path

from ..errors import InteropError
from ..safe_files import reason

__all__ = ["MOST_BYTES", "MOST_ENTRIES", "format_of", "read_bytes"]

MOST_BYTES = 4 * 2**30  # of a file, and of all arrays in it
MOST_ENTRIES = 100_000  # arrays, layers, nodes, members

_TORCH_LEGACY = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # pickle of 0x1950a86a20f9469cfc6c
_FRAME = b"\x95" + len(_TORCH_LEGACY).to_bytes(8, "little")  # before it from protocol 4 on


def format_of(path: str | os.PathLike[str]) -> str:
    """Return "torch", "torch-legacy", "safetensors", "keras", "hdf5", "onnx", "json" or "npz".

    Raises
    ------
    InteropError
        The file cannot be read, or its content is none of these.
    """
    start = read_bytes(path, 4096, whole=False)
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if start[:1] == b"\x80" and start[2:].startswith((_TORCH_LEGACY, _FRAME + _TORCH_LEGACY)):
        return "torch-legacy"
    if start.startswith(b"PK\x03\x04"):
        return _format_of_zip(path)
    if start[8:9] == b"{" and start[:8] != b"{       ":
        return "safetensors"
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return "json"
    if start[:1] in (b"\x08", b"\x0a", b"\x12", b"\x3a"):  # fields 1, 2, 7 of an ONNX ModelProto
        return "onnx"
    if start[:1] == b"\x80":  # protocol 2 and later; PyTorch's have a magic number
        raise InteropError(
            f"{path} is a pickle, which can run any code; expected tensors alone: "
            f"torch.save(model.state_dict(), path), or np.savez(path, **arrays)."
        )
    raise InteropError(
        f"{path} is none of the files that are read; expected one of PyTorch, safetensors, Keras, "
        f"ONNX, NAM, GuitarML, AIDA-X or RTNeural."
    )


def _format_of_zip(path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise InteropError(f"{path} is a damaged zip file: {error}.") from None
    if len(names) > MOST_ENTRIES:
        raise InteropError(f"{path} has {len(names)} members; expected at most {MOST_ENTRIES}.")
    if "config.json" in names and any(n.startswith("model.weights") for n in names):
        return "keras"
    if any(n.endswith("/data.pkl") or n == "data.pkl" for n in names):
        return "torch"
    if names and all(n.endswith(".npy") for n in names):
        return "npz"
    raise InteropError(
        f"{path} is a zip file with {', '.join(names[:3]) or 'nothing'}; expected that of PyTorch "
        f"(data.pkl), Keras (config.json) or NumPy (.npy)."
    )


def read_bytes(
    path: str | os.PathLike[str], most: int = MOST_BYTES, *, whole: bool = True
) -> bytes:
    """Read a file, or its first bytes.

    Parameters
    ----------
    path : str or path-like
    most : int
        Bytes that are read at most.
    whole : bool
        Whether a larger file is refused.

    Raises
    ------
    InteropError
    """
    try:
        size = Path(path).stat().st_size
        if whole and size > most:
            raise InteropError(f"{path} has {size} bytes; expected at most {most}.")
        with open(path, "rb") as file:
            return file.read(min(size, most))  # more would be allocated
    except (OSError, ValueError) as error:
        raise InteropError(f"{path} cannot be read: {reason(error)}.") from error
