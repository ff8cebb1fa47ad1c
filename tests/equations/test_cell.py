"""The record of a cell: what it says of itself, what it draws, what it refuses."""

import copy
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

from bptt.checks import parameters_of, shape_of
from bptt.equations import CELLS, cell_of, register
from bptt.equations.initializers import glorot_uniform, orthogonal
from bptt.errors import ConfigError, ShapeError
from tests.support.cases import same_bits

SIZES = {"n_x": 3, "n_a": 5}
COUNTS = {  # n_a (n_a + n_x) weights and n_a biases for each gate
    "rnn": 5 * 8 + 5,
    "rnn_relu": 5 * 8 + 5,
    "lstm": 4 * (5 * 8 + 5),
    "gru": 3 * (5 * 8 + 5),
    "gru_reset_after": 3 * (5 * 8 + 5) + 5,
    "lstm_cifg": 3 * (5 * 8 + 5),
}
each_cell = pytest.mark.parametrize("cell", COUNTS)


def rng():
    return np.random.default_rng(0)


@each_cell
def test_shapes_and_count(cell):
    shapes = CELLS[cell].shapes(**SIZES)
    parameters = CELLS[cell].init(rng(), **SIZES)
    assert {name: p.shape for name, p in parameters.items()} == shapes
    assert sum(p.size for p in parameters.values()) == COUNTS[cell]
    assert CELLS[cell].sizes(parameters) == SIZES


def test_every_built_in_cell_is_registered():
    assert list(CELLS)[: len(COUNTS)] == list(COUNTS)
    assert all(cell.name == name for name, cell in CELLS.items())


def test_shapes_of_one_cell_by_hand():
    assert CELLS["lstm"].shapes(**SIZES) == {
        "Wf": (5, 8),
        "bf": (5, 1),
        "Wi": (5, 8),
        "bi": (5, 1),
        "Wc": (5, 8),
        "bc": (5, 1),
        "Wo": (5, 8),
        "bo": (5, 1),
    }


def test_kinds_and_weights():
    assert CELLS["rnn"].kinds == {"Wax": "input", "Waa": "recurrent", "ba": "bias"}
    assert CELLS["gru"].kinds["Wc"] == "joint"
    assert CELLS["gru"].weights == ("Wu", "Wr", "Wc")
    diagonal = mine(parameters={"bW": "n_a n_x", "W": "n_a 1"}, per_unit=("W",))
    assert diagonal.kinds == {"bW": "input", "W": "per_unit"}
    assert diagonal.weights == ("bW", "W")


def test_heads_as_the_course_names_them():
    assert list(CELLS["rnn"].head) == list(CELLS["rnn_relu"].head) == ["Wya", "by"]
    assert list(CELLS["lstm"].head) == list(CELLS["gru_reset_after"].head) == ["Wy", "by"]
    shapes = {name: shape_of(spec, n_y=6, n_a=5) for name, spec in CELLS["gru"].head.items()}
    assert shapes == {"Wy": (6, 5), "by": (6, 1)}


# A record of one's own


def mine(**changes):
    """A cell that differs from the RNN in its name and in what is changed."""
    return replace(CELLS["rnn"], **({"name": "mine"} | changes))


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr("bptt.equations.cell.CELLS", dict(CELLS))


@pytest.mark.usefixtures("registry")
def test_a_registered_cell_is_found_by_its_name_and_may_be_replaced():
    with pytest.raises(ConfigError, match=r"^cell is 'mine'; expected 'rnn', .*register\(cell\)"):
        cell_of("mine")
    first, second = mine(), mine()
    assert cell_of(first) is first
    assert register(first) is first
    assert cell_of("mine") is first
    register(second)
    assert cell_of("mine") is second


@pytest.mark.parametrize("what", [None, 3, ["lstm"], "LSTM"])
def test_what_is_no_cell(what):
    with pytest.raises(ConfigError, match=f"^cell is {re.escape(repr(what))}; expected 'rnn', "):
        cell_of(what)


