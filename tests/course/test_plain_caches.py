"""The top-level functions on caches that are a plain pair, as a loop of the caller makes them."""

import pytest

import bptt
from tests.support.cases import CELLS, make_case, same_bits

COURSE = [name for name, row in CELLS.items() if row.prefix and name != "rnn_relu"]


@pytest.mark.parametrize("module", [bptt, bptt.equations])
@pytest.mark.parametrize("name", COURSE)  # a plain pair does not tell relu from tanh
def test_a_plain_pair_gives_all_gradients_of_its_cell(name, module):
    row, case = CELLS[name].within(module), make_case(name)
    _, _, caches = CELLS[name].forward(case.x, case.state0, case.parameters)
    expected = CELLS[name].backward(case.da, caches, case.dfinal)
    found = row.backward(case.da, (list(caches[0]), case.x), case.dfinal)
    assert found.keys() == row.gradients
    assert same_bits(found, expected)
