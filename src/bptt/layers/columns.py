"""Steps of several columns: numbers as they are, tokens as vectors."""

import numpy as np

from ..checks import Door
from ..equations.sequences import valid_steps
from ..errors import ConfigError, ShapeError
from .base import Layer, Stateless, as_batch, need_tape, whole_number
from .feedforward import Embedding


class Columns(Layer):
    """Numbers and tokens side by side at every step.

    The numeric columns go through unchanged, in their order; behind them stands, for every token
    column, the vector of its token.

    Parameters
    ----------
    n_in : int
        Columns of a step.
    tokens : dict of int to (int, int)
        For a column that holds tokens: how many distinct tokens there are, and features of a
        token's vector. The other columns are numeric.
    scale : float
        Standard deviation of the initial vectors.

    Examples
    --------
    >>> columns = Columns(3, {1: (4, 2)})
    >>> parameters = columns.init(np.random.default_rng(0))
    >>> x = np.array([[[0.5, 3, -1.0], [2.0, 0, 1.0]]], np.float32)
    >>> y, _, _ = columns.forward(x, parameters)
    >>> y.shape, y[0, :, :2].tolist()
    ((1, 2, 4), [[0.5, -1.0], [2.0, 1.0]])
    """

    def __init__(self, n_in, tokens, *, scale=0.1):
        self.n_in = whole_number("Columns", "n_in", n_in)
        self.embeddings = {}
        for column in sorted(tokens):
            if not 0 <= column < self.n_in:
                raise ConfigError(
                    f"Columns: tokens has column {column!r}; expected 0..{self.n_in - 1}."
                )
            self.embeddings[int(column)] = Embedding(*tokens[column], scale=scale)
        self.numeric = [j for j in range(self.n_in) if j not in self.embeddings]
        self.n_out = len(self.numeric) + sum(e.n_out for e in self.embeddings.values())

    def __repr__(self):
        tokens = {j: (e.n_in, e.n_out) for j, e in self.embeddings.items()}
        return f"Columns({self.n_in}, {tokens})"

    def shapes(self):
        """Return the shape of every parameter: ``column3.We`` (n_tokens, n_x)."""
        return {f"column{j}.We": e.shapes()["We"] for j, e in self.embeddings.items()}

    def init(self, rng, dtype=np.float32):
        """Draw the vectors from a normal distribution."""
        return {f"column{j}.We": e.init(rng, dtype)["We"] for j, e in self.embeddings.items()}

    def forward(self, x, parameters, state=None, lengths=None, *, keep_tape=True):
        """Put the numbers and the tokens' vectors side by side.

        Parameters
        ----------
        x : ndarray of float, shape (m, T_x, n_in), or list of m ndarray, each (T_i, n_in)
            Whole numbers in 0..n_tokens-1 in the token columns.
        parameters : dict
            ``column3.We`` (n_tokens, n_x), one a token column.
        lengths : sequence of m int, optional

        Returns
        -------
        y : ndarray, shape (m, T_x, n_out)
            0 on padding.
        state : ()
        tape : tuple, or None

        Raises
        ------
        ShapeError
        """
        where = "Columns.forward"
        x, lengths = as_batch(where, x, lengths)
        vectors, door = self._vectors(where, parameters)
        x = door.array("x", x, "m T_x n_in")
        lengths = door.lengths("lengths", lengths, *x.shape[:2])
        valid = valid_steps(lengths, *x.shape[:2])
        rows = x[valid]
        tokens = self._tokens(where, "x", rows)
        y = np.zeros((*x.shape[:2], self.n_out), x.dtype)
        y[valid] = self._side_by_side(rows, tokens, vectors)
        return y, (), (x.shape, valid, tokens, vectors) if keep_tape else None

    def backward(self, tape, dy, dstate=None):
        """Undo `forward`: each token's vector collects the gradients of its uses.

        Returns
        -------
        dx : ndarray, shape (m, T_x, n_in)
            0 on padding and in the token columns.
        dstate0 : ()
        gradients : dict
            ``dcolumn3.We`` (n_tokens, n_x), one a token column.
        """
        need_tape("Columns.backward", tape)
        shape, valid, tokens, vectors = tape
        door = Door("Columns.backward", m=shape[0], T_x=shape[1], n_out=self.n_out)
        for j, We in vectors.items():
            door.array(f"column{j}.We", We, f"n_tokens{j} n_x{j}")
        dy = door.array("dy", dy, "m T_x n_out")
        d_rows = dy[valid]
        dx = np.zeros(shape, dy.dtype)
        d_numbers = np.zeros((len(d_rows), self.n_in), dy.dtype)
        d_numbers[:, self.numeric] = d_rows[:, : len(self.numeric)]
        dx[valid] = d_numbers
        gradients, start = {}, len(self.numeric)
        for j, We in vectors.items():
            dWe = np.zeros(We.shape, We.dtype)
            np.add.at(dWe, tokens[j], d_rows[:, start : start + We.shape[1]])
            gradients[f"dcolumn{j}.We"], start = dWe, start + We.shape[1]
        return dx, (), gradients

    def step(self, xt, parameters, state):
        """Do one step: xt (m, n_in) -> (m, n_out)."""
        where = "Columns.step"
        vectors, door = self._vectors(where, parameters)
        xt = door.array("xt", xt, "m n_in")
        return self._side_by_side(xt, self._tokens(where, "xt", xt), vectors), ()

    def stepper(self, parameters, m):
        """Prepare to do one step at a time: (m, n_in) -> (m, n_out)."""
        vectors, _ = self._vectors("Columns.stream", parameters)
        own = {f"column{j}.We": We.copy() for j, We in vectors.items()}
        return Stateless(lambda xt: self.step(xt, own, ())[0])

    def _vectors(self, where, parameters):
        """Check and return the vectors of every token column, and a door that knows n_in."""
        door, vectors = Door(where, n_in=self.n_in), {}
        for (j, embedding), name in zip(self.embeddings.items(), self.shapes(), strict=True):
            own = {"We": parameters[name]} if name in parameters else {}
            We = embedding.vectors(f"{where}, column {j}", own)
            vectors[j] = door.array(name, We, f"n_tokens{j} n_x{j}")
        return vectors, door

    def _tokens(self, where, name, rows):
        """Read the token columns of rows (n, n_in): whole numbers within the table."""
        tokens = {}
        for j, embedding in self.embeddings.items():
            column = rows[:, j]
            wrong = ~((column >= 0) & (column < embedding.n_in) & (column == np.floor(column)))
            if wrong.any():
                raise ShapeError(
                    f"{where}: {name} holds {column[wrong][0]:g} in column {j}; expected whole "
                    f"numbers in 0..{embedding.n_in - 1}, because it holds tokens."
                )
            tokens[j] = column.astype(np.int64)
        return tokens

    def _side_by_side(self, rows, tokens, vectors):
        """Make (n, n_out) of rows (n, n_in) and their tokens, {column: (n,)}."""
        parts = [rows[:, self.numeric], *(We[tokens[j]] for j, We in vectors.items())]
        return np.concatenate(parts, axis=1)
