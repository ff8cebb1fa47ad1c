"""Methods of fitted models, which use the hyper-parameters of the last fit."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from ..distributed import connect
from .scikit_learn import check_fitted

_F = TypeVar("_F", bound=Callable[..., Any])


def numpy_defaults() -> np.errstate:
    """Return a context with NumPy's own error handling, whatever ``np.seterr`` the caller made.

    Underflow is normal in a sigmoid or a softmax; with ``np.seterr(all="raise")`` it would end the
    computation.
    """
    return np.errstate(divide="warn", over="warn", under="ignore", invalid="warn")


def as_fitted(method: _F) -> _F:
    """Decorate a method of a fitted model: run it with the hyper-parameters of the last fit.

    ``set_params`` changes the next fit, not what has been fitted.

    Raises
    ------
    ConfigError
        The model is not fitted.
    """

    @wraps(method)
    def checked(self: Any, *arguments: Any, **named: Any) -> Any:
        check_fitted(self)
        with numpy_defaults():
            return method(self._as_fitted(), *arguments, **named)

    return checked  # type: ignore[return-value]


def fitting(method: _F) -> _F:
    """Decorate `fit`: compute with NumPy's own error handling, on ranks that are connected.

    MPI begins before the checks: an error that all ranks raise is then written by one of them.
    """

    @wraps(method)
    def fit(self: Any, *arguments: Any, **named: Any) -> Any:
        connect(named.get("distributed"))
        with numpy_defaults():
            return method(self, *arguments, **named)

    return fit  # type: ignore[return-value]
