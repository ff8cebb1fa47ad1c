"""One-token breaks of a function, made from its syntax tree, and a way to put one in its place.

A break changes one operator, one constant, one name, one string, one index, or leaves one of them
out. Not broken, because correct calls give the same numbers without them: annotations, docstrings,
messages, statements that only check their arguments (`raise`, `assert`, ``strict=``, and calls of
what may raise), ``x.dtype`` (the arrays of one call share one dtype), ``copy=``, and the -1 in
``reshape(n, -1)``, which any negative number may replace.
"""

import ast
import inspect
import re
import textwrap
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from bptt import checks

OPERATORS = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.Div),
    ast.MatMult: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.Lt: (ast.LtE,),
    ast.Gt: (ast.GtE,),
    ast.Is: (ast.IsNot,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
CONTEXTS = (ast.expr, ast.keyword, ast.Return, ast.Assign, ast.AugAssign)  # written down whole
# Expressions that say too little alone: the one around them is written down.
PARTS = (ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.Starred, ast.keyword)
TERMS = (ast.Add, ast.Sub, ast.Mult)  # where one side may be left out
DROPPED_CALLS = {"reversed", "tanh", "d_sigmoid", "d_tanh", "d_g", "softmax", "turn", "transpose"}


class Mutant(NamedTuple):
    """A function with one break in it."""

    text: str  # what was there -> what stands there now, with a little of the line around it
    change: str  # the same as expressions, local names replaced by letters: "a < b -> a <= b"
    code: object


def mutants(function, kinds=(), others=()):
    """All breaks of a function.

    `kinds` lists groups of names of one kind, each a string: where one stands (a variable, an
    attribute or a string), each of the others takes its place. `others` are functions that may
    raise and compute all the same: calls of them are broken, calls of the rest are checks.
    """
    function = inspect.unwrap(function)
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    tree.decorator_list, tree.returns = [], None
    ast.increment_lineno(tree, first - 1)
    swaps = {}
    for kind in map(str.split, kinds):
        for name in kind:
            swaps.setdefault(name, []).extend(other for other in kind if other != name)
    local = _first_stores(tree)
    known = dict.fromkeys(function.__globals__, 0) | local
    nodes, before = list(ast.walk(tree)), ast.unparse(tree)
    above = {under: node for node in nodes for under in ast.iter_child_nodes(node)}
    seen, result = {before}, []
    skipped = set(_skipped(tree, function, {inspect.unwrap(other) for other in others}))
    for k, parent in enumerate(nodes):
        if parent in skipped:
            continue
        for field, place, child in _children(parent):
            if child in skipped:
                continue
            for broken in _breaks(child, parent, field, swaps, known):
                twin = _copied(tree)
                twins = list(ast.walk(twin))
                _put(twins[k], field, place, _copied(broken))
                after = ast.unparse(twin)
                if after not in seen:
                    seen.add(after)
                    change = _change(nodes, above, twins, parent, child, broken, local)
                    code = _compiled(twin, function)
                    result.append(Mutant(_difference(before, after), change, code))
    return result


@contextmanager
def applied(function, mutant):
    """Put the break in the function itself, wherever a reference to it is held."""
    function = inspect.unwrap(function)
    original, function.__code__ = function.__code__, mutant.code
    try:
        yield
    finally:
        function.__code__ = original


def _copied(node):
    """Copy a syntax tree, in a tenth of the time of `copy.deepcopy`."""
    if isinstance(node, list):
        return [_copied(part) for part in node]
    if not isinstance(node, ast.AST):
        return node
    twin = type(node).__new__(type(node))
    vars(twin).update({name: _copied(part) for name, part in vars(node).items()})
    return twin


def _compiled(twin, function):
    module = ast.fix_missing_locations(ast.Module([twin], []))
    compiled = compile(module, inspect.getfile(function), "exec")
    return next(c for c in compiled.co_consts if inspect.iscode(c))


def _change(nodes, above, twins, parent, child, broken, local):
    """Write a change down, without the names of local variables, which are free to change.

    `nodes` and `twins` are those of the function and of its copy, in the order of `ast.walk` before
    the change; `above` is the parent of each of `nodes`.
    """
    while isinstance(parent, PARTS) and isinstance(above[parent], CONTEXTS):
        parent = above[parent]
    pair = child, broken
    if isinstance(parent, ast.Dict) and child in parent.values:  # one entry, not the whole
        key = parent.keys[parent.values.index(child)]
        pair = (ast.Dict([key], [value]) for value in pair)
    elif isinstance(parent, CONTEXTS):
        pair = parent, twins[nodes.index(parent)]
    letters = {}

    def text(node):
        if node is None:
            return "nothing"
        node = _copied(node)
        rename(node)
        return ast.unparse(node)

    def rename(node):
        if isinstance(node, ast.Name) and node.id in local:
            node.id = letters.setdefault(node.id, "abcdefghijklmnopqrstuvwxyz"[len(letters)])
        for part in ast.iter_child_nodes(node):
            rename(part)

    return " -> ".join(map(text, pair))


def _difference(before, after, around=16):
    """Say what differs between two texts: whole words, and some characters around them."""
    lines, others = (text.splitlines() for text in (before, after))
    if len(others) < len(lines):
        k = next((i for i, other in enumerate(others) if other != lines[i]), len(others))
        return f"[{lines[k].strip()} -> nothing]"
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    while re.match(r"[\w<>=+*/@-]", before[start - 1]):
        start -= 1
    while re.match(r"[\w<>=+*/@-]", before[len(before) - end :]):
        end -= 1
    left = before[:start].splitlines()[-1].lstrip()[-around:]
    right = before[len(before) - end :].split("\n")[0][:around]
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    return f"{left}[{old.strip()} -> {new.strip()}]{right}".strip()


def _common(one, other):
    """How many characters two texts have in common at their beginning."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def _children(parent):
    """Every child node with the field and the place in the field's list that hold it."""
    for field, value in ast.iter_fields(parent):
        if isinstance(value, list):
            yield from ((field, i, v) for i, v in enumerate(value) if isinstance(v, ast.AST))
        elif isinstance(value, ast.AST):
            yield field, None, value


def _put(parent, field, place, node):
    if place is None:
        setattr(parent, field, node)
    elif node is None:
        del getattr(parent, field)[place]
    else:
        getattr(parent, field)[place] = node


def _skipped(tree, function, others):
    """The nodes of what must not be broken: the signature, the docstring, checks, messages."""
    skipped = [tree.args]
    if ast.get_docstring(tree) is not None:
        skipped.append(tree.body[0])
    refusing = set(_checks(tree, function, others))
    for node in ast.walk(tree):
        check = isinstance(node, (ast.Assign, ast.Expr)) and refusing & set(ast.walk(node))
        refusal = isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise)
        message = isinstance(node, (ast.Assign, ast.Raise)) and "where" in ast.unparse(node)
        if (
            check
            or refusal
            or isinstance(node, (ast.Raise, ast.Assert))
            or (message and _is_text(node))
        ):
            skipped.append(node)
        if isinstance(node, ast.keyword) and node.arg in ("strict", "copy"):
            skipped.append(node)
        if isinstance(node, ast.Attribute) and node.attr == "dtype":
            skipped.append(node)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "reshape":
            skipped += [a.operand for a in node.args if isinstance(a, ast.UnaryOp)]
    for node in skipped:
        yield from ast.walk(node)


