"""The engine: the mathematics of `bptt.equations` for batch-first arrays, by one of its providers.

The contract, which every provider keeps:

* Arrays are batch first: x (m, T_x, n_x), states (m, n_a), with any strides.
* `forward` returns (outputs, final state, tape); `backward` takes (tape, gradient of the outputs,
  gradients of the final state) and returns the gradients of x, of the initial state and of the
  parameters; `stream` steps through a sequence without a tape.
* The input may be tokens (m, T_x) with a table (n_tokens, n_x): the input is then table[x], and
  `backward` returns the gradient of the table in place of that of x.
* `dense_forward`, `dense_backward` and `softmax_cross_entropy` do the output layer's work on rows,
  so that a training step runs in one pool of threads; so do `squared_norm` and `adam`.
* State order is (a,) or (a, c). Ragged batches follow one rule: outputs on padding are 0, the final
  state is the one after a sequence's own last step, gradients on padding are 0 and what padding
  holds is never read. The reverse direction turns only the valid part around.
* A tape is never changed by `backward`; inputs never are.
* dtype in = dtype out, float32 or float64. Checks are the caller's: the engine trusts its inputs.

The native provider promises bits besides: a sequence's forward result does not depend on the other
sequences of its batch, on padding or on the number of threads, gradients do not depend on the
number of threads, and a stream gives the bits of the whole sequence; a row of a dense layer keeps
its bits likewise.
"""

import os
import warnings
from typing import TYPE_CHECKING

from ..errors import EngineError

if TYPE_CHECKING:
    from .contract import Provider

__all__ = [
    "adam",
    "backward",
    "dense_backward",
    "dense_forward",
    "forward",
    "get_num_threads",
    "provider",
    "set_num_threads",
    "softmax_cross_entropy",
    "squared_norm",
    "step",
    "stream",
]

_chosen = None


def provider() -> "Provider":
    """Return the provider in use: the native one where it is built, else the NumPy one.

    ``BPTT_ENGINE=native`` or ``BPTT_ENGINE=numpy`` in the environment forces one. Falling back to
    NumPy gives one warning.

    Raises
    ------
    EngineError
        The environment asks for a provider that does not exist or was not built.
    """
    global _chosen
    if _chosen is None:
        _chosen = _choose(os.environ.get("BPTT_ENGINE", "auto"))
    return _chosen


def _choose(wanted):
    if wanted not in ("auto", "native", "numpy"):
        raise EngineError(f"BPTT_ENGINE is {wanted!r}; expected auto, native or numpy.")
    if wanted != "numpy":
        try:
            from .native_provider import NativeProvider

            return NativeProvider()
        except ImportError as error:
            if wanted == "native":
                raise EngineError(
                    f"BPTT_ENGINE is 'native', which is not built: {error}."
                ) from None
            warnings.warn(
                "bptt: the native engine is not built; the NumPy provider serves, several times "
                "slower. Install with a C++17 compiler to get it (see bptt.show_config()).",
                RuntimeWarning,
                stacklevel=4,
            )
    from .numpy_provider import NumpyProvider

    return NumpyProvider()


def forward(
    cell, x, state0, parameters, lengths=None, *, table=None, reverse=False, keep_tape=True
):
    """Run a cell over a batch of sequences.

    Parameters
    ----------
    cell : str
        A name in `bptt.equations.CELLS`.
    x : ndarray, shape (m, T_x, n_x); with a table, ndarray of int64, shape (m, T_x)
    state0 : tuple of ndarray, each (m, n_a)
    parameters : dict of str to ndarray
    lengths : ndarray of int64, shape (m,), or None
    table : ndarray, shape (n_tokens, n_x), optional
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
        cell, x, state0, parameters, lengths, table=table, reverse=reverse, keep_tape=keep_tape
    )


def backward(tape, dy, dstate):
    """Backpropagate through time.

    Parameters
    ----------
    tape : Tape
    dy : ndarray, shape (m, T_x, n_a)
    dstate : tuple of ndarray or None, each (m, n_a)
        Gradients on the final state.

    Returns
    -------
    dx : ndarray, shape (m, T_x, n_x); with a table, that of the table
    dstate0 : tuple of ndarray, each (m, n_a)
    gradients : dict of str to ndarray
        d + name for every parameter.
    """
    return provider().backward(tape, dy, dstate)


def stream(cell, parameters, m):
    """Prepare to step through m sequences side by side, from a state of zeros.

    Parameters
    ----------
    cell : str
    parameters : dict of str to ndarray
        Copied: later changes do not reach the stream.
    m : int

    Returns
    -------
    Stepper
        ``step(xt)`` takes (m, n_x) and returns the next hidden state, (m, n_a); ``state`` is the
        tuple of states, readable and settable.
    """
    return provider().stream(cell, parameters, m)


def step(cell, xt, state, parameters):
    """Run one step: `forward` over a sequence of one.

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
    return forward(cell, xt[:, None], state, parameters, keep_tape=False)[1]


