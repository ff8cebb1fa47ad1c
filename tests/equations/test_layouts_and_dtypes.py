"""Any legal memory layout works, every illegal type is refused, and nothing given is changed."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bptt.equations import batch_first as bf
from bptt.equations import (
    gru_backward,
    lstm_backward,
    lstm_cell_backward,
    lstm_forward,
    pad_sequences,
    rnn_backward,
    rnn_cell_backward,
    rnn_forward,
    softmax_cross_entropy,
    squared_error,
)
from bptt.equations.sequences import Caches, forward_through_time
from bptt.errors import ConfigError, ShapeError
from tests.support.cases import CELLS, SIZES, copies, make_case, same_bits
from tests.support.entry_points import DOORS, arrays
from tests.support.tolerances import assert_close

every_cell = pytest.mark.parametrize("name", CELLS)
every_door = pytest.mark.parametrize("door", DOORS)


def backwards(v):
    """Negative strides on every axis."""
    flip = (slice(None, None, -1),) * v.ndim
    return v[flip].copy()[flip]


def every_second(v):
    """A view of every second entry of a larger array, on every axis."""
    large = np.full([2 * n for n in v.shape], np.nan, v.dtype)
    view = large[(slice(None, None, 2),) * v.ndim]
    view[...] = v
    return view


def read_only(v):
    v = v.copy()
    v.setflags(write=False)
    return v


def unaligned(v):
    raw = np.frombuffer(b"\0" + v.tobytes(), dtype=np.uint8)[1:]
    return raw.view(v.dtype).reshape(v.shape)


LAYOUTS = {
    "fortran": np.asfortranarray,
    "negative strides": backwards,
    "strided view": every_second,
    "read-only": read_only,
    "byte-swapped": lambda v: v.astype(v.dtype.newbyteorder()),
    "unaligned": unaligned,
    "memmap subclass": lambda v: v.view(np.memmap),
}


def assert_same(result, expected):
    for given, wanted in zip(arrays(result), arrays(expected), strict=True):
        assert given.dtype == wanted.dtype
        assert given.dtype.isnative
        assert type(given) is np.ndarray
        assert_close(given, wanted, "layout")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
@every_door
def test_every_memory_layout_gives_the_same_values(door, layout, dtype):
    arguments, call = DOORS[door](dtype)
    turned = {name: LAYOUTS[layout](v) for name, v in arguments.items()}
    assert all(np.array_equal(turned[name], v) for name, v in arguments.items())
    assert_same(call(**turned), call(**arguments))


@pytest.mark.parametrize("axis", [0, -1])
@every_door
def test_zero_stride_broadcasts_give_the_same_values(door, axis):
    arguments, call = DOORS[door](np.float64)
    spread = {n: np.broadcast_to(v.take([0], axis), v.shape) for n, v in arguments.items()}
    assert all(0 in v.strides or 1 in v.shape for v in spread.values())
    assert_same(call(**spread), call(**{n: v.copy() for n, v in spread.items()}))


@every_door
def test_float32_in_is_float32_out(door):
    """In every output and gradient, and close to the float64 result of the same inputs."""
    arguments, call = DOORS[door](np.float32)
    result = arrays(call(**arguments))
    exact = arrays(call(**{n: v.astype(np.float64) for n, v in arguments.items()}))
    for given, wanted in zip(result, exact, strict=True):
        assert given.dtype == np.float32
        assert wanted.dtype == np.float64
        assert_close(given, wanted, "float32")


@every_cell
def test_float32_gradients_of_saturated_units_are_right_beside_the_largest(name):
    """tanh' = 1 - g^2 has few digits left there: compare with the largest entry, not each alone."""
    case, spec = make_case(name, dtype=np.float32), CELLS[name]
    x = 20 * case.x
    results = []
    for dtype in (np.float32, np.float64):
        c = case.map(lambda v, dtype=dtype: v.astype(dtype))
        _, _, caches = spec.forward(x.astype(dtype), c.state0, c.parameters)
        results.append(spec.backward(c.da, caches, c.dfinal))
    for gradient, g in results[0].items():
        assert_close(g, results[1][gradient], "saturated")


