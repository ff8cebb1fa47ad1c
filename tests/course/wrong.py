"""Wrong submissions written by hand, with the quantity that is wrong in each.

`WRONG`: function of the course, submission, first wrong quantity, and a part of the diagnosis
(empty where the mistake need not be named).
"""

import numpy as np

from tests.course import batch_first_submissions as batch
from tests.course import submissions
from tests.course.submissions import (
    gru_cell_backward,
    gru_cell_forward,
    lstm_cell_backward,
    lstm_cell_forward,
    ragged_lstm_forward,
    ragged_rnn_forward,
    rnn_cell_backward,
    rnn_cell_forward,
    sigmoid,
)

WRONG = []


def wrong(name, first, diagnosis=""):
    def note(function):
        WRONG.append((name, function, first, diagnosis))
        return function

    return note


def _lstm(cache):
    a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = cache
    return a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p


def _finished(dz, cache, **changed):
    """The rest of `lstm_cell_backward` from the gradients inside the gates."""
    *_, a_prev, c_prev, ft, it, cct, ot, xt, p = cache
    s, n_a = np.vstack([a_prev, xt]), len(a_prev)
    ds = sum(p[f"W{k}"].T @ v for k, v in dz.items())
    g = {f"dW{k}": v @ s.T for k, v in dz.items()}
    g |= {f"db{k}": v.sum(axis=1, keepdims=True) for k, v in dz.items()}
    return g | {"da_prev": ds[:n_a], "dxt": ds[n_a:]} | changed


def _inside(da_next, dc_next, cache):
    a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = cache
    dc = dc_next + da_next * ot * (1 - np.tanh(c_next) ** 2)
    return {"f": dc * c_prev * ft * (1 - ft), "i": dc * cct * it * (1 - it),
            "c": dc * it * (1 - cct**2),
            "o": da_next * np.tanh(c_next) * ot * (1 - ot)}, dc  # fmt: skip


@wrong("lstm_cell_backward", "dcct", "without the outer parentheses")
def published(da_next, dc_next, cache):
    """Equations (8) to (10) as older copies print them."""
    a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = cache
    tanh = 1 - np.tanh(c_next) ** 2
    dz = {
        "o": da_next * np.tanh(c_next) * ot * (1 - ot),
        "c": dc_next * it + ot * tanh * it * da_next * (1 - np.square(cct)),
        "i": dc_next * cct + ot * tanh * cct * da_next * it * (1 - it),
        "f": dc_next * c_prev + ot * tanh * c_prev * da_next * ft * (1 - ft),
    }
    return _finished(dz, cache, dc_prev=dc_next * ft + ot * tanh * ft * da_next)


@wrong("lstm_cell_backward", "dft", "without the outer parentheses")
def parentheses_of_the_forget_gate(da_next, dc_next, cache):
    dz, dc = _inside(da_next, dc_next, cache)
    a_next, c_next, a_prev, c_prev, ft, *_, ot, xt, p = cache
    through_a = ot * (1 - np.tanh(c_next) ** 2) * da_next
    dz["f"] = dc_next * c_prev + through_a * c_prev * ft * (1 - ft)
    return _finished(dz, cache, dc_prev=dc * ft)


@wrong("lstm_cell_backward", "dcct")
def forgets_that_c_reaches_the_loss_through_a(da_next, dc_next, cache):
    dz, _ = _inside(np.zeros_like(da_next), dc_next, cache)
    *_, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = cache
    dz["o"] = da_next * np.tanh(c_next) * ot * (1 - ot)
    return _finished(dz, cache, dc_prev=dc_next * ft)


@wrong("lstm_cell_backward", "dc_prev", "without the way through a_next")
def cell_state_alone(da_next, dc_next, cache):
    dz, _ = _inside(da_next, dc_next, cache)
    return _finished(dz, cache, dc_prev=dc_next * cache[4])


@wrong("lstm_cell_backward", "dbf", "the mean over the examples")
def mean_of_one_bias(da_next, dc_next, cache):
    g = lstm_cell_backward(da_next, dc_next, cache)
    return g | {"dbf": g["dbf"] / da_next.shape[1]}


