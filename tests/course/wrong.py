"""Wrong submissions written by hand, with the quantity that is wrong in each.

`WRONG`: function of the course, submission, first wrong quantity, and a part of the diagnosis
(empty where the mistake need not be named).
"""

import numpy as np

from tests.course.submissions import (
    lstm_cell_backward,
    lstm_cell_forward,
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


@wrong("lstm_forward", "a_next", "the cell state is not carried")
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