@every_door
def test_arguments_are_never_changed(door):
    arguments, call = DOORS[door](np.float64)
    before = copies(arguments)
    first = copies(call(**arguments))
    assert same_bits(arguments, before)
    assert same_bits(copies(call(**arguments)), first)


# --- what is refused ------------------------------------------------------------------------------

KINDS = {
    "int64": lambda v: v.astype(np.int64),
    "int8": lambda v: v.astype(np.int8),
    "bool": lambda v: v.astype(bool),
    "float16": lambda v: v.astype(np.float16),
    "float128": lambda v: v.astype(np.longdouble),
    "complex128": lambda v: v.astype(np.complex128),
    "complex64": lambda v: v.astype(np.complex64),
    "object": lambda v: v.astype(object),
    "<U": lambda v: v.astype(str),
    "MaskedArray": np.ma.masked_array,
    "matrix": lambda v: v.view(np.matrix),
    "list": np.ndarray.tolist,
    "NoneType": lambda v: None,
}
OPTIONAL = {"c0", "da_final", "dc_final"}  # where None is legal


if np.dtype(np.longdouble).name != "float128":  # a machine with another long double
    del KINDS["float128"]


@pytest.mark.parametrize("kind", KINDS)
@every_door
def test_every_other_type_is_refused_in_a_sentence(door, kind):
    arguments, call = DOORS[door](np.float64)
    for name, v in arguments.items():
        if (kind == "matrix" and v.ndim != 2) or (kind == "NoneType" and name in OPTIONAL):
            continue
        with pytest.raises(ShapeError) as caught:
            call(**arguments | {name: KINDS[kind](v)})
        assert kind in str(caught.value), name
        assert "expected" in str(caught.value), name


@pytest.mark.parametrize("door", [d for d in DOORS if len(DOORS[d](np.float64)[0]) > 1])
def test_mixed_dtypes_are_refused(door):
    arguments, call = DOORS[door](np.float64)
    for name, v in arguments.items():
        with pytest.raises(ShapeError, match="expected") as caught:
            call(**arguments | {name: v.astype(np.float32)})
        assert "float32" in str(caught.value), name
        assert "float64" in str(caught.value), name


def wrong_shapes(v):
    """One entry too many on each axis in turn; an axis too many; an axis too few."""
    for axis in range(v.ndim):
        longer = np.concatenate([v, v.take([0], axis)], axis)
        yield longer, longer.shape[axis]
    yield v[np.newaxis], 1
    yield v[0], v[0].shape


# not wrong: more steps than the loss looks at, more classes than labels, more words than used
LEGAL = {
    ("lstm without c0", "x", (3, 4, 3)),
    ("softmax_cross_entropy", "z", (7, 4, 2)),
    ("temporal_softmax_loss", "x", (4, 2, 7)),
    ("word_embedding", "W", (7, 5)),
    ("pad_sequences", "s0", (3, 3)),
    ("pad_sequences", "s1", (3, 6)),
}


@pytest.mark.parametrize("door", sorted(DOORS.keys() - {"sigmoid", "relu", "softmax"}))
def test_every_wrong_shape_is_refused_with_given_and_expected(door):
    arguments, call = DOORS[door](np.float64)
    for name, v in arguments.items():
        for wrong, given in wrong_shapes(v):
            if (door, name, wrong.shape) in LEGAL:
                call(**arguments | {name: wrong})
                continue
            with pytest.raises(ShapeError, match="expected") as caught:
                call(**arguments | {name: wrong})
            assert str(given) in str(caught.value), (name, wrong.shape)


def test_a_message_says_whence_the_expectation_comes():
    case = make_case("lstm")
    with pytest.raises(ShapeError) as caught:
        lstm_forward(case.x[:2], case.state0[0], case.parameters)
    assert str(caught.value) == (
        "lstm_forward: x has shape (2, 4, 7); expected (n_x, m, T_x) with n_x = 3, "
        "because Wf is (5, 8) = (n_a, n_a + n_x)."
    )


def test_gate_matrix_with_fewer_columns_than_units_is_refused():
    case = make_case("lstm")
    with pytest.raises(
        ShapeError, match=r"Wf has shape \(5, 4\).*n_x = 0 or more, because n_a = 5"
    ):
        lstm_forward(case.x, case.state0[0], case.parameters | {"Wf": case.parameters["Wf"][:, :4]})


