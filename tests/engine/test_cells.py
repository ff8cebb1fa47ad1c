"""Cells on the engine: the native table against the records; a cell of a user's own."""

import numpy as np
import pytest

from bptt.engine import provider
from bptt.engine.numpy_provider import NumpyProvider
from bptt.equations import CELLS
from tests.cells import OWN
from tests.support.cases import ragged_lengths, same_bits

M, T_X, N_X, N_A = 4, 7, 3, 5


def run(engine, cell, *, tokens=False, reverse=False, need_dx=True):
    """One call of everything, on one provider: arrays in a tree."""
    rng = np.random.default_rng(0)
    p = {name: 0.5 * rng.standard_normal(s) for name, s in cell.shapes(N_X, N_A).items()}
    state0 = tuple(0.2 + rng.random((M, N_A)) for _ in cell.states)
    lengths = ragged_lengths(M, T_X)
    x, table = rng.standard_normal((M, T_X, N_X)), None
    if tokens:
        x, table = rng.integers(0, 6, (M, T_X)), rng.standard_normal((6, N_X))
    y, state, tape = engine.forward(cell, x, state0, p, lengths, table=table, reverse=reverse)
    back = engine.backward(tape, np.ones_like(y), state, need_dx=need_dx)
    stepper = engine.stream(cell, p, M)
    stepper.state = state0
    steps = [stepper.step(rng.standard_normal((M, N_X))).copy() for _ in range(3)]
    return [y, state, [tape[n] for n in tape.names], back, steps, stepper.state]


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("name", OWN)
def test_a_cell_of_ones_own_is_served_by_its_equations(name, tokens):
    """Whatever the provider, and beside native cells, without a switch."""
    for reverse in (False, True):
        ours = run(provider(), OWN[name], tokens=tokens, reverse=reverse)
        assert same_bits(ours, run(NumpyProvider(), OWN[name], tokens=tokens, reverse=reverse))
    run(provider(), CELLS["lstm"], tokens=tokens)


@pytest.mark.parametrize("name", [*CELLS, *OWN])
def test_the_gradient_of_x_is_left_out_where_it_is_not_needed(name):
    cell = OWN.get(name) or CELLS[name]
    dx, *others = run(provider(), cell)[3]
    none, *same = run(provider(), cell, need_dx=False)[3]
    assert dx is not None
    assert none is None
    assert same_bits(others, same)
    dtable = run(provider(), cell, tokens=True)[3][0]  # a parameter's: always there
    assert same_bits(run(provider(), cell, tokens=True, need_dx=False)[3][0], dtable)


def test_the_dense_layer_leaves_dx_out():
    rng = np.random.default_rng(0)
    dy, x, W = rng.random((6, 3)), rng.random((6, 4)), rng.random((3, 4))
    dx, *others = provider().dense_backward(dy, x, W)
    none, *same = provider().dense_backward(dy, x, W, need_dx=False)
    assert dx.shape == x.shape
    assert none is None
    assert same_bits(others, same)


def test_a_layout_that_kernels_cannot_read_has_its_own_error():
    native = pytest.importorskip("bptt.engine._native")
    f = np.ones((3, 4), order="F")
    for array in (f, f.astype(">f8"), np.ones((6, 4))[::2]):
        with pytest.raises(native.LayoutError):
            native.squared_norm([array])
    with pytest.raises(ValueError, match="alike") as other:
        native.squared_norm([np.ones(3), np.ones(3, np.float32)])
    assert not isinstance(other.value, native.LayoutError)
