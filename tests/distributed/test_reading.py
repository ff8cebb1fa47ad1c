"""Ranks read their own rows only; large token files cost no memory."""

import threading
import tracemalloc

import numpy as np
import pytest

import bptt
from bptt.errors import ConfigError, ShapeError
from bptt.models import TokenFile, token_files, write_token_file
from bptt.models.scaling import Moments
from bptt.training import SequenceBatches, Shares
from bptt.training.array_files import load_arrays, save_arrays

from .cases import cases, hash_of, more
from .threads import on_ranks

COUNT = 10**9


class Lazy:
    """A collection with a length and elements, as a dataset in files has them."""

    def __init__(self, X):
        self.X, self.read = X, []

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        self.read.append(int(i))
        return self.X[i]


@pytest.fixture
def large(tmp_path):
    """A token file of 10^9 ids, nearly all of them 0: a hole on the disk."""
    path = tmp_path / "large.npy"
    (tmp_path / "text.txt").write_text("abc" * 9)
    dtype = write_token_file(tmp_path / "text.txt", path).texts.tokens.dtype
    with open(path, "r+b") as file:
        file.write(token_files.header(dtype, COUNT))
        file.truncate(token_files.HEADER_BYTES + COUNT)
    arrays, config = load_arrays(token_files.vocabulary_path(path))
    samples = token_files.read_header(path)[2]
    config = config | {"tokens": COUNT, "samples": samples}
    save_arrays(token_files.vocabulary_path(path), arrays, config)
    return path


def test_ranks_train_on_a_billion_tokens_in_little_memory(large, monkeypatch):
    bytes_read, plain = {}, token_files.Reader.__call__

    def counted(self, first, count):
        own = threading.current_thread().name
        bytes_read[own] = bytes_read.get(own, 0) + count
        return plain(self, first, count)

    monkeypatch.setattr(token_files.Reader, "__call__", counted)

    def work(communicator):
        model = bptt.LanguageModel(
            units=4, embedding=2, batch_size=8, seq_length=50, micro_batches=8, verbose=0
        )
        return hash_of(
            model.fit(
                TokenFile(large), distributed=communicator, on_step=lambda p: p.step >= 3
            )
        )  # fmt: skip

    tracemalloc.start()
    hashes = on_ranks(2, work)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(set(map(str, hashes))) == 1, hashes
    assert peak < 8e6  # bytes; the ids alone are 10^9
    assert len(bytes_read) == 2
    for own in bytes_read.values():  # four windows of 51 tokens in each of four or five steps
        assert own <= 5 * 4 * 51


def test_each_rank_reads_its_share_of_a_collection():
    lengths = np.random.default_rng(1).integers(1, 9, 23)
    X = [np.full((n, 2), i, np.float32) for i, n in enumerate(lengths)]

    def work(communicator):
        own = Lazy(X)
        batches = SequenceBatches(own, np.arange(23.0), 6, lengths=lengths)
        order = batches.order(np.random.default_rng(0))
        shares = Shares(4, communicator)
        assert own.read == []
        parts = [shares.split(b) for b in batches.batches(order, shares.read)]
        return own.read, [(k, part.x.tobytes()) for some in parts for k, part in some]

    whole = dict.fromkeys(range(4), b"")
    for k, x in work(None)[1]:
        whole[k] += x
    results = on_ranks(3, work)
    read = [i for own, _ in results for i in own]
    assert sorted(set(read)) == list(range(23))
    assert len(read) <= 23 + 2  # of an empty share the shape of an element is read
    for _, parts in results:
        for k in {k for k, _ in parts}:
            assert b"".join(x for j, x in parts if j == k) == whole[k]


def lazy_cases():
    found = {name: (model, data) for name, model, data in [*cases(), *more()]}
    letters = ["ab" * (i % 4) + "c" for i in range(47)]
    found["characters"] = bptt.SequenceRegressor(units=4, micro_batches=8), (letters, np.arange(47))
    kept = ("classify", "regress", "tag", "weights", "words", "characters")
    return {name: found[name] for name in kept}


@pytest.mark.parametrize("name", lazy_cases())
def test_each_rank_reads_its_share_of_what_fit_is_given(name):
    def work(communicator):
        model, (X, y) = lazy_cases()[name]
        model.set_params(epochs=3, verbose=0, validation_fraction=0.2, batch_size=16)
        own, counts = Lazy(X), []
        model.fit(own, y, distributed=communicator, on_step=lambda _: counts.append(len(own.read)))
        return hash_of(model), counts[0], len(own.read), model

    alone, _, count, fitted = work(None)
    n, extra = 47, 1 + 2 * (3 + 1) * 3  # the first of all, one of each empty share
    assert 4 * n <= count <= 4 * n + extra  # once before the training, and in each epoch
    for size in (2, 3):
        results = on_ranks(size, work)
        assert {result[0] for result in results} == {alone}
        for _, first, own, _ in results:
            assert first <= 2 + (n + 16) / size + 4  # of all sequences, and of the first batch
            assert own <= 4 * n / size + 4 * 8 + extra
    model, (X, y) = lazy_cases()[name]
    model.set_params(epochs=3, verbose=0, validation_fraction=0.2, batch_size=16)
    for key, p in model.fit(X, y).parameters_.items():  # of a list, to rounding
        np.testing.assert_allclose(fitted.parameters_[key], p, rtol=1e-3, atol=1e-4)


