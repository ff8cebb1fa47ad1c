"""The HTML of a report."""

import json
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from .report_drawings import Figure, csv_of, link
from .report_script import SCRIPT, STYLE

_STRONGEST = 0.6  # opacity of the largest value: text stays readable on it


@dataclass
class Page:
    """What a page shows.

    Attributes
    ----------
    title, facts, notes
        Heading, lines about the model, sentences about the values.
    rows : dict
        Values for JSON: see `packed`.
    chosen : (str, int)
        What colors the steps at first.
    first : ndarray, shape (T, n)
        Values of the first coloring: one for each step, or for each feature that is drawn.
    tokens : list of str or None
        Text of each step; None for numbers.
    x : ndarray or None, shape (T, n)
        The features that are drawn, where there are no tokens.
    names : list of str
        Of the features.
    size, at : int
        Steps shown at a time; the step at which the page begins.
    top : dict or None
        Likeliest tokens, for JSON.
    """

    title: str
    facts: list[str]
    notes: list[str]
    rows: dict[str, Any]
    chosen: tuple[str, int]
    first: np.ndarray
    tokens: list[str] | None
    characters: bool
    x: Any
    names: list[str]
    split: str
    size: int
    at: int
    top: dict[str, Any] | None
    groups: dict[str, list[Figure]]

    def html(self) -> str:
        """Return the page."""
        begin = self.at // self.size * self.size
        own = slice(begin, begin + self.size)
        values = self.first[own]
        steps = np.arange(begin, begin + len(values))
        header = ["step", *(self.names if values.shape[1] > 1 else ["value"])]
        csv = csv_of(header, np.column_stack([steps, values]).tolist())
        if self.tokens is None:
            kind, shown = ' class="series"', _series(self.x[own], self.names, values)
        else:
            kind = "" if self.characters else ' class="words"'
            shown = _spans(self.tokens[own], values[:, 0], self.space)
        named = self.split if values.shape[1] > 1 else f"{self.chosen[0]}, unit {self.chosen[1]}"
        most = float(np.nanmax(np.abs(values), initial=0))
        least = -most if float(np.nanmin(values, initial=0)) < 0 else 0.0
        scale = "scale" if least else "scale up"
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        about = "".join(f"<li>{escape(line)}</li>" for line in self.facts)
        figures = "".join(
            f'<h2>{escape(heading)}</h2><div class="figures">{"".join(f.html() for f in own)}</div>'
            for heading, own in self.groups.items()
            if own
        )
        return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(self.title)}</title><style>{STYLE}</style></head><body><main>
<h1>{escape(self.title)}</h1><ul>{about}</ul>
<h2>Steps of the example</h2>
<p>Colored by <b id="colored">{escape(named)}</b>: <span id="low">{least:.3g}</span>
<span class="{scale}" id="scale"></span> <span id="high">{most:.3g}</span>. Orange and
underlined: negative; blue: positive. Numbers of the first coloring: {link(csv, "steps.csv")}.</p>
<ul>{notes}</ul>
<div id="picker" hidden><label>Value <select id="row">{self._options()}</select></label>
<label>Unit <select id="unit"></select></label>
<label>Step <input id="step" type="range" min="0" max="{len(self.first) - 1}"></label>
<span><button id="back" type="button">Back</button> <button id="next" type="button">Next</button>
<span id="where"></span></span>
<button id="csv" type="button">Save values as CSV</button></div>
<output id="value" for="row unit step" aria-live="polite"></output>
<p id="top"></p><p id="held"></p>
<div id="steps" tabindex="0" role="group" aria-label="Steps: left and right move by a step, page up
and page down by a page, up and down change the unit"{kind}>{shown}</div>
<p>Keys in the frame: left and right: a step; page up and page down: a page; up and down: a unit.
{len(self.first):,} steps in all, {self.size:,} at a time.</p>
{self._rest()}{figures}</main>
<script type="application/json" id="data">{self._data()}</script>
<script>{SCRIPT}</script></body></html>
"""

    @property
    def space(self) -> str:
        """What stands behind a token: words have a space."""
        return "" if self.characters else " "

    def _options(self):
        return "".join(f"<option>{escape(name)}</option>" for name in self.rows)

    def _rest(self):
        """Return the steps that are not shown at first, for a page without scripts."""
        if self.tokens is None or len(self.tokens) <= self.size:
            return ""
        text = self.space.join(self.tokens)
        inside = f"<summary>Whole text</summary><pre>{escape(text)}</pre>"
        return f"<noscript><details>{inside}</details></noscript>"

    def _data(self):
        drawn = [] if self.x is None else list(range(self.x.shape[1]))
        found = {
            "rows": self.rows, "steps": len(self.first), "page": self.size, "at": self.at,
            "first": self.at // self.size, "tokens": self._text(), "space": self.space,
            "chosen": self.chosen, "split": self.split, "top": self.top, "names": self.names,
            "bands": drawn,
        }  # fmt: skip
        text = json.dumps(found, separators=(",", ":"), ensure_ascii=False)
        return text.replace("<", "\\u003c").replace("\u2028", "\\u2028")

    def _text(self):
        """Return the tokens; as one text where each is one unit of UTF-16."""
        tokens = self.tokens or []
        single = bool(tokens) and all(len(t) == 1 and t < "\ud800" for t in tokens)
        return "".join(tokens) if single else self.tokens


def _color(v, most):
    if not np.isfinite(v) or not most:
        return "transparent"
    return f"rgba(var(--{'minus' if v < 0 else 'plus'}),{_STRONGEST * abs(v) / most:.3f})"


def _spans(tokens, values, space):
    most = float(np.nanmax(np.abs(values), initial=0))
    line = ";border-color:rgba(var(--minus),.9)"
    return "".join(
        f'<span style="background:{_color(v, most)}{line * bool(v < -0.1 * most)}">'
        f"{escape(token)}{space}</span>"
        for token, v in zip(tokens, values, strict=True)
    )


def _series(x, names, values):
    """Draw features in bands of their own, colored by one value for each step or for each band."""
    steps, n = x.shape
    wide, most = 1000 / steps, float(np.nanmax(np.abs(values), initial=0))
    parts = [f'<svg viewBox="0 0 1000 {44 * n}" width="100%" preserveAspectRatio="none">']
    for j in range(n):
        own = values[:, j if values.shape[1] == n else 0]
        low, high = float(np.nanmin(x[:, j])), float(np.nanmax(x[:, j]))
        y = 44 * j + 40 - 36 * (x[:, j] - low) / ((high - low) or 1)
        parts += [
            f'<rect x="{i * wide:.2f}" y="{44 * j}" width="{wide:.2f}" height="44" '
            f'style="fill:{_color(v, most)}"/>'
            for i, v in enumerate(own)
        ]
        points = " ".join(f"{(i + 0.5) * wide:.1f},{v:.1f}" for i, v in enumerate(y))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5" '
            f'vector-effect="non-scaling-stroke"/><text x="4" y="{44 * j + 12}">'
            f"{escape(names[j])}</text>"
        )
    return "".join(parts) + "</svg>"
