"""Cells as a user writes them, one file each, and what they share with the built-in ones.

`OWN` holds a cell without a recurrent product, one with weights per unit and one with three states.
"""

from tests.cells.mingru import MINGRU
from tests.cells.peephole_lstm import PEEPHOLE_LSTM
from tests.cells.slstm import SLSTM

OWN = {cell.name: cell for cell in (MINGRU, PEEPHOLE_LSTM, SLSTM)}
