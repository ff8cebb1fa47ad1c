"""One self-contained HTML page about a fitted model and an example of its data."""

from html import escape
from typing import Any

import numpy as np

from ..equations.losses import softmax
from ..errors import ConfigError, operation
from ..layers import Recurrent
from ..readers import Data
from .attribution import attribute
from .flow import gradient_flow
from .gates import saturation
from .inputs import read
from .report_page import link, page, plot
from .trace import Trace, trace

SHOWN = 2000  # steps of the example that are shown
EXPLAINED = 200  # steps before the end of the example that are attributed
STATISTICS = 20_000  # steps of the data that gate statistics are computed on
VALUES = 1_500_000  # numbers in the page, one byte each
GATES = ("ft", "it", "ot", "ut", "rt")


@operation
def report(
    model: Any, X: Any, *, example: int = 0, unit: str | None = None, compare: Any = None
) -> str:
    """Return a page in HTML: an example colored by any unit, gate or attribution, and figures.

    The page loads nothing from a network and can be read without scripts.

    Parameters
    ----------
    model : a fitted model
    X : as the model's ``predict`` takes it; text for a language model
    example : int
        Number of the sequence that is shown, at most its first 2,000 steps.
    unit : str, optional
        What colors it at first: "lstm0.c:3" is unit 3 of the cell state. Default: the attribution.
    compare : a fitted model, optional
        Its values of the same example are added, with the prefix "other/".

    Returns
    -------
    str

    Raises
    ------
    ConfigError, ShapeError
        As for `trace`; there is no such example or unit; the other model has other steps.
    """
    source, texts = _example(model, X, example)
    steps = min(SHOWN, len(source.arrays[0]))
    rows = _rows(model, source, steps)
    if compare is not None:
        other = _rows(compare, _example(compare, X, example)[0], steps)
        n, m = (len(next(iter(r.values()))) for r in (rows, other))
        if n != m:
            raise ConfigError(f"compare reads {m} steps of the example; expected {n}.")
        rows |= {f"other/{name}": values for name, values in other.items()}
    chosen = _chosen(rows, unit)
    inputs = source.arrays[0][:steps]
    text = _tokens(model, texts, inputs)
    seen = trace(model, _beginning(model, X), names=[f"*.{g}" for g in GATES])
    figures = [*_gates(seen), *_flow(model, source)]
    title = f"{type(model).__name__}: example {example}"
    lines = [str(line) for line in model.describe()]
    if len(source.arrays[0]) > steps:
        lines.append(f"The first {steps:,} of {len(source.arrays[0]):,} steps are shown.")
    return page(title, lines, _fitting(rows), chosen, text, inputs, figures)


def _example(model, X, example):
    """Return what the network reads of one sequence, and its text or words where it has any."""
    values = X.X if isinstance(X, Data) else X
    found = read(model, X)
    if not 0 <= example < len(found.arrays):
        raise ConfigError(f"example is {example}; expected 0..{len(found.arrays) - 1}.")
    text = values if isinstance(values, str) else values[example] if _is_list(values) else ()
    return found._replace(arrays=[found.arrays[example]]), text


def _is_list(values):
    return isinstance(values, (list, tuple))


def _beginning(model, X):
    """Return the first sequences, of about as many steps as the statistics are computed on."""
    values = X.X if isinstance(X, Data) else X
    if isinstance(values, str):
        return values[:STATISTICS]
    if model.reads == "series" or not _is_list(values):
        return X
    total = np.cumsum([len(x) for x in values])
    n = 1 + int(np.searchsorted(total, STATISTICS))
    if isinstance(X, Data):
        return X.but(X=values[:n], y=None, ids=None if X.ids is None else X.ids[:n])
    return values[:n]


def _rows(model, source, steps):
    """Return everything that can color the steps, by name: (steps, n)."""
    x = source.arrays[0][:steps]
    seen = trace(source.network, [x], source.parameters)
    rows = {n: seen[n][0] for n in seen.names if len(seen[n][0]) == len(x)}
    found = {}
    if _language(model):
        y = source.network.forward(x[None], source.parameters, keep_tape=False)[0][0]
        p = softmax(y.T.astype(np.float64)).T
        true = p[np.arange(len(x) - 1), x[1:]]
        found["probability"] = np.append(np.nan, true)[:, None]
    try:
        end = x[-EXPLAINED:]
        values = attribute(source.network, [end], source.parameters).values[0]
    except ConfigError:  # tables of categories have no gradient
        return found | rows
    whole = np.zeros((len(x), 1))
    whole[-len(end) :, 0] = values.reshape(len(end), -1).sum(axis=1)
    return {"attribution": whole} | found | rows


def _language(model):
    return type(model).__name__ == "LanguageModel"


def _tokens(model, texts, inputs):
    """Return the text of each step; None for numbers."""
    if _language(model):
        names = list(model.vocabulary_)
        return [names[i - 1] if 0 < i <= len(names) else "\ufffd" for i in inputs]
    if isinstance(texts, str) or (_is_list(texts) and texts and isinstance(texts[0], str)):
        own = list(texts)[: len(inputs)]
        return own if isinstance(texts, str) else [f"{word} " for word in own]
    return None


def _chosen(rows, unit):
    if unit is None:
        return next(iter(rows)), 0
    name, _, number = unit.partition(":")
    number = number or "0"
    if name not in rows or not number.isdigit() or int(number) >= rows[name].shape[1]:
        listed = ", ".join(f"{n}:0..{v.shape[1] - 1}" for n, v in rows.items())
        raise ConfigError(f"unit is {unit!r}; expected one of {listed}.")
    return name, int(number)


def _fitting(rows):
    """Return the rows of a page of at most 3 MB: as many units of each as there is room for."""
    steps = len(next(iter(rows.values())))
    most = max(1, VALUES // (steps * len(rows)))
    return {name: values[:, :most] for name, values in rows.items()}


def _gates(seen: Trace):
    for name in seen.names:
        open_, closed = saturation(seen, name)
        sentence = (
            f"{name}: {np.mean(open_):.0%} of steps above 0.9, {np.mean(closed):.0%} below 0.1, "
            f"mean of {len(open_)} units."
        )
        figure = plot(
            closed, open_, "share of steps below 0.1", "share of steps above 0.9", points=True
        )
        csv = "unit,above_0.9,below_0.1\n" + "".join(
            f"{i},{a:.6f},{b:.6f}\n" for i, (a, b) in enumerate(zip(open_, closed, strict=True))
        )
        yield f"Saturation of {name}", figure, sentence, link(csv, f"saturation_{name}.csv")


def _flow(model, source):
    layers = [layer for layer in model.network_.layers.values() if isinstance(layer, Recurrent)]
    if not layers or layers[-1].bidirectional:
        return
    try:
        flow = gradient_flow(
            source.network,
            [source.arrays[0][:SHOWN]],
            source.parameters,
            lags=100 if _language(model) else None,
        )
    except ConfigError as error:  # too few steps
        yield "Gradient flow", "", escape(str(error)), ""
        return
    lags = np.arange(len(flow.mean))
    rows = zip(lags, flow.mean, flow.spread, strict=True)
    csv = "lag,mean,spread\n" + "".join(f"{i},{a:.6g},{b:.6g}\n" for i, a, b in rows)
    figure = plot(lags, flow.mean, "lag (steps)", "mean norm of J^T w", points=False)
    yield "Gradient flow", figure, escape(flow.sentence), link(csv, "gradient_flow.csv")
