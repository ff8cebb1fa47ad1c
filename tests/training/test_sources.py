"""Sources of batches: documents, buckets of similar length."""

import numpy as np

import bptt
from bptt.training import (
    Adam,
    Batch,
    CrossEntropy,
    Documents,
)
from bptt.training.batches import by_length
from tests.support.trainings import V, network_and_parameters


def test_documents_are_read_in_windows_and_the_state_is_carried():
    documents = [np.arange(n) % V for n in (12, 3, 8)]
    source = Documents(documents, batch_size=2, seq_length=4, burn_in=3)
    order = source.order(None)
    assert order.tolist() == [1, 2, 0]
    batches = list(source.batches(order))
    assert len(batches) == source.count(order) == 2 + 3
    assert [b.fresh for b in batches] == [True, False, True, False, False]
    assert [b.lengths.tolist() for b in batches] == [[2, 4], [0, 3], [4], [4], [3]]
    assert [None if b.weight is None else int(b.weight.sum()) for b in batches] == [
        2,
        None,
        1,
        None,
        None,
    ]
    read = np.concatenate([b.x[-1, : b.lengths[-1]] for b in batches[2:]])
    assert read.tolist() == documents[0][:-1].tolist()
    successors = np.concatenate([b.target[-1, : b.lengths[-1]] for b in batches[2:]])
    assert successors.tolist() == documents[0][1:].tolist()


def test_the_loss_of_documents_does_not_depend_on_batches_or_windows():
    network, parameters = network_and_parameters()
    documents = [np.arange(n) * n % V for n in (12, 3, 8, 2, 30)]
    losses = [
        bptt.training.evaluate(
            network, parameters, CrossEntropy(), Documents(documents, rows, window)
        )
        for rows in (1, 2, 5)
        for window in (1, 4, 100)
    ]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-12)


def test_buckets_are_of_like_length_reproducible_and_complete():
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    order = by_length(lengths, 10, np.random.default_rng(3))
    assert sorted(order) == list(range(1000))
    np.testing.assert_array_equal(order, by_length(lengths, 10, np.random.default_rng(3)))
    assert (order != by_length(lengths, 10, np.random.default_rng(4))).any()
    batches = lengths[order].reshape(-1, 10)
    padding = (batches.max(1) - batches.T).sum() / lengths.sum()
    shuffled = lengths.reshape(-1, 10)
    assert padding < 0.05 < (shuffled.max(1) - shuffled.T).sum() / lengths.sum()
    firsts = batches.mean(1)
    assert abs(np.corrcoef(firsts, np.arange(len(firsts)))[0, 1]) < 0.3  # not from short to long


def test_batches_say_what_they_hold():
    assert Batch(1, 2) == (1, 2, None, None, True, None, ())
    assert Adam().state["t"] == 0
