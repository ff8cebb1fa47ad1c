"""Call a learner's function: twice, with copies of its arguments, and with everything noticed."""

import contextlib
import copy
import inspect
import linecache
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .report import Finding

Function = Callable[..., Any]
LONGEST = 300  # characters of an error's text in a report


class TooLong(BaseException):
    """The time limit of a function has passed."""


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `TooLong` after this many seconds of CPU time: not in threads, not on Windows."""
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):
        yield
        return

    def stop(*_: object) -> None:
        raise TooLong

    handler = signal.signal(signal.SIGPROF, stop)
    before = signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, *before)
        signal.signal(signal.SIGPROF, handler or signal.SIG_DFL)


def too_long(seconds: float, where: str = "") -> str:
    """Return the sentence that reports an exceeded time limit."""
    return f"takes more than {seconds:.3g} s{where}: is there a loop without an end?"


def call(function: Function, arguments: Sequence[Any]) -> Any:
    """Call a learner's function twice; refuse changed inputs and unequal answers.

    Raises
    ------
    Finding
    """
    results = []
    for _ in range(2):
        given = copy.deepcopy(list(arguments))
        try:
            with np.errstate(all="ignore"):
                results.append(function(*given))
        except Finding:
            raise
        except RecursionError:
            raise Finding("calls itself without end (RecursionError).") from None
        except NotImplementedError:
            raise Finding("is not written yet (NotImplementedError).") from None
        except Exception as error:
            where, text = line_of(error, function), str(error)
            text = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
            raise Finding(f"raises {type(error).__name__}{where}: {text}") from error
        if changed := _changed(arguments, given, names_of(function)):
            raise Finding(
                f"changes its argument {changed}; expected inputs to stay as they are "
                f"(work on a copy, or make a new array)."
            )
    if results[0] is None:
        raise Finding("returns None; is there a return at the end?")
    if not _same(results[0], results[1]):
        raise Finding("gives another answer when it is called a second time with equal inputs.")
    return results[0]


def names_of(function: Function) -> list[str]:
    """Return the names of a function's parameters; none where they cannot be read."""
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def beside(function: Function, name: str) -> Function | None:
    """Return the function of that name that stands beside a learner's: in her notebook or file."""
    found = getattr(inspect.unwrap(function), "__globals__", {}).get(name)
    return found if callable(found) else None


def calls(function: Function, name: str) -> bool:
    """Return whether a learner's function calls another one by that name."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and name in code.co_names


def line_of(error: BaseException, function: Function) -> str:
    """Return where in the function an error was raised: the line's number and its text."""
    code, line = getattr(inspect.unwrap(function), "__code__", None), 0
    trace = error.__traceback__
    while trace is not None:
        if code is not None and trace.tb_frame.f_code is code:
            line = trace.tb_lineno
        trace = trace.tb_next
    if code is None or not line:
        return ""
    text = linecache.getline(code.co_filename, line).strip()
    return f" in line {line - code.co_firstlineno + 1}" + (f", `{text}`" if text else "")


def _changed(before, after, names):
    """Return what of the arguments is no longer as it was: "a_prev", or "parameters['ba']"."""
    for k, (old, new) in enumerate(zip(before, after, strict=True)):
        name = names[k] if k < len(names) else f"number {k + 1}"
        if isinstance(old, dict):
            if other := next((n for n in old if n not in new or not _same(old[n], new[n])), None):
                return f"{name}[{other!r}]"
            if set(old) != set(new):
                return name
        elif not _same(old, new):
            return name
    return None


def _same(a, b):
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return (
            isinstance(b, (tuple, list))
            and len(a) == len(b)
            and all(_same(x, y) for x, y in zip(a, b, strict=True))
        )
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        plain = a.dtype.kind not in "fc"
        return a.shape == b.shape and np.array_equal(a, b, equal_nan=not plain)
    return type(a) is type(b)
