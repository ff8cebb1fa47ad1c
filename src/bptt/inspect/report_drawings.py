"""Figures of a report: drawings in SVG with axes and units, tables, and their numbers as CSV."""

import math
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from .drawings import Drawing, Series

_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 350, 12, 220
_MARKERS = (  # of the series of points, around (0, 0)
    "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0", "m-3-3h6v6h-6z", "m0-4l4 7h-8z",
    "m0-4.5l4.5 4.5-4.5 4.5-4.5-4.5z", "m0 4l4-7h-8z", "m-3-3l6 6m0-6l-6 6", "m-4 0h8m-4-4v8",
    "m-4 0h8m-6-3.5l4 7m0-7l-4 7",
)  # fmt: skip


class Figure(NamedTuple):
    """A figure: its heading, what it shows in HTML, a sentence, and its table as CSV."""

    heading: str
    drawing: str
    sentence: str
    csv: str = ""
    file: str = ""
    wide: bool = False

    def html(self) -> str:
        """Return the figure with a link that downloads its numbers."""
        more = link(self.csv, self.file) if self.csv else ""
        return (
            f"<figure{' class=full' * self.wide}><h3>{escape(self.heading)}</h3>{self.drawing}"
            f"<figcaption>{escape(self.sentence)} {more}</figcaption></figure>"
        )


