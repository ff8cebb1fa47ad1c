"""Ragged batches: a sequence in a batch is the sequence alone, whatever its padding holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt.equations import (
    batch_first,
    output_backward,
    output_forward,
    softmax_cross_entropy,
    squared_error,
)
from bptt.equations.sequences import valid_steps
from tests.support.cases import (
    CELLS,
    SIZES,
    Case,
    copies,
    final_states,
    make_case,
    ragged_lengths,
    same_bits,
)
from tests.support.tolerances import assert_close

LENGTHS = {
    "unsorted": [2, 7, 5, 3],
    "one zero": [5, 0, 7, 2],
    "all zero": [0, 0, 0, 0],
    "all full": [7, 7, 7, 7],
    "none full": [4, 1, 3, 3],
}
every_cell = pytest.mark.parametrize("name", CELLS)
every_length = pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)


def run(name, case, lengths):
    """Forward and backward, with gradients on the final states."""
    states, y, caches = CELLS[name].forward(case.x, case.state0, case.parameters, lengths)
    return states, y, CELLS[name].backward(case.da, caches, case.dfinal)


def junk_in_padding(case, lengths, junk=np.nan):
    """The same case with junk in the padding of x and of its upstream gradient."""
    exists = valid_steps(lengths, *case.x.shape[1:])
    x, da = (np.where(exists, v, junk).astype(v.dtype) for v in (case.x, case.da))
    return Case(x, case.state0, case.parameters, case.lengths, da, case.dfinal)


def row_alone(name, case, i, length):
    """Sequence i by itself, cut to its true length, as an uniform batch of one."""
    alone = Case(
        case.x[:, i : i + 1, :length],
        tuple(s[:, i : i + 1] for s in case.state0),
        case.parameters,
        None,
        case.da[:, i : i + 1, :length],
        tuple(s[:, i : i + 1] for s in case.dfinal),
    )
    return *run(name, alone, None), alone


def assert_rows_alone(name, case, lengths):
    """Hold a ragged run to its rows alone: outputs, final states, every gradient."""
    states, y, gradients = run(name, case, lengths)
    finals = final_states(states, case.state0, lengths)
    total = {p: np.zeros_like(v) for p, v in case.parameters.items() if p in CELLS[name].table}
    for i, length in enumerate(lengths):
        own_states, own_y, own, alone = row_alone(name, case, i, length)
        for batch, single in zip((*states, y), (*own_states, own_y), strict=True):
            assert_close(batch[:, i, :length], single[:, 0], "rows")
            assert not batch[:, i, length:].any()
        own_finals = final_states(own_states, alone.state0, None)
        for batch, single in zip(finals, own_finals, strict=True):
            assert_close(batch[:, i], single[:, 0], "rows")
        assert_close(gradients["dx"][:, i, :length], own["dx"][:, 0], "rows")
        assert not gradients["dx"][:, i, length:].any()
        for s in CELLS[name].states:
            assert_close(gradients[f"d{s}0"][:, i], own[f"d{s}0"][:, 0], "rows")
        for p in total:
            total[p] += own[f"d{p}"]
    for p, expected in total.items():
        assert_close(gradients[f"d{p}"], expected, "rows")


@every_length
@every_cell
def test_each_sequence_equals_itself_alone(name, lengths):
    assert_rows_alone(name, make_case(name), lengths)


@every_cell
def test_each_sequence_equals_itself_alone_in_float32(name):
    case = make_case(name, dtype=np.float32)
    assert_rows_alone(name, case, LENGTHS["one zero"])


@settings(deadline=None)
@given(data=st.data())
@every_cell
def test_any_lengths_equal_their_rows_alone(name, data):
    m, T_x = data.draw(st.integers(1, 6)), data.draw(st.integers(0, 5))
    lengths = data.draw(st.lists(st.integers(0, T_x), min_size=m, max_size=m))
    assert_rows_alone(name, make_case(name, m=m, T_x=T_x, seed=m), lengths)


@pytest.mark.parametrize("junk", [np.nan, np.inf, -1e300])
@every_length
@every_cell
def test_padding_never_matters(name, lengths, junk):
    case = make_case(name)
    clean = run(name, case, lengths)
    dirty = run(name, junk_in_padding(case, lengths, junk), lengths)
    assert same_bits(dirty, clean)
    assert all(np.isfinite(g).all() for g in dirty[-1].values())


@pytest.mark.parametrize("lengths", [None, [5, 3, 7, 2]], ids=["uniform", "ragged"])
@every_cell
def test_neighbours_never_matter(name, lengths):
    """NaN in one sequence stays there; the others keep their bits, forward and backward."""
    case = make_case(name)
    x = case.x.copy()
    x[:, 1] = np.nan
    others = [0, 2, 3]
    states, y, gradients = run(name, case, lengths)
    poisoned = Case(x, case.state0, case.parameters, case.lengths, case.da, case.dfinal)
    ill_states, ill_y, ill_gradients = run(name, poisoned, lengths)
    assert np.isnan(ill_y[:, 1, 0]).all()
    for healthy, ill in zip(
        (*states, y, gradients["dx"], gradients["da0"]),
        (*ill_states, ill_y, ill_gradients["dx"], ill_gradients["da0"]),
        strict=True,
    ):
        assert np.isfinite(ill[:, others]).all()
        assert np.array_equal(ill[:, others], healthy[:, others])


@every_length
@every_cell
def test_padding_is_exactly_zero(name, lengths):
    case = junk_in_padding(make_case(name), lengths)
    states, y, gradients = run(name, case, lengths)
    padding = ~valid_steps(lengths, *case.x.shape[1:])
    for result in (*states, y, gradients["dx"]):
        assert not result[:, padding].any()
        assert not np.signbit(result[:, padding]).any()


@every_cell
def test_full_lengths_are_the_uniform_batch_to_the_bit(name):
    case = make_case(name)
    assert same_bits(run(name, case, [7, 7, 7, 7]), run(name, case, None))


@every_cell
def test_order_of_the_sequences_does_not_matter(name):
    """Sorted or not: the same columns in another order, parameters' gradients the same sums."""
    case, lengths, order = make_case(name), np.array([2, 7, 0, 5]), [1, 3, 0, 2]
    sorted_case = Case(
        case.x[:, order],
        tuple(s[:, order] for s in case.state0),
        case.parameters,
        None,
        case.da[:, order],
        tuple(s[:, order] for s in case.dfinal),
    )
    states, y, gradients = run(name, case, lengths)
    sorted_states, sorted_y, sorted_gradients = run(name, sorted_case, lengths[order])
    for result, expected in zip((*sorted_states, sorted_y), (*states, y), strict=True):
        assert_close(result, expected[:, order], "rows")
    for g, expected in gradients.items():
        is_parameter = g[1:] in CELLS[name].table
        assert_close(sorted_gradients[g], expected if is_parameter else expected[:, order], "rows")


