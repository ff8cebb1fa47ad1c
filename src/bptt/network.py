"""A stack of layers with named parameters: forward, backward, step."""

from typing import Any

import numpy as np

from .checks import Door
from .errors import ConfigError, ShapeError
from .layers import Dropout, Embedding, Layer
from .layers.base import as_batch, need_tape
from .layers.stack import RecurrentStack
from .stream import Chain, Stream


class Network:
    """Layers on top of one another, over one flat dict of parameters.

    A parameter's key is the layer's name, a dot, and the parameter's name: ``lstm0.Wf``.

    Parameters
    ----------
    layers : list of Layer, or dict of str to Layer
        From input to output. A list's layers are named by kind and number: ``embedding0``,
        ``lstm0``, ``lstm1``, ``dense0``.
    learned_state : bool
        Whether the state before the first step is a parameter of each layer that has one
        (``lstm0.a0``, ``lstm0.c0``) and not zero.

    Attributes
    ----------
    layers : dict of str to Layer

    Raises
    ------
    ConfigError
        No layers, or one whose input does not fit the output of the layer below.

    Examples
    --------
    >>> from bptt.layers import LSTM, Dense, Embedding
    >>> network = Network([Embedding(50, 8), LSTM(8, 32), Dense(32, 50)])
    >>> parameters = network.init(np.random.default_rng(0))
    >>> list(parameters)[:3]
    ['embedding0.We', 'lstm0.Wf', 'lstm0.bf']
    >>> z, state, tape = network.forward(np.zeros((4, 7), int), parameters)
    >>> z.shape
    (4, 7, 50)
    """

    def __init__(self, layers, *, learned_state=False):
        if not isinstance(layers, dict):
            named, numbers = {}, {}
            for layer in layers:
                kind = type(layer).__name__.lower()
                number = numbers.get(kind, 0)
                named[f"{kind}{number}"], numbers[kind] = layer, number + 1
            layers = named
        if not layers:
            raise ConfigError("Network: layers is empty; expected at least one layer.")
        self.layers: dict[str, Layer] = dict(layers)
        below = None
        for name, layer in self.layers.items():
            if below is not None and layer.n_in != self.layers[below].n_out:
                raise ConfigError(
                    f"Network: {name} takes {layer.n_in} features; "
                    f"expected {self.layers[below].n_out}, because {below} gives as many."
                )
            below = name
        self._initial = {  # the layers' own initial states, as parameters: (a0, c0)
            name: {f"{name}.{s}0": (len(layer.slots), 1, layer.n_a) for s in layer.cell.states}
            for name, layer in self.layers.items()
            if learned_state and isinstance(layer, RecurrentStack)
        }
        self._keys = {  # of each layer's parameters: its own name, the full one, its gradient's
            name: [(key, f"{name}.{key}", f"d{name}.{key}") for key in layer.shapes()]
            for name, layer in self.layers.items()
        }
        names = list(self.layers)
        self._tables = {  # embeddings whose table the layer above takes as it is
            name: layer
            for (name, layer), above in zip(self.layers.items(), names[1:], strict=False)
            if isinstance(layer, Embedding) and self.layers[above].takes_table
        }

    def __repr__(self):
        inside = ", ".join(f"{name}: {layer!r}" for name, layer in self.layers.items())
        return f"Network({inside})"

    def shapes(self):
        """Return the shape of every parameter, by full name."""
        return {
            f"{name}.{key}": shape
            for name, layer in self.layers.items()
            for key, shape in layer.shapes().items()
        } | self._initial_shapes()

    def _initial_shapes(self):
        return {key: shape for own in self._initial.values() for key, shape in own.items()}

    def init(self, rng, dtype=np.float32):
        """Draw the initial parameters of all layers, in order, from one generator.

        Parameters
        ----------
        rng : numpy.random.Generator
        dtype : float32 or float64

        Returns
        -------
        dict of str to ndarray
        """
        return {
            f"{name}.{key}": p
            for name, layer in self.layers.items()
            for key, p in layer.init(rng, dtype).items()
        } | {key: np.zeros(shape, dtype) for key, shape in self._initial_shapes().items()}

    def initial_state(self, parameters, m):
        """Return the state before the first step of m sequences: zeros, or what was learned.

        Returns
        -------
        tuple
            One tuple a layer, as `zero_state` gives it.

        Raises
        ------
        ShapeError
        """
        dtype: Any = next((p.dtype for p in parameters.values()), np.float32)
        state = dict(zip(self.layers, self.zero_state(m, dtype), strict=True))
        for name, own in self._initial.items():
            door = Door("Network.initial_state")
            for array, (key, shape) in zip(state[name], own.items(), strict=True):
                if key not in parameters:
                    raise ShapeError(f"Network.initial_state: parameters lacks {key}, {shape}.")
                door.shape(key, parameters[key].shape, " ".join(map(str, shape)))
                array[:] = parameters[key]  # the same for every sequence
        return tuple(state.values())

    def initial_state_gradients(self, dstate0):
        """Return the gradients of a learned initial state, {} where it is zero.

        Parameters
        ----------
        dstate0 : tuple, or None
            Of `backward`, where the forward pass began from `initial_state`; None where it did
            not, for gradients of 0.

        Returns
        -------
        dict of str to ndarray
            ``dlstm0.a0``: summed over the sequences, which all began with it.
        """
        gradients = {}
        by_layer = dict(zip(self.layers, dstate0 or (None,) * len(self.layers), strict=True))
        for name, own in self._initial.items():
            for i, (key, shape) in enumerate(own.items()):
                d = by_layer[name]
                gradients[f"d{key}"] = (
                    np.zeros(shape, np.float32) if d is None else d[i].sum(axis=1, keepdims=True)
                )
        return gradients

    def zero_state(self, m, dtype=np.float32):
        """Return the state before the first step of m sequences: one tuple a layer."""
        return tuple(layer.zero_state(m, dtype) for layer in self.layers.values())

    def forward(self, x, parameters, state=None, lengths=None, *, keep_tape=True, rng=None):
        """Run a batch of sequences through all layers.

        Parameters
        ----------
        x : ndarray, shape (m, T_x, n_x) or, for tokens, (m, T_x); or a list of m sequences
        parameters : dict of str to ndarray
        state : tuple with one state a layer, optional
            As `zero_state` and `forward` return it; where None, `initial_state`.
        lengths : sequence of m int, optional
        keep_tape : bool
            False for inference: the tape is None.
        rng : numpy.random.Generator, optional
            For training: draws what the dropout layers leave out.

        Returns
        -------
        y : ndarray, shape (m, T_x, n_out)
            0 on padding. (m, 1, n_out) where a layer pools the steps.
        state : tuple
        tape : tuple, one a layer, or None

        Raises
        ------
        ShapeError
        """
        y, lengths = as_batch("Network.forward", x, lengths)
        if state is None and self._initial:
            state = self.initial_state(parameters, len(y))
        state = self._each("Network.forward", "state", state)
        states, tapes, table = [], [], {}
        for (name, layer), s in zip(self.layers.items(), state, strict=True):
            own = self._own("Network.forward", parameters, name)
            if name in self._tables:  # the layer above multiplies the table, not every step
                table, final, tape = (
                    {"table": self._tables[name].vectors("Network.forward", own)},
                    (),
                    None,
                )
            else:
                extra = {"rng": rng} if isinstance(layer, Dropout) else table
                y, final, tape = layer.forward(y, own, s, lengths, keep_tape=keep_tape, **extra)
                table = {}
                if layer.pools:  # one step is left of every sequence
                    lengths = None
            states.append(final)
            tapes.append(tape)
        return y, tuple(states), tuple(tapes) if keep_tape else None

    def backward(self, tape, dy, dstate=None):
        """Undo `forward`.

        Parameters
        ----------
        tape : tuple
        dy : ndarray, shape (m, T_x, n_out)
        dstate : tuple with one state's gradients a layer, optional

        Returns
        -------
        dx : ndarray, shape of x, or None for tokens
        dstate0 : tuple
        gradients : dict of str to ndarray
            d + full name: ``dlstm0.Wf``. Those of a learned initial state: see
            `initial_state_gradients`.

        Raises
        ------
        ShapeError
        """
        need_tape("Network.backward", tape)
        dstate = self._each("Network.backward", "dstate", dstate)
        gradients, dstates = {}, []
        for i, (name, layer) in reversed(list(enumerate(self.layers.items()))):
            if name in self._tables:  # what came down is the gradient of the table
                dy, ds0, g = None, (), {"dWe": dy}
            else:
                dy, ds0, g = layer.backward(tape[i], dy, dstate[i])
            dstates.append(ds0)
            gradients[name] = g
        ordered = {
            full: gradients[name][f"d{key}"]
            for name, keys in self._keys.items()
            for key, _, full in keys
        }
        return dy, tuple(dstates[::-1]), ordered

    def find_fault(self, x, parameters, lengths=None):
        """Run forward and name the first thing computed that is not finite.

        Parameters
        ----------
        x, parameters, lengths
            As for `forward`.

        Returns
        -------
        str or None
            "ft of lstm0 at step 3" (a gate or state, as on its tape), "the output of dense0".
        """
        y, lengths = as_batch("Network.find_fault", x, lengths)
        with np.errstate(all="ignore"):
            for name, layer in self.layers.items():
                own = self._own("Network.find_fault", parameters, name)
                y, _, tape = layer.forward(y, own, None, lengths)
                if isinstance(layer, RecurrentStack) and (fault := layer.find_fault(tape)):
                    return fault.replace(" of ", f" of {name}", 1)
                if not np.isfinite(y).all():
                    return f"the output of {name}"
                lengths = None if layer.pools else lengths
        return None

    def step(self, xt, parameters, state):
        """Run one step of all layers, without a tape.

        Parameters
        ----------
        xt : ndarray, shape (m, n_x) or, for tokens, (m,)
        parameters : dict of str to ndarray
        state : tuple
            As `zero_state`, `forward` and `step` return it.

        Returns
        -------
        yt : ndarray, shape (m, n_out)
        state : tuple

        Raises
        ------
        ShapeError, ConfigError
        """
        state = self._each("Network.step", "state", state)
        after = []
        for (name, layer), s in zip(self.layers.items(), state, strict=True):
            xt, s_next = layer.step(xt, self._own("Network.step", parameters, name), s)
            after.append(s_next)
        return xt, tuple(after)

    def stepper(self, parameters, m):
        """Check the parameters and prepare to step through m sequences."""
        return Chain(
            [
                layer.stepper(self._own("Network.stream", parameters, name), m)
                for name, layer in self.layers.items()
            ]
        )

    def stream(self, parameters, m=1):
        """Step through m sequences as they arrive, see `bptt.Stream`."""
        return Stream(self, parameters, m)

    @property
    def n_in(self):
        """Features (or tokens) of the input."""
        return next(iter(self.layers.values())).n_in

    def _each(self, where, name, state):
        """Return one state a layer: None for each where there is none."""
        if state is None:
            return (None,) * len(self.layers)
        if len(state) != len(self.layers):
            raise ShapeError(
                f"{where}: {name} has {len(state)} entries; expected {len(self.layers)}, "
                f"one a layer."
            )
        return state

    def _own(self, where, parameters, name):
        """Return the parameters of one layer under its own names."""
        try:
            return {key: parameters[full] for key, full, _ in self._keys[name]}
        except KeyError as missing:
            raise ShapeError(
                f"{where}: parameters has {', '.join(parameters) or 'no entry'}; "
                f"expected also {missing.args[0]}."
            ) from None
