"""What a report shows of each step, in bytes; and statistics of all units over the data."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zlib import compress

import numpy as np

from ..layers import Recurrent
from .drawings import GATES, MEMORY_GATES
from .gates import Saturation, histogram, saturation, time_constants
from .inputs import blocks
from .trace import Trace, itemsize, lengths_by_layer, trace, value_widths
from .units import correlations

FINE, COARSE = 254, 62  # levels of values: of up to 20,000 steps, of more
_GROUP = 210_000_000  # bytes of a trace in memory at a time
NONE = 255  # where there is no value


class Row(NamedTuple):
    """Values of one name at the steps of the example: low + (high - low) * byte / levels."""

    bytes: np.ndarray  # (T, n) of uint8
    low: np.ndarray  # (n,)
    high: np.ndarray
    levels: int
    deviation: np.ndarray  # (n,): standard deviation


def quantized(values: np.ndarray, levels: int) -> Row:
    """Return values (T, n) in bytes; of units with both signs, 0 stays exact."""
    n = values.shape[1]
    low, high, total, squares = np.full(n, np.inf), np.full(n, -np.inf), np.zeros(n), np.zeros(n)
    for rows in blocks(values):
        low = np.minimum(low, rows.min(axis=0, where=(known := np.isfinite(rows)), initial=np.inf))
        high = np.maximum(high, rows.max(axis=0, where=known, initial=-np.inf))
        total += rows.sum(axis=0, where=known)
    low, high = np.where(np.isfinite(low), low, 0), np.where(np.isfinite(high), high, 0)
    both, most = (low < 0) & (high > 0), np.maximum(-low, high)
    low, high = np.where(both, -most, low), np.where(both, most, high)
    scale = levels / np.where(high > low, high - low, 1)
    found, begin = np.empty(values.shape, np.uint8), 0
    for rows in blocks(values):
        known = np.isfinite(rows)
        rows = np.where(known, rows, 0)
        squares += ((rows - total / len(values)) ** 2).sum(axis=0)
        scaled = np.round((rows - low) * scale)
        found[begin : begin + len(rows)] = np.where(known, scaled, NONE)
        begin += len(rows)
    return Row(found, low, high, levels, np.sqrt(squares / len(values)))


def embedded(array: np.ndarray) -> str:
    """Return an array as text: its bytes by zlib, in base64."""
    return b64encode(compress(np.ascontiguousarray(array).tobytes(), 6)).decode()


@dataclass
class Values:
    """Everything that a network computes: of the example in bytes, of all data in statistics."""

    rows: dict[str, Row] = field(default_factory=dict)
    saturation: dict[str, Saturation] = field(default_factory=dict)
    time_constants: dict[str, np.ndarray] = field(default_factory=dict)
    histograms: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    followers: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)  # label, name

    def put(self, name: str, values: np.ndarray, levels: int = FINE) -> None:
        """Add values of the example (T, n)."""
        self.rows[name] = quantized(values, levels)

    def strongest(self, count: int = 3) -> dict[str, list[tuple[str, int, float]]]:
        """Return the units that follow each label most: name, unit, correlation."""
        found = {}
        for label, own in self.followers.items():
            every = [(n, int(i), float(r[i])) for n, r in own.items() for i in _largest(r, count)]
            found[label] = sorted(every, key=lambda f: -abs(f[2]))[:count]
        return found


def _largest(r, count):
    return np.argsort(-np.abs(r), kind="stable")[:count]


def values_of(
    source: Any, example: int, shown: int, labels: Mapping[str, np.ndarray], left_out: str | None
) -> Values:
    """Return the values of all layers.

    Parameters
    ----------
    source : Read
        The sequences of the statistics.
    example, shown : int
        Which of them is shown, and how many of its steps.
    labels : dict of str to ndarray, each (sum T_i,)
    left_out : str or None
        Name that is not of interest: the logits of a language model.
    """
    found = Values()
    levels = FINE if shown <= 20_000 else COARSE
    for name, values, seen in _each(source, left_out):
        found.put(name, values[example][:shown], levels)
        found.histograms[name] = histogram(seen, name)
        kind = name.rpartition(".")[2]
        if kind in GATES:
            found.saturation[name] = saturation(seen, name)
        if kind in MEMORY_GATES:
            found.time_constants[name] = time_constants(seen, name)
        if kind != "y":
            for label, y in labels.items():
                own = found.followers.setdefault(label, {})
                own[name] = correlations(seen.flat(name), y)
    return found


def _each(source, left_out) -> Iterator[tuple[str, list[np.ndarray], Trace]]:
    """Yield names with their values, some names at a time."""
    network, lengths = source.network, [len(x) for x in source.arrays]
    counts = lengths_by_layer(network, lengths)
    repeated = {f"{n}.y" for n, layer in network.layers.items() if isinstance(layer, Recurrent)}
    bytes_each = itemsize(source.parameters)
    size = {
        name: sum(lengths) * width * bytes_each
        for name, width in value_widths(network).items()
        if name not in repeated
        and name != left_out
        and np.array_equal(counts[name.split(".")[0]], lengths)
    }
    names = list(size)
    while names:
        group = [names.pop(0)]
        while names and sum(size[n] for n in [*group, names[0]]) <= _GROUP:
            group.append(names.pop(0))
        seen = trace(network, source.arrays, source.parameters, names=group)
        for name in group:
            yield name, seen[name], Trace({name: seen.flat(name)}, seen.lengths)
        del seen


def packed(rows: Mapping[str, Row], first: Any, budget: int) -> dict[str, Any]:
    """Return rows for JSON: those of `first`, then as many units as fit into so many bytes.

    The units of all names take turns, largest standard deviation first.

    Parameters
    ----------
    first : iterable of (name, unit)
    """
    found = {n: {"n": len(r.low), "levels": r.levels, "units": {}} for n, r in rows.items()}
    orders = {n: iter(np.argsort(-r.deviation, kind="stable").tolist()) for n, r in rows.items()}
    queue = list(dict.fromkeys(first))
    while (queue or orders) and budget > 0:
        if not queue:
            for name in list(orders):
                if (unit := next(orders[name], None)) is None:
                    del orders[name]
                else:
                    queue.append((name, unit))
            continue
        name, unit = queue.pop(0)
        if unit not in found[name]["units"]:
            row = rows[name]
            text = embedded(row.bytes[:, unit])
            found[name]["units"][unit] = [_short(row.low[unit]), _short(row.high[unit]), text]
            budget -= len(text) + 40
    for own in found.values():
        own["units"] = dict(sorted(own["units"].items()))
    return {name: own for name, own in found.items() if own["units"]}


def _short(value):
    return float(f"{value:.6g}")
