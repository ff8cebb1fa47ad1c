"""Figures of a report: drawings in SVG with axes and units, tables, and their numbers as CSV."""

import math
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 350, 12, 220


class Figure(NamedTuple):
    """A figure: its heading, what it shows in HTML, a sentence, and its table as CSV."""

    heading: str
    drawing: str
    sentence: str
    csv: str
    file: str
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


def plot(
    x: Sequence[float], y: Sequence[float], labels: tuple[str, str], *, kind: str = "line",
    x_range: tuple[float, float] | None = None, y_range: tuple[float, float] | None = None,
    log: bool = False, band: Any = None, titles: Sequence[str] = (), picks: Sequence[str] = (),
) -> str:  # fmt: skip
    """Return a drawing of a line, points or bars over labeled axes.

    Parameters
    ----------
    x, y : sequences of numbers
    labels : (str, str)
        Of the axes, with units.
    kind : {"line", "points", "bars"}
    x_range, y_range : (low, high), optional
    log : bool
        Of the y axis, which then ends at powers of ten.
    band : (low, high) of sequences, optional
        Area around a line.
    titles, picks : sequences of str
        Of each point: text that is shown for it, and the unit that a click picks.
    """
    x0, x1 = x_range or (float(min(x)), float(max(x)))
    positive = [v for v in y if v > 0] or [1.0]
    if log:
        low = 10.0 ** math.floor(math.log10(max(min(positive), max(positive) * 1e-12)))
        y0, y1 = low, 10.0 ** math.ceil(math.log10(max(positive)))
        y1 = y1 if y1 > y0 else 10 * y0
    else:
        y0, y1 = y_range or (min(0.0, float(min(y))), float(max(y)) or 1.0)
    across = _scale(x0, x1, _LEFT, _RIGHT, False)
    up = _scale(y0, y1, _BOTTOM, _TOP, log)
    parts = [f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}" fill="none" stroke="currentColor"/>']
    for v in _ticks(x0, x1, False):
        parts.append(f'<text x="{across(v):.1f}" y="{_BOTTOM + 16}" class="m">{v:.4g}</text>')
    for v in _ticks(y0, y1, log):
        parts.append(f'<text x="{_LEFT - 5}" y="{up(v) + 4:.1f}" class="e">{v:.3g}</text>')
        parts.append(f'<path d="M{_LEFT} {up(v):.1f}H{_RIGHT}" class="grid"/>')
    if band is not None:
        around = [*zip(x, band[1], strict=True), *reversed([*zip(x, band[0], strict=True)])]
        points = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in around)
        parts.append(f'<polygon points="{points}" class="band"/>')
    if kind == "line":
        points = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f'<polyline points="{points}" class="line"/>')
    elif kind == "bars":
        wide = (_RIGHT - _LEFT) / len(x)
        parts += [
            f'<rect x="{_LEFT + k * wide:.1f}" y="{up(b):.1f}" width="{wide:.1f}" '
            f'height="{_BOTTOM - up(b):.1f}" class="bar"/>'
            for k, b in enumerate(y)
        ]
    else:
        for k, (a, b) in enumerate(zip(x, y, strict=True)):
            title = f"<title>{escape(titles[k])}</title>" if titles else ""
            own = f' data-pick="{escape(picks[k])}"' if picks else ""
            parts.append(
                f'<circle cx="{across(a):.1f}" cy="{up(b):.1f}" r="4"{own}>{title}</circle>'
            )
    middle = (_TOP + _BOTTOM) / 2
    parts.append(
        f'<text x="{(_LEFT + _RIGHT) / 2}" y="{_BOTTOM + 34}" class="m">{labels[0]}</text>'
    )
    turned = f'transform="rotate(-90 13 {middle})"'
    parts.append(f'<text x="13" y="{middle}" class="m" {turned}>{labels[1]}</text>')
    return (
        f'<svg viewBox="0 0 370 262" role="img" aria-label="{escape(labels[1])} over '
        f'{escape(labels[0])}">{"".join(parts)}</svg>'
    )


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
    return f'<span class="share" style="width:{8 * share:.2f}rem"></span> {share:.1%}'
