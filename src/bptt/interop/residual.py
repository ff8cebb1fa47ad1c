"""ResidualNetwork: a network whose input is added to its output, as in models of amplifiers."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..equations.sequences import valid_steps
from ..errors import ConfigError, operation
from ..layers.base import Batch, Layer, Parameters, State, as_batch
from ..network import Network, Seen

if TYPE_CHECKING:
    from ..engine.contract import Stepper

__all__ = ["ResidualNetwork"]


class ResidualNetwork(Network):
    """Layers whose first input features, times a gain, are added to the output: y = f(x) + g x.

    Parameters
    ----------
    layers, initial_state
        As of `bptt.Network`; every time step has an output.
    n_skip : int
        Features of the input that are added to the first features of the output.
    gain : float
        Factor of the added input.

    Examples
    --------
    >>> from bptt import LSTM, Dense
    >>> network = ResidualNetwork([LSTM(1, 4), Dense(4, 1)])
    >>> parameters = {k: 0 * p for k, p in network.init(np.random.default_rng(0)).items()}
    >>> network.forward(np.ones((1, 2, 1), np.float32), parameters)[0].ravel()
    array([1., 1.], dtype=float32)
    """

    @operation
    def __init__(
        self,
        layers: Sequence[Layer] | Mapping[str, Layer],
        *,
        n_skip: int = 1,
        gain: float = 1.0,
        initial_state: Literal["zero", "learned"] = "zero",
    ):
        super().__init__(layers, initial_state=initial_state)
        stack = list(self.layers.values())
        most = min(stack[0].n_in, stack[-1].n_out)
        if any(layer.pools or layer.is_table for layer in stack) or not 1 <= n_skip <= most:
            raise ConfigError(
                f"n_skip is {n_skip}; expected 1..{most} features, and layers that have an output "
                f"for every step of numbers."
            )
        self.n_skip: int = n_skip
        self.gain: float = float(gain)

    def __repr__(self) -> str:
        return f"Residual{super().__repr__()[:-1]}, n_skip={self.n_skip}, gain={self.gain:g})"

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
        """Run a batch of sequences: see `Network.forward`."""
        x, lengths = as_batch(x, lengths)
        x = np.asarray(x)
        y, after, tape = super().forward(
            x, parameters, state, lengths, keep_tape=keep_tape, rng=rng, watch=watch
        )
        added = self.gain * x[:, :, : self.n_skip]
        if lengths is not None:  # padding may hold anything
            steps = valid_steps(lengths, *y.shape[:2])
            added = np.where(steps[:, :, np.newaxis], added, 0)
        y = y.copy()
        y[:, :, : self.n_skip] += added
        return y, after, tape

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
        """Backpropagate through `forward`: see `Network.backward`. Padding of dy must be 0."""
        dx, dstate0, gradients = super().backward(
            tape, dy, dstate, need_dx=need_dx, parts=parts, watch=watch
        )
        if dx is not None:
            dx = dx.copy()
            dx[:, :, : self.n_skip] += self.gain * dy[:, :, : self.n_skip]
        return dx, dstate0, gradients

    def step(
        self, xt: np.ndarray, parameters: Parameters, state: tuple[State, ...] | None
    ) -> tuple[np.ndarray, tuple[State, ...]]:
        """Run one time step of all layers: see `Network.step`."""
        yt, after = super().step(xt, parameters, state)
        return self._added(xt, yt), after

    def stepper(self, parameters: Parameters, m: int) -> Any:
        """Check the parameters and prepare to step through m sequences, for `bptt.Stream`."""
        return _ResidualStepper(self, super().stepper(parameters, m))

    def _added(self, xt: np.ndarray, yt: np.ndarray) -> np.ndarray:
        yt = yt.copy()
        yt[:, : self.n_skip] += self.gain * xt[:, : self.n_skip]
        return yt


class _ResidualStepper:
    """Step through a residual network."""

    def __init__(self, network: ResidualNetwork, inner: "Stepper"):
        self._network, self._inner = network, inner

    def step(self, xt: np.ndarray) -> np.ndarray:
        return self._network._added(xt, self._inner.step(xt))

    @property
    def state(self) -> Any:
        return self._inner.state

    @state.setter
    def state(self, state: Any) -> None:
        self._inner.state = state