def test_only_a_record_is_registered():
    with pytest.raises(ConfigError, match=r"^register: cell is 'lstm'; expected a bptt\.equ"):
        register("lstm")


def test_copies_and_pickles():
    assert copy.deepcopy(CELLS["lstm"]) is copy.copy(CELLS["lstm"]) is CELLS["lstm"]
    assert pickle.loads(pickle.dumps(CELLS["lstm"])) is CELLS["lstm"]
    own = mine(parameters={"W": "n_a n_x", "p": "n_a 1"}, per_unit=("p",), initial={"p": 2.0})
    read = pickle.loads(pickle.dumps(own))
    assert (read.name, dict(read.parameters)) == ("mine", {"W": "n_a n_x", "p": "n_a 1"})
    assert (read.kinds, dict(read.initial)) == (own.kinds, {"p": 2.0})
    assert read.recurrence is own.recurrence


def test_a_record_is_not_changed():
    with pytest.raises(AttributeError):
        CELLS["rnn"].name = "other"
    with pytest.raises(TypeError):
        CELLS["rnn"].parameters["Wax"] = "n_a n_a"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "my cell"}, "name is 'my cell'; expected an identifier"),
        ({"name": "lstm"}, "name is 'lstm'; expected another one: that cell is built in"),
        ({"states": ("a")}, "states of mine is 'a'; expected a tuple of names, such as (\"a\",)"),
        ({"states": ()}, "states of mine is (); expected at least one state: the output"),
        ({"states": ("a", 1)}, "states of mine is ('a', 1); expected identifiers"),
        ({"gates": ["ut"]}, "gates of mine is ['ut']; expected a tuple of names"),
        ({"gates": ("a",)}, "mine uses a twice; expected different names"),
        ({"parameters": {"a0": "n_a n_x"}}, "mine uses a0 twice; expected different names"),
        (
            {"parameters": {"W": "n_x n_a"}},
            "parameter 'W' of mine has shape 'n_x n_a'; expected one of 'n_a n_a+n_x', 'n_a n_a', "
            "'n_a n_x', 'n_a 1'",
        ),
        (
            {"parameters": {"lstm.W": "n_a n_x"}},
            "parameter 'lstm.W' of mine has shape 'n_a n_x'; expected an identifier",
        ),
        (
            {"parameters": {"W": "n_a n_a"}},
            "no parameter of mine multiplies the input; expected one of shape 'n_a n_a+n_x' or "
            "'n_a n_x'",
        ),
        ({"per_unit": ("Waa",)}, "per_unit of mine holds Waa; expected parameters of shape"),
        ({"initial": {"bq": 1.0}}, "initial of mine holds bq; expected parameters of shape"),
        ({"cache": dict}, "cache of mine is <class 'dict'>; expected a NamedTuple class"),
        (
            {"gates": ("ut",), "states": ("a", "c")},
            "cache of mine has the fields a_next, a_prev, xt, parameters; expected also c_next, ut",
        ),
        ({"recurrence": None}, "recurrence of mine is None; expected a function"),
        ({"backward": "rnn"}, "backward of mine is 'rnn'; expected a function"),
    ],
)
def test_a_record_that_makes_no_sense(changes, message):
    with pytest.raises(ConfigError, match=f"^Cell: {re.escape(message)}"):
        mine(**changes)


# Parameters held against the record


