"""Sums by a balanced tree that is the same for every number of ranks.

The parts 0 .. n - 1 are the leaves. A node (level, i) is the sum of the parts
``i * 2**level .. (i + 1) * 2**level - 1`` that exist, computed as

(1)  node(l + 1, i) = node(l, 2 i) + node(l, 2 i + 1)    where the right one has a part
(2)  node(l + 1, i) = node(l, 2 i)                       otherwise

Each rank adds what its own parts allow; the rest is added slice by slice, each rank one slice.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .communicator import Communicator

Node = tuple[int, int]


def own_parts(n: int, rank: int, size: int) -> range:
    """Return the parts of a rank: n parts in runs of nearly equal length."""
    return range(rank * n // size, (rank + 1) * n // size)


def merge(nodes: dict[Node, Any], n: int, add: Callable[[Any, Any], Any]) -> None:
    """Add the nodes that can be added, by (1) and (2), in place.

    Parameters
    ----------
    nodes : dict of (level, i) to a value
    n : int
        Number of parts.
    add : callable (left, right) -> value
    """
    level = 0
    while 1 << level < n:
        for at, i in sorted(node for node in nodes if node[0] == level):
            if (at, i) not in nodes or i % 2:
                continue
            left = nodes[at, i]
            if (i + 1) << level >= n:
                nodes[level + 1, i // 2] = left
            elif (at, i + 1) in nodes:
                nodes[level + 1, i // 2] = add(left, nodes.pop((at, i + 1)))
            else:
                continue
            del nodes[at, i]
        level += 1


def nodes_of(parts: Iterable[int], n: int) -> list[Node]:
    """Return the nodes that a rank can compute from its own parts, sorted."""
    nodes = {(0, k): 0 for k in parts}
    merge(nodes, n, lambda left, right: 0)
    return sorted(nodes)


def add_in_place(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Add `right` to `left`; return it."""
    return np.add(left, right, out=left)


class Buffers:
    """Arrays that are used again in each step: new ones of 1 MB cost more than their sum."""

    def __init__(self) -> None:
        self._arrays: dict[Any, np.ndarray] = {}

    def __call__(self, key: Any, length: int, dtype: Any) -> np.ndarray:
        """Return the array of a key; its content is that of the last use."""
        found = self._arrays.get(key)
        if found is None or (found.size, found.dtype) != (length, dtype):
            found = self._arrays[key] = np.empty(length, dtype)
        return found


def reduce(
    communicator: Communicator,
    own: dict[Node, np.ndarray],
    head: np.ndarray,
    n: int,
    length: int,
    buffers: Buffers | None = None,
) -> np.ndarray:
    """Return the sum of the parts of all ranks, the same bits on every rank and for any ranks.

    Parameters
    ----------
    communicator : Communicator
    own : dict of (level, i) to ndarray, shape (length,)
        The nodes of this rank; changed.
    head : ndarray of float64
        Becomes its sum over the ranks; exact where all but one have 0.
    n, length : int
        Number of parts; numbers in an array.
    buffers : Buffers, optional
        The result is one of them.
    """
    buffers = buffers or Buffers()
    rank, size = communicator.rank, communicator.size
    dtype = np.result_type(*own.values()) if own else np.dtype(np.float32)
    ends = [length * j // size for j in range(size + 1)]
    slices = [slice(ends[j], ends[j + 1]) for j in range(size)]
    others = [j for j in range(size) if j != rank]
    width = ends[rank + 1] - ends[rank]
    heads = {j: np.empty_like(head) for j in others}
    nodes = {node: flat[slices[rank]] for node, flat in own.items()}  # sent to nobody
    sent = [(j, head) for j in others]
    sent += [(j, own[node][slices[j]]) for j in others for node in sorted(own)]
    received = list(heads.items())
    for j in others:
        for node in nodes_of(own_parts(n, j, size), n):
            nodes[node] = buffers(node, width, dtype)
            received.append((j, nodes[node]))
    communicator.exchange(_not_empty(sent), _not_empty(received))
    merge(nodes, n, add_in_place)
    (total,) = nodes.values()
    whole = buffers("whole", length, dtype)
    whole[slices[rank]] = total
    received = [(j, whole[slices[j]]) for j in others]
    communicator.exchange(_not_empty([(j, total) for j in others]), _not_empty(received))
    head[:] = np.sum([head, *heads.values()], axis=0)
    return whole


def _not_empty(messages):
    return [(j, array) for j, array in messages if array.size]
