"""The table of parameters: shapes, checks, counts, initial values."""

import re

import numpy as np
import pytest

from bptt.errors import ConfigError, ShapeError
from bptt.params import (
    CELLS,
    EMBEDDING,
    HEADS,
    check,
    count,
    glorot_uniform,
    head,
    init,
    orthogonal,
    shapes,
)
from tests.support.cases import same_bits

SIZES = {"n_x": 3, "n_a": 5}
COUNTS = {  # n_a (n_a + n_x) weights and n_a biases for each gate
    "rnn": 5 * 8 + 5,
    "rnn_relu": 5 * 8 + 5,
    "lstm": 4 * (5 * 8 + 5),
    "gru": 3 * (5 * 8 + 5),
    "gru_reset_after": 3 * (5 * 8 + 5) + 5,
}


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("cell", CELLS)
def test_shapes_and_count(cell):
    assert count(shapes(CELLS[cell], **SIZES)) == COUNTS[cell]
    parameters = init(CELLS[cell], rng(), **SIZES)
    assert count(parameters) == COUNTS[cell]
    assert {name: p.shape for name, p in parameters.items()} == shapes(CELLS[cell], **SIZES)


def test_every_cell_has_its_row():
    assert CELLS.keys() == COUNTS.keys()


def test_shapes_of_one_cell_by_hand():
    assert shapes(CELLS["lstm"], **SIZES) == {
        "Wf": (5, 8),
        "bf": (5, 1),
        "Wi": (5, 8),
        "bi": (5, 1),
        "Wc": (5, 8),
        "bc": (5, 1),
        "Wo": (5, 8),
        "bo": (5, 1),
    }
    assert shapes(EMBEDDING, n_tokens=9, n_x=3) == {"We": (9, 3)}


def test_heads_as_the_course_names_them():
    assert list(head("rnn")) == list(head("rnn_relu")) == ["Wya", "by"]
    assert list(head("lstm")) == list(head("gru_reset_after")) == ["Wy", "by"]
    assert shapes(HEADS["gated"], n_y=6, n_a=5) == {"Wy": (6, 5), "by": (6, 1)}


def test_count_of_nothing_and_of_scalars():
    assert count({}) == 0
    assert count({"a": np.zeros(()), "b": np.zeros((0, 4)), "c": (2, 3)}) == 7


# check


def test_check_returns_the_table_s_names_and_a_door_that_knows_the_sizes():
    parameters = init(CELLS["gru"], rng(), **SIZES)
    swapped = parameters | {"bu": parameters["bu"].astype(">f4"), "more": None}
    own, door = check("demo", CELLS["gru"], swapped)
    assert list(own) == list(CELLS["gru"])
    assert own["Wu"] is parameters["Wu"]
    assert own["bu"].dtype.isnative
    assert (door["n_a"], door["n_x"], door.dtype) == (5, 3, np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Wa": 0}, "demo: parameters has Wa; expected Wax, Waa, ba, so Wax, Waa, ba is missing."),
        ({}, "demo: parameters has no entry; expected Wax, Waa, ba, so Wax, Waa, ba is missing."),
    ],
)
def test_check_says_what_is_missing(change, message):
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        check("demo", CELLS["rnn"], change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"Waa": np.zeros((5, 4), np.float32)},
            "demo: Waa has shape (5, 4); expected (n_a, n_a) with n_a = 5, because Wax is (5, 3) "
            "= (n_a, n_x).",
        ),
        ({"ba": np.zeros(5, np.float32)}, "demo: ba has shape (5,); expected (n_a, 1)."),
        ({"ba": np.zeros((5, 2), np.float32)}, "demo: ba has shape (5, 2); expected (n_a, 1)."),
        (
            {"ba": np.zeros((5, 1))},
            "demo: ba is float64; expected float32, because Wax is float32.",
        ),
        ({"Wax": [[0.0]]}, "demo: Wax is a list; expected a NumPy array of float32 or float64."),
    ],
)
def test_check_says_what_does_not_fit(change, message):
    parameters = init(CELLS["rnn"], rng(), **SIZES) | change
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        check("demo", CELLS["rnn"], parameters)


# init


@pytest.mark.parametrize("cell", CELLS)
def test_init_draws_in_the_table_s_order_from_one_generator(cell):
    generator = rng()
    first, second = (init(CELLS[cell], generator, **SIZES) for _ in range(2))
    assert same_bits(first, init(CELLS[cell], rng(), **SIZES))
    assert not any(np.array_equal(first[n], second[n]) for n in first if n.startswith("W"))
    wide = init(CELLS[cell], rng(), dtype=np.float64, **SIZES)
    assert all(np.array_equal(first[n], wide[n].astype(np.float32)) for n in first)


def test_init_biases():
    p = init(CELLS["lstm"], rng(), biases={"bf": 1.5, "bo": -1}, **SIZES)
    assert {name: set(p[name].ravel().tolist()) for name in ("bf", "bi", "bc", "bo")} == {
        "bf": {1.5},
        "bi": {0},
        "bc": {0},
        "bo": {-1},
    }


@pytest.mark.parametrize("dtype", [np.float16, int, complex, ">f4"])
def test_init_refuses_other_dtypes(dtype):
    with pytest.raises(ConfigError, match=r"^init: dtype is .*; expected float32 or float64\.$"):
        init(CELLS["rnn"], rng(), dtype=dtype, **SIZES)


@pytest.mark.parametrize("shape", [(40, 40), (40, 25), (25, 40), (1, 1), (7, 1)])
def test_orthogonal(shape):
    q = orthogonal(rng(), shape)
    assert q.shape == shape
    small = q @ q.T if shape[0] <= shape[1] else q.T @ q
    assert np.abs(small - np.eye(min(shape))).max() < 1e-14


def test_orthogonal_is_uniform():
    """Mean 0 and variance 1/n of every entry: the raw Q of a QR factorisation has neither."""
    generator, n, draws = rng(), 3, 4000
    q = np.array([orthogonal(generator, (n, n)) for _ in range(draws)])
    assert np.abs(q.mean(axis=0)).max() < 5 / np.sqrt(n * draws)
    assert np.abs((q**2).mean(axis=0) - 1 / n).max() < 5 / np.sqrt(draws) / n
    assert abs(np.mean(np.linalg.det(q))) < 5 / np.sqrt(draws)


def test_glorot_uniform():
    w = glorot_uniform(rng(), (60, 90))
    limit = np.sqrt(6 / 150)
    assert w.shape == (60, 90)
    assert 0.99 * limit < np.abs(w).max() <= limit
    assert abs(w.std() - limit / np.sqrt(3)) < 0.02 * limit
    assert glorot_uniform(rng(), (0, 0)).shape == (0, 0)