@wrong("lstm_cell_backward", "dbf", "not summed over the examples")
def bias_not_summed(da_next, dc_next, cache):
    dz, dc = _inside(da_next, dc_next, cache)
    return _finished(dz, cache, dc_prev=dc * cache[4], dbf=dz["f"])


@wrong("lstm_cell_backward", "dbf")
def bias_without_keepdims(da_next, dc_next, cache):
    dz, dc = _inside(da_next, dc_next, cache)
    return _finished(dz, cache, dc_prev=dc * cache[4], dbf=np.sum(dz["f"], axis=1))


@wrong("lstm_cell_backward", "dWf", "columns [xt ; a_prev]")
def columns_turned_round(da_next, dc_next, cache):
    dz, dc = _inside(da_next, dc_next, cache)
    s = np.vstack([cache[8], cache[2]])
    return _finished(dz, cache, dc_prev=dc * cache[4], **{f"dW{k}": v @ s.T for k, v in dz.items()})


@wrong("lstm_cell_backward", "da_prev")
def slices_turned_round(da_next, dc_next, cache):
    dz, dc = _inside(da_next, dc_next, cache)
    n_x, p = len(cache[8]), cache[9]
    ds = sum(p[f"W{k}"].T @ v for k, v in dz.items())
    return _finished(dz, cache, dc_prev=dc * cache[4], da_prev=ds[n_x:], dxt=ds[:n_x])


@wrong("lstm_cell_backward", "da_prev")
def one_gate_forgotten(da_next, dc_next, cache):
    dz, dc = _inside(da_next, dc_next, cache)
    p, n_a = cache[9], len(cache[0])
    three = sum(p[f"W{k}"][:, :n_a].T @ dz[k] for k in "fic")
    return _finished(dz, cache, dc_prev=dc * cache[4], da_prev=three)


@wrong("lstm_cell_backward", "dot")
def tanh_forgotten(da_next, dc_next, cache):
    dz, dc = _inside(da_next, dc_next, cache)
    ot = cache[7]
    dz["o"] = da_next * cache[1] * ot * (1 - ot)
    return _finished(dz, cache, dc_prev=dc * cache[4])


@wrong("lstm_cell_backward", "dot")
def derivative_of_the_sigmoid_forgotten(da_next, dc_next, cache):
    dz, dc = _inside(da_next, dc_next, cache)
    dz["o"] = da_next * np.tanh(cache[1])
    return _finished(dz, cache, dc_prev=dc * cache[4])


@wrong("lstm_cell_backward", "dit")
def gates_swapped(da_next, dc_next, cache):
    dz, dc = _inside(da_next, dc_next, cache)
    dz["i"], dz["f"] = dz["f"], dz["i"]
    return _finished(dz, cache, dc_prev=dc * cache[4])


@wrong("lstm_cell_forward", "ft", "columns [xt ; a_prev]")
def forward_columns_turned_round(xt, a_prev, c_prev, parameters):
    p, s = parameters, np.concatenate([xt, a_prev])
    ft, it, ot = (sigmoid(p[f"W{k}"] @ s + p[f"b{k}"]) for k in "fio")
    cct = np.tanh(p["Wc"] @ s + p["bc"])
    c_next = ft * c_prev + it * cct
    a_next = ot * np.tanh(c_next)
    e = np.exp(p["Wy"] @ a_next + p["by"])
    return a_next, c_next, e / e.sum(0), (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p)


def _forward(change):
    """`lstm_cell_forward` with some values replaced."""

    def function(xt, a_prev, c_prev, parameters):
        a_next, c_next, y, cache = lstm_cell_forward(xt, a_prev, c_prev, parameters)
        names = ("a_next", "c_next", "a_prev", "c_prev", "ft", "it", "cct", "ot", "xt", "p")
        v = dict(zip(names, cache, strict=True))
        change(v)
        e = np.exp(parameters["Wy"] @ v["a_next"] + parameters["by"])
        return v["a_next"], v["c_next"], e / e.sum(0), tuple(v[n] for n in names)

    return function


@wrong("lstm_cell_forward", "a_next", "without the tanh")
def no_tanh(*arguments):
    return _forward(lambda v: v.update(a_next=v["ot"] * v["c_next"]))(*arguments)


