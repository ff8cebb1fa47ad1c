"""The result of a check, and the comparisons that it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Report:
    """Result of `check`.

    Attributes
    ----------
    function : str
        Name of the function that was checked.
    passed : bool
    sentence : str
        The finding in words.
    first : str
        The first quantity that is wrong, by its name in the notebook; empty where there is none.
    equation : str
        Its equation number in the notebook, "(10)", or empty.
    diagnosis : str
        The mistake, where the numbers are those of a known one.
    points : float
        Share of the function's results that are right, 0 to 1.
    """

    function: str
    passed: bool
    sentence: str
    first: str = ""
    equation: str = ""
    diagnosis: str = ""
    points: float = 0.0

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        mark = "passed" if self.passed else "not yet"
        return f"{self.function}: {mark}. {self.sentence}"

    __repr__ = __str__


class Finding(Exception):
    """Ends a check with a sentence about what is wrong, before numbers are compared."""


def close(given: Any, right: np.ndarray) -> bool:
    """Return whether numbers agree: to 1e-7 of the largest, to 1e-4 where they are float32."""
    given = np.asarray(given)
    if given.shape != right.shape or given.dtype.kind not in "fiu" or not np.isfinite(right).all():
        return False
    tolerance = 1e-4 if given.dtype.itemsize < 8 else 1e-7
    scale = max(1.0, float(np.max(np.abs(right), initial=0.0)))
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(given - right) <= tolerance * scale))


def as_numbers(name: str, value: Any) -> np.ndarray:
    """Return a result of a learner's function as an array.

    Raises
    ------
    Finding
        It is no array of numbers, or holds NaN.
    """
    if value is None:
        raise Finding(f"{name} is None; expected an array.")
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        what = f"an array of {array.dtype}" if array.ndim else f"a {type(value).__name__}"
        raise Finding(f"{name} is {what}; expected an array of numbers.")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise Finding(f"{name} holds NaN (not a number); is there a division by 0, or log(0)?")
    return array


def several(result: Any, names: Sequence[str]) -> tuple[Any, ...]:
    """Return the results of a learner's function, which are as many as the names.

    Raises
    ------
    Finding
    """
    many = isinstance(result, (tuple, list))
    if many and len(result) == len(names):
        return tuple(result)
    what = f"{len(result)} values" if many else type(result).__name__
    raise Finding(f"returns {what}; expected {len(names)}: {', '.join(names)}.")


def listed(names: list[str]) -> str:
    """Return names in a sentence: "dot, dcct and dit"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
