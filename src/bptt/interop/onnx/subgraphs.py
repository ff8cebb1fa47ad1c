"""The graphs in nodes: branches of If, bodies of Loop."""

from contextvars import ContextVar
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InteropError
from .files import GraphFile, Node, Value
from .operators import need_room

if TYPE_CHECKING:
    from .plans import Plans

MOST_TRIPS = 2**20  # of all loops of a run; a loop of one LSTM cell takes 12 us a trip
GRAPHS = {"If": ("then_branch", "else_branch"), "Loop": ("body",)}
_left: ContextVar[list[int] | None] = ContextVar("trips that a run may make", default=None)


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
    left = _left.get() or [MOST_TRIPS]
    token = _left.set(left)  # for the loops in the body too
    try:
        while goes_on and (most is None or trip < most.item()):
            left[0] -= 1
            if left[0] < 0:
                raise InteropError(f"the loops make more than {MOST_TRIPS} trips; expected fewer.")
            given = [np.array(trip), np.array(goes_on), *carried, *outer]
            after, *found = _run(plans, body, own, given)
            carried, goes_on, trip = found[:n], bool(after.all()), trip + 1
            for rows, row in zip(stacked, found[n:], strict=True):
                need_room(trip, *row.shape)
                rows.append(row)
    finally:
        _left.reset(token)
    ends = zip(stacked, body.outputs[n + 1 :], strict=True)
    return *carried, *[_stack(rows, value) for rows, value in ends]


def _stack(rows: list[np.ndarray], value: Value) -> np.ndarray:
    """Stack what each trip gave; without a trip, by what the file says of a value."""
    if rows:
        return np.stack(rows)
    sizes = [size for size in value.shape or () if isinstance(size, int)]
    if value.dtype is None or value.shape is None or len(sizes) < len(value.shape):
        raise InteropError(f"there was no trip, and the file does not say the shape of {value}.")
    return np.zeros((0, *sizes), value.dtype)
