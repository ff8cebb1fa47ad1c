"""The child process of `bptt.course.grading`: run a submission's definitions, check its functions.

``python -m bptt.course.grading_worker ANSWER`` reads the task from standard input and appends a
line of JSON to ANSWER for each function.
"""

import ast
import contextlib
import io
import json
import linecache
import signal
import sys
import types
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from . import public_tests, rnn_utils
from .checking import check
from .report import Report

KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
COURSE_MODULES = {"rnn_utils": rnn_utils, "public_tests": public_tests}


class TooLong(BaseException):
    """A function has had its time."""


def too_long(seconds: float) -> str:
    """Return the sentence about what took longer."""
    return f"takes more than {seconds:.3g} s: is there a loop without an end?"


def main() -> None:
    """Check the functions of the submission on standard input."""
    task = json.loads(sys.stdin.buffer.read())
    sys.stdin = io.StringIO()  # input() has nothing to read
    _limit(task["seconds"], task["megabytes"])
    _without_network()
    with open(sys.argv[1], "w", encoding="utf-8") as answer:

        def note(row: dict[str, Any]) -> None:
            answer.write(json.dumps(row) + "\n")
            answer.flush()

        note({"function": "begun", "sentence": None})
        names, faults = run(task["code"], task["name"])
        most = task["seconds"] / 3  # a loop without an end costs no other function its points
        for function in task["functions"]:
            note({"function": "begun", "sentence": function})
            defined = names.get(function.rpartition(".")[2])
            if not callable(defined):
                why = f"; {faults[0]}" if faults else ""
                note(asdict(Report(function, False, f"is not defined{why}.")))
                continue
            try:
                with _at_most(most):
                    report = check(function, defined)
            except TooLong:
                report = Report(function, False, too_long(most))
            except (MemoryError, KeyboardInterrupt):
                report = Report(function, False, "takes more memory than it may.")
            except BaseException as error:  # SystemExit and the like of a submission
                report = Report(function, False, f"ends by {type(error).__name__}: {error}")
            note(asdict(report))


def run(code: str, name: str) -> tuple[dict[str, Any], list[str]]:
    """Execute the imports, definitions and assignments of a submission, one after another.

    Returns
    -------
    names : dict
        What it defines.
    faults : list of str
        Statements that failed.
    """
    sys.modules.update(COURSE_MODULES)  # type: ignore[arg-type]
    module = types.ModuleType("submission")
    sys.modules["submission"] = module
    names = vars(module)
    names["np"] = np
    linecache.cache[name] = len(code), None, code.splitlines(True), name  # lines for the reports
    faults: list[str] = []
    try:
        tree = ast.parse(code, name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        return {}, [f"line {line} is not Python: {getattr(error, 'msg', error)}"]
    for statement in tree.body:
        if not isinstance(statement, KEPT):
            continue
        try:
            exec(compile(ast.Module([statement], []), name, "exec"), names)
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:
            faults.append(f"line {statement.lineno} raises {type(error).__name__}: {error}")
    return names, faults


def _limit(seconds: float, megabytes: int) -> None:
    """Limit the time and memory of this process, where the system can."""
    try:
        import resource
    except ImportError:  # Windows: the parent's clock remains
        return
    size = int(megabytes) * 2**20
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    resource.setrlimit(resource.RLIMIT_AS, (size + 2**30, size + 2**30))  # libraries are mapped too
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**24, 2**24))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise `TooLong` after so many seconds of CPU, where the system can."""
    if not hasattr(signal, "setitimer"):  # Windows: the parent's clock remains
        yield
        return

    def stop(*_: object) -> None:
        raise TooLong

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _without_network() -> None:
    """Leave the network: in a namespace of its own where Linux allows it, else without sockets."""
    import ctypes
    import socket

    if sys.platform == "linux":
        user, network = 0x10000000, 0x40000000
        ctypes.CDLL(None).unshare(user | network)  # not allowed everywhere: then sockets are off

    class Refused(socket.socket):
        """A socket that cannot be made."""

        def __init__(self, *_: object, **__: object):
            raise PermissionError("a submission has no network")

    socket.socket = Refused  # type: ignore[misc]


if __name__ == "__main__":
    main()