@every_cell
def test_missing_parameter_is_named_and_further_ones_are_ignored(name):
    case, spec = make_case(name), CELLS[name]
    for missing in spec.table | spec.head:
        if missing == "bca":
            continue  # its absence asks for the other variant
        fewer = {p: v for p, v in case.parameters.items() if p != missing}
        with pytest.raises(ShapeError, match=f"expected .*so {missing} is missing"):
            spec.forward(case.x, case.state0, fewer)
    more = case.parameters | {"optimizer": "adam"}
    assert same_bits(
        spec.forward(case.x, case.state0, more)[:2],
        spec.forward(case.x, case.state0, case.parameters)[:2],
    )


WRONG_LENGTHS = {
    "floats": ([5.0, 0.0, 7.0, 2.0], "float64"),
    "one float": ([5, 0, 7, 2.5], "float64"),
    "booleans": ([True, False, True, True], "bool"),
    "text": (["5", "0", "7", "2"], "<U1"),
    "None in it": ([5, None, 7, 2], "object"),
    "negative": ([5, -1, 7, 2], r"\[1\] is -1; expected 0..7"),
    "beyond T_x": ([5, 0, 7, 8], r"\[3\] is 8; expected 0..7"),
    "too few": ([5, 0, 7], r"\(3,\); expected \(4,\)"),
    "too many": ([5, 0, 7, 2, 1], r"\(5,\); expected \(4,\)"),
    "one number": (7, r"\(\); expected \(4,\)"),
    "none": ([], r"\(0,\); expected \(4,\)"),
    "two axes": ([[5, 0, 7, 2]], r"\(1, 4\); expected \(4,\)"),
}


@pytest.mark.parametrize(("lengths", "message"), WRONG_LENGTHS.values(), ids=WRONG_LENGTHS)
@pytest.mark.parametrize("door", [*CELLS, "softmax_cross_entropy", "squared_error"])
def test_wrong_lengths_are_refused_with_given_and_expected(door, lengths, message):
    def call():
        if door == "squared_error":
            return squared_error(np.ones((2, 4, 7)), np.ones((2, 4, 7)), lengths)
        if door == "softmax_cross_entropy":
            return softmax_cross_entropy(np.ones((2, 4, 7)), np.zeros((4, 7), int), lengths)
        case = make_case(door)
        return CELLS[door].forward(case.x, case.state0, case.parameters, lengths)

    with pytest.raises(ShapeError, match=f"lengths.*{message}") as caught:
        call()
    assert "expected" in str(caught.value)


@every_cell
def test_gradients_of_another_length_than_the_batch_are_refused(name):
    case, spec = make_case(name), CELLS[name]
    _, _, caches = spec.forward(case.x, case.state0, case.parameters)
    longer = np.concatenate([case.da, case.da], axis=2)
    with pytest.raises(ShapeError, match="da has 14 steps; expected at most T_x = 7"):
        spec.backward(longer, caches)
    with pytest.raises(ShapeError, match="da has 3 steps; expected T_x = 7"):
        spec.backward(case.da[:, :, :3], caches, case.dfinal)


@pytest.mark.parametrize("other", ["rnn", "lstm", "gru", "gru_reset_after"])
@pytest.mark.parametrize("backward", [rnn_backward, lstm_backward, gru_backward])
def test_caches_of_another_cell_are_refused(backward, other):
    prefix = backward.__name__.removesuffix("_backward")
    case = make_case(other)
    _, _, caches = CELLS[other].forward(case.x, case.state0, case.parameters)
    if CELLS[other].prefix == prefix:
        backward(case.da, caches)
        return
    with pytest.raises(
        ShapeError, match=f"caches are those of {other}; expected those of {prefix}"
    ):
        backward(case.da, caches)


def test_unknown_activation_is_refused_on_both_ways():
    case = make_case("rnn")
    with pytest.raises(ConfigError, match="'gelu'; expected 'tanh' or 'relu'"):
        rnn_forward(case.x, case.state0[0], case.parameters, activation="gelu")
    _, _, caches = rnn_forward(case.x, case.state0[0], case.parameters)
    with pytest.raises(ConfigError, match="'gelu'; expected 'tanh' or 'relu'"):
        rnn_cell_backward(case.dfinal[0], caches[0][-1], activation="gelu")


