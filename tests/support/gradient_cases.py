"""Forward/backward pairs in the form of `check_grads`, for everything in the package that has one.

Sizes differ from one another: n_x, n_a, n_y are 3, 5, 6, there are 7 examples and 1, 2 or 4 steps,
ragged or not. Every output has a gradient, the final states included.
"""

from collections.abc import Callable
from functools import cache, partial
from inspect import signature
from typing import NamedTuple

import numpy as np

import bptt
from bptt import GRU, LSTM, RNN, Dense, Embedding, Network, batch_first, engine, equations
from bptt.course import characters
from bptt.equations import distributions, losses, regression
from bptt.layers import (
    Activation,
    BatchNorm,
    Dropout,
    FeatureEmbedding,
    Flatten,
    LayerNorm,
    Merge,
    Pool,
    Repeat,
    Reverse,
    Unflatten,
    Windows,
    WordEmbedding,
)
from tests.support.cases import (
    CELLS,
    NATIVE,
    WITH_OWN,
    cell_pair,
    checked_case,
    ragged_lengths,
    sequence_pair,
)

M, N_X, N_A, N_Y = 7, 3, 5, 6
N_TOKENS = 9
TOKENS = np.random.default_rng(10).integers(0, N_TOKENS, (M, 4))
TOKENS.flags.writeable = False  # here as with labels: what all cases share, none may overwrite
RAGGED = [2, 0, 4, 1, 4, 3, 2]


class Case(NamedTuple):
    """A forward/backward pair and its inputs, as `check_grads` takes them."""

    forward: Callable
    backward: Callable
    inputs: dict


# Cells: one step, and through time


def cell_case(name):
    """One step of a cell."""
    return Case(*cell_pair(WITH_OWN[name], checked_case(name, m=M, T_x=1)))


def sequence_case(name, T_x, ragged=False, T=None, module=equations):
    """A cell through time; with T its loss sees the hidden states of the first T steps only."""
    lengths = ragged_lengths(M, T_x) if ragged else None
    given = checked_case(name, m=M, T_x=T_x, lengths=lengths)
    return Case(*sequence_pair(WITH_OWN[name].within(module), given, T))


def own_loop_case(name, T_x):
    """A cell through time whose caches are a plain pair, as a course user's own loop gives them."""
    forward, backward, inputs = sequence_case(name, T_x)

    def plain(inputs):
        outputs, caches = forward(inputs)
        return outputs, tuple(caches)

    return Case(plain, backward, inputs)


@cache
def sequence_cases(*names):
    ragged = [(1, True), (4, True), (4, True, 2)]
    kinds = [(1,), (2,), (4,), *ragged, (4, False, 2), (0,)]
    cases = [sequence_case(n, *kind) for kind in kinds for n in names]
    plain = [n for n in names if n != "rnn_relu"]  # a plain pair does not tell its activation
    return cases + [own_loop_case(n, T_x) for T_x in (1, 2) for n in plain]


@cache
def course_cases():
    """The same functions at the top level, where they run on the engine."""
    kinds = [(2,), (4, True), (4, True, 2)]
    return [sequence_case(name, *kind, module=bptt) for kind in kinds for name in CELLS]


@cache
def characters_cases():
    """The course's character model: its loss on two names, from a state that is an input too."""
    shapes = {"Wax": (4, 5), "Waa": (4, 4), "Wya": (5, 4), "b": (4, 1), "by": (5, 1), "a0": (4, 1)}

    def case(X, Y):
        rng = np.random.default_rng(2)
        inputs = {name: rng.standard_normal(shape) for name, shape in shapes.items()}

        def forward(inputs):
            parameters = {name: inputs[name] for name in shapes if name != "a0"}
            loss, cache = characters.rnn_forward(X, Y, inputs["a0"], parameters)
            return np.array([loss]), (parameters, cache)

        def backward(dy, cache):
            gradients, _ = characters.rnn_backward(X, Y, *cache)
            gradients = gradients | {"da0": gradients["da_next"]}
            return {name: dy[0] * g for name, g in gradients.items()}

        return Case(forward, backward, inputs)

    return [case([None, 3, 1, 3], [3, 1, 3, 0]), case([2], [4])]


@cache
def cell_cases(*names):
    return [*map(cell_case, names), *sequence_cases(*names)]