@wrong("lstm_cell_forward", "c_next")
def update_gate_as_one_minus_forget(*arguments):
    def change(v):
        v["c_next"] = v["ft"] * v["c_prev"] + (1 - v["ft"]) * v["cct"]
        v["a_next"] = v["ot"] * np.tanh(v["c_next"])

    return _forward(change)(*arguments)


@wrong("lstm_cell_forward", "cct", "sigmoid")
def candidate_by_sigmoid(xt, a_prev, c_prev, parameters):
    p, s = parameters, np.concatenate([a_prev, xt])
    ft, it, cct, ot = (sigmoid(p[f"W{k}"] @ s + p[f"b{k}"]) for k in "fico")
    c_next = ft * c_prev + it * cct
    a_next = ot * np.tanh(c_next)
    e = np.exp(p["Wy"] @ a_next + p["by"])
    return a_next, c_next, e / e.sum(0), (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p)


@wrong("rnn_cell_forward", "yt_pred", "softmax over the whole array")
def softmax_of_everything(xt, a_prev, parameters):
    a_next, _, cache = rnn_cell_forward(xt, a_prev, parameters)
    e = np.exp(parameters["Wya"] @ a_next + parameters["by"])
    return a_next, e / np.sum(e), cache


@wrong("rnn_cell_forward", "yt_pred", "without softmax")
def logits(xt, a_prev, parameters):
    a_next, _, cache = rnn_cell_forward(xt, a_prev, parameters)
    return a_next, parameters["Wya"] @ a_next + parameters["by"], cache


@wrong("rnn_cell_forward", "a_next")
def bias_forgotten(xt, a_prev, parameters):
    p = parameters
    a_next = np.tanh(p["Wax"] @ xt + p["Waa"] @ a_prev)
    e = np.exp(p["Wya"] @ a_next + p["by"])
    return a_next, e / e.sum(0), (a_next, a_prev, xt, p)


@wrong("rnn_cell_forward", "a_next")
def recurrence_transposed(xt, a_prev, parameters):
    p = parameters
    a_next = np.tanh(p["Wax"] @ xt + p["Waa"].T @ a_prev + p["ba"])
    e = np.exp(p["Wya"] @ a_next + p["by"])
    return a_next, e / e.sum(0), (a_next, a_prev, xt, p)


def _rnn_backward(dz, cache, **changed):
    a_next, a_prev, xt, p = cache
    return {"dxt": p["Wax"].T @ dz, "da_prev": p["Waa"].T @ dz, "dWax": dz @ xt.T,
            "dWaa": dz @ a_prev.T, "dba": dz.sum(1, keepdims=True)} | changed  # fmt: skip


@wrong("rnn_cell_backward", "dtanh", "tanh taken twice")
def tanh_twice(da_next, cache):
    return _rnn_backward((1 - np.tanh(cache[0]) ** 2) * da_next, cache)


@wrong("rnn_cell_backward", "dtanh", "at a_prev")
def tanh_at_the_wrong_place(da_next, cache):
    return _rnn_backward((1 - cache[1] ** 2) * da_next, cache)


@wrong("rnn_cell_backward", "dxt")
def weight_not_transposed(da_next, cache):
    g = rnn_cell_backward(da_next, cache)
    return g | {"dxt": (cache[3]["Waa"].T @ ((1 - cache[0] ** 2) * da_next))[:4]}


@wrong("rnn_cell_backward", "dWaa")
def product_with_the_next_state(da_next, cache):
    g = rnn_cell_backward(da_next, cache)
    return g | {"dWaa": ((1 - cache[0] ** 2) * da_next) @ cache[0].T}


def _loop(name, step, states, weights):
    """`rnn_backward` or `lstm_backward` with a body that is given."""

    def function(da, caches, body):
        steps, x = caches
        n_a, m, T = da.shape
        zero = np.zeros((n_a, m))
        v = {
            "dx": np.zeros((*x.shape[:2], T)),
            "a": zero,
            "c": zero,
            "w": dict.fromkeys(weights, 0),
        }
        for t in reversed(range(T)):
            body(v, da[:, :, t], steps[t], t)
        return {"dx": v["dx"], "da0": v["a"], **v["w"]}

    return function


