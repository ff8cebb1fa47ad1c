"""The loop over a text: truncated BPTT over parallel streams, the state carried along."""

import signal
import threading
import time
from typing import NamedTuple

import numpy as np

from .. import engine
from ..errors import BpttError
from .batches import text_windows
from .optimisers import clip_by_global_norm


class Progress(NamedTuple):
    """Where a training run stands after a step."""

    epoch: int  # 1, 2, ...
    step: int  # over all epochs: 1 .. n_steps
    n_steps: int
    loss: float  # nats per character: running mean over about the last 50 steps
    validation: float | None  # nats per character, only after an epoch's last step
    grad_norm: float  # before clipping
    chars_per_second: float  # of training, validation left out
    seconds: float  # since the start, validation included

    @property
    def seconds_left(self):
        """Estimate the time to the end from the steps done, in seconds."""
        return self.seconds / self.step * (self.n_steps - self.step)


class Interrupts:
    """Turn Ctrl-C into a flag that is looked at between steps: no half-made update.

    A context manager. The first Ctrl-C sets `requested`; a second one raises KeyboardInterrupt at
    once. Where Ctrl-C is ignored (nohup, a script's background job) and outside the main thread,
    to which Python delivers no signals, it does nothing.
    """

    def __init__(self):
        self.requested = False

    def __enter__(self):
        self._previous = None
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            self._previous = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *exception):
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _on_signal(self, signum, frame):
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


def train_text(
    network,
    parameters,
    optimiser,
    tokens,
    validation_tokens=None,
    *,
    epochs,
    batch_size,
    seq_length,
    grad_clip,
):
    """Train a network to predict each token of a text from those before it.

    A generator: each `next` makes one step, so that whoever runs it may stop between steps.

    Parameters
    ----------
    network : Network
        From tokens (m, T_x) to logits (m, T_x, n_tokens).
    parameters : dict of str to ndarray
        Changed in place.
    optimiser : SGD or Adam
    tokens, validation_tokens : ndarray of int, shape (n,)
        Without the second there is no validation.
    epochs : int
        Times through the text; the state starts from zero at each.
    batch_size : int
        Parallel streams.
    seq_length : int
        Steps that a gradient travels back.
    grad_clip : float or None
        Largest norm of all gradients together.

    Yields
    ------
    Progress

    Raises
    ------
    ConfigError
        The text is too short for the batch.
    BpttError
        A gradient or the loss is not finite: raised before the parameters change. The validation
        loss is not finite.
    """
    windows = text_windows(tokens, batch_size, seq_length)
    n_steps = epochs * len(windows)
    dtype = next(iter(parameters.values())).dtype
    start, training_seconds, chars, losses = time.perf_counter(), 0.0, 0, []
    step = 0
    for epoch in range(1, epochs + 1):
        state = network.zero_state(batch_size, dtype)
        for k, (x, y) in enumerate(windows, start=1):
            began = time.perf_counter()
            step += 1
            with np.errstate(all="ignore"):  # what overflows stops the training below
                z, state, tape = network.forward(x, parameters, state)
                nats, dz = engine.softmax_cross_entropy(z.reshape(y.size, -1), y.reshape(-1))
                loss = float(nats.mean())
                _, _, gradients = network.backward(tape, (dz / dtype.type(y.size)).reshape(z.shape))
                gradients, norm = clip_by_global_norm(gradients, grad_clip)
            if not (np.isfinite(norm) and np.isfinite(loss)):
                raise BpttError(_not_finite(step, loss, gradients, optimiser))
            optimiser.update(parameters, gradients)
            losses = [*losses[-49:], loss]
            chars += x.size
            training_seconds += time.perf_counter() - began
            validation = None
            if k == len(windows) and validation_tokens is not None:
                validation = evaluate_text(network, parameters, validation_tokens)
                if not np.isfinite(validation):
                    raise BpttError(
                        f"training stopped after step {step}: the validation loss is not finite. "
                        f"{_advice(optimiser)}"
                    )
            yield Progress(
                epoch,
                step,
                n_steps,
                float(np.mean(losses)),
                validation,
                norm,
                chars / training_seconds,
                time.perf_counter() - start,
            )


def evaluate_text(network, parameters, tokens, *, window=256):
    """Score a text: the mean negative log-probability of each token after the first.

    One stream from a state of zeros, which is carried through the whole text.

    Parameters
    ----------
    network : Network
    parameters : dict of str to ndarray
    tokens : ndarray of int, shape (n,), n >= 2
    window : int
        Steps computed at a time; moves memory, not the result.

    Returns
    -------
    float
        Nats per token; not finite where the parameters are too large to compute with.
    """
    dtype = next(iter(parameters.values())).dtype
    state, total = network.zero_state(1, dtype), 0.0
    with np.errstate(all="ignore"):
        for x, y in text_windows(tokens, 1, window):
            z, state, _ = network.forward(x, parameters, state, keep_tape=False)
            nats, _ = engine.softmax_cross_entropy(z[0], y[0])
            total += float(nats.sum())
    return total / (len(tokens) - 1)


def _not_finite(step, loss, gradients, optimiser):
    what = next((f"gradient {n}" for n, g in gradients.items() if not np.isfinite(g).all()), None)
    what = what or ("norm of all gradients" if np.isfinite(loss) else "loss")
    return (
        f"training stopped at step {step}: the {what} is not finite; the parameters are those of "
        f"the step before. {_advice(optimiser)}"
    )


def _advice(optimiser):
    return f"Try a learning rate below {optimiser.learning_rate:g}."
