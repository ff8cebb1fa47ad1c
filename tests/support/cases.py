"""The registry of the built-in cells and the seeded random cases that the tests share.

A cell's functions have one form here: states go in and come out as tuples, (a,) or (a, c). A new
cell is one row in `CELLS`; all else is read from its record.

>>> case = make_case("lstm", m=4, T_x=7, lengths=[5, 0, 7, 2])
>>> (a, c), y, caches = CELLS["lstm"].forward(case.x, case.state0, case.parameters, case.lengths)
>>> gradients = CELLS["lstm"].backward(case.da, caches, case.dfinal)
"""

from dataclasses import dataclass, field, replace

import numpy as np

import bptt.equations
from bptt import course
from bptt.checks import shape_of
from bptt.equations import functions
from tests.cells import OWN

# No two sizes are equal, and none is a number of steps or examples that the tests use.
SIZES = {"n_x": 3, "n_a": 5, "n_y": 6}
M, T_X = 4, 7
KINK_MARGIN = 0.02  # of relu's pre-activations from 0: central differences move them less
STEPS = (1, 2, 7)
EXAMPLES = (1, 4)


@dataclass(frozen=True)
class CellUnderTest:
    """One cell's functions: those of the course by `prefix`, else what they share.

    Those of the course are looked up in `module` at each call (so it can be replaced).
    """

    name: str
    prefix: str | None = None  # rnn_cell_forward, ...
    keywords: dict = field(default_factory=dict)
    module: object = bptt.equations
    own: bptt.equations.Cell | None = None  # a record that is not registered

    @property
    def cell(self):
        return self.own or bptt.equations.CELLS[self.name]

    @property
    def states(self):
        return self.cell.states

    @property
    def table(self):
        """Parameters of the cell: name -> symbolic shape."""
        return self.cell.parameters

    @property
    def head(self):
        """Parameters of the output layer."""
        return self.cell.head

    @property
    def gradients(self):
        """Names of what the sequence's backward pass returns."""
        return {"dx", *(f"d{s}0" for s in self.states), *(f"d{p}" for p in self.table)}

    def within(self, module):
        """The same cell with the functions of another module."""
        return replace(self, module=module)

    @property
    def _loop(self):
        return functions.EQUATIONS if self.module is bptt.equations else course.ENGINE

    def _function(self, suffix):
        return getattr(self.module, f"{self.prefix}_{suffix}")

    def cell_forward(self, xt, states, parameters):
        if self.prefix:
            call = self._function("cell_forward")
            *after, y, cache = call(xt, *states, parameters, **self.keywords)
        else:
            xt, *states = functions.check_step(self.cell, xt, states, parameters)
            *after, cache = self.cell.recurrence(xt, *states, parameters)
            y = functions.predict(after[0], *(parameters[p] for p in self.head))
        return tuple(after), y, cache

    def cell_backward(self, dstates, cache):
        if self.prefix:
            return self._function("cell_backward")(*dstates, cache, **self.keywords)
        functions.check_gradients(self.cell, dstates, cache)
        return self.cell.backward(*dstates, cache)

    def forward(self, x, state0, parameters, lengths=None):
        if self.prefix:
            a0, *c0 = state0
            keywords = self.keywords | ({"c0": c0[0]} if c0 else {})
            found = self._function("forward")(x, a0, parameters, lengths, **keywords)
        else:
            found = functions.run_forward(self.cell, x, state0, parameters, lengths, self._loop)
        a, y, *others, caches = found
        return (a, *others), y, caches

    def backward(self, da, caches, dfinal=None):
        dfinal = dfinal or (None,) * len(self.states)
        if not self.prefix:
            return functions.run_backward(self.cell, da, dfinal, caches, self._loop)
        finals = {f"d{s}_final": ds for s, ds in zip(self.states, dfinal, strict=True)}
        return self._function("backward")(da, caches, **finals)