# The batch-first family


def functions_case(forward, backward, **shapes):
    """A forward/backward pair of functions over random arrays: backward returns a tuple."""
    rng = np.random.default_rng(1)
    inputs = {name: 0.7 * rng.standard_normal(shape) for name, shape in shapes.items()}

    def run(inputs):
        *outputs, cache = forward(*inputs.values())
        return tuple(outputs), cache

    def back(dy, cache):
        gradients = backward(*dy, cache)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        return dict(zip((f"d{n}" for n in inputs), gradients, strict=True))

    return Case(run, back, inputs)


@cache
def batch_first_cases():
    """The CS231n functions that have a cell: D = 3, H = 5, N = 7."""
    cases = []
    for kind, gates, states in (("rnn", 1, ("prev_h",)), ("lstm", 4, ("prev_h", "prev_c"))):
        weights = {"Wx": (N_X, gates * N_A), "Wh": (N_A, gates * N_A), "b": (gates * N_A,)}
        step = [getattr(batch_first, f"{kind}_step_{way}") for way in ("forward", "backward")]
        before = dict.fromkeys(states, (M, N_A))
        cases.append(functions_case(*step, x=(M, N_X), **before, **weights))
        whole = [getattr(batch_first, f"{kind}_{way}") for way in ("forward", "backward")]
        for T_x in (1, 2, 4):
            cases.append(functions_case(*whole, x=(M, T_x, N_X), h0=(M, N_A), **weights))
    return cases


@cache
def embedding_cases():
    words = TOKENS.copy()
    words[:, 3] = words[:, 0]  # the same word twice in every row

    def forward(W):
        return batch_first.word_embedding_forward(words, W)

    return [functions_case(forward, batch_first.word_embedding_backward, W=(N_TOKENS, N_X))]


@cache
def affine_cases():
    pair = batch_first.temporal_affine_forward, batch_first.temporal_affine_backward
    weights = {"w": (N_A, N_Y), "b": (N_Y,)}
    return [functions_case(*pair, x=(M, T_x, N_A), **weights) for T_x in (1, 2, 4)]


# The output layer and the losses


@cache
def output_cases():
    def forward(inputs):
        return losses.output_forward(inputs["a"], inputs["Wy"], inputs["by"]), inputs

    def backward(dz, inputs):
        return losses.output_backward(dz, inputs["a"], inputs["Wy"])

    rng = np.random.default_rng(3)
    weights = {"Wy": rng.standard_normal((N_Y, N_A)), "by": rng.standard_normal((N_Y, 1))}
    shapes = (N_A, M), (N_A, M, 1), (N_A, M, 4)
    return [Case(forward, backward, {"a": rng.standard_normal(s)} | weights) for s in shapes]


def loss_case(loss, shape, *arguments):
    """A loss and the gradient that it returns itself: its own backward pass, run once more."""

    def forward(inputs):
        return np.array(loss(inputs["z"], *arguments)[0]), inputs

    def backward(d_loss, inputs):
        return {"dz": d_loss * loss(inputs["z"], *arguments)[1]}

    return Case(forward, backward, {"z": np.random.default_rng(4).standard_normal(shape)})


def loss_cases(loss, truth):
    """Every reduction, ragged; one step, one example, no step at all; truth (..., m, T_x)."""
    shape = N_Y, M, 4
    truth.flags.writeable = False
    return [
        *(loss_case(loss, shape, truth, RAGGED, reduction) for reduction in losses.REDUCTIONS),
        loss_case(loss, shape[:2], truth[..., 0]),
        loss_case(loss, (N_Y, 1, 4), truth[..., :1, :]),
        *(loss_case(loss, shape, truth, [0] * M, reduction) for reduction in losses.REDUCTIONS),
    ]


@cache
def cross_entropy_cases():
    labels = np.random.default_rng(5).integers(0, N_Y, (M, 4))
    listed = loss_case(losses.softmax_cross_entropy, (N_Y, M, 4), labels.tolist())
    return [*loss_cases(losses.softmax_cross_entropy, labels), listed]


@cache
def squared_error_cases():
    return loss_cases(losses.squared_error, np.random.default_rng(7).standard_normal((N_Y, M, 4)))


