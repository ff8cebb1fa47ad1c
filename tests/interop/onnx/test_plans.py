"""Plans: the third run for inputs of the same shapes gives what the nodes give one by one."""

import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest

from bptt import interop
from bptt.errors import InteropError
from bptt.interop.onnx import runs
from bptt.interop.onnx.operators import MOST_ELEMENTS
from bptt.interop.onnx.plans import _keep
from tests.interop.onnx import models
from tests.interop.onnx.models import node
from tests.support.tolerances import assert_close

pytest.importorskip("onnx")


def f(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def i(*values):
    return np.array(values, np.int64)


def positive(*shape):
    return np.abs(f(*shape)) + 0.1


RUNTIME = find_spec("onnxruntime")

# operator -> cases (inputs, constants, attributes); the inputs change from run to run
X = f(2, 3, 4)
CASES = {
    "Add": [([X, f(4)], [], {})],
    "Div": [([X], [positive(4)], {})],
    "Relu": [([X], [], {})],
    "Pow": [([X], [np.float32(2)], {}), ([X], [np.float32(3)], {})],
    "Sigmoid": [([X * 100], [], {})],
    "PRelu": [([X], [f(3, 1)], {}), ([X], [positive(3, 1) / 9], {})],
    "LeakyRelu": [([X], [], {"alpha": 0.1}), ([X], [], {"alpha": -2.0})],
    "Cast": [([X], [], {"to": 11}), ([X], [], {"to": 1}), ([X], [], {"to": 6})],
    "Reshape": [([X], [i(4, 0, -1)], {})],
    "Squeeze": [([f(2, 1, 3)], [i(1)], {})],
    "Unsqueeze": [([X], [i(0, -1)], {})],
    "Flatten": [([X], [], {"axis": 2})],
    "Dropout": [([X], [], {})],
    "Transpose": [([X], [], {"perm": [2, 0, 1]}), ([f(3, 1, 4)], [], {"perm": [1, 0, 2]}),
                  ([X], [], {})],
    "Slice": [([X], [i(2, -1), i(0, -9), i(1, 2), i(-1, -2)], {}), ([X], [i(0), i(9), i(1)], {})],
    "Split": [([X], [i(1, 3)], {"axis": -1})],
    "Gather": [([X], [i(2)[0]], {"axis": 2}), ([X], [i(0, 2)], {"axis": -1}),
               ([X], [i(-1, 0)], {"axis": 1}), ([X], [np.array([[0, 1], [1, 2]])], {"axis": 1})],
    "Concat": [([X, f(2, 1, 4)], [], {"axis": 1})],
    "Pad": [([X], [i(0, 1, 0, 0, 0, 2), np.float32(3)], {}), ([X], [i(0, 0, -1, 0, 1, 0)], {}),
            ([X], [i(0, 2, 0, 0, 1, 3)], {"mode": "reflect"})],
    "ScatterND": [([X, f(2, 4)], [np.array([[0, 1], [1, 1]])], {}),
                  ([X, f(1, 3, 4)], [i(-1).reshape(1, 1)], {}),
                  ([X, f(2, 4)], [np.array([[0, 1], [1, 2]])], {})],
    "ReduceMean": [([X], [], {"axes": [1, -1], "keepdims": 0}), ([X], [], {}),
                   ([X], [], {"axes": [-1]}), ([X], [], {"axes": [2], "keepdims": 0})],
    "ReduceMax": [([X], [], {"axes": [0]})],
    "ReduceMin": [([X], [], {"axes": [1], "keepdims": 0})],
    "ReduceSum": [([X], [], {"axes": [0, 2]})],
    "Softmax": [([X], [], {"axis": 1}), ([X * 100], [], {}), ([X], [], {"axis": 1})],
    "MatMul": [([X], [f(4, 5)], {}), ([X, f(2, 4, 2)], [], {})],
    "Gemm": [([f(3, 4)], [f(5, 4), f(5)], {"transB": 1, "alpha": 0.5, "beta": 2.0}),
             ([f(4, 3)], [f(4, 5)], {"transA": 1})],
    "Conv": [([f(2, 4, 9)], [f(6, 4, 3), f(6)], {"strides": [2], "pads": [1, 0]}),
             ([f(1, 4, 7, 6)], [f(4, 1, 3, 2)], {"group": 4, "dilations": [2, 1]}),
             ([f(2, 4, 7)], [f(6, 2, 3)], {"group": 2, "auto_pad": "SAME_UPPER"}),
             ([f(1, 3, 5)], [f(2, 3, 1)], {})],
    "ConvTranspose": [([f(2, 4, 5)], [f(4, 3, 3), f(3)], {"strides": [2], "pads": [1, 2]}),
                      ([f(1, 4, 3, 2)], [f(4, 1, 3, 2)], {"group": 4, "dilations": [2, 1],
                                                          "pads": [1, 0, 4, 1]}),
                      ([f(1, 4, 3)], [f(4, 2, 2)], {"group": 2, "strides": [3],
                                                    "output_padding": [2]})],
    "BatchNormalization": [([X], [f(3), f(3), f(3), positive(3)], {})],
    "LayerNormalization": [([X], [f(4), f(4)], {}), ([X], [f(3, 4)], {"axis": 1, "epsilon": 0.1})],
    "InstanceNormalization": [([f(2, 3, 4)], [f(3), f(3)], {})],
    "Einsum": [([X, f(2, 5, 4)], [], {"equation": "btk,bsk->bts"})],
    "MaxPool": [([f(2, 3, 9)], [], {"kernel_shape": [3], "strides": [2], "pads": [1, 0]}),
                ([f(1, 2, 7, 8)], [], {"kernel_shape": [2, 3], "dilations": [2, 1],
                                       "strides": [3, 2], "ceil_mode": 1})],
    "AveragePool": [([f(2, 3, 9)], [], {"kernel_shape": [3], "strides": [2], "pads": [1, 1]}),
                    ([f(2, 3, 6)], [], {"kernel_shape": [2], "auto_pad": "SAME_UPPER"}),
                    ([f(2, 3, 8)], [], {"kernel_shape": [3], "strides": [2], "pads": [1, 1],
                                        "ceil_mode": 1, "count_include_pad": 1})],
    "GlobalMaxPool": [([f(2, 3, 4)], [], {})],
    "GlobalAveragePool": [([f(2, 3, 4)], [], {})],
    "Erf": [([X], [], {})],
    "Gelu": [([X], [], {}), ([X], [], {"approximate": "tanh"})],
    "HardSwish": [([4 * X], [], {})],
    "Mish": [([X], [], {})],
    "Selu": [([X], [], {})],
    "Celu": [([X], [], {"alpha": 0.7})],
    "ThresholdedRelu": [([X], [], {"alpha": 0.5})],
    "Mod": [([X], [positive(4)], {"fmod": 1})],
    "IsInf": [([np.where(X > 0, np.float32(np.inf), X)], [], {"detect_negative": 0})],
    "Trilu": [([X], [], {}), ([X], [np.int64(-1)], {"upper": 0})],
    "NonZero": [([np.maximum(X, 0)], [], {})],
    "ScatterElements": [([X, f(1, 2, 4)], [np.array([[[0, 1, 2, 0], [-1, 0, 0, 1]]])],
                         {"axis": 1})],
    "GatherElements": [([X], [np.array([[[0, 1, 2, 0], [-1, 0, 0, 1]]])], {"axis": 1})],
    "GatherND": [([X], [np.array([[0, 1], [-1, 2]])], {})],
    "LSTM": [([f(1, 2, 3), f(1, 2, 4), f(1, 2, 4)], [f(1, 16, 3), f(1, 16, 4)], {}),
             ([f(5, 2, 3)], [f(2, 16, 3), f(2, 16, 4)], {"direction": "bidirectional"})],
    "GRU": [([f(1, 2, 3)], [f(1, 12, 3), f(1, 12, 4)], {"direction": "reverse"}),
            ([f(2, 1, 3)], [f(1, 12, 3), f(1, 12, 4)], {"layout": 1})],
}  # fmt: skip
FLAT = [(op, k) for op, cases in CASES.items() for k in range(len(cases))]


def graph_of(op, k, folder):
    """Return the graph of a case, alone between two additions, and its inputs."""
    given, constants, attributes = CASES[op][k]
    names = [f"x{j}" for j in range(len(given))]
    own = [f"c{j}" for j in range(len(constants))]
    order = (
        [names[0], *own, *names[1:]] if op in ("LSTM", "GRU") or "Scatter" in op else names + own
    )
    if op in ("LSTM", "GRU"):
        order = [*order[:3], "", "", *order[3:]]
        attributes = {**attributes, "hidden_size": 4}
    outputs = {"Split": ["y", "z"], "LSTM": ["y", "z", "w"], "GRU": ["y", "z"]}.get(op, ["y"])
    opset = {"LayerNormalization": 17, "Mish": 18, "Gelu": 20}.get(op, 14)
    if op.startswith("Reduce") or (op, k) == ("Softmax", 2):
        opset = 12
    path = models.write(
        folder / "m.onnx", [node(op, order, outputs, **attributes)],
        dict(zip(names, given, strict=True)), outputs, dict(zip(own, constants, strict=True)),
        opset=opset,
    )  # fmt: skip
    return path, dict(zip(names, given, strict=True)), outputs


def repeated(graph, given):
    """Return the outputs of a plan, which there must be."""
    found = graph._plans.repeat(graph._file.graph, list(given.values()), tuple(graph.outputs))
    assert found is not None
    return dict(zip(graph.outputs, found, strict=True))


@pytest.mark.parametrize(("op", "k"), FLAT)
def test_each_operator(op, k, tmp_path):
    path, given, outputs = graph_of(op, k, tmp_path)
    first = interop.load(path).graph
    for _ in range(2):
        first.run(given)
    other = {name: x[::-1].copy() + np.float32(0.25) for name, x in given.items()}
    found, expected = repeated(first, other), interop.load(path).graph.run(other)
    theirs = None
    if (
        RUNTIME and op not in ("Cast", "IsInf", "NonZero") and "layout" not in CASES[op][k][2]
    ):  # which it refuses
        theirs = dict(zip(outputs, models.runtime(path, other, outputs), strict=True))
    for name in outputs:
        assert found[name].shape == expected[name].shape
        assert found[name].dtype == expected[name].dtype
        assert_close(found[name].astype(float), expected[name].astype(float), "float32")
        if theirs is not None:
            assert_close(found[name].astype(float), theirs[name].astype(float), "float32")


def test_a_mean_of_float16_is_summed_in_float32(tmp_path):
    x = np.full((2, 4, 40), 600, np.float16)  # sums are 96,000, above the largest number
    made = [node("ReduceMean", ["x"], ["y"], axes=[1, 2])]
    graph = interop.load(models.write(tmp_path / "m.onnx", made, {"x": x}, ["y"], opset=12)).graph
    for _ in range(3):
        np.testing.assert_array_equal(graph.run({"x": x})["y"].ravel(), [600, 600])


@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_a_normalization_is_done_by_the_weights_below(op, tmp_path):
    made = [node(op, ["x", "W", "b"], ["z"], group=2),
            node("BatchNormalization", ["z", "b", "b", "b", "v"], ["y"])]  # fmt: skip
    given = {"x": f(2, 4, 7)}
    W = f(6, 2, 3) if op == "Conv" else f(4, 3, 3)
    constants = {"W": W, "b": f(6), "v": positive(6)}
    path = models.write(tmp_path / "m.onnx", made, given, ["y"], constants)
    graph = interop.load(path).graph
    first, _ = graph.run(given), graph.run(given)
    (plan,) = graph._plans._plans.values()
    ufuncs = [step.function for step in plan.steps if isinstance(step.function, np.ufunc)]
    assert ufuncs == [np.add]  # of the bias; the product is a part of the convolution
    assert_close(repeated(graph, given)["y"], first["y"], "float32")


def test_shapes_of_their_own_have_plans_of_their_own(tmp_path):
    nodes = [node("Shape", ["x"], ["s"]), node("Cast", ["s"], ["n"], to=1),
             node("Mul", ["x", "n"], ["y"])]  # fmt: skip
    x = np.ones((3, 2), np.float32)
    path = models.write(tmp_path / "m.onnx", nodes, {"x": x}, ["y"])
    graph = interop.load(path).graph
    graph.inputs["x"].shape = ("m", 2)
    for _ in range(3):
        for rows in range(1, 15):
            y = graph.run({"x": x[:1].repeat(rows, axis=0)})["y"]
            np.testing.assert_array_equal(y, np.tile([rows, 2.0], (rows, 1)))


def test_shapes_that_depend_on_data(tmp_path):
    """Neither the shape of a sliced value nor what is made of it is kept."""
    nodes = [
        node("Slice", ["x", "zero", "n"], ["part"]),
        node("Shape", ["part"], ["size"]),
        node("Identity", ["part"], ["same"]),
        node("Expand", ["one", "size"], ["ones"]),
        node("Concat", ["same", "ones"], ["y"], axis=0),
    ]
    constants = {"zero": i(0), "one": np.ones(1, np.float32)}
    given = {"x": f(5), "n": i(2)}
    path = models.write(tmp_path / "m.onnx", nodes, given, ["y"], constants)
    graph = interop.load(path).graph
    for n in (2, 4, 0, 2, 3):
        y = graph.run({"x": given["x"], "n": i(n)})["y"]
        np.testing.assert_array_equal(y, [*given["x"][:n], *[1] * n])
    (plan,) = graph._plans._plans.values()
    (idle,) = plan._idle
    assert [idle.values[k] for k in idle.changing] == [None] * 5


def branches():
    """Two branches, one of which reads a value from outside."""
    helper = models.onnx.helper
    y = [helper.make_tensor_value_info("inner", 1, None)]
    then = helper.make_graph([node("Mul", ["x", "x"], ["inner"])], "then", [], y)
    other = helper.make_graph([node("Neg", ["x"], ["inner"])], "else", [], y)
    return {"then_branch": then, "else_branch": other}


def test_a_condition_that_depends_on_data(tmp_path):
    given = {"x": f(3), "which": np.array(True)}
    made = [node("If", ["which"], ["y"], **branches())]
    graph = interop.load(models.write(tmp_path / "m.onnx", made, given, ["y"])).graph
    for which in (True, False, True, False, True, False):
        y = graph.run({**given, "which": np.array(which)})["y"]
        np.testing.assert_array_equal(y, given["x"] ** 2 if which else -given["x"])


def test_an_output_is_the_callers(tmp_path):
    made = [node("Identity", ["c"], ["y"]), node("Add", ["x", "c"], ["z"]),
            node("Identity", ["x"], ["w"])]  # fmt: skip
    given, constants = {"x": f(3)}, {"c": f(3)}
    names = ["y", "z", "w"]
    graph = interop.load(models.write(tmp_path / "m.onnx", made, given, names, constants)).graph
    for _ in range(3):
        found = graph.run(given)
        np.testing.assert_array_equal(found["y"], constants["c"])
        np.testing.assert_array_equal(found["z"], given["x"] + constants["c"])
        np.testing.assert_array_equal(found["w"], given["x"])
        found["y"][:] = found["z"][:] = found["w"][:] = 7
        assert not (given["x"] == 7).any()


@pytest.mark.parametrize(
    ("op", "constant", "fits", "misfit", "words"),
    [
        ("Gather", f(4, 2), i(0, 3), i(0, 4), "out of bounds"),
        ("Div", i(8), i(1, 2), i(1, 0), "by 0"),
        ("Mod", i(8), i(1, 2), i(1, 0), "by 0"),
    ],
)
def test_an_error_in_a_later_run_names_its_node(op, constant, fits, misfit, words, tmp_path):
    made = [node(op, ["c", "x"], ["y"], name="table")]
    path = models.write(tmp_path / "m.onnx", made, {"x": fits}, ["y"], {"c": constant})
    graph = interop.load(path).graph
    for _ in range(3):
        graph.run({"x": fits})
    with pytest.raises(InteropError, match=f"{op} 'table'.*{words}"):
        graph.run({"x": misfit})


@pytest.mark.parametrize("perm", [None, [1, 0, 2]])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_vectors_of_a_table_are_multiplied_once(dtype, perm, tmp_path):
    """The recurrent node reads the tokens: nothing is taken from the table in a run."""
    made = [node("Gather", ["table", "ids"], ["v"])]
    if perm:
        made.append(node("Transpose", ["v"], ["t"], perm=perm))
    made.append(node("LSTM", [made[-1].output[0], "W", "R"], ["y", "h"], hidden_size=4,
                     direction="bidirectional"))  # fmt: skip
    constants = {"table": f(9, 3), "W": f(2, 16, 3), "R": f(2, 16, 4)}
    ids = np.array([[1, 0, 8, 3, 3], [2, 2, 7, 1, 0]], dtype)
    path = models.write(tmp_path / "m.onnx", made, {"ids": ids}, ["y", "h"], constants)
    graph = interop.load(path).graph
    for _ in range(2):
        graph.run({"ids": ids})
    (plan,) = graph._plans._plans.values()
    assert not any(len(step.given) == 2 for step in plan.steps)  # a table and ids
    other = (ids + 5) % 9
    found, expected = repeated(graph, {"ids": other}), interop.load(path).graph.run({"ids": other})
    for name, y in expected.items():
        np.testing.assert_array_equal(found[name], y)
    below = graph.run({"ids": other - 9})  # ONNX counts from the end; such a run follows the nodes
    np.testing.assert_array_equal(below["y"], expected["y"])


@pytest.mark.parametrize("kept", [0, 2**20])
def test_a_view_is_computed_again_where_it_is_a_copy(kept, monkeypatch, tmp_path):
    """A transposed array has no view in another shape; arrays above `kept` bytes are made anew."""
    monkeypatch.setattr(runs, "MOST_KEPT", kept)
    made = [node("Transpose", ["x"], ["t"], perm=[1, 0]), node("Reshape", ["t", "shape"], ["y"])]
    path = models.write(tmp_path / "m.onnx", made, {"x": f(3, 4)}, ["y"], {"shape": i(2, 6)})
    graph = interop.load(path).graph
    for k in range(4):
        x = f(3, 4) * np.float32(k + 1)
        np.testing.assert_array_equal(graph.run({"x": x})["y"], x.T.reshape(2, 6))
    (plan,) = graph._plans._plans.values()
    assert len(plan._idle) == (kept > 0)


@pytest.mark.parametrize(
    ("op", "attributes"),
    [
        ("Conv", {"pads": [2**30, 2**30], "strides": [2**30]}),
        ("ConvTranspose", {"pads": [2**30, 0], "dilations": [2**30]}),
    ],
)
def test_zeros_around_a_short_sequence_have_a_limit(op, attributes, tmp_path):
    made = [node(op, ["x", "W"], ["y"], **attributes)]
    given = {"x": f(1, 1, 1)}
    path = models.write(tmp_path / "m.onnx", made, given, ["y"], {"W": f(1, 1, 2)})
    graph, token = interop.load(path).graph, MOST_ELEMENTS.set(2**20)
    try:
        with pytest.raises(InteropError, match=f"{op}.*expected at most {2**20}"):
            graph.run(given)
    finally:
        MOST_ELEMENTS.reset(token)


def test_threads_drop_the_oldest_plan_at_the_same_time():
    found, interval = {}, sys.getswitchinterval()

    def keep(thread):
        for k in range(100_000):
            _keep(found, (thread, k), k, 8)

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(keep, range(4)))
    finally:
        sys.setswitchinterval(interval)
    _keep(found, "last", 0, 8)
    assert len(found) == 8


def test_threads_share_a_plan(tmp_path):
    path, given, outputs = graph_of("LSTM", 0, tmp_path)
    graph = interop.load(path).graph
    many = [{k: x * np.float32(1 + n / 8) for k, x in given.items()} for n in range(40)]
    expected = [graph.run(own) for own in many]
    with ThreadPoolExecutor(4) as pool:
        for found, own in zip(pool.map(graph.run, many * 5), expected * 5, strict=True):
            for name in outputs:
                np.testing.assert_array_equal(found[name], own[name])
