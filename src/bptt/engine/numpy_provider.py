"""The NumPy provider: runs `bptt.equations` on views that turn batch first to features first."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..equations import updates
from ..equations.cell import Cell
from ..equations.losses import cross_entropy_columns, output_backward, output_forward
from ..equations.pooling import add_steps, max_steps
from ..equations.sequences import (
    backward_through_time,
    forward_through_time,
    reverse_valid,
    running_columns,
    valid_steps,
)
from ..equations.underflow import may_underflow
from ..equations.updates import AdamStep
from ..errors import EngineError
from .contract import Direction, Prepared, State, Stepper, Tape, changed


def _batch_first(z):
    """(n, m, T_x) -> (m, T_x, n)."""
    return z.transpose(1, 2, 0)


def _features_first(z):
    """(m, T_x, n) -> (n, m, T_x)."""
    return z.transpose(2, 0, 1)


def _fingerprints(arrays):
    """Mix the bits of up to 512 values of each array."""
    chosen = (
        z if z.size <= 512 else z.flat[np.linspace(0, z.size - 1, 512).astype(np.int64)]
        for z in arrays
    )
    return [hash(z.tobytes()) for z in chosen]


class NumpyTape:
    """The step caches of the equations, read by name."""

    def __init__(
        self, caches: Any, reverse: bool, tokens: np.ndarray | None, table: np.ndarray | None
    ):
        self.caches, self.reverse = caches, reverse
        self.tokens, self.table = tokens, table
        self._before = self._fingerprints()
        sizes = caches.cell.sizes(caches.parameters)
        self.of: tuple[Cell, int, int, bool] = (caches.cell, sizes["n_x"], sizes["n_a"], reverse)
        self.names: tuple[str, ...] = caches.cell.states + caches.cell.gates
        x = caches[1]
        self.shape: tuple[int, int] = x.shape[1:]
        self.dtype: np.dtype = x.dtype

    def _fingerprints(self):
        """Mix values of the caller's arrays: not of an x that the caches hold a copy of."""
        named = dict(self.caches.parameters)
        if self.table is None and self.caches.lengths is None:
            named["x"] = self.caches[1]
        return dict(zip(named, _fingerprints(named.values()), strict=True))

    def unchanged(self) -> Any:
        """Return the caches; refuse a tape whose arrays were changed after the forward pass."""
        for name, now in self._fingerprints().items():
            if now != self._before[name]:
                raise changed(name)
        return self.caches

    def copy(self, name: str) -> np.ndarray:
        """Return a copy of ``tape[name]`` that the caller may change."""
        return self[name]

    def __getitem__(self, name: str) -> np.ndarray:
        """Collect a state or a gate from the steps: (m, T_x, n_a), 0 on padding."""
        if name not in self.names:
            raise KeyError(f"the tape has {', '.join(self.names)}; not {name!r}")
        steps, x = self.caches
        lengths, parameters = self.caches.lengths, self.caches.parameters
        n_a = self.caches.cell.sizes(parameters)["n_a"]
        field = f"{name}_next" if name in self.caches.cell.states else name
        z = np.zeros((n_a, *x.shape[1:]), x.dtype)
        for t, cache in enumerate(steps):
            z[:, running_columns(lengths, t), t] = getattr(cache, field)
        return _batch_first(reverse_valid(z, lengths) if self.reverse else z)


class NumpyStepper:
    """A cell that steps by its recurrence."""

    def __init__(self, cell: Cell, parameters: dict[str, np.ndarray], m: int):
        self._cell = cell
        self._parameters = {name: p.copy() for name, p in parameters.items()}
        sizes = cell.sizes(parameters)
        self._x = np.empty((m, sizes["n_x"]), next(iter(parameters.values())).dtype)
        zeros = np.zeros((m, sizes["n_a"]), self._x.dtype)
        self.state: State = tuple(zeros for _ in self._cell.states)

    @may_underflow
    def step(self, xt: np.ndarray) -> np.ndarray:
        """Run one step: (m, n_x) -> (m, n_a)."""
        if xt.shape != self._x.shape or xt.dtype != self._x.dtype:
            raise ValueError(f"xt is {xt.dtype} {xt.shape}")
        before = (s.T for s in self.state)
        *after, _ = self._cell.recurrence(xt.T, *before, self._parameters)
        self.state = tuple(s.T for s in after)
        return self.state[0]


