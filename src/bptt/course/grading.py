"""Grade submissions: files with a learner's functions, each checked in a process of its own.

A submission is a ``.py`` file or a notebook (``.ipynb``). Its imports, definitions and assignments
are executed, nothing else, in a child process with limits of time and memory and without network;
then `check` compares each function of the exercise that it defines. A cell of a notebook that is
not Python costs only what it defines. What the child answers is checked: a submission may have
written it.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..checks import is_number, is_whole, suggestion
from ..errors import ConfigError, DataError, operation
from .calling import too_long
from .checking import EXERCISES
from .report import Report

_POSIX = hasattr(signal, "SIGXCPU")
SUFFIXES = (".py", ".ipynb")
MOST_BYTES = 2**24  # of a submission: notebooks hold pictures
_OF_A_CELL = ("{}_cell_forward", "{}_forward", "{}_cell_backward", "{}_backward")
_GROUPS = {cell: tuple(name.format(cell) for name in _OF_A_CELL) for cell in ("rnn", "lstm", "gru")}
FUNCTIONS = (*_GROUPS["rnn"], *_GROUPS["lstm"])  # of the course's notebook
PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Grade:
    """The result of one submission.

    Attributes
    ----------
    submission : str
        Name of the file.
    reports : list of Report
        One for each function that was asked for.
    error : str
        Why nothing could be checked; empty otherwise.
    """

    submission: str
    reports: list[Report] = field(default_factory=list)
    error: str = ""

    @property
    def points(self) -> float:
        """Sum of the functions' points, each from 0 to 1."""
        return sum(r.points for r in self.reports)

    @property
    def first(self) -> Report | None:
        """The first report that did not pass."""
        return next((r for r in self.reports if not r), None)


@operation
def grade(
    paths: Iterable[PathLike],
    functions: Iterable[str] | None = None,
    *,
    seconds: float = 30.0,
    megabytes: int = 1024,
    workers: int | None = None,
) -> Iterator[Grade]:
    """Check the functions of submissions; yield a grade for each, in order.

    Parameters
    ----------
    paths : iterable of path-like
        ``.py`` files and notebooks.
    functions : iterable of str, optional
        Names of the functions that are asked for: see `bptt.course.EXERCISES`. Default: see
        `asked_for`.
    seconds : float
        Limit of time for one submission; a function has a third of it.
    megabytes : int
        Limit of memory for one submission (where the system can limit it).
    workers : int, optional
        Submissions that are checked at the same time. Default: one for each core.

    Raises
    ------
    ConfigError
        An argument that cannot be used.
    """
    paths = [Path(path) for path in paths]
    functions = asked_for(paths) if functions is None else list(functions)
    for name in functions:
        if name not in EXERCISES:
            raise ConfigError(
                f"there is no exercise {name!r}; expected some of {', '.join(EXERCISES)}."
                f"{suggestion(name, EXERCISES)}"
            )
    if not (is_number(seconds) and seconds > 0):
        raise ConfigError(f"seconds is {seconds!r}; expected a number > 0.")
    if not is_whole(megabytes) or megabytes < 64:
        raise ConfigError(f"megabytes is {megabytes!r}; expected a whole number >= 64.")
    workers = workers or len(_cores())
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(lambda p: _graded(p, functions, seconds, megabytes), paths)


def asked_for(paths: Iterable[Path]) -> list[str]:
    """Return the functions that are asked for where nobody says: all of each cell.

    The cells (plain RNN, LSTM, GRU) are those of which a submission defines a function;
    `pad_sequences` is added where one defines it. None is defined: plain RNN and LSTM.
    """
    defined: set[str] = set()
    for path in paths:
        with contextlib.suppress(DataError):
            code = "\n".join(source(path))
            defined |= set(re.findall(r"^def (\w+)", code, re.MULTILINE))
    groups = [*_GROUPS.values(), ("pad_sequences",)]
    found = [name for group in groups if defined & set(group) for name in group]
    return found or list(FUNCTIONS)


def _cores():
    return (
        os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )


@operation("grade")
def submissions(paths: Iterable[PathLike]) -> list[Path]:
    """Return the submissions among files and folders, sorted by name in each folder.

    Raises
    ------
    DataError
        A file has another suffix, or there is none.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
            found += [p for p in inside if ".ipynb_checkpoints" not in p.parts]
        elif path.suffix not in SUFFIXES:
            raise DataError(f"{path} ends in {path.suffix!r}; expected .py or .ipynb, or a folder.")
        elif not path.is_file():
            raise DataError(f"cannot read {path}: there is no such file.")
        else:
            found.append(path)
    if not found:
        raise DataError("there is no submission; expected .py files or notebooks.")
    return found


def source(path: Path) -> list[str]:
    """Return the code of a submission; of a notebook, that of each code cell.

    Raises
    ------
    DataError
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path} has more than {MOST_BYTES} bytes.")
        text = path.read_text("utf-8-sig")
        if path.suffix == ".py":
            return [text]
        cells = json.loads(text)["cells"]
        return ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is not a notebook: its JSON is broken ({error}).") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path} is not a notebook of format 4, which `jupyter nbconvert --to notebook` writes."
        ) from error


def _graded(path, functions, seconds, megabytes) -> Grade:
    try:
        code = source(path)
    except DataError as error:
        return Grade(str(path), _missing(functions, str(error)), str(error))
    found: dict[str, Report] = {}
    left = list(functions)
    while left:  # a function that ends the process does not take the ones after it along
        asked = {"code": code, "functions": left, "megabytes": megabytes, "seconds": seconds}
        answered, begun, status = _run(asked | {"name": path.name}, seconds)
        found |= answered
        left = [name for name in left if name not in found]
        if left:
            stopped = begun if begun in left else left[0]
            found[stopped] = Report(stopped, False, status)
            left.remove(stopped)
            if status == too_long(seconds):
                break
    missing = "was not checked: the time was over."
    reports = [found.get(name, Report(name, False, missing)) for name in functions]
    return Grade(str(path), reports)


def _run(task, seconds):
    """Run the child; return its reports, the function it was at, and how it ended."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
                                "MPLBACKEND": "agg"}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "bptt.course.grading_worker", str(answer)]
        try:
            ended = subprocess.run(
                command, input=json.dumps(task).encode(), stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, env=environment, timeout=2 * seconds + 5, cwd=folder,
                check=False,
            )  # fmt: skip
            over = ended.returncode in (-signal.SIGXCPU, -signal.SIGKILL) if _POSIX else False
            status = too_long(seconds) if over else (
                f"ends the process with status {ended.returncode}.")  # fmt: skip
        except subprocess.TimeoutExpired:
            status = too_long(seconds)
        return *_read(answer, task["functions"]), status


def _read(answer, functions) -> tuple[dict[str, Report], Any]:
    """Return the reports that the child has written, one a line, and the function it was at.

    The last line may be cut off, and a submission may have written others.
    """
    reports: dict[str, Report] = {}
    begun = None
    lines = answer.read_text("utf-8", "replace").splitlines() if answer.is_file() else ()
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
            row = json.loads(line)
            if row["function"] == "begun":
                begun = row["sentence"]
            elif row["function"] in functions and _is_report(row):
                reports[row["function"]] = Report(**row)
    return reports, begun


def _is_report(row):
    kinds = {k: type(v) for k, v in asdict(Report("", False, "")).items()}
    return {k: type(v) for k, v in row.items()} == kinds and 0 <= row["points"] <= 1


def _missing(functions, why):
    return [Report(name, False, why) for name in functions]
