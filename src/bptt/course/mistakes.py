"""Mistakes in one equation: those that learners are known to make, and one-token breaks of a line.

Each is a formula in the names of `textbook`. Where a learner's numbers are those of a broken
formula, `check` names the mistake.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .textbook import Line


class Mistake(NamedTuple):
    """A formula with a mistake in it, and a sentence that names the mistake."""

    formula: str
    sentence: str


_ROADS = (
    "the two parts in parentheses are the two ways in which c_next reaches the loss; both are "
    "multiplied by what follows"
)
_SUM = "the loss is a sum over the examples, and so is its gradient"
_DC = "(dc_next + ot * (1 - np.tanh(c_next) ** 2) * da_next)"
_ORDER = "the gates stand in the order i, f, o, g"

# By the name of the quantity; the formulas may use every name of the function.
KNOWN: dict[str, list[Mistake]] = {
    "dcct": [
        Mistake(
            "dc_next * it + ot * (1 - np.tanh(c_next) ** 2) * it * da_next * (1 - cct ** 2)",
            f"(8) without the outer parentheses: {_ROADS}",
        ),
        Mistake("(dc_next * it) * (1 - cct ** 2)", "(8) without the way through a_next"),
        Mistake(
            "(dc_next * it + ot * (1 - np.tanh(c_next) ** 2) * it * da_next) "
            "* (1 - np.tanh(cct) ** 2)",
            "(8) with tanh of cct: cct is a tanh already, so the factor is 1 - cct^2",
        ),
    ],
    "dit": [
        Mistake("(dc_next * cct) * it * (1 - it)", "(9) without the way through a_next"),
        Mistake(
            "dc_next * cct + ot * (1 - np.tanh(c_next) ** 2) * cct * da_next * it * (1 - it)",
            f"(9) without the outer parentheses: {_ROADS}",
        ),
    ],
    "dft": [
        Mistake("(dc_next * c_prev) * ft * (1 - ft)", "(10) without the way through a_next"),
        Mistake(
            "dc_next * c_prev + ot * (1 - np.tanh(c_next) ** 2) * c_prev * da_next * ft * (1 - ft)",
            f"(10) without the outer parentheses: {_ROADS}",
        ),
    ],
    "dc_prev": [
        Mistake("dc_next * ft", "(20) without the way through a_next: c_next reaches the loss by "
                "a_next too"),
    ],
    "dc": [
        Mistake("dnext_c", "without the way through next_h: next_c reaches the loss by next_h too"),
        Mistake("dnext_h * o * (1 - np.tanh(next_c) ** 2)", "dnext_c left out: next_c reaches the "
                "loss by the next step too"),
        Mistake("dnext_c + dnext_h * o * (1 - next_c ** 2)",
                "next_c in place of its tanh: the derivative is 1 - tanh(next_c)^2"),
    ],
    "o": [Mistake("sigmoid(z[:, 3 * H:])", f"the columns of g: {_ORDER}")],
    "g": [Mistake("np.tanh(z[:, 2 * H:3 * H])", f"the columns of o: {_ORDER}")],
    "do": [Mistake("dc * i * (1 - g ** 2)", f"dg in the columns of o: {_ORDER}")],
    "dzr": [
        Mistake("dzc * a_prev * rt * (1 - rt)",
                "without Wc.T: the reset gate reaches dzc by the product with Wc"),
    ],
    "dz": [
        Mistake("dnext_h * (1 - np.tanh(next_h) ** 2)",
                "tanh taken twice: next_h is the tanh already, so its derivative is 1 - next_h^2"),
        Mistake("dnext_h * (1 - prev_h ** 2)", "the derivative of tanh at prev_h, not at next_h"),
    ],
    "dzu": [
        Mistake("da_next * cct * ut * (1 - ut)",
                "without a_prev: ut multiplies cct, and 1 - ut multiplies a_prev"),
        Mistake("da_next * (a_prev - cct) * ut * (1 - ut)", "the sign of PyTorch's and Keras' "
                "update gate, which is 1 - ut here"),
    ],
    "dtanh": [
        Mistake("(1 - np.tanh(a_next) ** 2) * da_next",
                "tanh taken twice: a_next is the tanh already, so its derivative is 1 - a_next^2"),
        Mistake("(1 - a_prev ** 2) * da_next", "the derivative of tanh at a_prev, not at a_next"),
    ],
    "a_next": [
        Mistake("ot * c_next", "(6) without the tanh of c_next"),
        Mistake("ut * a_prev + (1 - ut) * cct",
                "the update gate the other way round, as PyTorch and Keras define it"),
    ],
    "yt_pred": [
        Mistake("np.exp(W @ a + b) / np.sum(np.exp(W @ a + b))",
                "softmax over the whole array: each column, an example, sums to 1 by itself"),
        Mistake("W @ a + b", "the output without softmax"),
        Mistake("sigmoid(W @ a + b)", "sigmoid in place of softmax"),
        Mistake("np.log(softmax(W @ a + b))", "the logarithm of the softmax"),
        Mistake("np.exp(W @ a + b)", "not divided by the sum over the classes"),
        Mistake("softmax((W @ a + b).T).T", "softmax along the examples, not along the classes"),
    ],
    "s": [
        Mistake("np.exp(x) / np.sum(np.exp(x))",
                "the sum over the whole array: each column sums to 1 by itself"),
        Mistake("softmax(x.T).T", "softmax along the examples, not along the classes"),
        Mistake("np.exp(x)", "not divided by the sum over the classes"),
        Mistake("x / np.sum(x, axis=0)", "without the exponential"),
        Mistake("np.tanh(x)", "tanh in place of sigmoid"),
    ],
}  # fmt: skip
# The same equations with dc computed first, as many write them: their one-token breaks are others
FACTORED = {
    "dcct": f"{_DC} * it * (1 - cct ** 2)",
    "dit": f"{_DC} * cct * it * (1 - it)",
    "dft": f"{_DC} * c_prev * ft * (1 - ft)",
    "dc_prev": f"{_DC} * ft",
}

# A derivative, what is written in its place, and the sentence; \1 is what was squashed
_DERIVATIVES = (
    (r"(\w+) \* \(1 - \1\)", r"(1 - \1 ** 2)",
     r"the derivative of tanh, 1 - \1^2; \1 is a sigmoid, with \1 * (1 - \1)"),
    (r"\(1 - (\w+) \*\* 2\)", r"\1 * (1 - \1)",
     r"the derivative of a sigmoid, \1 * (1 - \1); \1 is a tanh, with 1 - \1^2"),
    (r"\(1 - (\w+|np\.tanh\(\w+\)) \*\* 2\)", r"(1 - \1) ** 2",
     r"(1 - \1)^2 in place of 1 - \1^2"),
    (r"(\w+) \* \(1 - \1\)", "1", r"without the derivative of the sigmoid, \1 * (1 - \1)"),
    (r"\(1 - (\w+) \*\* 2\)", "1", r"without the derivative of the tanh, 1 - \1^2"),
)  # fmt: skip
_SAME_KIND = (  # one is often written in place of the other
    ("np.sum", "np.mean"), ("np.tanh", "sigmoid"), ("np.max", "np.min"),
)  # fmt: skip
_OPERATORS: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add, ast.Mult),
    ast.Mult: (ast.Add, ast.Div, ast.Sub),
    ast.Div: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
    ast.Pow: (ast.Mult,),
}


def mistakes_of(line: Line, same_shape: Iterable[Iterable[str]], output: str) -> Iterator[Mistake]:
    """Yield the known mistakes of an equation, then its one-token breaks.

    Parameters
    ----------
    line : Line
    same_shape : iterable of groups of names
        Names of one shape: each may stand in another's place.
    output : str
        Name of the weight of the output layer, "Wy" or "Wya".
    """
    for known in KNOWN.get(line.name, ()):
        formula = known.formula
        if line.name == "yt_pred":
            formula = formula.replace("W @ a", f"{output} @ a_next").replace("+ b", "+ by")
        yield Mistake(formula, known.sentence)
    if "concat" in line.formula:
        yield Mistake(
            line.formula.replace("concat", "np.concatenate([xt, a_prev])"),
            "columns [xt ; a_prev]: the weights expect [a_prev ; xt]",
        )
        yield Mistake(
            line.formula.replace("concat", "np.concatenate([a_next, xt])"),
            "columns of a_next, the state after the step, in place of a_prev",
        )
    for part, other in ((":n_a]", "xt.shape[0]:]"), ("n_a:]", ":xt.shape[0]]")):
        if line.name in ("da_prev", "dxt") and part in line.formula:
            columns = "the first n_a columns belong to a_prev, the others to xt"
            yield Mistake(line.formula.replace(part, other), f"the wrong part: {columns}")
    for pattern, other, sentence in _DERIVATIVES:
        for found in re.finditer(pattern, line.formula):
            broken = line.formula.replace(found[0], found.expand(other))
            yield Mistake(broken, found.expand(sentence))
    yield Mistake(f"({line.formula}).T", "its transpose")
    if line.formula.startswith("np.sum(d"):
        inner, options = line.formula.removeprefix("np.sum(").split(",", 1)
        yield Mistake(
            f"np.mean({inner},{options}",
            f"the mean over the examples: {_SUM}",
        )
        yield Mistake(inner, "not summed over the examples: the bias is added to each of them")
        yield Mistake(line.formula.replace("axis=1, ", ""), "summed over the units too")
    if line.name.startswith("dW"):
        m = "x.shape[0]" if re.match(r"(x|prev_h)\.T", line.formula) else "xt.shape[1]"
        yield Mistake(f"{line.formula} / {m}", f"the mean over the examples: {_SUM}")
    swaps: dict[str, list[str]] = {}
    for group in same_shape:
        names = list(group)
        for name in names:
            swaps.setdefault(name, []).extend(other for other in names if other != name)
    for formula in filter(None, (line.formula, FACTORED.get(line.name))):
        yield from _breaks(formula, swaps)


def _breaks(formula: str, swaps: dict[str, list[str]]) -> Iterator[Mistake]:
    """Yield a formula with one token changed or left out, each once."""
    tree = ast.parse(formula, mode="eval")
    seen = {ast.unparse(tree)}
    for parent, field, place, node in list(_places(tree)):
        for broken in _replacements(node, swaps):
            _put(parent, field, place, broken)  # for a moment: copies of trees take longer
            text, whole = ast.unparse(tree), ast.unparse(parent)
            _put(parent, field, place, node)
            if text not in seen:
                seen.add(text)
                before, after = ast.unparse(node), ast.unparse(broken)
                if isinstance(parent, (ast.expr, ast.keyword)):
                    was = ast.unparse(parent)
                    before, after = (was, whole) if len(was) < 40 else (before, after)
                yield Mistake(text, f"`{after}` in place of `{before}`")


def _places(tree):
    """Yield each node below a tree after its parent, the parent's field and the place in it."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            for place, node in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(node, ast.AST):
                    yield parent, field, place if isinstance(value, list) else None, node


