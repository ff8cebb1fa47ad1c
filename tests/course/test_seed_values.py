"""The reference values of the course functions, each to its printed digits, from both front doors.

The inputs are those of the course: ``numpy.random.seed(1)``, then ``numpy.random.randn`` for each
draw in order. `CASES` is this test's own copy of the printed numbers.
"""

import numpy as np
import pytest

import bptt
import bptt.equations
from tests.support.tolerances import TOLERANCES

MODULES = {"bptt": bptt, "bptt.equations": bptt.equations}

RNN = {"Waa": (5, 5), "Wax": (5, 3), "Wya": (2, 5), "ba": (5, 1), "by": (2, 1)}
RNN_BACKWARD = {"Wax": (5, 3), "Waa": (5, 5), "Wya": (2, 5), "ba": (5, 1), "by": (2, 1)}
GATES = {
    "Wf": (5, 8), "bf": (5, 1), "Wi": (5, 8), "bi": (5, 1),
    "Wo": (5, 8), "bo": (5, 1), "Wc": (5, 8), "bc": (5, 1),
}  # fmt: skip
LSTM = GATES | {"Wy": (2, 5), "by": (2, 1)}
LSTM_SHAPES = {f"gradients['d{name}'].shape": shape for name, shape in GATES.items()}


def rnn_cell_forward(f, d, p):
    a_next, yt_pred, cache = f.rnn_cell_forward(d["xt"], d["a_prev"], p)
    return {"a_next": a_next, "yt_pred": yt_pred, "cache": cache}


def rnn_forward(f, d, p):
    a, y_pred, caches = f.rnn_forward(d["x"], d["a0"], p)
    return {"a": a, "y_pred": y_pred, "caches": caches}


def rnn_cell_backward(f, d, p):
    _, _, cache = f.rnn_cell_forward(d["xt"], d["a_prev"], p)
    return {"gradients": f.rnn_cell_backward(d["da_next"], cache)}


def rnn_backward(f, d, p):
    _, _, caches = f.rnn_forward(d["x"], d["a0"], p)
    return {"gradients": f.rnn_backward(d["da"], caches)}


def lstm_cell_forward(f, d, p):
    a_next, c_next, yt, cache = f.lstm_cell_forward(d["xt"], d["a_prev"], d["c_prev"], p)
    return {"a_next": a_next, "c_next": c_next, "yt": yt, "cache": cache}


def lstm_forward(f, d, p):
    a, y, c, caches = f.lstm_forward(d["x"], d["a0"], p)
    return {"a": a, "y": y, "c": c, "caches": caches}


def lstm_cell_backward(f, d, p):
    _, _, _, cache = f.lstm_cell_forward(d["xt"], d["a_prev"], d["c_prev"], p)
    return {"gradients": f.lstm_cell_backward(d["da_next"], d["dc_next"], cache)}


def lstm_backward(f, d, p):
    """The loss looks at 4 of the 7 steps only."""
    _, _, _, caches = f.lstm_forward(
        d["x"], d["a0"], p | {"Wy": np.zeros((2, 5)), "by": np.zeros((2, 1))}
    )
    return {"gradients": f.lstm_backward(d["da"], caches)}


