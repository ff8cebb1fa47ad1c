"""Token files: the same results as texts in memory; nothing in a file is trusted."""

import os
import pickle

import numpy as np
import pytest

import bptt
from bptt.corpus import read_documents, stream_documents
from bptt.errors import BpttError, CheckpointError, ConfigError, DataError
from bptt.models import TokenFile, write_token_file
from bptt.training.array_files import load_arrays, save_arrays
from tests.support.language_models import assert_same_parameters, tiny

TEXT = "The cat sat;\nthe dog  sat.\n\n \t\nA cåt, a dog!\n" * 40


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")


def reference(split):
    return TEXT if split is None else read_documents("text.txt", split)


@pytest.mark.parametrize("split", [None, "paragraph", "line"])
@pytest.mark.parametrize("tokenizer", ["characters", "words", "whitespace"])
def test_training_and_scores_are_those_of_the_text_in_memory(tokenizer, split):
    stored = write_token_file("text.txt", "t.npy", tokenizer=tokenizer, documents=split)
    X, sizes = reference(split), {"validation_fraction": 0, "epochs": 1, "burn_in": 2}
    model = tiny(tokenizer=tokenizer, **sizes).fit(X)
    again = tiny(**sizes).fit(stored)
    assert_same_parameters(again, model)
    assert again.vocabulary_ == model.vocabulary_
    assert again.items == model.items
    assert again.score(stored) == again.score(X) == model.score(X)
    assert again.sample("The", 9, seed=0) == model.sample("The", 9, seed=0)
    again.save("m")
    assert bptt.load("m").score(stored) == model.score(X)
    assert again.extent(stored) == f"{len(stored):,} {'documents' if split else again.items}"


def test_what_is_held_out_is_that_of_a_text():
    stored = write_token_file("text.txt", "t.npy")
    model, again = (tiny(validation_fraction=0.2, epochs=2).fit(X) for X in (TEXT, stored))
    assert_same_parameters(again, model)
    assert again.history_[-1]["validation"] == model.history_[-1]["validation"]
    (kept, held_out), (text, other) = again.split(stored), model.split(TEXT)
    assert (len(kept), len(held_out)) == (len(text), len(other))
    assert again.score(held_out) == model.score(other)
    documents = write_token_file("text.txt", "d.npy", documents="line")
    model = tiny(validation_fraction=0.3, epochs=1).fit(documents)
    lines = tiny(validation_fraction=0.3, epochs=1).fit(read_documents("text.txt", "line"))
    assert_same_parameters(model, lines)
    assert model.history_[-1]["validation"] == lines.history_[-1]["validation"]


def test_a_file_is_read_in_the_vocabulary_of_the_model():
    model = tiny(epochs=1).fit("The cat sat on the mat. " * 40)
    other = write_token_file("text.txt", "other.npy")
    assert other.encoder.vocabulary.tokens != model.vocabulary_
    assert model.score(other) == model.score(TEXT)
    assert "unknown" in model.score_text(other)
    fitted = tiny(epochs=1).fit("The cat sat on the mat. " * 40, validation=other)
    assert fitted.history_[-1]["validation"] > 0
    words = write_token_file("text.txt", "words.npy", tokenizer="words")
    with pytest.raises(DataError, match="holds one text of words; expected one text of characters"):
        model.score(words)
    with pytest.raises(ConfigError, match=r"tokenizer is 'whitespace'; expected it left out"):
        tiny(tokenizer="whitespace").fit(words)
    with pytest.raises(ConfigError, match=r"min_count is 2; expected it left out"):
        tiny(min_count=2).fit(words)


def test_training_goes_on_in_the_vocabulary_of_the_model():
    """Also the held-out part is read in it: the file's own ids are others."""
    stored = write_token_file("text.txt", "t.npy")
    model, again = (tiny(epochs=1).fit("The cat sat on the mat. " * 40) for _ in range(2))
    for m, X in ((model, TEXT), (again, stored)):
        m.set_params(warm_start=True).fit(X)
    assert_same_parameters(again, model)
    assert again.history_[-1]["validation"] == model.history_[-1]["validation"]


