"""The example that a report shows, and what its units may follow."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError
from ..models import LanguageModel
from ..models.base import Model
from ..readers import Data
from .inputs import Read, read
from .language import token_names
from .units import inside, position_in_line

SHOWN = 150_000  # steps of the example that are shown
STATISTICS = 100_000  # steps of the data that statistics are computed on
BANDS = 16  # features that are drawn


class Example(NamedTuple):
    """An example of a network's data, and what is known of it."""

    model: Any
    source: Read  # sequences of the statistics
    which: int  # the example among them
    x: np.ndarray  # its steps that are shown
    tokens: list[str] | None  # None: numbers
    characters: bool  # whether they are: else words or ids
    total: int  # steps of the example
    numbers: list[int]  # of the sequences of the statistics, in the data
    whole: list[int]  # those of them that are not cut
    values: Any  # the data as they were given

    @property
    def language(self) -> bool:
        """Whether the model is a language model."""
        return isinstance(self.model, LanguageModel)

    @property
    def logits(self) -> str | None:
        """Name of the logits of a language model, whose probabilities are shown instead."""
        return f"{list(self.source.network.layers)[-1]}.y" if self.language else None

    def some(self, which: list[int], values: Any = None) -> Any:
        """Return some sequences of the data as they were given, or their labels, by number."""
        values = self.values if values is None else values
        if isinstance(values, (list, tuple)):
            return [values[i] for i in which]
        return values.iloc[which] if hasattr(values, "iloc") else values[which]

    def text(self, i: int, begin: int, end: int) -> str | None:
        """Return the text of some steps of a sequence of the statistics; None for numbers."""
        x = self.source.arrays[i][max(0, begin) : end]
        own = self.values[self.numbers[i]] if isinstance(self.values, (list, tuple)) else None
        if self.language:
            names = token_names(self.model)
            tokens = [names[k] for k in x]
        elif _is_text(own):
            tokens = list(own[max(0, begin) : end])
        elif x.ndim == 1:
            tokens = list(map(str, x))
        else:
            return None
        return ("" if self.characters else " ").join(tokens)

    @property
    def features(self) -> list[str]:
        """Names of the features that are drawn."""
        if self.x.ndim != 2:
            return []
        n = self.x.shape[1]
        own = self.model.input_names() if isinstance(self.model, Model) else []
        return (own if len(own) == n else [f"x{j}" for j in range(n)])[:BANDS]


def example_of(model: Any, X: Any, parameters: Any, example: int) -> Example:
    """Read the data; keep as many sequences as the statistics need, and the example.

    Raises
    ------
    ConfigError, ShapeError
        As for `trace`; there is no such example, or it has no steps.
    """
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
        if _is_text(own) and len(own) == len(x):
            tokens, characters = list(own)[:SHOWN], isinstance(own, str)
        elif x.ndim == 1:
            tokens, characters = list(map(str, x[:SHOWN])), False  # ids
    kept = beginning(found.arrays, STATISTICS)
    which = min(example, len(kept))
    kept[which : which + 1] = [x[:SHOWN]]
    numbers = [*range(which), example, *range(which + 1, len(kept))]
    return Example(
        model, found._replace(arrays=kept), which, x[:SHOWN], tokens, characters, len(x), numbers,
        [k for k, own in zip(numbers, kept, strict=True) if len(own) == len(found.arrays[k])],
        X.X if isinstance(X, Data) else X,
    )  # fmt: skip


def _is_text(own: Any) -> TypeGuard[Sequence[str]]:
    """Return whether a sequence is a text, or a list of words."""
    several = isinstance(own, (list, tuple)) and bool(own)
    return isinstance(own, str) or (several and all(isinstance(w, str) for w in own))


def beginning(arrays: list[np.ndarray], steps: int) -> list[np.ndarray]:
    """Return the first sequences, of at most so many steps."""
    kept, left = [], steps
    for x in arrays:
        if left <= 0:
            break
        kept.append(x[:left])
        left -= len(kept[-1])
    return kept


def labels_of(shown: Example) -> dict[str, np.ndarray]:
    """Return what units may follow, by what it is: a number for each step of the data."""
    arrays, found = shown.source.arrays, {}
    if shown.language and shown.characters:
        names = token_names(shown.model)
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
            found |= {f"input {name}": x[:, j] for j, name in enumerate(shown.features)}
    return {label: y.astype(np.float64) for label, y in found.items() if np.ptp(y) > 0}
