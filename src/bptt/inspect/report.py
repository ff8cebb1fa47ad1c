"""One self-contained HTML page about a network and an example of its data."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..checks import is_whole
from ..equations.losses import softmax
from ..errors import ConfigError, operation
from ..models import Forecaster, LanguageModel
from ..network import Network
from ..readers import Data
from . import report_figures as figures
from .attribution import Attribution, attribute
from .error_split import error_split
from .inputs import Read, read
from .language import Probabilities, predicted, token_names
from .report_page import Page
from .report_values import NONE, embedded, packed, values_of
from .trace import Trace, one_way
from .units import contexts, inside, position_in_line

SHOWN = 150_000  # steps of the example that are shown
STATISTICS = 100_000  # steps of the data that statistics are computed on
EXPLAINED = 200  # steps before the end of a long example that are attributed
LONG = 1000  # steps of an example that is attributed as a whole
LAGS = 100  # of gradient flow and memory
SIZE, TOP_SIZE = 2_950_000, 450_000  # bytes of a page, of the likeliest tokens in it
PAGE, BANDS = 2000, 16  # steps at a time; features that are drawn
SPLIT = "attribution by feature"


class _Shown(NamedTuple):
    """An example of a network's data, and what is known of it."""

    model: Any
    source: Read  # sequences of the statistics
    which: int  # the example among them
    x: np.ndarray  # its steps that are shown
    tokens: list[str] | None
    characters: bool
    total: int  # steps of the example


