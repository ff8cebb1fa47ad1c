"""The table of parameters: cell -> {name: symbolic shape}; initialise, check, count.

Names follow the sequence-models course. W + to + from (``Waa`` takes a to a); a gate's matrix has
the columns [a_prev ; xt], so its first n_a columns are recurrent and the other n_x take the input.
"""

from math import prod

import numpy as np

from .checks import Door
from .errors import ConfigError, ShapeError

_GRU = {
    "Wu": "n_a n_a+n_x", "bu": "n_a 1",  # update gate
    "Wr": "n_a n_a+n_x", "br": "n_a 1",  # reset gate
    "Wc": "n_a n_a+n_x", "bc": "n_a 1",  # candidate
}  # fmt: skip
_RNN = {"Wax": "n_a n_x", "Waa": "n_a n_a", "ba": "n_a 1"}

CELLS = {
    "rnn": _RNN,
    "rnn_relu": _RNN,
    "lstm": {
        "Wf": "n_a n_a+n_x", "bf": "n_a 1",  # forget gate
        "Wi": "n_a n_a+n_x", "bi": "n_a 1",  # input gate
        "Wc": "n_a n_a+n_x", "bc": "n_a 1",  # candidate
        "Wo": "n_a n_a+n_x", "bo": "n_a 1",  # output gate
    },
    "gru": _GRU,
    "gru_reset_after": _GRU | {"bca": "n_a 1"},  # bias inside the reset product
}  # fmt: skip

EMBEDDING = {"We": "n_tokens n_x"}

HEADS = {
    "rnn": {"Wya": "n_y n_a", "by": "n_y 1"},
    "gated": {"Wy": "n_y n_a", "by": "n_y 1"},
}


def head(cell):
    """Return the output layer's row of the table: the course calls it Wya for the plain RNN."""
    return HEADS["rnn" if cell.startswith("rnn") else "gated"]


def check(where, table, parameters):
    """Check a parameter dict against a row of the table; further names in it are ignored.

    Parameters
    ----------
    where : str
        The operation, for the message.
    table : dict of str to str
        Name to symbolic shape: a row of `CELLS`, of `HEADS`, or both joined.
    parameters : dict of str to ndarray

    Returns
    -------
    parameters : dict of str to ndarray
        The table's names only, in native byte order.
    door : Door
        Knows the sizes (n_a, n_x, n_y) and the dtype; hold the other arrays of the call to it.

    Raises
    ------
    ShapeError
        A name is missing, or an array has a wrong shape or another dtype than the rest.
    """
    missing = [name for name in table if name not in parameters]
    if missing:
        raise ShapeError(
            f"{where}: parameters has {', '.join(parameters) or 'no entry'}; "
            f"expected {', '.join(table)}, so {', '.join(missing)} is missing."
        )
    door = Door(where)
    return {name: door.array(name, parameters[name], spec) for name, spec in table.items()}, door


def sizes(cell, parameters):
    """Return n_a and n_x of a cell's parameters, which are trusted to fit its row."""
    n_a, columns = parameters[next(iter(CELLS[cell]))].shape
    return {"n_a": n_a, "n_x": columns if cell.startswith("rnn") else columns - n_a}


def shapes(table, **sizes):
    """Replace the symbols of a row of the table by numbers.

    >>> shapes(CELLS["rnn"], n_x=3, n_a=5)
    {'Wax': (5, 3), 'Waa': (5, 5), 'ba': (5, 1)}
    """
    sizes["1"] = 1
    return {
        name: tuple(sum(sizes[s] for s in axis.split("+")) for axis in spec.split())
        for name, spec in table.items()
    }


def count(parameters):
    """Return the number of scalars in a parameter dict (or in a dict of shapes)."""
    return sum(prod(np.shape(p) if isinstance(p, np.ndarray) else p) for p in parameters.values())


def glorot_uniform(rng, shape):
    """Uniform on +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation 16).

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int, (fan_out, fan_in)
    """
    limit = np.sqrt(6.0 / max(1, sum(shape)))
    return rng.uniform(-limit, limit, shape)


def orthogonal(rng, shape):
    """Draw an orthogonal matrix uniformly (Haar measure; Saxe et al. 2014, Mezzadri 2007).

    The Q of a Gaussian matrix's QR factorisation, each column with the sign that makes R's
    diagonal positive: otherwise the draw is not uniform. A matrix with more columns than rows has
    orthonormal rows.
    """
    n_rows, n_columns = shape
    q, r = np.linalg.qr(rng.standard_normal((max(shape), min(shape))))
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return q if n_rows >= n_columns else q.T


def init(
    table,
    rng,
    *,
    dtype=np.float32,
    input_init=glorot_uniform,
    recurrent_init=orthogonal,
    biases=None,
    **sizes,
):
    """Draw initial parameters: Glorot-uniform from the input, orthogonal from the state.

    Parameters
    ----------
    table : dict of str to str
        A row of `CELLS` or `HEADS`, or `EMBEDDING`.
    rng : numpy.random.Generator
        The only source of randomness: same generator state, same bits.
    dtype : float32 or float64
    input_init, recurrent_init : callable (rng, shape) -> ndarray
        For the columns that multiply the input and for those that multiply the state.
    biases : dict of str to float, optional
        Initial value of a bias by name; 0 where absent. The LSTM layer passes ``{"bf": 1.0}``:
        a forget gate that starts open lets gradients through (Gers et al. 2000; Jozefowicz et
        al. 2015).
    **sizes : int
        n_x, n_a, n_y, n_tokens as the table needs them.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ConfigError
        Another dtype.
    """
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ConfigError(f"init: dtype is {np.dtype(dtype)}; expected float32 or float64.")
    biases = biases or {}
    parameters = {}
    for name, shape in shapes(table, **sizes).items():
        columns = table[name].split()[1]
        if columns == "1":
            value = np.full(shape, biases.get(name, 0.0))
        else:
            rows = shape[0]
            blocks = []
            for symbol in columns.split("+"):
                recurrent = symbol == "n_a" and table[name].startswith("n_a")
                draw = recurrent_init if recurrent else input_init
                blocks.append(draw(rng, (rows, sizes[symbol])))
            value = np.concatenate(blocks, axis=1)
        parameters[name] = np.ascontiguousarray(value, dtype=dtype)
    return parameters
