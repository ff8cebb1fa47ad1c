"""Kinds of hyper-parameters: which values they may have, and how the command line reads them."""

from collections.abc import Iterable
from typing import Any, get_args

import numpy as np

from ..checks import FLOAT32_MAX, is_number, is_whole
from ..equations import CELLS, Cell


class Kind:
    """The values that a hyper-parameter may have.

    Attributes
    ----------
    expected : str
        The values in words, for messages: "a whole number >= 1".
    slot : str
        The type as the docstring writes it: "int".
    type : type
        What the command line reads: int, float, bool, or str for `read`.
    metavar : str or None
        How the command line's help writes a value that is read from a str.
    spelled : str
        How a value that is read from a str is written, in words.
    choices : tuple of str
        The names that a value may be; empty where it is no name.
    """

    expected: str
    slot: str
    type: Any = str
    metavar: str | None = None
    spelled: str = ""
    choices: tuple[str, ...] = ()

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value; None where the value is right."""
        raise NotImplementedError

    def read(self, text: str) -> Any:
        """Return the value that a text of the command line stands for.

        Raises
        ------
        ValueError
            The text stands for none.
        """
        return self.type(text)

    def write(self, value: Any) -> str:
        """Return the text that `read` turns into a value."""
        return str(value)


class Whole(Kind):
    """A whole number >= `low` and < `below`."""

    slot: str = "int"
    type: Any = int

    def __init__(self, low: int, below: int | None = 2**30):  # larger arrays cannot be allocated
        self.low: int = low
        self.below: int | None = below
        self.expected: str = f"a whole number >= {low}"

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        if not is_whole(value) or value < self.low:
            return self.expected
        if self.below is None or value < self.below:
            return None
        return f"a whole number < 2**{self.below.bit_length() - 1}"


class Number(Kind):
    """A number >= `low` (> `low` where `above`) and, where given, < `below`."""

    slot: str = "float"
    type: Any = float

    def __init__(self, low: float, below: float | None = None, *, above: bool = False):
        self.low: float = low
        self.below: float | None = below
        self.above: bool = above
        self.expected: str = f"a number {'>' if above else '>='} {low:g}"
        if below is not None:
            self.expected = f"a number in {'(' if above else '['}{low:g}, {below:g})"

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        if not is_number(value) or not (value > self.low if self.above else value >= self.low):
            return self.expected
        if self.below is not None:
            return None if value < self.below else self.expected
        return None if value <= FLOAT32_MAX else "a number < 3.4e38"


class Flag(Kind):
    """True or False."""

    expected: str = "True or False"
    slot: str = "bool"
    type: Any = bool

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        return None if isinstance(value, (bool, np.bool_)) else self.expected


class Verbosity(Kind):
    """True, False or a whole number >= 0."""

    expected: str = "True, False or a whole number >= 0"
    slot: str = "bool or int"
    type: Any = bool

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        right = isinstance(value, (bool, np.bool_)) or (is_whole(value) and value >= 0)
        return None if right else self.expected


class Choice(Kind):
    """One of several names, or a function where `function` describes one.

    Parameters
    ----------
    names : Literal
        The type of the annotation: ``Choice(Literal["zero", "learned"])``.
    function : str, optional
        For the docstring: "callable (str) -> list of str".
    """

    def __init__(self, names: Any, function: str | None = None):
        self._names, self._function = names, function

    @property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names."""
        return get_args(self._names)

    @property
    def slot(self) -> str:  # type: ignore[override]
        """The names as the docstring writes them."""
        names = "{" + ", ".join(f'"{name}"' for name in self.choices) + "}"
        return f"{names} or {self._function}" if self._function else names

    @property
    def expected(self) -> str:  # type: ignore[override]
        """The names in words."""
        return f"one of {', '.join(self.choices)}"

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        if self._function and callable(value):
            return None
        return None if isinstance(value, str) and value in self.choices else self.expected