_RNN = ("dWax", "dWaa", "dba")
_LSTM = tuple(f"d{p}{k}" for k in "fico" for p in "Wb")
_rnn_loop = _loop("rnn", rnn_cell_backward, "a", _RNN)
_lstm_loop = _loop("lstm", lstm_cell_backward, "ac", _LSTM)


def _add(v, g, t):
    v["dx"][:, :, t] = g["dxt"]
    for k in v["w"]:
        v["w"][k] = v["w"][k] + g[k]


@wrong("rnn_backward", "da_prev", "carries nothing")
def nothing_carried(da, caches):
    def body(v, dat, cache, t):
        g = rnn_cell_backward(dat, cache)
        _add(v, g, t)
        v["a"] = g["da_prev"]

    return _rnn_loop(da, caches, body)


@wrong("lstm_backward", "dc_prev", "does not carry dc_prev")
def cell_state_not_carried(da, caches):
    def body(v, dat, cache, t):
        g = lstm_cell_backward(dat + v["a"], v["c"], cache)
        _add(v, g, t)
        v["a"] = g["da_prev"]

    return _lstm_loop(da, caches, body)


@wrong("lstm_backward", "da_prev", "carries nothing")
def copied_lstm_backward(da, caches):
    """A common copy: da_prev and dc_prev are never carried back."""

    def body(v, dat, cache, t):
        g = lstm_cell_backward(dat, np.zeros_like(dat), cache)
        _add(v, g, t)
        v["a"] = g["da_prev"]

    return _lstm_loop(da, caches, body)


@wrong("rnn_backward", "dWax", "= in place of +=")
def overwritten(da, caches):
    def body(v, dat, cache, t):
        g = rnn_cell_backward(dat + v["a"], cache)
        v["dx"][:, :, t] = g["dxt"]
        v["a"] = g["da_prev"]
        v["w"] = {k: g[k] for k in _RNN}

    return _rnn_loop(da, caches, body)


@wrong("rnn_backward", "dx", "the last step only")
def last_step_only(da, caches):
    def body(v, dat, cache, t):
        if t == da.shape[2] - 1:
            g = rnn_cell_backward(dat, cache)
            _add(v, g, t)
            v["a"] = g["da_prev"]

    return _rnn_loop(da, caches, body)


@wrong("rnn_forward", "a_next", "a0 in place of a_prev")
def state_not_carried(x, a0, parameters):
    steps = [rnn_cell_forward(x[:, :, t], a0, parameters) for t in range(x.shape[2])]
    a, y, caches = zip(*steps, strict=True)
    return np.stack(a, axis=2), np.stack(y, axis=2), (list(caches), x)


@wrong("lstm_forward", "c_next", "the cell state is not carried")
def cell_state_lost(x, a0, parameters):
    a_next, a, y, c, caches = a0, [], [], [], []
    for t in range(x.shape[2]):
        a_next, c_next, yt, cache = lstm_cell_forward(
            x[:, :, t], a_next, np.zeros_like(a0), parameters
        )
        a.append(a_next)
        c.append(c_next)
        y.append(yt)
        caches.append(cache)
    return np.stack(a, 2), np.stack(y, 2), np.stack(c, 2), (caches, x)


# -- the GRU --------------------------------------------------------------------------------------


@wrong("gru_cell_forward", "a_next", "the update gate the other way round")
def update_gate_of_the_frameworks(xt, a_prev, parameters):
    a_next, y, cache = gru_cell_forward(xt, a_prev, parameters)
    ut, cct = cache[2], cache[4]
    a_next = ut * a_prev + (1 - ut) * cct
    e = np.exp(parameters["Wy"] @ a_next + parameters["by"])
    return a_next, e / e.sum(0), (a_next, *cache[1:])


