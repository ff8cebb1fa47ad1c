"""Every public door of the equations in one form: ``call(**arrays)``, for tests that hold for all.

A door here goes forward and, where there is a way back, backward, so that each array a user can
pass is one of its arguments. `DOORS`: ``arguments, call = DOORS[name](dtype)``.
"""

import numpy as np

from bptt import equations as eq
from bptt.equations import batch_first as bf
from tests.support.cases import CELLS, SIZES, cell_pair, make_case

SHORT = {"m": 4, "T_x": 2}


def _float64(dtype, seed=2, **shapes):
    rng = np.random.default_rng(seed)
    return {n: (0.6 * rng.standard_normal(s)).astype(dtype) for n, s in shapes.items()}


def _step(spec):
    def make(dtype):
        case = make_case(spec.name, **SHORT, dtype=dtype)
        _, _, inputs = cell_pair(spec, case)
        previous, ahead = ([f"{s}_{w}" for s in spec.states] for w in ("prev", "next"))
        ds = dict(zip((f"d{s}" for s in ahead), case.dfinal, strict=True))

        def call(xt, **arrays):
            parameters = {p: arrays[p] for p in case.parameters}
            states, y, cache = spec.cell_forward(xt, [arrays[s] for s in previous], parameters)
            return states, y, spec.cell_backward([arrays[d] for d in ds], cache)

        return inputs | case.parameters | ds, call

    return make


def _sequence(spec, lengths):
    def make(dtype):
        case = make_case(spec.name, **SHORT, dtype=dtype)
        initial = dict(zip((f"{s}0" for s in spec.states), case.state0, strict=True))
        finals = dict(zip((f"d{s}_final" for s in spec.states), case.dfinal, strict=True))

        def call(x, da, **arrays):
            parameters = {p: arrays[p] for p in case.parameters}
            states, y, caches = spec.forward(x, [arrays[s] for s in initial], parameters, lengths)
            return states, y, spec.backward(da, caches, [arrays[s] for s in finals])

        return {"x": case.x, **initial, **case.parameters, "da": case.da, **finals}, call

    return make


def _lstm_without_c0(dtype):
    arguments, _ = DOORS["lstm"](dtype)
    table = CELLS["lstm"].table | CELLS["lstm"].head
    arguments = {n: a for n, a in arguments.items() if n in {"x", "a0", "da", *table}}

    def call(x, a0, da, **parameters):
        *outputs, caches = eq.lstm_forward(x, a0, parameters)
        return outputs, eq.lstm_backward(da, caches)

    return arguments, call


def _output_layer(*steps):
    def make(dtype):
        n_a, n_y = SIZES["n_a"], SIZES["n_y"]

        def call(a, Wy, by, dz):
            return eq.output_forward(a, Wy, by), eq.output_backward(dz, a, Wy)

        return _float64(
            dtype, a=(n_a, 4, *steps), Wy=(n_y, n_a), by=(n_y, 1), dz=(n_y, 4, *steps)
        ), call

    return make


def _cross_entropy(dtype):
    labels = np.random.default_rng(0).integers(SIZES["n_y"], size=(4, 2))
    return _float64(dtype, z=(SIZES["n_y"], 4, 2)), lambda z: eq.softmax_cross_entropy(z, labels)


def _squared_error(dtype):
    shape = (SIZES["n_y"], 4, 2)
    return _float64(dtype, y=shape, target=shape), eq.squared_error


def _activation(function):
    return lambda dtype: (_float64(dtype, x=(5, 4)), function)


def _pad_sequences(dtype):
    def call(**sequences):
        return eq.pad_sequences(list(sequences.values()))

    return _float64(dtype, s0=(3, 2), s1=(3, 5)), call


def _batch_first(forward, backward, gradients, **shapes):
    """A forward function of the arrays in `shapes` and a backward function of `gradients`."""

    def make(dtype):
        def call(**arrays):
            *outputs, cache = forward(*(arrays[n] for n in shapes))
            return outputs, backward(*(arrays[n] for n in gradients), cache)

        return _float64(dtype, **shapes, **gradients), call

    return make


def _word_embedding(dtype):
    words = np.array([[0, 2, 2, 1], [5, 2, 0, 5]])

    def call(W, dout):
        out, cache = bf.word_embedding_forward(words, W)
        return out, bf.word_embedding_backward(dout, cache)

    return _float64(dtype, W=(6, 5), dout=(2, 4, 5)), call


def _temporal_softmax_loss(dtype):
    y = np.random.default_rng(0).integers(6, size=(4, 2))
    mask = np.array([[1, 0], [1, 1], [0, 1], [1, 1]], dtype=bool)
    return _float64(dtype, x=(4, 2, 6)), lambda x: bf.temporal_softmax_loss(x, y, mask)


N, T, D, H = 4, 2, 3, 5
_RNN = {"Wx": (D, H), "Wh": (H, H), "b": (H,)}
_LSTM = {"Wx": (D, 4 * H), "Wh": (H, 4 * H), "b": (4 * H,)}

DOORS = {
    **{f"{name} step": _step(spec) for name, spec in CELLS.items()},
    **{name: _sequence(spec, None) for name, spec in CELLS.items()},
    **{f"{name} ragged": _sequence(spec, [1, 0, 2, 1]) for name, spec in CELLS.items()},
    "lstm without c0": _lstm_without_c0,
    "output layer": _output_layer(2),
    "output layer, one step": _output_layer(),
    "softmax_cross_entropy": _cross_entropy,
    "squared_error": _squared_error,
    "sigmoid": _activation(eq.sigmoid),
    "relu": _activation(eq.relu),
    "softmax": _activation(eq.softmax),
    "pad_sequences": _pad_sequences,
    "batch_first rnn step": _batch_first(
        bf.rnn_step_forward, bf.rnn_step_backward, {"dnext_h": (N, H)},
        x=(N, D), prev_h=(N, H), **_RNN,
    ),
    "batch_first lstm step": _batch_first(
        bf.lstm_step_forward, bf.lstm_step_backward, {"dnext_h": (N, H), "dnext_c": (N, H)},
        x=(N, D), prev_h=(N, H), prev_c=(N, H), **_LSTM,
    ),
    "batch_first rnn": _batch_first(
        bf.rnn_forward, bf.rnn_backward, {"dh": (N, T, H)}, x=(N, T, D), h0=(N, H), **_RNN
    ),
    "batch_first lstm": _batch_first(
        bf.lstm_forward, bf.lstm_backward, {"dh": (N, T, H)}, x=(N, T, D), h0=(N, H), **_LSTM
    ),
    "temporal_affine": _batch_first(
        bf.temporal_affine_forward, bf.temporal_affine_backward, {"dout": (N, T, 6)},
        x=(N, T, D), w=(D, 6), b=(6,),
    ),
    "word_embedding": _word_embedding,
    "temporal_softmax_loss": _temporal_softmax_loss,
}  # fmt: skip


def arrays(tree):
    """Every array in a tree of results, in order; floats and integers are left out."""
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, (tuple, list)):
        return [tree] if isinstance(tree, np.ndarray) else []
    return [array for branch in tree for array in arrays(branch)]