def dense_forward(x, W, b):
    """Apply a dense layer to rows: x W^T + b.

    Parameters
    ----------
    x : ndarray, shape (rows, n_in)
    W : ndarray, shape (n_out, n_in)
    b : ndarray, shape (n_out, 1)

    Returns
    -------
    ndarray, shape (rows, n_out)
    """
    return provider().dense_forward(x, W, b)


def dense_backward(dy, x, W):
    """Undo `dense_forward`.

    Parameters
    ----------
    dy : ndarray, shape (rows, n_out)
    x, W
        As in `dense_forward`.

    Returns
    -------
    dx, dW, db : ndarray
        In the shapes of what they are gradients of.
    """
    return provider().dense_backward(dy, x, W)


def softmax_cross_entropy(z, labels):
    """Negative log-probability of a label in each row, and its gradient.

    Parameters
    ----------
    z : ndarray, shape (rows, n)
        Logits.
    labels : ndarray of int, shape (rows,)
        In 0..n-1.

    Returns
    -------
    nats : ndarray of float64, shape (rows,)
    dz : ndarray, shape (rows, n)
        softmax(z) - onehot(labels): the gradient of their sum.
    """
    return provider().softmax_cross_entropy(z, labels)


def squared_norm(arrays):
    """Sum the squares of all entries of all arrays, in float64.

    Parameters
    ----------
    arrays : sequence of ndarray, of any shapes

    Returns
    -------
    float
        On the native engine its bits do not depend on the number of threads.
    """
    return provider().squared_norm(arrays)


def adam(
    parameters,
    gradients,
    first,
    second,
    *,
    scale,
    learning_rate,
    beta1,
    beta2,
    epsilon,
    decay,
    correction1,
    correction2,
):
    """Make one step of Adam on all arrays, in place and in one pass.

    (1)  g <- scale * gradient
    (2)  first <- beta1 first + (1 - beta1) g
    (3)  second <- beta2 second + (1 - beta2) g^2
    (4)  p <- p - learning_rate (first / correction1 / (sqrt(second / correction2) + epsilon)
                                 + decay p)

    Kingma & Ba 2015, algorithm 1, with correction1 = 1 - beta1^t and correction2 = 1 - beta2^t at
    step t; decay is that of Loshchilov & Hutter 2019, apart from the gradient. The arithmetic is
    that of the arrays' dtype; both providers give the same bits, but for subnormal numbers, which
    the native one flushes to zero.

    Parameters
    ----------
    parameters, gradients, first, second : sequence of ndarray
        Alike in shape and dtype; all but the gradients are changed.
    scale : float
        What clipping multiplies the gradients by; 1 where nothing is clipped.
    learning_rate, beta1, beta2, epsilon : float
    decay : sequence of float, one an array
        Weight decay; 0 for none.
    correction1, correction2 : float
    """
    provider().adam(
        parameters,
        gradients,
        first,
        second,
        scale=scale,
        learning_rate=learning_rate,
        beta1=beta1,
        beta2=beta2,
        epsilon=epsilon,
        decay=decay,
        correction1=correction1,
        correction2=correction2,
    )


def get_num_threads():
    """Return how many threads the engine may use."""
    return provider().get_num_threads()


def set_num_threads(n):
    """Let the engine use up to n threads; small problems stay on one all the same.

    The default is what the process may use, or ``OMP_NUM_THREADS`` where that is set.

    Parameters
    ----------
    n : int

    Raises
    ------
    ConfigError
        n is not a whole number >= 1.
    EngineError
        The NumPy provider serves: its threads are those of NumPy's BLAS.
    """
    provider().set_num_threads(n)
