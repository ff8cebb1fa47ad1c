"""The one-step functions of the course and of the batch-first exercise, one line an equation.

They are tested to be the functions of `bptt.equations`.
"""

from typing import Any

import numpy as np

from .textbook import Step, computed, equations, evaluate, shapes

# All differ, and there are fewer examples than features, so that a gradient of a product
# determines its left factor.
SIZES = {"n_x": 4, "n_a": 5, "n_y": 2, "m": 3, "N": 3, "D": 4, "H": 5, "4H": 20}

_RNN = shapes("xt n_x m; a_prev n_a m; Wax n_a n_x; Waa n_a n_a; Wya n_y n_a; ba n_a 1; by n_y 1")
_RNN_PARAMETERS = ("Wax", "Waa", "Wya", "ba", "by")
_GATES = "Wf n_a n_a+n_x; bf n_a 1; Wi n_a n_a+n_x; bi n_a 1; Wc n_a n_a+n_x; bc n_a 1; "
_LSTM = shapes(
    f"xt n_x m; a_prev n_a m; c_prev n_a m; {_GATES}Wo n_a n_a+n_x; bo n_a 1; Wy n_y n_a; by n_y 1"
)
_LSTM_PARAMETERS = ("Wf", "bf", "Wi", "bi", "Wc", "bc", "Wo", "bo", "Wy", "by")
_GRU = shapes(
    "xt n_x m; a_prev n_a m; Wu n_a n_a+n_x; bu n_a 1; Wr n_a n_a+n_x; br n_a 1; "
    "Wc n_a n_a+n_x; bc n_a 1; Wy n_y n_a; by n_y 1"
)
_GRU_PARAMETERS = ("Wu", "bu", "Wr", "br", "Wc", "bc", "Wy", "by")
_CONCAT = {"concat": "np.concatenate([a_prev, xt])", "n_a": "a_prev.shape[0]"}

