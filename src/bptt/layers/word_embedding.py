"""WordEmbedding: a vector for each known word, and one computed from the characters of any word."""

from typing import TYPE_CHECKING

import numpy as np

from ..checks import ArrayChecker, ParameterChecker
from ..errors import ShapeError, operation
from .base import need_array, whole_number
from .embedding import Embedding
from .recurrent import LSTM
from .stepwise import StepwiseLayer

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class WordEmbedding(StepwiseLayer):
    """Represent a word by its vector and the final states of a character-level LSTM.

    The LSTM is bidirectional; the final states of both directions follow the word's own vector
    (Ling et al. 2015; Plank et al. 2016), so that an unknown word has features too. Each distinct
    word of a batch is computed once.

    A time step is an array of 1 + L integers: the word id, in 0..n_words-1, and its character ids,
    in 1..n_characters-1, followed by zeros. The parameters are ``We``, ``characters.We`` and those
    of the LSTM, ``lstm.Wf``, ``lstm.reverse.Wf``, ...

    Parameters
    ----------
    n_words, n_x : int
        Distinct words; features of a word's vector.
    n_characters, n_c : int
        Distinct characters, with 0 for none; features of a character's vector.
    n_a : int
        Units of the LSTM over characters, in each direction: n_out = n_x + 2 n_a.
    scale : float
        Standard deviation of the initial vectors.

    Examples
    --------
    >>> words = WordEmbedding(100, 8, 27, 4, 6)
    >>> parameters = words.init(np.random.default_rng(0))
    >>> x = np.array([[[5, 3, 1, 20], [0, 2, 0, 0]]])  # the word, then its characters
    >>> words.forward(x, parameters)[0].shape
    (1, 2, 20)
    """

    @operation
    def __init__(
        self,
        n_words: int,
        n_x: int,
        n_characters: int,
        n_c: int,
        n_a: int,
        *,
        scale: float = 0.1,
    ):
        sizes = {"n_words": n_words, "n_x": n_x, "n_characters": n_characters, "n_c": n_c}
        for name, value in sizes.items():
            whole_number(name, value)
        self.words: Embedding = Embedding(n_words, n_x, scale=scale)
        self.characters: Embedding = Embedding(n_characters, n_c, scale=scale)
        self.lstm: LSTM = LSTM(n_c, n_a, bidirectional=True)
        self.n_in: int = self.words.n_in
        self.n_out: int = n_x + self.lstm.n_out
        table = {"We": "n_words n_x", "characters.We": "n_characters n_c"}
        table |= {f"lstm.{n}": " ".join(map(str, s)) for n, s in self.lstm.shapes().items()}
        self._check = ParameterChecker(table, sizes)

    def __repr__(self) -> str:
        characters = f"{self.characters.n_in}, {self.characters.n_out}, {self.lstm.n_a}"
        return f"WordEmbedding({self.words.n_in}, {self.words.n_out}, {characters})"

    def init(
        self, rng: "np.random.Generator", dtype: "DTypeLike" = np.float32
    ) -> dict[str, np.ndarray]:
        """Draw the vectors from a normal distribution, the LSTM by its own initializers."""
        parts = {"": self.words, "characters.": self.characters, "lstm.": self.lstm}
        return {
            prefix + name: p
            for prefix, part in parts.items()
            for name, p in part.init(rng, dtype).items()
        }

    def weights(self) -> tuple[str, ...]:
        """Return the names of the parameters that weight decay acts on."""
        return ("We", "characters.We", *(f"lstm.{name}" for name in self.lstm.weights()))

    def _checked(self, name, x, axes, parameters):
        need_array(name, x)
        if x.ndim != axes.count(" ") + 2 or x.shape[-1] < 2:
            expected = f"({axes.replace(' ', ', ')}, 1 + L), L >= 1"
            raise ShapeError(f"{name} has shape {x.shape}; expected {expected}.")
        return x

    def _map(self, name, rows, own, keep_tape):
        check = ArrayChecker()
        words = check.indices(f"{name}[..., 0]", rows[:, 0], self.words.n_in, "words")
        characters = check.indices(
            f"{name}[..., 1:]", rows[:, 1:], self.characters.n_in, "characters"
        )
        spelled, place = np.unique(characters, axis=0, return_inverse=True)
        place = place.reshape(-1)  # NumPy 2.0 returns two axes
        ends = spelled == 0
        lengths = np.where(ends.any(axis=1), ends.argmax(axis=1), spelled.shape[1])
        spelled = spelled[:, : max(1, lengths.max(initial=0))]
        _, (a, _), tape = self.lstm.forward(
            spelled,
            {n: own[f"lstm.{n}"] for n in self.lstm.shapes()},
            lengths=lengths,
            table=own["characters.We"],
            keep_tape=keep_tape,
        )
        from_characters = np.concatenate([a[0], a[1]], axis=1)
        rows = np.concatenate([own["We"][words], from_characters[place]], axis=1)
        return rows, (words.copy(), place, spelled.shape, tape)  # the caller's x may change

    def _map_backward(self, kept, d_rows, own, need_dx, parts):
        words, place, (n, longest), tape = kept
        n_x, n_a = self.words.n_out, self.lstm.n_a
        dWe = np.zeros(own["We"].shape, d_rows.dtype)
        np.add.at(dWe, words, d_rows[:, :n_x])
        d_spelled = np.zeros((n, 2 * n_a), d_rows.dtype)
        np.add.at(d_spelled, place, d_rows[:, n_x:])
        da = np.stack([d_spelled[:, :n_a], d_spelled[:, n_a:]])
        no_dy = np.zeros((n, longest, 2 * n_a), d_rows.dtype)
        dtable, _, gradients = self.lstm.backward(tape, no_dy, (da, np.zeros_like(da)))
        own_gradients = {"We": dWe, "characters.We": dtable}
        return None, own_gradients | {f"lstm.{name}": g for name, g in gradients.items()}
