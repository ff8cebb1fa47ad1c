"""Shares of ranks: callbacks, empty shares, validation, early stopping, CPUs of a host."""

import os
import threading

import numpy as np
import pytest

import bptt
from bptt.distributed import MPI
from bptt.distributed import mpi as module
from bptt.engine import get_num_threads, provider, set_num_threads
from bptt.training import Callback, Shares, evaluate
from bptt.training import batches as sources
from bptt.training import shares as dividing

from .cases import cases, hash_of, more
from .threads import Threads, on_ranks


class Counts(Callback):
    def __init__(self):
        self.steps = self.epochs = self.closed = 0

    def after_step(self, model, progress, last):
        self.steps += 1

    def after_epoch(self, model, row):
        self.epochs += 1

    def close(self):
        self.closed += 1


def test_callbacks_are_called_on_rank_0_alone():
    def work(communicator):
        model, data = next((m, d) for name, m, d in cases(epochs=2) if name == "regress")
        counts = Counts()
        model.fit(*data, distributed=communicator, callbacks=[counts])
        return counts.steps, counts.epochs, counts.closed

    first, *others = on_ranks(3, work)
    assert first == (8, 2, 1)
    assert others == [(0, 0, 0)] * 2


def test_what_is_not_held_out_is_said_once():
    def work(communicator):
        model, (X, y) = next((m, d) for name, m, d in cases(epochs=1) if name == "regress")
        return hash_of(model.fit(X[:4], y[:4], distributed=communicator))

    with pytest.warns(UserWarning, match="Nothing is held out") as seen:
        on_ranks(3, work)
    assert len(seen) == 1


