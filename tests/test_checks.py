"""The checks at the public checks: what passes, and the one sentence for what does not."""

import re

import numpy as np
import pytest

from bptt.checks import ArrayChecker, ParameterChecker, float_array
from bptt.errors import ShapeError


def refused(message):
    return pytest.raises(ShapeError, match=f"^{re.escape(message)}$")


# float_array


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_arrays_pass_as_they_are(dtype):
    base = np.zeros((4, 6), dtype)
    read_only = base.copy()
    read_only.flags.writeable = False
    for value in (base, base.T, base[::-2, 1::3], np.broadcast_to(base[:1], (3, 6)), read_only):
        assert float_array("x", value) is value
    assert float_array("x", dtype(2)).dtype == dtype


def test_byte_swapped_arrays_are_copied_into_native_order():
    value = np.array([1.5, -2.0], ">f4")
    native = float_array("x", value)
    assert native.dtype == np.float32
    assert native.dtype.isnative
    assert native.tolist() == [1.5, -2.0]


def test_a_python_float_is_a_scalar():
    assert float_array("x", 2.0).dtype == np.float64


@pytest.mark.parametrize("dtype", ["int64", "bool", "float16", "complex128", "object"])
def test_other_dtypes_are_refused(dtype):
    value = np.zeros(3, dtype)
    with refused(f"x is {value.dtype}; expected float32 or float64."):
        float_array("x", value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([1.0], "list"),
        (None, "NoneType"),
        (1, "int"),
        ("x", "str"),
        (np.ma.masked_array([1.0]), "MaskedArray"),
    ],
)
def test_other_types_are_refused(value, kind):
    with refused(f"x is a {kind}; expected a NumPy array of float32 or float64."):
        float_array("x", value)


# ArrayChecker.array


def test_a_check_learns_sizes_and_holds_later_arrays_to_them():
    check = ArrayChecker(n_y=6)
    W = np.zeros((4, 7))
    assert check.array("W", W, "n_a n_a+n_x") is W
    assert (check["n_a"], check["n_x"], check["n_y"]) == (4, 3, 6)
    check.array("b", np.zeros((4, 1)), "n_a 1")
    check.array("x", np.zeros((3, 2, 5)), "n_x m T_x")
    assert (check["m"], check["T_x"]) == (2, 5)
    with refused(
        "a0 has shape (4, 3); expected (n_a, m) with m = 2, because x is (3, 2, 5) = (n_x, m, T_x)."
    ):
        check.array("a0", np.zeros((4, 3)), "n_a m")
    with refused("y has shape (5,); expected (n_y,) with n_y = 6, as constructed."):
        check.array("y", np.zeros(5), "n_y")
    with refused("c0 is float32; expected float64, because W is float64."):
        check.array("c0", np.zeros((4, 2), np.float32), "n_a m")
    with refused("b has shape (4, 2); expected (n_a, 1)."):
        check.array("b", np.zeros((4, 2)), "n_a 1")
    with refused("a has shape (4, 2); expected (n_a, m, T_x)."):
        check.array("a", np.zeros((4, 2)), "n_a m T_x")


def test_a_sum_of_sizes_is_held_from_both_sides():
    check = ArrayChecker()
    check.array("Wf", np.zeros((4, 7)), "n_a n_a+n_x")
    with refused(
        "Wi has shape (4, 8); expected (n_a, n_a + n_x) with n_x = 3, because Wf is (4, 7) "
        "= (n_a, n_a + n_x)."
    ):
        check.array("Wi", np.zeros((4, 8)), "n_a n_a+n_x")


def test_a_sum_that_is_too_small():
    with refused(
        "Wf has shape (5, 3); expected (n_a, n_a + n_x) with n_x = 0 or more, because n_a = 5."
    ):
        ArrayChecker().array("Wf", np.zeros((5, 3)), "n_a n_a+n_x")


def test_empty_axes_are_sizes_like_others():
    check = ArrayChecker()
    check.array("x", np.zeros((3, 0, 4)), "n_x m T_x")
    assert check["m"] == 0
    with refused(
        "a0 has shape (5, 1); expected (n_a, m) with m = 0, because x is (3, 0, 4) = (n_x, m, T_x)."
    ):
        check.array("a0", np.zeros((5, 1)), "n_a m")


# ArrayChecker.lengths


