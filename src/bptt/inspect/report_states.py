"""The figures of a report that show states that are alike: a map, and neighbors."""

from collections import Counter
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..layers import Recurrent
from ..models import SequenceRegressor
from ..network import Network
from .drawings import of_map, of_neighbors
from .neighbors import Match, map_states, neighbors
from .report_drawings import Figure, csv_of, go, svg, table
from .report_example import Example
from .trace import Trace, trace

POINTS = 1000  # of a map
STRETCH, WORDS = 20, 5  # steps, or words, at the end of the example whose neighbors are searched
MATCHES, LINES = 8, 5  # neighbors in the table, in the drawing
KINDS = 8  # of labels that can be told apart
AROUND = 30  # steps of text before and after a stretch


class _States(NamedTuple):
    """What the output layer reads: of each step, or of each sequence where the network pools."""

    layer: str
    name: str
    seen: Trace
    pooled: bool


def alike(shown: Example, y: Any = None) -> Iterator[Figure]:
    """Yield a map of the states that the output layer reads, and the neighbors of the last ones.

    `y` are the labels of the data, if there are any.
    """
    states = _read_by_output(shown)
    if states is None:
        return
    yield from _map(shown, states)
    steps = len(states.seen[states.name][shown.which])
    n = 1 if states.pooled else min(STRETCH if shown.characters else WORDS, steps // 2)
    if n:
        given = (states.seen, states.name, shown.which, steps - n, steps)
        matches = neighbors(*given, count=MATCHES)
        if matches and states.pooled:
            yield _sequences(shown, matches, y)
        elif matches:
            yield _lines(shown, given, matches)
            yield _places(shown, n, [Match(shown.which, steps - n, 0.0), *matches])


def _read_by_output(shown) -> _States | None:
    network, parameters, arrays = shown.source
    for layer, own in reversed(network.layers.items()):
        if own.pools and len(arrays) < 3:  # nothing to compare
            continue
        if own.pools or isinstance(own, Recurrent):
            name = f"{layer}.y"
            seen = trace(network, arrays, parameters, names=name)
            fits = own.pools or seen.by_step(name)
            return _States(layer, name, seen, own.pools) if fits else None
    return None


def _map(shown, states) -> Iterator[Figure]:
    """Yield the map of the sequences that are not cut, or of steps of the example."""
    rows, what = states.seen[states.name], "sequence"
    if states.pooled:
        kept = [i for i, k in enumerate(shown.numbers) if k in shown.whole][:POINTS]
        where, rows = [shown.numbers[i] for i in kept], np.concatenate([rows[i] for i in kept])
    else:
        what, last = "step", len(rows[shown.which]) - 1
        where = np.unique(np.linspace(0, last, min(POINTS, last + 1)).astype(int)).tolist()
        rows = rows[shown.which][where]
    if len(rows) < 3 or not np.ptp(rows, axis=0).any():
        return
    points = map_states(Trace({"states": rows}, np.array([len(rows)])), "states")
    share = points.var(axis=0).sum() / rows.var(axis=0, dtype=np.float64).sum()
    labels, by = _labels(shown, states.pooled, where)
    order = [k for name in dict.fromkeys(labels) for k, own in enumerate(labels) if own == name]
    links = [] if states.pooled else [f'data-go="{where[k]}"' for k in order]
    yield Figure(
        "Map of states",
        svg(of_map(points, labels), [f"{what} {where[k]}" for k in order], links),
        f"The states of {states.layer} that the output layer reads, at {len(rows):,} {what}s, by "
        f"PCA: the two directions hold {share:.0%} of the variance.{by and f' Marked by {by}.'}"
        f"{' A click goes to the step.' if links else ''}",
        csv_of(
            [what, "label", "first", "second"],
            [(w, label, *p) for w, label, p in zip(where, labels, points.tolist(), strict=True)],
        ),
        "map_of_states.csv",
    )


def _labels(shown, pooled, where):
    """Return a label for each point, and what it is."""
    model = shown.model
    if isinstance(model, SequenceRegressor):
        values = np.asarray(model.predict(shown.some(where)), np.float64).reshape(len(where), -1)
        a, b = np.quantile(values[:, 0], (1 / 3, 2 / 3))
        names = [f"below {a:.3g}", f"{a:.3g} to {b:.3g}", f"above {b:.3g}"]
        return [names[int(v >= a) + int(v > b)] for v in values[:, 0]], "the prediction"
    if hasattr(model, "classes_") and not shown.language:
        if pooled:
            return _few(model.predict(shown.some(where))), "the predicted class"
        tags = model.predict(shown.some([shown.numbers[shown.which]]))[0]
        return _few([tags[t] for t in where]), "the predicted class"
    if pooled:
        return [""] * len(where), ""
    if shown.language and shown.characters:
        return [_kind(shown.tokens[t]) for t in where], "the kind of the character that was read"
    names = ["first third", "second third", "last third"]
    return [names[3 * t // (where[-1] + 1)] for t in where], "the place in the example"


def _few(labels):
    """Return labels as texts, of which at most 8 differ; rare ones become "others"."""
    texts = [str(label) for label in labels]
    common = Counter(texts).most_common()
    kept = {name for name, _ in (common if len(common) <= KINDS else common[: KINDS - 1])}
    return [text if text in kept else "others" for text in texts]


def _kind(character):
    kinds = (
        ("line break", character in ("\n", "")), ("space", character.isspace()),
        ("digit", character.isdigit()), ("capital letter", character.isupper()),
        ("letter", character.isalpha()),
    )  # fmt: skip
    return next((name for name, is_so in kinds if is_so), "other sign")


def _sequences(shown, matches, y) -> Figure:
    """Return the table of the sequences whose states are nearest to those of the example."""
    found = [Match(shown.which, 0, 0.0), *matches]
    numbers = [shown.numbers[m.sequence] for m in found]
    columns = {"sequence": numbers, "distance": [m.distance for m in found]}
    if not isinstance(shown.model, Network):
        columns["predicted"] = [_text(v) for v in shown.model.predict(shown.some(numbers))]
    if y is not None and len(y) == len(shown.values):
        columns["label"] = [_text(v) for v in shown.some(numbers, y)]
    if (texts := [shown.text(m.sequence, 0, 60) for m in found])[0] is not None:
        columns["text"] = texts
    rows = list(zip(*columns.values(), strict=True))
    return Figure(
        "Sequences whose states are most alike",
        table(list(columns), rows),
        "The example, and those whose states before the output layer are nearest. Distance: "
        "Euclidean, per unit.",
        csv_of(list(columns), rows),
        "nearest_sequences.csv",
        wide="text" in columns,
    )


def _text(value):
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)


def _lines(shown, given, matches) -> Figure:
    """Return the drawing of one unit over the last steps and those that are like them."""
    trace, name, which, begin, end = given
    drawing = of_neighbors(trace, name, (which, begin), end, matches[:LINES])
    labels = [f"the last {end - begin} steps", *(_place(shown, m)[0] for m in matches)]
    named = zip(drawing.series, labels, strict=False)
    series = [own._replace(label=label) for own, label in named]
    return Figure(
        "Stretches alike",
        svg(drawing._replace(series=series)),
        f"{drawing.title.removeprefix('Stretches alike: ')}, which varies most over them, aligned "
        f"by the first step of each stretch.",
        csv_of(
            ["stretch", "step", "value"],
            [(s.label, int(x), v) for s in series for x, v in zip(s.x, s.y, strict=True)],
        ),
        "stretches.csv",
    )


def _place(shown, match):
    """Return where a stretch begins, as text, and as a link if it is in the example."""
    own, step = match.sequence == shown.which, f"step {match.start:,}"
    if own:
        return step, go(match.start, step)
    return (text := f"sequence {shown.numbers[match.sequence]}, {step}"), escape(text)


def _places(shown, n, matches) -> Figure:
    """Return the table of the stretches whose states are nearest to those of the last steps."""
    header, rows, shown_rows = ["sequence", "step", "distance"], [], []
    for m in matches:
        ends = (m.start - AROUND, m.start, m.start + n, m.start + n + AROUND)
        texts = [shown.text(m.sequence, a, b) for a, b in pairwise(ends)]
        row = [_place(shown, m)[1], m.distance]
        if texts[0] is not None:
            before, own, after = (escape(t.replace("\n", "\u23ce")) for t in texts)
            row.append(f"<code>{before}<mark>{own}</mark>{after}</code>")
        shown_rows.append(row)
        rows.append([shown.numbers[m.sequence], m.start, m.distance, *(t or "" for t in texts)])
    given = ("begins at", "distance", "text")[: len(shown_rows[0])]
    return Figure(
        "Where states are as in the last steps",
        table(given, shown_rows),
        f"The last {n} steps of the example, and those whose states are nearest. Distance: "
        f"Euclidean, per step and unit.",
        csv_of([*header, "before", "stretch", "after"], rows),
        "nearest_stretches.csv",
        wide=len(given) == 3,
    )
