"""Graph: a whole ONNX model, its recurrent nodes on the engine and the others in NumPy."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import InteropError, operation
from ...network import Network
from ..imported import Imported
from . import functions, pools, product_steps, products, recurrent, shapes  # noqa: F401  (operators)
from .chain import network_of
from .files import GraphFile, ModelFile, Node, Value
from .operators import MISFITS, MOST_ELEMENTS, OPERATORS, compute, naming
from .plans import Plans
from .subgraphs import GRAPHS

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
        self._directions: dict[int, recurrent.Directions] = {}  # by id of the node
        self.modules: dict[str, Imported] = {}
        self.notes: list[str] = []
        _fold(model.graph, {}, model.opset, self._visit)
        self._plans = Plans(model.opset, self._directions)
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
        with naming(node):
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
        given = [np.asarray(inputs[name]) for name in self.inputs if name in inputs]
        if not len(given) == len(inputs) == len(self.inputs):
            raise InteropError(
                f"inputs are {', '.join(inputs) or 'none'}; expected {', '.join(self.inputs)}."
            )
        wanted = tuple(self.outputs if outputs is None else outputs)
        found = self._plans.repeat(self._file.graph, given, wanted)
        if found is None:
            for array, value in zip(given, self.inputs.values(), strict=True):
                _check(array, value)
            found = self._plans.follow(self._file.graph, list(self.inputs), given, wanted)
        return dict(zip(wanted, found, strict=True))


def _check(array: np.ndarray, value: Value) -> None:
    """Refuse an input that is not as the file says."""
    if value.dtype is not None and array.dtype != value.dtype:
        raise InteropError(f"{value.name} is {array.dtype}; expected {value.dtype}.")
    if value.shape is None:
        return
    sizes = zip(array.shape, value.shape, strict=False)
    if array.ndim != len(value.shape) or any(isinstance(s, int) and n != s for n, s in sizes):
        raise InteropError(f"{value.name} has shape {array.shape}; expected {value.shape}.")


def _unknown(graph: GraphFile) -> set[str]:
    found = set()
    for node in graph.nodes:
        if node.op in GRAPHS:
            for key in GRAPHS[node.op]:
                if not isinstance(inner := node.attributes.get(key), GraphFile):
                    raise InteropError(f"{node.op} {node.name!r} has no {key}; expected a graph.")
                found |= _unknown(inner)
        elif node.op not in OPERATORS and node.op not in recurrent.OPERATORS:
            found.add(node.op)
    return found


def _fold(graph: GraphFile, outer: dict[str, Any], opset: int, visit: Any) -> None:
    """Compute what depends on constants alone, in branches too; visit the recurrent nodes."""
    read = {name for node in graph.nodes for name in node.inputs}
    read |= {v.name for v in graph.outputs}
    inside = {v.name for v in graph.inputs} | {n for node in graph.nodes for n in node.outputs}
    graph.constants.update((n, outer[n]) for n in read & outer.keys() - inside - {""})
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
                    results = compute(node, [known[name] for name in node.inputs], opset)
                except MISFITS:
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