STEPS: dict[str, Step] = {
    "sigmoid": Step(("x",), ("s",), {"x": "n_a m"}, equations("s = 1 / (1 + np.exp(-x))")),
    "softmax": Step(
        ("x",),
        ("s",),
        {"x": "n_y m"},
        equations(
            "s = np.exp(x - np.max(x, axis=0)) / np.sum(np.exp(x - np.max(x, axis=0)), axis=0)"
        ),
    ),
    "rnn_cell_forward": Step(
        ("xt", "a_prev", "parameters"),
        ("a_next", "yt_pred", "cache"),
        _RNN,
        equations("""
            a_next = np.tanh(Wax @ xt + Waa @ a_prev + ba)
            yt_pred = softmax(Wya @ a_next + by)
        """),
        ("a_next", "a_prev", "xt", "parameters"),
        _RNN_PARAMETERS,
    ),
    "rnn_cell_backward": Step(
        ("da_next", "cache"),
        ("gradients",),
        _RNN | {"da_next": "n_a m"},
        equations("""
            dtanh <dWax = (1 - a_next ** 2) * da_next
            dWax = dtanh @ xt.T
            dWaa = dtanh @ a_prev.T
            dba = np.sum(dtanh, axis=1, keepdims=True)
            dxt = Wax.T @ dtanh
            da_prev = Waa.T @ dtanh
        """),
        ("a_next", "a_prev", "xt", "parameters"),
        _RNN_PARAMETERS,
        forward="rnn_cell_forward",
    ),
    "lstm_cell_forward": Step(
        ("xt", "a_prev", "c_prev", "parameters"),
        ("a_next", "c_next", "yt_pred", "cache"),
        _LSTM,
        equations("""
            (1) ft = sigmoid(Wf @ concat + bf)
            (2) it = sigmoid(Wi @ concat + bi)
            (3) cct = np.tanh(Wc @ concat + bc)
            (4) c_next = ft * c_prev + it * cct
            (5) ot = sigmoid(Wo @ concat + bo)
            (6) a_next = ot * np.tanh(c_next)
            yt_pred = softmax(Wy @ a_next + by)
        """),
        ("a_next", "c_next", "a_prev", "c_prev", "ft", "it", "cct", "ot", "xt", "parameters"),
        _LSTM_PARAMETERS,
        _CONCAT,
    ),
    "lstm_cell_backward": Step(
        ("da_next", "dc_next", "cache"),
        ("gradients",),
        _LSTM | {"da_next": "n_a m", "dc_next": "n_a m"},
        equations("""
            (7) dot <dWo = da_next * np.tanh(c_next) * ot * (1 - ot)
            (8) dcct <dWc = (dc_next * it + ot * (1 - np.tanh(c_next) ** 2) * it * da_next) * (1 - cct ** 2)
            (9) dit <dWi = (dc_next * cct + ot * (1 - np.tanh(c_next) ** 2) * cct * da_next) * it * (1 - it)
            (10) dft <dWf = (dc_next * c_prev + ot * (1 - np.tanh(c_next) ** 2) * c_prev * da_next) * ft * (1 - ft)
            (11) dWf = dft @ concat.T
            (12) dWi = dit @ concat.T
            (13) dWc = dcct @ concat.T
            (14) dWo = dot @ concat.T
            (15) dbf = np.sum(dft, axis=1, keepdims=True)
            (16) dbi = np.sum(dit, axis=1, keepdims=True)
            (17) dbc = np.sum(dcct, axis=1, keepdims=True)
            (18) dbo = np.sum(dot, axis=1, keepdims=True)
            (19) da_prev = Wf[:, :n_a].T @ dft + Wi[:, :n_a].T @ dit + Wc[:, :n_a].T @ dcct + Wo[:, :n_a].T @ dot
            (20) dc_prev = dc_next * ft + ot * (1 - np.tanh(c_next) ** 2) * ft * da_next
            (21) dxt = Wf[:, n_a:].T @ dft + Wi[:, n_a:].T @ dit + Wc[:, n_a:].T @ dcct + Wo[:, n_a:].T @ dot
        """),  # noqa: E501 (one equation a line)
        ("a_next", "c_next", "a_prev", "c_prev", "ft", "it", "cct", "ot", "xt", "parameters"),
        _LSTM_PARAMETERS,
        _CONCAT,
        forward="lstm_cell_forward",
    ),
    "gru_cell_forward": Step(
        ("xt", "a_prev", "parameters"),
        ("a_next", "yt_pred", "cache"),
        _GRU,
        equations("""
            (1) ut = sigmoid(Wu @ concat + bu)
            (2) rt = sigmoid(Wr @ concat + br)
            (3) cct = np.tanh(Wc @ np.concatenate([rt * a_prev, xt]) + bc)
            (4) a_next = ut * cct + (1 - ut) * a_prev
            yt_pred = softmax(Wy @ a_next + by)
        """),
        ("a_next", "a_prev", "ut", "rt", "cct", "xt", "parameters"),
        _GRU_PARAMETERS,
        _CONCAT,
    ),
    "gru_cell_backward": Step(
        ("da_next", "cache"),
        ("gradients",),
        _GRU | {"da_next": "n_a m"},
        equations("""
            (5) dzu <dWu = da_next * (cct - a_prev) * ut * (1 - ut)
            (6) dzc <dWc = da_next * ut * (1 - cct ** 2)
            (8) dzr <dWr = (Wc.T @ dzc)[:n_a] * a_prev * rt * (1 - rt)
            (12) dWu = dzu @ concat.T
            (13) dWr = dzr @ concat.T
            (14) dWc = dzc @ reset.T
            (15) dbu = np.sum(dzu, axis=1, keepdims=True)
            (16) dbr = np.sum(dzr, axis=1, keepdims=True)
            (17) dbc = np.sum(dzc, axis=1, keepdims=True)
            (10) da_prev = da_next * (1 - ut) + (Wc.T @ dzc)[:n_a] * rt + (Wu.T @ dzu + Wr.T @ dzr)[:n_a]
            (11) dxt = (Wc.T @ dzc)[n_a:] + (Wu.T @ dzu + Wr.T @ dzr)[n_a:]
        """),  # noqa: E501 (one equation a line)
        ("a_next", "a_prev", "ut", "rt", "cct", "xt", "parameters"),
        _GRU_PARAMETERS,
        _CONCAT | {"reset": "np.concatenate([rt * a_prev, xt])"},
        forward="gru_cell_forward",
    ),
}
_H = "prev_h N H; Wx D H; Wh H H; b H"
_H4 = "x N D; prev_h N H; prev_c N H; Wx D 4H; Wh H 4H; b 4H"
STEPS |= {
    "rnn_step_forward": Step(
        ("x", "prev_h", "Wx", "Wh", "b"),
        ("next_h", "cache"),
        shapes(f"x N D; {_H}"),
        equations("next_h = np.tanh(x @ Wx + prev_h @ Wh + b)"),
    ),
    "rnn_step_backward": Step(
        ("dnext_h", "cache"),
        ("dx", "dprev_h", "dWx", "dWh", "db"),
        shapes(f"x N D; {_H}; dnext_h N H"),
        equations("""
            dz <dWx = dnext_h * (1 - next_h ** 2)
            dx = dz @ Wx.T
            dprev_h = dz @ Wh.T
            dWx = x.T @ dz
            dWh = prev_h.T @ dz
            db = np.sum(dz, axis=0)
        """),
        forward="rnn_step_forward",
    ),
    "lstm_step_forward": Step(
        ("x", "prev_h", "prev_c", "Wx", "Wh", "b"),
        ("next_h", "next_c", "cache"),
        shapes(_H4),
        equations("""
            z = x @ Wx + prev_h @ Wh + b
            i = sigmoid(z[:, :H])
            f = sigmoid(z[:, H:2 * H])
            o = sigmoid(z[:, 2 * H:3 * H])
            g = np.tanh(z[:, 3 * H:])
            next_c = f * prev_c + i * g
            next_h = o * np.tanh(next_c)
        """),
        given={"H": "prev_h.shape[1]"},
    ),
    "lstm_step_backward": Step(
        ("dnext_h", "dnext_c", "cache"),
        ("dx", "dprev_h", "dprev_c", "dWx", "dWh", "db"),
        shapes(f"{_H4}; dnext_h N H; dnext_c N H"),
        equations("""
            dc = dnext_c + dnext_h * o * (1 - np.tanh(next_c) ** 2)
            di <dWx_i = dc * g * i * (1 - i)
            df <dWx_f = dc * prev_c * f * (1 - f)
            do <dWx_o = dnext_h * np.tanh(next_c) * o * (1 - o)
            dg <dWx_g = dc * i * (1 - g ** 2)
            dprev_c = dc * f
            dWx_i = x.T @ di
            dWx_f = x.T @ df
            dWx_o = x.T @ do
            dWx_g = x.T @ dg
            dWh_i = prev_h.T @ di
            dWh_f = prev_h.T @ df
            dWh_o = prev_h.T @ do
            dWh_g = prev_h.T @ dg
            db_i = np.sum(di, axis=0)
            db_f = np.sum(df, axis=0)
            db_o = np.sum(do, axis=0)
            db_g = np.sum(dg, axis=0)
            dx = di @ Wx[:, :H].T + df @ Wx[:, H:2 * H].T + do @ Wx[:, 2 * H:3 * H].T + dg @ Wx[:, 3 * H:].T
            dprev_h = di @ Wh[:, :H].T + df @ Wh[:, H:2 * H].T + do @ Wh[:, 2 * H:3 * H].T + dg @ Wh[:, 3 * H:].T
        """),  # noqa: E501 (one equation a line)
        given={"H": "prev_h.shape[1]"},
        forward="lstm_step_forward",
        gates="ifog",
    ),
}


def draw(step: Step, rng: np.random.Generator) -> dict[str, Any]:
    """Return random arrays for the inputs of a step, and the names that stand for parts of them."""
    names: dict[str, Any] = {}
    for array, shape in step.shapes.items():
        size = [sum(SIZES[s] for s in axis.split("+")) if not axis.isdigit() else int(axis)
                for axis in shape.split()]  # fmt: skip
        names[array] = rng.standard_normal(size)
    if step.forward:
        names |= computed(STEPS[step.forward], names)
    for alias, formula in step.given.items():
        names[alias] = evaluate(formula, names)
    for alias in ("n_a", "H"):
        if alias in names:
            names[alias] = int(names[alias])
    return names
