"""Spans of tags, as conlleval and seqeval find them."""

import random
from collections import Counter, defaultdict
from itertools import chain

import pytest

from bptt.models.reports import spans
from bptt.models.spans import count_spans, find_spans, has_spans
from bptt.readers import read_conll
from tests.support.readers import DATA, shared


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-A I-A O B-A", [("A", 0, 1), ("A", 3, 3)]),
        ("B-A B-A I-B", [("A", 0, 0), ("A", 1, 1), ("B", 2, 2)]),
        ("O I-A I-A I-B O I-B", [("A", 1, 2), ("B", 3, 3), ("B", 5, 5)]),  # IOB1
        ("I-A B-A I-A", [("A", 0, 0), ("A", 1, 2)]),  # IOB1: B- only between two alike
        ("S-A B-A I-A E-A E-B", [("A", 0, 0), ("A", 1, 3), ("B", 4, 4)]),  # BIOES
        ("U-A B-A L-A", [("A", 0, 0), ("A", 1, 2)]),  # BILOU
        ("B-A-1 I-A-1 I-A-2", [("A-1", 0, 1), ("A-2", 2, 2)]),
        ("B I O I", [("", 0, 1), ("", 3, 3)]),
        ("", []),
    ],
)
def test_find_spans(tags, expected):
    assert find_spans(tags.split()) == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-A I-A O", True),
        ("B-A", True),
        ("O", False),
        ("NOUN VERB", False),
        ("B-A NOUN O", False),
        ("B I O", True),
        ("B I", False),
        ("B-A B O", False),
        ("S E", False),
    ],
)
def test_has_spans(tags, expected):
    assert has_spans(tags.split()) == expected


def test_random_tags_are_read_as_seqeval_reads_them():
    metrics = pytest.importorskip("seqeval.metrics")
    labels = pytest.importorskip("seqeval.metrics.sequence_labeling")
    rng = random.Random(0)
    names = ["O", *(f"{p}-{k}" for p in "BIES" for k in ("X", "Y"))]
    truth, said = (
        [rng.choices(names, k=n) for n in (rng.randint(0, 7) for _ in range(2000))]
        for _ in range(2)
    )
    said = [rng.choices(names, k=len(t)) if i % 2 else t for i, t in enumerate(truth)]
    for tags in truth + said:
        assert find_spans(tags) == labels.get_entities(tags)
    heading = spans(chain(*truth), count_spans(truth, said)[1])[0]
    assert heading.startswith(f"span F1 {metrics.f1_score(truth, said):.4f} ")
    _, (right, _, real) = count_spans(truth, said)
    assert sum(right.values()) / sum(real.values()) == metrics.recall_score(truth, said)


@shared
def test_spans_of_a_file_are_those_of_seqeval():
    """Noun chunks of UD English, guessed from the most frequent tag of each word."""
    metrics = pytest.importorskip("seqeval.metrics")
    train, dev = (read_conll(DATA / "ud_english_ewt" / f"{n}.tsv") for n in ("train", "dev"))
    counts = defaultdict(Counter)
    for words, tags in zip(*train, strict=True):
        for word, tag in zip(words, tags, strict=True):
            counts[word.lower()][tag] += 1
    best = {word: own.most_common(1)[0][0] for word, own in counts.items()}
    guessed = [[best.get(word.lower(), "NOUN") for word in words] for words in dev.X]
    truth, said = map(chunks, dev.y), map(chunks, guessed)
    truth, said = list(truth), list(said)
    heading, table = spans(chain(*truth), count_spans(truth, said)[1])
    assert heading.startswith(f"span F1 {metrics.f1_score(truth, said):.4f} (")
    report = metrics.classification_report(truth, said, output_dict=True)
    for name, *numbers, support in table.rows[:-1]:
        own = report[name]
        assert numbers == [f"{own[k]:.4f}" for k in ("precision", "recall", "f1-score")]
        assert support == f"{own['support']:,}"


def chunks(tags):
    """Return parts of speech as BIO tags of noun and verb chunks."""
    kinds = {"DET": "NP", "ADJ": "NP", "NOUN": "NP", "PROPN": "NP", "AUX": "VP", "VERB": "VP"}
    result, before = [], None
    for tag in tags:
        kind = kinds.get(tag)
        result.append("O" if kind is None else f"{'I' if kind == before else 'B'}-{kind}")
        before = kind
    return result