def test_ranks_with_other_hyper_parameters_are_refused_with_one_sentence():
    def work(communicator):
        model, data = next((m, d) for name, m, d in cases() if name == "regress")
        model.set_params(learning_rate=0.01 * (1 + communicator.rank // 2))
        return model.fit(*data, distributed=communicator)

    (sentence,) = set(map(str, on_ranks(3, work)))
    assert "rank 2 begins with other data, hyper-parameters or parameters than rank 0" in sentence


@pytest.mark.parametrize("name", ["few rows", "words", "gaussian"])
def test_empty_shares_and_early_stopping_do_not_depend_on_the_ranks(name):
    def work(communicator):
        model, data = next((m, d) for n, m, d in more() if n == name)
        model.fit(*data, distributed=communicator)
        return hash_of(model), len(model.history_)

    results = {work(None), *on_ranks(3, work), *on_ranks(8, work)}
    assert len(results) == 1, results


def test_early_stopping_ends_all_ranks_in_the_same_epoch():
    def work(communicator):
        rng = np.random.default_rng(0)
        X = [rng.standard_normal((4, 2)).astype(np.float32) for _ in range(24)]
        model = bptt.SequenceRegressor(
            units=3, epochs=30, patience=2, learning_rate=0.3, micro_batches=4, verbose=0,
            validation_fraction=0.3,
        )  # fmt: skip
        return len(model.fit(X, rng.standard_normal(24), distributed=communicator).history_)

    (epochs,) = {work(None), *on_ranks(3, work)}
    assert 2 < epochs < 30


def test_each_rank_validates_its_own_rows():
    source = sources.SequenceBatches(
        [np.full((k % 3 + 1, 1), k, np.float32) for k in range(10)], np.arange(10.0), 5
    )
    network = bptt.Network([bptt.RNN(1, 2)])
    parameters = network.init(np.random.default_rng(0))

    def work(communicator):
        rows = []

        def objective(y, batch):
            assert (batch.x[:, 0, 0] == batch.target).all()  # read
            rows.extend(batch.target.tolist())
            return batch.target.sum(), len(batch.target), None

        mean = evaluate(network, parameters, objective, source, Shares(4, communicator))
        return mean, rows

    means, rows = zip(*on_ranks(3, work), strict=True)
    assert means == (4.5,) * 3
    assert sorted(row for own in rows for row in own) == list(range(10))


@pytest.mark.parametrize(
    ("cpus", "hosts", "threads", "expected"),
    [
        ([{0, 1, 2, 3}] * 2, "aa", 4, [2, 2]),  # shared by two ranks
        ([{0, 1}, {2, 3}], "aa", 2, [2, 2]),  # already apart, as srun --cpus-per-task does
        ([{0, 1, 2, 3}] * 2, "ab", 4, [4, 4]),  # two hosts
        ([{0, 1, 2, 3}] * 2, "aa", 2, [1, 1]),  # a quota of two CPUs
        ([{0}] * 3, "aaa", 1, [1, 1, 1]),  # more ranks than CPUs
    ],
)
def test_ranks_share_the_cpus_of_their_host(monkeypatch, cpus, hosts, threads, expected):
    own, given = threading.local(), {}
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: cpus[own.rank], raising=False)
    monkeypatch.setattr(module, "get_num_threads", lambda: threads)
    monkeypatch.setattr(module, "set_num_threads", lambda n: given.update({own.rank: n}))

    def work(communicator: Threads):
        own.rank, communicator.hosts = communicator.rank, hosts
        MPI._share_cpus(communicator)  # type: ignore[arg-type]

    assert on_ranks(len(cpus), work) == [None] * len(cpus)
    assert [given[rank] for rank in range(len(cpus))] == expected
    given.clear()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    on_ranks(len(cpus), work)
    assert not given


@pytest.fixture
def two_threads():
    before = get_num_threads()
    set_num_threads(2)
    yield
    set_num_threads(before)


def test_parts_on_threads_of_their_own_give_the_same_bits(two_threads):
    def trained():
        return [hash_of(model.fit(*data)) for _, model, data in cases(epochs=1)]

    with_two = trained()
    assert get_num_threads() == 2
    set_num_threads(1)
    assert trained() == with_two


def test_parts_in_one_pass_give_the_same_bits_as_one_after_another(monkeypatch):
    if provider().name != "native":
        pytest.skip("the native engine alone computes by rows")
    passes = []

    def counted(*args):
        passes.append(groups := original(*args))
        return groups

    original = Shares.passes
    monkeypatch.setattr(Shares, "passes", counted)

    def trained():
        return [hash_of(model.fit(*data)) for _, model, data in cases(epochs=1)]

    together, before = trained(), len(passes)
    monkeypatch.setattr(dividing, "BYTES", 0)
    assert trained() == together
    assert {len(groups) for groups in passes[before:]} == {8}
    assert min(len(groups) for groups in passes[:before]) < 8


def test_passes_have_few_rows_and_one_for_each_thread(two_threads):
    network = bptt.Network([bptt.layers.LayerNorm(1)])

    def groups(rows, steps=1, size=1):
        source = sources.SequenceBatches(
            [np.zeros((steps, 1), np.float32)] * rows, np.zeros(rows), rows
        )
        (batch,) = source.batches(source.order(None))
        return [list(parts) for parts in Shares(8).passes(batch, network, {"p": np.zeros(size)})]

    assert groups(8) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert groups(160) == [[0, 1], [2, 3, 4], [5, 6, 7]]
    assert groups(256) == groups(8, 2**15) == [[k] for k in range(8)]
    set_num_threads(1)
    assert groups(64) == [list(range(8))]
    assert [len(parts) for parts in groups(64, size=2**20)] == [4, 4]
    assert [len(parts) for parts in groups(64, size=2**21)] == [1] * 8


def test_an_error_in_a_part_ends_the_step_and_restores_the_threads(two_threads):
    source = sources.SequenceBatches([np.zeros((1, 1), np.float32)] * 8, np.arange(8.0), 8)
    (batch,) = source.batches(source.order(None))
    names = set()

    def work(item):
        k, part = item
        names.add(threading.current_thread().name)
        assert get_num_threads() == 1
        if k == 3:
            raise ZeroDivisionError("on purpose")
        return k, len(part.x)

    shares = Shares(8)
    done = shares.each(shares.split(batch), work)
    assert [next(done) for _ in range(3)] == [(0, 1), (1, 1), (2, 1)]
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        next(done)
    assert threading.current_thread().name not in names
    assert get_num_threads() == 2
