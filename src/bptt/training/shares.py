"""How a batch is divided into parts, and how their gradients are added over ranks."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from ..distributed import Alone, Communicator
from ..distributed.communicator import gather, gather_texts
from ..distributed.tree import Buffers, add_in_place, merge, own_parts, reduce
from ..engine import get_num_threads, set_num_threads
from ..errors import BpttError
from ..network import Network
from .batches import Batch, Rows
from .run import Run

STOP, DUE, STEP = range(3)  # what the ranks agree on in each step, beside the sums
MESSAGE = 400  # bytes of an error message that ranks exchange
# Most rows, steps and bytes of gradients of a pass of several parts. More rows are not faster, nor
# are large models; steps and gradients need memory.
ROWS, STEPS, BYTES = 64, 2**14, 2**25


class Shares:
    """The parts of each batch that this process computes.

    A batch is divided into `n` parts: `micro_batches` of them, or one for each rank where
    `micro_batches` is 1. The division depends on nothing else, and the sums over parts have a fixed
    order (`bptt.distributed.tree`); with `micro_batches` > 1 the result is therefore bit-identical
    for any number of ranks.

    Rows are dealt out in turns, 0 1 .. n-1 n-1 .. 1 0 0 1 ..: the rows of a batch are sorted by
    length, and so the parts have nearly the same number of steps.

    Parameters
    ----------
    micro_batches : int
    communicator : Communicator, optional
        Default: one process.
    """

    def __init__(self, micro_batches: int = 1, communicator: Communicator | None = None):
        self.communicator: Communicator = communicator or Alone()
        rank, size = self.communicator.rank, self.communicator.size
        self.fixed: bool = micro_batches > 1
        self.n: int = micro_batches if self.fixed else size
        self.own: range = own_parts(self.n, rank, size)
        self.flags: np.ndarray = np.zeros(3)  # sums over the ranks, of the last step
        self.asked: list[bool] = [False, False]  # this rank's stop and checkpoint
        self._buffers = Buffers()
        self._threads: Any = None  # their number, and a pool of them
        self._states: dict[int, Any] = {}
        self._rows = 0

    @property
    def one(self) -> bool:
        """Whether batches are not divided."""
        return self.n == 1

    def rows(self, k: int, m: int) -> np.ndarray:
        """Return the rows of part k of m rows."""
        turns = [np.arange(first, m, 2 * self.n) for first in (k, 2 * self.n - 1 - k)]
        return np.sort(np.concatenate(turns))

    @property
    def read(self) -> Rows:
        """The rows of a batch that this rank needs; None: all."""
        if self.communicator.size == 1:
            return None
        return lambda m: np.sort(
            np.concatenate([np.zeros(0, np.int64), *(self.rows(k, m) for k in self.own)])
        )

    def split(self, batch: Batch) -> list[tuple[int, Batch]]:
        """Return the own parts of a batch, with their numbers."""
        return [(k, self.part(batch, k)) for k in self.own]

    def part(self, batch: Batch, k: int) -> Batch:
        """Return part k of a batch; it may have no rows."""
        if self.one:
            return batch
        found = [own for own, _ in self.together(batch, [k])] or [batch.taken(slice(0, 0))]
        return found[0]._replace(rest=tuple(found[1:]))

    def together(self, batch: Batch, parts: Iterable[int]) -> list[tuple[Batch, list[int]]]:
        """Return the rows of some parts, one part after the other, and how many each has.

        Those of each batch of the training step that has some.
        """
        if self.one:
            return [(own, [len(own.x)]) for own in batch.parts]
        ends = np.cumsum([0, *(len(own.x) for own in batch.parts)])
        by_part = [self.rows(k, int(ends[-1])) for k in parts]
        found = []
        for own, begin, end in zip(batch.parts, ends[:-1], ends[1:], strict=True):
            rows = [r[(begin <= r) & (r < end)] - begin for r in by_part]
            if sum(sizes := [len(r) for r in rows]):
                found.append((own.taken(np.concatenate(rows)), sizes))
        return found

    def passes(
        self, batch: Batch, network: Network, parameters: dict[str, np.ndarray]
    ) -> list[range]:
        """Divide the own parts into groups, the parts of each to be computed in one pass.

        No result depends on the groups, of a network that is `by_rows`; else each part has a pass
        of its own. So do parts of 32 rows: they are not faster together. There are as many groups
        as threads at least, so that each thread computes parts of its own.
        """
        n, own = len(self.own), self.own
        together = 1
        if n > 1 and network.by_rows:
            rows, steps = (
                sum(sizes) / self.n for sizes in zip(*map(_sizes, batch.parts), strict=True)
            )
            size = sum(p.nbytes for p in parameters.values())
            most = (BYTES, size), (ROWS, rows), (STEPS, steps)
            together = min(int(limit / max(each, 1)) for limit, each in most)
        groups = ceil(n / together) if together > 2 else n
        groups = min(n, max(get_num_threads(), groups))
        return [own[r.start : r.stop] for r in (own_parts(n, j, groups) for j in range(groups))]

    def each(self, items: Sequence[Any], work: Callable[[Any], Any]) -> Iterator[Any]:
        """Yield work(item) for items of the own parts, in their order.

        Where there are as many items as the engine has threads, each thread computes items of its
        own: two threads on eight parts of eight rows took 27 ms in two passes, and 33 ms in one.
        """
        threads = get_num_threads()
        if threads == 1 or len(items) < threads:
            yield from map(work, items)
            return
        pool, waiting = self._pool(threads), deque()
        set_num_threads(1)
        try:
            for item in items:
                waiting.append(pool.submit(copy_context().run, work, item))
                if len(waiting) > threads:  # results that wait cost memory
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                if not left.cancel():
                    left.exception()  # wait until it has ended
            set_num_threads(threads)

    def _pool(self, threads):
        if self._threads is None or self._threads[0] != threads:
            from concurrent.futures import ThreadPoolExecutor

            self._threads = threads, ThreadPoolExecutor(threads)
        return self._threads[1]

    def generator(self, seed: int, step: int, k: int) -> np.random.Generator:
        """Return the generator of the dropout masks of part k in a step."""
        return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(step, k)))

    # -- the carried state -------------------------------------------------------------------

    def begin(self, carried: tuple[Any, ...] | None) -> None:
        """Take the state of a run that is resumed: (layers, m, units) arrays of all rows."""
        self._states, self._rows = {}, 0
        if carried is not None and (self.one or _by_row(carried)):
            self._rows = _rows_of(carried)
            self._states = {
                k: carried if self.one else _state_rows(carried, self.rows(k, self._rows))
                for k in self.own
            }

    def state(self, k: int) -> Any:
        """Return the state that part k carries, or None."""
        return self._states.get(k)

    def carry(self, states: dict[int, Any], batch: Batch) -> None:
        """Set the states after a step; of a batch with several parts none is carried."""
        whole = self.one or (not batch.rest and all(_by_row(s) for s in states.values()))
        self._states, self._rows = (states, len(batch.x)) if whole else ({}, 0)

    def carried(self, network: Network) -> tuple[Any, ...] | None:
        """Return the state of all rows on rank 0; every rank must call it."""
        if self.one:
            return self._states.get(0)
        rank, size = self.communicator.rank, self.communicator.size
        if not self._rows:
            return None
        if rank:
            states = [self._states[k] for k in self.own]
            arrays = [np.ascontiguousarray(a) for s in states for layer in s for a in layer]
            self.communicator.exchange([(0, a) for a in arrays if a.size], [])
            return None
        states, received = dict(self._states), []
        like = next(iter(_arrays(states[0])), np.zeros((), np.float32))
        for j in range(1, size):
            for k in own_parts(self.n, j, size):
                states[k] = network.zero_state(len(self.rows(k, self._rows)), like.dtype)
                received += [(j, a) for a in _arrays(states[k]) if a.size]
        self.communicator.exchange([], received)
        whole = network.zero_state(self._rows, like.dtype)
        for k, state in states.items():
            rows = self.rows(k, self._rows)
            for into, own in zip(_arrays(whole), _arrays(state), strict=True):
                into[:, rows] = own
        return whole

    def optimizers(self, run: Run) -> None:
        """Gather the optimizers of all parts on rank 0; every rank must call it."""
        if run.local is None or self.communicator.size == 1:
            return
        states = {k: o.state for k, o in run.local.items() if k in self.own}
        there = np.zeros(self.n)  # a part that made no step has no moments yet
        for k, state in states.items():
            there[k] = len(state)
        self.communicator.sum(there)
        full = there == there[0]
        if self.communicator.rank:
            arrays = [states[k][name] for k in states if full[k] for name in sorted(states[k])]
            self.communicator.exchange([(0, a) for a in arrays], [])
            return
        received = []
        for j in range(1, self.communicator.size):
            for k in own_parts(self.n, j, self.communicator.size):
                run.local[k] = run.optimizer.copy() if full[k] else replace(run.optimizer)
                if full[k]:
                    received += [(j, a) for _, a in sorted(run.local[k].state.items())]
        self.communicator.exchange([], received)
        run.local = dict(sorted(run.local.items()))

    # -- sums over parts and ranks -----------------------------------------------------------

    def total(
        self,
        sums: dict[int, tuple[float, float]],
        nodes: dict[tuple[int, int], dict[str, np.ndarray]],
        like: dict[str, np.ndarray],
        step: int,
    ) -> tuple[float, float, dict[str, np.ndarray]]:
        """Add losses, weights and gradients of all parts, and what ranks ask for.

        Parameters
        ----------
        sums : dict of int to (total, weight)
            Of the own parts.
        nodes : dict of (level, i) to gradients
            Of the own parts, merged.
        like : dict of str to ndarray
            The parameters: names, order and shapes of the gradients.
        step : int
            Must be the same on all ranks.

        Raises
        ------
        BpttError
            The ranks are not at the same step.
        """
        head = self._head(sums, step)
        size = self.communicator.size
        if size == 1:
            (gradients,) = nodes.values()
        else:
            length = sum(a.size for a in like.values())
            flat = {node: self._flat(node, g, like, length) for node, g in nodes.items()}
            if self.fixed:
                whole = reduce(self.communicator, flat, head, self.n, length, self._buffers)
            else:
                (whole,) = flat.values()
                self.communicator.sum(head, whole)
            gradients = _unflat(whole, like)
        self.flags = head[2 * self.n :]
        if self.flags[STEP] != size * step:
            raise BpttError(f"rank {self.communicator.rank} is at step {step}, others are not.")
        total, weight = _in_order(head, self.n)
        return total, weight, gradients

    def _flat(self, node, gradients, like, length):
        parts = [gradients[name].reshape(-1) for name in like]
        whole = self._buffers(("own", *node), length, np.result_type(*parts))
        return np.concatenate(parts, out=whole)

    def sums(self, sums: dict[int, tuple[float, float]]) -> tuple[float, float]:
        """Add losses and weights of all parts, as of a validation."""
        head = self._head(sums, 0)
        self.communicator.sum(head)
        return _in_order(head, self.n)

    def _head(self, sums, step):
        head = np.zeros(2 * self.n + 3)
        for k, pair in sums.items():
            head[2 * k : 2 * k + 2] = pair
        head[2 * self.n :] = *self.asked, step
        return head

    def agreed(self, stop: bool, due: bool) -> tuple[bool, bool]:
        """Return whether to stop and whether to save, the same on all ranks.

        One process decides at once. Several decide by what they asked for (`asked`) before the last
        step: it was added up with the gradients.
        """
        if self.communicator.size == 1:
            return stop, due
        return bool(self.flags[STOP]), bool(self.flags[DUE])

    # -- agreement ---------------------------------------------------------------------------

    def agree(self, parameters: dict[str, np.ndarray], *others: Any) -> None:
        """Raise an error on every rank unless all begin with the same parameters and data.

        Raises
        ------
        BpttError
        """
        if self.communicator.size == 1:
            return
        sha = hashlib.sha256(repr(others).encode())
        for name, p in parameters.items():
            sha.update(name.encode() + np.ascontiguousarray(p).tobytes())
        digests = gather(self.communicator, np.frombuffer(sha.digest(), np.uint8).copy())
        wrong = [j for j, d in enumerate(digests) if not np.array_equal(d, digests[0])]
        if wrong:
            raise BpttError(
                f"rank {wrong[0]} begins with other data, hyper-parameters or parameters than rank "
                f"0; expected the same program and the same files on every rank."
            )

    def message(self, own: str) -> str:
        """Return the first message that any rank has, the same on all ranks; else ""."""
        if self.communicator.size == 1:
            return own
        return next((t for t in gather_texts(self.communicator, own, MESSAGE) if t), "")


def add_gradients(
    left: dict[str, np.ndarray], right: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Add `right` to `left`, in place; return it."""
    for name, g in left.items():
        add_in_place(g, right[name])
    return left


def merge_gradients(nodes: dict[tuple[int, int], dict[str, np.ndarray]], n: int) -> None:
    """Add the gradients of parts as soon as the tree allows: few are kept."""
    merge(nodes, n, add_gradients)


def _sizes(batch):
    """Return the number of rows and of steps with padding."""
    return len(batch.x), batch.x.shape[0] * batch.x.shape[1]


def _arrays(state):
    return [a for layer in state for a in layer]


def _by_row(state):
    """Return whether all states are (layers, m, units): a pooling layer has others."""
    return all(a.ndim == 3 for a in _arrays(state))


def _rows_of(state):
    return next((a.shape[1] for a in _arrays(state)), 0)


def _state_rows(state, rows):
    return tuple(tuple(np.ascontiguousarray(a[:, rows]) for a in layer) for layer in state)


def _unflat(whole, like):
    result, at = {}, 0
    for name, p in like.items():
        result[name] = whole[at : at + p.size].reshape(p.shape)
        at += p.size
    return result


def _in_order(head, n):
    """Add the sums of the parts in their order."""
    total = weight = 0.0
    for k in range(n):
        total, weight = total + float(head[2 * k]), weight + float(head[2 * k + 1])
    return total, weight