def csv_of(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as CSV; texts are quoted."""

    def cell(value):
        if isinstance(value, str):
            return f'"{value.replace(chr(34), 2 * chr(34))}"' if not value.isidentifier() else value
        return str(value) if isinstance(value, (int, np.integer)) else f"{value:.6g}"

    return "".join(",".join(map(cell, row)) + "\n" for row in (header, *rows))


def link(csv: str, name: str) -> str:
    """Return a link that downloads a table."""
    data = b64encode(csv.encode()).decode()
    return f'<a download="{escape(name)}" href="data:text/csv;base64,{data}">{escape(name)}</a>'


def pick(name: str, unit: int) -> str:
    """Return a link that colors the steps by a unit."""
    return f'<a href="#steps" data-pick="{escape(name)}:{unit}">{escape(name)}:{unit}</a>'


def go(step: int, text: str = "") -> str:
    """Return a link that goes to a step of the example."""
    return f'<a href="#steps" data-go="{step}">{escape(text) or f"{step:,}"}</a>'


def _scale(
    low: float, high: float, begin: float, end: float, log: bool
) -> Callable[[float], float]:
    f = math.log10 if log else float
    a, b = f(low), f(high)
    return lambda v: begin + (end - begin) * (f(min(max(v, low), high)) - a) / ((b - a) or 1)


def _ticks(low, high, log):
    if log:
        first, last = round(math.log10(low)), round(math.log10(high))
        return [10.0**k for k in range(first, last + 1, max(1, (last - first) // 5))]
    rough = (high - low) / 4 or 1
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * k for k in (1, 2, 2.5, 5, 10) if size * k >= rough * 0.99)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    return [step * k for k in range(first, last + 1)]  # round numbers, 0 exactly


def svg(drawing: Drawing, titles: Sequence[str] = (), links: Sequence[str] = ()) -> str:
    """Return a drawing with labeled axes, and a key where it has several series.

    Parameters
    ----------
    drawing : Drawing
    titles, links : sequences of str
        Of each point, one series after another: text that is shown for it, and the attribute of
        what a click does: "data-pick" picks a unit, "data-go" goes to a step.
    """
    (x0, x1), (y0, y1) = _limits(drawing)
    bottom = _TOP + _RIGHT - _LEFT if drawing.square else _BOTTOM
    across = _scale(x0, x1, _LEFT, _RIGHT, False)
    up = _scale(y0, y1, bottom, _TOP, drawing.y_log)
    parts = [f'<path d="M{_LEFT} {_TOP}V{bottom}H{_RIGHT}" fill="none" stroke="currentColor"/>']
    for v in _ticks(x0, x1, False):
        parts.append(f'<text x="{across(v):.1f}" y="{bottom + 16}" class="m">{v:.4g}</text>')
    for v in _ticks(y0, y1, drawing.y_log):
        parts.append(f'<text x="{_LEFT - 5}" y="{up(v) + 4:.1f}" class="e">{v:.4g}</text>')
        parts.append(f'<path d="M{_LEFT} {up(v):.1f}H{_RIGHT}" class="grid"/>')
    for v, _ in drawing.x_lines:
        parts.append(f'<path d="M{across(v):.1f} {_TOP}V{bottom}" class="mark"/>')
    for v, _ in drawing.y_lines:
        parts.append(f'<path d="M{_LEFT} {up(v):.1f}H{_RIGHT}" class="mark"/>')
    named = [own for own in drawing.series if own.label and own.kind in ("line", "points")]
    several, first = len(named) > 1, 0
    places = {id(own): k for k, own in enumerate(named) if several}
    for own in sorted(drawing.series, key=lambda s: s.kind != "band"):
        k, n = places.get(id(own)), len(own.x)
        parts += _shapes(own, across, up, k, titles[first : first + n], links[first : first + n])
        first += n if own.kind == "points" else 0
    middle, x_label, y_label = (
        (_TOP + bottom) / 2,
        escape(drawing.x_label),
        escape(drawing.y_label),
    )
    parts.append(f'<text x="{(_LEFT + _RIGHT) / 2}" y="{bottom + 34}" class="m">{x_label}</text>')
    parts.append(
        f'<text x="13" y="{middle}" class="m" transform="rotate(-90 13 {middle})">{y_label}</text>'
    )
    return (
        f'<svg viewBox="0 0 370 {bottom + 42}" role="img" aria-label="{y_label} over {x_label}">'
        f"{''.join(parts)}</svg>{_key(named) if several else ''}"
    )


def _key(series):
    """Return what tells the series apart, with their labels."""
    parts = []
    for k, own in enumerate(series):
        shape = "M2 8H30" if own.kind == "line" else f"M16 8{_MARKERS[k % 8]}"
        kind = f"{'line' if own.kind == 'line' else 'point'} s{k % 8}{' strong' * own.strong}"
        drawn = f'<svg viewBox="0 0 32 16"><path d="{shape}" class="{kind}"/></svg>'
        parts.append(f"<li>{drawn} {escape(own.label)}</li>")
    return f'<ul class="key">{"".join(parts)}</ul>'


def _limits(drawing):
    """Return the ranges of both axes; a logarithmic one ends at powers of ten."""
    x = np.concatenate([s.x for s in drawing.series])
    y = np.concatenate([s.y for s in drawing.series])
    y = y[np.isfinite(y)]
    wide = (float(x.min()), float(x.max()) if x.max() > x.min() else float(x.min()) + 1)
    if not drawing.y_log:
        stands = any(s.kind in ("bars", "row") for s in drawing.series)  # on 0
        low, high = (float(y.min()), float(y.max())) if len(y) else (0.0, 0.0)
        low, high = (min(0.0, low), max(0.0, high)) if stands else (low, high)
        tall = drawing.y_range or (low, high if high > low else low + 1)
        return _alike(wide, tall) if drawing.square else (wide, tall)
    positive = y[y > 0] if (y > 0).any() else np.ones(1)
    low = 10.0 ** math.floor(math.log10(max(positive.min(), positive.max() * 1e-12)))
    high = 10.0 ** math.ceil(math.log10(positive.max()))
    return wide, (low, high if high > low else 10 * low)


def _alike(*ranges):
    """Return ranges of one length around the same middles, with room for markers."""
    half = 0.52 * max(high - low for low, high in ranges)
    return tuple(((low + high) / 2 - half, (low + high) / 2 + half) for low, high in ranges)


def _shapes(own: Series, across, up, k, titles, links) -> list[str]:
    """Return what a series draws; it is the k-th of several, or the only one (None)."""

    def points(x, y):
        return " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in zip(x, y, strict=True))

    if own.low is not None:
        around = points(own.x, own.y), points(own.x[::-1], own.low[::-1])
        return [f'<polygon points="{" ".join(around)}" class="band"/>']
    style = "" if k is None else f" s{k % 8}{' strong' * own.strong}"
    if own.kind == "line":
        kind = f"line{style}" if own.label else "mark"
        return [f'<polyline points="{points(own.x, own.y)}" class="{kind}"/>']
    if own.kind in ("bars", "row"):
        edges = [across(v) for v in own.x]
        return [
            f'<rect x="{a:.1f}" y="{up(v):.1f}" width="{b - a:.1f}" '
            f'height="{_BOTTOM - up(v):.1f}" class="bar"/>'
            for a, b, v in zip(edges[:-1], edges[1:], own.y, strict=True)
            if math.isfinite(v)
        ]
    shapes = []
    for i, (a, b) in enumerate(zip(own.x, own.y, strict=True)):
        if math.isfinite(b):
            title = f"<title>{escape(titles[i])}</title>" if titles else ""
            place, link = (f"{across(a):.1f}", f"{up(b):.1f}"), f" {links[i]}" if links else ""
            shape, end = f'<circle cx="{place[0]}" cy="{place[1]}" r="4"', "circle"
            if k is not None:
                shape = f'<path d="M{place[0]} {place[1]}{_MARKERS[k % 8]}" class="point{style}"'
                end = "path"
            shapes.append(f"{shape}{link}>{title}</{end}>" if title else f"{shape}{link}/>")
    return shapes


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; texts that begin with "<" are HTML, floats have three digits."""

    def cell(value):
        if isinstance(value, float):
            return f'<td class="n">{value:.3g}</td>'
        if isinstance(value, (int, np.integer)):
            return f'<td class="n">{value:,}</td>'
        return f"<td>{value if value.startswith('<') else escape(value)}</td>"

    head = "".join(f"<th>{escape(h)}</th>" for h in header)
    body = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def bar(share: float) -> str:
    """Return a bar of a share for a cell of a table."""
    return f'<span class="share" style="width:{5 * share:.2f}rem"></span> {share:.1%}'
