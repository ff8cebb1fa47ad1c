"""Windows: the time steps under a window that moves along a sequence, joined into one step."""

from typing import Any, Literal, get_args

import numpy as np

from ..errors import ConfigError, ShapeError, operation
from .base import whole_number
from .rearrange import _Rearrangement

Padding = Literal["valid", "same", "causal"]
PADDINGS: tuple[Padding, ...] = get_args(Padding)


class Windows(_Rearrangement):
    """Join the features of the time steps under a window that moves along a sequence.

    y[i, t, j n_x + k] = x[i, t stride + j dilation - before, k], and 0 where there is no such step

    A `Dense` layer above it is a convolution over time. The window reaches over
    r = (size - 1) dilation + 1 steps. With `padding` "valid" it stays within the sequence: T steps
    give floor((T - r) / stride) + 1, and before = 0. With "same" and "causal" they give
    ceil(T / stride); before = r - 1 for "causal", so that no output has later steps, and
    floor(max(0, (ceil(T / stride) - 1) stride + r - T) / 2) for "same", where T is the true length.

    Parameters
    ----------
    n_x : int
        Features.
    size : int
        Steps that a window takes.
    stride : int
        Steps from one window to the next.
    dilation : int
        Steps from one step of a window to its next.
    padding : {"valid", "same", "causal"}

    Examples
    --------
    >>> x = np.array([[[1.0], [2.0], [3.0]]])
    >>> Windows(1, 2).forward(x, {})[0]
    array([[[1., 2.],
            [2., 3.]]])
    """

    expands = True

    @operation
    def __init__(
        self,
        n_x: int,
        size: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        padding: Padding = "valid",
    ):
        self.n_in: int = whole_number("n_x", n_x)
        self.size: int = whole_number("size", size)
        self.stride: int = whole_number("stride", stride)
        self.dilation: int = whole_number("dilation", dilation)
        if not isinstance(padding, str) or padding not in PADDINGS:
            raise ConfigError(f"padding is {padding!r}; expected one of {', '.join(PADDINGS)}.")
        self.padding: Padding = padding
        self.n_out: int = whole_number("n_x size", self.n_in * self.size)

    def __repr__(self) -> str:
        parts = [f"{k}={v}" for k, v in (("stride", self.stride), ("dilation", self.dilation))
                 if v != 1]  # fmt: skip
        parts += [f"padding={self.padding!r}"] * (self.padding != "valid")
        return f"Windows({', '.join([str(self.n_in), str(self.size), *parts])})"

    @property
    def reach(self) -> int:
        """Time steps from the first to the last of a window, both included."""
        return (self.size - 1) * self.dilation + 1

    def lengths_after(self, lengths: Any) -> Any:
        """Return the true lengths of the outputs."""
        if lengths is None:
            return None
        lengths = np.asarray(lengths, np.int64)
        if self.padding == "valid":
            return np.maximum((lengths - self.reach) // self.stride + 1, 0)
        return -(-lengths // self.stride)

    def _before(self, lengths: Any) -> Any:
        """Return how many steps the first window begins before sequences of these lengths."""
        if self.padding == "valid":
            return np.zeros_like(lengths)
        if self.padding == "causal":
            return np.full_like(lengths, self.reach - 1)
        last = (self.lengths_after(lengths) - 1) * self.stride
        return np.maximum(last + self.reach - lengths, 0) // 2

    def _places(self, m: int, T_x: int, lengths: np.ndarray | None) -> tuple[Any, Any]:
        """Return the step at each place of each window (m, T_y, size), and whether it exists."""
        n = np.full(m, T_x) if lengths is None else lengths
        T_y = int(self.lengths_after(T_x))
        starts = np.arange(T_y) * self.stride - self._before(n)[:, np.newaxis]
        places = starts[:, :, np.newaxis] + np.arange(self.size) * self.dilation
        exists = (places >= 0) & (places < n[:, np.newaxis, np.newaxis])
        exists &= (np.arange(T_y) < self.lengths_after(n)[:, np.newaxis])[:, :, np.newaxis]
        return places, exists

    def _move(self, x, lengths):
        m, T_x, _ = x.shape
        if self.lengths_after(T_x) < 1:
            raise ShapeError(f"x has {T_x} time steps; expected at least {self.reach}, a window.")
        places, exists = self._places(m, T_x, lengths)
        y = np.zeros((*places.shape, self.n_in), x.dtype)
        i, _, _ = there = np.nonzero(exists)
        y[there] = x[i, places[there]]
        return y.reshape(*y.shape[:2], self.n_out)

    def _move_back(self, dy, T_x, lengths):
        m, T_y, _ = dy.shape
        places, exists = self._places(m, T_x, lengths)
        d_windows = dy.reshape(m, T_y, self.size, self.n_in)
        dx = np.zeros((m, T_x, self.n_in), dy.dtype)
        for j in range(self.size):  # for one j no two windows have the same step
            i, t = np.nonzero(exists[:, :, j])
            dx[i, places[i, t, j]] += d_windows[i, t, j]
        return dx
