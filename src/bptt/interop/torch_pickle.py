"""A reader of the pickles in PyTorch's files that builds tensors and plain containers only.

`pickletools.genops` splits the bytes into opcodes; the machine here performs the harmless ones. No
class is imported and no function called by name: a global is looked up in `_GLOBALS`, and any other
is refused. What REDUCE applies is one of the functions of this file.
"""

import pickletools
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..errors import InteropError
from ..safe_files import printable

__all__ = ["DTYPES", "Storage", "Tensor", "array_of", "unpickle"]

MOST_OPCODES = 5_000_000
MOST_AXES = 32

DTYPES = {  # storage classes of torch; bfloat16 is the upper half of a float32
    "Float": "f4", "Double": "f8", "Half": "f2", "BFloat16": "bfloat16", "Long": "i8", "Int": "i4",
    "Short": "i2", "Char": "i1", "Byte": "u1", "Bool": "?",
}  # fmt: skip


class Storage(NamedTuple):
    """Numbers of a file that tensors are views of; `view` is that of a storage in another."""

    key: str
    dtype: str  # a value of `DTYPES`
    numel: int
    view: Any = None


class Tensor(NamedTuple):
    """A view of a storage; offset and strides count elements. Not yet checked."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Name(NamedTuple):
    """A global of the pickle, by its name alone."""

    name: str
    apply: Callable[..., Any] | None = None  # what REDUCE and NEWOBJ do


class _Inert:
    """An object whose content does not matter, such as a NumPy dtype before its state is known."""

    def __init__(self, *content: Any):
        self.content = content


class _Array:
    """A NumPy array that gets its content from BUILD."""

    value: np.ndarray | None = None


def array_of(value: Any) -> np.ndarray | None:
    """Return a NumPy array of a pickle; None if `value` is something else."""
    return value.value if type(value) is _Array else None


def unpickle(file: BinaryIO, what: str) -> Any:
    """Read one pickle of a file.

    Returns
    -------
    object
        dict, list, tuple, set, str, bytes, int, float, bool, None, `Tensor`; arrays: `array_of`.

    Raises
    ------
    InteropError
        It is damaged, has an opcode, a global or a number of objects that is not allowed.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of escapes in opcodes that are refused
            return _Machine().run(file)
    except InteropError as error:
        raise InteropError(f"{what} {error}") from None
    except (ValueError, LookupError, TypeError, ArithmeticError, BufferError) as error:
        raise InteropError(
            f"{what} has a damaged pickle ({printable(error, 100) or type(error).__name__})."
        ) from None