def regression_cases(loss, outputs, *arguments, truth=None):
    """Every reduction, ragged; no time axis: `outputs` numbers for each of two entries."""
    if truth is None:
        truth = np.random.default_rng(13).standard_normal((2, M, 4))
    truth.flags.writeable = False
    shape = 2 * outputs, M, 4
    ragged = [(truth, *arguments, RAGGED, reduction) for reduction in losses.REDUCTIONS]
    return [
        *(loss_case(loss, shape, *given) for given in ragged),
        loss_case(loss, shape[:2], truth[..., 0], *arguments),
        loss_case(loss, shape, truth, *arguments, [0] * M),
    ]


@cache
def gaussian_cases():
    return regression_cases(regression.gaussian_nll, 2)


@cache
def pinball_cases():
    return regression_cases(regression.pinball, 3, [0.1, 0.5, 0.8])


@cache
def student_t_cases():
    return regression_cases(distributions.student_t_nll, 3)


@cache
def negative_binomial_cases():
    counts = np.random.default_rng(14).integers(0, 9, (2, M, 4)).astype(float)
    return regression_cases(distributions.negative_binomial_nll, 2, truth=counts)


@cache
def temporal_softmax_cases():
    rng, loss = np.random.default_rng(6), batch_first.temporal_softmax_loss
    labels, mask = rng.integers(0, N_Y, (M, 4)), rng.random((M, 4)) < 0.7
    labels.flags.writeable = mask.flags.writeable = False
    return [
        *(loss_case(loss, (n, 4, N_Y), labels[:n], mask[:n]) for n in (M, 1, 0)),
        loss_case(loss, (M, 4, N_Y), labels.tolist(), mask.tolist()),
    ]


# The engine, layers and networks: batch first


def engine_case(name, T_x, ragged, reverse, *, dstate=True, tokens=False):
    cell, rng = NATIVE[name].cell, np.random.default_rng(8)
    lengths = ragged_lengths(M, T_x) if ragged else None
    shapes = cell.shapes(N_X, N_A)
    x, shape = ("table", (N_TOKENS, N_X)) if tokens else ("x", (M, T_x, N_X))
    inputs = {x: rng.standard_normal(shape)}
    inputs |= {f"{s}0": rng.standard_normal((M, N_A)) for s in cell.states}
    inputs |= {p: 0.6 * rng.standard_normal(shape) for p, shape in shapes.items()}

    def forward(inputs):
        state0 = tuple(inputs[f"{s}0"] for s in cell.states)
        parameters = {p: inputs[p] for p in shapes}
        given = (TOKENS[:, :T_x], inputs["table"]) if tokens else (inputs["x"], None)
        y, final, tape = engine.provider().forward(
            cell, given[0], state0, parameters, lengths, table=given[1], reverse=reverse
        )
        return (y, *(final if dstate else (None,) * len(final))), tape

    def backward(dy, tape):
        dy, *dfinal = dy
        dx, dstate0, gradients = engine.provider().backward(tape, dy, tuple(dfinal))
        none = engine.provider().backward(tape, dy, tuple(dfinal), parts=())[2]
        assert not any(map(len, none.values()))
        states = zip(cell.states, dstate0, strict=True)
        return (
            {f"d{x}": dx}
            | {f"d{p}": g for p, g in gradients.items()}
            | {f"d{s}0": ds for s, ds in states}
        )

    return Case(forward, backward, inputs)


@cache
def engine_cases():
    kinds = [(1, False), (2, True), (4, False), (4, True)]
    cases = [
        engine_case(name, *kind, reverse)
        for kind in kinds
        for reverse in (False, True)
        for name in ("rnn", "lstm")
    ]
    from_tokens = [engine_case("rnn", 4, both, both, tokens=True) for both in (False, True)]
    return [*cases, *from_tokens, engine_case("lstm", 2, False, False, dstate=False)]


def flat(state):
    """The arrays of a state, or of a network's tuple of states, in order."""
    return [a for s in state for a in (flat(s) if isinstance(s, tuple) else [s])]


def like(state, arrays):
    """The same tuples with other arrays, taken from an iterator."""
    return tuple(like(s, arrays) if isinstance(s, tuple) else next(arrays) for s in state)


