"""Passes over many variants of many sequences: rows of a batch that are packed by their lengths."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..layers.base import State
from ..network import Network

STEPS = 2**15  # of all rows of a pass together: bounds the memory of a tape


class Variants:
    """Variants of one sequence, and what their results are added to.

    Attributes
    ----------
    count : int
    shape : (int, int)
        Of one variant, (T, n).
    at, target : int
        Step and index of the output that counts.
    states : (state, state)
        Of one sequence: where the network starts, and where the sequence begins. A variant begins
        between them.
    """

    count: int
    shape: tuple[int, int]
    at: int
    target: int
    states: tuple[tuple[State, ...], tuple[State, ...]]

    def rows(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """Return some variants (k, T, n), and how far each begins between the states, (k,)."""
        raise NotImplementedError

    def take(self, first: int, last: int, y: np.ndarray, dx: Any, dstate: Any) -> None:
        """Take the outputs (k, n_out) and the gradients of some variants."""
        raise NotImplementedError


class _Part(NamedTuple):
    """Some variants of a sequence, as rows of a pass."""

    own: Variants
    first: int
    last: int


def run(
    network: Network,
    parameters: Any,
    variants: Iterable[Variants],
    backward: bool = False,
) -> None:
    """Run all variants forward and, where asked, backward from the target of each."""
    for parts in _packed(variants):
        _pass(network, parameters, parts, backward)


def _packed(variants) -> Iterator[list[_Part]]:
    """Yield the rows of each pass: shorter sequences first, at most `STEPS` steps with padding."""
    parts: list[_Part] = []
    rows = 0
    for own in sorted(variants, key=lambda v: v.shape[0]):
        most, first = max(1, STEPS // own.shape[0]), 0
        while first < own.count:
            if rows >= most:
                yield parts
                parts, rows = [], 0
            last = min(own.count, first + most - rows)
            parts.append(_Part(own, first, last))
            rows, first = rows + last - first, last
    if parts:
        yield parts


def _pass(network, parameters, parts, backward):
    lengths = np.concatenate([np.full(p.last - p.first, p.own.shape[0]) for p in parts])
    at = np.concatenate([np.full(p.last - p.first, p.own.at) for p in parts])
    made = [p.own.rows(p.first, p.last) for p in parts]
    x = np.zeros((len(lengths), lengths.max(), parts[0].own.shape[1]), made[0][0].dtype)
    ends = np.cumsum([len(rows) for rows, _ in made])
    places = [slice(end - len(rows), end) for end, (rows, _) in zip(ends, made, strict=True)]
    for place, (rows, _) in zip(places, made, strict=True):
        x[place, : rows.shape[1]] = rows
    state = _states(parts, [share for _, share in made])
    ragged = None if (lengths == x.shape[1]).all() else lengths
    y, _, tape = network.forward(x, parameters, state, ragged, keep_tape=backward)
    each, dx, dstate = np.arange(len(x)), None, None
    if backward:
        dy = np.zeros_like(y)
        dy[each, at, np.repeat([p.own.target for p in parts], np.diff(ends, prepend=0))] = 1
        dx, dstate, _ = network.backward(tape, dy, parts=())
    y = y[each, at]
    for place, part in zip(places, parts, strict=True):
        own_dx = None if dx is None else dx[place, : part.own.shape[0]]
        own_dstate = dstate and [[d[:, place] for d in a if d.ndim == 3] for a in dstate]
        part.own.take(part.first, part.last, y[place], own_dx, own_dstate)


def _states(parts, shares):
    """Return the state before the first step of every row, between start and begin of each."""
    pairs = [p.own.states for p in parts]
    return tuple(
        tuple(
            _joined([(start[k][j], begin[k][j]) for start, begin in pairs], shares)
            for j in range(len(layer))
        )
        for k, layer in enumerate(pairs[0][0])
    )


def _joined(pairs, shares):
    """Return one array of the state for all rows: (slots, m, n_a), or (m, ...) of a pooling one."""
    if pairs[0][0].ndim != 3:  # no network of windows pools
        return np.concatenate(
            [
                np.repeat(start, len(share), axis=0)
                for (start, _), share in zip(pairs, shares, strict=True)
            ]
        )
    rows = []
    for (start, begin), share in zip(pairs, shares, strict=True):
        rows.append(start + share.astype(start.dtype)[:, np.newaxis] * (begin - start))
    return np.concatenate(rows, axis=1)
