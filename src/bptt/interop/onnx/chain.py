"""Recognize a graph that is a chain of layers, so that it can be trained: a network of bptt.

From the graph's input the one path of nodes is followed to its output. A node, or a few that belong
together, is a layer; what only moves axes is followed by the order of axes. Anything else, and the
graph is no chain: it is computed as it stands.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...layers import Activation, Dense, Embedding, Layer, Pool
from ...layers.recurrent import recurrent_layer
from ...network import Network
from . import recurrent
from .files import GraphFile, Node

# The axes of the value that is followed: batch m, time T, directions D, features n.
_BATCH, _TIME, _ROWS = "mTn", "Tmn", "mn"
_ACTIVATIONS = {
    "Sigmoid": "sigmoid", "Tanh": "tanh", "Relu": "relu", "Softplus": "softplus",
    "Softsign": "softsign", "Softmax": "softmax",
}  # fmt: skip

_KEEP_ZERO = ("Expand", "Slice", "Identity", "Cast")  # of zeros make zeros


class _NoChain(Exception):
    """The graph is no chain of layers."""


def network_of(
    graph: GraphFile, directions: dict[int, recurrent.Directions]
) -> tuple[Network, dict[str, np.ndarray], bool] | None:
    """Return the network of a graph, its parameters, and whether x is (T, m, n); None if none.

    Parameters
    ----------
    graph : GraphFile
        Constants computed.
    directions : dict of int to Directions
        Cells and parameters of the recurrent nodes, by the id of the node.
    """
    try:
        chain = _Chain(graph, directions)
        chain.follow()
        network = Network(chain.layers)
    except (_NoChain, ValueError, LookupError):
        return None
    parameters = {
        f"{name}.{key}": value
        for name, own in zip(network.layers, chain.parameters, strict=True)
        for key, value in own.items()
    }
    return network, {name: parameters[name] for name in network.shapes()}, chain.time_first


class _Chain:
    """Follows one value through a graph."""

    def __init__(self, graph: GraphFile, directions: dict[int, recurrent.Directions]):
        self.graph, self.directions = graph, directions
        self.users: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                self.users.setdefault(name, []).append(node)
        self.layers: list[Layer] = []
        self.parameters: list[dict[str, np.ndarray]] = []
        self.axes = ""
        self.time_first = self.has_lengths = False

    def need(self, fits: Any) -> None:
        if not fits:
            raise _NoChain

    def follow(self) -> None:
        """Walk from the input to the output."""
        self.need(len(self.graph.outputs) >= 1 and self.graph.inputs)
        data = [v for v in self.graph.inputs if self._is_data(v.name)]
        self.need(len(data) == 1)
        value = data[0].name
        for _ in range(len(self.graph.nodes) + 1):
            if value == self.graph.outputs[0].name:
                self.need(self.layers and self.axes in (_BATCH, _TIME, _ROWS))
                return
            users = [n for n in self.users.get(value, []) if n.op != "Shape"]
            self.need(len(users) == 1)
            value = self.step(users[0], value)
        raise _NoChain

    def _is_data(self, name: str) -> bool:
        """Whether an input is no initial state and no lengths of a recurrent node."""
        return not any(
            n.op in recurrent.OPERATORS and name in n.inputs[4:7] for n in self.users.get(name, [])
        )

    def step(self, node: Node, value: str) -> str:
        """Take one node; return the name of its output that goes on."""
        takers: dict[str, Callable[[Node, str], str]] = {
            "Identity": self._same, "Dropout": self._same, "Cast": self._same,
            "Gather": self._gather, "Transpose": self._transpose, "Squeeze": self._squeeze,
            "Reshape": self._reshape, "MatMul": self._matmul, "Gemm": self._gemm,
        }  # fmt: skip
        if node.op in recurrent.OPERATORS:
            return self._recurrent(node)
        if node.op in _ACTIVATIONS:
            return self._activation(node)
        self.need(node.op in takers)
        return takers[node.op](node, value)

    def _same(self, node: Node, value: str) -> str:
        return node.outputs[0]

    def put(self, layer: Layer, parameters: dict[str, np.ndarray]) -> None:
        self.layers.append(layer)
        self.parameters.append(parameters)

    def constant(self, name: str, ndim: int) -> np.ndarray:
        array = self.graph.constants.get(name)
        self.need(array is not None and array.ndim == ndim)
        assert array is not None
        return array

    def _gather(self, node: Node, value: str) -> str:
        """An embedding, the last step, or the final state of the one direction."""
        if node.inputs[1] == value:
            table = self.constant(node.inputs[0], 2)
            self.need(node.attributes.get("axis", 0) == 0 and not self.layers)
            self.put(Embedding(*table.shape), {"We": table})
            self.axes = _BATCH
            return node.outputs[0]
        index = self.graph.constants.get(node.inputs[1])
        if index is not None and index.ndim == 0 and self.axes == "Dmn":
            self.need(node.attributes.get("axis", 0) == 0 and int(index) in (-1, 0))
            self.axes = _ROWS
            return node.outputs[0]
        time = self.axes.find("T")
        self.need(index is not None and index.size == 1 and int(index.ravel()[0]) == -1)
        self.need(time >= 0 and node.attributes.get("axis", 0) % len(self.axes) == time)
        self.need(not self.has_lengths)  # the last of all steps, and not that of each sequence
        self._pool(keeps=index is not None and index.ndim == 1)
        return node.outputs[0]

    def _pool(self, *, keeps: bool) -> None:
        n = self.layers[-1].n_out if self.layers else 0
        both = bool(self.layers) and getattr(self.layers[-1], "bidirectional", False)
        self.need(n and not both)  # the last step of both directions is no final state of either
        self.put(Pool(n, "last"), {})
        self.axes = self.axes if keeps else self.axes.replace("T", "")

    def _transpose(self, node: Node, value: str) -> str:
        perm = node.attributes.get("perm")
        if not self.axes:  # before the first layer: (m, T, n) becomes (T, m, n)
            self.need(perm in ([1, 0, 2], [1, 0]))
            self.axes = _TIME
            return node.outputs[0]
        if perm == [1, 0] and self.axes == _BATCH:  # of tokens is not seen here
            raise _NoChain
        self.need(perm is not None and sorted(perm) == list(range(len(self.axes))))
        self.axes = "".join(self.axes[i] for i in perm or [])
        return node.outputs[0]

    def _squeeze(self, node: Node, value: str) -> str:
        given = node.attributes.get("axes")
        if given is None:
            given = self.constant(node.inputs[1], 1).tolist()
        self.need(len(given) == 1 and self.axes)
        axis = given[0] % len(self.axes)
        self.need(self.axes[axis] in "D1")
        self.axes = self.axes[:axis] + self.axes[axis + 1 :]
        return node.outputs[0]

    def _reshape(self, node: Node, value: str) -> str:
        """Directions and features joined: (.., .., D, n) -> (.., .., D n)."""
        shape = self.constant(node.inputs[1], 1).tolist()
        joined = shape[:2] == [0, 0] and len(shape) == 3 and self.axes.endswith("Dn")
        if joined and shape[2] in (-1, self.layers[-1].n_out):
            self.axes = self.axes[:-2] + "n"
            return node.outputs[0]
        rows = self.axes in ("mTn") and isinstance(self.layers[-1], (Pool, Dense, Activation))
        self.need(rows and len(shape) == 2 and shape[0] == -1 and shape[1] == self.layers[-1].n_out)
        self.need(any(isinstance(layer, Pool) for layer in self.layers))
        self.axes = _ROWS
        return node.outputs[0]

    def _recurrent(self, node: Node) -> str:
        found = self.directions.get(id(node))
        self.need(found is not None)
        assert found is not None
        layout = bool(node.attributes.get("layout"))
        if not self.axes:  # the input itself
            self.axes, self.time_first = (_BATCH, False) if layout else (_TIME, True)
        self.need(self.axes == (_BATCH if layout else _TIME))
        if len(node.inputs) > 4 and node.inputs[4]:
            self.has_lengths = True
            self.need(any(v.name == node.inputs[4] for v in self.graph.inputs))
        self.need(all(self._is_zero(name) for name in node.inputs[5:7]))
        self.need(len({d.cell for d in found}) == 1 and not (len(found) == 1 and found[0].reverse))
        sizes = found[0].cell.sizes(found[0].parameters)
        layer = recurrent_layer(
            found[0].cell, sizes["n_x"], sizes["n_a"], bidirectional=len(found) > 1
        )
        self.put(layer, {
            f"{'reverse.' * bool(k)}{key}": p
            for k, d in enumerate(found)
            for key, p in d.parameters.items()
        })  # fmt: skip
        goes_on = [name for name in node.outputs if name and self._leads_on(name)]
        self.need(len(goes_on) == 1)
        if goes_on[0] == node.outputs[0]:
            self.axes = "mTDn" if layout else "TDmn"
        else:  # Y_h: the final states
            self.need(len(node.outputs) > 1 and goes_on[0] == node.outputs[1] and len(found) == 1)
            self.put(Pool(layer.n_out, "last"), {})
            self.axes = "mDn" if layout else "Dmn"
        return goes_on[0]

    def _leads_on(self, name: str) -> bool:
        """Whether a value is used by another node, and not as a further output alone."""
        return bool(self.users.get(name)) or name == self.graph.outputs[0].name

    def _is_zero(self, name: str) -> bool:
        """Whether an initial state is left out, 0, made of 0 by Expand, or an input."""
        if not name or any(v.name == name for v in self.graph.inputs):
            return True
        if name in self.graph.constants:
            return not self.graph.constants[name].any()
        maker = next((n for n in self.graph.nodes if name in n.outputs), None)
        if maker is not None and maker.op == "ConstantOfShape":
            value = maker.attributes.get("value")
            return value is None or not value.any()
        return maker is not None and maker.op in _KEEP_ZERO and self._is_zero(maker.inputs[0])

    def _activation(self, node: Node) -> str:
        self.need(self.layers and self.axes in (_BATCH, _TIME, _ROWS))
        if node.op == "Softmax":
            last = len(self.axes) - 1
            self.need(node.attributes.get("axis", -1) in (-1, last))
        self.put(Activation(self.layers[-1].n_out, _ACTIVATIONS[node.op]), {})
        return node.outputs[0]

    def _matmul(self, node: Node, value: str) -> str:
        self.need(node.inputs[0] == value)
        W = self.constant(node.inputs[1], 2)
        users = self.users.get(node.outputs[0], [])
        after = users[0] if len(users) == 1 and users[0].op == "Add" else None
        bias, output = np.zeros(W.shape[1], W.dtype), node.outputs[0]
        if after is not None:
            other = next((n for n in after.inputs if n != node.outputs[0]), "")
            given = self.graph.constants.get(other)
            if given is not None and given.shape == bias.shape:
                bias, output = given, after.outputs[0]
        self._dense(W, bias)
        return output

    def _gemm(self, node: Node, value: str) -> str:
        a = node.attributes
        plain = a.get("alpha", 1.0) == 1 and a.get("beta", 1.0) == 1 and not a.get("transA")
        self.need(plain and node.inputs[0] == value and self.axes == _ROWS)
        W = self.constant(node.inputs[1], 2)
        W = W.T if a.get("transB") else W
        has_bias = len(node.inputs) > 2 and node.inputs[2]
        self._dense(
            W, self.constant(node.inputs[2], 1) if has_bias else np.zeros(W.shape[1], W.dtype)
        )
        return node.outputs[0]

    def _dense(self, W: np.ndarray, bias: np.ndarray) -> None:
        if not self.axes:
            self.axes = _BATCH
        self.need(self.axes in (_BATCH, _TIME, _ROWS))
        own = {"Wy": np.ascontiguousarray(W.T), "by": np.ascontiguousarray(bias[:, np.newaxis])}
        self.put(Dense(*W.shape), own)
