"""One-step functions as data: one line an equation, in the names of the notebook.

`steps` holds the lines of every function. `check` evaluates them, one after another, to find the
first that a learner's function does not follow; `mistakes` evaluates broken versions of them.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from ..equations.activations import sigmoid, softmax
from ..errors import ConfigError

Names = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One equation of a function.

    Attributes
    ----------
    name : str
        Of the quantity, as the notebook's code has it: "dft".
    formula : str
        A Python expression in the names of the inputs and of earlier lines.
    number : str
        Of the equation in the notebook, "(10)"; empty where it has none.
    seen_in : str
        For a quantity that the function does not return: the gradient of a weight, a product
        ``quantity @ right.T``, from which it is recovered. A quantity that is neither returned nor
        recovered is seen in those that follow from it.
    """

    name: str
    formula: str
    number: str = ""
    seen_in: str = ""

    @property
    def label(self) -> str:
        """Name and equation number: "dft, equation (10)"."""
        return f"{self.name}, equation {self.number}" if self.number else self.name


@dataclass(frozen=True)
class Step:
    """A function of one time step.

    Attributes
    ----------
    arguments : tuple of str
        Names of its arguments; "parameters" is the dict of `parameters`, "cache" the tuple of
        `cache`.
    results : tuple of str
        Names of what it returns, in order; ("gradients",) is a dict.
    shapes : mapping of str to str
        Symbolic shapes of all drawn arrays.
    lines : tuple of Line
    cache : tuple of str
        The entries of the cache, in order.
    parameters : tuple of str
    given : mapping of str to str
        Names that stand for expressions of the inputs: "concat".
    forward : str
        Of a backward function: the function that makes its cache.
    gates : str
        Letters of the gates that stand side by side in the columns of dWx, dWh and db: each is
        compared by itself, dWx_i.
    """

    arguments: tuple[str, ...]
    results: tuple[str, ...]
    shapes: Mapping[str, str]
    lines: tuple[Line, ...]
    cache: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    forward: str = ""
    gates: str = ""


_FUNCTIONS: dict[str, Callable[..., Any]] = {"sigmoid": sigmoid, "softmax": softmax} | {
    f"np.{name}": getattr(np, name)
    for name in ("concatenate", "exp", "log", "max", "maximum", "mean", "min", "sum", "tanh")
}
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.MatMult: operator.matmul, ast.Pow: operator.pow, ast.USub: operator.neg,
}  # fmt: skip


def evaluate(formula: str, names: Names) -> np.ndarray:
    """Return the value of a formula; NumPy's warnings are off, as broken formulas overflow."""
    with np.errstate(all="ignore"):
        return np.asarray(_value(_parsed(formula), names))


@cache
def _parsed(formula):
    return ast.parse(formula, mode="eval").body


def _value(node: Any, names: Names) -> Any:
    """Evaluate an expression: operators, indices, and the functions of `_FUNCTIONS`."""

    def value(part: Any) -> Any:
        return None if part is None else _value(part, names)

    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return names[node.id]
        case ast.BinOp():
            return _OPERATORS[type(node.op)](value(node.left), value(node.right))
        case ast.UnaryOp():
            return _OPERATORS[type(node.op)](value(node.operand))
        case ast.Tuple() | ast.List():
            return [value(e) for e in node.elts]
        case ast.Slice():
            return slice(value(node.lower), value(node.upper), value(node.step))
        case ast.Subscript():
            index = value(node.slice)
            return value(node.value)[tuple(index) if isinstance(index, list) else index]
        case ast.Attribute(attr="T" | "shape"):
            return getattr(value(node.value), node.attr)
        case ast.Call():
            named = {str(k.arg): value(k.value) for k in node.keywords}
            return _FUNCTIONS[ast.unparse(node.func)](*map(value, node.args), **named)
    raise ConfigError(f"a formula holds {ast.unparse(node)!r}.")


def computed(step: Step, names: Names) -> dict[str, Any]:
    """Return all quantities of a step, by the textbook's formulas."""
    values = dict(names)
    for alias, formula in step.given.items():
        if alias not in values:
            value = evaluate(formula, values)
            values[alias] = int(value) if value.ndim == 0 else value
    for line in step.lines:
        values[line.name] = evaluate(line.formula, values)
    return {line.name: values[line.name] for line in step.lines}


def shapes(text: str) -> dict[str, str]:
    """Read "xt n_x m; a_prev n_a m" as a table."""
    return {entry.split()[0]: " ".join(entry.split()[1:]) for entry in text.split(";")}


def equations(text: str) -> tuple[Line, ...]:
    """Read a line for each equation: ``(10) dft <dWf = formula``."""
    result = []
    for row in filter(None, map(str.strip, text.splitlines())):
        number, rest = row.split(" ", 1) if row.startswith("(") else ("", row)
        left, formula = map(str.strip, rest.split(" = ", 1))
        name, _, seen_in = left.partition(" <")
        result.append(Line(name, formula, number, seen_in))
    return tuple(result)
