"""Every hand-written gradient of the equations against central differences, in float64."""

import numpy as np
import pytest

from bptt import check_grads
from bptt.equations import (
    batch_first,
    losses,
    output_backward,
    output_forward,
    softmax_cross_entropy,
    squared_error,
)
from bptt.gradcheck import entry_errors
from tests.support.cases import (
    CELLS,
    EXAMPLES,
    KINK_MARGIN,
    PATTERNS,
    SIZES,
    STEPS,
    WITH_OWN,
    cell_pair,
    checked_case,
    kink_margin,
    pattern_lengths,
    sequence_pair,
)
from tests.support.tolerances import TOLERANCES

RTOL = TOLERANCES["gradient"]


def check(pair):
    check_grads(*pair, rtol=RTOL)


def check_entries(pair):
    errors = entry_errors(*pair)
    assert errors.keys() == {name for name, value in pair[2].items() if value.size}
    wrong = {name: error for name, error in errors.items() if not error.error <= RTOL}
    assert not wrong


@pytest.mark.parametrize("m", EXAMPLES)
@pytest.mark.parametrize("name", WITH_OWN)
def test_one_step(name, m):
    case = checked_case(name, m=m, T_x=1)
    pair = cell_pair(WITH_OWN[name], case)
    check(pair)
    check_entries(pair)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("m", EXAMPLES)
@pytest.mark.parametrize("T_x", STEPS)
@pytest.mark.parametrize("name", WITH_OWN)
def test_through_time_with_gradients_on_the_final_states(name, T_x, m, pattern):
    case = checked_case(name, m=m, T_x=T_x, lengths=pattern_lengths(pattern, m, T_x))
    check(sequence_pair(WITH_OWN[name], case))


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", WITH_OWN)
def test_every_entry_through_time(name, pattern):
    """Three steps: a first, a last and one between; one direction checks 1, 2 and 7 above."""
    case = checked_case(name, T_x=3, lengths=pattern_lengths(pattern, 4, 3), seed=1)
    check_entries(sequence_pair(WITH_OWN[name], case))


@pytest.mark.parametrize("pattern", ["uniform", "ragged"])
@pytest.mark.parametrize("T", [1, 4, 6])
@pytest.mark.parametrize("name", WITH_OWN)
def test_loss_that_looks_at_the_first_steps_only(name, T, pattern):
    case = checked_case(name, lengths=pattern_lengths(pattern, 4, 7))
    check(sequence_pair(WITH_OWN[name], case, T=T))


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("m", EXAMPLES)
@pytest.mark.parametrize("T_x", STEPS)
def test_relu_cases_keep_their_distance_from_the_kink(T_x, m, pattern):
    lengths = pattern_lengths(pattern, m, T_x)
    assert kink_margin(checked_case("rnn_relu", m=m, T_x=T_x, lengths=lengths)) > KINK_MARGIN


def draw(**shapes):
    rng = np.random.default_rng(0)
    return {name: 0.6 * rng.standard_normal(shape) for name, shape in shapes.items()}


def output_layer_pair(shape):
    def forward(i):
        return output_forward(i["a"], i["Wy"], i["by"]), i

    def backward(dz, i):
        return output_backward(dz, i["a"], i["Wy"])

    n_a, n_y = SIZES["n_a"], SIZES["n_y"]
    return forward, backward, draw(a=(n_a, *shape), Wy=(n_y, n_a), by=(n_y, 1))


def loss_pair(loss, pattern, reduction):
    shape = (4,) if pattern == "one step" else (4, 7)
    lengths = None if pattern == "one step" else pattern_lengths(pattern, 4, 7)
    rng = np.random.default_rng(1)
    inputs = draw(y=(SIZES["n_y"], *shape))
    if loss is softmax_cross_entropy:
        target = rng.integers(SIZES["n_y"], size=shape)
    else:
        target = rng.standard_normal(inputs["y"].shape)
    return (
        lambda i: loss(i["y"], target, lengths, reduction),
        lambda d, dy: {"dy": d * dy},
        inputs,
    )


