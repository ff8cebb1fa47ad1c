"""The exercise after the first, second part: improvise over note values with an LSTM.

A corpus is a sequence of note values; each is a one-hot vector of n_values entries. `djmodel` reads
an excerpt and predicts the next value at every step; `music_inference_model` feeds its own
predictions back. The two share the parameters of `LSTM` and `Dense`, as in the course. Arrays have
the course's shapes: X (m, Tx, n_values), Y (Tx, m, n_values), states (m, n_a).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from ..equations import LSTM as LSTM_CELL
from ..equations.initializers import glorot_uniform
from ..errors import ConfigError, ShapeError, operation
from .rnn_utils import initialize_adam, update_parameters_with_adam
from .sequences import lstm_backward, lstm_forward

__all__ = [
    "LSTM",
    "Dense",
    "data_processing",
    "djmodel",
    "music_inference_model",
    "one_hot",
    "predict_and_sample",
]

BATCH = 32  # examples of a step of training


@dataclass
class LSTM:
    """An LSTM of n_a units; its parameters are drawn when a model is first run.

    Attributes
    ----------
    units : int
        n_a.
    return_state : bool
        Accepted and not used: the models read the state anyway.
    parameters : dict of str to ndarray
        Wf, bf, ... in the course's names; empty before the first run.
    """

    units: int
    return_state: bool = True
    parameters: dict[str, np.ndarray] = field(default_factory=dict, repr=False)


@dataclass
class Dense:
    """The output layer, softmax(Wy a + by) of n_values entries; shared as `LSTM` is."""

    units: int
    activation: str = "softmax"
    parameters: dict[str, np.ndarray] = field(default_factory=dict, repr=False)


@dataclass
class History:
    """Losses of a training run: ``history["loss"]``, one for each epoch."""

    history: dict[str, list[float]]


@dataclass
class _Model:
    lstm: LSTM
    dense: Dense
    steps: int

    def _parameters(self, n_values: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return the parameters of both layers; draw those that are not drawn yet."""
        n_a, rng = self.lstm.units, np.random.default_rng(seed)
        if not self.lstm.parameters:
            self.lstm.parameters |= LSTM_CELL.init(rng, n_values, n_a, dtype=np.float64)
        if not self.dense.parameters:
            self.dense.parameters["Wy"] = glorot_uniform(rng, (self.dense.units, n_a))
            self.dense.parameters["by"] = np.zeros((self.dense.units, 1))
        expected = self.lstm.parameters["Wf"].shape[1] - n_a
        if n_values != expected:
            raise ShapeError(f"X has {n_values} note values; expected {expected}, as before.")
        return self.lstm.parameters | self.dense.parameters

    def _inputs(self, inputs: Sequence[Any], steps: int) -> tuple[np.ndarray, ...]:
        """Return x (n_values, m, steps), a0 and c0 (n_a, m) of the course's three inputs."""
        if len(inputs) != 3:
            raise ShapeError(f"there are {len(inputs)} inputs; expected [X, a0, c0].")
        X, a0, c0 = (np.asarray(z, np.float64) for z in inputs)
        m, n_a = len(X), self.lstm.units
        if X.ndim != 3 or X.shape[1] != steps:
            raise ShapeError(f"X has shape {X.shape}; expected (m, {steps}, n_values).")
        for name, state in (("a0", a0), ("c0", c0)):
            if state.shape != (m, n_a):
                raise ShapeError(f"{name} has shape {state.shape}; expected (m, n_a) {(m, n_a)}.")
        return X.transpose(2, 0, 1), a0.T, c0.T


