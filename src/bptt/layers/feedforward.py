"""The layers without a state: Embedding and Dense."""

import numpy as np

from ..checks import Door
from ..equations.losses import output_backward, output_forward
from ..equations.sequences import valid_steps
from ..errors import ShapeError
from ..params import HEADS, check, glorot_uniform, init, shapes
from .base import Layer, as_batch


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
        self.n_in, self.n_out, self.scale = n_tokens, n_x, scale

    def shapes(self):
        """Return the shape of every parameter, by name."""
        return {"We": (self.n_in, self.n_out)}

    def init(self, rng, dtype=np.float32):
        """Draw the vectors from a normal distribution."""
        return {"We": (self.scale * rng.standard_normal(self.shapes()["We"])).astype(dtype)}

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
        tape : tuple

        Raises
        ------
        ShapeError
        """
        where = "Embedding.forward"
        x, lengths = as_batch(where, x, lengths)
        We = Door(where, n_tokens=self.n_in, n_x=self.n_out).array(
            "We", parameters["We"], "n_tokens n_x"
        )
        x, valid = self._tokens(where, x, lengths)
        y = np.zeros((*x.shape, self.n_out), We.dtype)
        y[valid] = We[x[valid]]
        return y, (), (x, valid, We.shape)

    def backward(self, tape, dy, d_state=None):
        """Undo `forward`: each token's vector collects the gradients of its uses.

        Returns
        -------
        dx : None
            Tokens have no gradient.
        d_state0 : ()
        gradients : dict
            dWe (n_tokens, n_x).
        """
        x, valid, shape = tape
        dWe = np.zeros(shape, dy.dtype)
        np.add.at(dWe, x[valid], dy[valid])
        return None, (), {"dWe": dWe}

    def step(self, xt, parameters, state):
        """Look m tokens up: xt (m,) of int -> (m, n_x)."""
        xt = Door("Embedding.step").indices("xt", xt, self.n_in, "tokens")
        return parameters["We"][xt], ()

    def _tokens(self, where, x, lengths):
        """Check the tokens of the steps that exist; return them and the mask of those steps."""
        if np.ndim(x) != 2:
            raise ShapeError(f"{where}: x has shape {np.shape(x)}; expected (m, T_x).")
        door = Door(where)
        valid = valid_steps(door.lengths("lengths", lengths, *x.shape), *x.shape)
        door.indices("x", x[valid], self.n_in, "tokens")
        return x, valid


class Dense(Layer):
    """The output layer at every step: y = Wy a + by (equations: `bptt.equations.losses`).

    Parameters
    ----------
    n_a, n_y : int
        Features of the input and of the output.
    weight_init : callable (rng, shape) -> ndarray
    """

    def __init__(self, n_a, n_y, *, weight_init=glorot_uniform):
        self.n_in, self.n_out, self.weight_init = n_a, n_y, weight_init

    def shapes(self):
        """Return the shape of every parameter, by name."""
        return shapes(HEADS["gated"], n_a=self.n_in, n_y=self.n_out)

    def init(self, rng, dtype=np.float32):
        """Draw Glorot-uniform weights; the bias starts at 0."""
        return init(
            HEADS["gated"],
            rng,
            dtype=dtype,
            input_init=self.weight_init,
            n_a=self.n_in,
            n_y=self.n_out,
        )

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
        tape : tuple

        Raises
        ------
        ShapeError
        """
        where = "Dense.forward"
        x, lengths = as_batch(where, x, lengths)
        p, door = check(where, HEADS["gated"], parameters)
        x = door.array("x", x, "m T_x n_a")
        lengths = door.lengths("lengths", lengths, *x.shape[:2])
        valid = slice(None) if lengths is None else valid_steps(lengths, *x.shape[:2])
        rows = x[valid].reshape(-1, self.n_in)  # (steps that exist, n_a)
        y = np.zeros((*x.shape[:2], self.n_out), x.dtype)
        y[valid] = output_forward(rows.T, p["Wy"], p["by"]).T.reshape(y[valid].shape)
        return y, (), (rows, valid, x.shape, p["Wy"])

    def backward(self, tape, dy, d_state=None):
        """Undo `forward`.

        Returns
        -------
        dx : ndarray, shape (m, T_x, n_a)
            Exactly 0 on padding.
        d_state0 : ()
        gradients : dict
            dWy (n_y, n_a), dby (n_y, 1).
        """
        rows, valid, x_shape, Wy = tape
        Door("Dense.backward", m=x_shape[0], T_x=x_shape[1], n_y=self.n_out).array(
            "dy", dy, "m T_x n_y"
        )
        g = output_backward(dy[valid].reshape(-1, self.n_out).T, rows.T, Wy)
        dx = np.zeros(x_shape, dy.dtype)
        dx[valid] = g.pop("da").T.reshape(dx[valid].shape)
        return dx, (), g

    def step(self, xt, parameters, state):
        """Apply the layer to one step: xt (m, n_a) -> (m, n_y)."""
        return output_forward(xt.T, parameters["Wy"], parameters["by"]).T, ()
