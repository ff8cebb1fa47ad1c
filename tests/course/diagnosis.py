"""How often `check` names the line that is broken, and the mistake.

``python -m tests.course.diagnosis`` prints the table: kind of mistake, submissions tried, those
that compute the same, that raise or return other shapes (a sentence says so), where the right line
was named, where another, and where the mistake was named.

The submissions are those of the notebook's style with one token of one line changed, their loops
with one statement changed or left out, and those of `wrong`, written by hand. Which reports count
as right: the broken line itself, or, where a loop is broken, the quantity that the line makes.
"""

import ast
import copy
import inspect
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from bptt.course import check
from bptt.course.mistakes import _breaks
from bptt.course.steps import STEPS
from tests.course import batch_first_submissions, submissions
from tests.course.wrong import WRONG

SWAPS = [
    {"ft", "it", "cct", "ot"}, {"dft", "dit", "dcct", "dot"},
    {"a_prev", "c_prev", "a_next", "c_next"}, {"Wf", "Wi", "Wc", "Wo"}, {"bf", "bi", "bc", "bo"},
    {"ut", "rt"}, {"dzu", "dzr", "dzc"}, {"Wu", "Wr"}, {"bu", "br"}, {"concat", "reset"},
    {"prev_h", "next_h"}, {"prev_c", "next_c"}, {"di", "df", "do", "dg"}, {"i", "f", "o", "g"},
    {"Wx", "Wh"},
]  # fmt: skip
_SWAPS = {name: sorted(group - {name}) for group in SWAPS for name in group}
Case = tuple[str, str, set[str], Callable[..., Any]]  # kind, exercise, right answers, function

# What a statement of a loop makes: the quantities that may be named when it is broken
_LOOP = {
    "dx": {"dx"}, "da_prevt": {"da_prev"}, "da_prev": {"da_prev"}, "dc_prevt": {"dc_prev"},
    "dprev_h": {"dprev_h", "dx"}, "dprev_c": {"dprev_c"}, "gradients": {"dx", "da_prev", "dc_prev"},
    "step": {"dx", "dprev_h"}, "a": {"a_next"}, "c": {"c_next"}, "y": {"yt_pred"},
    "y_pred": {"yt_pred"}, "h": {"next_h"}, "a_next": {"a_next", "c_next"},
    "c_next": {"c_next", "a_next"}, "prev_h": {"next_h"},
}  # fmt: skip
_ORDERS = ("range(T_x - 1)", "range(1, T_x)", "range(T_x)", "reversed(range(T_x - 1))",
           "reversed(range(1, T_x))")  # fmt: skip


def modules() -> Iterator[tuple[Any, dict[str, Callable[..., Any]], str]]:
    """Yield the modules of right submissions, their functions, and the prefix of their loops."""
    yield submissions, submissions.NOTEBOOK, ""
    yield batch_first_submissions, batch_first_submissions.EXERCISE, "batch_first."


def broken_steps() -> Iterator[Case]:
    """Yield the one-step functions with one token of one equation changed."""
    for module, functions, _ in modules():
        for name in (n for n in functions if n in STEPS):
            lines = {line.name for line in STEPS[name].lines}
            tree = _tree(functions[name])
            for statement in (n for n in ast.walk(tree) if isinstance(n, ast.Assign)):
                target, right = ast.unparse(statement.targets[0]), statement.value
                names = {n for n in lines if n == target or n.startswith(f"{target}_")}
                if target == "dz" and "dWx_i" in lines:  # hstack: seen in the columns of its gates
                    names = {"di", "df", "do", "dg"}
                if not names:
                    continue
                for mistake in _breaks(ast.unparse(right), _SWAPS):
                    statement.value = ast.parse(mistake.formula, mode="eval").body
                    yield f"one token, {name}", name, names, _made(tree, module, name)
                statement.value = right