def layer_case(layer, T_x, lengths=None, *, tokens=None, dstate=True, need_dx=True, seed=9):
    """A layer or a network; its initial states are the inputs s0, s1, ..."""
    rng = np.random.default_rng(seed)
    state0 = layer.zero_state(M, np.float64)
    first = next(iter(layer.layers.values())) if isinstance(layer, Network) else layer
    given = rng.standard_normal((M, T_x, first.n_in)) if tokens is None else tokens
    inputs = {"x": given} if need_dx and tokens is None else {}
    inputs |= {f"s{i}": rng.standard_normal(s.shape) for i, s in enumerate(flat(state0))}
    inputs |= {name: 0.5 * rng.standard_normal(shape) for name, shape in layer.shapes().items()}

    def forward(inputs):
        state = like(state0, iter([inputs[f"s{i}"] for i in range(len(flat(state0)))]))
        x = inputs.get("x", given)
        y, final, tape = layer.forward(x, inputs, state, lengths)
        return (y, *(flat(final) if dstate else ())), tape

    def backward(dy, tape):
        dy, *dfinal = dy
        dfinal = like(state0, iter(dfinal)) if dstate else None
        dx, dstate0, gradients = layer.backward(tape, dy, dfinal, need_dx=need_dx)
        if "parts" in signature(layer.backward).parameters:
            assert layer.backward(tape, dy, dfinal, need_dx=need_dx, parts=())[2] == {}
        assert (dx is None) == ("x" not in inputs)
        assert gradients.keys() == layer.shapes().keys()
        named = {f"d{name}": g for name, g in gradients.items()}
        return {"dx": dx, **named} | {f"ds{i}": ds for i, ds in enumerate(flat(dstate0))}

    return Case(forward, backward, inputs)


KINDS = {
    "RNN tanh": RNN,
    "RNN relu": partial(RNN, cell="rnn_relu"),
    "LSTM": LSTM,
    "GRU before": GRU,
    "GRU after": partial(GRU, cell="gru_reset_after"),
}


def build(kind, n_layers=1, bidirectional=False):
    return KINDS[kind](N_X, N_A, n_layers=n_layers, bidirectional=bidirectional)


@cache
def embedding_layer_cases():
    layer = Embedding(N_TOKENS, N_X)
    return [layer_case(layer, 4, lengths, tokens=TOKENS) for lengths in (None, RAGGED)]


@cache
def dense_cases():
    return [layer_case(Dense(N_A, N_Y), 4, lengths) for lengths in (None, RAGGED)]


POOLS = [("last", False), ("last", True), ("mean", False), ("max", True)]


def off(lengths=RAGGED, T_x=4):
    """The mask of padding."""
    return np.arange(T_x) >= np.array(lengths)[:, np.newaxis]


@cache
def pool_cases():
    """Every way to pool, what was seen before (sums, counts, maxima) included."""
    cases = []
    for how, bidirectional in POOLS:
        for lengths in (None, RAGGED):
            case = layer_case(Pool(6, how, bidirectional=bidirectional), 4, lengths)
            if how != "last":  # a count; of nothing at all where the second has no step either
                case.inputs["s1"] = 1 + np.abs(case.inputs["s1"])
                case.inputs["s1"][1] = 1 if lengths is None else -1
            cases.append(case)
    fresh = Pool(6, "max")
    return [*cases, stateless_case(fresh, RAGGED), stateless_case(Pool(6, "mean"), RAGGED)]


def stateless_case(layer, lengths, x=None, tokens=None):
    """A layer from its zero state; of x only the numeric columns are inputs."""
    rng = np.random.default_rng(11)
    columns = range(layer.n_in) if tokens is None else [*layer.numeric]
    whole = np.zeros((M, 4, layer.n_in)) if x is None else x
    inputs = {"x": rng.standard_normal((M, 4, len(columns)))} if columns else {}
    inputs |= {name: 0.5 * rng.standard_normal(shape) for name, shape in layer.shapes().items()}

    def forward(inputs):
        given = whole.copy()
        if columns:
            given[:, :, columns] = inputs["x"]
        y, _, tape = layer.forward(given, inputs, None, lengths)
        return y, tape

    def backward(dy, tape):
        dx, _, gradients = layer.backward(tape, dy)
        return {"dx": dx[:, :, columns]} | {f"d{name}": g for name, g in gradients.items()}

    return Case(forward, backward, inputs)