class NumpyProvider:
    """Computes with `bptt.equations`, step by step: see `bptt.engine.contract.Provider`."""

    name = "numpy"

    def forward(
        self,
        cell: Cell,
        x: np.ndarray,
        state0: tuple[np.ndarray | None, ...],
        parameters: dict[str, np.ndarray],
        lengths: np.ndarray | None = None,
        *,
        table: np.ndarray | None = None,
        reverse: bool = False,
        keep_tape: bool = True,
    ) -> tuple[np.ndarray, State, Tape | None]:
        """Run a cell over a batch of sequences."""
        tokens = None
        if table is not None:
            tokens = np.where(valid_steps(lengths, *x.shape), x, 0)  # padding may hold anything
            x = table[tokens]
        zeros = np.zeros((cell.sizes(parameters)["n_a"], len(x)), x.dtype)
        turn = (lambda z: reverse_valid(z, lengths)) if reverse else (lambda z: z)
        states, final, caches = forward_through_time(
            cell,
            turn(_features_first(x)),
            tuple(zeros if s is None else s.T for s in state0),
            parameters,
            lengths,
            keep_caches=keep_tape,
        )
        y = _batch_first(turn(states[0]))
        tape = NumpyTape(caches, reverse, tokens, table) if keep_tape else None
        return y, tuple(s.T for s in final), tape

    def backward(
        self,
        tape: Any,  # NumpyTape
        dy: np.ndarray,
        dstate: tuple[np.ndarray | None, ...],
        *,
        need_dx: bool = True,
        parts: Sequence[int] | None = None,
    ) -> tuple[np.ndarray | None, State, dict[str, np.ndarray]]:
        """Backpropagate through time; `parts` is None or ()."""
        caches = tape.unchanged()
        turn = (lambda z: reverse_valid(z, caches.lengths)) if tape.reverse else (lambda z: z)
        da = _features_first(dy)
        zeros = np.zeros(da.shape[:2], da.dtype)
        found = backward_through_time(
            turn(da), tuple(zeros if ds is None else ds.T for ds in dstate), caches
        )
        dx = None
        if tape.table is not None:
            dx = np.zeros_like(tape.table)
            np.add.at(dx, tape.tokens, _batch_first(turn(found["dx"])))  # dx is 0 on padding
        elif need_dx:
            dx = _batch_first(turn(found["dx"]))
        dstate0 = tuple(found[f"d{s}0"].T for s in caches.cell.states)
        names = caches.cell.parameters if parts is None else ()
        return dx, dstate0, {name: found[f"d{name}"] for name in names}

    def prepare(self, directions: Sequence[Direction], table: np.ndarray | None = None) -> Prepared:
        """Prepare repeated inference with the same parameters."""
        rows = None if table is None else table.copy()
        own = [d._replace(parameters={k: p.copy() for k, p in d.parameters.items()})
               for d in directions]  # fmt: skip

        def run(
            x: np.ndarray, states: State, lengths: np.ndarray | None = None,
            out: tuple[np.ndarray, ...] | None = None,
        ) -> tuple[np.ndarray, State]:  # fmt: skip
            found = []
            for k, d in enumerate(own):
                before = tuple([s[k] for s in states])
                found.append(self.forward(d.cell, x, before, d.parameters, lengths,
                                          table=rows, reverse=d.reverse,
                                          keep_tape=False))  # fmt: skip
            ends = zip(*[state for _, state, _ in found], strict=True)
            y = np.concatenate([of_one for of_one, _, _ in found], axis=2)
            results = y, *map(np.stack, ends)
            if out is not None:
                for to, z in zip(out, results, strict=True):
                    np.copyto(to, z)
            return results[0], results[1:]

        return run

    def stream(self, cell: Cell, parameters: dict[str, np.ndarray], m: int) -> Stepper:
        """Prepare to process m sequences step by step."""
        return NumpyStepper(cell, parameters, m)

    def dense_forward(self, x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Compute ``x @ W.T + b``."""
        return output_forward(x.T, W, b).T

    def dense_backward(
        self,
        dy: np.ndarray,
        x: np.ndarray,
        W: np.ndarray,
        *,
        need_dx: bool = True,
        parts: Sequence[int] | None = None,
    ) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """Return the gradients of x, W and b of `dense_forward`; `parts` is None or ()."""
        gradients = output_backward(dy.T, x.T, W)
        return gradients["da"].T if need_dx else None, gradients["dWy"], gradients["dby"]

    def by_rows(self, cell: Cell | None = None) -> bool:
        """Return False: products of NumPy's BLAS depend on the number of rows."""
        return False

    def softmax_cross_entropy(
        self, logits: np.ndarray, ids: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute the negative log-probability of one class in each row, and its gradient."""
        nats, dlogits = cross_entropy_columns(logits.T, ids)
        return nats.astype(np.float64), dlogits.T

    def add_steps(self, x: np.ndarray, lengths: np.ndarray | None, total: np.ndarray) -> np.ndarray:
        """Add the steps of each sequence to `total` in float64."""
        return add_steps(x, lengths, total)

    def max_steps(
        self, x: np.ndarray, lengths: np.ndarray | None, top: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the maxima of `top` and the steps, and where they are."""
        return max_steps(x, lengths, top)

    def fingerprints(self, arrays: list[np.ndarray]) -> list[int]:
        """Mix the bits of a few values of each array."""
        return _fingerprints(arrays)

    def squared_norm(self, arrays: Sequence[np.ndarray]) -> float:
        """Sum all squares in float64."""
        with np.errstate(over="ignore", under="ignore"):  # infinite, as on the native engine
            return float(sum(np.sum(np.square(z, dtype=np.float64)) for z in arrays))

    def adam(
        self,
        parameters: Sequence[np.ndarray],
        gradients: Sequence[np.ndarray],
        m: Sequence[np.ndarray],
        v: Sequence[np.ndarray],
        step: AdamStep,
    ) -> None:
        """Take one step of Adam on all arrays, in place."""
        for k, decay in enumerate(step.decay):
            updates.adam(parameters[k], gradients[k], m[k], v[k], step, decay)

    def get_num_threads(self) -> int:
        """Return 1: the equations run in one thread, apart from NumPy's BLAS."""
        return 1

    def set_num_threads(self, n: int) -> None:
        """Refuse: the threads are those of NumPy's BLAS."""
        raise EngineError(
            f"n is {n!r}; expected the native engine, because the NumPy provider is in use: its "
            f"threads are those of NumPy's BLAS, which OMP_NUM_THREADS or threadpoolctl set."
        )

    def describe(self) -> dict[str, str]:
        """Return rows for `bptt.show_config`."""
        return {"engine": "numpy"}
