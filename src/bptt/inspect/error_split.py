"""Which errors of a character model which kind of knowledge would remove."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError, ShapeError, operation

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_BEFORE_WORDS = " \n\t\"'"
_BREAK = "\0"  # before each text


class ErrorSplit(NamedTuple):
    """Errors of a text by what would have removed them, in the order of the oracles."""

    counts: dict[str, int]  # by category; together they are all errors
    characters: int  # that were predicted: all but the first of each text
    which: list[np.ndarray]  # (T_i,): 0 where there is no error, else 1 + index of the category

    @property
    def errors(self) -> int:
        """Number of errors."""
        return sum(self.counts.values())

    @property
    def shares(self) -> dict[str, float]:
        """Share of the errors in each category; they sum to 1."""
        return {name: n / max(1, self.errors) for name, n in self.counts.items()}


@operation
def error_split(
    texts: str | Sequence[str],
    probabilities: Sequence[Any],
    train: str | Sequence[str],
    *,
    threshold: float = 0.5,
    orders: Sequence[int] = tuple(range(1, 10)),
    memory: Sequence[int] = (100, 500, 1000, 5000),
    rare: Sequence[int] = (0, 1, 2, 3, 4, 5),
    boost: Sequence[float] = (0.1, 0.2, 0.3, 0.4),
) -> ErrorSplit:
    """Split the errors of a character model by oracles, each of which removes some of the rest.

    An error is a character whose probability is below `threshold`. The oracles and their order are
    those of Karpathy, Johnson and Li 2015, section 4.4:

    1. "n-gram": an n-gram model of the training text, of any of the `orders`, gives the character
       at least `threshold`. Theirs are smoothed after Kneser and Ney; these are interpolated,
       p(c | h) = (n(hc) + T(h) p(c | h')) / (n(h) + T(h)) (Witten and Bell 1991).
    2. "memory 100" and so on: the character is in a word that also stands within so many characters
       before that word.
    3. "rare 0" and so on: it is in a word that occurs at most so many times in the training text.
    4. "word start": it follows white space or a quote.
    5. "punctuation": it is neither a letter, a digit nor white space.
    6. "boost 0.1" and so on: its probability plus so much is at least `threshold`; "rest": others.

    A word is a run of letters and digits, with apostrophes inside.

    Parameters
    ----------
    texts : str or list of str
        Texts that the model predicted; not its training text.
    probabilities : list of array-like
        Of the characters of each text, all but the first: ``probabilities(model, texts).true``. Of
        documents also that of the end mark, and of the first character, which follows a mark; the
        end mark is not counted.
    train : str or list of str
        The text that the model was trained on.
    threshold : float
    orders, memory, rare, boost : sequences of numbers, each rising
        n-grams; characters; occurrences; probabilities.

    Raises
    ------
    ConfigError
        The training text is empty, a sequence of numbers does not rise, or a probability is not
        finite.
    ShapeError
        There are more or fewer probabilities than characters.

    Examples
    --------
    >>> found = error_split("a b", [[0.2, 0.9]], "a b a b")
    >>> found.errors, {name: n for name, n in found.counts.items() if n}
    (1, {'n-gram': 1})
    """
    texts, train = ([t] if isinstance(t, str) else list(t) for t in (texts, train))
    for name, values in {"orders": orders, "memory": memory, "rare": rare, "boost": boost}.items():
        if any(b <= a for a, b in pairwise(values)):
            raise ConfigError(f"{name} is {values!r}; expected numbers that rise.")
    if not any(train):
        raise ConfigError("train is empty; expected the text that the model was trained on.")
    if len(texts) != len(probabilities):
        raise ShapeError(f"probabilities are of {len(probabilities)} texts; expected {len(texts)}.")
    rows = [_of_text(text, p) for text, p in zip(texts, probabilities, strict=True)]
    names = [
        "n-gram",
        *(f"memory {n}" for n in memory),
        *(f"rare {n}" for n in rare),
        "word start",
        "punctuation",
        *(f"boost {b:g}" for b in boost),
        "rest",
    ]
    frequent = Counter(word for text in train for word in _WORD.findall(text))
    easy = _n_gram(train, texts, orders, threshold)
    counts, which = dict.fromkeys(names, 0), []
    for text, p, known in zip(texts, rows, easy, strict=True):
        back, times = _words(text, frequent)
        letter = np.array([c.isalnum() for c in text], bool)
        space = np.array([c.isspace() for c in text], bool)
        starts = np.zeros(len(text), bool)
        starts[1:] = [c in _BEFORE_WORDS for c in text[:-1]]
        removed = [known, *(back <= n for n in memory), *(times <= n for n in rare)]
        removed += [starts, ~letter & ~space, *(p + b >= threshold for b in boost)]
        first = np.argmax([*removed, np.ones(len(text), bool)], axis=0)
        own = np.where(p < threshold, first + 1, 0)  # of nan, which is not predicted: 0
        which.append(own)
        for k, n in enumerate(np.bincount(own, minlength=len(names) + 1)[1:]):
            counts[names[k]] += int(n)
    return ErrorSplit(counts, int(sum(np.isfinite(p).sum() for p in rows)), which)


def _of_text(text, p):
    """Return the probability of every character, nan where it was not predicted."""
    p = np.asarray(p, np.float64)
    if not np.isfinite(p).all():
        raise ConfigError("a probability is not finite; expected numbers from 0 to 1.")
    if p.shape == (len(text) + 1,):  # a document: its first character follows a mark
        return p[:-1]
    if p.shape != (max(0, len(text) - 1),):
        raise ShapeError(
            f"the probabilities of a text of {len(text)} characters have the shape {p.shape}; "
            f"expected ({len(text) - 1},), or ({len(text) + 1},) of a document."
        )
    return np.append(np.nan, p)[: len(text)]


def _words(text, frequent):
    """Return how far back each character's word was used before, and how often in training."""
    back, times = np.full(len(text), np.inf), np.full(len(text), np.inf)
    last: dict[str, int] = {}
    for match in _WORD.finditer(text):
        word, (begin, end) = match[0], match.span()
        if word in last:
            back[begin:end] = begin - last[word]
        times[begin:end] = frequent[word]
        last[word] = begin
    return back, times


def _n_gram(train, texts, orders, threshold):
    """Return for each text which characters an n-gram model of any order predicts, (T_i,).

    All n-grams of training and texts are numbered order by order: that of order n by the number of
    its history, an n-gram of order n - 1 that ends one character before, and its last character.
    """
    joined = "".join(_BREAK + t for t in [*train, *texts])
    code = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    symbols, code = np.unique(code, return_inverse=True)
    n_train = sum(len(t) + 1 for t in train)
    learned = (np.arange(len(code)) < n_train) & (code != np.searchsorted(symbols, ord(_BREAK)))
    vocabulary = len(np.unique(code[learned]))
    p = np.full(len(code), 1 / (vocabulary + 1))
    known, history = np.zeros(len(code), bool), np.zeros(len(code), np.int64)
    for order in range(1, max(orders, default=0) + 1):
        grams, gram, first = _numbered(history * len(symbols) + code)
        n = np.bincount(gram[learned], minlength=grams)  # n(hc)
        of = history[first]  # the history of each n-gram
        total = np.bincount(of, weights=n, minlength=history.max() + 1)  # n(h)
        kinds = np.bincount(of, weights=n > 0, minlength=len(total))  # T(h)
        seen = total[history] > 0
        above = n[gram] + kinds[history] * p
        p = np.where(seen, above / np.maximum(1, total + kinds)[history], p)
        if order in orders:
            known |= p >= threshold
        history = np.append(0, gram[:-1] + 1)  # of the next order: what ends one before
    ends = np.cumsum([n_train, *(len(t) + 1 for t in texts)])
    return [known[a + 1 : b] for a, b in pairwise(ends.tolist())]


def _numbered(keys):
    """Return the count of different keys, the number of each, and where each is first."""
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    return len(first), number, first
