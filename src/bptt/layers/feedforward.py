"""The layers without a state: Embedding and Dense."""

import numpy as np

from ..checks import Door, parameters_of
from ..engine import provider
from ..equations.initializers import glorot_uniform, parameter_array
from ..equations.sequences import valid_steps
from .base import Layer, Stateless, as_batch, check_tokens, need_tape, whole_number


class Embedding(Layer):
    """A vector for every token: y[i, t] = We[x[i, t]].

    Parameters
    ----------
    n_tokens, n_x : int
        Distinct tokens; features of a token's vector.
    scale : float
        Standard deviation of the initial vectors.
    """

    def __init__(self, n_tokens, n_x, *, scale=0.1):
        self.n_in = whole_number("Embedding", "n_tokens", n_tokens)
        self.n_out = whole_number("Embedding", "n_x", n_x)
        self.scale = scale

    def shapes(self):
        """Return the shape of every parameter, by name."""
        return {"We": (self.n_in, self.n_out)}

    def init(self, rng, dtype=np.float32):
        """Draw the vectors from a normal distribution."""
        We = self.scale * rng.standard_normal((self.n_in, self.n_out))
        return {"We": parameter_array(We, dtype)}

    def forward(self, x, parameters, state=None, lengths=None, *, keep_tape=True):
        """Look the tokens up.

        Parameters
        ----------
        x : ndarray of int, shape (m, T_x), or list of m ndarray, each (T_i,)
            Tokens in 0..n_tokens-1; anything on padding.
        parameters : dict
            We (n_tokens, n_x).
        lengths : sequence of m int, optional

        Returns
        -------
        y : ndarray, shape (m, T_x, n_x)
            0 on padding.
        state : ()
        tape : tuple, or None

        Raises
        ------
        ShapeError
        """
        where = "Embedding.forward"
        x, lengths = as_batch(where, x, lengths)
        We = self.vectors(where, parameters)
        x, lengths = check_tokens(where, x, lengths, self.n_in)
        valid = valid_steps(lengths, *x.shape)
        y = np.zeros((*x.shape, self.n_out), We.dtype)
        y[valid] = We[x[valid]]
        return y, (), (x, valid, We) if keep_tape else None

    def backward(self, tape, dy, dstate=None):
        """Undo `forward`: each token's vector collects the gradients of its uses.

        Returns
        -------
        dx : None
            Tokens have no gradient.
        dstate0 : ()
        gradients : dict
            dWe (n_tokens, n_x).
        """
        need_tape("Embedding.backward", tape)
        x, valid, We = tape
        door = Door("Embedding.backward", m=x.shape[0], T_x=x.shape[1])
        door.array("We", We, "n_tokens n_x")
        dy = door.array("dy", dy, "m T_x n_x")
        dWe = np.zeros(We.shape, We.dtype)
        np.add.at(dWe, x[valid], dy[valid])
        return None, (), {"dWe": dWe}

    def step(self, xt, parameters, state):
        """Look m tokens up: xt (m,) of int -> (m, n_x)."""
        where = "Embedding.step"
        xt = Door(where).indices("xt", xt, self.n_in, "tokens")
        Door(where).shape("xt", xt.shape, "m")
        return self.vectors(where, parameters)[xt], ()

    def stepper(self, parameters, m):
        """Prepare to look m tokens up at a time: (m,) of int -> (m, n_x)."""
        own = {"We": self.vectors("Embedding.stream", parameters).copy()}
        return Stateless(lambda xt: self.step(xt, own, ())[0])

    def vectors(self, where, parameters):
        """Check and return the vectors of all tokens."""
        own, door = parameters_of(where, {"We": "n_tokens n_x"}, parameters)
        door.shape("the layer's (n_tokens, n_x)", (self.n_in, self.n_out), "n_tokens n_x")
        return own["We"]


