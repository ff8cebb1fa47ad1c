"""ONNX files as plain Python: nodes, attributes and arrays, read within limits and checked.

The message formats are read by the onnx package; nothing else of it is used, and nothing outside
the file is opened: a tensor that refers to another file is refused.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import InteropError
from ...extras import load as load_extra
from ...safe_files import printable
from ..files import MOST_BYTES, MOST_ENTRIES, read_bytes

MOST_DEPTH = 16  # of graphs in one another
_INTEGERS = {2: "u1", 3: "i1", 4: "u2", 5: "i2", 6: "i4", 7: "i8", 12: "u4", 13: "u8"}
DTYPES = {1: "f4", 9: "?", 10: "f2", 11: "f8", **_INTEGERS}  # TensorProto.DataType
_BFLOAT16, _STRING = 16, 8


@dataclass
class Value:
    """An input or output of a graph. A size is a number, a name, or None if it is not said."""

    name: str
    dtype: np.dtype | None
    shape: tuple[int | str | None, ...] | None


@dataclass
class Node:
    """One operation."""

    op: str
    name: str
    inputs: list[str]  # "" for one that is left out
    outputs: list[str]
    attributes: dict[str, Any]  # numbers, strings, arrays, lists of them, graphs


@dataclass
class GraphFile:
    """A graph: of a model, or in a node (If, Loop, Scan)."""

    name: str
    inputs: list[Value]
    outputs: list[Value]
    constants: dict[str, np.ndarray]
    nodes: list[Node] = field(default_factory=list)


@dataclass
class ModelFile:
    """A model and what it says of itself."""

    graph: GraphFile
    opset: int
    producer: str
    metadata: dict[str, str]


def read_model(path: str) -> ModelFile:
    """Read an ONNX file.

    Raises
    ------
    InteropError
        It is damaged, refers to another file, or exceeds the limits.
    ConfigError
        onnx is not installed.
    """
    onnx = load_extra("onnx", extra="interop", why="to read ONNX files")
    data = read_bytes(path, min(MOST_BYTES, 2**31 - 1))  # the most that protobuf reads
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as error:  # DecodeError, RecursionError, UnicodeDecodeError: no common base
        raise InteropError(f"{path} is no ONNX file, or a damaged one: {error}.") from None
    opsets = {o.domain: o.version for o in model.opset_import}
    opset = opsets.get("", opsets.get("ai.onnx", 0))
    if not opset or not model.HasField("graph"):
        raise InteropError(f"{path} is no ONNX model: it has no graph, or says no opset.")
    reader = _Reader(path)
    return ModelFile(
        reader.graph(model.graph),
        opset,
        printable(f"{model.producer_name} {model.producer_version}".strip(), 100),
        {p.key: p.value for p in model.metadata_props[:1000]},
    )


class _Reader:
    """Reads the messages of one file and counts what it has read."""

    def __init__(self, path: str):
        self.path, self.entries, self.bytes = path, 0, 0

    def fail(self, what: str) -> InteropError:
        return InteropError(f"{self.path}: {what}.")

    def count(self) -> None:
        self.entries += 1
        if self.entries > MOST_ENTRIES:
            raise self.fail(f"more than {MOST_ENTRIES} nodes and arrays; expected fewer")

    def graph(self, proto: Any, depth: int = 0) -> GraphFile:
        if depth > MOST_DEPTH:
            raise self.fail(f"graphs lie {depth} deep in one another; expected {MOST_DEPTH}")
        if len(proto.sparse_initializer):
            raise self.fail("the graph has sparse arrays; expected dense ones")
        constants = {t.name: self.tensor(t, t.name) for t in proto.initializer}
        given = [self.value(v) for v in proto.input if v.name not in constants]
        outputs = [self.value(v) for v in proto.output]
        nodes = [self.node(n, depth) for n in proto.node]
        return GraphFile(printable(proto.name, 100), given, outputs, constants, nodes)

    def node(self, proto: Any, depth: int) -> Node:
        self.count()
        op = proto.op_type if proto.domain in ("", "ai.onnx") else f"{proto.domain}.{proto.op_type}"
        attributes = {a.name: self.attribute(a, depth) for a in proto.attribute}
        name = printable(proto.name, 200)
        return Node(printable(op, 100), name, list(proto.input), list(proto.output), attributes)

    def attribute(self, a: Any, depth: int) -> Any:
        self.count()
        match a.type:
            case 1:
                return a.f
            case 2:
                return a.i
            case 3:
                return a.s.decode("utf-8", "replace")
            case 4:
                return self.tensor(a.t, a.name)
            case 5:
                return self.graph(a.g, depth + 1)
            case 6:
                return list(a.floats)
            case 7:
                return list(a.ints)
            case 8:
                return [s.decode("utf-8", "replace") for s in a.strings]
        raise self.fail(f"attribute {printable(a.name, 100)} has type {a.type}, which is not read")

    def value(self, proto: Any) -> Value:
        self.count()
        tensor = proto.type.tensor_type
        dtype = DTYPES.get(tensor.elem_type)
        shape = None
        if tensor.HasField("shape"):
            shape = tuple(_size(d) for d in tensor.shape.dim)
        return Value(proto.name, np.dtype(dtype) if dtype else None, shape)

    def tensor(self, t: Any, name: str) -> np.ndarray:
        """Return an array, its bytes checked against its shape before anything is allocated."""
        self.count()
        what = f"array {printable(name, 100)}"
        if len(t.external_data) or t.data_location:
            raise self.fail(f"{what} lies in another file; expected one file with all arrays")
        shape, size = tuple(t.dims), math.prod(t.dims)
        if any(n < 0 for n in shape) or len(shape) > 32:
            raise self.fail(f"{what} has shape {shape}; expected sizes of at least 0")
        if t.data_type == _STRING:
            return self.filled(what, np.array(list(t.string_data), object), shape, size)
        dtype = "u2" if t.data_type == _BFLOAT16 else DTYPES.get(t.data_type)
        if dtype is None:
            raise self.fail(f"{what} has data type {t.data_type}, which is not read")
        self.bytes += size * np.dtype(dtype).itemsize
        if self.bytes > MOST_BYTES:
            raise self.fail(f"its arrays have more than {MOST_BYTES} bytes; expected fewer")
        if t.HasField("raw_data"):
            if len(t.raw_data) != size * np.dtype(dtype).itemsize:
                raise self.fail(
                    f"{what} has {len(t.raw_data)} bytes; expected "
                    f"{size * np.dtype(dtype).itemsize} for shape {shape}"
                )
            values = np.frombuffer(t.raw_data, np.dtype(dtype).newbyteorder("<"))
        elif t.data_type in (1, 7, 11, 13):
            stored = {1: t.float_data, 7: t.int64_data, 11: t.double_data, 13: t.uint64_data}
            values = np.array(stored[t.data_type], dtype)
        else:  # smaller types lie in int32_data, float16 as its bits; uint32 in uint64_data
            stored = np.array(t.uint64_data if t.data_type == 12 else t.int32_data, np.int64)
            values = stored.astype("u2").view("f2") if t.data_type == 10 else stored.astype(dtype)
        if t.data_type == _BFLOAT16:  # the upper half of a float32
            values = (values.astype("u4") << 16).view("f4")
        return self.filled(
            what, values.astype(values.dtype.newbyteorder("="), copy=False), shape, size
        )

    def filled(self, what: str, values: np.ndarray, shape: tuple, size: int) -> np.ndarray:
        if values.size != size:
            raise self.fail(f"{what} has {values.size} values; expected {size} for shape {shape}")
        return values.reshape(shape)


def _size(dim: Any) -> int | str | None:
    """Return a number, a name, or None for a size that is not said; some exporters write it -1."""
    if dim.HasField("dim_value"):
        return dim.dim_value if dim.dim_value >= 0 else None
    return printable(dim.dim_param, 50) or None
