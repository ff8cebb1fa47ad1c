"""How other programs order what bptt calls Wf, bf, ...: one table, read in both directions.

Every program stores the weights of a recurrent layer as blocks, one for each gate. They differ in
the order of the blocks, in the side on which the gates stand, in the number of biases, and in the
sign of the GRU's update gate. Each row of `CONVENTIONS` says this for one program; adding a format
is a row here and a file that finds its arrays.

Gates have bptt's letters: LSTM f, i, c, o; GRU u, r, c; plain RNN a. What others call z (or u) in a
GRU is 1 - ut here: a_next = (1 - z) * candidate + z * a_prev. sigmoid(-x) = 1 - sigmoid(x), so its
weights and biases change sign. The candidate of a GRU is called n, h or g elsewhere, that of an
LSTM g or c~.

Sources: the documentation of `torch.nn.LSTM` and `torch.nn.GRU`; Keras' `LSTM.get_weights`; the
ONNX operators LSTM, GRU and RNN (version 14); RTNeural's and NAM's model files.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..equations import Cell, cell_of
from ..errors import InteropError

__all__ = ["CONVENTIONS", "Blocks", "Convention", "from_blocks", "to_blocks"]


class Convention(NamedTuple):
    """How one program stores the weights of a recurrent layer."""

    lstm: str  # order of the blocks
    gru: str
    in_rows: bool  # a block is (n_a, n_in), one row for each unit; False: columns, (n_in, n_a)
    two_biases: bool  # one for the input and one for the state, also where their sum would do


CONVENTIONS: dict[str, Convention] = {
    "torch": Convention("ifco", "ruc", in_rows=True, two_biases=True),
    "keras": Convention("ifco", "urc", in_rows=False, two_biases=False),
    "keras1": Convention("icfo", "urc", in_rows=False, two_biases=False),
    "onnx": Convention("iofc", "urc", in_rows=True, two_biases=True),
    "rtneural": Convention("ifco", "urc", in_rows=False, two_biases=False),
    "nam": Convention("ifco", "ruc", in_rows=True, two_biases=False),
    "tensorflow1": Convention("icfo", "ruc", in_rows=False, two_biases=False),
    "cs231n": Convention("ifoc", "urc", in_rows=False, two_biases=False),
}
"""How each program stores the weights of recurrent layers."""


class Blocks(NamedTuple):
    """The weights of a recurrent layer as a program stores them; n_g gates, n_a units.

    `input` is (n_g n_a, n_x) and `state` (n_g n_a, n_a), or transposed where the gates stand in
    columns; the biases are (n_g n_a,). `state_bias` is None where one bias serves both.
    """

    input: np.ndarray
    state: np.ndarray
    bias: np.ndarray | None
    state_bias: np.ndarray | None = None


def _order(cell: Cell, convention: Convention) -> str:
    """Return the letters of a cell's gates in a program's order."""
    if "Waa" in cell.parameters:
        return "a"
    return convention.gru if "Wu" in cell.parameters else convention.lstm


def from_blocks(
    cell: str | Cell, blocks: Blocks, convention: str, *, like: str = "the file"
) -> dict[str, np.ndarray]:
    """Read the parameters of a cell from a program's blocks.

    Parameters
    ----------
    cell : str or Cell
        "lstm", "gru", "gru_reset_after", "rnn", or a variant of these with the same parameters
        (peepholes, which stand apart in all programs, are not read here). "lstm_cifg" reads the
        blocks of the LSTM that it shares.
    blocks : Blocks
        Of float32 or float64. None for a bias is zeros.
    convention : str
        A key of `CONVENTIONS`.
    like : str
        What holds the blocks, for the error message.

    Returns
    -------
    dict of str to ndarray
        By the names and in the shapes of the cell.

    Raises
    ------
    InteropError
        The shapes do not fit one another.
    """
    record, rule = cell_of(cell), CONVENTIONS[convention]
    order = _order(record, rule)
    W, U, b, bs = blocks
    if not rule.in_rows:
        W, U = W.T, U.T
    _check(W, U, (b, bs), len(order), like)
    n_a = U.shape[1]
    zeros = np.zeros(len(order) * n_a, W.dtype)
    b, bs = (zeros if v is None else v for v in (b, bs))
    parameters: dict[str, np.ndarray] = {}
    for k, gate in enumerate(order):
        own = slice(k * n_a, (k + 1) * n_a)
        w, u, bias, state_bias = W[own], U[own], b[own], bs[own]
        if gate == "u":
            w, u, bias, state_bias = -w, -u, -bias, -state_bias
        if gate == "a":
            parameters |= {"Wax": w, "Waa": u}
        else:
            parameters[f"W{gate}"] = np.concatenate([u, w], axis=1)
        if gate == "c" and "bca" in record.parameters:  # it stands inside the reset product
            parameters["bca"] = state_bias[:, np.newaxis]
            state_bias = zeros[own]
        parameters[f"b{gate}"] = _sum(bias, state_bias)[:, np.newaxis]
    return {
        name: np.ascontiguousarray(parameters[name])
        for name in record.parameters
        if name in parameters
    }


def to_blocks(cell: str | Cell, parameters: Mapping[str, np.ndarray], convention: str) -> Blocks:
    """Write the parameters of a cell as a program's blocks: the inverse of `from_blocks`.

    Where a program has two biases and the cell one, the second is 0. A GRU with the reset after the
    product has both everywhere.

    Parameters
    ----------
    cell : str or Cell
    parameters : dict of str to ndarray
        By the names of the cell.
    convention : str

    Returns
    -------
    Blocks
    """
    record, rule = cell_of(cell), CONVENTIONS[convention]
    inputs, states, biases, state_biases = [], [], [], []
    for gate in _order(record, rule):
        bias = parameters[f"b{gate}"][:, 0]
        state_bias = np.zeros_like(bias)
        if gate == "a":
            u, w = parameters["Waa"], parameters["Wax"]
        else:
            u, w = np.split(parameters[f"W{gate}"], [len(bias)], axis=1)
        if gate == "u":
            u, w, bias = -u, -w, -bias
        if gate == "c" and "bca" in record.parameters:
            state_bias = parameters["bca"][:, 0]
        inputs.append(w)
        states.append(u)
        biases.append(bias)
        state_biases.append(state_bias)
    W, U = np.concatenate(inputs), np.concatenate(states)
    if not rule.in_rows:
        W, U = np.ascontiguousarray(W.T), np.ascontiguousarray(U.T)
    two = rule.two_biases or "bca" in record.parameters
    return Blocks(W, U, np.concatenate(biases), np.concatenate(state_biases) if two else None)


def _sum(bias: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Add two biases; where one is 0 the other keeps its bits (-0 + 0 would be 0)."""
    return np.where(other == 0, bias, np.where(bias == 0, other, bias + other))


def _check(W, U, biases, n_gates, like):
    """Refuse blocks whose shapes do not fit: W (n_g n_a, n_x), U (n_g n_a, n_a), (n_g n_a,)."""
    if W.ndim != 2 or U.ndim != 2 or len(W) != len(U) or U.shape[0] != n_gates * U.shape[1]:
        raise InteropError(
            f"{like} has recurrent weights of the shapes {W.shape} and {U.shape}; expected "
            f"({n_gates} n_a, n_x) and ({n_gates} n_a, n_a), one block for each gate."
        )
    for b in biases:
        if b is not None and b.shape != (len(U),):
            raise InteropError(
                f"{like} has a bias of the shape {b.shape}; expected ({len(U)},), because the "
                f"recurrent weights have {len(U)} rows."
            )