def _checks(tree, function, others):
    """Calls in a function of what may refuse an argument, told by its source: it raises.

    Functions and classes that the function's module knows, methods of its own class, and those of
    the classes of `bptt.checks`.
    """
    owner = function.__qualname__.rpartition(".")[0]
    methods = {}
    family = getattr(function.__globals__.get(owner), "__mro__", ())
    for kind in (*vars(checks).values(), *family):
        methods = (vars(kind) if inspect.isclass(kind) else {}) | methods
    for node in ast.walk(tree):
        match node:
            case ast.Call(ast.Name(name)):
                thing = function.__globals__.get(name)
            case ast.Call(ast.Attribute(_, name)):
                thing = methods.get(name)
            case _:
                continue
        thing = inspect.unwrap(thing)
        if thing not in others and _raises(thing):
            yield node


@cache
def _raises(thing):
    if inspect.isclass(thing):
        return any(
            map(_raises, (*thing.__bases__, *filter(inspect.isfunction, vars(thing).values())))
        )
    if not inspect.isfunction(thing) or not thing.__module__.startswith(("bptt", "tests")):
        return False
    source = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    return any(isinstance(node, ast.Raise) for node in ast.walk(source))


def _is_text(node):
    return isinstance(getattr(node, "value", None), (ast.Constant, ast.JoinedStr))