@pytest.mark.parametrize(
    "value", [[2, 0, 3], (3, 3, 1), np.array([0, 0, 0]), np.array([1, 2, 3], np.uint8)]
)
def test_lengths(value):
    lengths = ArrayChecker().lengths("lengths", value, 3, 3)
    assert lengths.dtype == np.int64
    assert lengths.tolist() == list(value)
    assert lengths is not value


def test_full_lengths_are_no_lengths():
    assert ArrayChecker().lengths("lengths", None, 3, 3) is None
    assert ArrayChecker().lengths("lengths", [3, 3, 3], 3, 3) is None
    assert ArrayChecker().lengths("lengths", [], 0, 3) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, 2.0], "lengths are float64; expected 2 integers in 0..3."),
        ([True, False], "lengths are bool; expected 2 integers in 0..3."),
        (["1", "2"], "lengths are <U1; expected 2 integers in 0..3."),
        ([1], "lengths have shape (1,); expected (2,), one for each sequence."),
        ([[1, 2]], "lengths have shape (1, 2); expected (2,), one for each sequence."),
        (2, "lengths have shape (); expected (2,), one for each sequence."),
        ([], "lengths have shape (0,); expected (2,), one for each sequence."),
        (
            [3, 4],
            "lengths[1] is 4; expected 0..3, because there are T_x = 3 steps.",
        ),
        (
            [-1, 4],
            "lengths[0] is -1; expected 0..3, because there are T_x = 3 steps.",
        ),
    ],
)
def test_wrong_lengths(value, message):
    with refused(message):
        ArrayChecker().lengths("lengths", value, 2, 3)


# ArrayChecker.indices


def test_indices():
    value = np.array([[0, 4], [2, 1]], np.uint8)
    assert ArrayChecker().indices("x", value, 5, "tokens") is value
    empty = np.zeros((0, 3), int)
    assert ArrayChecker().indices("x", empty, 0, "tokens") is empty


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0], "x is list; expected an array of integers."),
        (np.zeros(2), "x is float64; expected an array of integers."),
        (np.zeros(2, bool), "x is bool; expected an array of integers."),
        (np.array([0, 5]), "x holds 5; expected 0..4, because there are 5 tokens."),
        (np.array([-1, 5]), "x holds -1; expected 0..4, because there are 5 tokens."),
    ],
)
def test_wrong_indices(value, message):
    with refused(message):
        ArrayChecker().indices("x", value, 5, "tokens")


# ParameterChecker

TABLE, SIZES = {"W": "n_y n_a", "b": "n_y 1"}, {"n_y": 2, "n_a": 3}
GIVEN = {"top.W": np.ones((2, 3)), "top.b": np.ones((2, 1)), "other": 5}


def test_a_layers_parameters_are_found_under_their_bare_names():
    check = ParameterChecker(TABLE, SIZES, "top.")
    own, dtype = check(GIVEN)
    assert {name: id(array) for name, array in own.items()} == {
        name: id(GIVEN[f"top.{name}"]) for name in TABLE
    }
    assert dtype == np.float64
    assert check.select(GIVEN).keys() == own.keys()
    swapped, dtype = check({name: np.asarray(a).astype(">f8") for name, a in GIVEN.items()})
    assert dtype.isnative
    assert swapped["W"].tolist() == own["W"].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"top.W": None}, "top.W is a NoneType; expected a NumPy array of float32 or float64."),
        (
            {"top.b": np.ones((2, 2))},
            "top.b has shape (2, 2); expected (n_y, 1).",
        ),
        (
            {"top.b": np.ones((2, 1), np.float32)},
            "top.b is float32; expected float64, because top.W is float64.",
        ),
        (
            {"top.W": np.ones((2, 4))},
            "the layer's (n_y, n_a) has shape (2, 3); expected (n_y, n_a) with n_a = 4, "
            "because top.W is (2, 4) = (n_y, n_a).",
        ),
    ],
)
def test_parameters_that_do_not_fit(change, message):
    with refused(message):
        ParameterChecker(TABLE, SIZES, "top.")(GIVEN | change)


def test_a_missing_parameter_is_named_with_its_prefix():
    check = ParameterChecker(TABLE, SIZES, "top.")
    for call in (check, check.select, check.arrays):
        with refused("parameters has top.W; expected top.W, top.b, so top.b is missing."):
            call({"top.W": GIVEN["top.W"]})


def test_a_table_may_be_empty_or_have_one_name():
    assert ParameterChecker({}, {})({"x": 1}) == ({}, None)
    own, _ = ParameterChecker({"W": "n_y n_a"}, SIZES)({"W": GIVEN["top.W"]})
    assert list(own) == ["W"]
