"""Baseline for character models: an interpolated n-gram with Witten-Bell smoothing.

    p(c | h) = (n(hc) + T(h) p(c | h')) / (n(h) + T(h))

n(hc) counts how often the training text continues the history h with c, n(h) is their sum, T(h)
the number of different c among them, h' is h without its oldest character (Witten and Bell 1991;
Chen and Goodman 1999, section 2.5). The recursion ends below the empty history in a uniform
distribution over the training vocabulary and one unknown symbol, which stands for every character
that training has not seen. An n-gram has n - 1 characters of history.

Run: python examples/ngram.py [FILE ...]
"""

import argparse
import math
from collections import Counter
from collections.abc import Callable

from bptt.corpus import default_corpus, read_text


def fit(train: str, order: int) -> Callable[[str, str], float]:
    """Count `train`; return p(history, character), which uses the last `order` - 1 characters."""
    grams: Counter[str] = Counter()
    for length in range(1, order + 1):
        grams.update(train[i : i + length] for i in range(len(train) - length + 1))
    followers: Counter[str] = Counter()  # n(h)
    kinds: Counter[str] = Counter()  # T(h)
    for gram, count in grams.items():
        followers[gram[:-1]] += count
        kinds[gram[:-1]] += 1

    uniform = 1 / (len(set(train)) + 1)

    def probability(history: str, character: str) -> float:
        p = uniform
        for length in range(min(order, len(history) + 1)):
            h = history[len(history) - length :]
            if h not in followers:  # then no longer history was seen either
                break
            p = (grams[h + character] + kinds[h] * p) / (followers[h] + kinds[h])
        return p

    return probability


def ngram_nats(train: str, valid: str, order: int) -> float:
    """Mean of -log p over the characters of `valid`, which follows `train`, in nats."""
    probability = fit(train, order)
    text, loss = train + valid, 0.0
    for i in range(len(train), len(text)):
        loss -= math.log(probability(text[max(0, i - order + 1) : i], text[i]))
    return loss / len(valid)


def main() -> None:
    """Score a 3-gram and a 5-gram on the last tenth of the text after counting the rest."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help="default: bptt's default corpus")
    files = parser.parse_args().files
    text = read_text(files) if files else default_corpus()
    n_train = int(0.9 * len(text))
    for order in (3, 5):
        nats = ngram_nats(text[:n_train], text[n_train:], order)
        print(f"{order}-gram: {nats:.3f} nats/character, {nats / math.log(2):.3f} bits/character")


if __name__ == "__main__":
    main()
