"""Make the golden files: outputs and gradients of PyTorch's recurrent layers under our names.

    pip install torch==2.13.0 numpy && python tests/golden/make_torch.py

Writes <cell>.npz beside this script, float64, with the versions that made it. Each file holds the
case twice, ``uniform`` and ``ragged`` (packed, unsorted, every length at least 1: PyTorch refuses
0). The loss is the sum of da * a over the steps that exist and of dfinal * final state.

What is turned on the way: (T, m, n) to (n, m, T); the two biases of PyTorch to their sum, but for
the GRU's candidate, whose recurrent one is bca; gates from [input | hidden] in one matrix each to
W = [hidden | input]; and since PyTorch's z is 1 - ut, Wu, bu and their gradients are negated.
"""

import platform
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

N_X, N_A, M, T_X = 3, 5, 4, 7
LENGTHS = {"uniform": [T_X] * M, "ragged": [5, 2, 7, 1]}
LAYERS = {
    "rnn": lambda: nn.RNN(N_X, N_A, nonlinearity="tanh"),
    "rnn_relu": lambda: nn.RNN(N_X, N_A, nonlinearity="relu"),
    "lstm": lambda: nn.LSTM(N_X, N_A),
    "gru_reset_after": lambda: nn.GRU(N_X, N_A),
}
GATES = {"lstm": "ifco", "gru_reset_after": "ruc"}  # in PyTorch's order of rows


def course_names(cell, ih, hh, b_ih, b_hh, *, gradient=False):
    """Turn PyTorch's four arrays (or their gradients) into the course's parameters."""

    def joined(a, b):
        return a if gradient else a + b  # the gradient of a sum is that of either part

    if cell.startswith("rnn"):
        return {"Wax": ih, "Waa": hh, "ba": joined(b_ih, b_hh)[:, None]}
    result = {}
    for k, gate in enumerate(GATES[cell]):
        rows = slice(k * N_A, (k + 1) * N_A)
        sign = -1 if gate == "u" else 1
        result[f"W{gate}"] = sign * np.concatenate([hh[rows], ih[rows]], axis=1)
        if cell == "gru_reset_after" and gate == "c":
            result["bc"], result["bca"] = b_ih[rows, None], b_hh[rows, None]
        else:
            result[f"b{gate}"] = sign * joined(b_ih[rows], b_hh[rows])[:, None]
    return result


def features_first(tensor):
    return tensor.detach().numpy().transpose(2, 1, 0)


def run(cell, lengths, rng):
    """One case: every input, output and gradient by our names."""
    layer = LAYERS[cell]().double()
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.from_numpy(0.6 * rng.standard_normal(p.shape)))
    states = "ac" if cell == "lstm" else "a"
    x = torch.from_numpy(rng.standard_normal((T_X, M, N_X))).requires_grad_()
    initial = [torch.from_numpy(rng.standard_normal((1, M, N_A))).requires_grad_() for _ in states]
    packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    output, final = layer(packed, tuple(initial) if cell == "lstm" else initial[0])
    a, _ = pad_packed_sequence(output, total_length=T_X)
    final = final if cell == "lstm" else (final,)
    da = torch.from_numpy(rng.standard_normal(a.shape))
    dfinal = [torch.from_numpy(rng.standard_normal(f.shape)) for f in final]
    loss = (da * a).sum() + sum((d * f).sum() for d, f in zip(dfinal, final, strict=True))
    loss.backward()

    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    weights = [getattr(layer, n) for n in names]
    parameters = course_names(cell, *(w.detach().numpy() for w in weights))
    gradients = course_names(cell, *(w.grad.numpy() for w in weights), gradient=True)
    result = {"lengths": np.array(lengths), "x": features_first(x), "a": features_first(a)}
    result |= {"da": features_first(da), "dx": features_first(x.grad)}
    for s, s0, last, d in zip(states, initial, final, dfinal, strict=True):
        result[f"{s}0"] = s0.detach().numpy()[0].T
        result[f"{s}_final"] = last.detach().numpy()[0].T
        result[f"d{s}_final"] = d.numpy()[0].T
        result[f"d{s}0"] = s0.grad.numpy()[0].T
    return result | parameters | {f"d{n}": g for n, g in gradients.items()}


def main():
    torch.set_num_threads(1)
    versions = {
        "version_torch": torch.__version__,
        "version_numpy": np.__version__,
        "version_python": platform.python_version(),
    }
    for k, cell in enumerate(LAYERS):
        rng = np.random.default_rng(k)
        arrays = {
            f"{pattern}_{name}": np.ascontiguousarray(array)
            for pattern, lengths in LENGTHS.items()
            for name, array in run(cell, lengths, rng).items()
        }
        path = Path(__file__).with_name(f"{cell}.npz")
        np.savez_compressed(path, **versions, **arrays)
        print(path.name, path.stat().st_size, "bytes,", len(arrays), "arrays")


if __name__ == "__main__":
    main()