def test_check_returns_the_table_s_names_and_a_check_that_knows_the_sizes():
    parameters = CELLS["gru"].init(rng(), **SIZES)
    swapped = parameters | {"bu": parameters["bu"].astype(">f4"), "more": None}
    own, check = parameters_of(CELLS["gru"].parameters, swapped)
    assert list(own) == list(CELLS["gru"].parameters)
    assert own["Wu"] is parameters["Wu"]
    assert own["bu"].dtype.isnative
    assert (check["n_a"], check["n_x"], check.dtype) == (5, 3, np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Wa": 0}, "parameters has Wa; expected Wax, Waa, ba, so Wax, Waa, ba is missing."),
        ({}, "parameters has no entry; expected Wax, Waa, ba, so Wax, Waa, ba is missing."),
    ],
)
def test_check_says_what_is_missing(change, message):
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        parameters_of(CELLS["rnn"].parameters, change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"Waa": np.zeros((5, 4), np.float32)},
            "Waa has shape (5, 4); expected (n_a, n_a) with n_a = 5, because Wax is (5, 3) "
            "= (n_a, n_x).",
        ),
        ({"ba": np.zeros(5, np.float32)}, "ba has shape (5,); expected (n_a, 1)."),
        ({"ba": np.zeros((5, 2), np.float32)}, "ba has shape (5, 2); expected (n_a, 1)."),
        (
            {"ba": np.zeros((5, 1))},
            "ba is float64; expected float32, because Wax is float32.",
        ),
        ({"Wax": [[0.0]]}, "Wax is a list; expected a NumPy array of float32 or float64."),
    ],
)
def test_check_says_what_does_not_fit(change, message):
    parameters = CELLS["rnn"].init(rng(), **SIZES) | change
    with pytest.raises(ShapeError, match=f"^{re.escape(message)}$"):
        parameters_of(CELLS["rnn"].parameters, parameters)


# Initial values


@each_cell
def test_init_draws_in_the_record_s_order_from_one_generator(cell):
    cell, generator = CELLS[cell], rng()
    first, second = (cell.init(generator, **SIZES) for _ in range(2))
    assert same_bits(first, cell.init(rng(), **SIZES))
    assert not any(np.array_equal(first[n], second[n]) for n in cell.weights)
    wide = cell.init(rng(), **SIZES, dtype=np.float64)
    assert all(np.array_equal(first[n], wide[n].astype(np.float32)) for n in first)


def test_init_biases():
    def values(**initial):
        p = CELLS["lstm"].init(rng(), **SIZES, initial=initial)
        return {name: set(p[name].ravel().tolist()) for name in ("bf", "bi", "bc", "bo")}

    assert values() == {"bf": {1}, "bi": {0}, "bc": {0}, "bo": {0}}
    assert values(bf=1.5, bo=-1) == {"bf": {1.5}, "bi": {0}, "bc": {0}, "bo": {-1}}


def test_init_of_per_unit_weights_by_a_function():
    cell = mine(
        parameters={"W": "n_a n_x", "p": "n_a 1", "b": "n_a 1"},
        per_unit=("p",),
        initial={"p": lambda rng, shape: rng.uniform(2, 3, shape)},
    )
    p = cell.init(rng(), **SIZES)
    assert p["p"].shape == (5, 1)
    assert ((p["p"] > 2) & (p["p"] < 3)).all()
    assert not p["b"].any()


def test_init_refuses_names_that_the_cell_does_not_have():
    message = "Cell.init: biases of rnn has bf; expected names among ba."
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        CELLS["rnn"].init(rng(), **SIZES, initial={"bf": 1.0})


@pytest.mark.parametrize("dtype", [np.float16, int, complex, ">f4"])
def test_init_refuses_other_dtypes(dtype):
    with pytest.raises(
        ConfigError, match=r"^Cell.init: dtype is .*; expected float32 or float64\.$"
    ):
        CELLS["rnn"].init(rng(), dtype=dtype, **SIZES)


@pytest.mark.parametrize("shape", [(40, 40), (40, 25), (25, 40), (1, 1), (7, 1)])
def test_orthogonal(shape):
    q = orthogonal(rng(), shape)
    assert q.shape == shape
    small = q @ q.T if shape[0] <= shape[1] else q.T @ q
    assert np.abs(small - np.eye(min(shape))).max() < 1e-14


def test_orthogonal_is_uniform():
    """Mean 0 and variance 1/n of every entry: the raw Q of a QR factorization has neither."""
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
