"""Every layer as nodes of ONNX: a row of `LAYERS` is a class of layers and a function.

Values are batch first, (m, T, n), as in bptt.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...equations.nonlinearities import read_name
from ...equations.variants import parts_of
from ...errors import InteropError
from ...layers import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    FeatureEmbedding,
    Flatten,
    LayerNorm,
    Merge,
    Pool,
    Recurrent,
    Repeat,
    Reverse,
    Unflatten,
    Windows,
    WordEmbedding,
)
from ..conventions import to_blocks
from .building import Builder
from .recurrent import NAMES

Parameters = Mapping[str, np.ndarray]


class Scope:
    """What the functions below need besides the layer: its name, and the lengths, if any.

    Attributes
    ----------
    name : str
    lengths : str or None
        Value of int32, (m,).
    valid : str or None
        Value of float, (m, T, 1): 1 at the steps that exist.
    states : dict of str to tuple of str
        Values of initial states by the prefix of a layer's nodes; filled with their final states
        in `finals`.
    """

    def __init__(self, builder: Builder, name: str):
        self.builder, self.name = builder, name
        self.lengths: str | None = None
        self.valid: str | None = None
        self.states: dict[str, list[str]] = {}
        self.finals: dict[str, list[str]] = {}


def _embedding(b: Builder, layer: Embedding, x: str, p: Parameters, scope: Scope) -> str:
    return b.add("Gather", b.constant(p["We"], f"{scope.name}.We"), x, axis=0)


def _dense(b: Builder, layer: Dense, x: str, p: Parameters, scope: Scope) -> str:
    product = b.add("MatMul", x, b.constant(p["Wy"].T, f"{scope.name}.Wy.T"))
    return b.add("Add", product, b.constant(p["by"][:, 0], f"{scope.name}.by"))


def _dropout(b: Builder, layer: Dropout, x: str, p: Parameters, scope: Scope) -> str:
    return x


def activation(b: Builder, name: str, x: str) -> str:
    """Add an activation by its name in `nonlinearities`, or softmax over the last of three axes."""
    if name == "softmax":
        return b.add("Softmax", x, axis=2)
    kind, numbers = read_name(name)
    one = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "softsign": "Softsign",
           "softplus": "Softplus"}  # fmt: skip
    if kind in one:
        return b.add(one[kind], x)
    if kind in ("leaky_relu", "elu", "thresholded_relu", "hard_sigmoid"):
        attributes = dict(zip(("alpha", "beta"), numbers, strict=False))
        return b.add("".join(w.capitalize() for w in kind.split("_")), x, **attributes)
    alpha, beta = numbers
    if kind == "linear":
        return b.add("Add", b.add("Mul", x, _number(b, alpha)), _number(b, beta))
    return b.add("Mul", b.add("Tanh", b.add("Mul", x, _number(b, beta))), _number(b, alpha))


def _number(b: Builder, value: float) -> str:
    return b.constant(np.float32(value))


def _activation(b: Builder, layer: Activation, x: str, p: Parameters, scope: Scope) -> str:
    return activation(b, layer.activation, x)


def _batch_norm(b: Builder, layer: BatchNorm, x: str, p: Parameters, scope: Scope) -> str:
    own = {k: b.constant(v[:, 0]) for k, v in p.items()}  # themselves: runtimes fold constants
    deviation = b.add("Sqrt", b.add("Add", own["variance"], _number(b, layer.epsilon)))
    factor = b.add("Div", own["gamma"], deviation)
    centered = b.add("Sub", x, own["mean"])
    return b.add("Add", b.add("Mul", centered, factor), own["beta"])


def _layer_norm(b: Builder, layer: LayerNorm, x: str, p: Parameters, scope: Scope) -> str:
    centered = b.add("Sub", x, b.add("ReduceMean", x, axes=[2], keepdims=1))
    variance = b.add("ReduceMean", b.add("Mul", centered, centered), axes=[2], keepdims=1)
    deviation = b.add("Sqrt", b.add("Add", variance, _number(b, layer.epsilon)))
    scaled = b.add("Mul", b.add("Div", centered, deviation), b.constant(p["gamma"][:, 0]))
    return b.add("Add", scaled, b.constant(p["beta"][:, 0]))


def _merge(b: Builder, layer: Merge, x: str, p: Parameters, scope: Scope) -> str:
    op = {"product": "Mul", "max": "Max"}.get(layer.how, "Add")
    n = layer.n_out
    merged, *rest = (_columns(b, x, range(j * n, (j + 1) * n)) for j in range(layer.parts))
    for part in rest:
        merged = b.add(op, merged, part)
    return b.add("Div", merged, _number(b, layer.parts)) if layer.how == "mean" else merged


def _windows(b: Builder, layer: Windows, x: str, p: Parameters, scope: Scope) -> str:
    """A convolution whose kernel takes each feature at each place of the window as it is."""
    if scope.lengths is not None:
        raise InteropError(f"{scope.name} changes the number of steps; expected lengths=False.")
    taps = np.eye(layer.n_out, dtype=np.float32).reshape(layer.n_out, layer.size, layer.n_in)
    if layer.padding == "same" and layer.reach > 1:  # without dilation, for onnxruntime
        if layer.stride > layer.reach:  # it may cut off steps, where there should be no padding
            raise InteropError(f"{scope.name} is {layer!r}; expected a stride up to {layer.reach}.")
        options: dict[str, Any] = {"auto_pad": "SAME_UPPER"}
        kernel = np.zeros((layer.n_out, layer.reach, layer.n_in), np.float32)
        kernel[:, :: layer.dilation] = taps
    else:
        kernel, before = taps, (layer.padding == "causal") * (layer.reach - 1)
        options = {"pads": [before, 0], "dilations": [layer.dilation]}
    y = b.add("Conv", b.add("Transpose", x, perm=[0, 2, 1]), b.constant(kernel.swapaxes(1, 2)),
              strides=[layer.stride], **options)  # fmt: skip
    return b.add("Transpose", y, perm=[0, 2, 1])


def _columns(b: Builder, x: str, columns: Any) -> str:
    return b.add("Gather", x, b.constant(list(columns), dtype=np.int64), axis=2)


def _reverse(b: Builder, layer: Reverse, x: str, p: Parameters, scope: Scope) -> str:
    lengths = scope.lengths
    if lengths is None:
        size = b.add("Shape", x)
        m = b.add("Gather", size, b.constant([0], dtype=np.int64), axis=0)
        T = b.add("Gather", size, b.constant([1], dtype=np.int64), axis=0)
        lengths64 = b.add("Expand", T, m)
    else:
        lengths64 = b.add("Cast", lengths, to=7)
    return b.add("ReverseSequence", x, lengths64, batch_axis=0, time_axis=1)


def _flatten(b: Builder, layer: Flatten, x: str, p: Parameters, scope: Scope) -> str:
    x = x if scope.valid is None else b.add("Mul", x, scope.valid)
    scope.lengths = scope.valid = None
    return b.reshape(x, -1, 1, layer.n_out)


def _unflatten(b: Builder, layer: Unflatten, x: str, p: Parameters, scope: Scope) -> str:
    if scope.lengths is not None:
        raise InteropError(f"{scope.name} changes the number of steps; expected lengths=False.")
    return b.reshape(x, 0, -1, layer.n_out)


def _repeat(b: Builder, layer: Repeat, x: str, p: Parameters, scope: Scope) -> str:
    if scope.lengths is not None:
        raise InteropError(f"{scope.name} changes the number of steps; expected lengths=False.")
    repeated = b.add("Tile", b.reshape(x, 0, -1, 1, layer.n_out),
                     b.constant([1, 1, layer.times, 1], dtype=np.int64))  # fmt: skip
    return b.reshape(repeated, 0, -1, layer.n_out)


def _feature_embedding(
    b: Builder, layer: FeatureEmbedding, x: str, p: Parameters, scope: Scope
) -> str:
    parts = [_columns(b, x, layer.numeric)] if layer.numeric else []
    for j in layer.embeddings:
        column = b.add("Gather", x, b.constant(j, dtype=np.int64), axis=2)
        name = f"column{j}.We"
        table = b.constant(p[name], f"{scope.name}.{name}")
        parts.append(b.add("Gather", table, b.add("Cast", column, to=7), axis=0))
    return b.add("Concat", *parts, axis=2)


def _word_embedding(b: Builder, layer: WordEmbedding, x: str, p: Parameters, scope: Scope) -> str:
    """Words, and a bidirectional LSTM over the characters of each: all as one batch of m T."""
    word = b.add("Gather", x, b.constant(0, dtype=np.int64), axis=2)
    own = b.add("Gather", b.constant(p["We"], f"{scope.name}.We"), word, axis=0)
    end = b.constant([np.iinfo(np.int64).max], dtype=np.int64)
    axis = b.constant([2], dtype=np.int64)
    letters = b.add("Slice", x, b.constant([1], dtype=np.int64), end, axis)
    flat = b.add("Reshape", letters, b.add("Concat", b.constant([-1], dtype=np.int64),
                 b.add("Slice", b.add("Shape", letters), axis, end), axis=0))  # fmt: skip
    there = b.add("Cast", b.add("Cast", flat, to=9), to=6)  # 1 for every letter
    lengths = b.add("Cast", b.add("ReduceMax", b.add("Mul", there, _places(b, flat)),
                    axes=[1], keepdims=0), to=6)  # fmt: skip
    vectors = b.add("Gather", b.constant(p["characters.We"], f"{scope.name}.characters.We"), flat)
    inner = Scope(b, f"{scope.name}.lstm")
    inner.lengths = lengths
    _recurrent(b, layer.lstm, vectors, {k[5:]: v for k, v in p.items() if k[:5] == "lstm."}, inner)
    ends = inner.finals[inner.name][0]  # (2, m T, n_a)
    joined = b.reshape(b.add("Transpose", ends, perm=[1, 0, 2]), 0, 2 * layer.lstm.n_a)
    shape = b.add("Concat", b.add("Slice", b.add("Shape", x), b.constant([0], dtype=np.int64),
                  axis), b.constant([-1], dtype=np.int64), axis=0)  # fmt: skip
    return b.add("Concat", own, b.add("Reshape", joined, shape), axis=2)


def _places(b: Builder, rows: str) -> str:
    """1, 2, ... over the columns of (rows, L), int32: the largest at a letter is the length."""
    L = b.add("Gather", b.add("Shape", rows), b.constant(1, dtype=np.int64), axis=0)
    one = b.constant(1, dtype=np.int64)
    return b.add("Cast", b.add("Range", one, b.add("Add", L, one), one), to=6)


def _pool(b: Builder, layer: Pool, y: str, p: Parameters, scope: Scope) -> str:
    lengths, valid = scope.lengths, scope.valid
    scope.lengths = scope.valid = None
    if layer.pooling == "last":
        return _last(b, layer, y, lengths, valid)
    if layer.pooling == "max":
        if valid is None:
            return b.add("ReduceMax", y, axes=[1], keepdims=1)
        low = b.add("Mul", b.add("Sub", valid, _number(b, 1)), _number(b, 3e38))  # 0 or -3e38
        kept = b.add("Add", b.add("Mul", y, valid), low)
        highest = b.add("ReduceMax", kept, axes=[1], keepdims=1)
        return b.add("Mul", highest, b.add("ReduceMax", valid, axes=[1], keepdims=1))
    if valid is None:
        return b.add("ReduceMean", y, axes=[1], keepdims=1)
    total = b.add("MatMul", b.add("Transpose", valid, perm=[0, 2, 1]), y)
    assert lengths is not None
    count = b.reshape(b.add("Cast", lengths, to=1), -1, 1, 1)
    return b.add("Div", total, b.add("Max", count, _number(b, 1)))


def _last(b: Builder, layer: Pool, y: str, lengths: str | None, valid: str | None) -> str:
    """The last step, or with two directions the last of one half and the first of the other."""
    if lengths is None or valid is None:
        last = b.add("Gather", y, b.constant([-1], dtype=np.int64), axis=1)
    else:
        places = _places(b, b.add("Squeeze", valid, b.constant([2], dtype=np.int64)))  # 1, 2, ...
        there = b.add("Equal", places, b.reshape(lengths, -1, 1))
        last = b.add("MatMul", b.reshape(b.add("Cast", there, to=1), 0, 1, -1), y)
    if not layer.bidirectional:
        return last
    first, half = b.add("Gather", y, b.constant([0], dtype=np.int64), axis=1), layer.n_in // 2
    if valid is not None:
        first = b.add("Mul", first, b.add("ReduceMax", valid, axes=[1], keepdims=1))
    own = [_columns(b, last, range(half)), _columns(b, first, range(half, 2 * half))]
    return b.add("Concat", *own, axis=2)


def _recurrent(b: Builder, layer: Recurrent, x: str, p: Parameters, scope: Scope) -> str:
    """One node for each layer of a stack, time first inside."""
    parts = parts_of(layer.cell)
    if parts is None:
        raise InteropError(
            f"{scope.name} has the cell {layer.cell.name}, which ONNX does not have; expected an "
            f"LSTM, a GRU or a plain RNN."
        )
    for k in range(layer.n_layers):
        slots = [s for s in layer.slots if s.layer == k]
        prefix = f"{scope.name}.layer{k}" if layer.n_layers > 1 else scope.name
        arrays, attributes = weights(layer, slots, p, parts)
        names = [b.constant(v, f"{prefix}.{key}") for key, v in arrays.items() if key != "P"]
        inputs = [b.add("Transpose", x, perm=[1, 0, 2]), *names, scope.lengths or ""]
        states = scope.states.get(prefix, [])
        inputs += [*states, *[""] * (2 - len(states))]
        if "P" in arrays:
            inputs.append(b.constant(arrays["P"], f"{prefix}.P"))
        while not inputs[-1]:
            inputs.pop()
        op = "LSTM" if len(layer.states) == 2 else "GRU" if "Wu" in layer.cell.parameters else "RNN"
        outputs = [
            b.name(f"{op.lower()}_{what}") for what in ("y", "h", "c")[: 1 + len(layer.states)]
        ]
        b.node(op, inputs, outputs, name=prefix, hidden_size=layer.n_a, **attributes)
        scope.finals[prefix] = outputs[1:]
        x = b.reshape(
            b.add("Transpose", outputs[0], perm=[2, 0, 1, 3]), 0, 0, len(slots) * layer.n_a
        )
    return x


def weights(
    layer: Recurrent, slots: list[Any], p: Parameters, parts: tuple[str, tuple[str, ...], Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return W, R, B and P of one layer of a stack, and the node's attributes."""
    family, activations, clip = parts
    arrays: dict[str, list[np.ndarray]] = {"W": [], "R": [], "B": []}
    for slot in slots:
        own = {n: p[slot.prefix + n] for n in layer.cell.parameters}
        if "cifg" in family:  # the node has a forget gate, which it does not read
            own |= {"Wf": np.zeros_like(own["Wi"]), "bf": np.zeros_like(own["bi"])}
        cell = "lstm" if family.startswith("lstm") else layer.cell
        blocks: Any = to_blocks(cell, own, "onnx")
        W, R, *biases = blocks
        for key, value in zip("WRB", (W, R, np.concatenate(biases)), strict=True):
            arrays[key].append(value)
        if "peephole" in family:
            zero = np.zeros_like(own["pi"])
            peepholes = [own["pi"], own["po"], own.get("pf", zero)]
            arrays.setdefault("P", []).append(np.concatenate(peepholes)[:, 0])
    attributes: dict[str, Any] = {"direction": "bidirectional" if len(slots) > 1 else "forward"}
    if "cifg" in family:
        attributes["input_forget"] = 1
    if family == "gru_reset_after":
        attributes["linear_before_reset"] = 1
    if clip is not None:
        attributes["clip"] = clip
    plain = {"lstm": ("sigmoid", "tanh", "tanh"), "gru": ("sigmoid", "tanh"), "rnn": ("tanh",)}
    if activations != plain[family.split("_")[0]]:
        kinds = [read_name(name) for name in activations] * len(slots)
        attributes["activations"] = [NAMES[kind][0] for kind, _ in kinds]
        for i, key in enumerate(("activation_alpha", "activation_beta")):
            if given := [v[i] for kind, v in kinds if NAMES[kind][1] > i]:
                attributes[key] = given
    return {key: np.stack(value) for key, value in arrays.items()}, attributes


Function = Callable[[Builder, Any, str, Parameters, Scope], str]
LAYERS: dict[type, Function] = {
    Activation: _activation,
    BatchNorm: _batch_norm,
    Dense: _dense,
    Dropout: _dropout,
    Embedding: _embedding,
    FeatureEmbedding: _feature_embedding,
    Flatten: _flatten,
    LayerNorm: _layer_norm,
    Merge: _merge,
    Pool: _pool,
    Recurrent: _recurrent,
    Repeat: _repeat,
    Reverse: _reverse,
    Unflatten: _unflatten,
    Windows: _windows,
    WordEmbedding: _word_embedding,
}
