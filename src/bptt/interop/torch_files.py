"""Files of PyTorch, zip (since 1.6) and legacy, and safetensors: read without torch."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import InteropError
from ..safe_files import printable
from .files import MOST_BYTES, MOST_ENTRIES, format_of, read_bytes
from .npz_files import npz_arrays
from .torch_pickle import Storage, Tensor, array_of, unpickle

__all__ = ["content_of"]

MOST_PICKLE = 64 * 2**20  # bytes of data.pkl
MOST_ALIASES = 64  # bytes of all tensors by those of the file


def content_of(path: str) -> tuple[Any, str]:
    """Return what a file of tensors holds, and the name of its format.

    Returns
    -------
    content : object
        Most often a dict of str to ndarray, or one that holds such dicts. Arrays of bfloat16 are
        float32. Tensors that share numbers in the file share them here; all are read-only.
    format : str

    Raises
    ------
    InteropError
    """
    kind = format_of(path)
    if kind not in _KINDS:
        raise InteropError(f"{path} is a file of {kind}; expected one of {', '.join(_KINDS)}.")
    name, reader = _KINDS[kind]
    return reader(path), name


def _zip(path: str) -> Any:
    data = read_bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _zip_content(path, archive, len(data))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise InteropError(f"{path} is a damaged zip file ({printable(error, 100)}).") from None
    except (RuntimeError, LookupError) as error:  # encrypted; a member that is not there
        raise InteropError(f"{path} cannot be read ({printable(error, 100)}).") from None


def _zip_content(path: str, archive: zipfile.ZipFile, n_bytes: int) -> Any:
    members = {info.filename: info for info in archive.infolist()}
    if len(members) > MOST_ENTRIES or len(members) != len(archive.infolist()):
        raise InteropError(f"{path} has members of the same name, or more than {MOST_ENTRIES}.")
    pickles = [name for name in members if name.endswith("data.pkl")]
    if len(pickles) != 1:
        raise InteropError(f"{path} has {len(pickles)} members data.pkl; expected one.")
    root = pickles[0].removesuffix("data.pkl")
    if any(name.startswith(f"{root}code/") for name in members):
        raise InteropError(
            f"{path} is a TorchScript program, which is not executed; expected a state dict: "
            f"torch.save(torch.jit.load(path).state_dict(), new_path)."
        )
    for info in members.values():
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise InteropError(
                f"{path} has the compressed member {printable(info.filename, 80)!r}; expected "
                f"stored ones, as PyTorch writes."
            )
    if sum(info.file_size for info in members.values()) > n_bytes:
        raise InteropError(f"{path} has members that overlap.")
    if members[pickles[0]].file_size > MOST_PICKLE:
        raise InteropError(f"{path} has a data.pkl of more than {MOST_PICKLE} bytes.")
    order = "<"
    if f"{root}byteorder" in members:
        order = ">" if archive.read(f"{root}byteorder").strip() == b"big" else "<"
    content = unpickle(io.BytesIO(archive.read(pickles[0])), path)

    def numbers(storage: Storage) -> bytes:
        name = f"{root}data/{storage.key}"
        if name not in members:
            raise InteropError(f"{path} has no member {printable(name, 80)!r}.")
        return archive.read(name)

    return _resolved(content, path, numbers, order, n_bytes)


def _legacy(path: str) -> Any:
    """Read five pickles (magic number, version, system, object, keys) and the storages."""
    data = read_bytes(path)
    file = io.BytesIO(data)
    _, version, system, content, keys = (unpickle(file, path) for _ in range(5))
    if version != 1001 or type(system) is not dict or type(keys) is not list:
        raise InteropError(f"{path} is a damaged file of PyTorch.")
    order = "<" if system.get("little_endian", True) else ">"
    wanted: dict[str, Storage] = {}

    def collect(tensor: Tensor) -> None:
        wanted.setdefault(tensor.storage.key, tensor.storage)

    _mapped(content, collect)
    parts: dict[str, bytes] = {}
    for key in keys:
        numel = int.from_bytes(file.read(8), "little" if order == "<" else "big", signed=True)
        if type(key) is not str or key not in wanted or key in parts:
            raise InteropError(f"{path} has a storage that no tensor has; cannot tell its dtype.")
        n_bytes = numel * _itemsize(wanted[key].dtype)
        if numel < 0 or n_bytes > len(data) - file.tell():
            raise InteropError(f"{path} is truncated: a storage of {numel} elements.")
        parts[key] = file.read(n_bytes)

    def numbers(storage: Storage) -> bytes:
        if storage.key not in parts or storage.view is not None:
            raise InteropError(f"{path} has no storage {printable(storage.key, 40)!r}.")
        return parts[storage.key]

    return _resolved(content, path, numbers, order, len(data))


def _resolved(
    content: Any, path: str, numbers: Callable[[Storage], bytes], order: str, n_bytes: int
) -> Any:
    """Replace the tensors of a content by arrays."""
    flat: dict[str, tuple[Storage, np.ndarray]] = {}
    total = 0

    def array(tensor: Tensor) -> np.ndarray:
        nonlocal total
        own = tensor.storage
        if own.key not in flat:
            data = numbers(own)
            if own.numel * _itemsize(own.dtype) != len(data):
                raise InteropError(
                    f"{path} announces {own.numel} elements of {own.dtype} for the storage "
                    f"{printable(own.key, 40)!r}, which has {len(data)} bytes."
                )
            flat[own.key] = own, _flat(data, own.dtype, order)
        first, values = flat[own.key]
        if first != own:
            raise InteropError(f"{path} has a storage {printable(own.key, 40)!r} of two kinds.")
        view = _view(values, tensor, path)
        total += view.nbytes
        if total > min(MOST_BYTES, MOST_ALIASES * n_bytes):
            raise InteropError(f"{path} has {n_bytes} bytes, and tensors of more than {total}.")
        return view

    return _mapped(content, array)


def _mapped(content: Any, function: Callable[[Tensor], Any]) -> Any:
    """Apply a function to the tensors of nested dicts, lists and tuples, without recursion.

    Tuples become lists; a result of None leaves a tensor as it is.
    """
    top = [content]
    todo: list[Any] = [top]
    seen = {id(top)}
    lists: dict[int, tuple[Any, list[Any]]] = {}  # of tuples, which are kept: ids are used again
    while todo:
        box = todo.pop()
        items = box.items() if isinstance(box, dict) else enumerate(box)
        for key, value in list(items):
            new = value
            if type(value) is Tensor:
                new = function(value)
            elif type(value) is tuple:
                new = lists.setdefault(id(value), (value, list(value)))[1]
            elif (array := array_of(value)) is not None:
                new = array
            if new is not value and new is not None:
                box[key] = new
            if isinstance(new, (dict, list)) and id(new) not in seen:
                seen.add(id(new))
                todo.append(new)
    return top[0]


def _itemsize(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def _flat(data: bytes, dtype: str, order: str = "<") -> np.ndarray:
    """Return the numbers of a storage, in the byte order of the machine."""
    if dtype == "bfloat16":
        wide = np.frombuffer(data, f"{order}u2").astype(np.uint32) << 16
        return wide.view(np.float32)
    if dtype == "?":
        return np.frombuffer(data, np.uint8) != 0
    values = np.frombuffer(data, f"{order}{dtype}")
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _view(values: np.ndarray, tensor: Tensor, path: str) -> np.ndarray:
    """Return a tensor's view of its storage; refuse one that leaves it or repeats numbers."""
    _, offset, size, stride = tensor
    count = 1
    for n in size:
        count *= n
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    right = min([offset, *size, *stride], default=0) >= 0
    if not right or (count and last >= len(values)) or count > len(values) or offset > len(values):
        raise InteropError(
            f"{path} has a tensor of the size {size}, stride {stride} and offset {offset} in a "
            f"storage of {len(values)} elements."
        )
    strides = [s * values.itemsize for s in stride]
    if not count:
        return np.zeros([min(n, 1) for n in size], values.dtype)
    return np.lib.stride_tricks.as_strided(values[offset:], size, strides, writeable=False)


