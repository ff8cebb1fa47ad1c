"""Drawing tokens from a language model, one after another."""

import numpy as np

from ..checks import FLOAT32_MAX, is_number, is_whole
from ..equations.activations import softmax
from ..errors import BpttError, ConfigError
from .text import UNKNOWN


class Sampler:
    """How to draw: the arguments of `LanguageModel.sample`, checked.

    Raises
    ------
    ConfigError
        An argument makes no sense.
    """

    def __init__(self, where, length, temperature, top_k, top_p, stop, seed):
        for name, value, low in (("length", length, 0), ("top_k", top_k, 1)):
            if value is None and name == "top_k":
                continue
            if not is_whole(value) or value < low:
                raise ConfigError(
                    f"{where}: {name} is {value!r}; expected a whole number >= {low}."
                )
        if not (is_number(temperature) and 0 <= temperature <= FLOAT32_MAX):
            raise ConfigError(
                f"{where}: temperature is {temperature!r}; expected a finite number >= 0."
            )
        if not (top_p is None or (is_number(top_p) and 0 < top_p <= 1)):
            raise ConfigError(f"{where}: top_p is {top_p!r}; expected a number in (0, 1].")
        if not (stop is None or (isinstance(stop, str) and stop)):
            raise ConfigError(f"{where}: stop is {stop!r}; expected a str that is not empty.")
        whole = is_whole(seed) and seed >= 0
        if not (whole or seed is None or isinstance(seed, np.random.Generator)):
            raise ConfigError(f"{where}: seed is {seed!r}; expected a whole number >= 0.")
        self.where, self.length, self.temperature = where, length, temperature
        self.top_k, self.top_p, self.stop = top_k, top_p, stop
        self.rng = np.random.default_rng(seed)

    def text(self, stream, read, vocabulary):
        """Read tokens, then draw: yield the text piece by piece.

        Parameters
        ----------
        stream : Stream
        read : ndarray of int, shape (n,), n >= 1
        vocabulary : list of str
            Of the tokens 1, 2, ...; drawing one beyond them ends the text.

        Yields
        ------
        str
        """
        if self.stop is None:
            yield from self._pieces(stream, read, vocabulary)
            return
        held = ""
        for piece in self._pieces(stream, read, vocabulary):
            held += piece
            end = held.find(self.stop)
            if end >= 0:
                if end:
                    yield held[:end]
                return
            keep = _overlap(held, self.stop)
            if keep < len(held):
                yield held[: len(held) - keep]
                held = held[len(held) - keep :]
        if held:
            yield held

    def _pieces(self, stream, read, vocabulary):
        *before, token = read
        with np.errstate(all="ignore"):  # _choose refuses what is not finite
            for t in before:
                stream.step(np.array([t]))
        for _ in range(self.length):
            with np.errstate(all="ignore"):
                z = stream.step(np.array([token]))[0]
            token = self._choose(z.astype(np.float64))
            if token > len(vocabulary):
                return
            yield vocabulary[token - 1]

    def _choose(self, z):
        """Draw a token from logits; never the unknown one, which stands for no text."""
        if not np.isfinite(z).all():
            raise BpttError(
                f"{self.where}: the result is not finite; the model's parameters are too large "
                f"to compute with."
            )
        z[UNKNOWN] = -np.inf
        if self.temperature == 0:
            return int(np.argmax(z))
        if self.top_k is not None and self.top_k < len(z):
            z[z < np.sort(z)[len(z) - self.top_k]] = -np.inf
        with np.errstate(over="ignore"):  # a tiny temperature: -inf, as it should be
            p = softmax((z - z.max()) / self.temperature)[:, 0]
        if self.top_p is not None:
            order = np.argsort(-p, kind="stable")
            before = np.cumsum(p[order]) - p[order]  # the likelier ones' probability
            p[order[before >= self.top_p]] = 0
            p /= p.sum()
        return int(self.rng.choice(len(p), p=p))


def _overlap(text, stop):
    """Return how many characters at the end of `text` may be the beginning of `stop`."""
    for n in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:n]):
            return n
    return 0
