"""Graph: a whole ONNX model, computed in NumPy and its recurrent nodes on the engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import BpttError, InteropError, operation
from ...network import Network
from ..imported import Imported
from . import products, recurrent, shapes  # noqa: F401  (they register their operators)
from .chain import network_of
from .files import GraphFile, ModelFile, Node, Value
from .operators import MOST_ELEMENTS, OPERATORS

_FOLDED = 2**24  # elements of an array that is computed when a file is read


class Graph:
    """The graph of an ONNX file.

    Attributes
    ----------
    inputs, outputs : dict of str to Value
        Names, dtypes and shapes, as the file says them. Inputs with a value in the file are none.
    unknown : tuple of str
        Operators that bptt does not compute, once each. With any, `run` refuses.
    """

    def __init__(self, model: ModelFile):
        self._file = model
        self.inputs: dict[str, Value] = {v.name: v for v in model.graph.inputs}
        self.outputs: dict[str, Value] = {v.name: v for v in model.graph.outputs}
        self._directions: dict[int, list[recurrent.Direction]] = {}  # by id of the node
        self.modules: dict[str, Imported] = {}
        self.notes: list[str] = []
        _fold(model.graph, {}, model.opset, self._visit)
        self.unknown: tuple[str, ...] = tuple(sorted(_unknown(model.graph)))

    def _visit(self, node: Node, known: Mapping[str, Any]) -> None:
        """Take the weights of a recurrent node where they are constants."""
        given = [known.get(name) for name in node.inputs]
        _, W, R, B, _, h0, c0, P = (*given, *[None] * 8)[:8]
        left_out = [
            k for k in (3, 7) if k < len(node.inputs) and node.inputs[k] and given[k] is None
        ]
        if W is None or R is None or left_out:
            return
        with _naming(node):
            directions = recurrent.directions_of(node, W, R, B, P)
            self._directions[id(node)] = directions
            name = node.name or f"{node.op.lower()}{len(self.modules)}"
            while name in self.modules:
                name += "_"
            states = [h0, c0][: directions[0].cell.n_states]
            try:
                self.modules[name] = recurrent.module_of(node, directions, states, self._file.opset)
            except InteropError as error:
                self.notes.append(f"{name}: {error}")

    def chain(self) -> tuple[Network, dict[str, np.ndarray], bool] | None:
        """Return the graph as a network of layers, its parameters, and whether x is time first.

        None if it is no chain of layers.
        """
        return network_of(self._file.graph, self._directions)

    @operation("Graph.run")
    def run(
        self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Compute the outputs.

        Parameters
        ----------
        inputs : dict of str to ndarray
        outputs : sequence of str, optional
            Names of the values wanted: outputs of the graph or of any node of it; all outputs of
            the graph if None.

        Returns
        -------
        dict of str to ndarray

        Raises
        ------
        InteropError
            An operator is not known, an input is missing or does not fit.
        """
        if self.unknown:
            raise InteropError(
                f"the graph has {', '.join(self.unknown)}, which bptt does not compute; its "
                f"recurrent nodes alone are in load_nodes(path): "
                f"{', '.join(map(repr, self.modules)) or 'none'}."
            )
        missing = [name for name in self.inputs if name not in inputs]
        extra = [name for name in inputs if name not in self.inputs]
        if missing or extra:
            raise InteropError(
                f"inputs are {', '.join(inputs) or 'none'}; expected {', '.join(self.inputs)}."
            )
        values: dict[str, Any] = {"": None}
        for name, value in self.inputs.items():
            array = np.asarray(inputs[name])
            if value.dtype is not None and array.dtype != value.dtype:
                raise InteropError(f"{name} is {array.dtype}; expected {value.dtype}.")
            fixed = [n for n in value.shape or () if isinstance(n, int)]
            if value.shape is not None and (
                array.ndim != len(value.shape)
                or [n for n, s in zip(array.shape, value.shape, strict=True) if isinstance(s, int)]
                != fixed
            ):
                raise InteropError(f"{name} has shape {array.shape}; expected {value.shape}.")
            values[name] = array
        wanted = list(self.outputs) if outputs is None else list(outputs)
        found = self._run(self._file.graph, values)
        absent = [name for name in wanted if name not in found]
        if absent:
            raise InteropError(f"the graph has no value {absent[0]!r}.")
        return {name: found[name] for name in wanted}

    def _run(self, graph: GraphFile, values: dict[str, Any]) -> dict[str, Any]:
        values.update(graph.constants)
        for node in graph.nodes:
            with _naming(node):
                given = []
                for name in node.inputs:
                    if name not in values:
                        raise InteropError(f"its input {name!r} is computed nowhere before.")
                    given.append(values[name])
                if node.op == "If":
                    branch = node.attributes["then_branch" if given[0].all() else "else_branch"]
                    inside = self._run(branch, dict(values))
                    results = tuple(inside[v.name] for v in branch.outputs)
                elif node.op in recurrent.OPERATORS:
                    results = recurrent.run(node, given, self._directions.get(id(node)))
                else:
                    results = _compute(node, given, self._file.opset)
                values.update(zip(node.outputs, results, strict=False))
                values[""] = None
        return values


