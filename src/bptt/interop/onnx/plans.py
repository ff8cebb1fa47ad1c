"""Plans: a graph for inputs of given shapes, as a list of NumPy calls (`runs.Plan`).

A graph is computed node by node, with every check. When shapes of inputs come for the second time,
this also makes a plan: values that depend on constants and shapes alone are kept; each other node
becomes steps in the form that its operator has in `steps` and `product_steps`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import methodcaller
from typing import Any

import numpy as np

from ...engine import provider
from ...errors import InteropError
from . import recurrent
from .files import GraphFile, Node
from .operators import MISFITS, SHAPED_BY, compute, naming
from .runs import Plan, Step
from .subgraphs import names_in, run_branch, run_loop, run_scan

MOST_PLANS, MOST_SEEN = 8, 64  # plans, and shapes without a plan; the oldest are dropped


@dataclass(eq=False)
class Known:
    """A value while a plan is made."""

    array: Any  # in the run that is followed
    fixed: bool = False  # the same in every run
    shaped: bool = True  # of the same shape in every run
    origin: "tuple[str, Any] | None" = None  # what it is of: an operator, and what a form needs
    slot: int = -1  # its place in a run

    @classmethod
    def left_out(cls) -> "Known":
        """Return what stands for an input that is left out."""
        return cls(None, fixed=True)


# (maker, node, inputs, outputs) -> the outputs of the step or steps that it adds, or None where it
# does not fit. Inputs and outputs are those of the run that is followed, computed and checked. What
# it returns has the shapes and dtypes of the outputs.
Form = Callable[["Maker", Node, list[Known], Sequence[np.ndarray]], Any]
FORMS: dict[str, Form] = {}


def form(*names: str) -> Callable[[Form], Form]:
    """Register a function as the form that operators of these names have in plans."""

    def register(function: Form) -> Form:
        FORMS.update(dict.fromkeys(names, function))
        return function

    return register


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
        return [np.array(v.array) for v in outputs]  # which may be constants, or views of inputs


def _key(graph: GraphFile, arrays: list[np.ndarray], wanted: tuple[str, ...]) -> tuple[Any, ...]:
    return id(graph), provider().name, wanted, *[(a.shape, a.dtype) for a in arrays]


def _keep(found: dict[Any, Any], key: Any, value: Any, most: int) -> None:
    """Add an entry; drop the oldest where there are more."""
    found[key] = value
    for oldest in list(found)[:-most]:  # a list, because other threads add entries
        found.pop(oldest, None)


class Maker:
    """Computes a graph node by node and collects the steps that depend on its inputs' values.

    Without `makes` no plan is made of the steps: they are the operators, not their forms.
    """

    def __init__(self, plans: Plans, *, makes: bool):
        self.makes = makes
        self.plans, self.opset, self.directions = plans, plans.opset, plans.directions
        self.steps: list[tuple[str, Callable[..., Any], Sequence[Known], list[Known]]] = []

    def follow(self, graph: GraphFile, values: dict[str, Known]) -> None:
        """Compute all nodes; add their outputs to the values."""
        values.update((name, Known(x, fixed=True)) for name, x in graph.constants.items())
        for node in graph.nodes:
            with naming(node):
                for name in node.inputs:
                    if name not in values:
                        raise InteropError(f"its input {name!r} is computed nowhere before.")
                given = [values[name] for name in node.inputs]
                if node.op == "If":
                    results = self._if(node, values)
                elif node.op in ("Loop", "Scan"):
                    run = run_loop if node.op == "Loop" else run_scan
                    results = self._with_graphs(node, values, given, run)
                else:
                    results = self._node(node, given)
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
                found = [found] if isinstance(found, Known) else found
                for v, array in zip(found, results, strict=True):
                    v.array = array  # a form knows the shape of what it adds, not the elements
                return found
        return self.fresh(run, given, results, shaped=shaped)

    def add(
        self, kind: str, function: Callable[..., Any], given: Sequence[Known],
        results: Sequence[np.ndarray], *, shaped: bool = True,
    ) -> list[Known]:  # fmt: skip
        """Add a step of a kind that `runs.Step` describes."""
        outputs = [Known(array, shaped=shaped) for array in results]
        self.steps.append((kind, function, given, outputs))
        return outputs

    def call(
        self, function: Callable[..., Any], given: Sequence[Known], result: np.ndarray
    ) -> Known:
        """Add a step: a function (arrays, out), which computes an array like the result."""
        return self.add("call", function, given, [result])[0]

    def view(self, function: Callable[[np.ndarray], np.ndarray], x: Known) -> Known:
        """Add a step that returns a view of x, or a copy where the layout of x has none."""
        return self.add("view", function, [x], [function(x.array)])[0]

    def reshape(self, x: Known, shape: tuple[int, ...]) -> Known:
        """Add a reshaping."""
        function = methodcaller("reshape", shape)
        return self.add("reshape", function, [x], [function(x.array)])[0]

    def fresh(
        self, function: Callable[..., Any], given: Sequence[Known], results: Sequence[np.ndarray],
        *, shaped: bool = True,
    ) -> list[Known]:  # fmt: skip
        """Add a step: a function (arrays), which returns a tuple of arrays."""
        return self.add("fresh", function, given, results, shaped=shaped)

    def _if(self, node: Node, values: dict[str, Known]) -> Sequence[Known]:
        chosen = values[node.inputs[0]]
        branch = node.attributes["then_branch" if chosen.array.all() else "else_branch"]
        if chosen.fixed:
            inside = dict(values)
            self.follow(branch, inside)
            return [inside[v.name] for v in branch.outputs]
        return self._with_graphs(node, values, [chosen], run_branch)

    def _with_graphs(
        self, node: Node, values: dict[str, Known], given: Sequence[Known],
        function: Callable[..., tuple[np.ndarray, ...]],
    ) -> list[Known]:  # fmt: skip
        """Add a step that runs the graphs in a node by plans of their own."""
        names = sorted(names_in(node) & values.keys() - {""})
        names = [name for name in names if values[name].array is not None]
        given = [*given, *(values[name] for name in names)]
        run = partial(function, self.plans, node, names)
        return self.fresh(run, given, run(*(v.array for v in given)), shaped=False)

    def plan(self, inputs: list[Known], outputs: list[Known]) -> Plan:
        """Leave out what no output needs; number the values."""
        needed, kept = {id(v) for v in outputs}, []
        for step in reversed(self.steps):
            if any(id(v) in needed for v in step[3]):
                kept.append(step)
                needed.update(id(v) for v in step[2])
        kept.reverse()
        constants: list[Any] = []

        def numbers(values: Sequence[Known]) -> list[int]:
            for v in values:
                if v.slot < 0:
                    v.slot = len(constants)
                    constants.append(v.array if v.fixed else None)
            return [v.slot for v in values]

        def shapes(values: Sequence[Known]) -> list[tuple[tuple[int, ...], np.dtype]]:
            return [(v.array.shape, v.array.dtype) for v in values if v.shaped]

        numbers(inputs)
        steps = [Step(kind, function, numbers(given), numbers(results), shapes(results))
                 for kind, function, given, results in kept]  # fmt: skip
        return Plan(steps, constants, shapes(inputs), numbers(outputs))


def _operator(node: Node, opset: int, *given: Any) -> tuple[Any, ...]:
    return compute(node, given, opset)


def _recurrent(
    node: Node, directions: recurrent.Directions | None, *given: Any
) -> tuple[np.ndarray, ...]:
    return recurrent.run(node, list(given), directions)