def test_the_smallest_ids_are_stored():
    for n, dtype in ((255, "uint8"), (256, "uint16"), (70000, "uint32")):
        text = " ".join(f"w{k}" for k in range(n))
        with open("many.txt", "w") as file:
            file.write(text)
        stored = write_token_file("many.txt", "many.npy", tokenizer="whitespace")
        assert stored.texts.tokens.dtype == dtype
        assert np.load("many.npy", allow_pickle=False).dtype == dtype  # NumPy reads it too
        assert len(TokenFile("many.npy")) == len(np.load("many.npy")) == n
    assert stored.encoder.vocabulary.tokens == sorted(text.split())


def test_a_resumed_training_is_bit_identical_and_knows_its_data(tmp_path):
    stored = write_token_file("text.txt", "t.npy")
    whole = tiny(epochs=2).fit(stored)
    half = tiny(epochs=2)
    half.fit(stored, checkpoint="c.safetensors", on_step=lambda p: p.step == 5)
    checkpoint = next(tmp_path.glob("c-*.safetensors"))
    assert_same_parameters(tiny(epochs=2).fit(stored, resume=checkpoint), whole)
    (tmp_path / "text.txt").write_text(TEXT.replace("dog", "cat"))
    changed = write_token_file("text.txt", "t.npy")
    with pytest.raises(ConfigError, match="was trained on other data"):
        tiny(epochs=2).fit(changed, resume=checkpoint)


def test_a_token_file_goes_to_other_processes_by_its_name():
    stored = write_token_file("text.txt", "t.npy", documents="line")
    again = pickle.loads(pickle.dumps(stored))
    np.testing.assert_array_equal(again.texts[3], stored.texts[3])


def test_documents_are_streamed_as_they_are_read(tmp_path):
    blank = "\n a\n\n\nb\n \t \nc\n  \n"
    for text in (blank, "x", "\n\nx\n\n", "a\r\n\r\nb\rc", "  \nx\n  "):
        (tmp_path / "a").write_bytes(text.encode())
        for split in ("file", "paragraph", "line"):
            streamed = ["".join(d) for d in stream_documents("a", split)]
            assert streamed == read_documents("a", split), (text, split)
        assert ["".join(d) for d in stream_documents(["a", "a"])] == [
            bptt.corpus.read_text(["a", "a"])
        ]


# What is refused


def spoil(change):
    """Change the file beside a token file; return what opening it says."""
    arrays, config = load_arrays("t.vocabulary.safetensors")
    change(arrays, config)
    save_arrays("t.vocabulary.safetensors", arrays, config)
    return refusal()


def refusal():
    with pytest.raises((DataError, CheckpointError)) as caught:
        TokenFile("t.npy")
    message = str(caught.value)
    assert message.startswith(("TokenFile: ", "load: ", "TokenFile.__init__: "))
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a, c: c.update(kind="LanguageModel"), "its kind is not TokenFile"),
        (lambda a, c: c.update(vocabulary=[]), "its vocabulary is empty"),
        (lambda a, c: c.update(vocabulary=["a", "a"]), "holds a token twice"),
        (lambda a, c: c.update(vocabulary=["\ud800"]), "lone surrogate"),
        (lambda a, c: c.update(vocabulary=3), "not a list of str"),
        (lambda a, c: c.update(documents="yes"), "its documents is not a bool"),
        (lambda a, c: c.update(tokenizer="os.system"), "is not registered"),
        (lambda a, c: c.pop("sha256"), "'sha256' is missing"),
        (lambda a, c: c.update(tokens=10**30), "does not belong"),
        (lambda a, c: c.update(samples=None), "does not belong"),
        (lambda a, c: a.pop("offsets"), "'offsets' is missing"),
        (lambda a, c: a.update(offsets=a["offsets"][:1]), "not rising places"),
        (lambda a, c: a.update(offsets=a["offsets"] - 1), "not rising places"),
        (lambda a, c: a.update(offsets=a["offsets"].astype(float)), "not rising places"),
        (lambda a, c: a.update(offsets=a["offsets"][[0, 2, 1, -1]]), "not rising places"),
    ],
)
def test_a_forged_vocabulary_file_is_refused(change, words):
    write_token_file("text.txt", "t.npy", documents="line")
    assert words in spoil(change)