# call: (draws in order, {expression on the result: printed value})
CASES = {
    rnn_cell_forward: (
        {"xt": (3, 10), "a_prev": (5, 10)} | RNN,
        {
            "a_next[4]": [
                0.59584544, 0.18141802, 0.61311866, 0.99808218, 0.85016201, 0.99980978,
                -0.18887155, 0.99815551, 0.6531151, 0.82872037,
            ],
            "a_next.shape": (5, 10),
            "yt_pred[1]": [
                0.9888161, 0.01682021, 0.21140899, 0.36817467, 0.98988387, 0.88945212, 0.36920224,
                0.9966312, 0.9982559, 0.17746526,
            ],
            "yt_pred.shape": (2, 10),
        },
    ),
    rnn_forward: (
        {"x": (3, 10, 4), "a0": (5, 10)} | RNN,
        {
            "a[4][1]": [-0.99999375, 0.77911235, -0.99861469, -0.99833267],
            "a.shape": (5, 10, 4),
            "y_pred[1][3]": [0.79560373, 0.86224861, 0.11118257, 0.81515947],
            "y_pred.shape": (2, 10, 4),
            "caches[1][1][3]": [-1.1425182, -0.34934272, -0.20889423, 0.58662319],
            "len(caches)": 2,
        },
    ),
    rnn_cell_backward: (
        {"xt": (3, 10), "a_prev": (5, 10)} | RNN_BACKWARD | {"da_next": (5, 10)},
        {
            "gradients['dxt'][1][2]": -1.3872130506,
            "gradients['dxt'].shape": (3, 10),
            "gradients['da_prev'][2][3]": -0.152399493774,
            "gradients['da_prev'].shape": (5, 10),
            "gradients['dWax'][3][1]": 0.410772824935,
            "gradients['dWax'].shape": (5, 3),
            "gradients['dWaa'][1][2]": 1.15034506685,
            "gradients['dWaa'].shape": (5, 5),
            "gradients['dba'][4]": [0.20023491],
            "gradients['dba'].shape": (5, 1),
        },
    ),
    rnn_backward: (
        {"x": (3, 10, 4), "a0": (5, 10)} | RNN_BACKWARD | {"da": (5, 10, 4)},
        {
            "gradients['dx'][1][2]": [-2.07101689, -0.59255627, 0.02466855, 0.01483317],
            "gradients['dx'].shape": (3, 10, 4),
            "gradients['da0'][2][3]": -0.31494237512664985,
            "gradients['da0'].shape": (5, 10),
            "gradients['dWax'][3][1]": 11.264104496527777,
            "gradients['dWax'].shape": (5, 3),
            "gradients['dWaa'][1][2]": 2.3033331265798935,
            "gradients['dWaa'].shape": (5, 5),
            "gradients['dba'][4]": [-0.74747722],
            "gradients['dba'].shape": (5, 1),
        },
    ),
    lstm_cell_forward: (
        {"xt": (3, 10), "a_prev": (5, 10), "c_prev": (5, 10)} | LSTM,
        {
            "a_next[4]": [
                -0.66408471, 0.0036921, 0.02088357, 0.22834167, -0.85575339, 0.00138482,
                0.76566531, 0.34631421, -0.00215674, 0.43827275,
            ],
            "a_next.shape": (5, 10),
            "c_next[2]": [
                0.63267805, 1.00570849, 0.35504474, 0.20690913, -1.64566718, 0.11832942,
                0.76449811, -0.0981561, -0.74348425, -0.26810932,
            ],
            "c_next.shape": (5, 10),
            "yt[1]": [
                0.79913913, 0.15986619, 0.22412122, 0.15606108, 0.97057211, 0.31146381, 0.00943007,
                0.12666353, 0.39380172, 0.07828381,
            ],
            "yt.shape": (2, 10),
            "cache[1][3]": [
                -0.16263996, 1.03729328, 0.72938082, -0.54101719, 0.02752074, -0.30821874,
                0.07651101, -1.03752894, 1.41219977, -0.37647422,
            ],
            "len(cache)": 10,
        },
    ),
    lstm_forward: (
        {"x": (3, 10, 7), "a0": (5, 10)} | LSTM,
        {
            "a[4][3][6]": 0.17211776753291672,
            "a.shape": (5, 10, 7),
            "y[1][4][3]": 0.9508734618501101,
            "y.shape": (2, 10, 7),
            "caches[1][1][1]": [
                0.82797464, 0.23009474, 0.76201118, -0.22232814, -0.20075807, 0.18656139,
                0.41005165,
            ],
            "c[1][2][1]": -0.8555449167181981,
            "len(caches)": 2,
        },
    ),
    lstm_cell_backward: (
        {"xt": (3, 10), "a_prev": (5, 10), "c_prev": (5, 10)}
        | LSTM
        | {"da_next": (5, 10), "dc_next": (5, 10)},
        {
            "gradients['dxt'][1][2]": 3.23055911511,
            "gradients['dxt'].shape": (3, 10),
            "gradients['da_prev'][2][3]": -0.0639621419711,
            "gradients['da_prev'].shape": (5, 10),
            "gradients['dc_prev'][2][3]": 0.797522038797,
            "gradients['dc_prev'].shape": (5, 10),
            "gradients['dWf'][3][1]": -0.147954838164,
            "gradients['dWi'][1][2]": 1.05749805523,
            "gradients['dWc'][3][1]": 2.30456216369,
            "gradients['dWo'][1][2]": 0.331311595289,
            "gradients['dbf'][4]": [0.18864637],
            "gradients['dbi'][4]": [-0.40142491],
            "gradients['dbc'][4]": [0.25587763],
            "gradients['dbo'][4]": [0.13893342],
        } | LSTM_SHAPES,
    ),
    lstm_backward: (
        {"x": (3, 10, 7), "a0": (5, 10)} | GATES | {"da": (5, 10, 4)},
        {
            "gradients['dx'][1][2]": [0.00218254, 0.28205375, -0.48292508, -0.43281115],
            "gradients['dx'].shape": (3, 10, 4),
            "gradients['da0'][2][3]": 0.312770310257,
            "gradients['da0'].shape": (5, 10),
            "gradients['dWf'][3][1]": -0.0809802310938,
            "gradients['dWi'][1][2]": 0.40512433093,
            "gradients['dWc'][3][1]": -0.0793746735512,
            "gradients['dWo'][1][2]": 0.038948775763,
            "gradients['dbf'][4]": [-0.15745657],
            "gradients['dbi'][4]": [-0.50848333],
            "gradients['dbc'][4]": [-0.42510818],
            "gradients['dbo'][4]": [-0.17958196],
        } | LSTM_SHAPES,
    ),
}  # fmt: skip


def results(call, module):
    """Draw the inputs of a case and run it with the functions of `module`."""
    draws, _ = CASES[call]
    np.random.seed(1)  # noqa: NPY002 - the printed values come from this generator
    d = {name: np.random.randn(*shape) for name, shape in draws.items()}  # noqa: NPY002
    state = {"xt", "x", "a_prev", "c_prev", "a0", "da", "da_next", "dc_next"}
    return call(module, d, {name: value for name, value in d.items() if name not in state})


def obtained(expression, result):
    """Read an expression such as ``gradients['dx'][1][2]`` off a result."""
    return eval(expression, {"len": len}, result)


def agrees(value, expected):
    if isinstance(expected, (int, tuple)):  # a length or a shape
        return value == expected
    rtol, atol = TOLERANCES["seed"]
    return np.shape(value) == np.shape(expected) and np.allclose(value, expected, rtol, atol)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    ("call", "expression"),
    [(call, expression) for call, (_, expect) in CASES.items() for expression in expect],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_printed_value_is_reproduced(module, call, expression):
    expected = CASES[call][1][expression]
    value = obtained(expression, results(call, MODULES[module]))
    assert agrees(value, expected), f"{value} is not {expected}"


def test_every_value_of_the_reference_is_here():
    counts = {call.__name__: len(expect) for call, (_, expect) in CASES.items()}
    assert counts == {
        "rnn_cell_forward": 4, "rnn_forward": 6, "rnn_cell_backward": 10, "rnn_backward": 10,
        "lstm_cell_forward": 8, "lstm_forward": 7, "lstm_cell_backward": 22, "lstm_backward": 20,
    }  # fmt: skip
