"""The figures of a report, from arrays."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import numpy as np

from ..errors import BpttError
from .drawings import (
    of_flow,
    of_histograms,
    of_loss_by_length,
    of_memory,
    of_saturation,
    of_time_constants,
)
from .error_split import ErrorSplit
from .flow import effective_memory, gradient_flow
from .gates import Saturation
from .losses import WITH_LOSS, loss_by_length
from .report_drawings import Figure, bar, csv_of, go, pick, svg, table
from .report_example import Example
from .report_values import Values
from .units import Context


def saturations(found: Values) -> Iterator[Figure]:
    """Yield the saturation of each gate: a point for each unit (Karpathy et al. 2015, figure 3)."""
    for name, (open_, closed) in found.saturation.items():
        units = range(len(open_))
        drawing = svg(
            of_saturation({name: Saturation(open_, closed)}),
            titles=[f"unit {i}: {open_[i]:.0%} above, {closed[i]:.0%} below" for i in units],
            links=[f'data-pick="{escape(name)}:{i}"' for i in units],
        )
        yield Figure(
            f"Saturation of {name}",
            drawing,
            f"{np.mean(open_):.1%} of the values are above 0.9, {np.mean(closed):.1%} below 0.1. A "
            f"point is one of {len(open_)} units; a click picks it.",
            csv_of(["unit", "above_0.9", "below_0.1"], zip(units, open_, closed, strict=True)),
            f"saturation_{name}.csv",
        )


def constants(found: Values) -> Iterator[Figure]:
    """Yield the time constants of the units of each forget gate, sorted."""
    for name, own in found.time_constants.items():
        order = np.argsort(-own, kind="stable")
        yield Figure(
            f"Time constants by {name}",
            svg(of_time_constants({name: own})),
            f"-1 / mean log f: after so many steps a unit keeps 1/e of its state. Median "
            f"{np.median(own):.3g} steps; {np.count_nonzero(own > 10)} of {len(own)} units above "
            f"10, {np.count_nonzero(own > 100)} above 100; longest: unit {order[0]}.",
            csv_of(["unit", "steps"], zip(range(len(own)), own, strict=True)),
            f"time_constants_{name}.csv",
        )


def histograms(found: Values) -> Iterator[Figure]:
    """Yield the histogram of all values of each name."""
    for name, (counts, edges) in found.histograms.items():
        yield Figure(
            f"Values of {name}",
            svg(of_histograms({name: (counts, edges)})),
            f"{counts.sum():,} values in {len(counts)} bins.",
            csv_of(["from", "to", "count"], zip(edges[:-1], edges[1:], counts, strict=True)),
            f"histogram_{name}.csv",
        )


def reach(network: Any, arrays: Any, parameters: Any, lags: int) -> Iterator[Figure]:
    """Yield gradient flow and effective memory over the lag, where they can be computed."""
    for heading, figure in (("Gradient flow", _flow), ("Effective memory", _memory)):
        try:
            yield figure(heading, network, arrays, parameters, lags)
        except BpttError as error:
            yield Figure(heading, "", f"Not computed: {error}")


def _flow(heading, network, arrays, parameters, lags):
    flow = gradient_flow(network, arrays, parameters, lags=lags)
    rows = zip(range(len(flow.mean)), flow.mean, flow.spread, strict=True)
    return Figure(
        heading,
        svg(of_flow(flow)),
        f"{_capital(flow.sentence)} Line: mean; band: 10 to 90 % of the positions and random w; "
        f"dashed: one half, and where it is reached.",
        csv_of(["lag", "mean", "spread"], rows),
        "gradient_flow.csv",
    )


def _memory(heading, network, arrays, parameters, lags):
    if len(arrays) == 1:  # inputs to replace others by are of another place of the sequence
        lags = max(1, min(lags, len(arrays[0]) // 3))
    memory = effective_memory(network, arrays, parameters, lags=lags, positions=12)
    return Figure(
        heading,
        svg(of_memory(memory)),
        f"{_capital(memory.sentence)} Dashed: 5 % of the whole change, and the memory.",
        csv_of(["lag", "change"], enumerate(memory.change)),
        "effective_memory.csv",
    )


def _capital(sentence):
    return sentence[0].upper() + sentence[1:]


def following(found: Values) -> Iterator[Figure]:
    """Yield the table of the units that follow something, three of each where they are few."""
    count = 3 if len(found.followers) <= 8 else 1
    rows = [
        (label, name, unit, r)
        for label, units in found.strongest(count).items()
        for name, unit, r in units
    ]
    if not rows:
        return
    shown = [(label, pick(name, unit), float(r)) for label, name, unit, r in rows]
    yield Figure(
        "Units that follow something",
        table(("what", "unit", "correlation"), shown),
        "Pearson correlation over all steps of the data, largest first.",
        csv_of(["what", "name", "unit", "correlation"], rows),
        "followers.csv",
    )


def top_contexts(found: Mapping[tuple[str, int], list[Context]]) -> Iterator[Figure]:
    """Yield the table of the steps at which some units are most active."""
    rows = [(name, unit, c) for (name, unit), own in found.items() for c in own]
    if not rows:
        return
    shown = [
        (pick(name, unit), go(c.step), c.value, f"<code>{_visible(c.before)}<mark>"
         f"{_visible(c.token)}</mark>{_visible(c.after)}</code>")
        for name, unit, c in rows
    ]  # fmt: skip
    yield Figure(
        "Where units are most active",
        table(("unit", "step", "value", "text"), shown),
        "The highest values of each unit in the example, or the lowest where its correlation is "
        "negative; a line break is shown as \u23ce.",
        csv_of(
            ["name", "unit", "sequence", "step", "value", "before", "token", "after"],
            [(name, unit, *c) for name, unit, c in rows],
        ),
        "contexts.csv",
        wide=True,
    )


def _visible(text):
    return escape(text.replace("\n", "\u23ce"))


def errors(split: ErrorSplit) -> Figure:
    """Return the table of errors by oracle (Karpathy et al. 2015, figure 5)."""
    rows = list(split.counts.items())
    return Figure(
        "Errors by what would remove them",
        table(
            ("removed by", "errors", "share"),
            [(name, n, f"<span>{bar(split.shares[name])}</span>") for name, n in rows],
        ),
        f"{split.errors:,} of {split.characters:,} characters have a probability below 0.5. Each "
        f"counts for the first that removes it (Karpathy, Johnson and Li 2015, section 4.4).",
        csv_of(["removed_by", "errors"], rows),
        "error_split.csv",
    )


def losses(shown: Example, y: Any) -> Iterator[Figure]:
    """Yield the mean loss of the sequences by their length, where they have losses and lengths."""
    lengths = {len(x) for x in shown.source.arrays}
    listed = isinstance(shown.values, (list, tuple))
    if len(lengths) < 2 or not listed or not isinstance(shown.model, WITH_LOSS):
        return
    heading = "Loss by length"
    try:
        labels = None if y is None or len(y) < len(shown.values) else shown.some(shown.whole, y)
        found = loss_by_length(shown.model, shown.some(shown.whole), labels)
    except BpttError as error:
        yield Figure(heading, "", f"Not computed: {error}")
        return
    columns = found.edges[:-1], found.edges[1:], found.mean, found.counts
    yield Figure(
        heading,
        svg(of_loss_by_length(found)),
        f"Mean loss of {found.counts.sum():,} sequences in intervals of their lengths, with about "
        f"as many in each; over all {np.nanmean(found.losses):.4g}.",
        csv_of(["from", "below", "mean_loss", "sequences"], zip(*columns, strict=True)),
        "loss_by_length.csv",
    )
