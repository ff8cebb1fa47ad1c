"""The child process of `bptt.course.grading`: run a submission's definitions, check its functions.

``python -m bptt.course.grading_worker ANSWER`` reads the task from standard input and appends a
line of JSON to ANSWER for each function.
"""

import ast
import io
import json
import linecache
import re
import sys
import types
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from . import public_tests, rnn_utils
from .calling import TooLong, at_most
from .checking import EXERCISES, check
from .report import Report

DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
COURSE_MODULES = {"rnn_utils": rnn_utils, "public_tests": public_tests}
CELL_MAGIC = re.compile(r"\s*%%(\w+)")
MAGICS_OF_PYTHON = ("capture", "prun", "time")  # what such a cell defines is there afterwards
MAGIC = re.compile(r"\s*([%!?]|[\w.]+\?\??\s*$|[\w, ]+=\s*[%!])")  # a line: %x, !x, x?, y = %x
OWN = {name.rpartition(".")[2] for name in EXERCISES}  # names of the functions of the exercise
# What a submission may not do, by the interpreter's audit events
REFUSED = {
    event: sentence
    for sentence, events in {
        "a submission has no network": "socket.__new__ socket.connect socket.getaddrinfo "
        "socket.gethostbyname socket.gethostbyaddr socket.sendto",
        "a submission starts and ends no processes": "os.exec os.fork os.forkpty os.kill os.killpg "
        "os.posix_spawn os.spawn os.startfile os.system pty.spawn subprocess.Popen",
    }.items()
    for event in events.split()
}


def main() -> None:
    """Check the functions of the submission on standard input."""
    task = json.loads(sys.stdin.buffer.read())
    sys.stdin = io.StringIO()  # input() has nothing to read
    most = task["seconds"] / 3  # a loop without an end costs no other function its points
    _limit(task["seconds"], task["megabytes"])
    _alone()
    with open(sys.argv[1], "w", encoding="utf-8") as answer:

        def note(row: dict[str, Any]) -> None:
            answer.write(json.dumps(row) + "\n")
            answer.flush()

        note({"function": "begun", "sentence": None})
        names, faults = run(task["code"], task["name"], most)
        for function in task["functions"]:
            note({"function": "begun", "sentence": function})
            defined = names.get(function.rpartition(".")[2])
            if not callable(defined):
                why = f"; {faults[0]}" if faults else ""
                note(asdict(Report(function, False, f"is not defined{why}.")))
                continue
            try:
                report = check(function, defined, seconds=most)
            except (MemoryError, KeyboardInterrupt):
                report = Report(function, False, "takes more memory than it may.")
            except BaseException as error:  # SystemExit and the like of a submission
                report = Report(function, False, f"ends by {type(error).__name__}: {error}")
            note(asdict(report))


def run(cells: list[str], name: str, seconds: float) -> tuple[dict[str, Any], list[str]]:
    """Execute the imports, definitions and assignments of a submission, one after another.

    Assignments that call a function of the exercise are left out: they are tries of the learner's,
    and would make a function's mistake, a loop without an end, one of the whole submission.

    Parameters
    ----------
    cells : list of str
    name : str
        Of the file.
    seconds : float
        Limit of CPU time of each statement.

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
    code = "\n".join(cells)
    linecache.cache[name] = len(code), None, code.splitlines(True), name  # lines for the reports
    faults: list[str] = []
    before = 0  # lines of the cells before
    for cell in cells:
        try:
            statements = ast.increment_lineno(_parsed(cell), before).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = before + (getattr(error, "lineno", None) or 1)
            faults.append(f"line {line} is not Python: {getattr(error, 'msg', error)}")
            statements = []
        before += cell.count("\n") + 1
        for statement in filter(_is_kept, statements):
            try:
                with at_most(seconds):
                    exec(compile(ast.Module([statement], []), name, "exec"), names)
            except (KeyboardInterrupt, MemoryError):
                raise
            except TooLong:
                faults.append(f"line {statement.lineno} takes more than {seconds:.3g} s")
            except BaseException as error:
                faults.append(f"line {statement.lineno} raises {type(error).__name__}: {error}")
    return names, faults


def _parsed(cell: str) -> ast.Module:
    """Return a cell as Python: without IPython's magics and shell commands, where it has them."""
    try:
        return ast.parse(cell)
    except SyntaxError:
        magic = CELL_MAGIC.match(cell)
        if magic and magic[1] not in MAGICS_OF_PYTHON:
            return ast.parse("")
        return ast.parse("\n".join("" if MAGIC.match(line) else line for line in cell.split("\n")))


def _is_kept(statement: ast.stmt) -> bool:
    """Return whether a statement is an import, a definition, an assignment, or a block of them."""
    if isinstance(statement, ASSIGNMENTS):
        return OWN.isdisjoint(_called(statement))
    if isinstance(statement, (ast.If, ast.Try)):
        handlers = [s for h in getattr(statement, "handlers", ()) for s in h.body]
        inside = [*statement.body, *handlers, *statement.orelse]
        inside += getattr(statement, "finalbody", ())
        return all(isinstance(s, ast.Pass) or _is_kept(s) for s in inside)
    return isinstance(statement, DEFINITIONS)


def _called(node: ast.AST) -> Iterator[str]:
    """Yield the names of the functions that a statement calls; a lambda is not called yet."""
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        yield node.func.id
    for child in ast.iter_child_nodes(node):
        yield from _called(child)


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


def _alone() -> None:
    """Leave the network, where Linux allows it, and refuse sockets and other processes."""
    if sys.platform == "linux":
        import ctypes

        user, network = 0x10000000, 0x40000000
        ctypes.CDLL(None).unshare(user | network)  # not allowed everywhere

    def refuse(event: str, _: object) -> None:
        if sentence := REFUSED.get(event):
            raise PermissionError(sentence)

    sys.addaudithook(refuse)


if __name__ == "__main__":
    main()
