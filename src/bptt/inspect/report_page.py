"""The HTML of a report: its style, its script and its drawings."""

import json
from base64 import b64encode
from html import escape
from typing import Any

import numpy as np

_STYLE = """
:root{color-scheme:light dark;--text:#111;--back:#fff;--line:#777;--plus:0,90,200;--minus:215,95,0}
@media(prefers-color-scheme:dark){:root{--text:#eee;--back:#161616;--line:#999;--plus:70,150,255;
--minus:255,140,40}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);margin:auto;
max-width:1100px;padding:1rem}
#steps{font:15px/1.7 monospace;white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid
var(--line);padding:.5rem;max-height:24rem;overflow:auto}
#steps.strip{display:flex;padding:0;height:2rem}#steps.strip span{flex:1;min-width:0}
#steps span[data-at]{outline:2px solid}
svg{max-width:100%;height:auto}svg text{fill:currentColor;font:12px sans-serif}
figure{margin:1.5rem 0}label{margin-right:1rem}select,input{font:inherit;max-width:100%}
a{color:inherit}input[type=range]{width:100%;margin:0}label:has([type=range]){display:block;margin:0}
"""
_SCRIPT = """
const rows=JSON.parse(document.getElementById('values').textContent),
 pick=document.getElementById('row'),unit=document.getElementById('unit'),
 at=document.getElementById('step'),out=document.getElementById('value'),
 steps=[...document.querySelectorAll('#steps span')],cache={};
function bytes(name){return cache[name]??=Int8Array.from(atob(rows[name].data),c=>c.charCodeAt(0))}
function value(i){const r=rows[pick.value],b=bytes(pick.value)[unit.value*steps.length+i];
 return b==-128?null:b/127*r.largest}
function read(){const v=value(+at.value),s=steps[at.value];
 steps.forEach(e=>delete e.dataset.at);s.dataset.at='';
 out.textContent=`step ${at.value}: `+(v===null?'no value':v.toPrecision(4))}
function paint(){const r=rows[pick.value];unit.max=r.n-1;
 if(!(+unit.value<r.n))unit.value=r.n-1;if(!(+unit.value>=0))unit.value=0;
 colored.textContent=`${pick.value}, unit ${unit.value}`;
 steps.forEach((e,i)=>{const v=(value(i)??0)/r.largest;
 e.style.background=`rgba(var(--${v<0?'minus':'plus'}),${Math.abs(v).toFixed(3)})`});read()}
pick.onchange=paint;unit.oninput=paint;at.oninput=read;
document.getElementById('steps').onclick=e=>{const i=steps.indexOf(e.target);
 if(i>=0){at.value=i;read()}};
document.getElementById('picker').hidden=false;paint();
"""