def test_damaged_ids_are_refused_and_never_crash(tmp_path):
    write_token_file("text.txt", "t.npy")
    path, whole = tmp_path / "t.npy", (tmp_path / "t.npy").read_bytes()
    for n in (0, 5, 127, 128, len(whole) - 1):
        path.write_bytes(whole[:n])
        refusal()
    path.write_bytes(whole + b"x")
    assert "because its header declares" in refusal()
    for old, new in (
        (b"'|u1'", b"'|O8'"),
        (b"'|u1'", b"'<u2'"),
        (b"(", b"["),
        (b"NUMPY", b"NUMPI"),
    ):
        path.write_bytes(whole.replace(old, new, 1))
        refusal()
    path.write_bytes(whole[:-3] + b"\x00\x00\x00")  # among the samples
    assert "does not belong" in refusal()
    path.unlink()
    assert "no such file" in refusal()
    path.mkdir()
    refusal()


def test_an_id_without_a_token_is_refused_where_it_is_read(tmp_path):
    """A whole file of wrong ids has the right digests if somebody makes it so."""
    stored = write_token_file("text.txt", "t.npy")
    stored.texts.tokens.n_ids = 5
    for use in (lambda: tiny(epochs=1).fit(stored), lambda: stored.verify()):
        with pytest.raises(DataError, match=r"holds the token id \d+; expected ids below 5"):
            use()


def test_verify_reads_everything(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT * 60)
    stored = write_token_file("text.txt", "t.npy")
    stored.verify()
    data = bytearray((tmp_path / "t.npy").read_bytes())
    data[128 + 6000] ^= 1  # between two samples
    (tmp_path / "t.npy").write_bytes(data)
    with pytest.raises(DataError, match="do not match their sha256 digest"):
        TokenFile("t.npy").verify()


def test_a_file_that_becomes_shorter_is_refused_not_fatal(tmp_path):
    stored = write_token_file("text.txt", "t.npy")
    os.truncate("t.npy", 600)
    with pytest.raises(DataError, match="has become shorter"):
        tiny(epochs=1).fit(stored)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"out": "t.txt"}, "expected a name that ends in '.npy'"),
        ({"tokenizer": "sentences"}, "tokenizer is 'sentences'; expected one of characters"),
        ({"documents": "page"}, "split is 'page'; expected one of file, paragraph, line"),
        ({"min_count": 10**6}, "no token is left in the vocabulary"),
        ({"encoding": "klingon"}, "encoding is 'klingon'"),
        ({"paths": "missing"}, "cannot read missing"),
        ({"paths": []}, "no file given"),
        ({"out": "no/where.npy"}, "cannot write"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, arguments, words):
    settings = {"paths": "text.txt", "out": "t.npy"} | arguments
    with pytest.raises(BpttError, match=words):
        write_token_file(settings.pop("paths"), settings.pop("out"), **settings)
    assert [p.name for p in tmp_path.iterdir()] == ["text.txt"]


def test_an_interruption_leaves_the_old_file(tmp_path):
    write_token_file("text.txt", "t.npy")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def interrupt(stage, count):
        if stage == "writing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_token_file("text.txt", "t.npy", tokenizer="words", on_read=interrupt)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_the_output_is_no_input(tmp_path):
    (tmp_path / "text.npy").write_text(TEXT)
    with pytest.raises(ConfigError, match="out is one of the files to read"):
        write_token_file("text.npy", "text.npy")


def test_other_encodings_and_what_is_no_text(tmp_path):
    (tmp_path / "u.txt").write_bytes(TEXT.encode("utf-16"))
    (tmp_path / "l.txt").write_bytes(TEXT.encode("latin-1"))
    for name, encoding in (("u.txt", None), ("l.txt", "latin-1")):
        stored = write_token_file(name, "t.npy", encoding=encoding)
        assert stored.digest == write_token_file("text.txt", "s.npy").digest
    for data, words in ((b"a" * 9 + b"\xff", "is not UTF-8"), (b"a\0b", "NUL"), (b"", "is empty")):
        (tmp_path / "bad.txt").write_bytes(data)
        with pytest.raises(DataError, match=words):
            write_token_file("bad.txt", "b.npy")
