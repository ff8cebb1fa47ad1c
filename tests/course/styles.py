"""Right submissions of `lstm_cell_backward` and others in other styles than the notebook's."""

import math

import numpy as np

from tests.course import submissions


def _unpack(cache):
    a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters = cache
    return a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters


def by_examples(da_next, dc_next, cache):
    """A loop over the examples, outer products."""
    a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = _unpack(cache)
    n_a, m = a_next.shape
    g = {f"d{k}": np.zeros_like(v) for k, v in p.items() if k not in ("Wy", "by")}
    g |= {"dxt": np.zeros_like(xt), "da_prev": np.zeros((n_a, m)), "dc_prev": np.zeros((n_a, m))}
    for i in range(m):
        dc = dc_next[:, i] + da_next[:, i] * ot[:, i] * (1 - np.tanh(c_next[:, i]) ** 2)
        inside = {
            "f": dc * c_prev[:, i] * ft[:, i] * (1 - ft[:, i]),
            "i": dc * cct[:, i] * it[:, i] * (1 - it[:, i]),
            "c": dc * it[:, i] * (1 - cct[:, i] ** 2),
            "o": da_next[:, i] * np.tanh(c_next[:, i]) * ot[:, i] * (1 - ot[:, i]),
        }
        s = np.concatenate([a_prev[:, i], xt[:, i]])
        for k, dz in inside.items():
            g[f"dW{k}"] += np.outer(dz, s)
            g[f"db{k}"] += dz[:, None]
            ds = p[f"W{k}"].T @ dz
            g["da_prev"][:, i] += ds[:n_a]
            g["dxt"][:, i] += ds[n_a:]
        g["dc_prev"][:, i] = dc * ft[:, i]
    return g


def einsum(da_next, dc_next, cache):
    a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = _unpack(cache)
    th = np.tanh(c_next)
    dc = dc_next + da_next * ot * (1 - th * th)
    dz = {"f": dc * c_prev * ft * (1 - ft), "i": dc * cct * it * (1 - it),
          "c": dc * it * (1 - cct * cct), "o": da_next * th * ot * (1 - ot)}  # fmt: skip
    s = np.vstack([a_prev, xt])
    ds = sum(np.einsum("ka,km->am", p[f"W{k}"], v) for k, v in dz.items())
    g = {f"dW{k}": np.einsum("km,am->ka", v, s) for k, v in dz.items()}
    g |= {f"db{k}": np.einsum("km->k", v)[:, np.newaxis] for k, v in dz.items()}
    n_a = len(a_prev)
    return g | {"da_prev": ds[:n_a], "dxt": ds[n_a:], "dc_prev": dc * ft}


def stacked(da_next, dc_next, cache):
    """The four gates in one matrix."""
    a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = _unpack(cache)
    n_a = a_prev.shape[0]
    W = np.concatenate([p["Wf"], p["Wi"], p["Wc"], p["Wo"]])
    dc = dc_next + da_next * ot * (1 - np.power(np.tanh(c_next), 2))
    dz = np.concatenate([
        dc * c_prev * ft * (1 - ft), dc * cct * it * (1 - it), dc * it * (1 - cct**2),
        da_next * np.tanh(c_next) * ot * (1 - ot),
    ])  # fmt: skip
    dW, db, ds = dz @ np.concatenate([a_prev, xt]).T, dz.sum(axis=1, keepdims=True), W.T @ dz
    g = {}
    for k, name in enumerate("fico"):
        g[f"dW{name}"], g[f"db{name}"] = (v[k * n_a : (k + 1) * n_a] for v in (dW, db))
    return g | {"dxt": ds[n_a:], "da_prev": ds[:n_a], "dc_prev": dc * ft}


def split(da_next, dc_next, cache):
    """Weights split into the part for the state and the part for the input."""
    a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, p = _unpack(cache)
    n_a, n_x = len(a_prev), len(xt)
    g = einsum(da_next, dc_next, cache)
    dc = g["dc_prev"] / ft
    dz = {"f": dc * c_prev * ft * (1 - ft), "i": dc * cct * it * (1 - it),
          "c": dc * it * (1 - cct**2), "o": da_next * np.tanh(c_next) * ot * (1 - ot)}  # fmt: skip
    for k, v in dz.items():
        g[f"dW{k}"] = np.zeros((n_a, n_a + n_x))
        g[f"dW{k}"][:, :n_a] = v @ a_prev.T
        g[f"dW{k}"][:, n_a:] = v @ xt.T
    return g


