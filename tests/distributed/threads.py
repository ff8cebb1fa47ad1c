"""Ranks that are threads of one process: a communicator for tests."""

import queue
import threading

import numpy as np

PATIENCE = 120  # seconds


class Threads:
    """One of several communicators that exchange through queues."""

    def __init__(self, rank, size, queues):
        self.rank, self.size, self._queues = rank, size, queues

    def exchange(self, sent, received):
        for j, array in sent:
            self._queues[self.rank, j].put(array.copy())
        for j, array in received:
            given = self._queues[j, self.rank].get(timeout=PATIENCE)
            assert (given.shape, given.dtype) == (array.shape, array.dtype)
            array[...] = given

    def sum(self, *arrays):
        others = [j for j in range(self.size) if j != self.rank]
        for array in arrays:
            parts = {j: np.empty_like(array) for j in others}
            self.exchange([(j, array) for j in others], list(parts.items()))
            parts[self.rank] = array.copy()
            array[...] = sum(parts[j] for j in range(self.size))

    def abort(self, status, sentence=""):
        raise SystemExit(sentence)


def on_ranks(size, work):
    """Call work(communicator) on every rank; return the results."""
    pairs = [(i, j) for i in range(size) for j in range(size)]
    queues = {pair: queue.Queue() for pair in pairs}
    results = [None] * size

    def run(rank):
        try:
            results[rank] = work(Threads(rank, size, queues))
        except BaseException as error:  # the test compares it
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
