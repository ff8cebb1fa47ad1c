"""Cells with other activations, peepholes and a clip: gradients, names, the built-in cells."""

import copy
import pickle

import numpy as np
import pytest

from bptt.equations import CELLS, cell_of, nonlinearity, variant
from bptt.equations.nonlinearities import DEFAULTS
from bptt.equations.sequences import backward_through_time, forward_through_time
from bptt.errors import ConfigError
from bptt.gradcheck import check_cell

FAMILIES = {
    "lstm": 3, "lstm_peephole": 3, "lstm_cifg": 3, "lstm_cifg_peephole": 3,
    "gru": 2, "gru_reset_after": 2, "rnn": 1,
}  # fmt: skip
CHOICES = [
    ("hard_sigmoid", "relu", "elu"),
    ("hard_sigmoid_0p25_0p5", "leaky_relu_0p3", "scaled_tanh_1p7_0p6"),
    ("softsign", "softplus", "linear_0p5_0p1"),
    ("sigmoid", "thresholded_relu_0p1", "relu"),
]


@pytest.mark.parametrize(
    ("activations", "clip"),
    [(CHOICES[0], None), (CHOICES[1], 0.4), *((c, None) for c in CHOICES[2:])],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_gradients(family, activations, clip):
    cell = variant(family, activations[: FAMILIES[family]], clip)
    assert check_cell(cell, seed=3) < 1e-8
    assert cell_of(cell.name) is cell
    assert pickle.loads(pickle.dumps(cell)) is cell
    assert copy.deepcopy(cell) is cell


@pytest.mark.parametrize("name", DEFAULTS)
def test_derivative_of_every_activation_from_its_output(name):
    f, x = nonlinearity(name), np.linspace(-3.0, 3.0, 41) + 0.0123
    difference = (f.f(x + 1e-6) - f.f(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(f.d(f.f(x)), difference, atol=1e-8)
    single = x.astype(np.float32)
    assert f.f(single).dtype == f.d(single).dtype == np.float32


def test_the_same_as_a_built_in_cell_is_that_cell():
    assert variant("lstm") is CELLS["lstm"]
    assert variant("lstm_cifg", ("sigmoid", "tanh", "tanh")) is CELLS["lstm_cifg"]
    assert variant("gru", ("sigmoid", "tanh")) is CELLS["gru"]
    assert variant("rnn", ("relu",)) is CELLS["rnn_relu"]


@pytest.mark.parametrize("name", ["lstm", "lstm_cifg", "gru", "gru_reset_after", "rnn"])
def test_the_equations_of_the_built_in_cells(name):
    """A clip that cuts nothing leaves the numbers of the built-in cell."""
    rng, record = np.random.default_rng(1), CELLS[name]
    cell = variant(name, clip=1e3)
    x = rng.standard_normal((3, 4, 5))
    state0 = tuple(rng.standard_normal((6, 4)) for _ in cell.states)
    parameters = {k: rng.standard_normal(s) for k, s in cell.shapes(3, 6).items()}
    da, dstate = rng.standard_normal((6, 4, 5)), state0
    lengths, found = np.array([5, 2, 0, 4]), []
    for c in (record, cell):
        states, final, caches = forward_through_time(c, x, state0, parameters, lengths)
        found.append([*states, *final, *backward_through_time(da, dstate, caches).values()])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "values"),
    [("swish", ()), ("leaky_relu_x", ()), ("leaky_relu", (-1.0,)), ("elu", (1.0, 2.0)),
     ("scaled_tanh", (0.0, 1.0)), ("hard_sigmoid", (np.inf, 0.5))],
)  # fmt: skip
def test_refused(name, values):
    with pytest.raises(ConfigError, match="expected"):
        nonlinearity(name, *values)


def test_names_that_describe_no_cell():
    for name in (
        "lstm__swish__tanh__tanh",
        "lstm__",
        "__",
        "lstm__clip_x",
        "gru__clip_1p0__clip_2p0",
    ):
        with pytest.raises(ConfigError):
            cell_of(name)
