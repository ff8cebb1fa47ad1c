"""Models in JSON: which program's it is, by its keys."""

from typing import Any

import numpy as np

from ..errors import InteropError
from ..safe_files import parse_json, printable
from .files import read_bytes
from .imported import Imported
from .state_dicts import from_tensors

__all__ = ["read"]

MOST_JSON = 256 * 2**20  # bytes


def read(path: str) -> Imported:
    """Read a model in JSON; called by `interop.load`."""
    try:
        content = parse_json(read_bytes(path, MOST_JSON).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InteropError(f"{path} is no JSON file ({printable(error, 100)}).") from None
    return from_tensors(
        {name: array(v, f"{path}: {name}") for name, v in content.items()},
        format="state dict in JSON",
        path=path,
    )


def array(value: Any, what: str) -> np.ndarray:
    """Return nested lists of numbers as an array of float32.

    Raises
    ------
    InteropError
        The lists have different lengths, or hold other things than numbers.
    """
    try:
        result = np.asarray(value)
        if result.dtype.kind not in "if" or result.ndim > 4:
            raise ValueError(f"it is an array of {result.dtype}")
        with np.errstate(over="raise"):
            return result.astype(np.float32)
    except (ValueError, TypeError, OverflowError, FloatingPointError) as error:
        raise InteropError(
            f"{printable(what, 200)} is no array of numbers ({printable(error, 80)})."
        ) from None