class _Machine:
    """The stack, the marks and the memo of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: BinaryIO) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if opcode.name == "STOP":
                break
            if count > MOST_OPCODES:
                raise InteropError(f"has a pickle of more than {MOST_OPCODES} opcodes.")
            if opcode.name in _CONSTANTS:
                self.stack.append(_CONSTANTS[opcode.name])
            elif opcode.name in _LITERALS:
                self.stack.append(argument)
            elif opcode.name in _NEW:
                self.stack.append(_NEW[opcode.name]())
            elif opcode.name in _ACTIONS:
                _ACTIONS[opcode.name](self, argument)
            elif opcode.name not in ("PROTO", "FRAME"):
                raise InteropError(
                    f"has a pickle with the opcode {opcode.name}; expected tensors and plain "
                    f"containers only."
                )
        (result,) = self.stack
        return result

    def mark(self, _):
        self.marks.append(self.stack)
        self.stack = []

    def pop_mark(self, _=None):
        items, self.stack = self.stack, self.marks.pop()
        return items

    def put(self, index):
        self.memo[len(self.memo) if index is None else int(index)] = self.stack[-1]

    def get(self, index):
        self.stack.append(self.memo[int(index)])

    def pop(self, _):
        if self.stack:
            self.stack.pop()
        else:
            self.stack = self.marks.pop()

    def take(self, n):
        items = self.stack[len(self.stack) - n :]
        if len(items) < n:
            raise IndexError("stack too short")
        del self.stack[len(self.stack) - n :]
        return items

    def tuple_of(self, n):
        items = self.pop_mark() if n is None else self.take(n)
        self.stack.append(tuple(items))

    def append(self, items):
        if type(self.stack[-1]) is not list:
            raise TypeError("elements of what is not a list")
        self.stack[-1].extend(items)

    def set_items(self, items):
        if type(self.stack[-1]) is not dict:
            raise TypeError("items of what is not a dict")
        if len(items) % 2:
            raise ValueError("a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.stack[-1][_key(key)] = value

    def add_items(self, _):
        items = self.pop_mark()
        if type(self.stack[-1]) is not set:
            raise TypeError("members of what is not a set")
        self.stack[-1].update(map(_key, items))

    def global_(self, name):
        self.stack.append(_global(name.replace(" ", ".", 1)))

    def stack_global(self, _):
        module, name = self.take(2)
        if not (type(module) is str and type(name) is str):
            raise TypeError("a global without a name")
        self.stack.append(_global(f"{module}.{name}"))

    def reduce(self, _):
        function, arguments = self.take(2)
        if type(function) is not _Name or type(arguments) is not tuple:
            raise TypeError("REDUCE of what is no global")
        if function.apply is None:
            raise InteropError(f"has a pickle that calls {function.name}.")
        self.stack.append(function.apply(*arguments))

    def build(self, _):
        (state,) = self.take(1)
        target = self.stack[-1]
        if type(target) is _Array and type(state) is tuple and len(state) == 5:
            _, shape, dtype, fortran, data = state
            target.value = _array(shape, dtype, fortran, data)
        elif type(target) is _Namespace and type(state) is dict:
            target.update(state)
        elif type(target) not in (dict, _Inert):  # the _metadata of a state dict has no numbers
            raise TypeError("BUILD of what is no state dict")

    def persistent(self, _):
        (pid,) = self.take(1)
        if type(pid) is not tuple or len(pid) not in (5, 6) or pid[0] != "storage":
            raise TypeError("a persistent id that is no storage")
        _, kind, key, _, numel, *view = pid
        name = kind.name if type(kind) is _Name else ""
        dtype = DTYPES.get(name.rpartition(".")[2].removesuffix("Storage"))
        if dtype is None:
            raise InteropError(
                f"has a storage of {printable(name, 60)}; expected one of {', '.join(DTYPES)}."
            )
        if type(key) is not str or type(numel) is not int or numel < 0:
            raise TypeError("a storage without a key and a number of elements")
        self.stack.append(Storage(key, dtype, numel, *view))


class _Namespace(dict):
    """The attributes of an argparse.Namespace."""


_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
}  # fmt: skip
_NEW = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": set}
_ACTIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    "MARK": _Machine.mark,
    "POP_MARK": _Machine.pop_mark,
    "POP": _Machine.pop,
    "TUPLE": lambda m, _: m.tuple_of(None),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "APPEND": lambda m, _: m.append(m.take(1)),
    "APPENDS": lambda m, _: m.append(m.pop_mark()),
    "SETITEM": lambda m, _: m.set_items(m.take(2)),
    "SETITEMS": lambda m, _: m.set_items(m.pop_mark()),
    "ADDITEMS": _Machine.add_items,
    "GLOBAL": _Machine.global_,
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.reduce,
    "NEWOBJ": _Machine.reduce,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.persistent,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
}


def _key(key: Any) -> Any:
    """Return a key that has a shallow hash; nested tuples could exhaust the C stack."""
    if type(key) not in (str, int, float, bool, bytes, type(None), _Name):
        raise TypeError(f"a key that is a {type(key).__name__}")
    return key


# -- globals: what each makes of its arguments ---------------------------------------------------


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Tensor:
    numbers = [offset, *size, *stride]
    right = type(storage) is Storage and type(size) is type(stride) is tuple
    if not right or len(size) != len(stride) or len(size) > MOST_AXES:
        raise TypeError("a tensor without storage, size and stride")
    if not all(type(n) is int and abs(n) < 2**62 for n in numbers):
        raise TypeError("a tensor whose size is not made of whole numbers")
    return Tensor(storage, offset, size, stride)


def _parameter(data: Any, *_: Any) -> Tensor:
    if type(data) is not Tensor:
        raise TypeError("a parameter that is no tensor")
    return data


def _dict(*arguments: Any) -> dict[Any, Any]:
    pairs = arguments[-1] if arguments and type(arguments[-1]) in (list, dict) else []
    items = pairs.items() if type(pairs) is dict else pairs
    return {_key(key): value for key, value in items}


def _size(numbers: Any = ()) -> tuple[Any, ...]:
    return tuple(_sequence(numbers))


def _sequence(values: Any) -> Any:
    if type(values) not in (list, tuple):
        raise TypeError("a sequence that is none")
    return values


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise TypeError("bytes in another encoding")
    return text.encode("latin1")


def _dtype(dtype: Any) -> np.dtype:
    """Return the dtype of numbers that `dtype` of NumPy made."""
    code = dtype.content[0] if type(dtype) is _Inert and dtype.content else ""
    if code not in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"):
        raise TypeError("an array of another dtype than numbers")
    return np.dtype(code).newbyteorder("<")


def _scalar(dtype: Any, data: Any) -> Any:
    return np.frombuffer(data, _dtype(dtype), 1)[0].item()


def _array(shape: Any, dtype: Any, fortran: Any, data: Any) -> np.ndarray:
    flat = np.frombuffer(data, _dtype(dtype))
    return flat.reshape(shape, order="F" if fortran is True else "C")


_DTYPE_NAMES = (  # torch.float32, as hyperparameters of a checkpoint have it
    "float64", "float32", "float16", "bfloat16", "complex64", "complex128", "int64", "int32",
    "int16", "int8", "uint8", "bool",
)  # fmt: skip
_GLOBALS: dict[str, Callable[..., Any] | None] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    **dict.fromkeys((f"torch.{name}Storage" for name in DTYPES), None),
    **dict.fromkeys((f"torch.cuda.{name}Storage" for name in DTYPES), None),
    **dict.fromkeys((f"torch.{name}" for name in _DTYPE_NAMES), None),
    "torch.Size": _size,
    "torch.device": lambda *a: _Inert(*a),
    "collections.OrderedDict": _dict,
    "collections.defaultdict": _dict,
    "collections.Counter": _dict,
    "builtins.dict": _dict,
    "builtins.set": lambda v=(): set(map(_key, _sequence(v))),
    "__builtin__.set": lambda v=(): set(map(_key, _sequence(v))),
    "builtins.complex": lambda *parts: _Inert(*parts),
    "builtins.bytearray": lambda *parts: _Inert(*parts),
    "builtins.int": None,
    "builtins.list": None,
    "pytorch_lightning.utilities.parsing.AttributeDict": _dict,
    "lightning_fabric.utilities.data.AttributeDict": _dict,
    "lightning.fabric.utilities.data.AttributeDict": _dict,
    "argparse.Namespace": lambda: _Namespace(),
    "pathlib.PosixPath": lambda *parts: _Inert(*parts),
    "pathlib.WindowsPath": lambda *parts: _Inert(*parts),
    "_codecs.encode": _encode,
    "numpy.dtype": lambda *a: _Inert(*a),
    "numpy.ndarray": None,
    **{
        f"numpy.{core}.multiarray.{name}": function
        for core in ("core", "_core")
        for name, function in (("scalar", _scalar), ("_reconstruct", lambda *_: _Array()))
    },
}


def _global(name: str) -> _Name:
    if name in ("torch._utils._rebuild_qtensor", "torch.ScriptObject"):
        raise InteropError(
            f"has quantized weights ({name}); expected floating point: save the state dict of the "
            f"model before it is quantized."
        )
    if name not in _GLOBALS:
        raise InteropError(
            f"asks for {printable(name, 80)}, which is not loaded; expected tensors and plain "
            f"containers only, as torch.save(model.state_dict(), path) writes."
        )
    return _Name(name, _GLOBALS[name])
