"""The course's one-step functions as data: one line an equation, in the names of the notebook.

`check` evaluates these lines, one after another, to find the first that a learner's function does
not follow; `mistakes` evaluates broken versions of them. They are tested to be the functions of
`bptt.equations`.
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
        ``quantity @ right.T``, from which it is recovered.
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
    """

    arguments: tuple[str, ...]
    results: tuple[str, ...]
    shapes: Mapping[str, str]
    lines: tuple[Line, ...]
    cache: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict)
    forward: str = ""


_FUNCTIONS: dict[str, Callable[..., Any]] = {"sigmoid": sigmoid, "softmax": softmax} | {
    f"np.{name}": getattr(np, name)
    for name in ("concatenate", "exp", "log", "max", "mean", "min", "sum", "tanh")
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


def _shapes(text: str) -> dict[str, str]:
    """Read "xt n_x m; a_prev n_a m" as a table."""
    return {entry.split()[0]: " ".join(entry.split()[1:]) for entry in text.split(";")}


def _lines(text: str) -> tuple[Line, ...]:
    """Read a line for each equation: ``(10) dft <dWf = formula``."""
    result = []
    for row in filter(None, map(str.strip, text.splitlines())):
        number, rest = row.split(" ", 1) if row.startswith("(") else ("", row)
        left, formula = map(str.strip, rest.split(" = ", 1))
        name, _, seen_in = left.partition(" <")
        result.append(Line(name, formula, number, seen_in))
    return tuple(result)


_RNN = _shapes("xt n_x m; a_prev n_a m; Wax n_a n_x; Waa n_a n_a; Wya n_y n_a; ba n_a 1; by n_y 1")
_RNN_PARAMETERS = ("Wax", "Waa", "Wya", "ba", "by")
_GATES = "Wf n_a n_a+n_x; bf n_a 1; Wi n_a n_a+n_x; bi n_a 1; Wc n_a n_a+n_x; bc n_a 1; "
_LSTM = _shapes(
    f"xt n_x m; a_prev n_a m; c_prev n_a m; {_GATES}Wo n_a n_a+n_x; bo n_a 1; Wy n_y n_a; by n_y 1"
)
_LSTM_PARAMETERS = ("Wf", "bf", "Wi", "bi", "Wc", "bc", "Wo", "bo", "Wy", "by")
_GRU = _shapes(
    "xt n_x m; a_prev n_a m; Wu n_a n_a+n_x; bu n_a 1; Wr n_a n_a+n_x; br n_a 1; "
    "Wc n_a n_a+n_x; bc n_a 1; Wy n_y n_a; by n_y 1"
)
_GRU_PARAMETERS = ("Wu", "bu", "Wr", "br", "Wc", "bc", "Wy", "by")
_CONCAT = {"concat": "np.concatenate([a_prev, xt])", "n_a": "a_prev.shape[0]"}

STEPS: dict[str, Step] = {
    "sigmoid": Step(("x",), ("s",), {"x": "n_a m"}, _lines("s = 1 / (1 + np.exp(-x))")),
    "softmax": Step(
        ("x",),
        ("s",),
        {"x": "n_y m"},
        _lines("s = np.exp(x - np.max(x, axis=0)) / np.sum(np.exp(x - np.max(x, axis=0)), axis=0)"),
    ),
    "rnn_cell_forward": Step(
        ("xt", "a_prev", "parameters"),
        ("a_next", "yt_pred", "cache"),
        _RNN,
        _lines("""
            a_next = np.tanh(Wax @ xt + Waa @ a_prev + ba)
            yt_pred = softmax(Wya @ a_next + by)
        """),
        ("a_next", "a_prev", "xt", "parameters"),
        _RNN_PARAMETERS,
    ),
    "rnn_cell_backward": Step(
        ("da_next", "cache"),
        ("gradients",),
        _RNN | {"da_next": "n_a m"},
        _lines("""
            dtanh <dWax = (1 - a_next ** 2) * da_next
            dWax = dtanh @ xt.T
            dWaa = dtanh @ a_prev.T
            dba = np.sum(dtanh, axis=1, keepdims=True)
            dxt = Wax.T @ dtanh
            da_prev = Waa.T @ dtanh
        """),
        ("a_next", "a_prev", "xt", "parameters"),
        _RNN_PARAMETERS,
        forward="rnn_cell_forward",
    ),
    "lstm_cell_forward": Step(
        ("xt", "a_prev", "c_prev", "parameters"),
        ("a_next", "c_next", "yt_pred", "cache"),
        _LSTM,
        _lines("""
            (1) ft = sigmoid(Wf @ concat + bf)
            (2) it = sigmoid(Wi @ concat + bi)
            (3) cct = np.tanh(Wc @ concat + bc)
            (4) c_next = ft * c_prev + it * cct
            (5) ot = sigmoid(Wo @ concat + bo)
            (6) a_next = ot * np.tanh(c_next)
            yt_pred = softmax(Wy @ a_next + by)
        """),
        ("a_next", "c_next", "a_prev", "c_prev", "ft", "it", "cct", "ot", "xt", "parameters"),
        _LSTM_PARAMETERS,
        _CONCAT,
    ),
    "lstm_cell_backward": Step(
        ("da_next", "dc_next", "cache"),
        ("gradients",),
        _LSTM | {"da_next": "n_a m", "dc_next": "n_a m"},
        _lines("""
            (7) dot <dWo = da_next * np.tanh(c_next) * ot * (1 - ot)
            (8) dcct <dWc = (dc_next * it + ot * (1 - np.tanh(c_next) ** 2) * it * da_next) * (1 - cct ** 2)
            (9) dit <dWi = (dc_next * cct + ot * (1 - np.tanh(c_next) ** 2) * cct * da_next) * it * (1 - it)
            (10) dft <dWf = (dc_next * c_prev + ot * (1 - np.tanh(c_next) ** 2) * c_prev * da_next) * ft * (1 - ft)
            (11) dWf = dft @ concat.T
            (12) dWi = dit @ concat.T
            (13) dWc = dcct @ concat.T
            (14) dWo = dot @ concat.T
            (15) dbf = np.sum(dft, axis=1, keepdims=True)
            (16) dbi = np.sum(dit, axis=1, keepdims=True)
            (17) dbc = np.sum(dcct, axis=1, keepdims=True)
            (18) dbo = np.sum(dot, axis=1, keepdims=True)
            (19) da_prev = Wf[:, :n_a].T @ dft + Wi[:, :n_a].T @ dit + Wc[:, :n_a].T @ dcct + Wo[:, :n_a].T @ dot
            (20) dc_prev = dc_next * ft + ot * (1 - np.tanh(c_next) ** 2) * ft * da_next
            (21) dxt = Wf[:, n_a:].T @ dft + Wi[:, n_a:].T @ dit + Wc[:, n_a:].T @ dcct + Wo[:, n_a:].T @ dot
        """),  # noqa: E501 (one equation a line)
        ("a_next", "c_next", "a_prev", "c_prev", "ft", "it", "cct", "ot", "xt", "parameters"),
        _LSTM_PARAMETERS,
        _CONCAT,
        forward="lstm_cell_forward",
    ),
    "gru_cell_forward": Step(
        ("xt", "a_prev", "parameters"),
        ("a_next", "yt_pred", "cache"),
        _GRU,
        _lines("""
            ut = sigmoid(Wu @ concat + bu)
            rt = sigmoid(Wr @ concat + br)
            cct = np.tanh(Wc @ np.concatenate([rt * a_prev, xt]) + bc)
            a_next = ut * cct + (1 - ut) * a_prev
            yt_pred = softmax(Wy @ a_next + by)
        """),
        ("a_next", "a_prev", "ut", "rt", "cct", "xt", "parameters"),
        _GRU_PARAMETERS,
        _CONCAT,
    ),
    "gru_cell_backward": Step(
        ("da_next", "cache"),
        ("gradients",),
        _GRU | {"da_next": "n_a m"},
        _lines("""
            dzu <dWu = da_next * (cct - a_prev) * ut * (1 - ut)
            dzc <dWc = da_next * ut * (1 - cct ** 2)
            dzr <dWr = (Wc.T @ dzc)[:n_a] * a_prev * rt * (1 - rt)
            dWu = dzu @ concat.T
            dWr = dzr @ concat.T
            dWc = dzc @ reset.T
            dbu = np.sum(dzu, axis=1, keepdims=True)
            dbr = np.sum(dzr, axis=1, keepdims=True)
            dbc = np.sum(dzc, axis=1, keepdims=True)
            da_prev = da_next * (1 - ut) + (Wc.T @ dzc)[:n_a] * rt + (Wu.T @ dzu + Wr.T @ dzr)[:n_a]
            dxt = (Wc.T @ dzc)[n_a:] + (Wu.T @ dzu + Wr.T @ dzr)[n_a:]
        """),
        ("a_next", "a_prev", "ut", "rt", "cct", "xt", "parameters"),
        _GRU_PARAMETERS,
        _CONCAT | {"reset": "np.concatenate([rt * a_prev, xt])"},
        forward="gru_cell_forward",
    ),
}
_H = "prev_h N H; Wx D H; Wh H H; b H"
STEPS |= {
    "rnn_step_forward": Step(
        ("x", "prev_h", "Wx", "Wh", "b"),
        ("next_h", "cache"),
        _shapes(f"x N D; {_H}"),
        _lines("next_h = np.tanh(x @ Wx + prev_h @ Wh + b)"),
    ),
    "rnn_step_backward": Step(
        ("dnext_h", "cache"),
        ("dx", "dprev_h", "dWx", "dWh", "db"),
        _shapes(f"x N D; {_H}; dnext_h N H"),
        _lines("""
            dz <dWx = dnext_h * (1 - next_h ** 2)
            dx = dz @ Wx.T
            dprev_h = dz @ Wh.T
            dWx = x.T @ dz
            dWh = prev_h.T @ dz
            db = np.sum(dz, axis=0)
        """),
        forward="rnn_step_forward",
    ),
    "lstm_step_forward": Step(
        ("x", "prev_h", "prev_c", "Wx", "Wh", "b"),
        ("next_h", "next_c", "cache"),
        _shapes("x N D; prev_h N H; prev_c N H; Wx D 4H; Wh H 4H; b 4H"),
        _lines("""
            next_c = sigmoid(z[:, H:2 * H]) * prev_c + sigmoid(z[:, :H]) * np.tanh(z[:, 3 * H:])
            next_h = sigmoid(z[:, 2 * H:3 * H]) * np.tanh(next_c)
        """),
        given={"H": "prev_h.shape[1]", "z": "x @ Wx + prev_h @ Wh + b"},
    ),
}
