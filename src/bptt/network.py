"""A stack of layers with named parameters: forward, backward, step."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .checks import ParameterChecker, dtype_of
from .errors import ConfigError, ShapeError, operation, within
from .layers.base import (
    Batch,
    Layer,
    Parameters,
    State,
    another_tape,
    as_batch,
    need_parts,
    need_sizes,
    need_tape,
    wanted,
)
from .stream import Chain, Stream

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class Seen(NamedTuple):
    """What the `watch` of `Network.forward` gets of a layer after its forward pass."""

    name: str
    layer: Layer
    parameters: Parameters  # its own
    x: Any  # ndarray: its input; token ids where there is a table
    table: Any  # ndarray, or None
    state: State | None  # before the first step; None for zeros
    lengths: Any  # of its input; None if all are full
    y: np.ndarray
    tape: Any


class Network:
    """Layers on top of one another, over one flat dict of parameters.

    The key of a parameter is the name of its layer, a dot, and its own name: ``lstm0.Wf``.

    Parameters
    ----------
    layers : list of Layer, or dict of str to Layer
        From input to output. The layers of a list are named by type and number: ``embedding0``,
        ``lstm0``, ``lstm1``, ``dense0``.
    initial_state : {"zero", "learned"}
        The state before the first step: zeros, or parameters of each recurrent layer
        (``lstm0.a0``, ``lstm0.c0``).

    Attributes
    ----------
    layers : dict of str to Layer

    Raises
    ------
    ConfigError
        There are no layers, or the input of one does not fit the output of the layer below.

    Examples
    --------
    >>> from bptt.layers import LSTM, Dense, Embedding
    >>> network = Network([Embedding(50, 8), LSTM(8, 32), Dense(32, 50)])
    >>> parameters = network.init(np.random.default_rng(0))
    >>> list(parameters)[:3]
    ['embedding0.We', 'lstm0.Wf', 'lstm0.bf']
    >>> y, state, tape = network.forward(np.zeros((4, 7), int), parameters)
    >>> y.shape
    (4, 7, 50)
    """

    @operation
    def __init__(
        self,
        layers: Sequence[Layer] | Mapping[str, Layer],
        *,
        initial_state: Literal["zero", "learned"] = "zero",
    ):
        if not isinstance(initial_state, str) or initial_state not in ("zero", "learned"):
            raise ConfigError(f"initial_state is {initial_state!r}; expected 'zero' or 'learned'.")
        self.layers: dict[str, Layer] = {}
        if isinstance(layers, Mapping):
            self.layers.update(layers)
        elif not isinstance(layers, (list, tuple)):
            raise ConfigError(f"layers is a {type(layers).__name__}; expected a list of layers.")
        else:
            numbers = Counter()
            for layer in layers:
                kind = type(layer).__name__.lower()
                self.layers[f"{kind}{numbers[kind]}"] = layer
                numbers[kind] += 1
        if not self.layers:
            raise ConfigError("layers is empty; expected at least one layer.")
        for name, layer in self.layers.items():
            if not isinstance(name, str) or not isinstance(layer, Layer):
                raise ConfigError(
                    f"layers has {type(layer).__name__} at {name!r}; expected a layer, such as "
                    f"bptt.LSTM(16, 32)."
                )
        names = list(self.layers)
        pairs = list(pairwise(names))
        for below, name in pairs:
            n_in, n_out = self.layers[name].n_in, self.layers[below].n_out
            if n_in != n_out:
                raise ConfigError(
                    f"{name} takes {n_in} features; expected {n_out}, because that is the output "
                    f"of {below}."
                )
        self._tables = {  # embeddings whose table the layer above multiplies as it is
            below
            for below, name in pairs
            if self.layers[below].is_table and self.layers[name].takes_table
        }
        self._lowest = next(  # index of the lowest layer that has parameters or a state
            (i for i, n in enumerate(names) if self.layers[n].shapes() or self.layers[n].states), 0
        )
        self._own = {name: _checker(name, layer.shapes()) for name, layer in self.layers.items()}
        self._initial = {
            name: _checker(name, layer.initial_shapes())
            for name, layer in self.layers.items()
            if initial_state == "learned" and layer.initial_shapes()
        }

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}: {layer!r}" for name, layer in self.layers.items())
        return f"Network({inside})"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter, by full name."""
        return {
            f"{name}.{key}": shape
            for checkers in (self._own, self._initial)
            for name, checker in checkers.items()
            for key, shape in checker.shapes.items()
        }

    def weights(self) -> tuple[str, ...]:
        """Return the full names of the parameters that weight decay acts on."""
        return tuple(
            f"{name}.{key}" for name, layer in self.layers.items() for key in layer.weights()
        )

    @operation
    def init(
        self, rng: "np.random.Generator", dtype: "DTypeLike" = np.float32
    ) -> dict[str, np.ndarray]:
        """Draw the initial parameters of all layers, in order, from one generator.

        Parameters
        ----------
        rng : numpy.random.Generator
        dtype : float32 or float64

        Returns
        -------
        dict of str to ndarray
        """
        parameters = {
            f"{name}.{key}": p
            for name, layer in self.layers.items()
            for key, p in layer.init(rng, dtype).items()
        }
        return parameters | {
            f"{name}.{key}": np.zeros(shape, dtype)
            for name, checker in self._initial.items()
            for key, shape in checker.shapes.items()
        }

    @operation
    def initial_state(self, parameters: Parameters, m: int) -> tuple[State, ...]:
        """Return the state before the first step of m sequences: zeros, or the learned one.

        Returns
        -------
        tuple
            One tuple for each layer, as of `zero_state`.

        Raises
        ------
        ShapeError
        """
        dtype = dtype_of(parameters)
        state = dict(zip(self.layers, self.zero_state(m, dtype), strict=True))
        for name, check in self._initial.items():
            for array, learned in zip(state[name], check(parameters)[0].values(), strict=True):
                array[:] = learned  # the same for every sequence
        return tuple(state.values())

    def initial_state_gradients(
        self, dstate0: tuple[State, ...] | None, parts: Sequence[int] | None = None
    ) -> dict[str, np.ndarray]:
        """Return the gradients of a learned initial state; {} if it is zero.

        Parameters
        ----------
        dstate0 : tuple, or None
            Of `backward`, if the forward pass began from `initial_state`; None if it did not, for
            gradients of 0.
        parts : sequence of int, optional
            As for `backward`.

        Returns
        -------
        dict of str to ndarray
            ``lstm0.a0``: summed over the sequences, which all began with it.

        Raises
        ------
        ShapeError
        """
        if parts is not None:
            need_sizes(parts, next((a.shape[-2] for layer in dstate0 or () for a in layer), None))
            ends = np.cumsum([0, *parts])
            each = [
                self.initial_state_gradients(dstate0 and rows_of_state(dstate0, slice(a, b)))
                for a, b in pairwise(ends)
            ]
            return {name: np.stack([g[name] for g in each]) for name in (each[0] if each else ())}
        gradients = {}
        by_layer = dict(zip(self.layers, dstate0 or (None,) * len(self.layers), strict=True))
        for name, checker in self._initial.items():
            d = by_layer[name]
            for i, (key, shape) in enumerate(checker.shapes.items()):
                gradients[f"{name}.{key}"] = (
                    np.zeros(shape, np.float32) if d is None else d[i].sum(axis=1, keepdims=True)
                )
        return gradients

    @property
    def by_rows(self) -> bool:
        """Whether the results of a row are bit-identical whatever the other rows of the batch."""
        return all(layer.by_rows for layer in self.layers.values())

    def zero_state(self, m: int, dtype: "DTypeLike" = np.float32) -> tuple[State, ...]:
        """Return the state before the first step of m sequences: one tuple for each layer."""
        return tuple(layer.zero_state(m, dtype) for layer in self.layers.values())

    def checked_state(
        self, state: Any, m: int, dtype: Any, name: str = "state"
    ) -> tuple[State, ...]:
        """Check the states of all layers; zeros if it is None.

        Raises
        ------
        ShapeError
        """
        layers = zip(self.layers.values(), self._each(name, state), strict=True)
        return tuple([layer.checked_state(own, m, dtype, name) for layer, own in layers])

    @operation
    def forward(
        self,
        x: Batch,
        parameters: Parameters,
        state: tuple[State, ...] | None = None,
        lengths: Sequence[int] | np.ndarray | None = None,
        *,
        keep_tape: bool = True,
        rng: "np.random.Generator | None" = None,
        watch: Callable[[Seen], Any] | None = None,
    ) -> tuple[np.ndarray, tuple[State, ...], tuple[Any, ...] | None]:
        """Run a batch of sequences through all layers.

        Parameters
        ----------
        x : ndarray, shape (m, T_x, n_x) or, for tokens, (m, T_x); or a list of m sequences
        parameters : dict of str to ndarray
        state : tuple with one state for each layer, optional
            As `zero_state` and `forward` return it; `initial_state` if None.
        lengths : sequence of m int, optional
        keep_tape : bool
            False for inference: the tape is None.
        rng : numpy.random.Generator, optional
            For training: draws the masks of dropout layers.
        watch : callable (Seen), optional
            Called after each layer, except an embedding whose table the layer above multiplies.

        Returns
        -------
        y : ndarray, shape (m, T_x, n_out)
            0 on padding. (m, 1, n_out) if a layer pools the steps.
        state : tuple
        tape : tuple, one for each layer, or None

        Raises
        ------
        ShapeError
        """
        y, lengths = as_batch(x, lengths)
        if state is None and self._initial:
            state = self.initial_state(parameters, len(y))
        states, tapes, above = [], [], {}
        layers = zip(self.layers.items(), self._each("state", state), strict=True)
        for (name, layer), before in layers:
            own, options, above = self._own[name].select(parameters), above, {}
            if name in self._tables:  # the layer above multiplies the table, not every step
                above, final, tape = {"table": layer.table(own)}, (), None
            else:
                if layer.takes_rng:
                    options = {"rng": rng}
                x = y
                y, final, tape = layer.forward(
                    x, own, before, lengths, keep_tape=keep_tape, **options
                )
                if watch is not None:
                    table = options.get("table")
                    watch(Seen(name, layer, own, x, table, before, lengths, y, tape))
                lengths = layer.lengths_after(lengths)
            states.append(final)
            tapes.append(tape)
        return y, tuple(states), tuple(tapes) if keep_tape else None

    @operation
    def backward(
        self,
        tape: tuple[Any, ...] | None,
        dy: np.ndarray,
        dstate: tuple[State, ...] | None = None,
        *,
        need_dx: bool = True,
        parts: Sequence[int] | None = None,
        watch: Callable[[str, Any], Any] | None = None,
    ) -> tuple[np.ndarray | None, tuple[State, ...], dict[str, np.ndarray]]:
        """Backpropagate through `forward`.

        Parameters
        ----------
        tape : tuple
        dy : ndarray, shape (m, T_x, n_out)
        dstate : tuple with the gradients of one state for each layer, optional
        need_dx : bool
            False if the gradient of x is not wanted, as in training: it is not computed.
        parts : sequence of int, optional
            Numbers of sequences of consecutive parts of the batch, whose gradients are kept apart:
            each gradient has an axis in front, (len(parts), ...). Those of a part are bit-identical
            to those of a batch of the part alone. Only where the network is `by_rows`. Several
            parts take memory for the gates' gradients of all time steps, not of a few. (): the
            gradients of parameters are not computed.
        watch : callable (name, dy), optional
            Called before each layer, with the gradient of its output.

        Returns
        -------
        dx : ndarray of the shape of x, or None
            None for tokens, which have no gradient.
        dstate0 : tuple
        gradients : dict of str to ndarray
            By the full names of the parameters; empty where `parts` is. Those of a learned initial
            state: see `initial_state_gradients`.

        Raises
        ------
        ShapeError, ConfigError
        """
        tapes = need_tape(tape)
        if not isinstance(tapes, tuple) or len(tapes) != len(self.layers):
            raise another_tape()
        for layer in self.layers.values():
            need_parts(layer, parts)
        before = self._each("dstate", dstate)
        gradients, dstates = {}, []
        d: Any = dy
        for i, (name, layer) in reversed(list(enumerate(self.layers.items()))):
            if watch is not None:
                watch(name, d)
            if name in self._tables:  # d is the gradient of the table
                d, ds0, g = None, (), dict.fromkeys(self._own[name].shapes, d)
            elif i < self._lowest and not need_dx:
                d, ds0, g = None, (), {}
            else:
                below = need_dx or i > self._lowest
                own = self._parts_for(name, parts)
                d, ds0, g = layer.backward(tapes[i], d, before[i], need_dx=below, **own)
            dstates.append(ds0)
            gradients[name] = g
        ordered = {f"{name}.{key}": g for name in self.layers for key, g in gradients[name].items()}
        return d, tuple(dstates[::-1]), ordered if wanted(parts) else {}

    def _parts_for(self, name: str, parts: Sequence[int] | None) -> dict[str, Sequence[int]]:
        """Return the parts for a layer that has parameters and takes them."""
        if parts is None or not self.layers[name].by_rows or not self._own[name].shapes:
            return {}
        return {"parts": parts}

    @operation
    def find_fault(
        self,
        x: Batch,
        parameters: Parameters,
        lengths: Sequence[int] | np.ndarray | None = None,
    ) -> str | None:
        """Run forward and describe the first computed value that is not finite.

        Parameters
        ----------
        x, parameters, lengths
            As for `forward`.

        Returns
        -------
        str or None
            "ft of lstm0 at step 3" (a gate or state, as on its tape), "the output of dense0".
        """
        y, lengths = as_batch(x, lengths)
        with np.errstate(all="ignore"):
            for name, layer in self.layers.items():
                own = self._own[name].select(parameters)
                y, _, tape = layer.forward(y, own, None, lengths)
                if fault := layer.find_fault(tape, name):
                    return fault
                if not np.isfinite(y).all():
                    return f"the output of {name}"
                lengths = layer.lengths_after(lengths)
        return None

    @operation
    def step(
        self, xt: np.ndarray, parameters: Parameters, state: tuple[State, ...] | None
    ) -> tuple[np.ndarray, tuple[State, ...]]:
        """Run one time step of all layers, without a tape.

        Parameters
        ----------
        xt : ndarray, shape (m, n_x) or, for tokens, (m,)
        parameters : dict of str to ndarray
        state : tuple, or None
            As `zero_state`, `forward` and `step` return it.

        Returns
        -------
        yt : ndarray, shape (m, n_out)
        state : tuple

        Raises
        ------
        ShapeError, ConfigError
        """
        after = []
        layers = zip(self.layers.items(), self._each("state", state), strict=True)
        for (name, layer), before in layers:
            xt, final = layer.step(xt, self._own[name].select(parameters), before)
            after.append(final)
        return xt, tuple(after)

    def stepper(self, parameters: Parameters, m: int) -> Chain:
        """Check the parameters and prepare to step through m sequences, for `bptt.Stream`."""
        steppers = []
        for name, layer in self.layers.items():
            own = self._own[name].select(parameters)
            with within(name):
                steppers.append(layer.stepper(own, m))
        return Chain(steppers)

    def stream(self, parameters: Parameters, m: int = 1) -> Stream:
        """Step through m sequences as they arrive: see `bptt.Stream`."""
        return Stream(self, parameters, m)

    @property
    def n_in(self) -> int:
        """Features (or tokens) of the input."""
        return next(iter(self.layers.values())).n_in

    def _each(self, name, state):
        """Return one state for each layer: None for each if there is none."""
        if state is None:
            return (None,) * len(self.layers)
        if not isinstance(state, (tuple, list)):
            raise ShapeError(
                f"{name} is a {type(state).__name__}; expected a tuple of {len(self.layers)}, one "
                f"for each layer."
            )
        if len(state) != len(self.layers):
            raise ShapeError(
                f"{name} has {len(state)} entries; expected {len(self.layers)}, one for each layer."
            )
        return state


def rows_of_state(state: tuple[State, ...], rows: Any) -> tuple[State, ...]:
    """Return the states of some rows of a batch, of each layer."""
    return tuple(tuple([a[..., rows, :] for a in layer]) for layer in state)


def _checker(name: str, shapes: Mapping[str, tuple[int, ...]]) -> ParameterChecker:
    """Return what selects and checks the parameters of one layer, by their full names."""
    table = {key: " ".join(map(str, shape)) for key, shape in shapes.items()}
    return ParameterChecker(table, {}, f"{name}.")