def _put(parent, field, place, node):
    if place is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[place] = node


def _replacements(node, swaps):
    """Yield what may stand in the place of an expression by one slip."""
    if isinstance(node, ast.BinOp):
        for kind in _OPERATORS.get(type(node.op), ()):
            yield ast.BinOp(node.left, kind(), node.right)
        if not isinstance(node.op, ast.MatMult):
            yield from (node.left, node.right)
        else:
            yield ast.BinOp(node.right, ast.MatMult(), node.left)
        if isinstance(node.op, ast.Sub):
            yield ast.BinOp(node.right, ast.Sub(), node.left)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield from (ast.Constant(v) for v in {0, 1, 2, 3} - {node.value})
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Name):
        yield from (ast.Name(other) for other in swaps.get(node.id, ()))
        yield ast.Attribute(node, "T")
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        yield node.args[0]
        if name == "np.tanh":
            relu = ast.parse("np.maximum", mode="eval").body
            yield ast.Call(relu, [*node.args, ast.Constant(0)], [])
        for pair in _SAME_KIND:
            if name in pair:
                other = ast.parse(pair[1 - pair.index(name)], mode="eval").body
                yield ast.Call(other, node.args, node.keywords)
        for i in range(len(node.keywords)):
            yield ast.Call(node.func, node.args, node.keywords[:i] + node.keywords[i + 1 :])
    elif isinstance(node, ast.Slice):
        yield ast.Slice(node.upper, node.lower)
        yield ast.Slice()
    elif isinstance(node, ast.Subscript):
        yield node.value