@wrong("gru_cell_forward", "cct")
def reset_after_the_product(xt, a_prev, parameters):
    p, n_a = parameters, len(a_prev)
    _, _, cache = gru_cell_forward(xt, a_prev, parameters)
    ut, rt = cache[2:4]
    cct = np.tanh(rt * (p["Wc"][:, :n_a] @ a_prev) + p["Wc"][:, n_a:] @ xt + p["bc"])
    a_next = ut * cct + (1 - ut) * a_prev
    e = np.exp(p["Wy"] @ a_next + p["by"])
    return a_next, e / e.sum(0), (a_next, a_prev, ut, rt, cct, xt, p)


@wrong("gru_cell_backward", "da_prev")
def direct_way_forgotten(da_next, cache):
    """a_prev reaches a_next by (1 - ut) * a_prev too."""
    g = gru_cell_backward(da_next, cache)
    return g | {"da_prev": g["da_prev"] - da_next * (1 - cache[2])}


@wrong("gru_cell_backward", "dWc", "concat.T` in place of `")
def candidate_without_the_reset(da_next, cache):
    a_next, a_prev, ut, rt, cct, xt, p = cache
    g = gru_cell_backward(da_next, cache)
    dzc = da_next * ut * (1 - cct**2)
    return g | {"dWc": dzc @ np.concatenate([a_prev, xt]).T}


@wrong("gru_cell_backward", "dzu", "without a_prev")
def one_reader_of_the_update_gate(da_next, cache):
    a_next, a_prev, ut, rt, cct, xt, p = cache
    g = gru_cell_backward(da_next, cache)
    right = da_next * (cct - a_prev) * ut * (1 - ut)
    dzu = da_next * cct * ut * (1 - ut)
    back, n_a = p["Wu"].T @ (dzu - right), len(a_prev)
    return g | {
        "dWu": dzu @ np.concatenate([a_prev, xt]).T, "dbu": dzu.sum(1, keepdims=True),
        "da_prev": g["da_prev"] + back[:n_a], "dxt": g["dxt"] + back[n_a:],
    }  # fmt: skip


# -- batch first ----------------------------------------------------------------------------------