CELLS = {
    row.name: row
    for row in (
        CellUnderTest("rnn", "rnn"),
        CellUnderTest("rnn_relu", "rnn", {"activation": "relu"}),
        CellUnderTest("lstm", "lstm"),
        CellUnderTest("gru", "gru"),
        CellUnderTest("gru_reset_after", "gru"),
        CellUnderTest("lstm_cifg"),
    )
}
# Cells of published files; the native engine has them too.
VARIANTS = {
    cell.name: CellUnderTest(cell.name, own=cell)
    for cell in (
        bptt.equations.variant("lstm", ("hard_sigmoid", "tanh", "tanh")),
        bptt.equations.variant("lstm", ("hard_sigmoid_0p3_0p5", "relu", "relu")),
        bptt.equations.variant("lstm_peephole", ("sigmoid", "linear_0p7_0p1", "tanh")),
    )
}
NATIVE = CELLS | VARIANTS
WITH_OWN = CELLS | {name: CellUnderTest(name, own=cell) for name, cell in OWN.items()}


@dataclass(frozen=True)
class Case:
    """Inputs of one sequence call and gradients for its way back."""

    x: np.ndarray  # (n_x, m, T_x)
    state0: tuple  # of (n_a, m)
    parameters: dict
    lengths: np.ndarray | None  # (m,)
    da: np.ndarray  # (n_a, m, T_x)
    dfinal: tuple  # of (n_a, m)

    def arrays(self):
        """Every array by name, the parameters among them."""
        states = {f"state0[{i}]": s for i, s in enumerate(self.state0)}
        finals = {f"dfinal[{i}]": s for i, s in enumerate(self.dfinal)}
        return {"x": self.x, "da": self.da, **states, **finals, **self.parameters}

    def map(self, f):
        """The same case with f(array) in the place of every array."""
        return Case(
            f(self.x),
            tuple(f(s) for s in self.state0),
            {name: f(p) for name, p in self.parameters.items()},
            self.lengths,
            f(self.da),
            tuple(f(s) for s in self.dfinal),
        )


def make_parameters(name, rng, dtype=np.float64, **sizes):
    """Random parameters of a cell and its output layer, biases included."""
    spec, sizes = (NATIVE | WITH_OWN)[name], SIZES | sizes
    shapes = {p: shape_of(s, **sizes) for p, s in {**spec.table, **spec.head}.items()}
    return {p: (0.6 * rng.standard_normal(s)).astype(dtype) for p, s in shapes.items()}


def make_case(name, *, m=M, T_x=T_X, lengths=None, dtype=np.float64, seed=0, **sizes):
    """A seeded random case of a cell; `lengths` as in the sequence functions."""
    rng = np.random.default_rng(seed)
    n = SIZES | sizes

    def draw(*shape):
        return rng.standard_normal(shape).astype(dtype)

    states = len((NATIVE | WITH_OWN)[name].states)
    return Case(
        parameters=make_parameters(name, rng, dtype, **sizes),
        x=draw(n["n_x"], m, T_x),
        state0=tuple(draw(n["n_a"], m) for _ in range(states)),
        lengths=None if lengths is None else np.array(lengths, dtype=np.int64),
        da=draw(n["n_a"], m, T_x),
        dfinal=tuple(draw(n["n_a"], m) for _ in range(states)),
    )


PATTERNS = ("uniform", "ragged", "zero")


def pattern_lengths(pattern, m, T_x):
    """The lengths of one of `PATTERNS`; None where every sequence has T_x steps."""
    if pattern == "uniform":
        return None
    return ragged_lengths(m, T_x) if pattern == "ragged" else np.zeros(m, dtype=np.int64)


