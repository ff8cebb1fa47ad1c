"""The engine: the mathematics of `bptt.equations` for batch-first arrays, by one of its providers.

The contract, which every provider keeps:

* Arrays are batch first: x (m, T_x, n_x), states (m, n_a). Rows of features may have any strides
  (the native provider copies what is not contiguous along features).
* `forward` returns (outputs, final state, tape); `backward` takes (tape, gradient of the outputs,
  gradients of the final state) and returns the gradients of x, of the initial state and of the
  parameters; `step` is one step of `forward` without a tape.
* State order is (a,) or (a, c). Ragged batches follow one rule: outputs on padding are 0, the final
  state is the one after a sequence's own last step, gradients on padding are 0 and what padding
  holds is never read. The reverse direction turns only the valid part around.
* A tape is never changed by `backward`; inputs never are.
* dtype in = dtype out, float32 or float64. Checks are the caller's: the engine trusts its inputs.
"""

import os
from typing import TYPE_CHECKING

from ..errors import EngineError

if TYPE_CHECKING:
    from .contract import Provider

__all__ = ["backward", "forward", "provider", "step"]

_chosen = None


def provider() -> "Provider":
    """Return the provider in use: ``BPTT_ENGINE=numpy`` in the environment forces one.

    Raises
    ------
    EngineError
        If the environment asks for a provider that does not exist.
    """
    global _chosen
    if _chosen is None:
        wanted = os.environ.get("BPTT_ENGINE", "numpy")
        if wanted != "numpy":
            raise EngineError(f"BPTT_ENGINE is {wanted!r}; expected 'numpy'.")
        from .numpy_provider import NumpyProvider

        _chosen = NumpyProvider()
    return _chosen


def forward(cell, x, state0, parameters, lengths=None, *, reverse=False, keep_tape=True):
    """Run a cell over a batch of sequences.

    Parameters
    ----------
    cell : str
        A row of `bptt.params.CELLS`.
    x : ndarray, shape (m, T_x, n_x)
    state0 : tuple of ndarray, each (m, n_a)
    parameters : dict of str to ndarray
    lengths : ndarray of int64, shape (m,), or None
    reverse : bool
        Run each sequence from its own last step to its first.
    keep_tape : bool
        False for inference: nothing is kept and the tape is None.

    Returns
    -------
    outputs : ndarray, shape (m, T_x, n_a)
    state : tuple of ndarray, each (m, n_a)
    tape : Tape or None
    """
    return provider().forward(
        cell, x, state0, parameters, lengths, reverse=reverse, keep_tape=keep_tape
    )


def backward(tape, d_outputs, d_state):
    """Backpropagate through time.

    Parameters
    ----------
    tape : Tape
    d_outputs : ndarray, shape (m, T_x, n_a)
    d_state : tuple of ndarray or None, each (m, n_a)
        Gradients on the final state.

    Returns
    -------
    dx : ndarray, shape (m, T_x, n_x)
    d_state0 : tuple of ndarray, each (m, n_a)
    gradients : dict of str to ndarray
        d + name for every parameter.
    """
    return provider().backward(tape, d_outputs, d_state)


def step(cell, xt, state, parameters):
    """Run one step, without a tape: what streaming needs.

    Parameters
    ----------
    cell : str
    xt : ndarray, shape (m, n_x)
    state : tuple of ndarray, each (m, n_a)
    parameters : dict of str to ndarray

    Returns
    -------
    tuple of ndarray, each (m, n_a)
        The next state; its first entry is the output.
    """
    return provider().step(cell, xt, state, parameters)