class Dense(Layer):
    """The output layer at every step: y = Wy a + by (equations: `bptt.equations.losses`).

    Parameters
    ----------
    n_a, n_y : int
        Features of the input and of the output.
    weight_init : callable (rng, shape) -> ndarray
    """

    def __init__(self, n_a, n_y, *, weight_init=glorot_uniform):
        self.n_in = whole_number("Dense", "n_a", n_a)
        self.n_out = whole_number("Dense", "n_y", n_y)
        self.weight_init = weight_init

    def shapes(self):
        """Return the shape of every parameter, by name."""
        return {"Wy": (self.n_out, self.n_in), "by": (self.n_out, 1)}

    def init(self, rng, dtype=np.float32):
        """Draw Glorot-uniform weights; the bias starts at 0."""
        Wy = self.weight_init(rng, (self.n_out, self.n_in))
        return {"Wy": parameter_array(Wy, dtype), "by": np.zeros((self.n_out, 1), dtype)}

    def forward(self, x, parameters, state=None, lengths=None, *, keep_tape=True):
        """Apply the layer at every step that exists.

        Parameters
        ----------
        x : ndarray, shape (m, T_x, n_a), or list of m ndarray, each (T_i, n_a)
        parameters : dict
            Wy (n_y, n_a), by (n_y, 1).
        lengths : sequence of m int, optional

        Returns
        -------
        y : ndarray, shape (m, T_x, n_y)
            0 on padding.
        state : ()
        tape : tuple, or None

        Raises
        ------
        ShapeError
        """
        where = "Dense.forward"
        x, lengths = as_batch(where, x, lengths)
        p, door = self._check(where, parameters)
        x = door.array("x", x, "m T_x n_a")
        lengths = door.lengths("lengths", lengths, *x.shape[:2])
        valid = None if lengths is None else valid_steps(lengths, *x.shape[:2])
        rows = _packed(x, valid)
        y = _unpacked(provider().dense_forward(rows, p["Wy"], p["by"]), valid, *x.shape[:2])
        return y, (), (rows, valid, x.shape, p["Wy"]) if keep_tape else None

    def backward(self, tape, dy, dstate=None):
        """Undo `forward`.

        Returns
        -------
        dx : ndarray, shape (m, T_x, n_a)
            Exactly 0 on padding.
        dstate0 : ()
        gradients : dict
            dWy (n_y, n_a), dby (n_y, 1).
        """
        need_tape("Dense.backward", tape)
        rows, valid, x_shape, Wy = tape
        door = Door("Dense.backward", m=x_shape[0], T_x=x_shape[1])
        door.array("Wy", Wy, "n_y n_a")
        dy = door.array("dy", dy, "m T_x n_y")
        d_rows, dWy, dby = provider().dense_backward(_packed(dy, valid), rows, Wy)
        return _unpacked(d_rows, valid, *x_shape[:2]), (), {"dWy": dWy, "dby": dby}

    def step(self, xt, parameters, state):
        """Apply the layer to one step: xt (m, n_a) -> (m, n_y)."""
        p, door = self._check("Dense.step", parameters)
        xt = door.array("xt", xt, "m n_a")
        return provider().dense_forward(xt, p["Wy"], p["by"]), ()

    def stepper(self, parameters, m):
        """Prepare to apply the layer to one step: (m, n_a) -> (m, n_y)."""
        own, _ = self._check("Dense.stream", parameters)
        own = {name: p.copy() for name, p in own.items()}
        return Stateless(lambda xt: self.step(xt, own, ())[0])

    def _check(self, where, parameters):
        """Check and return the parameters, and the door that knows their sizes."""
        own, door = parameters_of(where, {"Wy": "n_y n_a", "by": "n_y 1"}, parameters)
        door.shape("the layer's (n_a, n_y)", (self.n_in, self.n_out), "n_a n_y")
        return own, door


def _packed(z, valid):
    """(m, T_x, n) -> the rows of the steps that exist; all of them where `valid` is None."""
    return z.reshape(z.shape[0] * z.shape[1], z.shape[2]) if valid is None else z[valid]


def _unpacked(rows, valid, m, T_x):
    """Undo `_packed`: (m, T_x, n), 0 on padding."""
    if valid is None:
        return rows.reshape(m, T_x, rows.shape[1])
    z = np.zeros((m, T_x, rows.shape[1]), rows.dtype)
    z[valid] = rows
    return z