def test_gradients_may_be_passed_by_name():
    case = make_case("lstm")
    *_, caches = lstm_forward(case.x, case.state0[0], case.parameters)
    da, dc = case.dfinal
    expected = lstm_cell_backward(da, dc, caches[0][0])
    assert same_bits(lstm_cell_backward(cache=caches[0][0], dc_next=dc, da_next=da), expected)
    with pytest.raises(TypeError, match="dc_next"):
        lstm_cell_backward(da, cache=caches[0][0])


# --- what is changed, shared and kept -------------------------------------------------------------


@pytest.mark.parametrize("lengths", [None, [5, 0, 7, 2]], ids=["uniform", "ragged"])
@every_cell
def test_backward_twice_gives_the_same_answer_and_leaves_the_caches(name, lengths):
    case, spec = make_case(name), CELLS[name]
    _, _, caches = spec.forward(case.x, case.state0, case.parameters, lengths)
    before = copies([caches, caches.parameters, case.arrays()])
    first = copies(spec.backward(case.da, caches, case.dfinal))
    assert same_bits([caches, caches.parameters, case.arrays()], before)
    assert same_bits(spec.backward(case.da, caches, case.dfinal), first)


@every_cell
def test_one_step_backward_twice_gives_the_same_answer(name):
    case, spec = make_case(name), CELLS[name]
    _, _, cache = spec.cell_forward(case.x[:, :, 0], case.state0, case.parameters)
    before = copies(cache)
    first = copies(spec.cell_backward(case.dfinal, cache))
    assert same_bits(cache, before)
    assert same_bits(spec.cell_backward(case.dfinal, cache), first)


@every_cell
def test_results_share_no_memory_with_the_arguments(name):
    """An in-place change of a result cannot reach an input, a cache or another result."""
    case, spec = make_case(name), CELLS[name]
    for lengths in (None, [0, 0, 0, 0]):
        states, y, caches = spec.forward(case.x, case.state0, case.parameters, lengths)
        kept = [v for v in arrays([list(caches), case.arrays()]) if v.size]
        results = [*states, y, *spec.backward(case.da, caches, case.dfinal).values()]
        for i, result in enumerate(results):
            assert not any(np.shares_memory(result, v) for v in kept)
            assert not any(np.shares_memory(result, other) for other in results[:i])


@pytest.mark.parametrize("T_x", [0, 7])
@every_cell
def test_final_states_share_no_memory_with_initial_states_or_caches(name, T_x):
    case, cell = make_case(name, T_x=T_x), CELLS[name].cell
    states, final, caches = forward_through_time(
        cell, case.x, case.state0, case.parameters, lengths=None
    )
    for kept in (*case.state0, *states, *arrays(caches[0])):
        assert not any(np.shares_memory(s, kept) for s in final)


@every_cell
def test_one_buffer_may_stand_in_several_places(name):
    """x is da; a0 is c0, da_final and dc_final; all gates share one matrix: as with copies."""
    spec, n = CELLS[name], SIZES["n_a"]
    case = make_case(name, n_x=n)
    by_shape = {v.shape: v for v in case.parameters.values()}

    def run(own):
        parameters = {p: own(by_shape[v.shape]) for p, v in case.parameters.items()}
        state = [own(case.state0[0]) for _ in spec.states]
        states, y, caches = spec.forward(own(case.x), state, parameters, [5, 0, 7, 2])
        return states, y, spec.backward(own(case.x), caches, [own(s) for s in state])

    assert same_bits(run(lambda v: v), run(np.copy))


@pytest.mark.parametrize("lengths", [None, [5, 0, 7, 2]], ids=["uniform", "ragged"])
@every_cell
def test_parameter_changed_in_place_gives_the_gradients_of_the_changed_array(name, lengths):
    """The documented aliasing: caches hold the caller's parameters, not copies."""
    case, spec = make_case(name), CELLS[name]
    _, _, caches = spec.forward(case.x, case.state0, case.parameters, lengths)
    unchanged = copies(spec.backward(case.da, caches))
    changed = {p: v + 0.5 for p, v in case.parameters.items()}
    steps = [step._replace(parameters=changed) for step in caches[0]]
    expected = spec.backward(case.da, Caches(steps, case.x, caches.cell, caches.lengths, changed))
    for p, v in case.parameters.items():
        v[...] = changed[p]
    result = spec.backward(case.da, caches)
    assert same_bits(result, expected)
    assert not same_bits(result, unchanged)


