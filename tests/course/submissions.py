"""Right submissions to the exercise, in the styles in which learners write them.

`NOTEBOOK` is the style of the notebook; the tests break its lines one by one.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e_x = np.exp(x - np.max(x, axis=0))
    return e_x / e_x.sum(axis=0)


def rnn_cell_forward(xt, a_prev, parameters):
    Wax = parameters["Wax"]
    Waa = parameters["Waa"]
    Wya = parameters["Wya"]
    ba = parameters["ba"]
    by = parameters["by"]
    a_next = np.tanh(np.dot(Waa, a_prev) + np.dot(Wax, xt) + ba)
    yt_pred = softmax(np.dot(Wya, a_next) + by)
    cache = (a_next, a_prev, xt, parameters)
    return a_next, yt_pred, cache


def rnn_cell_backward(da_next, cache):
    (a_next, a_prev, xt, parameters) = cache
    Wax = parameters["Wax"]
    Waa = parameters["Waa"]
    dtanh = (1 - a_next**2) * da_next
    dxt = np.dot(Wax.T, dtanh)
    dWax = np.dot(dtanh, xt.T)
    da_prev = np.dot(Waa.T, dtanh)
    dWaa = np.dot(dtanh, a_prev.T)
    dba = np.sum(dtanh, axis=1, keepdims=True)
    return {"dxt": dxt, "da_prev": da_prev, "dWax": dWax, "dWaa": dWaa, "dba": dba}


def lstm_cell_forward(xt, a_prev, c_prev, parameters):
    Wf, bf = parameters["Wf"], parameters["bf"]
    Wi, bi = parameters["Wi"], parameters["bi"]
    Wc, bc = parameters["Wc"], parameters["bc"]
    Wo, bo = parameters["Wo"], parameters["bo"]
    Wy, by = parameters["Wy"], parameters["by"]
    concat = np.concatenate((a_prev, xt), axis=0)
    ft = sigmoid(np.dot(Wf, concat) + bf)
    it = sigmoid(np.dot(Wi, concat) + bi)
    cct = np.tanh(np.dot(Wc, concat) + bc)
    c_next = ft * c_prev + it * cct
    ot = sigmoid(np.dot(Wo, concat) + bo)
    a_next = ot * np.tanh(c_next)
    yt_pred = softmax(np.dot(Wy, a_next) + by)
    cache = (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)
    return a_next, c_next, yt_pred, cache


def lstm_cell_backward(da_next, dc_next, cache):
    (a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters) = cache
    n_a = a_next.shape[0]
    Wf, Wi, Wc, Wo = (parameters[k] for k in ("Wf", "Wi", "Wc", "Wo"))
    dot = da_next * np.tanh(c_next) * ot * (1 - ot)
    dcct = (dc_next * it + ot * (1 - np.tanh(c_next) ** 2) * it * da_next) * (1 - cct**2)
    dit = (dc_next * cct + ot * (1 - np.tanh(c_next) ** 2) * cct * da_next) * it * (1 - it)
    dft = (dc_next * c_prev + ot * (1 - np.tanh(c_next) ** 2) * c_prev * da_next) * ft * (1 - ft)
    concat = np.concatenate((a_prev, xt), axis=0)
    dWf = np.dot(dft, concat.T)
    dWi = np.dot(dit, concat.T)
    dWc = np.dot(dcct, concat.T)
    dWo = np.dot(dot, concat.T)
    dbf = np.sum(dft, axis=1, keepdims=True)
    dbi = np.sum(dit, axis=1, keepdims=True)
    dbc = np.sum(dcct, axis=1, keepdims=True)
    dbo = np.sum(dot, axis=1, keepdims=True)
    da_prev = (
        np.dot(Wf[:, :n_a].T, dft)
        + np.dot(Wi[:, :n_a].T, dit)
        + np.dot(Wc[:, :n_a].T, dcct)
        + np.dot(Wo[:, :n_a].T, dot)
    )
    dc_prev = dc_next * ft + ot * (1 - np.square(np.tanh(c_next))) * ft * da_next
    dxt = (
        np.dot(Wf[:, n_a:].T, dft)
        + np.dot(Wi[:, n_a:].T, dit)
        + np.dot(Wc[:, n_a:].T, dcct)
        + np.dot(Wo[:, n_a:].T, dot)
    )
    return {
        "dxt": dxt, "da_prev": da_prev, "dc_prev": dc_prev, "dWf": dWf, "dbf": dbf, "dWi": dWi,
        "dbi": dbi, "dWc": dWc, "dbc": dbc, "dWo": dWo, "dbo": dbo,
    }  # fmt: skip


def rnn_forward(x, a0, parameters):
    caches = []
    n_x, m, T_x = x.shape
    n_y, n_a = parameters["Wya"].shape
    a = np.zeros((n_a, m, T_x))
    y_pred = np.zeros((n_y, m, T_x))
    a_next = a0
    for t in range(T_x):
        a_next, yt_pred, cache = rnn_cell_forward(x[:, :, t], a_next, parameters)
        a[:, :, t] = a_next
        y_pred[:, :, t] = yt_pred
        caches.append(cache)
    return a, y_pred, (caches, x)


def rnn_backward(da, caches):
    (caches, x) = caches
    n_a, m, T_x = da.shape
    n_x, m = x[:, :, 0].shape
    dx = np.zeros((n_x, m, T_x))
    dWax = np.zeros((n_a, n_x))
    dWaa = np.zeros((n_a, n_a))
    dba = np.zeros((n_a, 1))
    da_prevt = np.zeros((n_a, m))
    for t in reversed(range(T_x)):
        gradients = rnn_cell_backward(da[:, :, t] + da_prevt, caches[t])
        dx[:, :, t] = gradients["dxt"]
        da_prevt = gradients["da_prev"]
        dWax += gradients["dWax"]
        dWaa += gradients["dWaa"]
        dba += gradients["dba"]
    da0 = da_prevt
    return {"dx": dx, "da0": da0, "dWax": dWax, "dWaa": dWaa, "dba": dba}


def lstm_forward(x, a0, parameters):
    caches = []
    n_x, m, T_x = x.shape
    n_y, n_a = parameters["Wy"].shape
    a = np.zeros((n_a, m, T_x))
    c = np.zeros((n_a, m, T_x))
    y = np.zeros((n_y, m, T_x))
    a_next = a0
    c_next = np.zeros((n_a, m))
    for t in range(T_x):
        a_next, c_next, yt, cache = lstm_cell_forward(x[:, :, t], a_next, c_next, parameters)
        a[:, :, t] = a_next
        c[:, :, t] = c_next
        y[:, :, t] = yt
        caches.append(cache)
    return a, y, c, (caches, x)


def lstm_backward(da, caches):
    (caches, x) = caches
    n_a, m, T_x = da.shape
    n_x, m = x[:, :, 0].shape
    dx = np.zeros((n_x, m, T_x))
    da_prevt = np.zeros((n_a, m))
    dc_prevt = np.zeros((n_a, m))
    total = dict.fromkeys(("dWf", "dWi", "dWc", "dWo", "dbf", "dbi", "dbc", "dbo"), 0)
    for t in reversed(range(T_x)):
        gradients = lstm_cell_backward(da[:, :, t] + da_prevt, dc_prevt, caches[t])
        da_prevt = gradients["da_prev"]
        dc_prevt = gradients["dc_prev"]
        dx[:, :, t] = gradients["dxt"]
        for k in total:
            total[k] = total[k] + gradients[k]
    return {"dx": dx, "da0": da_prevt, **total}


def gru_cell_forward(xt, a_prev, parameters):
    Wu, bu = parameters["Wu"], parameters["bu"]
    Wr, br = parameters["Wr"], parameters["br"]
    Wc, bc = parameters["Wc"], parameters["bc"]
    Wy, by = parameters["Wy"], parameters["by"]
    concat = np.concatenate((a_prev, xt), axis=0)
    ut = sigmoid(np.dot(Wu, concat) + bu)
    rt = sigmoid(np.dot(Wr, concat) + br)
    cct = np.tanh(np.dot(Wc, np.concatenate((rt * a_prev, xt), axis=0)) + bc)
    a_next = ut * cct + (1 - ut) * a_prev
    yt_pred = softmax(np.dot(Wy, a_next) + by)
    return a_next, yt_pred, (a_next, a_prev, ut, rt, cct, xt, parameters)


def gru_cell_backward(da_next, cache):
    (a_next, a_prev, ut, rt, cct, xt, parameters) = cache
    Wu, Wr, Wc = (parameters[k] for k in ("Wu", "Wr", "Wc"))
    n_a = a_prev.shape[0]
    concat = np.concatenate((a_prev, xt), axis=0)
    reset = np.concatenate((rt * a_prev, xt), axis=0)
    dzu = da_next * (cct - a_prev) * ut * (1 - ut)
    dzc = da_next * ut * (1 - cct**2)
    dzr = np.dot(Wc[:, :n_a].T, dzc) * a_prev * rt * (1 - rt)
    dWu = np.dot(dzu, concat.T)
    dWr = np.dot(dzr, concat.T)
    dWc = np.dot(dzc, reset.T)
    dbu = np.sum(dzu, axis=1, keepdims=True)
    dbr = np.sum(dzr, axis=1, keepdims=True)
    dbc = np.sum(dzc, axis=1, keepdims=True)
    da_prev = (
        da_next * (1 - ut)
        + np.dot(Wc[:, :n_a].T, dzc) * rt
        + np.dot(Wu[:, :n_a].T, dzu)
        + np.dot(Wr[:, :n_a].T, dzr)
    )
    dxt = np.dot(Wc[:, n_a:].T, dzc) + np.dot(Wu[:, n_a:].T, dzu) + np.dot(Wr[:, n_a:].T, dzr)
    return {
        "dxt": dxt, "da_prev": da_prev, "dWu": dWu, "dbu": dbu, "dWr": dWr, "dbr": dbr,
        "dWc": dWc, "dbc": dbc,
    }  # fmt: skip


def gru_forward(x, a0, parameters):
    n_y, n_a = parameters["Wy"].shape
    n_x, m, T_x = x.shape
    a, y, caches = np.zeros((n_a, m, T_x)), np.zeros((n_y, m, T_x)), []
    a_next = a0
    for t in range(T_x):
        a_next, yt, cache = gru_cell_forward(x[:, :, t], a_next, parameters)
        a[:, :, t] = a_next
        y[:, :, t] = yt
        caches.append(cache)
    return a, y, (caches, x)


def gru_backward(da, caches):
    (caches, x) = caches
    n_a, m, T_x = da.shape
    dx = np.zeros((x.shape[0], m, T_x))
    da_prevt = np.zeros((n_a, m))
    total = dict.fromkeys(("dWu", "dWr", "dWc", "dbu", "dbr", "dbc"), 0)
    for t in reversed(range(T_x)):
        gradients = gru_cell_backward(da[:, :, t] + da_prevt, caches[t])
        da_prevt = gradients["da_prev"]
        dx[:, :, t] = gradients["dxt"]
        for k in total:
            total[k] = total[k] + gradients[k]
    return {"dx": dx, "da0": da_prevt, **total}


def pad_sequences(sequences, max_len=None, padding_value=0.0):
    seq_lengths = [s.shape[1] for s in sequences]
    max_len = max(seq_lengths) if max_len is None else max_len
    padded_x = np.full((sequences[0].shape[0], len(sequences), max_len), padding_value)
    for i, s in enumerate(sequences):
        padded_x[:, i, : s.shape[1]] = s
    return padded_x, seq_lengths


def ragged_rnn_forward(x, a0, parameters, seq_lengths=None):
    n_x, m, T_x = x.shape
    n_y, n_a = parameters["Wya"].shape
    lengths = np.full(m, T_x) if seq_lengths is None else np.array(seq_lengths)
    a, y_pred, caches = np.zeros((n_a, m, T_x)), np.zeros((n_y, m, T_x)), []
    a_prev = a0.copy()
    for t in range(T_x):
        active = np.where(t < lengths)[0]
        at, yt, cache = rnn_cell_forward(x[:, active, t], a_prev[:, active], parameters)
        a[:, active, t] = at
        y_pred[:, active, t] = yt
        a_prev[:, active] = at
        caches.append((active, cache))
    return a, y_pred, (caches, x)


def ragged_rnn_backward(da, caches):
    steps, x = caches
    n_a, m, T = da.shape
    dx = np.zeros((x.shape[0], m, T))
    da_prev = np.zeros((n_a, m))
    total = {"dWax": 0, "dWaa": 0, "dba": 0}
    for t in reversed(range(T)):
        active, cache = steps[t]
        gradients = rnn_cell_backward(da[:, active, t] + da_prev[:, active], cache)
        dx[:, active, t] = gradients["dxt"]
        da_prev[:, active] = gradients["da_prev"]
        total = {k: v + gradients[k] for k, v in total.items()}
    return {"dx": dx, "da0": da_prev, **total}


def ragged_lstm_forward(x, a0, parameters, seq_lengths=None):
    n_x, m, T_x = x.shape
    lengths = [T_x] * m if seq_lengths is None else seq_lengths
    mask = np.arange(T_x)[:, None] < np.array(lengths)
    a, c, y, caches = [], [], [], []
    a_prev, c_prev = a0, np.zeros_like(a0)
    for t in range(T_x):
        at, ct, yt, cache = lstm_cell_forward(x[:, :, t], a_prev, c_prev, parameters)
        a_prev, c_prev = np.where(mask[t], at, a_prev), np.where(mask[t], ct, c_prev)
        a.append(at * mask[t])
        c.append(ct * mask[t])
        y.append(yt * mask[t])
        caches.append((mask[t], *cache))
    return np.stack(a, 2), np.stack(y, 2), np.stack(c, 2), (caches, x)


def ragged_lstm_backward(da, caches):
    steps, x = caches
    n_a, m, T = da.shape
    dx = np.zeros((x.shape[0], m, T))
    da_prev, dc_prev = np.zeros((n_a, m)), np.zeros((n_a, m))
    total = dict.fromkeys(("dWf", "dWi", "dWc", "dWo", "dbf", "dbi", "dbc", "dbo"), 0)
    for t in reversed(range(T)):
        mask, *cache = steps[t]
        g = lstm_cell_backward(mask * (da[:, :, t] + da_prev), mask * dc_prev, cache)
        dx[:, :, t] = g["dxt"]
        da_prev = np.where(mask, g["da_prev"], da_prev)
        dc_prev = np.where(mask, g["dc_prev"], dc_prev)
        total = {k: v + g[k] for k, v in total.items()}
    return {"dx": dx, "da0": da_prev, **total}


NOTEBOOK = {
    f.__name__: f
    for f in (
        sigmoid, rnn_cell_forward, rnn_cell_backward, lstm_cell_forward, lstm_cell_backward,
        rnn_forward, rnn_backward, lstm_forward, lstm_backward,
        gru_cell_forward, gru_cell_backward, gru_forward, gru_backward, pad_sequences,
    )
}  # fmt: skip
