"""Plans: a graph for inputs of given shapes, as a list of NumPy calls.

A graph is computed node by node, with every check. When shapes of inputs come for the second time,
this also makes a plan: values that depend on constants and shapes alone are kept; each other node
becomes a step in the form that its operator has in `steps` and `product_steps`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter, methodcaller
from typing import Any

import numpy as np

from ...engine import provider
from ...errors import InteropError
from . import recurrent
from .files import GraphFile, Node
from .operators import MISFITS, SHAPED_BY, compute, naming

MOST_PLANS, MOST_SEEN = 8, 64  # plans, and shapes without a plan; the oldest are dropped


@dataclass(eq=False)
class Known:
    """A value while a plan is made."""

    array: Any  # in the run that is followed
    fixed: bool = False  # the same in every run
    shaped: bool = True  # of the same shape in every run
    source: "Known | None" = None  # the value of which it is a reshaping
    reshaped: dict[tuple[int, ...], "Known"] = field(default_factory=dict)  # its reshapings
    origin: "tuple[Node, Sequence[Known]] | None" = None  # the Conv whose output it is, its inputs
    slot: int = -1  # its place in a run

    @classmethod
    def left_out(cls) -> "Known":
        """Return what stands for an input that is left out."""
        return cls(None, fixed=True)


# (maker, node, inputs, outputs) -> the outputs of the step or steps that it adds, or None where it
# does not fit. Inputs and outputs are those of the run that is followed, computed and checked.
Form = Callable[["Maker", Node, list[Known], Sequence[np.ndarray]], Any]
FORMS: dict[str, Form] = {}


def form(*names: str) -> Callable[[Form], Form]:
    """Register a function as the form that operators of these names have in plans."""

    def register(function: Form) -> Form:
        FORMS.update(dict.fromkeys(names, function))
        return function

    return register


class Plan:
    """Steps (function, slots of its arguments, slot or slots of its results) over a list of values.

    A value without axes may be a NumPy number instead of an array; outputs are arrays.
    A plan holds no state of a run: threads may run it at the same time.
    """

    def __init__(self, steps: list[Any], start: list[Any], outputs: list[Known]):
        self._steps, self._start = steps, start
        self._outputs = [(v.slot, v.fixed) for v in outputs]

    def run(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Compute the outputs for inputs of the plan's shapes and dtypes."""
        values = self._start.copy()
        values[: len(arrays)] = arrays
        for function, given, place in self._steps:
            values[place] = function(*given(values))
        return [np.array(values[k]) if fixed else np.asarray(values[k])
                for k, fixed in self._outputs]  # fmt: skip


class Plans:
    """The plans of a file's graphs by the shapes and dtypes of their inputs.

    Parameters
    ----------
    opset : int
    directions : dict of int to Directions
        Cells and parameters of the recurrent nodes with constant weights, by the id of the node.
    """

    def __init__(self, opset: int, directions: dict[int, recurrent.Directions]):
        self.opset, self.directions = opset, directions
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self._seen: dict[tuple[Any, ...], None] = {}  # keys in order

    def repeat(
        self, graph: GraphFile, arrays: list[np.ndarray], wanted: tuple[str, ...]
    ) -> list[np.ndarray] | None:
        """Return the outputs by a plan; None if there is none, or an input does not fit it."""
        plan = self._plans.get(_key(graph, arrays, wanted))
        try:
            return None if plan is None else plan.run(arrays)
        except MISFITS:  # `follow` names the node
            return None

    def follow(
        self, graph: GraphFile, names: Sequence[str], arrays: list[np.ndarray],
        wanted: tuple[str, ...],
    ) -> list[np.ndarray]:  # fmt: skip
        """Compute a graph node by node; make its plan if its shapes have been seen before.

        Raises
        ------
        InteropError
            Names the node whose inputs do not fit.
        """
        key = _key(graph, arrays, wanted)
        maker = Maker(self, makes=key in self._seen)
        inputs = [Known(array) for array in arrays]
        values = {"": Known.left_out(), **dict(zip(names, inputs, strict=True))}
        maker.follow(graph, values)
        for name in wanted:
            if name not in values or not name:
                raise InteropError(f"the graph has no value {name!r}.")
        outputs = [values[name] for name in wanted]
        if maker.makes:
            _keep(self._plans, key, maker.plan(inputs, outputs), MOST_PLANS)
        else:
            _keep(self._seen, key, None, MOST_SEEN)
        return [v.array.copy() if v.fixed else v.array for v in outputs]


def _key(graph: GraphFile, arrays: list[np.ndarray], wanted: tuple[str, ...]) -> tuple[Any, ...]:
    return id(graph), provider().name, wanted, *[(a.shape, a.dtype) for a in arrays]


def _keep(found: dict[Any, Any], key: Any, value: Any, most: int) -> None:
    """Add an entry; drop the oldest where there are more."""
    found[key] = value
    while len(found) > most:
        found.pop(next(iter(found)), None)