@every_cell
def test_x_of_a_uniform_batch_is_aliased_too(name):
    case, spec = make_case(name), CELLS[name]
    _, _, caches = spec.forward(case.x, case.state0, case.parameters)
    assert np.shares_memory(caches[1], case.x)
    assert all(np.shares_memory(step.xt, case.x) for step in caches[0])


@pytest.mark.parametrize("name", [c for c in CELLS if c != "rnn_relu"])  # a pair cannot say relu
def test_caches_of_somebodys_own_loop_are_a_pair(name):
    """(list of step caches, x), as in the course, without what `Caches` carries besides."""
    case, spec = make_case(name), CELLS[name]
    _, _, caches = spec.forward(case.x, case.state0, case.parameters)
    expected = spec.backward(case.da, caches, case.dfinal)
    states, steps = case.state0, []
    for t in range(7):
        states, _, cache = spec.cell_forward(case.x[:, :, t], states, case.parameters)
        steps.append(cache)
    assert same_bits(spec.backward(case.da, (steps, case.x), case.dfinal), expected)
    with pytest.raises(ShapeError, match="no step; expected the caches of forward"):
        spec.backward(case.da[:, :, :0], ([], case.x[:, :, :0]), case.dfinal)


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
@every_cell
def test_caches_can_be_copied_and_pickled(name, duplicate):
    case, spec = make_case(name), CELLS[name]
    _, _, caches = spec.forward(case.x, case.state0, case.parameters, [5, 0, 7, 2])
    expected = spec.backward(case.da, caches, case.dfinal)
    assert same_bits(spec.backward(case.da, duplicate(caches), case.dfinal), expected)


@every_cell
def test_eight_threads_give_the_bits_of_one(name):
    """No state outside the arguments."""
    cases = [make_case(name, seed=seed) for seed in range(8)]

    def run(case):
        states, y, caches = CELLS[name].forward(case.x, case.state0, case.parameters, [5, 0, 7, 2])
        return states, y, CELLS[name].backward(case.da, caches, case.dfinal)

    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(run, cases * 4))
    assert same_bits(together, [run(case) for case in cases] * 4)


def test_batch_first_aliasing_is_as_documented():
    """The RNN's weights are views; the LSTM's four gates are cut out of a copy."""
    for forward, backward, columns, aliased in (
        (bf.rnn_forward, bf.rnn_backward, 5, True),
        (bf.lstm_forward, bf.lstm_backward, 20, False),
    ):
        rng = np.random.default_rng(0)
        x, h0, dh = rng.standard_normal((4, 2, 3)), np.zeros((4, 5)), rng.standard_normal((4, 2, 5))
        Wx, Wh = rng.standard_normal((3, columns)), rng.standard_normal((5, columns))
        _, cache = forward(x, h0, Wx, Wh, np.zeros(columns))
        before = backward(dh, cache)
        Wx *= 2
        assert same_bits(backward(dh, cache), before) != aliased


def test_sequences_of_another_dtype_are_not_mixed():
    with pytest.raises(ShapeError, match=r"sequences\[1\] is float32; expected float64"):
        pad_sequences([np.ones((3, 2)), np.ones((3, 2), np.float32)])


def test_labels_and_words_must_be_integers():
    for wrong in (np.zeros((4, 2)), np.zeros((4, 2), bool), np.zeros((4, 2), object)):
        with pytest.raises(ShapeError, match=f"ids is {wrong.dtype}; expected .*integers"):
            softmax_cross_entropy(np.ones((SIZES["n_y"], 4, 2)), wrong)
        with pytest.raises(ShapeError, match=f"x is {wrong.dtype}; expected .*integers"):
            bf.word_embedding_forward(wrong, np.ones((6, 5)))
    with pytest.raises(ShapeError, match=r"x is list; expected .*integers"):
        bf.word_embedding_forward([[0, 1]], np.ones((6, 5)))
