"""Cells as a user writes them, one file each, and what they share with the built-in ones.

`OWN` holds a cell without a recurrent product, one with weights per unit and one with three states.
"""

from tests.cells.mingru import MINGRU
from tests.cells.momentum_lstm import MOMENTUM_LSTM
from tests.cells.peephole_lstm import PEEPHOLE_LSTM

OWN = {cell.name: cell for cell in (MINGRU, PEEPHOLE_LSTM, MOMENTUM_LSTM)}
