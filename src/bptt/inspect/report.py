"""One self-contained HTML page about a network and an example of its data."""

from typing import Any

import numpy as np

from ..equations.losses import softmax
from ..errors import BpttError, ConfigError, operation
from ..layers import Recurrent
from ..models import Forecaster
from ..models.scikit_learn import check_fitted
from ..models.supervised import SequenceModel
from ..network import Network
from ..readers import Data
from . import report_figures as figures
from .attribution import Attribution, attribute
from .error_split import error_split
from .inputs import output_index, output_names
from .language import Probabilities, predicted, token_names
from .report_example import BANDS, STATISTICS, beginning, example_of, labels_of
from .report_page import Page
from .report_states import alike
from .report_values import NONE, embedded, packed, values_of
from .trace import Trace, lengths_by_layer, one_way
from .units import contexts

EXPLAINED = 200  # steps before the end of a long example that are attributed
LONG = 1000  # steps of an example that is attributed as a whole
LAGS = 100  # of gradient flow and memory
SIZE, TOP_SIZE = 2_950_000, 450_000  # bytes of a page, of the likeliest tokens in it
PAGE = 2000  # steps at a time
SPLIT = "attribution by feature"


@operation
def report(
    model: Any,
    X: Any,
    parameters: Any = None,
    *,
    y: Any = None,
    example: int = 0,
    unit: str | None = None,
    target: Any = None,
    compare: Any = None,
    train: Any = None,
) -> str:
    """Return a page in HTML: an example colored by any unit, gate or attribution, and figures.

    The page loads nothing from a network, is at most 3 MB large and can be read without scripts.
    Statistics are of all units; of a long example the page holds as many units as there is room
    for, those that are asked for, that follow something or that vary most first, and says so.

    Parameters
    ----------
    model : fitted model, or Network
    X : as the model's ``predict`` takes it; text for a language model
    parameters : dict of str to ndarray
        Required for a network, such as ``network, parameters = bptt.interop.load(path)``.
    y : labels or targets, optional
        As ``score`` takes them, for the loss by length; those of `Data`.
    example : int
        Number of the sequence that is shown, at most its first 150,000 steps.
    unit : str, optional
        What colors it at first: "lstm0.c:3" is unit 3 of the cell state. Default: the probability
        of the tokens of a language model, else the attribution.
    target : class or token, optional
        Whose output is attributed to the inputs, as of `attribute`. Default: the likeliest one.
    compare : a fitted model, optional
        Its values of the same example are added, with the prefix "other/".
    train : str or list of str, optional
        Training text of a character model: then its errors are split, see `error_split`.

    Returns
    -------
    str

    Raises
    ------
    ConfigError, ShapeError
        As for `trace`; there is no such example or unit; the other model has other steps.
    """
    if isinstance(model, SequenceModel):
        check_fitted(model)
        X = model.sequences(X, y)
    y = X.y if y is None and isinstance(X, Data) else y
    shown = example_of(model, X, parameters, example)
    found = values_of(shown.source, shown.which, len(shown.x), labels_of(shown), shown.logits)
    notes, top, likely, drawn = [], None, None, None
    if shown.tokens is None:
        drawn = shown.x[:, :BANDS]
        found.put("x", shown.x)
    if shown.language and len(shown.x) > 1:
        likely, top = _likely(shown, found)
        notes.append("Probability is that of the token shown, given those before it.")
    notes += _attributed(shown, found, target)
    notes += _left_out(shown.source)
    if compare is not None:
        notes += _compared(compare, X, example, shown, found, target)
    chosen = _chosen(found, unit, _first(found, "probability" if shown.language else "x"))
    active = _active(shown, found, chosen)
    page = Page(
        title=f"{type(model).__name__}: example {example}",
        facts=_facts(shown, likely),
        notes=notes,
        rows={},
        chosen=chosen,
        first=_values(found, chosen),
        tokens=shown.tokens,
        characters=shown.characters,
        x=drawn,
        names=shown.features,
        split=SPLIT,
        size=PAGE if drawn is None else PAGE // 4,
        at=len(shown.x) - 1 if chosen[0].startswith("attribution") else 0,
        top=top,
        groups=_groups(
            shown, found, active, y, [] if train is None else [_split(shown, likely, train)]
        ),
    )
    room = max(SIZE // 10, SIZE - len(page.html().encode()))
    page.rows = packed(found.rows, [chosen, *_single(found), *active], room)
    return page.html()


def _groups(shown, found, active, y, errors):
    """Return the figures by heading."""
    source = shown.source
    usual = int(np.median([len(x) for x in source.arrays]))  # half of the sequences have as many
    lags = max(1, min(LAGS, usual - 1))
    short = beginning(source.arrays, STATISTICS // 5)
    reach = figures.reach(source.network, short, source.parameters, lags)
    return {
        "What units follow": [*figures.following(found), *figures.top_contexts(active)],
        "Errors": [*errors, *figures.losses(shown, y)],
        "States that are alike": [*alike(shown, y)],
        "How far it reaches back": [*figures.constants(found), *reach],
        "Gates": [*figures.saturations(found)],
        "Values": [*figures.histograms(found)],
    }


def _facts(shown, likely):
    """Return lines about the model, the data and what is shown."""
    model, network = shown.model, shown.source.network
    layers = ", ".join(f"{n}: {layer!r}" for n, layer in network.layers.items())
    lines = [*map(str, getattr(model, "describe", list)()), layers]
    steps = sum(map(len, shown.source.arrays))
    many = f" in {len(shown.source.arrays):,} sequences" * (len(shown.source.arrays) > 1)
    lines.append(f"Statistics are of all units, over {steps:,} steps{many}.")
    if shown.total > len(shown.x):
        lines.append(f"The first {len(shown.x):,} of {shown.total:,} steps are shown.")
    if likely is not None:
        rank = likely.rank[0]
        lines.append(
            f"Example: {likely.nats:.4f} nats per token; the likeliest token is the true one at "
            f"{np.mean(rank == 0):.1%} of the steps, among the five likeliest at "
            f"{np.mean(rank < 5):.1%}."
        )
    elif hasattr(model, "classes_") and not shown.language:
        y = network.forward(shown.x[np.newaxis], shown.source.parameters, keep_tape=False)[0][0]
        p = softmax(y[-1].astype(np.float64)[:, np.newaxis])[:, 0]
        best = np.argsort(-p)[:3]
        listed = ", ".join(f"{model.classes_[k]} {p[k]:.1%}" for k in best)
        lines.append(f"Prediction at the last step: {listed}.")
    return lines


def _likely(shown, found) -> tuple[Probabilities, dict[str, Any]]:
    """Add the probabilities of the tokens; return them, and the likeliest ones for JSON."""
    likely = predicted(shown.source._replace(arrays=[shown.x]), token_names(shown.model), 5)
    nothing = np.full((1, 1), np.nan)
    found.put("probability", np.concatenate([nothing, likely.true[0][:, None]]))
    found.put("entropy (nats)", np.concatenate([nothing, likely.entropy[0][:, None]]))
    wide = len(likely.names) > 256
    steps = len(likely.true[0])
    while True:
        ids = embedded(likely.top_ids[0][:steps].astype("<u2" if wide else np.uint8))
        p = embedded(np.round(250 * likely.top[0][:steps]).astype(np.uint8))
        if len(ids) + len(p) <= TOP_SIZE or steps < 2:
            break
        steps = int(steps * 0.95 * TOP_SIZE / (len(ids) + len(p)))
    k = likely.top[0].shape[1]
    top = {"k": k, "steps": steps, "wide": wide, "names": likely.names, "ids": ids, "p": p}
    return likely, top


def _attributed(shown, found, target) -> list[str]:
    """Add the attribution of the output at the last step; return sentences about it."""
    x, source = shown.x, shown.source
    window = EXPLAINED if len(x) > LONG else None
    if window and not one_way(source.network):
        return [f"No attribution: the example has {len(x):,} steps, more than {LONG:,}."]
    if target is not None:
        n = list(source.network.layers.values())[-1].n_out
        target = output_index(target, output_names(shown.model), n)
    elif not (shown.language or isinstance(shown.model, Network) or output_names(shown.model)):
        target = 0
    try:
        own = attribute(source.network, [x], source.parameters, window=window, target=target)
    except BpttError as error:
        return [f"No attribution: {error}"]
    values = own.values[0]
    if values.ndim == 2:
        found.put(SPLIT, values[:, :BANDS])
    found.put("attribution", values.reshape(len(x), -1).sum(axis=1, keepdims=True))
    return [_explained(shown, own, window)]


def _left_out(source) -> list[str]:
    """Return a sentence about recurrent layers whose values are not in the page, if there are."""
    lengths = [len(x) for x in source.arrays]
    counts = lengths_by_layer(source.network, lengths)
    layers = [n for n, own in source.network.layers.items() if isinstance(own, Recurrent)]
    other = [name for name in layers if not np.array_equal(counts[name], lengths)]
    if not other:
        return []
    return [
        f"The page has no values of {', '.join(other)}, whose steps are not those of the data; "
        f"bptt.inspect.trace returns them."
    ]


def _explained(shown, own: Attribution, window) -> str:
    k = int(own.targets[0])
    names = output_names(shown.model)
    named = f"{str(names[k])!r}" if names is not None and k < len(names) else f"number {k}"
    if isinstance(shown.model, Forecaster):
        named += " (first value, first step of the forecast, scaled)"
    start = (
        f" They begin with the state that the example has there, which contributes "
        f"{own.starts[0]:.3g}."
        if window
        else ""
    )
    return (
        f"Attribution explains the output {named} at the last step, {own.outputs[0]:.3g} against "
        f"{own.baselines[0]:.3g} of a baseline of zeros, by integrated gradients over "
        f"{f'the last {window}' if window else 'all'} steps.{start} The sum lacks "
        f"{own.gaps[0]:.2g} of the difference."
    )


def _compared(compare, X, example, shown, found, target) -> list[str]:
    """Add the values of another model of the same steps; return sentences about them."""
    try:
        other = example_of(compare, X, None, example)
    except BpttError as error:
        raise ConfigError(f"compare does not read the data of the model: {error}") from error
    if len(other.x) != len(shown.x):
        raise ConfigError(
            f"compare reads {other.total} steps of the example; expected {shown.total}."
        )
    own = values_of(other.source, other.which, len(other.x), {}, other.logits)
    if other.language and len(other.x) > 1:
        _likely(other, own)
    _attributed(other, own, target)
    found.rows |= {f"other/{name}": row for name, row in own.rows.items()}
    if "probability" in found.rows and "probability" in own.rows:
        difference = _values(found, ("probability", 0)) - _values(own, ("probability", 0))
        found.put("probability - other", difference)
        mean = np.nanmean(difference)
        return [f"The true token is {mean:+.4f} likelier than by the other model, on average."]
    return []


def _first(found, otherwise):
    for name in ("probability", SPLIT, "attribution", otherwise):
        if name in found.rows:
            return name
    return next(iter(found.rows))


def _chosen(found, unit, first):
    if unit is None:
        return first, 0
    text = str(unit)
    name, _, number = text.rpartition(":") if ":" in text else (text, "", "0")
    rows = found.rows
    if name not in rows or not number.isdigit() or int(number) >= len(rows[name].low):
        listed = ", ".join(f"{n}:0..{len(r.low) - 1}" for n, r in rows.items())
        raise ConfigError(f"unit is {unit!r}; expected one of {listed}.")
    return name, int(number)


def _values(found, chosen):
    """Return the values that color the steps, (T, 1), or (T, n) for each feature."""
    name, unit = chosen
    row = found.rows[name]
    own = slice(None) if name == SPLIT else slice(unit, unit + 1)
    found, low, high = row.bytes[:, own], row.low[own], row.high[own]
    return np.where(found == NONE, np.nan, low + (high - low) * (found / row.levels))


def _single(found):
    """Return the names whose units are all in the page: of few units, and the inputs."""
    for name, row in found.rows.items():
        if len(row.low) == 1 or name in ("x", SPLIT):
            yield from ((name, k) for k in range(min(BANDS, len(row.low))))


def _active(shown, found, chosen):
    """Return where the units that are chosen or follow something are most active."""
    if shown.tokens is None:
        return {(n, k): [] for own in found.strongest().values() for n, k, _ in own}
    tokens = shown.tokens if shown.characters else [f"{t} " for t in shown.tokens]
    units = {(n, k): r < 0 for own in found.strongest(1).values() for n, k, r in own}
    active = {}
    for (name, unit), lowest in ({chosen: False} | units).items():
        values = _values(found, (name, unit))
        if np.isfinite(values).all() and name != SPLIT:
            seen = Trace({name: values}, np.array([len(values)]))
            active[name, unit] = contexts(seen, name, 0, [tokens], count=5, lowest=bool(lowest))
    return active


def _split(shown, likely, train):
    if likely is None or not shown.characters:
        raise ConfigError("train is given; expected a language model of characters.")
    return figures.errors(error_split("".join(shown.tokens), likely.true, train))