@operation
def report(
    model: Any,
    X: Any,
    parameters: Any = None,
    *,
    example: int = 0,
    unit: str | None = None,
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
    example : int
        Number of the sequence that is shown, at most its first 150,000 steps.
    unit : str, optional
        What colors it at first: "lstm0.c:3" is unit 3 of the cell state. Default: the probability
        of the tokens of a language model, else the attribution.
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
    shown = _shown(model, X, parameters, example)
    language = isinstance(model, LanguageModel)
    logits = f"{list(shown.source.network.layers)[-1]}.y" if language else None
    labels = _labels(model, shown)
    found = values_of(shown.source, shown.which, len(shown.x), labels, logits)
    notes, top, likely = [], None, None
    if shown.tokens is None and shown.x.ndim == 2:
        found.put("x", shown.x)
    if language and len(shown.x) > 1:
        likely, top = _likely(model, shown, found)
        notes.append("Probability is that of the token shown, given those before it.")
    notes += _attributed(shown, found)
    if compare is not None:
        notes += _compared(compare, X, example, shown, found)
    first = _first(found, "x" if not language else "probability")
    chosen = _chosen(found, unit, first)
    active = _active(shown, found, chosen)
    wanted = [chosen, *_single(found), *active]
    page = Page(
        title=_title(model, example),
        facts=_facts(model, shown, likely),
        notes=notes,
        rows={},
        chosen=chosen,
        first=_values(found, chosen),
        tokens=shown.tokens,
        characters=shown.characters,
        x=shown.x[:, :BANDS] if shown.tokens is None and shown.x.ndim == 2 else None,
        names=_feature_names(model, shown),
        split=SPLIT,
        size=PAGE if shown.tokens is not None else PAGE // 4,
        at=len(shown.x) - 1 if chosen[0].startswith("attribution") else 0,
        top=top,
        groups={},
    )
    if page.tokens is None and page.x is None:
        page.tokens = [str(v) for v in shown.x]  # ids
    split = [] if train is None else [_split(shown, likely, train)]
    lags = max(1, min(LAGS, max(map(len, shown.source.arrays)) - 1))
    short = _beginning(shown.source.arrays, STATISTICS // 5)
    network, own = shown.source.network, shown.source.parameters
    page.groups = {
        "What units follow": [*figures.following(found), *figures.top_contexts(active)],
        "Errors": split,
        "How far it reaches back": [
            *figures.constants(found), *figures.reach(network, short, own, lags),
        ],
        "Gates": [*figures.saturations(found)],
        "Values": [*figures.histograms(found)],
    }  # fmt: skip
    room = max(SIZE // 10, SIZE - len(page.html().encode()))
    page.rows = packed(found.rows, found.deviation, wanted, room)
    return page.html()


def _title(model, example):
    kind = "Network" if isinstance(model, Network) else type(model).__name__
    return f"{kind}: example {example}"


def _facts(model, shown, likely):
    """Return lines about the model, the data and what is shown."""
    network = shown.source.network
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
    elif hasattr(model, "classes_") and not isinstance(model, LanguageModel):
        y = network.forward(shown.x[np.newaxis], shown.source.parameters, keep_tape=False)[0][0]
        p = softmax(y[-1].astype(np.float64)[:, np.newaxis])[:, 0]
        best = np.argsort(-p)[:3]
        listed = ", ".join(f"{model.classes_[k]} {p[k]:.1%}" for k in best)
        lines.append(f"Prediction at the last step: {listed}.")
    return lines


def _shown(model, X, parameters, example) -> _Shown:
    """Read the data; keep as many sequences as the statistics need, and the example."""
    found = read(model, X, parameters)
    n = len(found.arrays)
    if not is_whole(example) or not 0 <= example < n:
        raise ConfigError(f"example is {example!r}; expected 0..{n - 1}.")
    x = found.arrays[example]
    if not len(x):
        raise ConfigError(f"example {example} has no steps; expected at least one.")
    tokens, characters = None, True
    if isinstance(model, LanguageModel):
        names = token_names(model)
        tokens = [names[i] for i in x[:SHOWN]]
        characters = model.items == "characters"
    else:
        values = X.X if isinstance(X, Data) else X
        own = values[example] if isinstance(values, (list, tuple)) else None
        texts = isinstance(own, str) or (
            isinstance(own, (list, tuple)) and bool(own) and all(isinstance(w, str) for w in own)
        )
        if texts and own is not None and len(own) == len(x):
            tokens, characters = list(own)[:SHOWN], isinstance(own, str)
    kept = _beginning(found.arrays, STATISTICS)
    which = example
    if example >= len(kept):
        kept, which = [*kept, x[:STATISTICS]], len(kept)
    elif len(kept[example]) < min(len(x), SHOWN):
        kept[example] = x[:SHOWN]
    source = found._replace(arrays=kept)
    return _Shown(model, source, which, x[:SHOWN], tokens, characters, len(x))


def _beginning(arrays, steps):
    """Return the first sequences, of at most so many steps."""
    kept, left = [], steps
    for x in arrays:
        if left <= 0:
            break
        kept.append(x[:left])
        left -= len(kept[-1])
    return kept


def _labels(model, shown):
    """Return what units may follow, of all steps of the data: a dict of arrays."""
    arrays, found = shown.source.arrays, {}
    if isinstance(model, LanguageModel) and shown.characters:
        names = token_names(model)
        texts = [[names[i] for i in x] for x in arrays]
        rules: dict[str, Any] = {
            "position in line": position_in_line,
            'inside "..."': inside,
            "inside (...)": partial(inside, opening="(", closing=")"),
            "inside [...]": partial(inside, opening="[", closing="]"),
            "white space": lambda text: [t.isspace() for t in text],
            "capital letter": lambda text: [t.isupper() for t in text],
            "digit": lambda text: [t.isdigit() for t in text],
        }
        for label, rule in rules.items():
            found[label] = np.concatenate([np.asarray(rule(text), float) for text in texts])
    else:
        found["position in sequence"] = np.concatenate([np.arange(len(x)) for x in arrays])
        if arrays[0].ndim == 2 and np.issubdtype(arrays[0].dtype, np.floating):
            x = np.concatenate(arrays).astype(np.float64)
            names = _feature_names(model, shown)
            found |= {f"input {names[j]}": x[:, j] for j in range(min(BANDS, x.shape[1]))}
    return {label: y.astype(np.float64) for label, y in found.items() if np.ptp(y) > 0}


def _feature_names(model, shown):
    if shown.x.ndim != 2:
        return []
    n = shown.x.shape[1]
    own = [str(name) for name in getattr(model, "feature_names_in_", ())]
    return (own if len(own) == n else [f"x{j}" for j in range(n)])[:BANDS]


def _likely(model, shown, found) -> tuple[Probabilities, dict[str, Any]]:
    """Add the probabilities of the tokens; return them, and the likeliest ones for JSON."""
    likely = predicted(shown.source._replace(arrays=[shown.x]), token_names(model), 5)
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


def _attributed(shown, found, prefix="") -> list[str]:
    """Add the attribution of the output at the last step; return sentences about it."""
    x, source = shown.x, shown.source
    window = EXPLAINED if len(x) > LONG else None
    if window and not one_way(source.network):
        return [f"No attribution: the example has {len(x):,} steps, more than {LONG:,}."]
    try:
        target = _target(shown.model)
        own = attribute(source.network, [x], source.parameters, window=window, target=target)
    except ConfigError as error:
        return [f"No attribution: {error}"]
    values = own.values[0]
    if values.ndim == 2:
        found.put(f"{prefix}{SPLIT}", values[:, :BANDS])
    found.put(f"{prefix}attribution", values.reshape(len(x), -1).sum(axis=1, keepdims=True))
    return [] if prefix else [_explained(shown, own, window)]


def _target(model):
    """Return which output is explained; None: the largest one."""
    some = isinstance(model, (LanguageModel, Network)) or hasattr(model, "classes_")
    return None if some else 0


def _explained(shown, own: Attribution, window) -> str:
    k = int(own.targets[0])
    names = (
        token_names(shown.model)
        if isinstance(shown.model, LanguageModel)
        else getattr(shown.model, "classes_", None)
    )
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


def _compared(compare, X, example, shown, found) -> list[str]:
    """Add the values of another model of the same steps; return sentences about them."""
    other = _shown(compare, X, None, example)
    if len(other.x) != len(shown.x):
        raise ConfigError(
            f"compare reads {other.total} steps of the example; expected {shown.total}."
        )
    language = isinstance(compare, LanguageModel)
    logits = f"{list(other.source.network.layers)[-1]}.y" if language else None
    own = values_of(other.source, other.which, len(other.x), {}, logits)
    if language and len(other.x) > 1:
        _likely(compare, other, own)
    _attributed(other, own)
    for name, row in own.rows.items():
        found.rows[f"other/{name}"] = row
        found.deviation[f"other/{name}"] = own.deviation[name]
    if language and "probability" in found.rows and "probability" in own.rows:
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
    name, _, number = unit.rpartition(":") if ":" in unit else (unit, "", "0")
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
    units = {(n, k): r < 0 for own in found.strongest(1).values() for n, k, r in own}
    active = {}
    for (name, unit), lowest in ({chosen: False} | units).items():
        values = _values(found, (name, unit))
        if np.isfinite(values).all() and name != SPLIT:
            seen = Trace({name: values}, np.array([len(values)]))
            active[name, unit] = contexts(
                seen, name, 0, [shown.tokens], count=5, lowest=bool(lowest)
            )
    return active


def _split(shown, likely, train):
    if likely is None or not shown.characters:
        raise ConfigError("train is given; expected a language model of characters.")
    return figures.errors(error_split("".join(shown.tokens), likely.true, train))
