"""ONNX Runtime: the fastest of plain `run` and IO binding, all cores and one thread."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from .cases import STREAM_STEPS, LayerArrays, layer_results
from .convert import to_onnx_lstm
from .worker import Configuration, thread_counts

INPUTS, OUTPUTS = ("X", "h0", "c0"), ("Y", "h", "c")


def hello():
    return {"version": f"ONNX Runtime {onnxruntime.__version__}"}


def prepare(case):
    return globals()[case.kind](case)


def lstm_model(parameters, size):
    """One LSTM node, layout=0 (time-major), the states as graph inputs and outputs."""
    n_x, n_a, m, T_x = size
    shapes = {"X": (T_x, m, n_x), "Y": (T_x, 1, m, n_a)}
    shapes |= dict.fromkeys(("h0", "c0", "h", "c"), (1, m, n_a))
    weights = dict(zip("WRB", to_onnx_lstm(parameters), strict=True))
    node = helper.make_node(
        "LSTM", ["X", *weights, "", "h0", "c0"], list(OUTPUTS), hidden_size=n_a, layout=0
    )
    return model_bytes(node, shapes, INPUTS, OUTPUTS, weights)


def model_bytes(node, shapes, inputs, outputs, weights):
    """A model of one node."""

    def info(names):
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, shapes[n]) for n in names]

    constants = [
        numpy_helper.from_array(np.ascontiguousarray(value), name)
        for name, value in weights.items()
    ]
    graph = helper.make_graph([node], "node", info(inputs), info(outputs), constants)
    opset = helper.make_opsetid("", 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=9).SerializeToString()


def sessions(model):
    """A session for every number of threads, optimized as far as it goes."""
    for n in thread_counts():
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = n
        yield (
            f"threads {n}",
            onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]),
        )


def bound(session, inputs, outputs):
    """A call on NumPy arrays themselves, which the session reads and writes in place."""
    binding = session.io_binding()
    for name, z in inputs.items():
        binding.bind_input(name, "cpu", 0, np.float32, z.shape, z.ctypes.data)
    for name, z in outputs.items():
        binding.bind_output(name, "cpu", 0, np.float32, z.shape, z.ctypes.data)
    arrays = inputs, outputs  # the binding knows addresses only: without this they would be freed

    def run(arrays=arrays):
        session.run_with_iobinding(binding)

    return run


def layer(case):
    """The whole sequence in one call."""
    d = LayerArrays(case)
    _, n_a, m, T_x = case.size
    inputs = dict(zip(INPUTS, (d.x.transpose(1, 0, 2).copy(), *d.state), strict=True))
    y, h, c = np.empty((T_x, 1, m, n_a), np.float32), *np.empty((2, 1, m, n_a), np.float32)

    def read(results):
        y, h, c = results
        return layer_results(y[:, 0].transpose(1, 0, 2), (h, c))

    found = {}
    for label, session in sessions(lstm_model(d.parameters, case.size)):
        call = bound(session, inputs, dict(zip(OUTPUTS, (y, h, c), strict=True)))
        found[f"run, {label}"] = Configuration(
            lambda session=session: session.run(None, inputs), read
        )
        found[f"IO binding, {label}"] = Configuration(call, lambda _: read((y, h, c)))
    return found


def stream(case):
    """One step a call, from NumPy to NumPy, the state fed back."""
    n_x, n_a, _, _ = case.size
    d = LayerArrays(case._replace(size=(n_x, n_a, 1, STREAM_STEPS)))
    xs = [d.x[:, t : t + 1].copy() for t in range(STREAM_STEPS)]  # (1, 1, n_x)
    found = {}
    for label, session in sessions(lstm_model(d.parameters, (n_x, n_a, 1, 1))):
        found[f"run, {label}"] = _run(session, xs, n_a)
        found[f"IO binding, {label}"] = _bound(session, xs, n_a)
    return found


def _read(y):
    return {"y": y.reshape(1, -1).copy()}


def _run(session, xs, n_a):
    state = [np.zeros((1, 1, n_a), np.float32), np.zeros((1, 1, n_a), np.float32)]

    def run():
        h, c = state
        for xt in xs:
            y, h, c = session.run(None, {"X": xt, "h0": h, "c0": c})
        state[:] = h, c
        return y

    return Configuration(run, _read, work=STREAM_STEPS)


def _bound(session, xs, n_a):
    """Two sets of state arrays that take turns; x is copied into the bound array."""
    x = np.empty_like(xs[0])
    states = np.zeros((2, 2, 1, 1, n_a), np.float32)
    y = np.empty((1, 1, 1, n_a), np.float32)
    there, back = (
        bound(
            session,
            {"X": x, "h0": states[k, 0], "c0": states[k, 1]},
            {"Y": y, "h": states[1 - k, 0], "c": states[1 - k, 1]},
        )
        for k in (0, 1)
    )
    pairs = list(zip(xs[::2], xs[1::2], strict=True))

    def run():
        for first, second in pairs:
            x[...] = first
            there()
            x[...] = second
            back()
        return y

    return Configuration(run, _read, work=STREAM_STEPS)