def test_a_wrong_sequence_in_the_share_of_one_rank_is_the_same_error_on_all():
    X = [np.zeros((3, 2))] * 9
    X[7] = np.zeros((3, 5))

    def work(communicator):
        bptt.SequenceRegressor(units=2).fit(Lazy(X), np.arange(9.0), distributed=communicator)

    errors = on_ranks(3, work)
    assert {(type(error), str(error)) for error in errors} == {
        (ShapeError, "SequenceRegressor.fit: X[7] has 5 features; expected 2, as X[0].")
    }
    tagger = bptt.SequenceTagger(units=2, char_units=0).fit(Lazy(X[:2]), [["a"] * 3] * 2)
    assert [len(tags) for tags in tagger.predict(Lazy(X[:2]))] == [3, 3]
    for call in (bptt.SequenceTagger(units=2).fit, tagger.score):
        with pytest.raises(ShapeError, match=r"y\[1\] has 2 labels; expected 3, because X\[1\]"):
            call(Lazy(X[:2]), [["a", "a", "a"], ["a", "a"]])


def test_an_empty_list_before_lists_of_words_is_one_of_words():
    X, y = [[], [], ["a", "b"], [], ["b"]], np.arange(5.0)

    def work(communicator):
        model = bptt.SequenceRegressor(units=2, epochs=1, micro_batches=2, verbose=0)
        return hash_of(model.fit(Lazy(X), y, distributed=communicator))

    alone = bptt.SequenceRegressor(units=2, epochs=1, micro_batches=2, verbose=0).fit(X, y)
    assert on_ranks(2, work) == [hash_of(alone)] * 2
    with pytest.raises(ShapeError, match="X holds no step at all"):
        bptt.SequenceRegressor(units=2).fit(Lazy([[], []]), y[:2])


def test_data_frames_are_refused_where_their_columns_are_not_compared():
    pd = pytest.importorskip("pandas")
    X = Lazy([pd.DataFrame({"a": [1.0], "b": [2.0]}), pd.DataFrame({"b": [2.0], "a": [1.0]})])
    with pytest.raises(ShapeError, match=r"X\[0\] is a data frame; expected an array, .* a Lazy: "):
        bptt.SequenceRegressor(units=2).fit(X, [0, 1])


def test_the_moments_of_parts_are_those_of_all():
    rows = np.random.default_rng(0).normal(3, 2, (60, 5)) * [1, 1e-150, 1e140, 1, 0]
    rows[::3, 3] = np.nan
    rows[20:40, 3] = np.nan
    merged = Moments.merged([Moments.of(part) for part in np.split(rows, [1, 20, 40, 41])])
    whole = Moments.of(rows)
    np.testing.assert_array_equal(merged.count, whole.count)
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-13)
    np.testing.assert_allclose(merged.std, whole.std, rtol=1e-13)
    parts = [Moments.of(np.full((3, 2), [100.0, np.nan if i < 9 else -7.3])) for i in range(1000)]
    mean, scale = Moments.merged(parts).mean_and_scale("X")
    assert mean.tolist() == [100.0, -7.3]
    assert scale.tolist() == [1, 1]


def test_a_training_on_a_mapped_array_is_resumed_on_the_same_data_alone(tmp_path):
    path, rng = tmp_path / "x.npy", np.random.default_rng(0)
    X, y = rng.standard_normal((40, 5, 2)), np.arange(40) % 2
    np.save(path, X)
    mapped, lengths = np.load(path, mmap_mode="r"), rng.integers(1, 6, 40)

    def fitted(X, **options):
        model = bptt.SequenceClassifier(
            units=3, epochs=2, batch_size=8, verbose=0, standardize=False
        )
        return model.fit(X, y, lengths=lengths, **options)

    whole, place = fitted(mapped), tmp_path / "m.safetensors"
    fitted(mapped, checkpoint=place, on_step=lambda progress: progress.step == 3)
    resumed = fitted(mapped, checkpoint=place, resume="auto")
    assert hash_of(resumed) == hash_of(whole)
    with pytest.raises(ConfigError, match="other data"):
        fitted(mapped[::-1], checkpoint=place, resume="auto")