_SAFETENSORS = {
    "F64": "f8", "F32": "f4", "F16": "f2", "BF16": "bfloat16", "I64": "i8", "I32": "i4",
    "I16": "i2", "I8": "i1", "U8": "u1", "U16": "u2", "U32": "u4", "U64": "u8", "BOOL": "?",
}  # fmt: skip


def _safetensors(path: str) -> Any:
    import safetensors  # it takes time, and most imports of bptt do not need it

    data = read_bytes(path)
    length = int.from_bytes(data[:8], "little")
    if length > len(data) - 8:
        raise InteropError(
            f"{path} declares a header of {length} bytes; expected at most {len(data) - 8}, as the "
            f"file has {len(data)} bytes."
        )
    try:
        entries = safetensors.deserialize(data)
    except (safetensors.SafetensorError, ValueError, OverflowError) as error:
        raise InteropError(f"{path} is no file of safetensors ({printable(error, 100)}).") from None
    arrays = {}
    for name, entry in entries:
        if entry["dtype"] not in _SAFETENSORS:
            raise InteropError(
                f"{path} has {printable(name, 80)!r} of {entry['dtype']}; expected one of "
                f"{', '.join(_SAFETENSORS)}."
            )
        flat = _flat(bytes(entry["data"]), _SAFETENSORS[entry["dtype"]])
        arrays[name] = flat.reshape(entry["shape"])
    return arrays


_KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "torch": ("PyTorch (zip)", _zip),
    "torch-legacy": ("PyTorch (before 1.6)", _legacy),
    "safetensors": ("safetensors", _safetensors),
    "npz": ("NumPy (npz)", npz_arrays),
}
