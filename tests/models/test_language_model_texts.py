"""LanguageModel: documents, words, what ends a sample, probabilities of whole texts."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

import bptt
from bptt import LanguageModel
from bptt.errors import ConfigError
from bptt.models import register_tokenizer
from bptt.models.text import Vocabulary
from bptt.models.tokenizers import TOKENIZERS

DOCUMENTS = ["abba", "abab", "ba", "b", "", "aabb"] * 10
WORDS = "The cat sat; the dog sat.\nA cat, a dog! " * 30


def small(**settings):
    sizes = {"units": 16, "embedding": 8, "seq_length": 8, "batch_size": 4, "epochs": 8}
    return LanguageModel(**(sizes | {"learning_rate": 0.02, "seed": 1} | settings))


@pytest.fixture(scope="module")
def documents():
    return small(cell="gru").fit(DOCUMENTS, progress="silent")


@pytest.fixture(scope="module")
def words():
    return small(tokenizer="words").fit(WORDS, progress="silent")


# Documents


def test_probabilities_of_all_short_documents_and_what_is_longer_sum_to_one(documents):
    """The end mark makes the model a distribution over documents of any length."""
    short = ["".join(p) for n in range(4) for p in itertools.product("ab", repeat=n)]
    total = np.exp(documents.sequence_log_prob(short)).sum()
    stream = documents.stream(8)
    # Nothing is drawn beyond three letters but what begins with each of the eight triples.
    prefixes = list(itertools.product("ab", repeat=3))
    log_p = np.zeros(8)
    token = np.full(8, 3)  # the end mark, which begins a document
    for t in range(3):
        z = stream.step(token).astype(np.float64)
        log_softmax = z - np.log(np.exp(z).sum(1, keepdims=True))
        token = np.array([1 + "ab".index(p[t]) for p in prefixes])
        log_p += log_softmax[np.arange(8), token]
    z = stream.step(token).astype(np.float64)
    p = np.exp(z - np.log(np.exp(z).sum(1, keepdims=True)))
    goes_on = p[:, 1:3].sum(1)
    unknown = 1 - total - (np.exp(log_p) * goes_on).sum()
    assert 0 <= unknown < 0.05  # the unknown token's share, never seen in training


def test_the_score_of_documents_counts_their_end_marks(documents):
    texts = ["abba", "", "b" * 300]
    log_p = documents.sequence_log_prob(texts)
    assert log_p.shape == (3,)
    expected = -log_p.sum() / (5 + 1 + 301)
    assert documents.score(texts) == pytest.approx(-expected, rel=1e-6)
    one_by_one = [documents.sequence_log_prob(t) for t in texts]
    np.testing.assert_allclose(one_by_one, log_p, rtol=1e-6)
    assert documents.cross_entropy(texts, "bits") == pytest.approx(expected / math.log(2), rel=1e-6)
    assert documents.perplexity(texts) == pytest.approx(math.exp(expected), rel=1e-6)
    with pytest.raises(ConfigError, match="unit is 'hats'; expected nats or bits"):
        documents.cross_entropy(texts, unit="hats")


def test_a_sample_ends_where_the_document_does(documents):
    samples = [documents.sample(seed=s) for s in range(60)]
    assert {len(s) for s in samples} > {2, 4}
    assert np.mean([len(s) <= 4 for s in samples]) > 0.8
    assert set("".join(samples)) == {"a", "b"}
    assert documents.sample("abb", temperature=0) == "a"


def test_each_document_begins_anew(documents):
    """Neither the order of the documents nor their neighbors move a score."""
    texts = ["abba", "b", "aabb", "ba"] * 40  # more than are scored side by side
    log_p = documents.sequence_log_prob(texts)
    np.testing.assert_allclose(log_p, np.tile(log_p[:4], 40), rtol=1e-6)


def test_documents_are_held_out_whole_and_by_chance():
    model = small(validation_fraction=0.25)
    documents = [f"{k:03}" for k in range(40)]
    training, held_out = model.split(documents)
    assert len(held_out) == 10
    assert sorted(training + held_out) == documents
    assert held_out != documents[-10:]
    assert model.split(documents) == (training, held_out)


def test_a_validation_text_of_ones_own():
    model = small(epochs=2).fit(DOCUMENTS, validation=["abba", "ba"], progress="silent")
    assert model.history_[-1]["validation"] == pytest.approx(-model.score(["abba", "ba"]), rel=1e-6)
    plain = small(epochs=1).fit("abba" * 30, validation="ab" * 20, progress="silent")
    assert plain.history_[-1]["validation"] > 0


def test_documents_come_in_arrays_series_and_data_too():
    pandas = pytest.importorskip("pandas")
    model = small(epochs=1).fit(DOCUMENTS, progress="silent")
    kinds = (np.array(DOCUMENTS), pandas.Series(DOCUMENTS), bptt.readers.Data(DOCUMENTS))
    for X in kinds:
        again = small(epochs=1).fit(X, validation=X[:3] if X is kinds[0] else None)
        assert again.vocabulary_ == model.vocabulary_
        assert again.sequence_log_prob(X).shape == (60,)
        assert model.score(X) == model.score(DOCUMENTS)
    with pytest.raises(ConfigError, match="the text is a int; expected a str"):
        small().fit(np.arange(40))


def test_no_document_with_a_token_is_refused():
    for nothing in ([], [""], [[], []]):
        with pytest.raises(ConfigError, match="no document holds a token; expected at least one"):
            small().fit(nothing, progress="silent")
    with pytest.raises(ConfigError, match=r"LanguageModel\.fit: token 1 is 2; expected a str"):
        small().fit([["a", 2]], progress="silent")


# Words and tokens


def test_words_lose_nothing_and_come_back(words, tmp_path):
    tokens = words.encoder_.tokens(WORDS)
    assert "".join(tokens) == WORDS
    assert tokens[:6] == ["The", " ", "cat", " ", "sat", ";"]
    assert set(words.vocabulary_) == set(tokens)
    assert words.encode("cat zebra").tolist()[0] == 1 + words.vocabulary_.index("cat")
    assert words.encode("cat zebra").tolist()[2] == 0
    sample = words.sample("The ", length=5, seed=0)
    assert "".join(words.vocabulary_).find(sample.split()[0]) >= 0
    words.save(tmp_path / "m")
    assert bptt.load(tmp_path / "m").sample("The ", length=9, seed=3) == words.sample(
        "The ", length=9, seed=3
    )


@pytest.fixture
def spaces():
    register_tokenizer("spaces", str.split, separator=" ")
    yield "spaces"
    TOKENIZERS.pop("spaces", None)


def test_lists_of_tokens_and_a_tokenizer_of_ones_own(spaces):
    lists = small(epochs=2).fit([["a", "b", "a"], ["b"]] * 8, progress="silent")
    own = small(epochs=2, tokenizer=spaces).fit(["a b a", "b"] * 8, progress="silent")
    for name, p in lists.parameters_.items():
        np.testing.assert_array_equal(own.parameters_[name], p)
    assert own.score(["a b"]) == lists.score([["a", "b"]])


def test_a_registered_tokenizer_is_saved_by_name_and_nothing_is_imported(spaces, tmp_path):
    model = small(epochs=1, tokenizer=spaces).fit(["a b a", "b"] * 8, progress="silent")
    model.save(tmp_path / "m")
    again = bptt.load(tmp_path / "m")
    assert again.score(["b a"]) == model.score(["b a"])
    assert again.sample("a", 5, seed=1) == model.sample("a", 5, seed=1)
    TOKENIZERS.pop("spaces")
    with pytest.raises(bptt.errors.CheckpointError, match=r"register_tokenizer"):
        bptt.load(tmp_path / "m")
    for name, split in (("words", str.split), ("a b", str.split), ("new", 3)):
        with pytest.raises(ConfigError, match=r"^register_tokenizer: "):
            register_tokenizer(name, split)


@pytest.mark.parametrize("function", [str.split, lambda text: list(text)])
def test_a_function_is_refused_before_the_first_step(function):
    """What cannot be saved is not trained."""
    steps = []
    with pytest.raises(ConfigError, match=r"tokenizer is .*; expected a name, because a function"):
        small(tokenizer=function).fit(["a b a", "b"] * 8, on_step=steps.append)
    assert not steps


def test_a_limited_vocabulary_keeps_the_most_frequent():
    model = small(max_vocabulary=2, epochs=1).fit("aaaabbbccd" * 10, progress="silent")
    assert model.vocabulary_ == ["a", "b"]
    assert model.encode("abcd").tolist() == [1, 2, 0, 0]
    rare = small(min_count=5, epochs=1).fit("aaaabbbccd" * 10, progress="silent")
    assert rare.vocabulary_ == ["a", "b", "c", "d"]
    rare = small(min_count=15, epochs=1, validation_fraction=0).fit("aaaabbbccd" * 10)
    assert rare.vocabulary_ == ["a", "b", "c"]
    assert len(Vocabulary.counted(Counter("xyx"), min_count=2)) == 1


# Sampling


def test_a_stop_string_ends_the_text_and_is_not_part_of_it(words):
    free = words.sample("The ", length=60, seed=4)
    stop = free[21:24]
    assert words.sample("The ", length=60, seed=4, stop=stop) == free[: free.index(stop)]
    pieces = list(words.generate("The ", length=60, seed=4, stop=stop))
    assert "".join(pieces) == free[: free.index(stop)]
    assert len(pieces) > 1  # as it goes, not at the end
    assert words.sample("The ", length=60, seed=4, stop="\0") == free
    for bad in ("", 3):
        with pytest.raises(ConfigError, match=r"stop is .*; expected a str that is not empty"):
            words.sample(stop=bad)


def test_top_p_keeps_the_likeliest_that_reach_it(documents):
    z = np.array([-9.0, np.log(0.5), np.log(0.3), np.log(0.2)])
    from bptt.models.sampling import Sampler

    def drawn(p):
        sampler = Sampler(1, 1.0, None, p, None, 0)
        return {sampler._choose(z.copy()) for _ in range(300)}

    assert drawn(0.4) == {1}
    assert drawn(0.5) == {1}
    assert drawn(0.6) == {1, 2}
    assert drawn(0.81) == drawn(1) == {1, 2, 3}
    for bad in (0, -0.1, 1.1, "x", float("nan")):
        with pytest.raises(ConfigError, match=r"top_p is .*; expected a number in \(0, 1\]"):
            documents.sample(top_p=bad)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("tokenizer", "sentences", "one of characters, words"),
        ("tokenizer", None, "one of characters, words"),
        ("max_vocabulary", 0, "None or a whole number >= 1"),
        ("burn_in", -1, "a whole number >= 0"),
        ("warmup", 1.5, "a whole number >= 0"),
        ("patience", 0, "None or a whole number >= 1"),
        ("optimizer", "lion", "one of adam, adamw, rmsprop, sgd"),
        ("schedule", "step", "one of constant, cosine, plateau"),
        ("initial_state", "random", "one of zero, learned"),
        ("dropout", 1.0, r"a number in \[0, 1\)"),
        ("input_dropout", -0.5, r"a number in \[0, 1\)"),
        ("weight_decay", -1, "a number >= 0"),
        ("momentum", 1, r"a number in \[0, 1\)"),
    ],
)
def test_hyperparameters_that_make_no_sense(name, value, expected):
    with pytest.raises(
        ConfigError, match=rf"^LanguageModel.fit: {name} is .*; expected {expected}"
    ):
        small(**{name: value}).fit("abc" * 40, progress="silent")


@pytest.mark.parametrize("cell", ["lstm", "gru", "gru_reset_after", "rnn", "rnn_relu"])
def test_every_cell_of_the_library_can_be_asked_for(cell, tmp_path):
    model = small(cell=cell, epochs=2, layers=2, dropout=0.1).fit("abcab" * 40, progress="silent")
    recurrent = model.network_.layers[f"{cell.partition('_')[0]}1"]
    assert recurrent.cell.name == cell
    model.save(tmp_path / "m")
    assert bptt.load(tmp_path / "m").score("abcab") == model.score("abcab")
