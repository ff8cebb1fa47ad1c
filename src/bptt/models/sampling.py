"""Draw tokens from a language model, one after another."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import FLOAT32_MAX, is_number, is_whole, require_finite
from ..equations.activations import softmax
from ..errors import ConfigError, operation
from .text import UNKNOWN


@dataclass
class Sampler:
    """How tokens are drawn: the arguments of `LanguageModel.sample`.

    Raises
    ------
    ConfigError
        An argument that cannot be used.
    """

    length: int = 400
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    stop: str | None = None
    seed: int | np.random.Generator | None = None

    def __post_init__(self) -> None:
        if not is_whole(self.length) or self.length < 0:
            self._refuse("length", "a whole number >= 0")
        if not (self.top_k is None or (is_whole(self.top_k) and self.top_k >= 1)):
            self._refuse("top_k", "a whole number >= 1")
        if not (is_number(self.temperature) and 0 <= self.temperature <= FLOAT32_MAX):
            self._refuse("temperature", "a finite number >= 0")
        if not (self.top_p is None or (is_number(self.top_p) and 0 < self.top_p <= 1)):
            self._refuse("top_p", "a number in (0, 1]")
        if not (self.stop is None or (isinstance(self.stop, str) and self.stop)):
            self._refuse("stop", "a str that is not empty")
        whole = is_whole(self.seed) and self.seed >= 0
        if not (whole or self.seed is None or isinstance(self.seed, np.random.Generator)):
            self._refuse("seed", "a whole number >= 0")
        self._rng = np.random.default_rng(self.seed)

    def _refuse(self, name, expected):
        raise ConfigError(f"{name} is {getattr(self, name)!r}; expected {expected}.")

    def text(
        self, stream: Any, read: np.ndarray, n_tokens: int, join: Callable[[int], str]
    ) -> Iterator[str]:
        """Read tokens, then draw others: yield the text piece by piece.

        Parameters
        ----------
        stream : Stream
        read : ndarray of int, shape (n,), n >= 1
        n_tokens : int
            Drawing an id above this ends the text.
        join : callable (int) -> str
            Returns the text that an id adds.

        Yields
        ------
        str
        """
        with operation("LanguageModel.sample"):
            pieces = (piece for i in self._ids(stream, read, n_tokens) if (piece := join(i)))
            yield from pieces if self.stop is None else _until(self.stop, pieces)

    def _ids(self, stream, read, n_tokens):
        *before, token = read
        with np.errstate(all="ignore"):  # _choose refuses what is not finite
            for t in before:
                stream.step(np.array([t]))
        for _ in range(self.length):
            with np.errstate(all="ignore"):
                z = stream.step(np.array([token]))[0]
            token = self._choose(z.astype(np.float64))
            if token > n_tokens:
                return
            yield token

    def _choose(self, z):
        """Draw a token from logits; never the unknown one, which stands for no text."""
        require_finite(z)
        z[UNKNOWN] = -np.inf
        if self.temperature == 0:
            return int(np.argmax(z))
        if self.top_k is not None and self.top_k < len(z):
            z[np.argsort(-z, kind="stable")[self.top_k :]] = -np.inf  # of equals, the first ones
        with np.errstate(over="ignore"):  # a tiny temperature: -inf, as it should be
            p = softmax((z - z.max()) / self.temperature)[:, 0]
        if self.top_p is not None:
            order = np.argsort(-p, kind="stable")
            before = np.cumsum(p[order]) - p[order]  # the likelier ones' probability
            p[order[before >= self.top_p]] = 0
            p /= p.sum()
        return int(self._rng.choice(len(p), p=p))


def _until(stop, pieces):
    """Yield pieces of text up to the first `stop`."""
    held = ""
    for piece in pieces:
        held += piece
        end = held.find(stop)
        if end >= 0:
            if end:
                yield held[:end]
            return
        keep = _overlap(held, stop)
        if keep < len(held):
            yield held[: len(held) - keep]
            held = held[len(held) - keep :]
    if held:
        yield held


def _overlap(text, stop):
    """Return how many characters at the end of `text` may be the beginning of `stop`."""
    for n in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:n]):
            return n
    return 0