def ragged_lengths(m, T_x):
    """Lengths in no order, with a zero and (for more than one step) with a full sequence."""
    if m == 1:
        return np.array([T_x // 2])
    pattern = [max(T_x - 2, 1), 0, T_x, max(T_x // 3, 1)]
    return np.array([pattern[i % 4] for i in range(m)])


def final_states(states, state0, lengths):
    """The state after each sequence's own last step; its initial state where its length is 0."""
    m, T_x = states[0].shape[1:]
    lengths = np.full(m, T_x) if lengths is None else np.asarray(lengths)
    slots = (
        np.concatenate([s0[:, :, None], s], axis=2) for s0, s in zip(state0, states, strict=True)
    )
    return tuple(s[:, np.arange(m), lengths] for s in slots)


def checked_case(name, *, m=M, T_x=T_X, lengths=None, seed=0):
    """A float64 case fit for central differences: for relu, away from its kink."""
    if name != "rnn_relu":
        return make_case(name, m=m, T_x=T_x, lengths=lengths, seed=seed)
    cases = (make_case(name, m=m, T_x=T_x, lengths=lengths, seed=s) for s in range(seed, 1000))
    return next(case for case in cases if kink_margin(case) > KINK_MARGIN)


def kink_margin(case):
    """Distance of the relu cell's pre-activations from the kink at 0, over the steps that exist."""
    p, (a,) = case.parameters, case.state0
    lengths = np.full(a.shape[1], case.x.shape[2]) if case.lengths is None else case.lengths
    margin = np.inf
    for t in range(case.x.shape[2]):
        z = p["Wax"] @ case.x[:, :, t] + p["Waa"] @ a + p["ba"]
        margin = min(margin, np.abs(z[:, lengths > t]).min(initial=np.inf))
        a = np.maximum(z, 0)
    return margin


def cell_pair(spec, case):
    """One step in the form of `check_grads`: forward, backward, inputs."""
    previous = [f"{s}_prev" for s in spec.states]
    inputs = {"xt": case.x[:, :, 0], **dict(zip(previous, case.state0, strict=True))}

    def forward(i):
        parameters = {p: i.get(p, value) for p, value in case.parameters.items()}
        after, _, cache = spec.cell_forward(i["xt"], tuple(i[p] for p in previous), parameters)
        return after, cache

    return forward, spec.cell_backward, inputs | {p: case.parameters[p] for p in spec.table}


def sequence_pair(spec, case, T=None):
    """A whole sequence in the form of `check_grads`; its loss sees every a and the final states.

    With T it sees only a of the first T steps, whose da is then shorter than x.
    """
    initial = [f"{s}0" for s in spec.states]
    inputs = {"x": case.x[:, :, :T], **dict(zip(initial, case.state0, strict=True))}

    def forward(i):
        x = i["x"] if T is None else np.concatenate([i["x"], case.x[:, :, T:]], axis=2)
        state0 = tuple(i[s] for s in initial)
        parameters = {p: i.get(p, value) for p, value in case.parameters.items()}
        states, _, caches = spec.forward(x, state0, parameters, case.lengths)
        if T is None:
            return (states[0], *final_states(states, state0, case.lengths)), caches
        return (states[0][:, :, :T],), caches

    def backward(dy, caches):
        da, *dfinal = dy
        return spec.backward(da, caches, dfinal or None)

    return forward, backward, inputs | {p: case.parameters[p] for p in spec.table}


def copies(tree):
    """A deep copy of arrays in tuples, lists and dicts: to show later that nothing changed."""
    if isinstance(tree, dict):
        return {key: copies(value) for key, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        return [copies(value) for value in tree]
    return tree.copy() if isinstance(tree, np.ndarray) else tree


def same_bits(tree, other):
    """True where two trees of arrays hold the same bits."""
    if isinstance(tree, dict):
        return tree.keys() == other.keys() and all(same_bits(tree[k], other[k]) for k in tree)
    if isinstance(tree, (tuple, list)):
        return len(tree) == len(other) and all(map(same_bits, tree, other))
    if isinstance(tree, np.ndarray):
        return tree.dtype == other.dtype and np.array_equal(
            tree, other, equal_nan=tree.dtype.kind == "f"
        )
    return tree is other or tree == other
