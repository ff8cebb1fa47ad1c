"""What models share: hyper-parameters, training, files; scikit-learn's manners."""

import hashlib
import sys
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ..checks import is_number, is_whole
from ..errors import ConfigError
from ..layers import GRU, LSTM, RNN, Dropout
from ..network import Network
from ..stream import Stream
from ..training import Checkpoints, Display, Run, Schedule, fit
from ..training.optimizers import LARGEST, OPTIMIZERS
from ..training.schedules import SCHEDULES
from . import files

_SHARED = "<those of all models>"  # in the docstring of a model
LAYERS = {
    "lstm": LSTM,
    "gru": GRU,
    "gru_reset_after": partial(GRU, reset="after"),
    "rnn": RNN,
    "rnn_relu": partial(RNN, activation="relu"),
}


@dataclass(kw_only=True, repr=False, eq=False)
class Model:
    """Hyper-parameters live in the constructor, unchanged; what `fit` learns ends in ``_``.

    Parameters
    ----------
    cell : {"lstm", "gru", "gru_reset_after", "rnn", "rnn_relu"}
        Recurrent cell; of a GRU the reset gate may act before or after the product, as PyTorch's.
    units : int
        Hidden units of each layer.
    layers : int
        Recurrent layers on top of one another.
    dropout : float
        Share of the features left out while training, between layers and before the output layer.
    input_dropout : float
        The same below the first layer.
    initial_state : {"zero", "learned"}
        The state before a sequence's first step.
    batch_size : int
        Sequences (or parallel streams of a text) that one step is computed from.
    epochs : int
        Times through the data.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"}
        Rule that makes steps of gradients.
    learning_rate : float
        Size of a step; the largest that the schedule gives.
    momentum : float
        Share of the last step that the next one keeps, with "sgd" and "rmsprop".
    weight_decay : float
        So many times each weight is added to its gradient or, with "adamw", apart from it times the
        learning rate, taken from it; biases have none.
    grad_clip : float
        Largest Euclidean norm of all gradients together.
    schedule : {"constant", "cosine", "plateau"}
        Of the learning rate after the warm-up: constant; falling to 0 along a cosine; or halved
        after 2 epochs without a lower loss.
    warmup : int
        Steps in which the learning rate rises to its full height.
    patience : int or None
        Epochs without a lower validation loss after which the training stops; the parameters with
        the lowest are kept. None: train to the end, keep the last.
    validation_fraction : float
        Share of the data that is held out and scored after each epoch; 0 for none.
    seed : int
        Of the one generator behind everything that is drawn.

    Attributes
    ----------
    network_ : Network
    parameters_ : dict of str to ndarray of float32
    history_ : list of dict
        One row an epoch: epoch, step, loss, validation, grad_norm, learning_rate, seconds,
        steps_per_second. Where the training was interrupted the last row is that of its last step.
    interrupted_ : bool
        Whether Ctrl-C, or `on_step`, ended the training early.
    """

    cell: str = "lstm"
    units: int = 128
    layers: int = 1
    dropout: float = 0.0
    input_dropout: float = 0.0
    initial_state: str = "zero"
    batch_size: int = 32
    epochs: int = 10
    optimizer: str = "adam"
    learning_rate: float = 2e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    grad_clip: float = 5.0
    schedule: str = "constant"
    warmup: int = 0
    patience: int | None = None
    validation_fraction: float = 0.1
    seed: int = 0

    items: ClassVar[str] = "sequences"  # what the loss is a mean over
    unit: ClassVar[str] = ""  # of the loss
    measure: ClassVar[str] = "R2"  # what `score` returns
    command: ClassVar[str]  # `bptt train <command>` trains it ...
    reads: ClassVar[str]  # ... from such data: a key of `bptt.cli.data_files.CONTENTS`
    example: ClassVar[str] = ""  # arguments of the command, for its help

    def __init_subclass__(cls):
        """Write the hyper-parameters that all models share into the docstring of each."""
        shared = (Model.__doc__ or "").partition("----------\n")[2].partition("\n\n")[0].strip()
        cls.__doc__ = (cls.__doc__ or "").replace(_SHARED, shared)

    def get_params(self, deep=True):
        """Return the hyper-parameters by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def set_params(self, **params):
        """Set hyper-parameters by name; return the model.

        Raises
        ------
        ConfigError
            No such hyper-parameter.
        """
        names = [f.name for f in fields(self)]
        for name, value in params.items():
            if name not in names:
                raise ConfigError(
                    f"{type(self).__name__}: there is no {name!r}; "
                    f"expected one of {', '.join(names)}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self):
        changed = (
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    # -- what each model says of itself ------------------------------------------------------

    def _build(self) -> Network:
        """Return the network that the hyper-parameters and fitted attributes describe."""
        raise NotImplementedError

    def _fitted(self) -> dict[str, Any]:
        """Return the fitted attributes but parameters and history, ready for JSON."""
        raise NotImplementedError

    def _restore(self, fitted: dict[str, Any]):
        """Set the fitted attributes of a file.

        Raises
        ------
        ConfigError, KeyError, TypeError, ValueError
            They make no sense.
        """
        raise NotImplementedError

    @property
    def loss_unit(self):
        """The unit of the losses in ``history_``: "nats per sequence"."""
        return f"{self.unit} per {self.items[:-1]}".strip()

    def _show_loss(self, loss):
        """Write a loss with its unit."""
        return f"{loss:.4f} {self.unit}".strip()

    # -- training ----------------------------------------------------------------------------

    def _fit(self, objective, source, validation, *, rng, progress, checkpoint, resume, on_step):
        """Train from the beginning, or from where a checkpoint ends; return the model.

        Parameters
        ----------
        objective : Objective
        source, validation : TextStreams, Documents or SequenceBatches; validation may be None
        rng : numpy.random.Generator
            Seeded with `seed`; may have drawn the held-out part already.
        progress : {"auto", "silent"} or rich.console.Console
        checkpoint : Checkpoints, str, path-like or None
        resume : str, path-like or None
        on_step : callable (Progress) -> bool, or None
        """
        self._check_hyperparameters()
        if checkpoint is not None and not isinstance(checkpoint, Checkpoints):
            checkpoint = Checkpoints(checkpoint)
        display = Display(progress, self.epochs, self.items, self._show_loss)
        self.network_ = self._build()
        self.parameters_ = self.network_.init(rng)
        run = Run(self.parameters_, self._optimizer(), self._schedule(), rng)
        if resume is not None:
            files.resume(self, resume, run, source)
            if checkpoint is not None:
                checkpoint.adopt(run.step)
        self.history_, self.interrupted_ = run.history, False

        def save(path):
            self.interrupted_ = run.interrupted
            files.save(self, path, run)

        fit(
            run, self.network_, objective, source, validation,
            epochs=self.epochs, grad_clip=self.grad_clip, patience=self.patience,
            display=display, checkpoint=checkpoint, save=save, on_step=on_step,
        )  # fmt: skip
        self.history_, self.interrupted_ = run.rows(), run.interrupted
        return self

    def _optimizer(self):
        kind = OPTIMIZERS[self.optimizer]
        extra = {"momentum": self.momentum} if self.optimizer in ("sgd", "rmsprop") else {}
        return kind(self.learning_rate, weight_decay=self.weight_decay, **extra)

    def _schedule(self):
        return Schedule(self.schedule, self.learning_rate, self.warmup)

    @staticmethod
    def _digest(arrays, fitted):
        """Return what tells one set of training data from another, for `resume`.

        Parameters
        ----------
        arrays : iterable of ndarray
        fitted : what the numbers in them stand for, of plain types
        """
        digest = hashlib.sha256(repr(fitted).encode())
        for array in arrays:
            array = np.ascontiguousarray(array)
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def _recurrent(self, n_x, *, bidirectional=False, pool=None):
        """Return the layers from dropout on the input to dropout on the output, and their width."""
        stack, kind = [], LAYERS[self.cell]
        if self.input_dropout:
            stack.append(Dropout(n_x, self.input_dropout))
        for k in range(self.layers):
            if k and self.dropout:
                stack.append(Dropout(n_x, self.dropout))
            stack.append(kind(n_x, self.units, bidirectional=bidirectional))
            n_x = stack[-1].n_out
        if pool is not None:
            stack.append(pool(n_x))
        if self.dropout:
            stack.append(Dropout(n_x, self.dropout))
        return stack, n_x

    def _network(self, layers):
        return Network(layers, learned_state=self.initial_state == "learned")

    # -- files and streams -------------------------------------------------------------------

    def save(self, path):
        """Write the model to one file, atomically: all that is fitted, history, versions.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        CheckpointError
            The file cannot be written; what was there before is untouched.
        """
        self._check_fitted()
        files.save(self, path)

    def stream(self, m=1):
        """Read m sequences side by side, a step of each at a time: see `bptt.Stream`.

        Raises
        ------
        ConfigError
            The model is not fitted, or it is bidirectional: it needs whole sequences.
        """
        self._check_fitted()
        return Stream(self.network_, self.parameters_, m)

    # -- the command line --------------------------------------------------------------------

    def extent(self, X: Any, y: Any = None) -> str:
        """Return the amount of data in words: "270 sequences with 9 classes"."""
        return f"{len(X):,} sequences"

    def opening(self, X: Any, y: Any = None, source: str = "X") -> str:
        """Return what `fit` trains on, in words: the first line of ``bptt train``."""
        return f"{self.extent(X, y)} of {source}"

    def score_text(self, X: Any, y: Any = None) -> str:
        """Return the score on data in words, as ``bptt score`` prints it: "accuracy 0.9730"."""
        return f"{self.measure} {self.score(X, y):.4f}"

    def describe(self) -> list[str]:
        """Return what the fitted model reads and predicts: lines of ``bptt info``."""
        return []

    # -- checks ------------------------------------------------------------------------------

    def _check_hyperparameters(self):
        """Refuse hyper-parameters that make no sense."""
        self._check_choice("cell", LAYERS)
        self._check_choice("optimizer", OPTIMIZERS)
        self._check_choice("schedule", SCHEDULES)
        self._check_choice("initial_state", ("zero", "learned"))
        self._check_whole("units", "layers", "batch_size", "epochs")
        self._check_positive("learning_rate", "grad_clip")
        self._check_fraction("dropout", "input_dropout", "momentum", "validation_fraction")
        if not is_whole(self.seed) or self.seed < 0:
            self._refuse("seed", "a whole number >= 0")
        self._check_count("warmup")
        if self.patience is not None:
            self._check_whole("patience")
        if not (is_number(self.weight_decay) and 0 <= self.weight_decay <= LARGEST):
            self._refuse("weight_decay", "a number >= 0")

    def _refuse(self, name, expected):
        given = getattr(self, name)
        raise ConfigError(f"{type(self).__name__}: {name} is {given!r}; expected {expected}.")

    def _check_choice(self, name, choices):
        value = getattr(self, name)
        if not isinstance(value, str) or value not in choices:
            self._refuse(name, f"one of {', '.join(choices)}")

    def _check_count(self, *names):
        for name in names:
            value = getattr(self, name)
            if not is_whole(value) or value < 0:
                self._refuse(name, "a whole number >= 0")

    def _check_whole(self, *names):
        for name in names:
            value = getattr(self, name)
            if not is_whole(value) or value < 1:
                self._refuse(name, "a whole number >= 1")
            if value >= 2**30:  # NumPy cannot even ask for a square matrix that large
                self._refuse(name, "a whole number < 2**30")

    def _check_positive(self, *names):
        for name in names:
            value = getattr(self, name)
            if not (is_number(value) and value > 0):
                self._refuse(name, "a number > 0")
            if value > LARGEST:
                self._refuse(name, "a number < 3.4e38")

    def _check_fraction(self, *names):
        for name in names:
            value = getattr(self, name)
            if not (is_number(value) and 0 <= value < 1):
                self._refuse(name, "a number in [0, 1)")

    def _check_fitted(self):
        if not hasattr(self, "parameters_"):
            kinds: tuple[type, ...] = (ConfigError,)
            if "sklearn.exceptions" in sys.modules:  # then say so in scikit-learn's way, too
                kinds += (sys.modules["sklearn.exceptions"].NotFittedError,)
            error = type("NotFittedError", kinds, {})
            raise error(f"{type(self).__name__}: not fitted yet; expected fit or load first.")

    # -- scikit-learn ------------------------------------------------------------------------

    def __sklearn_tags__(self):
        """Return what scikit-learn asks for."""
        return self._sklearn_tags(None)

    def _sklearn_tags(self, kind, *, target=False, **of_target):
        """Build the tags of a "classifier", a "regressor" or something else (None).

        Only scikit-learn calls for them, so that it is there.
        """
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=target, **of_target),
            classifier_tags=ClassifierTags() if kind == "classifier" else None,
            regressor_tags=RegressorTags() if kind == "regressor" else None,
        )
