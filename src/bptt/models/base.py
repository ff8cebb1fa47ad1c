"""The base of all models: hyper-parameters, training, saving."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np

from ..checks import suggestion
from ..equations import Cell
from ..errors import ConfigError, operation
from ..network import Network
from ..readers import Data
from ..stream import Stream
from ..training import Callback, Checkpoints, Progress, Run
from ..training.display import DisplayMode
from ..training.fitting import PathLike
from ..training.run import best_row
from ..training.schedules import ScheduleName
from . import files, runs
from .fitted import as_fitted, fitting
from .hyperparameters import option
from .kinds import CellChoice, Choice, Flag, Number, Optional, Verbosity, Whole
from .reports import Report
from .scikit_learn import tags

InitialState = Literal["zero", "learned"]
OptimizerName = Literal["adam", "adamw", "rmsprop", "sgd"]


@dataclass(kw_only=True, repr=False, eq=False)
class Model(ABC):
    """A network with the interface of scikit-learn, trained, scored and saved as a whole.

    Hyper-parameters are set in the constructor and never changed; attributes that `fit` learns end
    in an underscore.

    Attributes
    ----------
    network_ : Network
    parameters_ : dict of str to ndarray of float32
    history_ : list of dict
        One entry for each epoch: epoch, step, loss, validation, grad_norm, learning_rate, seconds,
        steps_per_second. If the training was interrupted, the last entry is for its last step.
    best_epoch_ : int or None
        Epoch with the lowest validation loss; with `patience` its parameters are kept. None where
        nothing was held out.
    interrupted_ : bool
        Whether Ctrl-C, SIGTERM or `on_step` ended the training early.
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
    micro_batches: int = option(
        1,
        Whole(1),
        "Parts into which each batch is divided; their gradients are added in a fixed order. Above "
        "1, the result is bit-identical for any number of ranks (`distributed`), and dropout masks "
        "are drawn for each part.",
        group="Training",
    )
    local_steps: int = option(
        1,
        Whole(1),
        "Training steps between two averages of parameters. Above 1, each of the `micro_batches` "
        "parts trains parameters and an optimizer of its own in between, so that ranks exchange "
        "them once in `local_steps` steps: for slow networks and large models.",
        group="Training",
        unit="steps",
    )
    local_after: float = option(
        0.0,
        Number(0, 1),
        "With `local_steps`, the share of the training before the first local step (post-local "
        "SGD); until then gradients are added in each step.",
        group="Training",
    )
    outer_learning_rate: float = option(
        1.0,
        Number(0, above=True),
        "With `local_steps`, the factor of the mean change of the parts' parameters. 1, without "
        "`outer_momentum`: the parameters become their mean.",
        group="Training",
    )
    outer_momentum: float = option(
        0.0,
        Number(0, 1),
        "With `local_steps`, Nesterov momentum of the mean change; DiLoCo takes 0.9 and an "
        "`outer_learning_rate` of 0.7.",
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
        Whole(0, below=2**128),  # as a generator's own seeds are
        "Seed of the random numbers: initial parameters, order of the batches, dropout, held-out "
        "data.",
        group="Training",
    )
    warm_start: bool = option(
        False,
        Flag(),
        "Go on from the fitted parameters in the next `fit`, with new data or another learning "
        "rate. Vocabulary, classes and scaling stay those of the model; the optimizer starts "
        "afresh.",
        group="Training",
        on_command_line=False,
    )
    verbose: bool | int = option(
        True,
        Verbosity(),
        'Show the progress of `fit` where its `progress` is "auto". 0 or False: nothing is shown.',
        group="Training",
        on_command_line=False,
    )

    items: ClassVar[str] = "sequences"  # what the loss is a mean over
    unit: ClassVar[str] = ""  # of the loss
    measure: ClassVar[str] = "R2"  # name of what `score` returns
    command: ClassVar[str]  # `bptt train <command>` trains it ...
    reads: ClassVar[str]  # ... from such data: a key of `bptt.cli.data_files.CONTENTS`
    example: ClassVar[str] = ""  # arguments of the command, for its help

    # -- what each model defines -------------------------------------------------------------

    @abstractmethod
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        validation: Any = None,
        progress: DisplayMode = "auto",
        checkpoint: Checkpoints | PathLike | None = None,
        resume: PathLike | None = None,
        on_step: Callable[[Progress], Any] | None = None,
        callbacks: Sequence[Callback] = (),
        distributed: Any = None,
    ) -> Self:
        """Train the model; return it.

        ``tools/docstrings.py`` copies the entries from `progress` on to every model's `fit`.

        Parameters
        ----------
        X, y, validation
            See each model.
        progress : {"auto", "silent"} or rich.console.Console
            "auto": a live display in a terminal or a notebook, otherwise a line every few seconds
            and at the end of each epoch, on standard error; nothing where `verbose` is 0.
        checkpoint : Checkpoints, str or path-like, optional
            Where and how often to save the training, so that it can be resumed.
        resume : str or path-like, optional
            A checkpoint to resume from. The result is bit-identical to an uninterrupted training.
            "auto": the last one of `checkpoint`; a new training where there is none.
        on_step : callable (Progress) -> bool, optional
            Called after each step; a true result ends the training early.
        callbacks : sequence of Callback
            Called with the model after each step and each epoch, and at the end: see
            `bptt.training.Callback`; loggers are among them. Of several ranks, rank 0 calls them.
        distributed : None, "mpi" or bptt.distributed.Communicator
            "mpi": each batch is divided among the ranks of an MPI job; see `bptt.distributed`. On
            one rank, and with None, the process trains alone. Rank 0 shows the progress and writes
            the checkpoints.
        """

    @operation
    @fitting
    def partial_fit(self, X: Any, y: Any = None, *, progress: DisplayMode = "silent") -> Self:
        """Train for one pass over data; return the model.

        The first call begins a model: its scaling and vocabulary are those of this data. Later
        calls go on from its parameters, as `fit` does with `warm_start`; the optimizer starts
        afresh in each. Nothing is held out.

        Parameters
        ----------
        X, y, progress
            As for `fit`.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `fit`.
        """
        return self._pass(X, y, progress=progress)

    @abstractmethod
    def score(self, X: Any, y: Any) -> float:
        """Return how good the predictions are; greater is better."""

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

    def rules(self) -> Iterator[tuple[str, str]]:
        """Yield what the hyper-parameters break together: a name, and what is expected of it."""
        if self.local_steps > 1 and self.micro_batches < 2:
            yield (
                "local_steps",
                "1 with micro_batches 1, because the parts of a batch are what trains apart",
            )
        if self.local_steps > 1 and self.micro_batches > self.batch_size:
            yield "micro_batches", f"at most batch_size = {self.batch_size} with local_steps"
        if self.local_steps == 1:
            for name in ("local_after", "outer_learning_rate", "outer_momentum"):
                default = next(f.default for f in fields(self) if f.name == name)
                if getattr(self, name) != default:
                    yield name, f"{default:g} with local_steps 1"

    # -- hyper-parameters --------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the hyper-parameters by name; `deep` has no effect."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @operation
    def set_params(self, **params: Any) -> Self:
        """Set hyper-parameters by name; return the model.

        Raises
        ------
        ConfigError
            There is no such hyper-parameter.
        """
        names = [f.name for f in fields(self)]
        for name, value in params.items():
            if name not in names:
                raise ConfigError(
                    f"there is no {name!r}; expected one of {', '.join(names)}."
                    f"{suggestion(name, names)}"
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = (
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    @property
    def best_epoch_(self) -> int | None:
        """Epoch with the lowest validation loss; None where nothing was held out."""
        best = best_row(self.history_)
        return None if best is None else best["epoch"]

    @property
    def loss_unit(self) -> str:
        """Unit of the losses in ``history_``: "nats per sequence"."""
        return f"{self.unit} per {self.items[:-1]}".strip()

    def show_loss(self, loss: float) -> str:
        """Return a loss in words, with its unit."""
        return f"{loss:.4f} {self.unit}".strip()

    # -- training ----------------------------------------------------------------------------

    def unfitted(self) -> Self:
        """Return a model with the same hyper-parameters, for `fit` to fill.

        `fit` assigns what it learns to this model; `_train` copies it to the fitted model after the
        first step. So a `fit` that is refused leaves the fitted model as it was.
        """
        params: dict[str, Any] = {
            name: copy(value) if isinstance(value, (list, dict)) else value
            for name, value in self.get_params().items()
        }
        return type(self)(**params)

    start: ClassVar[Mapping[str, np.ndarray]] = MappingProxyType({})  # of `from_network`

    def _goes_on(self) -> bool:
        """Return whether `fit` goes on from the fitted parameters; refuse what it cannot."""
        return runs.goes_on(self)

    def _fit(self, X, y=None, **named):
        return self.fit(X, y, **named)

    one_pass: ClassVar[dict[str, Any]] = {
        "epochs": 1, "warm_start": True, "patience": None, "validation_fraction": 0.0,
    }  # fmt: skip

    def _pass(self, X, y=None, **named):
        """Train for one pass over data; go on from the fitted parameters, if there are any."""
        once = copy(self)
        once.set_params(**self.one_pass)
        before = vars(self).get("parameters_")
        try:
            once._fit(X, y, **named)
        finally:
            if vars(once).get("parameters_") is not before:
                self.take(once)
                self.fitted_params_ = self.unfitted().get_params()
        return self

    def _as_fitted(self) -> Self:
        """Return a copy that has the hyper-parameters of the last fit."""
        model = copy(self)
        vars(model).update(vars(self).get("fitted_params_", {}))
        return model

    def take(self, new: "Model") -> None:
        """Take everything that another model of this class has learned."""
        params = self.get_params()
        vars(self).update({name: v for name, v in vars(new).items() if name not in params})

    def begin(self, network: Network, run: Run) -> None:
        """Set the attributes of a training that begins."""
        self.fitted_params_: dict[str, Any] = self.get_params()
        self.network_: Network = network
        self.parameters_: dict[str, np.ndarray] = run.parameters
        self.history_: list[dict[str, Any]] = run.history
        self.interrupted_: bool = False
        self.run_id_: str | None = run.id

    def _train(self, new, *data, **options):
        runs.train(self, new, *data, **options)
        return self

    # -- files and streams -------------------------------------------------------------------

    @operation
    @as_fitted
    def save(self, path: PathLike) -> None:
        """Save the model to one file: parameters, hyper-parameters, history, versions.

        The file is replaced in one step: it holds the old content or the new one.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        CheckpointError
            The file cannot be written; its old content is unchanged.
        """
        files.save(self, path)

    @operation
    @as_fitted
    def stream(self, m: int = 1) -> Any:
        """Process m sequences in parallel, one time step at a time: see `bptt.Stream`.

        Raises
        ------
        ConfigError
            The model is not fitted, or it is bidirectional: it needs whole sequences.
        """
        return Stream(self.network_, self.parameters_, m)

    @abstractmethod
    def network_inputs(self, X: Any, lengths: Any = None) -> list[np.ndarray]:
        """Return what the network reads of X: for each sequence (T_i, n_x), or tokens (T_i,)."""

    def input_names(self) -> list[str]:
        """Return the names of the columns of `network_inputs`; none where they have none."""
        return [str(name) for name in getattr(self, "feature_names_in_", ())]

    # -- the command line --------------------------------------------------------------------

    def extent(self, X: Any, y: Any = None) -> str:
        """Return the amount of data in words: "270 sequences with 9 classes".

        `X` may be a `Data` with the labels.
        """
        X, _ = Data.parts(X)
        return f"{len(X):,} sequence{'s' * (len(X) != 1)}"

    def opening(self, X: Any, y: Any = None, source: str = "X") -> str:
        """Return what `fit` trains on and holds out: the first line of ``bptt train``."""
        part = f"; {self.validation_fraction:.0%} held out" if self.validation_fraction else ""
        return f"{self.extent(X, y)} of {source}{part}"

    def score_text(self, X: Any, y: Any = None) -> str:
        """Return the score on data in words, as ``bptt score`` prints it: "accuracy 0.9730"."""
        return f"{self.measure} {self.score(X, y):.4f}"

    def score_report(self, data: Data) -> Report:
        """Return what ``bptt score`` prints: the score in words, then more sentences and tables."""
        return [self.score_text(data)]

    def describe(self) -> list[str]:
        """Return what the fitted model reads and predicts: lines of ``bptt info``."""
        return []

    # -- scikit-learn ------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Any:
        """Return the tags of scikit-learn."""
        return tags()
