"""The recurrent operators of ONNX, LSTM, GRU and RNN, on the engine.

Source: the operators' documentation (versions 1 to 22). All attributes are read: directions,
activations with alpha and beta, clip, input_forget, linear_before_reset, peepholes, layout.
"""

import numpy as np

from ...engine import provider
from ...engine.contract import Direction, Prepared
from ...equations import Cell, variant
from ...equations.nonlinearities import DEFAULTS, nonlinearity
from ...errors import ConfigError, InteropError
from ...layers import Reverse
from ...layers.base import Layer
from ...layers.recurrent import recurrent_layer
from ...network import Network
from ..conventions import Blocks, from_blocks
from ..imported import Imported
from .files import Node

OPERATORS = ("LSTM", "GRU", "RNN")
N_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_DEFAULT = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
NAMES = {  # bptt's name -> ONNX's, and how many of alpha and beta count
    "sigmoid": ("Sigmoid", 0), "tanh": ("Tanh", 0), "relu": ("Relu", 0),
    "hard_sigmoid": ("HardSigmoid", 2), "linear": ("Affine", 2), "leaky_relu": ("LeakyRelu", 1),
    "thresholded_relu": ("ThresholdedRelu", 1), "scaled_tanh": ("ScaledTanh", 2),
    "elu": ("Elu", 1), "softsign": ("Softsign", 0), "softplus": ("Softplus", 0),
}  # fmt: skip
_KINDS = {name.lower(): (kind, count) for kind, (name, count) in NAMES.items()}

_NO_DEFAULTS = ("linear", "scaled_tanh", "thresholded_relu")


class Directions(list[Direction]):
    """The directions of a node. The engine packs their weights at the first call."""

    def __init__(self):
        super().__init__()
        self._prepared: dict[tuple[str, int], tuple[Prepared, np.ndarray | None]] = {}

    def prepared(self, table: np.ndarray | None = None) -> Prepared:
        """Return the function of the engine in use; with a table it takes token ids."""
        engine = provider()
        key = engine.name, id(table)
        if key not in self._prepared:
            self._prepared[key] = engine.prepare(self, table), table
        return self._prepared[key][0]


def cells_of(node: Node) -> list[tuple[Cell, bool]]:
    """Return the cell of each direction of a node, and whether it runs backwards in time.

    Raises
    ------
    InteropError
        An attribute has a value that the operator does not define.
    """
    a = node.attributes
    directions = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
    given = a.get("direction", "forward")
    if given not in directions:
        raise InteropError(f"direction is {given!r}; expected forward, reverse or bidirectional.")
    reverse = directions[given]
    names = a.get("activations") or list(_DEFAULT[node.op]) * len(reverse)
    each = len(_DEFAULT[node.op])
    if len(names) != each * len(reverse):
        raise InteropError(f"activations has {len(names)} names; expected {each * len(reverse)}.")
    numbers = {key: list(a.get(f"activation_{key}", [])) for key in ("alpha", "beta")}
    functions = tuple(_activation(name, numbers) for name in names)
    clip = float(a["clip"]) if a.get("clip") else None
    cells = []
    for k, backwards in enumerate(reverse):
        cells.append(
            (variant(_family(node), functions[k * each : (k + 1) * each], clip), backwards)
        )
    return cells


def _family(node: Node) -> str:
    if node.op == "LSTM":
        coupled = "_cifg" * bool(node.attributes.get("input_forget"))
        peephole = "_peephole" * (len(node.inputs) > 7 and bool(node.inputs[7]))
        return f"lstm{coupled}{peephole}"
    if node.op == "GRU":
        return "gru" + "_reset_after" * bool(node.attributes.get("linear_before_reset"))
    return "rnn"


def _activation(name: str, numbers: dict[str, list[float]]):
    """Return an activation; those that have an alpha or beta take the next of their list."""
    if name.lower() not in _KINDS:
        known = ", ".join(name for name, _ in NAMES.values())
        raise InteropError(f"activation {name!r} is not known; expected one of {known}.")
    kind, count = _KINDS[name.lower()]
    default = DEFAULTS[kind]
    needed = ("alpha", "beta")[:count]
    if kind in _NO_DEFAULTS and not all(numbers[key] for key in needed):
        raise InteropError(
            f"activation {name} has no {' and '.join(needed)}; expected activation_alpha and "
            f"activation_beta, because programs differ in what they take otherwise."
        )
    values = [numbers[key].pop(0) if numbers[key] else default[i] for i, key in enumerate(needed)]
    try:
        return nonlinearity(kind, *(float(f"{v:.7g}") for v in values))  # they are float32
    except ConfigError as error:
        raise InteropError(str(error)) from None