MIXED = np.zeros((M, 4, 4))
MIXED[:, :, 1], MIXED[:, :, 3] = TOKENS, TOKENS[::-1] // 2
MIXED.flags.writeable = False


@cache
def columns_cases():
    layers = [FeatureEmbedding(4, {1: (N_TOKENS, 2), 3: (5, 3)}), FeatureEmbedding(4, {})]
    return [
        stateless_case(layer, lengths, MIXED, tokens=True)
        for layer in layers
        for lengths in (None, RAGGED)
    ]


SPELLING = np.random.default_rng(12).integers(1, 6, (N_TOKENS, 3))
SPELLING[0] = 0  # no letter at all
SPELLING[1, 1:] = SPELLING[2, 2:] = 0
SPELLING[3] = SPELLING[4]  # two words of the same letters
SPELT = np.concatenate([TOKENS[:, :, np.newaxis], SPELLING[TOKENS]], axis=2)
SPELT.flags.writeable = False


@cache
def words_cases():
    layer = WordEmbedding(N_TOKENS, 2, 6, 3, 4)
    return [layer_case(layer, 4, lengths, tokens=SPELT) for lengths in (None, RAGGED)]


class Masked(Dropout):
    """Dropout that draws the same mask at every call."""

    def forward(self, *arguments):
        return super().forward(*arguments, rng=np.random.default_rng(14))


@cache
def dropout_cases():
    return [layer_case(layer, 4, RAGGED) for layer in (Masked(N_X, 0.4), Dropout(N_X, 0.4))]


def both_lengths(*layers):
    """Each layer on a full batch and on a ragged one."""
    return [layer_case(layer, 4, lengths) for layer in layers for lengths in (None, RAGGED)]


@cache
def activation_cases():
    return both_lengths(Activation(N_Y, "softmax"), Activation(N_Y, "softplus"))


@cache
def merge_cases():
    two = (Merge(N_Y, how) for how in ("sum", "mean", "product"))
    return both_lengths(*two, *(Merge(N_Y, how, parts=3) for how in ("product", "max")))


@cache
def normalize_cases():
    """Of the statistics, the variances are above 0."""
    cases = both_lengths(BatchNorm(N_X), LayerNorm(N_A, epsilon=0.1))
    for case in cases[:2]:
        case.inputs["variance"] = 0.5 + np.abs(case.inputs["variance"])
    return cases


@cache
def rearrange_cases():
    return both_lengths(
        Flatten(N_X, 4), Unflatten(N_Y, 3), Repeat(N_X, 2), Reverse(N_X), *windows()
    )


def windows():
    """Windows with each padding; some steps are in no window, and some windows outside."""
    return (
        Windows(N_X, 2),
        Windows(N_X, 2, dilation=2, padding="causal"),
        Windows(N_X, 3, stride=2, padding="same"),
    )


@cache
def recurrent_cases():
    layers = [
        LSTM(N_X, N_A),
        RNN(N_X, N_A, bidirectional=True),
        LSTM(N_X, N_A, n_layers=2),
        GRU(N_X, N_A, n_layers=2, bidirectional=True, cell="gru_reset_after"),
        LSTM(N_X, N_A, n_layers=3, bidirectional=True),
    ]
    cases = [layer_case(layer, 4, lengths) for layer in layers for lengths in (None, RAGGED)]
    ends = [layer_case(layers[-1], 2, dstate=False), layer_case(layers[-1], 2, need_dx=False)]
    return [*cases, *ends]


@cache
def network_cases():
    characters = Network([Embedding(N_TOKENS, N_X), LSTM(N_X, N_A), GRU(N_A, 11), Dense(11, N_Y)])
    series = Network([Dense(N_X, 11), GRU(11, N_A, bidirectional=True), RNN(2 * N_A, N_Y)])
    cases = [
        layer_case(network, 4, lengths, tokens=tokens, dstate=dstate)
        for network, tokens in ((characters, TOKENS), (series, None))
        for lengths in (None, RAGGED)
        for dstate in (True, False)
    ]
    dropped = Network([Dropout(N_X, 0.4), Dense(N_X, N_X), Dropout(N_X, 0.4), LSTM(N_X, N_A)])
    return [*cases, *(layer_case(n, 4, RAGGED, need_dx=False) for n in (series, dropped))]