def broken_loops() -> Iterator[Case]:
    """Yield the loops through time with one statement changed or left out."""
    for module, functions, prefix in modules():
        for name in (n for n in functions if n not in STEPS and n != "pad_sequences"):
            tree = _tree(functions[name])
            loop = next(n for n in ast.walk(tree) if isinstance(n, ast.For))
            body = loop.body
            exercise = prefix + name
            for k, statement in enumerate(body):
                answers = _answers(statement)
                for other in _changed(statement):
                    loop.body = [*body[:k], *other, *body[k + 1 :]] or [ast.Pass()]
                    yield f"loop, {exercise}", exercise, answers, _made(tree, module, name)
                loop.body = body
            order = loop.iter
            ends = {"dx", "da_prev", "dprev_h"} if "backward" in name else {"a_next", "next_h"}
            for text in _ORDERS:
                text = text.replace("T_x", "T") if prefix else text
                if "backward" in name or "reversed" not in text:
                    loop.iter = ast.parse(text, mode="eval").body
                    if ast.unparse(loop.iter) != ast.unparse(order):
                        yield f"loop, {exercise}", exercise, ends, _made(tree, module, name)
            loop.iter = order


def by_hand() -> Iterator[Case]:
    """Yield the submissions that were written by hand."""
    for name, function, first, _ in WRONG:
        yield "by hand", name, {first}, function


def _tree(function):
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def _made(tree, module, name):
    names = dict(vars(module))
    text = ast.unparse(ast.fix_missing_locations(tree))
    exec(text, names)
    names[name].text = text  # for the submissions of `folder`
    return names[name]


def _answers(statement):
    target = statement
    while not isinstance(target, ast.Name):
        if isinstance(target, ast.Assign):
            target = target.targets[0]
        elif isinstance(target, ast.Tuple):
            target = target.elts[0]
        elif isinstance(target, ast.For):
            return {"dWf", "dWu", "dWx"}
        elif isinstance(target, ast.Expr):  # caches.append: a sentence
            return set()
        else:
            target = target.target if isinstance(target, ast.AugAssign) else target.value
    name = target.id
    return _LOOP.get(name, {name})


def _changed(statement):
    """Yield what a learner may have in the place of a statement, as a list of statements."""
    yield []
    if isinstance(statement, ast.AugAssign):
        twin = ast.Assign([statement.target], statement.value)
        yield [ast.copy_location(twin, statement)]
        for kind in (ast.Sub(), ast.Mult()):
            yield [ast.AugAssign(statement.target, kind, statement.value)]
    if isinstance(statement, ast.Assign):
        for mistake in _breaks(ast.unparse(statement.value), {}):
            twin = copy.deepcopy(statement)
            twin.value = ast.parse(mistake.formula, mode="eval").body
            yield [twin]


def counted(cases: Iterator[Case]) -> dict[str, Counter[str]]:
    """Check all cases; count by kind what the reports named."""
    counts: dict[str, Counter[str]] = {}
    for kind, exercise, answers, function in cases:
        row = counts.setdefault(kind, Counter())
        report = check(exercise, function)
        row["tried"] += 1
        if report.passed:
            row["the same function"] += 1
        elif not report.first:
            row["a sentence"] += 1
        else:
            row["right line" if report.first in answers else "another"] += 1
            row["mistake named"] += bool(report.diagnosis)
    return counts


def table(counts: dict[str, Counter[str]]) -> str:
    """Return the counts as a table in Markdown."""
    columns = ("tried", "the same function", "a sentence", "right line", "another", "mistake named")
    rows = [f"| kind | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    total: Counter[str] = Counter()
    for kind, row in sorted(counts.items()):
        total += row
        rows.append(f"| {kind} | {' | '.join(str(row[c]) for c in columns)} |")
    return "\n".join([*rows, f"| all | {' | '.join(str(total[c]) for c in columns)} |"])


if __name__ == "__main__":
    found = counted(broken_steps()) | counted(broken_loops()) | counted(by_hand())
    print(table(found))
    right, another = (sum(row[c] for row in found.values()) for c in ("right line", "another"))
    print(f"\nThe right line was named in {right / (right + another):.1%}; at least 90 %.")
    raise SystemExit(right < 0.9 * (right + another))
