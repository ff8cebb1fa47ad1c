"""Build ONNX graphs: names, constants, nodes; the file is written by the onnx package."""

from typing import Any

import numpy as np

from ...extras import load as load_extra

SIZES = {"m": "batch", "T": "time"}  # symbolic sizes in the file


class Builder:
    """Collects the nodes and constants of one graph. A value is known by its name."""

    def __init__(self) -> None:
        self.onnx = load_extra("onnx", extra="interop", why="to write ONNX files")
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.sizes = dict(SIZES)
        self._count = 0

    def name(self, what: str) -> str:
        """Return a new name."""
        self._count += 1
        return f"{what}_{self._count}"

    def constant(self, array: Any, name: str | None = None, dtype: Any = None) -> str:
        """Add an array; one without a name of its own is used again where it is equal."""
        array = np.asarray(array, dtype, order="C")  # keeps a single number's shape, ()
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        if name is None:
            for known, other in self.constants.items():
                same = other.dtype == array.dtype and other.shape == array.shape
                if known.startswith("constant_") and same and np.array_equal(other, array):
                    return known
            name = self.name("constant")
        self.constants[name] = array
        return name

    def add(self, op: str, *inputs: str, n_outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; return the name of its output, or their names."""
        outputs = [self.name(op.lower()) for _ in range(n_outputs)]
        self.node(op, list(inputs), outputs, **attributes)
        return outputs[0] if n_outputs == 1 else outputs

    def node(self, op: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        """Add a node with outputs of given names."""
        name = attributes.pop("name", None) or self.name(op)
        self.nodes.append(self.onnx.helper.make_node(op, inputs, outputs, name=name, **attributes))

    def rename(self, value: str, name: str) -> str:
        """Give a value a name of its own."""
        self.node("Identity", [value], [name])
        return name

    def reshape(self, value: str, *shape: int) -> str:
        """Reshape; 0 keeps a size, -1 is found."""
        return self.add("Reshape", value, self.constant(shape, dtype=np.int64))

    def input(self, name: str, dtype: str, *shape: int | str) -> str:
        """Declare an input; sizes "m" and "T" are free."""
        self.inputs.append(self._value(name, dtype, shape))
        return name

    def output(self, name: str, dtype: str, *shape: int | str) -> None:
        """Declare an output."""
        self.outputs.append(self._value(name, dtype, shape))

    def _value(self, name, dtype, shape):
        kind = {"float": 1, "int32": 6, "int64": 7}[dtype]
        sizes = [self.sizes.get(n, n) if isinstance(n, str) else n for n in shape]
        return self.onnx.helper.make_tensor_value_info(name, kind, sizes)

    def model(self, opset: int, version: str, metadata: dict[str, str]) -> bytes:
        """Return the file's content."""
        helper = self.onnx.helper
        arrays = [self.onnx.numpy_helper.from_array(x, n) for n, x in self.constants.items()]
        graph = helper.make_graph(self.nodes, "bptt", self.inputs, self.outputs, arrays)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", opset)],
            producer_name="bptt",
            producer_version=version,
        )
        model.ir_version = min(model.ir_version, 8)
        helper.set_model_props(model, metadata)
        self.onnx.checker.check_model(model)
        return model.SerializeToString()