def page(title, lines, rows, chosen, text, inputs, figures) -> str:
    """Return the page; `chosen` is the name and the unit that color the steps at first."""
    name, unit = chosen
    series = "" if text is not None else _series(inputs)
    options = "".join(f"<option{' selected' * (n == name)}>{escape(n)}</option>" for n in rows)
    last = len(next(iter(rows.values()))) - 1
    shown = rows[name][:, min(unit, rows[name].shape[1] - 1)]
    csv = "step,value\n" + "".join(f"{i},{v:.6g}\n" for i, v in enumerate(shown))
    about = "".join(f"<li>{escape(line)}</li>" for line in lines)
    drawn = "".join(
        f"<figure><h2>{escape(heading)}</h2>{svg}"
        f"<figcaption>{sentence} {more}</figcaption></figure>"
        for heading, svg, sentence, more in figures
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>
<h1>{escape(title)}</h1><ul>{about}</ul>
<h2>Steps of the example</h2>
<p>Colored by <b id="colored">{escape(name)}, unit {unit}</b>.
Blue: positive; orange: negative; stronger: larger. {_meaning(rows)}{link(csv, "steps.csv")}</p>
<p id="picker" hidden><label>Value <select id="row">{options}</select></label>
<label>Unit <input id="unit" type="number" min="0" value="{unit}"></label>
<label>Step <input id="step" type="range" min="0" max="{last}" value="{last}"></label>
<output id="value" for="row unit step"></output></p>
{series}<div id="steps"{' class="strip"' if text is None else ""}>{_spans(text, shown)}</div>
{drawn}</main>
<script type="application/json" id="values">{_embedded(rows)}</script>
<script>{_SCRIPT}</script></body></html>
"""


def _meaning(rows):
    """Return what the rows are that are no states and gates."""
    said = ""
    if "probability" in rows:
        said += "Probability is that of the token shown, given those before it. "
    if "attribution" in rows:
        said += (
            "Attribution is that of the largest output at the last step shown, by integrated "
            "gradients over its last 200 steps. "
        )
    return said


def _spans(text, values):
    largest = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    parts = []
    for i, v in enumerate(np.nan_to_num(values) / largest):
        color = f"rgba(var(--{'minus' if v < 0 else 'plus'}),{abs(v):.3f})"
        inside = "" if text is None else escape(text[i])
        parts.append(f'<span style="background:{color}">{inside}</span>')
    return "".join(parts)


def _series(x):
    """Draw at most 8 features over the steps, each in a band of its own."""
    if x.ndim != 2:
        return ""
    lines, n = [], min(8, x.shape[1])
    for j in range(n):
        low, high = float(x[:, j].min()), float(x[:, j].max())
        y = 40 * j + 36 - 32 * (x[:, j] - low) / ((high - low) or 1)
        at = 1000 * (np.arange(len(x)) + 0.5) / len(x)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(at, y, strict=True))
        lines.append(f'<polyline points="{points}" fill="none" stroke="currentColor"/>')
    note = f"<p>Inputs as the network reads them: {n} of {x.shape[1]} features over the steps.</p>"
    box = f'<svg viewBox="0 0 1000 {40 * n}" width="100%" role="img" aria-label="inputs">'
    return f"{note}{box}{''.join(lines)}</svg>"


def plot(x: np.ndarray, y: np.ndarray, x_label: str, y_label: str, *, points: bool) -> str:
    """Return a drawing of points, or a line, with axes from 0 to the largest value."""
    right, top = (1.0, 1.0) if points else (float(x.max()) or 1.0, float(y.max()) or 1.0)
    places = [(50 + 300 * a / right, 260 - 240 * b / top) for a, b in zip(x, y, strict=True)]
    if points:
        drawn = "".join(
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="none" stroke="currentColor"/>'
            for a, b in places
        )
    else:
        line = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        drawn = f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="2"/>'
    return (
        f'<svg viewBox="0 0 380 310" width="380" role="img" aria-label="{y_label}, {x_label}">'
        f'<path d="M50 20V260H350" fill="none" stroke="currentColor"/>{drawn}'
        f'<text x="50" y="278">0</text><text x="350" y="278" text-anchor="end">{right:.4g}</text>'
        f'<text x="45" y="260" text-anchor="end">0</text>'
        f'<text x="45" y="25" text-anchor="end">{top:.3g}</text>'
        f'<text x="200" y="298" text-anchor="middle">{x_label}</text>'
        f'<text x="14" y="140" text-anchor="middle" transform="rotate(-90 14 140)">{y_label}</text>'
        "</svg>"
    )


def link(csv: str, name: str) -> str:
    """Return a link that downloads a table."""
    data = b64encode(csv.encode()).decode()
    return f'<a download="{escape(name)}" href="data:text/csv;base64,{data}">{escape(name)}</a>'


def _packed(values: np.ndarray) -> dict[str, Any]:
    """Return the values of a row in bytes: -127..127 of the largest magnitude, -128 for none."""
    largest = float(np.nanmax(np.abs(values), initial=0)) or 1.0
    scaled = np.round(np.nan_to_num(values.astype(np.float64) / largest, nan=-128 / 127) * 127)
    data = b64encode(np.ascontiguousarray(scaled.T, np.int8).tobytes()).decode()
    return {"n": values.shape[1], "largest": largest, "data": data}


def _embedded(rows: dict[str, np.ndarray]) -> str:
    """Return all rows as JSON that may stand in a script element."""
    return json.dumps({n: _packed(v) for n, v in rows.items()}).replace("<", "\\u003c")