def single_precision(da_next, dc_next, cache):
    *arrays, p = cache
    small = [a.astype(np.float32) for a in arrays]
    p = {k: v.astype(np.float32) for k, v in p.items()}
    return einsum(da_next.astype(np.float32), dc_next.astype(np.float32), (*small, p))


def lists(da_next, dc_next, cache):
    """Plain Python loops and lists."""
    g = einsum(da_next, dc_next, cache)
    return {k: v.tolist() for k, v in g.items()}


def scalar_loops_rnn(xt, a_prev, parameters):
    """RNN step in scalars."""
    Wax, Waa, ba = parameters["Wax"], parameters["Waa"], parameters["ba"]
    n_a, m = a_prev.shape
    a_next = np.empty((n_a, m))
    for j in range(m):
        for k in range(n_a):
            total = ba[k][0]
            for i in range(len(xt)):
                total += Wax[k][i] * xt[i][j]
            for i in range(n_a):
                total += Waa[k][i] * a_prev[i][j]
            a_next[k][j] = math.tanh(total)
    y = submissions.softmax(parameters["Wya"].dot(a_next) + parameters["by"])
    return a_next, y, (a_next, a_prev, xt, parameters)


def concatenated_rnn(xt, a_prev, parameters):
    W = np.hstack([parameters["Wax"], parameters["Waa"]])
    a_next = np.tanh(W @ np.vstack([xt, a_prev]) + parameters["ba"])
    logits = parameters["Wya"] @ a_next + parameters["by"]
    y = np.exp(logits - np.logaddexp.reduce(logits, axis=0))
    return a_next, y, (a_next, a_prev, xt, parameters)


def preallocated_rnn_backward(da, caches):
    steps, x = caches
    n_a, m, T = da.shape
    g = {"dx": np.empty((x.shape[0], m, T)), "dWax": 0.0, "dWaa": 0.0, "dba": 0.0}
    carried = 0.0
    t = T
    while t > 0:
        t -= 1
        a_next, a_prev, xt, p = steps[t]
        dz = (da[..., t] + carried) * (1 - np.square(a_next))
        g["dx"][..., t] = p["Wax"].T.dot(dz)
        carried = p["Waa"].T.dot(dz)
        g["dWax"] = g["dWax"] + dz.dot(xt.T)
        g["dWaa"] = g["dWaa"] + dz.dot(a_prev.T)
        g["dba"] = g["dba"] + dz.sum(1).reshape(-1, 1)
    return {**g, "da0": carried}


def masked_lstm_forward(x, a0, parameters, seq_lengths=None):
    """Steps of ended sequences are masked."""
    n_a, m = a0.shape
    T = x.shape[2]
    lengths = np.full(m, T) if seq_lengths is None else np.asarray(seq_lengths)
    a, c, y, steps = [], [], [], []
    at, ct = a0.copy(), np.zeros_like(a0)
    for t in range(T):
        at, ct, yt, cache = submissions.lstm_cell_forward(x[:, :, t], at, ct, parameters)
        on = (t < lengths)[None, :]
        a.append(np.where(on, at, 0))
        c.append(np.where(on, ct, 0))
        y.append(np.where(on, yt, 0))
        steps.append(cache)
    return np.stack(a, 2), np.stack(y, 2), np.stack(c, 2), (steps, x)


STYLES = [
    ("lstm_cell_backward", by_examples),
    ("lstm_cell_backward", einsum),
    ("lstm_cell_backward", stacked),
    ("lstm_cell_backward", split),
    ("lstm_cell_backward", single_precision),
    ("lstm_cell_backward", lists),
    ("rnn_cell_forward", scalar_loops_rnn),
    ("rnn_cell_forward", concatenated_rnn),
    ("rnn_backward", preallocated_rnn_backward),
    ("lstm_forward", masked_lstm_forward),
]