def _compute(node: Node, given: list[Any], opset: int) -> tuple[Any, ...]:
    """Compute a node that is not recurrent."""
    attributes = node.attributes
    if node.op == "Split":
        attributes = {**attributes, "n_outputs": len(node.outputs)}
    result = OPERATORS[node.op](given, attributes, opset)
    return result if isinstance(result, tuple) else (np.asarray(result),)


class _naming:
    """Turns what NumPy says of a node into one sentence that names the node."""

    def __init__(self, node: Node):
        self.node = node

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        what = f"{self.node.op} {self.node.name!r}"
        if isinstance(error, BpttError) and not getattr(error, "named", False):
            new = InteropError(f"{what}: {error}")
        elif isinstance(error, (ValueError, TypeError, IndexError, KeyError, AttributeError,
                                ZeroDivisionError, OverflowError, MemoryError)):  # fmt: skip
            if isinstance(error, BpttError):
                return
            new = InteropError(f"{what}: its inputs do not fit: {error!r:.300}.")
        else:
            return
        new.named = True  # type: ignore[attr-defined]
        raise new from None


def _unknown(graph: GraphFile) -> set[str]:
    found = set()
    for node in graph.nodes:
        if node.op == "If":
            for key in ("then_branch", "else_branch"):
                if not isinstance(branch := node.attributes.get(key), GraphFile):
                    raise InteropError(f"If {node.name!r} has no {key}; expected a graph.")
                found |= _unknown(branch)
        elif node.op not in OPERATORS and node.op not in recurrent.OPERATORS:
            found.add(node.op)
    return found


def _fold(graph: GraphFile, outer: dict[str, Any], opset: int, visit: Any) -> None:
    """Compute what depends on constants alone, in branches too; visit the recurrent nodes."""
    known = {**outer, **graph.constants, "": None}
    for value in graph.inputs:
        known.pop(value.name, None)
    left, room = [], 4 * _FOLDED
    token = MOST_ELEMENTS.set(_FOLDED)
    try:
        for node in graph.nodes:
            for branch in node.attributes.values():
                if isinstance(branch, GraphFile):
                    _fold(branch, known, opset, visit)
            if node.op in recurrent.OPERATORS:
                visit(node, known)
            foldable = node.op in OPERATORS and all(name in known for name in node.inputs)
            if foldable and room > 0:
                try:
                    results = _compute(node, [known[name] for name in node.inputs], opset)
                except (BpttError, ArithmeticError, LookupError, TypeError, ValueError,
                        AttributeError, MemoryError):  # fmt: skip
                    results = None  # `run` says what is wrong with it
                if results is not None and sum(r.size for r in results) <= _FOLDED:
                    room -= sum(r.size for r in results)
                    known.update(zip(node.outputs, results, strict=False))
                    graph.constants.update((n, known[n]) for n in node.outputs if n and n in known)
                    known[""] = None
                    continue
            for name in node.outputs:
                known.pop(name, None)
            known[""] = None
            left.append(node)
    finally:
        MOST_ELEMENTS.reset(token)
    graph.nodes = left
