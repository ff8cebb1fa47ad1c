"""Spans in tags of the kinds IOB1, IOB2 and BIOES, found as conlleval finds them.

conlleval is the script of the CoNLL-2000 and 2003 shared tasks. A span is right if its first and
last word and its type are. "I-" after another type, or after "O", begins a span as "B-" does, so
that IOB1 and IOB2 are read alike. "E-" and "S-" (BIOES), "L-" and "U-" (BILOU) end spans.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

Span = tuple[str, int, int]  # type, first word, last word

_TAG = re.compile(r"([BIESLU])(?:-(.*))?", re.DOTALL)
_LIKE = {"L": "E", "U": "S"}


def has_spans(tags: Iterable[str]) -> bool:
    """Return whether tags are those of spans: "O", and others with a prefix of a span."""
    tags = set(tags)
    named = tags - {"O"}
    if not named or not all(map(_TAG.fullmatch, named)):
        return False
    typed = [tag for tag in named if "-" in tag]
    return len(typed) == len(named) if typed else "O" in tags and "B" in tags


def find_spans(tags: Sequence[str]) -> list[Span]:
    """Return the spans in the tags of a sentence.

    >>> find_spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
    [('PER', 0, 1), ('LOC', 3, 3), ('LOC', 4, 4)]
    """
    spans: list[Span] = []
    before, kind, first = "O", "", 0
    for i, tag in enumerate([*tags, "O"]):
        found = _TAG.fullmatch(tag)
        prefix, own = (found[1], found[2] or "") if found else ("O", "")
        prefix = _LIKE.get(prefix, prefix)
        inside = before in ("B", "I")  # the word before may go on
        goes_on = inside and prefix in ("I", "E") and own == kind
        if before != "O" and not goes_on:
            spans.append((kind, first, i - 1))
        if prefix != "O" and not goes_on:
            first = i
        before, kind = prefix, own
    return spans


def count_spans(
    truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> tuple[list[str], tuple[Counter[str], Counter[str], Counter[str]]]:
    """Count spans by type.

    Returns
    -------
    types : list of str
        Sorted.
    right, predicted, true : Counter
        Numbers of spans that both have, that are predicted, and that are there.
    """
    right, said, real = Counter(), Counter(), Counter()
    for own, guess in zip(truth, predicted, strict=True):
        a, b = set(find_spans(own)), set(find_spans(guess))
        for counter, found in ((right, a & b), (said, b), (real, a)):
            counter.update(kind for kind, *_ in found)
    return sorted(set(said) | set(real)), (right, said, real)