@wrong("rnn_step_backward", "dz", "tanh taken twice")
def batch_tanh_twice(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    dz = dnext_h * (1 - np.tanh(next_h) ** 2)
    return dz @ Wx.T, dz @ Wh.T, x.T @ dz, prev_h.T @ dz, dz.sum(0)


@wrong("rnn_step_backward", "db", "the mean over the examples")
def batch_mean(dnext_h, cache):
    *rest, db = batch.rnn_step_backward(dnext_h, cache)
    return *rest, db / len(dnext_h)


@wrong("rnn_step_forward", "next_h", "in place of")
def batch_without_bias(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x @ Wx + prev_h @ Wh)
    return next_h, (x, prev_h, Wx, Wh, next_h)


@wrong("lstm_step_forward", "g", "the gates stand in the order i, f, o, g")
def gates_of_pytorch(x, prev_h, prev_c, Wx, Wh, b):
    i, f, g, o = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    next_c = f * prev_c + i * g
    return o * np.tanh(next_c), next_c, (x,)


@wrong("lstm_step_backward", "dc", "without the way through next_h")
def cell_state_of_the_next_step_alone(dnext_h, dnext_c, cache):
    i, f, o, g, prev_h, prev_c, Wx, Wh, x, next_c = cache
    dc = dnext_c
    dz = np.hstack([dc * g * i * (1 - i), dc * prev_c * f * (1 - f),
                    dnext_h * np.tanh(next_c) * o * (1 - o), dc * i * (1 - g**2)])  # fmt: skip
    return dz @ Wx.T, dz @ Wh.T, dc * f, x.T @ dz, prev_h.T @ dz, dz.sum(axis=0)


@wrong("lstm_step_backward", "do", "the gates stand in the order i, f, o, g")
def columns_of_another_order(dnext_h, dnext_c, cache):
    dx, dprev_h, dprev_c, *weights = batch.lstm_step_backward(dnext_h, dnext_c, cache)
    H = dnext_h.shape[1]
    order = np.r_[: 2 * H, 3 * H : 4 * H, 2 * H : 3 * H]
    return dx, dprev_h, dprev_c, *(w[..., order] for w in weights)


@wrong("batch_first.rnn_forward", "next_h", "h0 in place of prev_h")
def batch_state_not_carried(x, h0, Wx, Wh, b):
    h = np.tanh(x @ Wx + (h0 @ Wh)[:, None] + b)
    return h, (x, h)


@wrong("batch_first.lstm_forward", "next_h", "the cell state is not carried")
def batch_cell_state_lost(x, h0, Wx, Wh, b):
    h, hs = h0, []
    for t in range(x.shape[1]):
        h, _, _ = batch.lstm_step_forward(x[:, t], h, np.zeros_like(h0), Wx, Wh, b)
        hs.append(h)
    return np.stack(hs, axis=1), hs


def _batch_loop(dh, cache, carry, last=False):
    """The loop of `batch.rnn_backward` with another carried gradient."""
    dx, total, dprev_h = [], 0, np.zeros_like(dh[:, 0])
    for t in reversed(range(dh.shape[1])):
        dxt, back, *weights = batch.rnn_step_backward(dh[:, t] + dprev_h, cache[t])
        dprev_h = carry(dprev_h, back)
        dx.insert(0, dxt)
        total = [w + v for w, v in zip(total, weights, strict=True)] if total else weights
    return np.stack(dx, axis=1), back if last else dprev_h, *total


@wrong("batch_first.rnn_backward", "dprev_h", "carries nothing")
def batch_nothing_carried(dh, cache):
    return _batch_loop(dh, cache, lambda carried, back: carried, last=True)


@wrong("batch_first.rnn_backward", "dprev_h", "added up")
def batch_carried_is_added_up(dh, cache):
    return _batch_loop(dh, cache, lambda carried, back: carried + back)


@wrong("batch_first.lstm_backward", "dprev_c", "does not carry dprev_c")
def batch_cell_state_not_carried(dh, cache):
    x, h0, steps = cache
    dx, dprev_h, total = np.zeros_like(x), np.zeros_like(h0), 0
    for t in reversed(range(dh.shape[1])):
        zero = np.zeros_like(h0)
        dx[:, t], dprev_h, _, *weights = batch.lstm_step_backward(
            dh[:, t] + dprev_h, zero, steps[t]
        )
        total = [w + v for w, v in zip(total, weights, strict=True)] if total else weights
    return dx, dprev_h, *total


# What makes the caches
lstm_forward, rnn_forward = batch.lstm_forward, batch.rnn_forward
lstm_step_forward, rnn_step_forward = batch.lstm_step_forward, batch.rnn_step_forward


# -- ragged batches -------------------------------------------------------------------------------


@wrong("ragged.rnn_forward", "a", "the lengths ignored")
def lengths_ignored(x, a0, parameters, seq_lengths=None):
    return ragged_rnn_forward(x, a0, parameters)


@wrong("ragged.lstm_forward", "a", "one step too many")
def one_step_too_many(x, a0, parameters, seq_lengths=None):
    lengths = np.minimum(np.array(seq_lengths) + 1, x.shape[2])
    return ragged_lstm_forward(x, a0, parameters, lengths)


@wrong("ragged.rnn_forward", "a", "one step too few")
def one_step_too_few(x, a0, parameters, seq_lengths=None):
    return ragged_rnn_forward(x, a0, parameters, np.array(seq_lengths) - 1)


@wrong("ragged.rnn_forward", "a", "the last state repeated")
def last_state_repeated(x, a0, parameters, seq_lengths=None):
    a, y, caches = ragged_rnn_forward(x, a0, parameters, seq_lengths)
    for i, n in enumerate(seq_lengths):
        a[:, i, n:] = a[:, i, n - 1 : n]
    return a, y, caches


# -- made while a notebook was tried ------------------------------------------------------------


@wrong("lstm_cell_backward", "dot", "ot is a sigmoid")
def derivative_of_tanh_for_a_gate(da_next, dc_next, cache):
    *_, c_next, _, c_prev, ft, it, cct, ot, xt, p = cache
    inside, dc = _inside(da_next, dc_next, cache)
    inside["o"] = da_next * np.tanh(c_next) * (1 - ot**2)
    return _finished(inside, cache, dc_prev=dc * ft)


@wrong("lstm_cell_backward", "dWf", "its transpose")
def weights_transposed(da_next, dc_next, cache):
    right = lstm_cell_backward(da_next, dc_next, cache)
    return right | {"dWf": right["dWf"].T}


@wrong("lstm_cell_backward", "dbi", "`axis=0` in place of `axis=1`")
def sum_over_the_units(da_next, dc_next, cache):
    right = lstm_cell_backward(da_next, dc_next, cache)
    dit = _inside(da_next, dc_next, cache)[0]["i"]
    return right | {"dbi": np.sum(dit, axis=0, keepdims=True)}


@wrong("lstm_backward", "da_prev", "a da_prev that is added up")
def one_gradient_added_up(da, caches):
    def body(v, dat, cache, t):
        g = lstm_cell_backward(dat + v["a"], v["c"], cache)
        _add(v, g, t)
        v["a"], v["c"] = v["a"] + g["da_prev"], g["dc_prev"]

    return _lstm_loop(da, caches, body)


@wrong("lstm_backward", "dx", "caches[t - 1]")
def cache_of_another_step(da, caches):
    steps, x = caches
    return submissions.lstm_backward(da, ([steps[-1], *steps[:-1]], x))


# -- with dc computed first -----------------------------------------------------------------------


def _with_inside(cache, da_next, dc_next, **changed):
    inside, dc = _inside(da_next, dc_next, cache)
    return _finished(inside | changed, cache, dc_prev=dc * cache[4])


@wrong("lstm_cell_backward", "dft", "without the derivative of the sigmoid, ft * (1 - ft)")
def forget_gate_without_its_derivative(da_next, dc_next, cache):
    _, dc = _inside(da_next, dc_next, cache)
    return _with_inside(cache, da_next, dc_next, f=dc * cache[3])


@wrong("lstm_cell_backward", "dit", "`c_prev` in place of `cct`")
def another_factor_of_the_input_gate(da_next, dc_next, cache):
    *_, c_prev, ft, it, cct, ot, xt, p = cache
    _, dc = _inside(da_next, dc_next, cache)
    return _with_inside(cache, da_next, dc_next, i=dc * c_prev * it * (1 - it))


@wrong("lstm_cell_backward", "dc_prev", "in place of")
def carried_without_the_forget_gate(da_next, dc_next, cache):
    right, (_, dc) = lstm_cell_backward(da_next, dc_next, cache), _inside(da_next, dc_next, cache)
    return right | {"dc_prev": dc}


@wrong("lstm_cell_backward", "dWf", "the mean over the examples")
def weights_averaged(da_next, dc_next, cache):
    right, m = lstm_cell_backward(da_next, dc_next, cache), da_next.shape[1]
    return right | {k: v / m for k, v in right.items() if k.startswith("dW")}


@wrong("rnn_step_backward", "dWx", "the mean over the examples")
def batch_weights_averaged(dnext_h, cache):
    dx, dprev_h, dWx, dWh, db = batch.rnn_step_backward(dnext_h, cache)
    return dx, dprev_h, dWx / len(dx), dWh, db


@wrong("rnn_backward", "dWax", "the mean over the examples")
def averaged_after_the_loop(da, caches):
    right = submissions.rnn_backward(da, caches)
    return right | {k: v / da.shape[1] for k, v in right.items() if k not in ("dx", "da0")}


@wrong("lstm_cell_backward", "dxt", "the wrong part")
def columns_of_the_state_for_the_input(da_next, dc_next, cache):
    inside, dc = _inside(da_next, dc_next, cache)
    dconcat = sum(cache[9][f"W{k}"].T @ v for k, v in inside.items())
    return _finished(inside, cache, dc_prev=dc * cache[4], dxt=dconcat[: len(cache[8])])


@wrong("rnn_cell_forward", "a_next", "np.maximum")
def relu(xt, a_prev, parameters):
    p = parameters
    a_next = np.maximum(p["Wax"] @ xt + p["Waa"] @ a_prev + p["ba"], 0)
    return a_next, submissions.softmax(p["Wya"] @ a_next + p["by"]), (a_next, a_prev, xt, p)


@wrong("softmax", "s", "not divided by the sum")
def exponentials(x):
    return np.exp(x)
