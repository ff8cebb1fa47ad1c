"""Every exception that bptt raises on purpose, and the operation that each of them names.

::

    BpttError(Exception)          the base class: one clause catches them all
    ├── ShapeError(ValueError)    an array's shape, dtype or lengths do not fit the operation
    ├── ConfigError(ValueError)   a setting, an argument or a text that makes no sense
    ├── DataError(ValueError)     a data file that cannot be read, or has the wrong content
    ├── CheckpointError           a model file that cannot be written, read or trusted
    ├── InteropError              a model of another framework that cannot be converted
    └── EngineError               the compute engine is missing or refuses the work

A message is one sentence: the operation, what was given, what was expected and, where it helps, the
reason: ``LSTM.forward: x has shape (32, 12); expected (m, T_x, n_x).`` It is raised without the
operation. `operation` decorates the public functions and puts the name of the innermost one in
front.
"""

import sys
import warnings
from collections.abc import Callable
from contextlib import ContextDecorator
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, TypeVar, overload

__all__ = [
    "BpttError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "EngineError",
    "InteropError",
    "ShapeError",
    "operation",
    "within",
]


class BpttError(Exception):
    """Base of every exception that bptt raises on purpose.

    Attributes
    ----------
    operation : str
        The public function or method that failed, ``"LSTM.forward"``; empty if it has no name yet.
    """

    operation: str = ""
    _details: tuple[str, ...] = ()  # parts of the operation, outermost first: "validation"

    def _passes(self, operation: str) -> None:
        """Put the operation in front of the message, unless one is there."""
        if not self.operation:
            self.operation = operation
            self.args: tuple[Any, ...] = (f"{', '.join((operation, *self._details))}: {self}",)


class ShapeError(BpttError, ValueError):
    """An array's shape, dtype or lengths are not what the operation expects."""


class ConfigError(BpttError, ValueError):
    """A setting, an argument or a text that makes no sense."""


class DataError(BpttError, ValueError):
    """A data file that cannot be read, or does not hold what it should."""


class CheckpointError(BpttError):
    """A model file that cannot be written, read or trusted."""


class InteropError(BpttError):
    """A model of another framework that cannot be converted."""


class EngineError(BpttError):
    """The compute engine is missing or refuses the work."""


def warn(message: str) -> None:
    """Warn at the line of the caller outside bptt, however deep in it the warning arises."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "bptt":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


_F = TypeVar("_F", bound=Callable[..., Any])


class _Named(ContextDecorator):
    """Add the name of an operation to the errors that leave a block or a function."""

    def __init__(self, name: str):
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, BpttError):
            error._passes(self._name)


class within(_Named):
    """Name a part of the operation in the errors that leave the block.

    >>> with operation("LSTM.forward"), within("layer0"):
    ...     raise ShapeError("Wf is missing.")
    Traceback (most recent call last):
        ...
    bptt.errors.ShapeError: LSTM.forward, layer0: Wf is missing.
    """

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, BpttError):
            error._details = (self._name, *error._details)


@overload
def operation(what: str) -> _Named: ...
@overload
def operation(what: _F) -> _F: ...
def operation(what: Any) -> Any:
    """Add the name of the operation to the errors of a public function.

    The innermost operation that an error leaves is put in front of its message, once.

    Parameters
    ----------
    what : callable or str
        As a decorator of a function (``"lstm_forward"``), a method (``"LSTM.forward"``, by the
        object's own class) or ``__init__`` (``"LSTM"``); generators too. A str is the name itself:
        a context manager, and a decorator of whatever needs another name.

    Examples
    --------
    >>> @operation
    ... def halve(n):
    ...     raise ConfigError(f"n is {n}; expected an even number.")
    >>> halve(3)
    Traceback (most recent call last):
        ...
    bptt.errors.ConfigError: halve: n is 3; expected an even number.
    """
    if isinstance(what, str):
        return _Named(what)
    name = _namer(what)
    if isgeneratorfunction(what):

        @wraps(what)
        def generator(*args, **options):
            try:
                return (yield from what(*args, **options))
            except BpttError as error:
                error._passes(name(args))
                raise

        return generator

    @wraps(what)
    def function(*args, **options):
        try:
            return what(*args, **options)
        except BpttError as error:
            error._passes(name(args))
            raise

    return function


def _namer(function):
    """Return a function of the positional arguments that names the operation."""
    own = function.__name__
    if function.__code__.co_varnames[:1] not in (("self",), ("cls",)):
        return lambda args: own
    suffix = "" if own in ("__init__", "__call__") else f".{own}"

    def name(args):
        kind = args[0] if isinstance(args[0], type) else type(args[0])
        return f"{kind.__name__}{suffix}"

    return name
