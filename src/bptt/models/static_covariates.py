"""Static covariates: numbers and categories that a series has once, not at each step.

A number is standardized over the series of the training. A category has an input for each of its
values, 1 or 0: the column of the first weights that belongs to it is the embedding of the value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..checks import suggestion
from ..errors import ConfigError
from .names import listed
from .scaling import finite_row, mean_and_scale, scale_row
from .sequences import named

_MOST_CATEGORIES = 1000  # inputs of one column


@dataclass(frozen=True)
class Static:
    """Columns with one value for each series, and how they become inputs.

    Attributes
    ----------
    names : tuple of str
    categories : dict of str to tuple of str
        The values of the columns of categories, sorted; the other columns are numbers.
    mean, scale : ndarray of float64
        Of the columns of numbers, in the order of `names`.
    """

    names: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def learned(cls, names: Sequence[str], table: dict[str, list[Any]] | None, ids: Any) -> Self:
        """Learn categories and scales from the series of a training.

        Parameters
        ----------
        names : sequence of str
        table : dict of str to list
            A number or a str of each series, by column.
        ids : sequence of str, optional
            Of the series, for messages.

        Raises
        ------
        ConfigError
            A column does not exist, or a value is missing.
        """
        categories, rows = {}, []
        for name in names:
            values = _column(name, table, ids)
            if isinstance(values[0], str):
                categories[name] = tuple(sorted(set(values)))
                if len(categories[name]) > _MOST_CATEGORIES:
                    raise ConfigError(
                        f"static has {name!r} with {len(categories[name]):,} categories; expected "
                        f"at most {_MOST_CATEGORIES:,}."
                    )
            else:
                rows.append(values)
        numbers = [n for n in names if n not in categories]
        mean, scale = np.zeros(0), np.zeros(0)
        if rows:
            mean, scale = mean_and_scale("static", np.array(rows, np.float64).T, numbers)
        return cls(tuple(names), categories, mean, scale)

    @property
    def n_inputs(self) -> int:
        """Number of inputs of each step."""
        return len(self.mean) + sum(map(len, self.categories.values()))

    def input_names(self) -> list[str]:
        """Return the names of the inputs."""
        names = []
        for name in self.names:
            own = self.categories.get(name)
            names += [name] if own is None else [f"{name} {category}" for category in own]
        return names

    def inputs(self, table: dict[str, list[Any]] | None, ids: Any) -> np.ndarray:
        """Return the inputs of series, (m, n_inputs).

        Raises
        ------
        ConfigError
            A column does not exist, a value is missing, or is no category of the training.
        """
        parts, number = [], 0
        for name in self.names:
            values, known = _column(name, table, ids), self.categories.get(name)
            text = isinstance(values[0], str)
            if text != (known is not None):
                kinds = ("texts", "numbers") if text else ("numbers", "texts")
                raise ConfigError(
                    f"the static column {name!r} holds {kinds[0]}; expected {kinds[1]}, as in fit."
                )
            if known is None:
                z = (np.array(values, np.float64) - self.mean[number]) / self.scale[number]
                parts.append(z[:, np.newaxis])
                number += 1
                continue
            for i, value in enumerate(values):
                if value not in known:
                    raise ConfigError(
                        f"{named(i, ids)} has the {name} {value!r}; expected one of those in fit, "
                        f"{listed(known)}.{suggestion(value, known)}"
                    )
            places = [known.index(value) for value in values]
            parts.append(np.eye(len(known))[places])
        return np.concatenate(parts, axis=1)

    def to_json(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        categories = {name: list(values) for name, values in self.categories.items()}
        return {
            "names": list(self.names), "categories": categories,
            "mean": self.mean.tolist(), "scale": self.scale.tolist(),
        }  # fmt: skip

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        """Undo `to_json`; the content of a file is not trusted.

        Raises
        ------
        ConfigError, KeyError, TypeError
        """
        names = tuple(state["names"])
        categories = {name: tuple(values) for name, values in state["categories"].items()}
        texts = [*names, *categories, *(v for values in categories.values() for v in values)]
        sizes = [len(values) for values in categories.values()]
        if not all(isinstance(t, str) for t in texts) or not set(categories) <= set(names):
            raise ConfigError("its static covariates are not names.")
        if len(set(names)) < len(names) or max(sizes, default=0) > _MOST_CATEGORIES:
            raise ConfigError("its static covariates are not those of a model.")
        n = len(names) - len(categories)
        mean = finite_row("mean of static", state["mean"], n)
        return cls(names, categories, mean, scale_row("scale of static", state["scale"], n))


def _column(name, table, ids):
    """Return a column: all str, or all finite float."""
    if table is None or name not in table:
        have = listed(tuple(table)) if table else "none"
        raise ConfigError(
            f"static has {name!r}; expected a column of X, a data frame with one value of it for "
            f"each series (found: {have})."
        )
    values = list(table[name])
    for i, value in enumerate(values):
        if not isinstance(value, str) and not np.isfinite(value):
            raise ConfigError(
                f"{named(i, ids)} has no {name!r}, which is static; expected a number or a text."
            )
    if any(isinstance(value, str) for value in values):
        return [value if isinstance(value, str) else f"{value:g}" for value in values]
    return values
