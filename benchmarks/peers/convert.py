"""Weights in the peers' conventions, from and to the course's; NumPy only.

A course matrix W of a gate holds [recurrent | input] columns. PyTorch stacks the gates' rows, i f g
o for the LSTM and r z n for the GRU, with z = 1 - u: the update gate changes its sign, because
1 - sigmoid(z) = sigmoid(-z). It has two biases, of which the second is 0 here, except in the GRU's
candidate, where it stands inside the reset product (bca). ONNX orders i o f c.
"""

import numpy as np

PYTORCH = {"lstm": "ifco", "gru_reset_after": "ruc"}
ONNX_LSTM = "iofc"


def _sign(cell, gate):
    return -1 if (cell, gate) == ("gru_reset_after", "u") else 1


def to_pytorch(cell, p):
    """Course parameters to weight_ih, weight_hh, bias_ih, bias_hh."""
    if cell == "rnn":
        b = p["ba"][:, 0]
        return {
            "weight_ih": p["Wax"],
            "weight_hh": p["Waa"],
            "bias_ih": b,
            "bias_hh": np.zeros_like(b),
        }
    order = PYTORCH[cell]
    W = [_sign(cell, g) * p[f"W{g}"] for g in order]
    n_a = len(W[0])
    b = [_sign(cell, g) * p[f"b{g}"][:, 0] for g in order]
    inner = [np.zeros_like(gate) for gate in b]
    if cell == "gru_reset_after":
        inner[order.index("c")] = p["bca"][:, 0]
    return {
        "weight_ih": np.concatenate([w[:, n_a:] for w in W]),
        "weight_hh": np.concatenate([w[:, :n_a] for w in W]),
        "bias_ih": np.concatenate(b),
        "bias_hh": np.concatenate(inner),
    }


def from_pytorch(cell, t, *, gradients=False):
    """Undo `to_pytorch`; for gradients, names get a d in front.

    Parameters: the two biases of PyTorch are summed. Gradients: either bias has the sum's.
    """
    n_a = t["weight_hh"].shape[1]
    bias = t["bias_ih"] if gradients else t["bias_ih"] + t["bias_hh"]
    d = "d" if gradients else ""
    if cell == "rnn":
        return {d + "Wax": t["weight_ih"], d + "Waa": t["weight_hh"], d + "ba": bias[:, None]}
    p = {}
    for k, g in enumerate(PYTORCH[cell]):
        rows, sign = slice(k * n_a, (k + 1) * n_a), _sign(cell, g)
        W = np.concatenate([t["weight_hh"][rows], t["weight_ih"][rows]], axis=1)
        b = bias[rows]
        if g == "c" and cell == "gru_reset_after":
            b = t["bias_ih"][rows]
            p[d + "bca"] = t["bias_hh"][rows][:, None]
        p[f"{d}W{g}"], p[f"{d}b{g}"] = sign * W, sign * b[:, None]
    return p


def to_onnx_lstm(p):
    """Course parameters to ONNX's W (1, 4 n_a, n_x), R (1, 4 n_a, n_a), B (1, 8 n_a)."""
    W = [p[f"W{g}"] for g in ONNX_LSTM]
    n_a = len(W[0])
    b = np.concatenate([p[f"b{g}"][:, 0] for g in ONNX_LSTM])
    return (
        np.concatenate([w[:, n_a:] for w in W])[np.newaxis],
        np.concatenate([w[:, :n_a] for w in W])[np.newaxis],
        np.concatenate([b, np.zeros_like(b)])[np.newaxis],
    )
