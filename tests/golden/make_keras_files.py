"""Write keras_files.npz: small models in the files of Keras 3, their inputs and outputs.

    KERAS_BACKEND=torch python tests/golden/make_keras_files.py

Needs keras and torch (see `keras_files.npz`: "versions"). Weights are random and not small, so that
a wrong gate order, bias or activation shows.
"""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np
from keras import Input, Sequential
from keras import layers as L

RNG = np.random.default_rng(0)
T, N = 6, 3
X = RNG.standard_normal((4, T, N)).astype(np.float32)
GAPS = X.copy()  # masked steps on the left, in the middle, on the right, and everywhere
GAPS[0, :2] = GAPS[1, 2:4] = GAPS[1, 0] = GAPS[2, 4:] = GAPS[3] = 0.5
IDS = RNG.integers(1, 9, (4, T))
IDS[0, :3] = IDS[1, 2] = IDS[2, 5] = IDS[3] = 0
STEP = RNG.standard_normal((4, 6)).astype(np.float32)


def both(layer, merge="concat", **options):
    return L.Bidirectional(layer, merge_mode=merge, **options)


def functional():
    x = Input((T, N))
    y = L.LSTM(4, return_sequences=True, name="below")(x)
    y = L.Dense(3, activation="relu")(L.Dropout(0.3)(y))
    return keras.Model(x, L.GRU(2, name="above")(y))


def branched():
    x = Input((T, N))
    a, b = L.LSTM(2, name="left")(x), L.GRU(2, name="right")(x)
    return keras.Model(x, L.Dense(1, name="out")(L.concatenate([a, b], name="both")))


SEQ = {"return_sequences": True}
MODELS = {  # name -> (input, layers from below)
    "lstm": (X, lambda: [L.LSTM(4)]),
    "lstm_sequences": (X, lambda: [L.LSTM(4, **SEQ), L.LSTM(2, activation="relu", **SEQ)]),
    "lstm_hard": (X, lambda: [L.LSTM(4, recurrent_activation="hard_sigmoid")]),
    "lstm_no_bias": (X, lambda: [L.LSTM(4, use_bias=False), L.Dense(2, use_bias=False)]),
    "gru_after": (X, lambda: [L.GRU(4, **SEQ)]),
    "gru_before": (X, lambda: [L.GRU(4, reset_after=False, **SEQ)]),
    "gru_hard": (X, lambda: [L.GRU(4, recurrent_activation="hard_sigmoid", activation="elu")]),
    "rnn": (X, lambda: [L.SimpleRNN(4, **SEQ), L.SimpleRNN(2, activation="relu")]),
    "backwards": (X, lambda: [L.LSTM(4, go_backwards=True, **SEQ), L.GRU(2, go_backwards=True)]),
    "both_sequences": (X, lambda: [both(L.LSTM(4, **SEQ)), both(L.GRU(2))]),
    **{
        f"both_{how}": (X, lambda how=how: [both(L.LSTM(4, **SEQ), how), both(L.GRU(2), how)])
        for how in ("sum", "mul", "ave")
    },
    "masking": (GAPS, lambda: [L.Masking(0.5), L.LSTM(4, **SEQ), L.GRU(3, **SEQ), L.Dense(2)]),
    "masking_last": (GAPS, lambda: [L.Masking(0.5), L.LSTM(4, go_backwards=True), L.Dense(2)]),
    "masking_both": (GAPS, lambda: [L.Masking(0.5), both(L.LSTM(4, **SEQ)), L.Dense(2)]),
    "masking_both_last": (GAPS, lambda: [L.Masking(0.5), both(L.LSTM(4, **SEQ)), both(L.GRU(2))]),
    "masking_mixed": (
        GAPS,
        lambda: [L.Masking(0.5), both(L.LSTM(4, **SEQ), "sum"), L.LayerNormalization(),
                 L.GRU(3, **SEQ), L.Dense(2, activation="softmax")],
    ),
    "masking_mean": (GAPS, lambda: [L.Masking(0.5), L.GRU(4, **SEQ), L.GlobalAveragePooling1D()]),
    "masking_max": (GAPS, lambda: [L.Masking(0.5), L.GRU(4, **SEQ), L.GlobalMaxPooling1D()]),
    "masking_dense": (GAPS, lambda: [L.Masking(0.5), L.Dense(2), L.LSTM(3, **SEQ)]),
    "embedding": (IDS, lambda: [L.Embedding(9, 5), L.LSTM(4), L.Dense(3, activation="softmax")]),
    "embedding_mask": (
        IDS,
        lambda: [L.Embedding(9, 5, mask_zero=True), L.LSTM(4, **SEQ),
                 L.TimeDistributed(L.Dense(3, activation="softmax"))],
    ),
    "embedding_mask_both": (
        IDS, lambda: [L.Embedding(9, 5, mask_zero=True), both(L.GRU(4)), L.Dense(1)]
    ),
    "norms": (
        X,
        lambda: [L.BatchNormalization(), L.LSTM(4, **SEQ), L.LayerNormalization(epsilon=1e-5),
                 L.GRU(4), L.BatchNormalization(scale=False, center=False)],
    ),
    "flatten": (X, lambda: [L.LSTM(2, **SEQ), L.Flatten(), L.Dense(3), L.LeakyReLU()]),
    "reshape": (STEP, lambda: [L.Reshape((3, 2)), L.GRU(4), L.Dense(6, activation="tanh"),
                               L.Reshape((2, -1)), L.ELU(), L.LSTM(3)]),
    "repeat": (X, lambda: [L.LSTM(4), L.RepeatVector(5), L.LSTM(3, **SEQ), L.Activation("sigmoid"),
                           L.TimeDistributed(L.Dense(2))]),
    "dense_only": (STEP, lambda: [L.Dense(4, activation="relu"), L.Dense(2), L.Softmax()]),
    "functional": (X, functional),
    "branched": (X, branched),
    "convolution": (
        X,
        lambda: [L.Conv1D(4, 3, activation="relu", padding="causal", dilation_rate=2), L.LSTM(3),
                 L.Dense(2)],
    ),
    "convolution_pools": (
        X,
        lambda: [L.Conv1D(4, 4, strides=2, padding="same"), L.GRU(4, **SEQ),
                 L.MaxPooling1D(2, strides=1), L.AveragePooling1D(2), L.LSTM(2)],
    ),
    "preprocessing": (
        X,
        lambda: [L.Normalization(), L.Rescaling(0.5, offset=0.25), L.Identity(),
                 L.RNN(L.GRUCell(4), **SEQ), L.UpSampling1D(2), L.RNN(L.LSTMCell(3))],
    ),
    "convolution_groups": (
        X[:, :, :2], lambda: [L.Conv1D(6, 2, groups=2, use_bias=False), L.GRU(2)]
    ),
    "convolution_mask": (
        GAPS, lambda: [L.Masking(0.5), L.GRU(4, **SEQ), L.Conv1D(3, 2), L.LSTM(2, **SEQ)]
    ),
}  # fmt: skip


