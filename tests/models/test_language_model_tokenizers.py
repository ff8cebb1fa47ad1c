"""LanguageModel: tokenizers, what they cost, and what of them is in a file."""

import json
import math
import re
import sys
import tracemalloc
from collections import Counter

import numpy as np
import pytest

import bptt
from bptt import LanguageModel
from bptt.errors import BpttError, CheckpointError, ConfigError, DataError
from bptt.models import register_tokenizer, write_token_file
from bptt.models.subwords import Subwords
from bptt.models.text import TokenCounts, Vocabulary
from bptt.models.text_encoder import TextEncoder
from bptt.models.tokenizers import CHUNK, TOKENIZERS
from tests.support.language_models import assert_same_parameters, tiny

PENN = " no it was n't black monday \n but while the <unk> fell N points \n" * 30


# White space: the Penn Treebank's convention


def test_penn_treebank_tokens_and_perplexity():
    model = tiny(tokenizer="whitespace").fit(PENN)
    assert "<unk>" not in model.vocabulary_
    assert "<eos>" in model.vocabulary_
    ids = model.encode("the <unk> fell \n never")
    assert ids.tolist()[1] == ids.tolist()[4] == 0  # <unk> is the unknown token, not a fifth word
    lines = PENN[: 2 * len(PENN) // 30]
    tokens = lines.replace("\n", "<eos>").split()
    assert model.encoder_.tokens(lines) == tokens
    nats = -model.sequence_log_prob(lines)
    assert model.perplexity(lines) == pytest.approx(math.exp(nats / (len(tokens) - 1)))
    assert " per token, perplexity" in model.score_text(lines)
    assert model.loss_unit == "nats per token"


def test_white_space_is_written_back():
    model = tiny(tokenizer="whitespace", epochs=30, learning_rate=0.03).fit(PENN)
    assert model.sample("no it was", 5, temperature=0) == " n't black monday\nbut"
    assert model.sample("no it was ", 2, temperature=0) == "n't black"
    assert "".join(model.generate("", 8, seed=0)) == model.sample("", 8, seed=0)


def test_words_say_per_token():
    model = tiny(tokenizer="words", epochs=1).fit("the cat sat. " * 40)
    assert "per token" in model.score_text("the cat")
    assert model.describe() == [
        "vocabulary: 5 tokens and one unknown token, tokenizer words; trained on one text"
    ]


# Lists of tokens


def test_a_list_of_tokens_is_a_text_that_is_trained_saved_and_scored(tmp_path):
    notes = ["C4", "E4", "G4", "rest"] * 60
    model = tiny(tokenizer="tokens").fit(notes)
    assert model.vocabulary_ == ["C4", "E4", "G4", "rest"]
    assert model.documents_ is False
    model.save(tmp_path / "m")
    again = bptt.load(tmp_path / "m")
    assert again.score(notes) == model.score(notes)
    sample = again.sample(["C4", "E4"], 6, seed=1)
    assert sample == again.sample("C4 E4", 6, seed=1)
    assert sample.startswith(" ")
    assert set(sample.split()) <= set(notes)
    assert isinstance(again.sequence_log_prob(notes), float)
    pieces = [notes[:7], notes[3:9], []] * 20
    documents = tiny(tokenizer="tokens", epochs=1).fit(pieces)
    assert documents.sequence_log_prob(pieces).shape == (60,)
    for wrong in ("C4 E4 " * 90, ["C4 E4", ["G4"]]):
        with pytest.raises(ConfigError):
            tiny(tokenizer="tokens").fit(wrong)


# Subwords


@pytest.fixture(scope="module")
def subwords(tmp_path_factory):
    tokenizers = pytest.importorskip("tokenizers")
    own = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="[UNK]"))
    own.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["[UNK]"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    own.train_from_iterator([SUBWORD_TEXT], trainer)
    own.enable_truncation(5)  # what a file for another model may hold
    own.enable_padding(length=64)
    path = tmp_path_factory.mktemp("subwords") / "tokenizer.json"
    own.save(str(path))
    return path


SUBWORD_TEXT = "the cat 😀 sat on the mat.\n\n the cåt ☃ went \n" * 30


def test_subwords_are_those_of_the_file_and_come_back_as_text(subwords, tmp_path):
    model = tiny(tokenizer=str(subwords)).fit(SUBWORD_TEXT)
    encoder = model.encoder_
    ids = model.encode(SUBWORD_TEXT)
    assert len(ids) > 300  # not truncated, not padded
    join = encoder.joiner("")
    assert "".join(join(int(i)) for i in ids) == SUBWORD_TEXT
    assert all("\ufffd" not in piece for piece in model.generate("the", 40, temperature=0))
    assert " per token, " in model.score_text(SUBWORD_TEXT)
    model.save(tmp_path / "m")
    subwords.rename(subwords.with_suffix(".away"))
    try:
        again = bptt.load(tmp_path / "m")  # needs no other file
        assert again.score(SUBWORD_TEXT) == model.score(SUBWORD_TEXT)
        assert again.sample("the ", 20, seed=2) == model.sample("the ", 20, seed=2)
        assert_same_parameters(again.fit(SUBWORD_TEXT), model)
    finally:
        subwords.with_suffix(".away").rename(subwords)


def test_a_tokenizer_object_and_a_token_file_give_the_same(subwords, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    model = tiny(tokenizer=subwords, validation_fraction=0).fit(SUBWORD_TEXT)
    own = tiny(tokenizer=tokenizers.Tokenizer.from_file(str(subwords)), validation_fraction=0)
    assert_same_parameters(own.fit(SUBWORD_TEXT), model)
    own.save(tmp_path / "m")
    assert bptt.load(tmp_path / "m").score(SUBWORD_TEXT) == model.score(SUBWORD_TEXT)
    (tmp_path / "t.txt").write_text(SUBWORD_TEXT)
    stored = write_token_file(tmp_path / "t.txt", tmp_path / "t.npy", tokenizer=subwords)
    again = tiny(validation_fraction=0).fit(stored)
    assert_same_parameters(again, model)
    assert model.score(stored) == model.score(SUBWORD_TEXT)


def test_without_the_package_one_sentence_says_what_to_install(subwords, tmp_path, monkeypatch):
    tiny(tokenizer=str(subwords), epochs=1).fit(SUBWORD_TEXT).save(tmp_path / "m")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(BpttError, match=r"pip install 'bptt\[text\]'"):
        bptt.load(tmp_path / "m")
    with pytest.raises(BpttError, match=r"pip install 'bptt\[text\]'"):
        tiny(tokenizer=str(subwords)).fit(SUBWORD_TEXT)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"model": 3}', "\x00", "{" * 10**5])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path, content):
    pytest.importorskip("tokenizers")
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises((ConfigError, DataError)) as caught:
        tiny(tokenizer=str(tmp_path / "bad.json")).fit(SUBWORD_TEXT)
    assert len(str(caught.value)) < 500
    with pytest.raises(DataError, match="cannot read the tokenizer"):
        tiny(tokenizer="missing.json").fit(SUBWORD_TEXT)


def test_ids_with_gaps_and_limits_of_a_fixed_vocabulary_are_refused(subwords):
    content = json.loads(subwords.read_text())
    content["added_tokens"][0]["id"] = 2**31
    with pytest.raises(ConfigError):
        Subwords(json.dumps(content | {"model": content["model"] | {"vocab": {"a": 2**31}}}))
    with pytest.raises(ConfigError, match="max_vocabulary is 9; expected None"):
        tiny(tokenizer=str(subwords), max_vocabulary=9).fit(SUBWORD_TEXT)


# Parts of a text


@pytest.mark.parametrize("tokenizer", ["words", "whitespace"])
def test_the_part_that_is_split_at_a_time_changes_no_token(tokenizer, monkeypatch):
    text = "a  b,c\n\n \t\nde f. 'g'  \n" * 50 + "x" * 500 + " " * 300 + "end"
    whole = TOKENIZERS[tokenizer].split(text)
    for size in (1, 7, 64, 10**6):
        monkeypatch.setattr("bptt.models.tokenizers.CHUNK", size)
        assert TextEncoder(tokenizer, Vocabulary([]), False).tokens(text) == whole


@pytest.mark.parametrize("size", [1, 7, 60, 5000])
def test_words_numbered_by_units_are_those_of_the_rule(size, monkeypatch):
    """Whatever the text, however it is cut, given as texts or as lists of words."""
    monkeypatch.setattr("bptt.models.numbering.CHUNK", size)
    monkeypatch.setattr("bptt.models.tokenizers.CHUNK", size)
    monkeypatch.setattr("bptt.models.numbering._MOST_UNITS", 20)
    rng = np.random.default_rng(size)
    letters = np.array(list("aab_1.,;- \u00a0\n\t\r\u0301\u00e9\u2028\U0001d7d8"))
    texts: list = ["".join(rng.choice(letters, n)) for n in rng.integers(0, 200, 12)]
    texts[3] = ["a b", " ", "c"]  # words of the user's: they are not split again
    words = [t if isinstance(t, list) else re.findall(r"\w+|[^\w\s]|\s+", t) for t in texts]
    encoder, ids = TextEncoder.fit("words", texts, documents=True)
    assert encoder.vocabulary.tokens == sorted({w for text in words for w in text})
    assert [len(ids[i]) - 2 for i in range(12)] == [len(w) for w in words]
    for i, own in enumerate(words):
        np.testing.assert_array_equal(ids[i][1:-1], encoder.vocabulary.ids(own))


def test_numbering_is_that_of_a_counter():
    """Order of first occurrence, ties, limits: as `collections.Counter` has them."""
    rng = np.random.default_rng(0)
    text = "".join(map(chr, rng.integers(0x61, 0x2600, 3000)))
    for limit, least in ((None, 1), (50, 1), (700, 2)):
        for given in (text, list(text)):
            counts = TokenCounts()
            for k in range(0, len(text), 700):
                counts.count(counts.number(given[k : k + 700]))
            expected = Vocabulary.counted(Counter(text), limit, least).tokens
            assert counts.vocabulary(limit, least).tokens == expected
    ids = Vocabulary.counted(Counter(text), 300).ids(text)
    np.testing.assert_array_equal(Vocabulary.counted(Counter(text), 300).character_ids(text), ids)


def test_a_text_costs_a_few_bytes_a_character():
    text = "the quick brown fox\n" * (8 * CHUNK // 20)
    tracemalloc.start()
    TextEncoder.fit("characters", [text], False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * len(text) + 20e6  # tables of code points, numbers of a part


# What is refused


@pytest.mark.parametrize("text", ["ab\ud800c" * 60, ["ab", "\udfff"] * 9, [["a\udc80", "b"]] * 9])
def test_lone_surrogates_are_refused_before_the_first_step(text):
    with pytest.raises(ConfigError, match="holds a lone surrogate; expected text that UTF-8 can"):
        tiny().fit(text)
    model = tiny(epochs=1).fit("abc" * 90)
    assert model.unknown_tokens("a\ud800") == ["\ud800"]
    assert math.isfinite(model.score("ab\ud800c"))


@pytest.mark.parametrize(
    ("text", "settings"),
    [("abc" * 90, {"min_count": 10**6}), ("<unk> " * 90, {"tokenizer": "whitespace"})],
)
def test_an_empty_vocabulary_is_refused(text, settings):
    with pytest.raises(ConfigError, match="no token is left in the vocabulary"):
        tiny(**settings).fit(text)


@pytest.mark.parametrize(("text", "most"), [(["abc", "abcd"] * 9, 5), ("abcd" * 90, 80)])
def test_a_burn_in_that_leaves_nothing_is_refused(text, most):
    with pytest.raises(ConfigError, match=rf"burn_in is {most}; expected less than {most}, "):
        tiny(burn_in=most).fit(text)
    assert tiny(burn_in=most - 1, epochs=1).fit(text).history_[-1]["loss"] > 0


def test_top_k_keeps_k_of_equals_the_first_ones():
    model = tiny(epochs=1).fit("abcdefgh" * 40)
    for p in model.parameters_.values():
        p[...] = 0
    for k in (1, 2, 5, 8, 99):
        drawn = set(model.sample("a", 300, top_k=k, seed=0))
        assert drawn == set("abcdefgh"[:k])
    assert model.sample("a", 20, top_k=1, seed=0) == model.sample("a", 20, temperature=0)


def test_a_name_that_is_not_registered_is_refused_with_the_way_out(tmp_path):
    register_tokenizer("own", str.split, separator=" ")
    try:
        tiny(tokenizer="own", epochs=1).fit("a b c " * 60).save(tmp_path / "m")
    finally:
        del TOKENIZERS["own"]
    with pytest.raises(CheckpointError, match="register_tokenizer"):
        bptt.load(tmp_path / "m")
    with pytest.raises(ConfigError, match="register_tokenizer"):
        LanguageModel(tokenizer="own").fit("a b c " * 60)