def directions_of(
    node: Node, W: np.ndarray, R: np.ndarray, B: np.ndarray | None, P: np.ndarray | None
) -> Directions:
    """Return cells and parameters of a node from its weights.

    Parameters
    ----------
    node : Node
    W, R : ndarray, shape (n_directions, n_gates n_a, n_x) and (n_directions, n_gates n_a, n_a)
    B : ndarray, shape (n_directions, 2 n_gates n_a), or None
    P : ndarray, shape (n_directions, 3 n_a), or None
        Peepholes, in the order input, output, forget.
    """
    cells, n_gates = cells_of(node), N_GATES[node.op]
    if W.ndim != 3 or R.ndim != 3 or len(W) != len(cells) or len(R) != len(cells):
        raise InteropError(
            f"W is {W.shape} and R {R.shape}; expected ({len(cells)}, {n_gates} n_a, n_x) and "
            f"({len(cells)}, {n_gates} n_a, n_a)."
        )
    n_a = R.shape[2]
    for name, array, width in (("B", B, 2 * n_gates * n_a), ("P", P, 3 * n_a)):
        if array is not None and array.shape != (len(cells), width):
            raise InteropError(f"{name} is {array.shape}; expected {(len(cells), width)}.")
    found = Directions()
    for k, (cell, reverse) in enumerate(cells):
        b, rb = (None, None) if B is None else np.split(B[k], 2)
        parameters = from_blocks(cell, Blocks(W[k], R[k], b, rb), "onnx", like=f"node {node.name}")
        if P is not None and "po" in cell.parameters:
            own = dict(zip(("pi", "po", "pf"), np.split(P[k], 3), strict=True))
            parameters |= {n: p[:, np.newaxis] for n, p in own.items() if n in cell.parameters}
        parameters = {n: np.ascontiguousarray(parameters[n]) for n in cell.parameters}
        found.append(Direction(cell, parameters, reverse))
    return found


def run(
    node: Node, inputs: list[np.ndarray | None], directions: Directions | None = None
) -> tuple[np.ndarray, ...]:
    """Compute a recurrent node: Y, Y_h and, for an LSTM, Y_c.

    Parameters
    ----------
    node : Node
    inputs : list of (ndarray or None)
        X, W, R, B, sequence_lens, initial_h, initial_c, P.
    directions : Directions, optional
        Of `directions_of`, where the weights are constants.
    """
    X, W, R, B, lengths, h0, c0, P = (*inputs, *[None] * 8)[:8]
    if X is None or X.ndim != 3 or (directions is None and (W is None or R is None)):
        raise InteropError("X, W or R is left out, or X has not three axes; expected all three.")
    half = X.dtype == np.float16
    if directions is None:
        given = [v if v is None or not half else v.astype(np.float32) for v in (W, R, B, P)]
        directions = directions_of(node, *given)  # type: ignore[arg-type]
    batch_first = bool(node.attributes.get("layout"))
    dtype = np.dtype(np.float32) if half else X.dtype
    x = X.astype(dtype, copy=False)
    m, T_x, width = x.shape if batch_first else (x.shape[1], x.shape[0], x.shape[2])
    sizes = directions[0].cell.sizes(directions[0].parameters)
    if lengths is not None:
        lengths = lengths.astype(np.int64)
        if lengths.shape != (m,) or (m and not 0 <= lengths.min() <= lengths.max() <= T_x):
            raise InteropError(f"sequence_lens is {lengths}; expected {m} numbers in 0..{T_x}.")
    if width != sizes["n_x"]:
        raise InteropError(
            f"X has {width} features; expected {sizes['n_x']}, because W has {sizes['n_x']}."
        )
    shape = (m, len(directions)) if batch_first else (len(directions), m)
    states: list[np.ndarray] = []
    for given in (h0, c0)[: directions[0].cell.n_states]:
        if given is None:
            given = np.zeros((*shape, sizes["n_a"]), dtype)
        if given.shape != (*shape, sizes["n_a"]):
            raise InteropError(
                f"an initial state is {given.shape}; expected {(*shape, sizes['n_a'])}."
            )
        states.append(given.astype(dtype, copy=False))
    if batch_first:
        states = [s.transpose(1, 0, 2) for s in states]
    else:
        x = x.transpose(1, 0, 2)
    y, ends = directions.prepared()(x, tuple(states), lengths)
    Y = y.reshape(m, T_x, len(directions), sizes["n_a"])
    if batch_first:
        found = Y, *[s.transpose(1, 0, 2) for s in ends]
    else:
        found = Y.transpose(1, 2, 0, 3), *ends
    return tuple(z.astype(X.dtype, copy=False) for z in found) if half else found


def _n_x(direction: Direction) -> int:
    return direction.cell.sizes(direction.parameters)["n_x"]


def module_of(
    node: Node, directions: list[Direction], states: list[np.ndarray | None], opset: int
) -> Imported:
    """Return a recurrent node with constant weights as a network of one layer.

    Parameters
    ----------
    node : Node
    directions : list of Direction
    states : list of (ndarray or None)
        initial_h and initial_c where they are constants.
    opset : int
    """
    cells = [d.cell for d in directions]
    if len(set(cells)) > 1:
        names = " and ".join(c.name for c in cells)
        raise InteropError(f"the directions have the cells {names}; expected one cell.")
    n_x, n_a = _n_x(directions[0]), directions[0].cell.sizes(directions[0].parameters)["n_a"]
    layer = recurrent_layer(cells[0], n_x, n_a, bidirectional=len(cells) > 1)
    layers: list[Layer] = [layer]
    notes = []
    if len(cells) == 1 and directions[0].reverse:
        layers = [Reverse(n_x), layer, Reverse(n_a)]
    network = Network(layers)
    name = next(n for n, own in network.layers.items() if own is layer)
    parameters = {
        f"{name}.{'reverse.' * bool(k)}{key}": p
        for k, d in enumerate(directions)
        for key, p in d.parameters.items()
    }
    initial = None
    given = [s for s in states if s is not None]
    if any(s.any() for s in given):
        if len(given) == len(states) and all(s.shape[1] == 1 for s in given):
            initial = tuple(tuple(given) if own is layer else () for own in layers)
        else:
            notes.append("the initial states of the file are left out: they are of several rows")
    return Imported(
        format=f"ONNX opset {opset}",
        model=(network, {k: parameters[k] for k in network.shapes()}),
        initial_state=initial,
        notes=tuple(notes),
    )
