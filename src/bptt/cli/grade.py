"""`bptt grade`: check the course functions of one or many submissions."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console as RichConsole
from rich.progress import track
from rich.table import Column, Table

from ..errors import ConfigError, operation
from . import options
from .console import Console, check_destination, field, put

_OPTIONS = options.panel(
    "Options",
    ("out", "File for the results: .csv or .json. Default: a table is printed.", Path),
    (
        "functions",
        "Functions to grade, separated by commas. Default: all of each cell (plain RNN, "
        "LSTM, GRU) of which a submission defines one.",
        str,
        None,
        "NAME,...",
    ),
    ("seconds", "Time for one submission; a function has a third of it.", float, 30.0),
    ("megabytes", "Memory for one submission.", int, 1024),
)


@operation
@options.takes(*_OPTIONS.values())
def grade(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Submissions (.py, .ipynb), or folders of them."),
    ],
    **given: Any,
) -> None:
    """Grade submissions to the course exercise "building your recurrent network".

    Each function is compared with the textbook; the first wrong equation is named, and the
    mistake if it is a known one. A submission runs in a process of its own, with limits of time
    and memory and without network; only its imports, definitions and assignments are executed.
    """
    from ..course import grading

    out = given["out"]
    if out is not None:
        if out.suffix not in (".csv", ".json"):
            raise ConfigError(f"--out {out} ends in {out.suffix!r}; expected .csv or .json.")
        check_destination(out, *files)
    asked = given["functions"]
    found = grading.submissions(files)
    functions = grading.asked_for(found) if asked is None else [n.strip() for n in asked.split(",")]
    grades = grading.grade(found, functions, seconds=given["seconds"], megabytes=given["megabytes"])
    if len(found) > 1:
        grades = track(
            grades, "Checking", len(found), console=RichConsole(stderr=True), transient=True
        )
    rows = list(grades)
    if out is not None:
        put(_text(rows, out.suffix), out)
    elif len(rows) == 1:
        for report in rows[0].reports:
            Console().say(str(report))
        Console().say(f"{rows[0].points:.3g} of {len(functions)} points")
    else:
        Console().print(_table(rows))


def _columns(grade):
    first = grade.first
    wrong = "" if first is None else " ".join(filter(None, (first.first, first.equation)))
    return {
        "submission": grade.submission,
        "points": f"{grade.points:.3g}",
        "of": str(len(grade.reports)),
        "function": "" if first is None else first.function,
        "first wrong": wrong,
        "diagnosis": "" if first is None else first.diagnosis or first.sentence,
    }


def _table(rows):
    names = "submission", "points", "first wrong", "diagnosis"
    table = Table(*(Column(name, overflow="fold") for name in names), box=box.SIMPLE)
    above = os.path.commonpath([Path(row.submission).parent for row in rows])
    for row in map(_columns, rows):
        name, points = os.path.relpath(row["submission"], above), f"{row['points']} of {row['of']}"
        wrong = ": ".join(filter(None, (row["function"], row["first wrong"])))
        table.add_row(*map(field, (name, points, wrong, row["diagnosis"])))
    return table


def _text(rows, suffix):
    if suffix == ".json":
        return json.dumps(
            [{"submission": g.submission, "points": g.points, "error": g.error,
              "functions": [vars(r) for r in g.reports]} for g in rows], indent=1,
        ) + "\n"  # fmt: skip
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_columns(rows[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_columns, rows))
    return text.getvalue()