def _first_stores(tree):
    """The line from which each local name exists."""
    known = {argument.arg: 0 for argument in ast.walk(tree) if isinstance(argument, ast.arg)}
    stores = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    for node in sorted(stores, key=lambda n: n.lineno):
        known.setdefault(node.id, node.lineno)
    return known


def _breaks(node, parent, field, swaps, known):
    """Yield what may stand in a node's place; None leaves a statement out."""
    yield from (other() for other in OPERATORS.get(type(node), ()))
    match node:
        case ast.BinOp(left, op, right) if isinstance(op, TERMS):
            yield from (left, right)
        case ast.IfExp(_, body, orelse):
            yield from (body, orelse)
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Attribute(value, "T"):
            yield value
        case ast.Constant(bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(int()):
            yield from (ast.Constant(node.value + d) for d in (1, -1) if node.value + d >= 0)
        case ast.Constant(float()):
            yield ast.Constant(2 * node.value)
        case ast.Constant(str()):
            yield from map(ast.Constant, swaps.get(node.value, ()))
        case ast.Name(name, ast.Load()):
            for other in swaps.get(name, ()):
                if known.get(other, node.lineno) < node.lineno:  # a local by then, or a global
                    yield ast.Name(other, ast.Load())
        case ast.Slice(lower, upper, step):
            if (lower is None) != (upper is None):
                yield ast.Slice(upper, lower, step)
            for bound, make in ((lower, "lower"), (upper, "upper")):
                if bound is not None and not isinstance(bound, ast.Constant):
                    for op in (ast.Add(), ast.Sub()):
                        moved = ast.BinOp(bound, op, ast.Constant(1))
                        parts = {"lower": lower, "upper": upper, "step": step} | {make: moved}
                        yield ast.Slice(**parts)
    if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
        whole = _copied(node.value)  # the index left out
        if hasattr(whole, "ctx"):
            whole.ctx = node.ctx
            yield whole
    if isinstance(node, ast.Attribute):
        yield from (
            ast.Attribute(node.value, other, node.ctx) for other in swaps.get(node.attr, ())
        )
    if isinstance(node, ast.Call):
        yield from _broken_calls(node)
    if field == "body" and isinstance(node, ast.stmt):
        yield from _broken_statements(node, parent, known)


def _broken_calls(node):
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name in DROPPED_CALLS:
        yield node.args[0] if name != "transpose" else node.func.value
    if name == "transpose":
        for i in range(len(node.args) - 1):
            a = node.args
            yield ast.Call(node.func, [*a[:i], a[i + 1], a[i], *a[i + 2 :]], node.keywords)


def _broken_statements(node, parent, known):
    if isinstance(node, ast.AugAssign):
        target = _copied(node.target)
        yield ast.Assign([target], node.value, lineno=node.lineno)
    alone = len(getattr(parent, "body", ())) == 1
    names = [n for t in getattr(node, "targets", ()) for n in ast.walk(t)]
    fresh = any(
        isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and known[n.id] == node.lineno
        for n in names
    )
    if isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr)) and not fresh:
        yield ast.Pass() if alone else None