class CellChoice(Choice):
    """A recurrent cell: the name of a registered one, or any record."""

    def __init__(self):
        super().__init__(None)

    @property
    def slot(self) -> str:  # type: ignore[override]
        """The type as the docstring writes it: the names would not fit in a line."""
        return "str or bptt.equations.Cell"

    @property
    def choices(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names of all registered cells."""
        return tuple(CELLS)

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        if isinstance(value, Cell):
            return None
        expected = super().check(value)
        return expected and f"{expected}, or a bptt.equations.Cell"


class Columns(Kind):
    """Columns of X: a list of whole numbers >= 0, or "all"."""

    expected: str = "'all' or a list of columns"
    slot: str = 'sequence of int, "all"'
    metavar: str | None = "COLUMN,..."
    spelled: str = "all, or numbers of columns such as 0,3"

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        if isinstance(value, str) and value == "all":
            return None
        right = isinstance(value, (list, tuple)) and all(is_whole(j) and j >= 0 for j in value)
        return None if right else self.expected

    def read(self, text: str) -> Any:
        """Read "all", or whole numbers separated by commas."""
        return text if text == "all" else [int(part) for part in text.split(",")]

    def write(self, value: Any) -> str:
        """Write "all", or the numbers separated by commas."""
        return value if isinstance(value, str) else ",".join(map(str, value))


class Weights(Kind):
    """A weight for each class: "balanced", or a dict of class to number >= 0."""

    expected: str = "'balanced' or a dict of class to weight >= 0"
    slot: str = '"balanced", dict of class to float'
    metavar: str | None = "WEIGHTS"
    spelled: str = "balanced, or pairs such as yes=2,no=1"

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        if isinstance(value, dict):
            right = all(is_number(w) and 0 <= w <= FLOAT32_MAX for w in value.values())
        else:
            right = isinstance(value, str) and value == "balanced"
        return None if right else self.expected

    def read(self, text: str) -> Any:
        """Read "balanced", or pairs such as ``yes=2,no=1``."""
        if text == "balanced":
            return text
        pairs = [part.strip().rpartition("=") for part in text.split(",")]
        return {name: float(weight) for name, _, weight in pairs}

    def write(self, value: Any) -> str:
        """Write "balanced", or the pairs."""
        if isinstance(value, str):
            return value
        return ",".join(f"{name}={weight:g}" for name, weight in value.items())


class Levels(Kind):
    """Increasing numbers in (0, 1), 0.5 among them."""

    expected: str = "increasing numbers in (0, 1), 0.5 among them"
    slot: str = "sequence of float"
    metavar: str | None = "NUMBER,..."
    spelled: str = "numbers separated by commas, such as 0.1,0.5,0.9"

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        right = isinstance(value, (list, tuple)) and all(is_number(v) and 0 < v < 1 for v in value)
        right = right and 0.5 in value and list(value) == sorted(set(value))
        return None if right else self.expected

    def read(self, text: str) -> Any:
        """Read numbers separated by commas."""
        return tuple(float(part) for part in text.split(","))

    def write(self, value: Any) -> str:
        """Write the numbers separated by commas."""
        return ",".join(f"{v:g}" for v in value)


class Names(Kind):
    """Names of columns, or some of known names.

    Parameters
    ----------
    known : collection of str, optional
        The names that are allowed.
    """

    slot: str = "sequence of str"
    metavar: str | None = "NAME,..."

    def __init__(self, known: Iterable[str] | None = None):
        self.known: tuple[str, ...] | None = None if known is None else tuple(known)
        some = "" if known is None else f" among {', '.join(map(repr, self.known or ()))}"
        self.expected: str = f"a list of different names{some}"
        self.spelled: str = "names separated by commas"

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        right = isinstance(value, (list, tuple)) and all(isinstance(n, str) for n in value)
        right = right and len(set(value)) == len(value)
        right = right and (self.known is None or all(n in self.known for n in value))
        return None if right else f"{self.expected}{f': [{value!r}]' * isinstance(value, str)}"

    def read(self, text: str) -> Any:
        """Read names separated by commas."""
        return tuple(part.strip() for part in text.split(",") if part.strip())

    def write(self, value: Any) -> str:
        """Write the names separated by commas."""
        return ",".join(value)


class Optional(Kind):
    """None, or a value of another kind."""

    def __init__(self, kind: Kind):
        self.kind: Kind = kind
        self.type: Any = kind.type
        self.metavar: str | None = kind.metavar
        self.choices: tuple[str, ...] = kind.choices
        self.spelled: str = kind.spelled
        self.expected: str = self._or_none(kind.expected)
        self.slot: str = f"{kind.slot} or None"

    def check(self, value: Any) -> str | None:
        """Return what was expected in place of a value, or None."""
        expected = None if value is None else self.kind.check(value)
        return expected and self._or_none(expected)

    @staticmethod
    def _or_none(expected):
        return f"None{',' if ' or ' in expected else ' or'} {expected}"

    def read(self, text: str) -> Any:
        """Read "none", or a value of the other kind."""
        return None if text.lower() == "none" else self.kind.read(text)

    def write(self, value: Any) -> str:
        """Write "none", or a value of the other kind."""
        return "none" if value is None else self.kind.write(value)