class Maker:
    """Computes a graph node by node and collects the steps that depend on its inputs' values.

    Without `makes` no plan is made of the steps: they are the operators, not their forms.
    """

    def __init__(self, plans: Plans, *, makes: bool):
        self.makes = makes
        self.plans, self.opset, self.directions = plans, plans.opset, plans.directions
        self.steps: list[tuple[Callable[..., Any], Sequence[Known], list[Known]]] = []

    def follow(self, graph: GraphFile, values: dict[str, Known]) -> None:
        """Compute all nodes; add their outputs to the values."""
        values.update((name, Known(x, fixed=True)) for name, x in graph.constants.items())
        for node in graph.nodes:
            with naming(node):
                for name in node.inputs:
                    if name not in values:
                        raise InteropError(f"its input {name!r} is computed nowhere before.")
                given = [values[name] for name in node.inputs]
                results = self._if(node, values) if node.op == "If" else self._node(node, given)
                values.update(zip(node.outputs, results, strict=False))
                values[""] = Known.left_out()

    def _node(self, node: Node, given: list[Known]) -> Sequence[Known]:
        arrays = [v.array for v in given]
        own = self.directions.get(id(node))
        if node.op in recurrent.OPERATORS:
            run = partial(_recurrent, node, own)
            results, deciding = run(*arrays), ()
        else:
            run, deciding = partial(_operator, node, self.opset), SHAPED_BY[node.op]
            results = compute(node, arrays, self.opset)
        shaped = all(v.shaped for v in given)
        if all(v.fixed for v in given) or (node.op in ("Shape", "Size") and shaped):
            return [Known(array, fixed=True) for array in results]
        shaped = shaped and all(given[k].fixed for k in deciding if k < len(given))
        half = any(y.dtype == np.float16 for y in results)  # forms would sum means in float16
        if shaped and self.makes and not half and node.op in FORMS:
            try:
                found = FORMS[node.op](self, node, given, results)
            except MISFITS:  # what the operator itself accepts
                found = None
            if found is not None:
                return [found] if isinstance(found, Known) else found
        return self.call(run, given, results, shaped=shaped)

    def call(
        self, function: Callable[..., Any], given: Sequence[Known], results: Sequence[np.ndarray],
        *, shaped: bool = True,
    ) -> list[Known]:  # fmt: skip
        """Add a step: a function of arrays that returns one array, or a tuple for several."""
        outputs = [Known(array, shaped=shaped) for array in results]
        self.steps.append((function, given, outputs))
        return outputs

    def reshape(self, x: Known, array: np.ndarray) -> Known:
        """Add a reshaping of a value, or of what that is a reshaping of; none where none is due."""
        x = x.source or x
        if x.array.shape == array.shape:
            return x
        if (y := x.reshaped.get(array.shape)) is None:
            (y,) = self.call(methodcaller("reshape", array.shape), [x], [array])
            y.source = x
            x.reshaped[array.shape] = y
        return y

    def _if(self, node: Node, values: dict[str, Known]) -> Sequence[Known]:
        chosen = values[node.inputs[0]]
        branch = node.attributes["then_branch" if chosen.array.all() else "else_branch"]
        if chosen.fixed:
            inside = dict(values)
            self.follow(branch, inside)
            return [inside[v.name] for v in branch.outputs]
        needed = _names(node) & values.keys()
        names = sorted(name for name in needed if values[name].array is not None)
        given = [chosen, *(values[name] for name in names)]
        run = partial(_branch, self.plans, node, names)
        results = run(*(v.array for v in given))
        results = results if isinstance(results, tuple) else (results,)
        return self.call(run, given, results, shaped=False)

    def plan(self, inputs: list[Known], outputs: list[Known]) -> Plan:
        """Leave out what no output needs; give each value a slot, which is used again when free."""
        needed, kept = {id(v) for v in outputs}, []
        for step in reversed(self.steps):
            if any(id(v) in needed for v in step[2]):
                kept.append(step)
                needed.update(id(v) for v in step[1])
        kept.reverse()
        last = {id(v): i for i, (_, given, _) in enumerate(kept) for v in given}
        last |= {id(v): len(kept) for v in outputs}
        start: list[Any] = []
        free: list[int] = []

        def place(v: Known, array: Any = None) -> None:
            v.slot = len(start)
            start.append(array)

        for v in inputs:
            place(v)
        for v in [*(v for _, given, _ in kept for v in given), *outputs]:
            if v.fixed and v.slot < 0:
                place(v, v.array)
        steps = []
        for i, (function, given, results) in enumerate(kept):
            slots = [v.slot for v in given]
            free += {v.slot for v in given if not v.fixed and last[id(v)] == i}
            if len(results) == 1 and free:
                results[0].slot = free.pop()
            else:
                for v in results:
                    place(v)
            first = results[0].slot
            free += [v.slot for v in results if id(v) not in last]
            steps.append((
                function,
                itemgetter(*slots) if len(slots) > 1 else itemgetter(slice(slots[0], slots[0] + 1)),
                first if len(results) == 1 else slice(first, first + len(results)),
            ))  # fmt: skip
        return Plan(steps, start, outputs)


def _operator(node: Node, opset: int, *given: Any) -> Any:
    results = compute(node, given, opset)
    return results[0] if len(results) == 1 else results


def _recurrent(
    node: Node, directions: recurrent.Directions | None, *given: Any
) -> tuple[np.ndarray, ...]:
    return recurrent.run(node, list(given), directions)


def _branch(plans: Plans, node: Node, names: list[str], chosen: np.ndarray, *arrays: Any) -> Any:
    """Compute the branch that a condition chooses, by a plan of its own."""
    branch = node.attributes["then_branch" if chosen.all() else "else_branch"]
    wanted, given = tuple(v.name for v in branch.outputs), list(arrays)
    found = plans.repeat(branch, given, wanted)
    if found is None:
        found = plans.follow(branch, names, given, wanted)
    return found[0] if len(found) == 1 else tuple(found)


def _names(node: Node) -> set[str]:
    """Return the names that the branches of a node read or give."""
    found: set[str] = set()
    for branch in node.attributes.values():
        if isinstance(branch, GraphFile):
            found |= {v.name for v in branch.outputs}
            for inner in branch.nodes:
                found |= {*inner.inputs, *_names(inner)}
    return found - {""}