def batch_first_pair(function, **shapes):
    """A batch-first function of positional arrays in the form of `check_grads`."""
    forward = getattr(batch_first, f"{function}_forward")
    backward = getattr(batch_first, f"{function}_backward")

    def ahead(i):
        *outputs, cache = forward(*i.values())
        return tuple(outputs), cache

    def back(dy, cache):
        gradients = backward(*dy, cache)
        return dict(zip((f"d{name}" for name in shapes), gradients, strict=True))

    return ahead, back, draw(**shapes)


def batch_first_sequence_pair(cell, N, T, D=3, H=5):
    columns = {"rnn": H, "lstm": 4 * H}[cell]
    return batch_first_pair(
        cell, x=(N, T, D), h0=(N, H), Wx=(D, columns), Wh=(H, columns), b=(columns,)
    )


def batch_first_step_pair(cell, N, D=3, H=5):
    columns = {"rnn": H, "lstm": 4 * H}[cell]
    states = {"prev_h": (N, H)} | ({"prev_c": (N, H)} if cell == "lstm" else {})
    return batch_first_pair(
        f"{cell}_step", x=(N, D), **states, Wx=(D, columns), Wh=(H, columns), b=(columns,)
    )


def word_embedding_pair():
    words = np.array([[0, 2, 2], [5, 2, 0]])
    return (
        lambda i: batch_first.word_embedding_forward(words, i["W"]),
        lambda dout, cache: {"dW": batch_first.word_embedding_backward(dout, cache)},
        draw(W=(6, 5)),
    )


def temporal_softmax_pair(share):
    rng = np.random.default_rng(1)
    y, mask = rng.integers(6, size=(4, 7)), rng.random((4, 7)) < share
    return (
        lambda i: batch_first.temporal_softmax_loss(i["x"], y, mask),
        lambda d, dx: {"dx": d * dx},
        draw(x=(4, 7, 6)),
    )


# what is not a cell of the registry: {name: [pairs]}
OTHERS = {
    "output layer": [output_layer_pair(s) for s in [(4,), (4, 7), (1, 1), (4, 0), (0, 7)]],
    **{
        loss.__name__: [
            loss_pair(loss, pattern, reduction)
            for pattern in ("one step", *PATTERNS)
            for reduction in losses.REDUCTIONS
        ]
        for loss in (softmax_cross_entropy, squared_error)
    },
    **{
        f"batch_first {cell}": [
            *(batch_first_step_pair(cell, N) for N in EXAMPLES),
            *(batch_first_sequence_pair(cell, N, T) for N in EXAMPLES for T in (1, 2)),
        ]
        for cell in ("rnn", "lstm")
    },
    "temporal_affine": [batch_first_pair("temporal_affine", x=(4, 7, 3), w=(3, 5), b=(5,))],
    "word_embedding": [word_embedding_pair()],
    "temporal_softmax_loss": [temporal_softmax_pair(share) for share in (0.0, 0.5, 1.0)],
}


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(pair, id=f"{name} {i}")
        for name, pairs in OTHERS.items()
        for i, pair in enumerate(pairs)
    ],
)
def test_output_layer_losses_and_batch_first(pair):
    check(pair)
    check_entries(pair)


@pytest.mark.parametrize("N", EXAMPLES)
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_batch_first_through_many_steps(cell, N):
    check(batch_first_sequence_pair(cell, N, T=7))


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("name", CELLS)
def test_whole_model_from_x_to_loss(name, pattern):
    """Recurrent layer, output layer, loss: dy -> da closes the chain."""
    spec = CELLS[name]
    case = checked_case(name, lengths=pattern_lengths(pattern, 4, 7))
    labels = np.random.default_rng(1).integers(SIZES["n_y"], size=(4, 7))
    Wy, by = spec.head
    inputs = {"x": case.x, "a0": case.state0[0], **case.parameters}

    def forward(i):
        (a, *_), _, caches = spec.forward(
            i["x"], (i["a0"], *case.state0[1:]), {p: i[p] for p in case.parameters}, case.lengths
        )
        loss, dz = softmax_cross_entropy(
            output_forward(a, i[Wy], i[by]), labels, case.lengths, "mean_steps"
        )
        return loss, (a, dz, i[Wy], caches)

    def backward(d, cache):
        a, dz, weights, caches = cache
        g = output_backward(d * dz, a, weights)
        return {f"d{Wy}": g["dWy"], f"d{by}": g["dby"]} | spec.backward(g["da"], caches)

    check((forward, backward, inputs))
