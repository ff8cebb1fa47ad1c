"""The graphs in nodes: branches of If, bodies of Loop and Scan."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InteropError
from .files import GraphFile, Node, Value
from .operators import need_room

if TYPE_CHECKING:
    from .plans import Plans

MOST_TRIPS = 2**20  # of a loop and those in its body; a loop of one LSTM cell takes 12 us a trip
GRAPHS = {"If": ("then_branch", "else_branch"), "Loop": ("body",), "Scan": ("body",)}
_left: ContextVar[list[int] | None] = ContextVar("trips that are left", default=None)


def names_in(node: Node) -> set[str]:
    """Return the names of values around a node that its graphs read or give."""
    found: set[str] = set()
    for graph in node.attributes.values():
        if isinstance(graph, GraphFile):
            found |= {v.name for v in graph.outputs}
            for inner in graph.nodes:
                found |= {*inner.inputs, *names_in(inner)}
            found -= {v.name for v in graph.inputs} | graph.constants.keys()
    return found


def _run(
    plans: "Plans", graph: GraphFile, names: list[str], arrays: list[np.ndarray]
) -> list[np.ndarray]:
    """Compute a graph by its plan, or node by node."""
    wanted = tuple(v.name for v in graph.outputs)
    found = plans.repeat(graph, arrays, wanted)
    return plans.follow(graph, names, arrays, wanted) if found is None else found


def run_branch(
    plans: "Plans", node: Node, names: list[str], chosen: np.ndarray, *outer: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Compute the branch that a condition chooses; `outer` are the values that it reads."""
    branch = node.attributes["then_branch" if chosen.all() else "else_branch"]
    return tuple(_run(plans, branch, names, list(outer)))


@contextmanager
def _counted() -> Iterator[Callable[[], None]]:
    """Give the function that a loop calls at the beginning of each trip."""
    left = _left.get() or [MOST_TRIPS]
    token = _left.set(left)

    def count() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise InteropError(f"the loops make more than {MOST_TRIPS} trips; expected fewer.")

    try:
        yield count
    finally:
        _left.reset(token)


def run_loop(
    plans: "Plans", node: Node, names: list[str], most: np.ndarray | None,
    condition: np.ndarray | None, *values: np.ndarray,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """Run the body of a Loop: return the values it carries, then what each trip gave, stacked.

    Parameters
    ----------
    plans : Plans
    node : Node
    names : list of str
        Of the last values, which the body reads.
    most, condition : ndarray, or None
        The number of trips; whether there is a first one.
    *values : ndarray
        The carried ones before the first trip, then those of the names.
    """
    body: GraphFile = node.attributes["body"]
    n = len(values) - len(names)
    if len(body.inputs) != n + 2 or len(body.outputs) < n + 1:
        raise InteropError(
            f"the body has {len(body.inputs)} inputs and {len(body.outputs)} outputs; expected "
            f"{n + 2}, and at least {n + 1}, because {n} values are carried."
        )
    carried, outer = list(values[:n]), list(values[n:])
    own = [*[v.name for v in body.inputs], *names]
    stacked: list[list[np.ndarray]] = [[] for _ in body.outputs[n + 1 :]]
    goes_on, trip = condition is None or bool(condition.all()), 0
    with _counted() as count:
        while goes_on and (most is None or trip < most.item()):
            count()
            given = [np.array(trip), np.array(goes_on), *carried, *outer]
            after, *found = _run(plans, body, own, given)
            carried, goes_on, trip = found[:n], bool(after.all()), trip + 1
            _append(stacked, found[n:])
    ends = zip(stacked, body.outputs[n + 1 :], strict=True)
    return *carried, *[_stack(rows, value) for rows, value in ends]


def run_scan(
    plans: "Plans", node: Node, names: list[str], *values: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Run the body of a Scan for each element of its inputs along an axis: see `run_loop`."""
    body, attributes = node.attributes["body"], node.attributes
    m = attributes.get("num_scan_inputs", 0)
    n = len(values) - len(names) - m
    k = len(body.outputs) - n
    if m < 1 or min(n, k) < 0 or len(body.inputs) != n + m:
        raise InteropError(
            f"the body has {len(body.inputs)} inputs and {len(body.outputs)} outputs; expected "
            f"{n} and {m} values, and at least {n}."
        )

    def each(name: str, count: int) -> list[int]:
        return attributes.get(f"scan_{name}") or [0] * count

    carried, outer = list(values[:n]), list(values[n + m :])
    scanned = [
        np.moveaxis(x, axis, 0)[:: -1 if backwards else 1]
        for x, axis, backwards in zip(
            values[n : n + m], each("input_axes", m), each("input_directions", m), strict=True
        )
    ]
    own = [*[v.name for v in body.inputs], *names]
    stacked: list[list[np.ndarray]] = [[] for _ in range(k)]
    with _counted() as count:
        for elements in zip(*scanned, strict=True):
            count()
            found = _run(plans, body, own, [*carried, *elements, *outer])
            carried = found[:n]
            _append(stacked, found[n:])
    ends = [_stack(rows, value) for rows, value in zip(stacked, body.outputs[n:], strict=True)]
    turned = zip(ends, each("output_axes", k), each("output_directions", k), strict=True)
    return *carried, *[np.moveaxis(y[:: -1 if backwards else 1], 0, axis)
                       for y, axis, backwards in turned]  # fmt: skip


def _append(stacked: list[list[np.ndarray]], found: list[np.ndarray]) -> None:
    for rows, row in zip(stacked, found, strict=True):
        need_room(len(rows) + 1, *row.shape)
        rows.append(row)


def _stack(rows: list[np.ndarray], value: Value) -> np.ndarray:
    """Stack what each trip gave; without a trip, by what the file says of a value."""
    if rows:
        return np.stack(rows)
    sizes = [size for size in value.shape or () if isinstance(size, int)]
    if value.dtype is None or value.shape is None or len(sizes) < len(value.shape):
        raise InteropError(f"there was no trip, and the file does not say the shape of {value}.")
    return np.zeros((0, *sizes), value.dtype)
