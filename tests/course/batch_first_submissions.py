"""Right submissions to the batch-first exercise, in the style in which learners write them."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(np.dot(x, Wx) + np.dot(prev_h, Wh) + b)
    cache = (x, prev_h, Wx, Wh, next_h)
    return next_h, cache


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    dz = dnext_h * (1 - next_h**2)
    dx = np.dot(dz, Wx.T)
    dprev_h = np.dot(dz, Wh.T)
    dWx = np.dot(x.T, dz)
    dWh = np.dot(prev_h.T, dz)
    db = np.sum(dz, axis=0)
    return dx, dprev_h, dWx, dWh, db


def rnn_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H))
    cache = []
    prev_h = h0
    for t in range(T):
        prev_h, step = rnn_step_forward(x[:, t, :], prev_h, Wx, Wh, b)
        h[:, t, :] = prev_h
        cache.append(step)
    return h, cache


def rnn_backward(dh, cache):
    N, T, H = dh.shape
    D = cache[0][0].shape[1]
    dx, dWx, dWh, db = np.zeros((N, T, D)), np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)
    dprev_h = np.zeros((N, H))
    for t in reversed(range(T)):
        step = rnn_step_backward(dh[:, t, :] + dprev_h, cache[t])
        dx[:, t, :], dprev_h = step[:2]
        dWx += step[2]
        dWh += step[3]
        db += step[4]
    return dx, dprev_h, dWx, dWh, db


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    H = prev_h.shape[1]
    z = np.dot(x, Wx) + np.dot(prev_h, Wh) + b
    i = sigmoid(z[:, :H])
    f = sigmoid(z[:, H : 2 * H])
    o = sigmoid(z[:, 2 * H : 3 * H])
    g = np.tanh(z[:, 3 * H :])
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    cache = (i, f, o, g, prev_h, prev_c, Wx, Wh, x, next_c)
    return next_h, next_c, cache


def lstm_step_backward(dnext_h, dnext_c, cache):
    i, f, o, g, prev_h, prev_c, Wx, Wh, x, next_c = cache
    do = dnext_h * np.tanh(next_c) * o * (1 - o)
    dc = dnext_c + dnext_h * o * (1 - np.tanh(next_c) ** 2)
    di = dc * g * i * (1 - i)
    df = dc * prev_c * f * (1 - f)
    dg = dc * i * (1 - g**2)
    dprev_c = dc * f
    dz = np.hstack((di, df, do, dg))
    dx = np.dot(dz, Wx.T)
    dprev_h = np.dot(dz, Wh.T)
    dWx = np.dot(x.T, dz)
    dWh = np.dot(prev_h.T, dz)
    db = np.sum(dz, axis=0)
    return dx, dprev_h, dprev_c, dWx, dWh, db


def lstm_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H))
    prev_h, prev_c = h0, np.zeros((N, H))
    cache = []
    for t in range(T):
        prev_h, prev_c, step = lstm_step_forward(x[:, t], prev_h, prev_c, Wx, Wh, b)
        h[:, t] = prev_h
        cache.append(step)
    return h, (x, h0, cache)


def lstm_backward(dh, cache):
    x, h0, steps = cache
    dx = np.zeros_like(x)
    dprev_h, dprev_c = np.zeros_like(h0), np.zeros_like(h0)
    dWx = dWh = db = 0
    for t in reversed(range(dh.shape[1])):
        gradients = lstm_step_backward(dh[:, t] + dprev_h, dprev_c, steps[t])
        dx[:, t], dprev_h, dprev_c = gradients[:3]
        dWx = dWx + gradients[3]
        dWh = dWh + gradients[4]
        db = db + gradients[5]
    return dx, dprev_h, dWx, dWh, db


def word_embedding_forward(x, W):
    return W[x], (x, W)


def temporal_softmax_loss(x, y, mask):
    N, T, V = x.shape
    flat = x.reshape(N * T, V)
    probs = np.exp(flat - np.max(flat, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    mask = mask.reshape(N * T)
    loss = -np.sum(mask * np.log(probs[np.arange(N * T), y.reshape(N * T)])) / N
    dx = probs.copy()
    dx[np.arange(N * T), y.reshape(N * T)] -= 1
    return loss, (dx * mask[:, None] / N).reshape(N, T, V)


EXERCISE = {
    name: globals()[name]
    for cell in ("rnn", "lstm")
    for name in (f"{cell}_step_forward", f"{cell}_step_backward", f"{cell}_forward",
                 f"{cell}_backward")
}  # fmt: skip
