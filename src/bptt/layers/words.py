"""Words: a vector for each word that is known, and one made from the letters of any."""

import numpy as np

from ..checks import Door
from ..equations.sequences import valid_steps
from ..errors import ShapeError
from .base import Layer, Stateless, as_batch, need_tape, whole_number
from .feedforward import Embedding
from .recurrent import LSTM


class Words(Layer):
    """A word's own vector beside what a bidirectional LSTM makes of its characters.

    The LSTM reads a word's characters in both directions; the final states of both are the word's
    other features (Ling et al. 2015; Plank et al. 2016), so that a word never seen has features
    too. Each distinct word of a batch is read once.

    Parameters
    ----------
    n_words, n_x : int
        Distinct words; features of a word's vector.
    n_characters, n_c : int
        Distinct characters, of which 0 stands for none; features of a character's vector.
    n_a : int
        Units of the LSTM over characters, in each direction: n_out = n_x + 2 n_a.
    scale : float
        Standard deviation of the initial vectors.

    Examples
    --------
    >>> words = Words(100, 8, 27, 4, 6)
    >>> parameters = words.init(np.random.default_rng(0))
    >>> x = np.array([[[5, 3, 1, 20], [0, 2, 0, 0]]])  # the word, then its characters
    >>> words.forward(x, parameters)[0].shape
    (1, 2, 20)
    """

    def __init__(self, n_words, n_x, n_characters, n_c, n_a, *, scale=0.1):
        sizes = {"n_words": n_words, "n_x": n_x, "n_characters": n_characters, "n_c": n_c}
        for name, value in sizes.items():
            whole_number("Words", name, value)
        self.words = Embedding(n_words, n_x, scale=scale)
        self.characters = Embedding(n_characters, n_c, scale=scale)
        self.lstm = LSTM(n_c, n_a, bidirectional=True)
        self.n_in, self.n_out = self.words.n_in, n_x + self.lstm.n_out

    def __repr__(self):
        characters = f"{self.characters.n_in}, {self.characters.n_out}, {self.lstm.n_a}"
        return f"Words({self.words.n_in}, {self.words.n_out}, {characters})"

    def _parts(self):
        """Return the layers inside by the prefix of their parameters."""
        return {"": self.words, "characters.": self.characters, "lstm.": self.lstm}

    def shapes(self):
        """Return the shapes: ``We``, ``characters.We``, ``lstm.Wf``, ``lstm.reverse.Wf``, ..."""
        return {
            prefix + name: shape
            for prefix, part in self._parts().items()
            for name, shape in part.shapes().items()
        }

    def init(self, rng, dtype=np.float32):
        """Draw the vectors from a normal distribution, the LSTM as it does itself."""
        return {
            prefix + name: p
            for prefix, part in self._parts().items()
            for name, p in part.init(rng, dtype).items()
        }

    def forward(self, x, parameters, state=None, lengths=None, *, keep_tape=True):
        """Read the words.

        Parameters
        ----------
        x : ndarray of int, shape (m, T_x, 1 + L), or list of m ndarray, each (T_i, 1 + L)
            At each step the word, in 0..n_words-1, and its characters, in 1..n_characters-1,
            followed by zeros. Anything on padding.
        parameters : dict
        lengths : sequence of m int, optional

        Returns
        -------
        y : ndarray, shape (m, T_x, n_x + 2 n_a)
            0 on padding.
        state : ()
        tape : tuple, or None

        Raises
        ------
        ShapeError
        """
        where = "Words.forward"
        x, lengths = as_batch(where, x, lengths)
        own = self._own(where, parameters)
        if np.ndim(x) != 3 or x.shape[2] < 2:
            raise ShapeError(
                f"{where}: x has shape {np.shape(x)}; expected (m, T_x, 1 + L), L >= 1."
            )
        m, T_x, _ = x.shape
        valid = valid_steps(Door(where).lengths("lengths", lengths, m, T_x), m, T_x)
        vectors, tape = self._read(where, "x", x[valid], own, keep_tape)
        y = np.zeros((m, T_x, self.n_out), vectors.dtype)
        y[valid] = vectors
        return y, (), (valid, tape, own) if keep_tape else None

    def _read(self, where, name, rows, own, keep_tape=False):
        """Make the vectors of words (n, 1 + L): (n, n_out), and the tape."""
        door = Door(where)
        words = door.indices(f"{name}[..., 0]", rows[:, 0], self.words.n_in, "words")
        characters = door.indices(
            f"{name}[..., 1:]", rows[:, 1:], self.characters.n_in, "characters"
        )
        spelled, place = np.unique(characters, axis=0, return_inverse=True)
        place = place.reshape(-1)  # NumPy 2.0 gives it another axis
        ends = spelled == 0
        lengths = np.where(ends.any(axis=1), ends.argmax(axis=1), spelled.shape[1])
        spelled = spelled[:, : max(1, lengths.max(initial=0))]
        _, (a, _), tape = self.lstm.forward(
            spelled,
            own["lstm."],
            lengths=lengths,
            table=own["characters."]["We"],
            keep_tape=keep_tape,
        )
        from_letters = np.concatenate([a[0], a[1]], axis=1)
        vectors = np.concatenate([own[""]["We"][words], from_letters[place]], axis=1)
        return vectors, (words, place, spelled.shape, tape)

    def backward(self, tape, dy, dstate=None):
        """Undo `forward`: words and characters collect the gradients of their uses.

        Returns
        -------
        dx : None
            Tokens have no gradient.
        dstate0 : ()
        gradients : dict
            d + name for every parameter.
        """
        where = "Words.backward"
        need_tape(where, tape)
        valid, (words, place, (n, longest), lstm_tape), own = tape
        door = Door(where, m=valid.shape[0], T_x=valid.shape[1], n_out=self.n_out)
        We = door.array("We", own[""]["We"], "n_words n_x")
        d_rows = door.array("dy", dy, "m T_x n_out")[valid]
        n_x, n_a = self.words.n_out, self.lstm.n_a
        dWe = np.zeros(We.shape, We.dtype)
        np.add.at(dWe, words, d_rows[:, :n_x])
        d_letters = np.zeros((n, 2 * n_a), We.dtype)
        np.add.at(d_letters, place, d_rows[:, n_x:])
        da = np.stack([d_letters[:, :n_a], d_letters[:, n_a:]])
        no_dy = np.zeros((n, longest, 2 * n_a), We.dtype)
        dtable, _, gradients = self.lstm.backward(lstm_tape, no_dy, (da, np.zeros_like(da)))
        return (
            None,
            (),
            {"dWe": dWe, "dcharacters.We": dtable}
            | {f"dlstm.{name[1:]}": g for name, g in gradients.items()},
        )

    def step(self, xt, parameters, state):
        """Read m words: xt (m, 1 + L) of int -> (m, n_x + 2 n_a)."""
        where = "Words.step"
        if np.ndim(xt) != 2 or xt.shape[1] < 2:
            raise ShapeError(f"{where}: xt has shape {np.shape(xt)}; expected (m, 1 + L), L >= 1.")
        return self._read(where, "xt", xt, self._own(where, parameters))[0], ()

    def stepper(self, parameters, m):
        """Prepare to read m words at a time: (m, 1 + L) of int -> (m, n_x + 2 n_a)."""
        own = self._own("Words.stream", parameters)
        own = {prefix + n: p.copy() for prefix, ps in own.items() for n, p in ps.items()}
        return Stateless(lambda xt: self.step(xt, own, ())[0])

    def _own(self, where, parameters):
        """Return the parameters of the layers inside under their own names, by prefix."""
        own = {}
        for prefix, part in self._parts().items():
            names = [prefix + name for name in part.shapes()]
            inside = {n.removeprefix(prefix): parameters[n] for n in names if n in parameters}
            if isinstance(part, Embedding):
                inside = {"We": part.vectors(f"{where}, {prefix[:-1] or 'words'}", inside)}
            own[prefix] = inside
        return own
