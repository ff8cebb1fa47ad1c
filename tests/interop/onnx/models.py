"""Small ONNX files, made for the tests."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {
    "float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "float16": TensorProto.FLOAT16,
    "int32": TensorProto.INT32, "int64": TensorProto.INT64, "bool": TensorProto.BOOL,
}  # fmt: skip


def value(name, array, shape="own"):
    """An input or output of a graph."""
    return helper.make_tensor_value_info(
        name, TYPES[array.dtype.name], array.shape if shape == "own" else shape
    )


def write(path, nodes, inputs, outputs, constants=None, *, opset=14):
    """Write a model; inputs {name: array}, outputs [name]."""
    graph = helper.make_graph(
        nodes,
        "g",
        [value(name, x) for name, x in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(x, name) for name, x in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    path.write_bytes(model.SerializeToString())
    return path


def runtime(path, inputs, outputs):
    """What ONNX Runtime computes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(outputs, inputs)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


__all__ = ["node", "np", "onnx", "runtime", "value", "write"]
