"""What models share: hyper-parameters, training, files; scikit-learn's manners."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from ..checks import suggestion
from ..equations import Cell
from ..errors import ConfigError
from ..network import Network
from ..stream import Stream
from ..training import Checkpoints, Display, Run, Schedule, fit
from ..training.optimizers import OPTIMIZERS
from . import files
from .hyperparameters import CellChoice, Choice, Number, Optional, Whole, option
from .scikit_learn import check_fitted, tags

InitialState = Literal["zero", "learned"]
OptimizerName = Literal["adam", "adamw", "rmsprop", "sgd"]
ScheduleName = Literal["constant", "cosine", "plateau"]


@dataclass(kw_only=True, repr=False, eq=False)
class Model(ABC):
    """Hyper-parameters live in the constructor, unchanged; what `fit` learns ends in ``_``.

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

    cell: str | Cell = option(
        "lstm",
        CellChoice(),
        'Recurrent cell. "gru_reset_after" applies the reset gate after the matrix product, as '
        "PyTorch and Keras do.",
        group="Model",
    )
    units: int = option(
        128,
        Whole(1),
        "Hidden units of each recurrent layer; of each direction where there are two.",
        group="Model",
    )
    layers: int = option(1, Whole(1), "Number of stacked recurrent layers.", group="Model")
    dropout: float = option(
        0.0,
        Number(0, 1),
        "Probability that a feature is set to zero during training, between recurrent layers and "
        "before the output layer.",
        group="Model",
    )
    input_dropout: float = option(
        0.0,
        Number(0, 1),
        "Dropout probability of the input of the first recurrent layer.",
        group="Model",
    )
    initial_state: InitialState = option(
        "zero",
        Choice(InitialState),
        "State before the first time step: zeros, or learned like the weights.",
        group="Model",
    )
    batch_size: int = option(
        32,
        Whole(1),
        "Sequences, windows of a series, or parallel streams of a text in one training step.",
        group="Training",
    )
    epochs: int = option(10, Whole(1), "Passes over the training data.", group="Training")
    optimizer: OptimizerName = option(
        "adam", Choice(OptimizerName), "Optimization algorithm.", group="Training"
    )
    learning_rate: float = option(
        2e-3,
        Number(0, above=True),
        "Step size of the optimizer; with a schedule or a warm-up, its largest value.",
        group="Training",
    )
    momentum: float = option(
        0.9,
        Number(0, 1),
        'Momentum of "sgd" and "rmsprop". "adam" and "adamw" ignore it.',
        group="Training",
    )
    weight_decay: float = option(
        0.0,
        Number(0),
        'L2 penalty: `weight_decay * weight` is added to the gradient. With "adamw", decoupled '
        "decay: weights shrink by `learning_rate * weight_decay` each step. Not applied to biases.",
        group="Training",
    )
    grad_clip: float = option(
        5.0,
        Number(0, above=True),
        "Largest Euclidean norm of all gradients together; larger gradients are scaled down to it.",
        group="Training",
    )
    schedule: ScheduleName = option(
        "constant",
        Choice(ScheduleName),
        "Learning rate after the warm-up: constant; decreasing to 0 along a cosine; or halved "
        "after 2 epochs without a lower loss.",
        group="Training",
    )
    warmup: int = option(
        0,
        Whole(0),
        "Training steps in which the learning rate increases linearly to `learning_rate`.",
        group="Training",
        unit="steps",
    )
    patience: int | None = option(
        None,
        Optional(Whole(1)),
        "Early stopping: training stops after this many epochs without a lower validation loss, "
        "and the parameters with the lowest are kept. None: train for all epochs, keep the last "
        "parameters.",
        group="Training",
        unit="epochs",
    )
    validation_fraction: float = option(
        0.1,
        Number(0, 1),
        "Fraction of the data that is held out and scored after each epoch. 0: none.",
        group="Training",
    )
    seed: int = option(
        0,
        Whole(0, below=None),
        "Seed of the random numbers: initial parameters, order of the batches, dropout, held-out "
        "data.",
        group="Training",
    )

    items: ClassVar[str] = "sequences"  # what the loss is a mean over
    unit: ClassVar[str] = ""  # of the loss
    measure: ClassVar[str] = "R2"  # what `score` returns
    command: ClassVar[str]  # `bptt train <command>` trains it ...
    reads: ClassVar[str]  # ... from such data: a key of `bptt.cli.data_files.CONTENTS`
    example: ClassVar[str] = ""  # arguments of the command, for its help
    separator: ClassVar[str] = "\t"  # between the entries of `prediction_rows` in a file

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
                    f"expected one of {', '.join(names)}.{suggestion(name, names)}"
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

    def rules(self):
        """Yield what no hyper-parameter may be beside the others: its name, what is expected."""
        yield from ()

    # -- what each model defines -------------------------------------------------------------

    @abstractmethod
    def build_network(self) -> Network:
        """Return the network that the hyper-parameters and fitted attributes describe."""

    @abstractmethod
    def fitted_state(self) -> dict[str, Any]:
        """Return the fitted attributes except parameters and history, ready for JSON."""

    @abstractmethod
    def restore_state(self, state: dict[str, Any]) -> None:
        """Set the fitted attributes from `fitted_state` of a file, which is not to be trusted.

        Raises
        ------
        ConfigError, KeyError, TypeError, ValueError
            The state is damaged.
        """

    @property
    def loss_unit(self):
        """The unit of the losses in ``history_``: "nats per sequence"."""
        return f"{self.unit} per {self.items[:-1]}".strip()

    def _show_loss(self, loss):
        """Write a loss with its unit."""
        return f"{loss:.4f} {self.unit}".strip()

    # -- training ----------------------------------------------------------------------------

    def _train(
        self, objective, source, validation, data, rng, *, progress, checkpoint, resume, on_step
    ):
        """Train from the beginning, or from where a checkpoint ends; return the model.

        Parameters
        ----------
        objective : Objective
        source, validation : Source
            `validation` may be None.
        data : str
            `digest` of the training data.
        rng : numpy.random.Generator
            Seeded with `seed`; the held-out data may have been drawn from it.
        progress, checkpoint, resume, on_step
            See `fit`.
        """
        if checkpoint is not None and not isinstance(checkpoint, Checkpoints):
            checkpoint = Checkpoints(checkpoint)
        display = Display(progress, self.epochs, self.items, self._show_loss)
        self.network_ = self.build_network()
        self.parameters_ = self.network_.init(rng)
        kind = OPTIMIZERS[self.optimizer]
        settings = {name: getattr(self, name) for name in kind.settings}
        optimizer = kind(**settings, weights=self.network_.weights())
        schedule = Schedule(self.schedule, self.learning_rate, self.warmup)
        run = Run(self.parameters_, optimizer, schedule, rng)
        if resume is not None:
            files.resume(self, resume, run, source, data)
            if checkpoint is not None:
                checkpoint.adopt(run.step)
        self.history_, self.interrupted_ = run.history, False

        def save(path):
            self.interrupted_ = run.interrupted
            files.save(self, path, run, data)

        fit(
            run, self.network_, objective, source, validation,
            epochs=self.epochs, grad_clip=self.grad_clip, patience=self.patience,
            display=display, checkpoint=checkpoint, save=save, on_step=on_step,
        )  # fmt: skip
        self.history_, self.interrupted_ = run.rows(), run.interrupted
        return self

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
        check_fitted(self)
        files.save(self, path)

    def stream(self, m=1):
        """Read m sequences side by side, a step of each at a time: see `bptt.Stream`.

        Raises
        ------
        ConfigError
            The model is not fitted, or it is bidirectional: it needs whole sequences.
        """
        check_fitted(self)
        return Stream(self.network_, self.parameters_, m)

    # -- the command line --------------------------------------------------------------------

    def extent(self, X: Any, y: Any = None) -> str:
        """Return the amount of data in words: "270 sequences with 9 classes"."""
        return f"{len(X):,} sequences"

    def opening(self, X: Any, y: Any = None, source: str = "X") -> str:
        """Return what `fit` trains on and holds out: the first line of ``bptt train``."""
        part = f"; {self.validation_fraction:.0%} held out" if self.validation_fraction else ""
        return f"{self.extent(X, y)} of {source}{part}"

    def score_text(self, X: Any, y: Any = None) -> str:
        """Return the score on data in words, as ``bptt score`` prints it: "accuracy 0.9730"."""
        return f"{self.measure} {self.score(X, y):.4f}"

    def describe(self) -> list[str]:
        """Return what the fitted model reads and predicts: lines of ``bptt info``."""
        return []

    # -- scikit-learn ------------------------------------------------------------------------

    def __sklearn_tags__(self):
        """Return what scikit-learn asks for."""
        return tags()