IN_EVERY_FORM = (
    "lstm_sequences", "gru_after", "both_sequences", "embedding_mask", "norms", "repeat",
    "functional", "branched",
)  # fmt: skip


def build(make, x):
    """Return a model whose weights are random, with variances above 0."""
    made = make()
    model = made if isinstance(made, keras.Model) else Sequential([Input(x.shape[1:]), *made])
    for v in model.variables:
        if v.dtype == "float32" and "seed" not in v.path:
            value = 0.7 * RNG.standard_normal(v.shape)
            v.assign(0.5 + np.abs(value) if "variance" in v.path else value)
    return model


def main():
    """Write the models that are not in the file yet: the others keep their weights."""
    target = Path(__file__).with_name("keras_files.npz")
    stored = dict(np.load(target)) if target.exists() else {}
    made = stored.get("versions")
    with tempfile.TemporaryDirectory() as folder:
        for name, (x, make) in MODELS.items():
            if f"{name}/x" in stored:
                continue
            model = build(make, x)
            stored[f"{name}/x"], stored[f"{name}/y"] = x, np.asarray(model.predict(x, verbose=0))
            for ending in (".keras", ".h5", ".weights.h5")[: 3 if name in IN_EVERY_FORM else 1]:
                path = Path(folder) / f"model{ending}"
                (model.save_weights if "weights" in ending else model.save)(path)
                stored[f"{name}/{ending}"] = np.frombuffer(path.read_bytes(), np.uint8)
    own = f"keras {keras.__version__}, backend {keras.backend.backend()}"
    stored["versions"] = np.array(own if made in (None, own) else f"{made}; {own}")
    np.savez_compressed(target, **stored)


if __name__ == "__main__":
    main()