@every_cell
def test_zero_length_passes_state_and_gradient_through(name):
    case = make_case(name)
    states, _, gradients = run(name, case, [5, 0, 7, 2])
    finals = final_states(states, case.state0, [5, 0, 7, 2])
    for s, s0, final, dfinal in zip(
        CELLS[name].states, case.state0, finals, case.dfinal, strict=True
    ):
        assert np.array_equal(final[:, 1], s0[:, 1])
        assert np.array_equal(gradients[f"d{s}0"][:, 1], dfinal[:, 1])


@every_cell
def test_all_zero_lengths_leave_nothing_but_the_states(name):
    case = make_case(name)
    _, _, gradients = run(name, case, [0, 0, 0, 0])
    for s, dfinal in zip(CELLS[name].states, case.dfinal, strict=True):
        assert np.array_equal(gradients.pop(f"d{s}0"), dfinal)
    assert not any(g.any() for g in gradients.values())


@pytest.mark.parametrize(("m", "T_x"), [(4, 0), (0, 7), (0, 0), (1, 1), (1, 0)])
@pytest.mark.parametrize("ragged", [False, True])
@every_cell
def test_empty_batches_and_sequences_keep_their_shapes(name, ragged, m, T_x):
    case = make_case(name, m=m, T_x=T_x)
    lengths = [T_x] * m if ragged else None
    states, y, gradients = run(name, case, lengths)
    assert all(s.shape == (SIZES["n_a"], m, T_x) for s in states)
    assert y.shape == (SIZES["n_y"], m, T_x)
    assert gradients.keys() == CELLS[name].gradients
    assert gradients["dx"].shape == case.x.shape
    assert all(gradients[f"d{p}"].shape == case.parameters[p].shape for p in CELLS[name].table)
    if m == 0 or T_x == 0:
        for s, dfinal in zip(CELLS[name].states, case.dfinal, strict=True):
            assert np.array_equal(gradients.pop(f"d{s}0"), dfinal)
        assert not any(g.any() for g in gradients.values())


@pytest.mark.parametrize("sizes", [{"n_x": 1}, {"n_a": 1}, {"n_y": 1}, {"n_x": 1, "n_a": 1}])
@every_cell
def test_one_feature_one_unit_one_class(name, sizes):
    case = make_case(name, **sizes)
    n = SIZES | sizes
    states, y, gradients = run(name, case, [5, 0, 7, 2])
    assert states[0].shape == (n["n_a"], 4, 7)
    assert y.shape == (n["n_y"], 4, 7)
    assert gradients["dx"].shape == (n["n_x"], 4, 7)


