"""The operators of ONNX around recurrent nodes, in NumPy: element by element, and reductions.

Source: the operators' documentation, opset 7 to 24; where an operator changed, both forms are read.
An operator is a function (inputs, attributes, opset) -> output or tuple of outputs; an input that
is left out is None.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from ...equations.activations import sigmoid as stable_sigmoid
from ...equations.activations import softmax as first_axis_softmax
from ...errors import BpttError, InteropError
from .files import DTYPES, Node

Attributes = Mapping[str, Any]
Operator = Callable[[list[Any], Attributes, int], Any]
OPERATORS: dict[str, Operator] = {}
SHAPED_BY: dict[str, tuple[int, ...]] = {}  # inputs whose values decide the shape of the outputs
MOST_ELEMENTS: ContextVar[int] = ContextVar("elements of one array", default=2**31)


def need_room(*shape: int) -> None:
    """Refuse an array that no model of this kind has.

    Raises
    ------
    InteropError
    """
    if (n := math.prod(map(int, shape))) > MOST_ELEMENTS.get():
        raise InteropError(
            f"an array of shape {tuple(map(int, shape))} has {n} elements; "
            f"expected at most {MOST_ELEMENTS.get()}."
        )


def operator(
    *names: str, shaped_by: tuple[int, ...] = (1, 2, 3, 4)
) -> Callable[[Operator], Operator]:
    """Register a function as an operator of these names.

    Parameters
    ----------
    *names : str
    shaped_by : tuple of int
        Inputs whose values, and not their shapes alone, decide the shape of the outputs.
    """

    def register(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(names, function))
        SHAPED_BY.update(dict.fromkeys(names, shaped_by))
        return function

    return register


def compute(node: Node, given: Sequence[Any], opset: int) -> tuple[Any, ...]:
    """Compute a node that is not recurrent and has no branches."""
    attributes = node.attributes
    if node.op == "Split":
        attributes = {**attributes, "n_outputs": len(node.outputs)}
    result = OPERATORS[node.op](list(given), attributes, opset)
    return result if isinstance(result, tuple) else (np.asarray(result),)


# What operators and NumPy raise where inputs do not fit.
MISFITS = (BpttError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError,
           MemoryError)  # fmt: skip


class naming:
    """Turns what NumPy says of a node into one sentence that names the node."""

    def __init__(self, node: Node):
        self.node = node

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        what = f"{self.node.op} {self.node.name!r}"
        if isinstance(error, BpttError) and not getattr(error, "named", False):
            new = InteropError(f"{what}: {error}")
        elif isinstance(error, MISFITS) and not isinstance(error, BpttError):
            new = InteropError(f"{what}: its inputs do not fit: {error!r:.300}.")
        else:
            return
        new.named = True  # type: ignore[attr-defined]
        raise new from None


def ints(value: Any) -> Any:
    """Return a list of whole numbers given as an attribute or as an input; None for None."""
    return None if value is None else [int(v) for v in np.ravel(value)]


def axes_of(inputs: list[Any], attributes: Attributes, k: int = 1) -> list[int] | None:
    """Return `axes`: an attribute at first, an input later."""
    given = attributes.get("axes")
    return ints(given if given is not None else inputs[k] if len(inputs) > k else None)


def padded(inputs: list[Any], n: int) -> list[Any]:
    """Return n inputs: None for those that are left out."""
    return [*inputs, *[None] * n][:n]


# ---- one element at a time ----


def broadcasting(f: Callable[..., np.ndarray]) -> Operator:
    """Return the operator that computes a function element by element."""

    def computed(inputs: list[Any], attributes: Attributes, opset: int) -> np.ndarray:
        if len(inputs) > 1:
            need_room(*np.broadcast_shapes(*(np.shape(x) for x in inputs)))
        return f(*inputs)

    return computed


def need_divisor(b: np.ndarray) -> None:
    """Refuse to divide whole numbers by 0.

    Raises
    ------
    InteropError
    """
    if b.dtype.kind != "f" and not np.all(b):
        raise InteropError("a division of whole numbers by 0; expected another divisor.")


def _divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f":
        return a / b
    need_divisor(b)
    return (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))).astype(a.dtype)  # towards 0


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return (
        stable_sigmoid(x) if x.dtype != np.float16 else stable_sigmoid(x.astype("f4")).astype("f2")
    )


ELEMENTWISE: dict[str, Callable[..., np.ndarray]] = {
        "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": _divide,
        "Pow": lambda a, b: np.power(a, b).astype(a.dtype), "Sqrt": np.sqrt, "Exp": np.exp,
        "Log": np.log, "Neg": np.negative, "Abs": np.abs, "Floor": np.floor, "Ceil": np.ceil,
        "Round": np.round, "Reciprocal": lambda x: 1 / x, "Sign": np.sign, "Sin": np.sin,
        "Cos": np.cos, "Tanh": np.tanh, "Sigmoid": _sigmoid,
        "Relu": lambda x: np.maximum(x, 0).astype(x.dtype),
        "Softplus": lambda x: np.logaddexp(np.zeros((), x.dtype), x),
        "Softsign": lambda x: x / (1 + np.abs(x)),
        "PRelu": lambda x, slope: np.where(x < 0, slope * x, x).astype(x.dtype),
        "Equal": np.equal, "Greater": np.greater, "Less": np.less, "Not": np.logical_not,
        "GreaterOrEqual": np.greater_equal, "LessOrEqual": np.less_equal, "And": np.logical_and,
        "Or": np.logical_or, "Xor": np.logical_xor, "Where": np.where, "IsNaN": np.isnan,
        "Identity": lambda x: x,
}  # fmt: skip
for _name, _f in ELEMENTWISE.items():
    operator(_name, shaped_by=())(broadcasting(_f))


def _reduced(f: Callable[[Sequence[np.ndarray]], np.ndarray]) -> Operator:
    def computed(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
        need_room(*np.broadcast_shapes(*(np.shape(x) for x in inputs)))
        return f(np.broadcast_arrays(*inputs))

    return computed


for _name, _f in {
    "Max": np.maximum.reduce,
    "Min": np.minimum.reduce,
    "Sum": np.add.reduce,
    "Mean": lambda xs: np.add.reduce(xs) / len(xs),
}.items():
    operator(_name, shaped_by=())(_reduced(_f))


@operator("LeakyRelu", shaped_by=())
def _leaky_relu(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    (x,) = inputs
    return np.where(x >= 0, x, attributes.get("alpha", 0.01) * x).astype(x.dtype)


@operator("Elu", shaped_by=())
def _elu(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    (x,) = inputs
    negative = attributes.get("alpha", 1.0) * np.expm1(np.minimum(x, 0))
    return np.where(x >= 0, x, negative).astype(x.dtype)


@operator("HardSigmoid", shaped_by=())
def _hard_sigmoid(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    (x,) = inputs
    alpha, beta = attributes.get("alpha", 0.2), attributes.get("beta", 0.5)
    return np.clip(alpha * x + beta, 0, 1).astype(x.dtype)


@operator("Clip", shaped_by=())
def _clip(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, low, high = padded(inputs, 3)
    low = attributes.get("min") if low is None else low
    high = attributes.get("max") if high is None else high
    x = x if low is None else np.maximum(x, np.asarray(low, x.dtype))
    return x if high is None else np.minimum(x, np.asarray(high, x.dtype))


@operator("Dropout", shaped_by=())
def _dropout(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    return inputs[0], np.ones(inputs[0].shape, bool)  # at inference


@operator("Cast", shaped_by=())
def _cast(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    if attributes["to"] not in DTYPES:
        raise InteropError(f"Cast to data type {attributes['to']}, which is not known.")
    with np.errstate(invalid="ignore", over="ignore"):
        return inputs[0].astype(DTYPES[attributes["to"]])


@operator("CastLike", shaped_by=())
def _cast_like(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    return inputs[0].astype(inputs[1].dtype)


# ---- softmax and the like ----


def _over_axis(f):
    def computed(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
        (x,) = inputs
        if opset >= 13:
            axis = attributes.get("axis", -1)
            return np.moveaxis(f(np.moveaxis(x, axis, 0)), 0, axis)
        axis = attributes.get("axis", 1) % max(x.ndim, 1)  # all axes from this one on, together
        flat = x.reshape(math.prod(x.shape[:axis]), -1)
        return f(flat.T).T.reshape(x.shape)

    return computed


def _softmax(x):
    return first_axis_softmax(np.ascontiguousarray(x.reshape(len(x), -1))).reshape(x.shape)


def _log_softmax(x):
    shifted = x - x.max(axis=0)
    return shifted - np.log(np.exp(shifted).sum(axis=0))


operator("Softmax", shaped_by=())(_over_axis(_softmax))
operator("LogSoftmax", shaped_by=())(_over_axis(_log_softmax))


def _reduce(f):
    def computed(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
        axes = axes_of(inputs, attributes)
        if not axes and attributes.get("noop_with_empty_axes"):
            return inputs[0]
        over = tuple(axes) if axes else None
        return f(inputs[0], axis=over, keepdims=bool(attributes.get("keepdims", 1)))

    return computed


for _name, _f in {
        "Mean": np.mean, "Sum": np.sum, "Max": np.max, "Min": np.min, "Prod": np.prod,
        "L1": lambda x, **o: np.abs(x).sum(**o), "L2": lambda x, **o: np.sqrt((x * x).sum(**o)),
        "SumSquare": lambda x, **o: (x * x).sum(**o),
}.items():  # fmt: skip
    operator(f"Reduce{_name}")(_reduce(_f))


def _arg(f):
    def computed(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
        axis = attributes.get("axis", 0)
        found = f(inputs[0], axis=axis)
        return np.expand_dims(found, axis) if attributes.get("keepdims", 1) else found

    return computed


operator("ArgMax", shaped_by=())(_arg(np.argmax))
operator("ArgMin", shaped_by=())(_arg(np.argmin))


@operator("CumSum", shaped_by=())
def _cumsum(inputs: list[Any], attributes: Attributes, opset: int) -> Any:
    x, axis = inputs[0], int(inputs[1])
    if attributes.get("exclusive") or attributes.get("reverse"):
        raise InteropError("CumSum is exclusive or reverse; expected neither.")
    return x.cumsum(axis=axis, dtype=x.dtype)
