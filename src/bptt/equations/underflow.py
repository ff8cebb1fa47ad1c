"""Underflow is part of the mathematics: exp(-1000) is 0, and old gradients vanish."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

_F = TypeVar("_F", bound=Callable[..., Any])


def may_underflow(function: _F) -> _F:
    """Ignore underflow in a function, whatever the caller's `numpy.seterr` says."""

    @wraps(function)
    def inside(*args, **options):
        with np.errstate(under="ignore"):
            return function(*args, **options)

    return inside  # type: ignore[return-value]