@every_cell
def test_lengths_may_be_any_sequence_of_integers(name):
    case = make_case(name)
    expected = run(name, case, [5, 0, 7, 2])
    for kind in (tuple, np.array, lambda v: np.array(v, np.uint8), lambda v: np.array(v, ">i4")):
        assert same_bits(run(name, case, kind([5, 0, 7, 2])), expected)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
@every_cell
def test_the_lengths_travel_in_the_caches_as_a_copy(name, dtype):
    case, spec, lengths = make_case(name), CELLS[name], np.array([5, 0, 7, 2], dtype)
    _, _, caches = spec.forward(case.x, case.state0, case.parameters, lengths)
    expected = spec.backward(case.da, caches, case.dfinal)
    lengths[...] = 1
    assert same_bits(spec.backward(case.da, caches, case.dfinal), expected)
    assert caches.lengths.dtype == np.int64


@every_length
@every_cell
def test_inputs_and_lengths_are_untouched(name, lengths):
    case, given_lengths = make_case(name), np.array(lengths)
    before = copies([case.arrays(), given_lengths])
    run(name, case, given_lengths)
    assert same_bits([case.arrays(), given_lengths], before)


@pytest.mark.parametrize("T", [1, 4, 6])
@every_cell
def test_loss_on_the_first_steps_equals_the_cut_batch(name, T):
    """With da of T steps the last T_x - T steps might as well not be there."""
    case, lengths = make_case(name), np.array([5, 0, 7, 2])
    _, _, caches = CELLS[name].forward(case.x, case.state0, case.parameters, lengths)
    gradients = CELLS[name].backward(case.da[:, :, :T], caches)
    _, _, cut = CELLS[name].forward(
        case.x[:, :, :T], case.state0, case.parameters, np.minimum(lengths, T)
    )
    assert same_bits(gradients, CELLS[name].backward(case.da[:, :, :T], cut))


def test_long_sequences_need_no_recursion():
    case = make_case("rnn", m=1, T_x=5000, n_x=1, n_a=1, n_y=1)
    states, _, gradients = run("rnn", case, None)
    assert np.isfinite(states[0]).all()
    assert np.isfinite(gradients["dx"]).all()


@pytest.mark.parametrize("reduction", ["sum", "mean_examples", "mean_steps"])
@every_length
def test_losses_never_read_padding(lengths, reduction):
    rng = np.random.default_rng(0)
    exists = valid_steps(lengths, 4, 7)
    z, target = rng.standard_normal((2, SIZES["n_y"], 4, 7))
    labels = rng.integers(SIZES["n_y"], size=(4, 7))
    for loss, clean, junk in (
        (softmax_cross_entropy, labels, np.where(exists, labels, -100)),
        (squared_error, target, np.where(exists, target, np.nan)),
    ):
        expected = loss(z, clean, lengths, reduction)
        value, dz = loss(np.where(exists, z, np.nan), junk, lengths, reduction)
        assert value == expected[0]
        assert np.isfinite(value)
        assert same_bits(dz, expected[1])
        assert not dz[:, ~exists].any()


def test_output_layer_keeps_padding_out_of_its_gradients():
    """Zero states and zero dz on padding: nothing reaches dWy, dby or da from there."""
    case, lengths = make_case("lstm"), [5, 0, 7, 2]
    exists = valid_steps(lengths, 4, 7)
    (a, _), _, _ = CELLS["lstm"].forward(case.x, case.state0, case.parameters, lengths)
    Wy, by = case.parameters["Wy"], case.parameters["by"]
    labels = np.zeros((4, 7), dtype=int)
    _, dz = softmax_cross_entropy(output_forward(a, Wy, by), labels, lengths)
    g = output_backward(dz, a, Wy)
    assert not g["da"][:, ~exists].any()
    only_valid = output_backward(dz[:, exists], a[:, exists], Wy)
    assert_close(g["dWy"], only_valid["dWy"], "rows")
    assert_close(g["dby"], only_valid["dby"], "rows")


def test_temporal_softmax_loss_never_reads_masked_steps():
    rng = np.random.default_rng(0)
    x, y, mask = rng.standard_normal((4, 7, 6)), rng.integers(6, size=(4, 7)), rng.random((4, 7))
    mask = mask < 0.5
    loss, dx = batch_first.temporal_softmax_loss(x, y, mask)
    dirty = np.where(mask[:, :, None], x, np.nan)
    assert same_bits(
        list(batch_first.temporal_softmax_loss(dirty, np.where(mask, y, -1), mask)), [loss, dx]
    )
    assert not dx[~mask].any()


def test_patterns_of_the_gradient_tests_are_ragged_and_unsorted():
    lengths = ragged_lengths(4, 7)
    assert 0 in lengths
    assert lengths.max() == 7
    assert (np.diff(lengths) < 0).any()
    assert (np.diff(lengths) > 0).any()
