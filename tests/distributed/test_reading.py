"""Ranks read their own rows only; large token files cost no memory."""

import threading
import tracemalloc

import numpy as np
import pytest

import bptt
from bptt.models import TokenFile, token_files, write_token_file
from bptt.training import SequenceBatches, Shares
from bptt.training.array_files import load_arrays, save_arrays

from .cases import hash_of
from .threads import on_ranks

COUNT = 10**9


class Lazy:
    """A collection with a length and elements, as a dataset in files has them."""

    def __init__(self, lengths):
        self.lengths, self.read = lengths, []

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, i):
        self.read.append(int(i))
        return np.full((self.lengths[i], 2), i, np.float32)


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
    source = Lazy(lengths), np.arange(23.0)

    def work(communicator):
        own = Lazy(lengths)
        batches = SequenceBatches(own, source[1], 6, lengths=lengths)
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