class DJModel(_Model):
    """The model of `djmodel`: fit it, or predict the next value at every step."""

    @operation("djmodel.predict")
    def predict(self, inputs: Sequence[Any]) -> list[np.ndarray]:
        """Return the probabilities at every step: Tx arrays (m, n_values).

        Parameters
        ----------
        inputs : sequence of three array-likes
            X (m, Tx, n_values), a0 and c0 (m, n_a).
        """
        x, a0, c0 = self._inputs(inputs, self.steps)
        _, y, _, _ = lstm_forward(x, a0, self._parameters(len(x)), c0=c0)
        return list(y.transpose(2, 1, 0))

    @operation("djmodel.fit")
    def fit(
        self,
        inputs: Sequence[Any],
        Y: Any,
        *,
        epochs: int = 100,
        learning_rate: float = 0.01,
        decay: float = 0.01,
        seed: int = 0,
        verbose: int = 0,
    ) -> History:
        """Train with Adam on batches of 32 examples; the loss is the sum over the steps.

        Parameters
        ----------
        inputs : sequence of three array-likes
            X (m, Tx, n_values), a0 and c0 (m, n_a).
        Y : array-like, shape (Tx, m, n_values)
            One-hot targets, a list too; a target of zeros does not count.
        epochs : int
        learning_rate : float
            Of the first step; divided by 1 + `decay` * (steps so far).
        decay : float
        seed : int
            Of the initial parameters and of the order of the examples.
        verbose : int
            1 prints the loss of every epoch.

        Returns
        -------
        History
        """
        x, a0, c0 = self._inputs(inputs, self.steps)
        target = np.asarray(Y, np.float64)
        shape = (self.steps, x.shape[1], self.dense.units)
        if target.shape != shape:
            raise ShapeError(f"Y has shape {target.shape}; expected (Tx, m, n_values) {shape}.")
        target = target.transpose(2, 1, 0)
        own = self._parameters(len(x), seed)
        rng, losses, t = np.random.default_rng(seed), [], 0
        moments = initialize_adam(own)
        for epoch in range(epochs):
            order, total = rng.permutation(x.shape[1]), 0.0
            for rows in np.array_split(order, -(-len(order) // BATCH)):
                loss, grads = self._gradients(x[:, rows], target[:, rows], a0[:, rows], c0[:, rows])
                rate, t = learning_rate / (1 + decay * t), t + 1
                own, *_ = update_parameters_with_adam(own, grads, *moments, t, rate)
                for layer in (self.lstm, self.dense):
                    layer.parameters.update({name: own[name] for name in layer.parameters})
                total += loss * len(rows)
            losses.append(total / len(order))
            if verbose:
                print(f"epoch {epoch + 1}: loss {losses[-1]:.4f}")  # noqa: T201
        return History({"loss": losses})

    def _gradients(self, x, target, a0, c0) -> tuple[float, dict[str, np.ndarray]]:
        """Return the loss of a batch, a mean over the examples, and its gradients."""
        parameters = self._parameters(len(x))
        a, y, _, caches = lstm_forward(x, a0, parameters, c0=c0)
        m = x.shape[1]
        loss = -float(np.sum(target * np.log(y + np.finfo(float).tiny))) / m
        dz = (np.sum(target, axis=0) * y - target) / m
        grads = lstm_backward(np.einsum("ya,ymt->amt", parameters["Wy"], dz), caches)
        grads["dWy"] = np.einsum("ymt,amt->ya", dz, a)
        grads["dby"] = np.sum(dz, axis=(1, 2))[:, np.newaxis]
        return loss, grads


class InferenceModel(_Model):
    """The model of `music_inference_model`: each prediction is the next input."""

    @operation("music_inference_model.predict")
    def predict(self, inputs: Sequence[Any]) -> list[np.ndarray]:
        """Return the probabilities at every step: Ty arrays (m, n_values).

        Parameters
        ----------
        inputs : sequence of three array-likes
            x0 (m, 1, n_values), a0 and c0 (m, n_a).
        """
        x, a, c = self._inputs(inputs, 1)
        parameters, outputs = self._parameters(len(x)), []
        for _ in range(self.steps):
            a, y, c, _ = lstm_forward(x, a, parameters, c0=c)
            a, c = a[:, :, 0], c[:, :, 0]
            outputs.append(y[:, :, 0].T)
            x = one_hot(np.argmax(outputs[-1], axis=1), len(x)).T[:, :, np.newaxis]
        return outputs


def djmodel(Tx: int, LSTM_cell: LSTM, densor: Dense, reshaper: Any = None) -> DJModel:
    """Return a model that predicts the next note value at each of Tx steps.

    Parameters
    ----------
    Tx : int
        Steps.
    LSTM_cell : LSTM
    densor : Dense
    reshaper : object, optional
        Accepted as in the course and not used.
    """
    return DJModel(LSTM_cell, densor, Tx)


def music_inference_model(LSTM_cell: LSTM, densor: Dense, Ty: int = 100) -> InferenceModel:
    """Return a model that improvises Ty note values with the parameters of a trained `djmodel`."""
    return InferenceModel(LSTM_cell, densor, Ty)


@operation
def predict_and_sample(
    inference_model: InferenceModel,
    x_initializer: Any = None,
    a_initializer: Any = None,
    c_initializer: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Improvise: the most probable note value at each step.

    Parameters
    ----------
    inference_model : InferenceModel
    x_initializer : array-like, shape (1, 1, n_values), optional
        First input, and initial states; zeros where they are left out.
    a_initializer, c_initializer : array-like, shape (1, n_a), optional

    Returns
    -------
    results : ndarray, shape (Ty, n_values)
        One-hot vectors.
    indices : ndarray of int, shape (Ty, 1)
    """
    n_values, n_a = inference_model.dense.units, inference_model.lstm.units
    x, a, c = (
        np.zeros(shape) if given is None else given
        for given, shape in (
            (x_initializer, (1, 1, n_values)), (a_initializer, (1, n_a)), (c_initializer, (1, n_a)),
        )
    )  # fmt: skip
    if np.shape(x)[0] != 1:
        raise ShapeError(f"x_initializer has shape {np.shape(x)}; expected (1, 1, {n_values}).")
    indices = np.argmax(inference_model.predict([x, a, c]), axis=-1)
    return one_hot(indices[:, 0], n_values), indices


def one_hot(indices: Any, n_values: int) -> np.ndarray:
    """Return one-hot vectors of n_values entries, in the last axis; indices may be a list."""
    return np.eye(n_values)[np.asarray(indices, np.int64)]


@operation
def data_processing(
    corpus: Sequence[Any], values_indices: Mapping[Any, int], m: int = 60, Tx: int = 30
) -> tuple[np.ndarray, list[Any], int]:
    """Cut m excerpts of Tx note values at random places of a corpus; NumPy's seed becomes 0.

    Parameters
    ----------
    corpus : sequence
        Note values.
    values_indices : mapping
        Index of every note value.
    m, Tx : int
        Examples, and steps of each.

    Returns
    -------
    X : ndarray of bool, shape (m, Tx, n_values)
        The first step is all False, as in the course.
    Y : list, shape (Tx, m, n_values)
        `X` one step ahead; the last step is all False.
    n_values : int

    Raises
    ------
    ConfigError
        The corpus has no more than Tx values.
    """
    if len(corpus) <= Tx:
        raise ConfigError(f"corpus has {len(corpus)} values; expected more than Tx = {Tx}.")
    n_values = len(set(corpus))
    np.random.seed(0)  # noqa: NPY002
    X = np.zeros((m, Tx, n_values), bool)
    for i in range(m):
        begin = int(np.random.choice(len(corpus) - Tx))  # noqa: NPY002
        inside = [values_indices[value] for value in corpus[begin + 1 : begin + Tx]]
        X[i, 1:] = one_hot(inside, n_values)
    Y = np.zeros_like(X)
    Y[:, :-1] = X[:, 1:]
    return X, cast(list[Any], Y.swapaxes(0, 1).tolist()), n_values
