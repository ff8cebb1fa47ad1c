"""Imported: a model read from another program's file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import InteropError, operation
from ..layers.base import Batch, Layer, as_batch
from ..network import Network
from ..safe_files import printable

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from .onnx import Graph

__all__ = ["Imported", "Mask"]


@dataclass(frozen=True)
class Mask:
    """Which time steps a file's model skips, wherever they lie.

    Parameters
    ----------
    kind : {"id", "value"}
        A token `value`, or a step all of whose features are `value`.
    value : float
    zero_output : bool
        Whether the outputs at skipped steps are 0; otherwise they repeat the output before (0 if
        there is none).
    """

    kind: Literal["id", "value"]
    value: float
    zero_output: bool = False

    def kept(self, x: np.ndarray) -> np.ndarray:
        """Return which steps count, ndarray of bool, shape (m, T_x)."""
        return x != self.value if self.kind == "id" else (x != self.value).any(axis=2)


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What a file of another program holds, in bptt's terms.

    Unpacks to its network and parameters: ``network, parameters = load("model.pt")``.

    Attributes
    ----------
    format : str
        "PyTorch (zip)", "Keras 2.3.1 (HDF5)", "ONNX opset 14", ...
    path : str
        Empty if it was not read from a file.
    modules : dict of str to Imported
        Where the file names several parts and not how they are connected, as a PyTorch state dict
        does: each by its name there. Empty if there is one whole model.
    tensors : dict of str to ndarray
        Arrays that belong to no supported layer, by their names in the file.
    mask : Mask or None
    initial_state : tuple or None
        States before the first step that the file holds, for one sequence, as `Network.zero_state`.
    notes : tuple of str
        Sentences about what was assumed, left out or merged; the command line prints them.
    graph : Graph or None
        A whole ONNX model, if bptt computes all of it.
    fitted : fitted model or None
        What a network of bptt belongs to when it is written.
    obstacle : str
        Why there is no whole model: where it branches, or which layer is unknown.
    metadata : dict of str to Any
        What the file says besides: input names, padding, scaling, sample rate, label names.
    """

    format: str
    path: str = ""
    model: tuple[Network, dict[str, np.ndarray]] | None = None
    modules: Mapping[str, "Imported"] = field(default_factory=dict)
    tensors: Mapping[str, np.ndarray] = field(default_factory=dict)
    mask: Mask | None = None
    initial_state: tuple[Any, ...] | None = None
    notes: tuple[str, ...] = ()
    graph: "Graph | None" = None
    fitted: Any = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    obstacle: str = ""

    def __iter__(self) -> Iterator[Any]:
        return iter((self.network, self.parameters))

    @property
    def network(self) -> Network:
        """The network of the file, or of its only module."""
        return self._one()[0]

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The parameters of `network`, by their full names."""
        return self._one()[1]

    @operation("Imported")
    def _one(self) -> tuple[Network, dict[str, np.ndarray]]:
        if self.model is not None:
            return self.model
        if len(self.modules) == 1 and not self.obstacle:
            return next(iter(self.modules.values()))._one()
        where = f" of {self.path}" if self.path else ""
        if self.obstacle:
            names = ", ".join(map(repr, map(printable, self.modules))) or "none"
            raise InteropError(
                f"the model{where} cannot be one network: {self.obstacle}; expected a chain of "
                f"known layers, or one module of {names}."
            )
        if not self.modules:
            raise InteropError(f"the model{where} is no chain of layers; expected one: use run().")
        names = ", ".join(map(repr, self.modules))
        raise InteropError(
            f"the file{where} holds {len(self.modules)} modules and does not say how they are "
            f"connected; expected the name of one of {names}, as load(path, module=...)."
        )

    @operation("Imported.chain")
    def chain(self, *names: str | Layer) -> "Imported":
        """Connect modules of a file that does not say their order, such as a state dict.

        Parameters
        ----------
        *names : str or Layer
            Names of `modules`, from input to output, and layers without parameters between them,
            such as `bptt.layers.Pool`.

        Returns
        -------
        Imported
            One model. Its layers have the names of the modules, with ``_`` for a dot.

        Raises
        ------
        InteropError
            There is no such module.
        ConfigError
            The output of one does not fit the input of the next.

        Examples
        --------
        >>> from bptt.interop import from_torch
        >>> state = {"rnn.weight_ih_l0": (32, 3), "rnn.weight_hh_l0": (32, 8), "fc.weight": (2, 8)}
        >>> imported = from_torch({k: np.ones(n) for k, n in state.items()})
        >>> imported.chain("rnn", "fc").network
        Network(rnn: LSTM(3, 8), fc: Dense(8, 2))
        """
        layers: dict[str, Layer] = {}
        parameters: dict[str, np.ndarray] = {}
        for part in names:
            if isinstance(part, Layer):
                layers[f"{type(part).__name__.lower()}{len(layers)}"] = part
                continue
            if part not in self.modules:
                known = ", ".join(map(repr, self.modules)) or "none"
                raise InteropError(f"there is no module {printable(part)!r}; there are {known}.")
            network, own = self.modules[part]
            for name, layer in network.layers.items():
                new = part.replace(".", "_") or "module"
                if len(network.layers) > 1:
                    new = name if name.startswith(new) else f"{new}_{name}"
                layers[new] = layer
                parameters |= {f"{new}.{key}": own[f"{name}.{key}"] for key in layer.shapes()}
        model = Network(layers), parameters
        return replace(self, model=model, modules={}, tensors={}, notes=(), obstacle="")

    def astype(self, dtype: "DTypeLike") -> "Imported":
        """Return the same model with parameters of another dtype: float64 for more digits."""
        if self.model is None:
            modules = {name: module.astype(dtype) for name, module in self.modules.items()}
            return replace(self, modules=modules)
        network, parameters = self.model
        parameters = {name: p.astype(dtype) for name, p in parameters.items()}
        return replace(self, model=(network, parameters))

    @operation("Imported.run")
    def run(
        self,
        x: Batch | None = None,
        lengths: Sequence[int] | np.ndarray | None = None,
        **inputs: np.ndarray,
    ) -> Any:
        """Compute the outputs for a batch, with the file's mask and initial states.

        Parameters
        ----------
        x : ndarray, shape (m, T_x, n_x) or, for tokens, (m, T_x); or a list of m sequences
            (m, n_x) is one step of each.
        lengths : sequence of m int, optional
        **inputs : ndarray
            Of an ONNX graph: its inputs by name. x is the first of them.

        Returns
        -------
        ndarray, shape (m, T_x, n_out); (m, n_out) if the model has one output for a sequence
            Of an ONNX graph: its output, or a dict of them by name if there are several.

        Raises
        ------
        ShapeError, InteropError
        """
        if self.graph is not None:
            first = next(iter(self.graph.inputs), "x")
            given = inputs if x is None else {first: np.asarray(x), **inputs}
            if lengths is not None:
                given = {**given, "lengths": np.asarray(lengths, np.int32)}
            outputs = self.graph.run(given)
            return next(iter(outputs.values())) if len(outputs) == 1 else outputs
        if x is None or inputs:
            raise InteropError(f"inputs are {', '.join(inputs) or 'none'}; expected x alone.")
        from .running import run_network  # which needs Mask

        network, parameters = self._one()
        x, lengths = as_batch(x, lengths)
        x = np.asarray(x)
        return run_network(network, parameters, x, lengths, self.mask, self.initial_state)


def compacted(x: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move the steps that count to the front of each sequence; return also their numbers.

    >>> compacted(np.array([[0, 7, 0, 5]]), np.array([[False, True, False, True]]))
    (array([[7, 5, 0, 0]]), array([2]))
    """
    order = np.argsort(~kept, axis=1, kind="stable")
    index = order.reshape(*order.shape, *(1,) * (x.ndim - 2))
    return np.take_along_axis(x, index, axis=1), kept.sum(axis=1)


def repeated(state: tuple[Any, ...], m: int) -> tuple[Any, ...]:
    """Return the states of one sequence for each of m: (n_slots, 1, n) -> (n_slots, m, n)."""
    return tuple(
        tuple(np.repeat(s, m, axis=1) for s in layer) if isinstance(layer, tuple) else layer
        for layer in state
    )
