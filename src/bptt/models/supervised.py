"""Models that learn from sequences with targets: what they share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from .. import extras
from ..checks import require_finite
from ..distributed import connect
from ..errors import ConfigError, operation, within
from ..network import Network
from ..readers import Data
from ..training import Callback, Checkpoints, Progress, SequenceBatches
from ..training.display import DisplayMode
from ..training.fitting import PathLike
from .architecture import recurrent_network
from .base import Model
from .data_frames import NO_COLUMNS, FrameColumns, as_frame, group_index, with_index
from .encoder import Encoder
from .files import digest
from .fitted import as_fitted, fitting
from .hyperparameters import check, option, redefault
from .inputs import as_data
from .kinds import Columns, Flag, Optional, Whole
from .label_arrays import check_count
from .labels import Labels
from .lazy import predict_in_batches
from .missing import Missing, MissingValues
from .model_stream import ModelStream, run_over
from .names import aligned, listed, warn_of_changes
from .starting import described
from .survey import chosen, lengths_of, prepared
from .targets import each
from .training_sets import held_out, loss_factors, sample_weights


@dataclass(kw_only=True, repr=False, eq=False)
class SequenceModel(Model):
    """A recurrent network that learns from sequences with targets.

    An `Encoder` turns the sequences into arrays, `Labels` or `Values` the targets.
    """

    bidirectional: bool = option(
        False,
        Flag(),
        "Process each sequence in both directions. A bidirectional model cannot stream.",
        group="Model",
    )
    standardize: bool = option(
        True,
        Flag(),
        "Scale numeric features to mean 0 and standard deviation 1, computed on the training set.",
        group="Input",
    )
    categories: Sequence[int] | Literal["all"] | None = option(
        None,
        Optional(Columns()),
        "Columns of X with integer categories; each gets an embedding.",
        group="Input",
    )
    missing: Missing = redefault(MissingValues, "missing", "raise")
    embedding: int = option(
        32, Whole(1), "Size of the embedding of a category, character or word.", group="Model"
    )
    max_vocabulary: int | None = option(
        None,
        Optional(Whole(1)),
        "Keep only the most frequent characters or words; all others are read as one unknown "
        "token. None: keep all.",
        group="Input",
    )
    min_count: int = option(
        1,
        Whole(1),
        "Characters or words that occur less often in the training set are read as one unknown "
        "token.",
        group="Input",
    )
    lowercase: bool = option(
        True,
        Flag(),
        "Look words up in lower case. The characters that `char_units` reads keep their case.",
        group="Input",
    )
    char_units: int = option(
        0,
        Whole(0),
        "Hidden units of a bidirectional LSTM over the characters of each word; its final states "
        "are concatenated with the word's embedding. 0: none.",
        group="Model",
    )
    char_embedding: int = option(
        16, Whole(1), "Size of the embedding of a character in that LSTM.", group="Model"
    )
    validation_fraction: float = redefault(Model, "validation_fraction", 0.0)

    target: ClassVar[Any]  # Labels or Values
    pooling = None  # a prediction for each time step

    @classmethod
    @operation
    def from_network(
        cls, network: Network, parameters: Mapping[str, np.ndarray], **hyperparameters: Any
    ) -> Self:
        """Return a model whose training begins with the parameters of a network: fine-tuning.

        `fit` learns the classes or targets from its data. The output layer is that of the network
        where it has the right number of outputs; otherwise it is drawn anew. Features are not
        standardized, unless ``standardize=True`` is given: they must be scaled as the network
        expects.

        Parameters
        ----------
        network : Network
            Recurrent layers of one cell and size, over them at most a `Pool` and a `Dense` layer:
            ``network, parameters = bptt.interop.load(path)``.
        parameters : dict of str to ndarray
        **hyperparameters
            The others, such as ``epochs`` or ``learning_rate``.

        Raises
        ------
        ConfigError
            The network is another than a model can build.

        Examples
        --------
        >>> from bptt import LSTM, Network, SequenceClassifier
        >>> network = Network([LSTM(2, 8, n_layers=2)])
        >>> parameters = network.init(np.random.default_rng(0))
        >>> SequenceClassifier.from_network(network, parameters, epochs=3).layers
        2
        """
        options, start = described(network, parameters)
        model = cls(**({"standardize": False} | options | hyperparameters))
        vars(model)["start"] = start
        return model

    # -- fit ---------------------------------------------------------------------------------

    @operation
    @fitting
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        group: str | int | None = None,
        time: str | int | None = None,
        lengths: Sequence[int] | np.ndarray | None = None,
        sample_weight: Any = None,
        validation: Any = None,
        progress: DisplayMode = "auto",
        checkpoint: Checkpoints | PathLike | None = None,
        resume: PathLike | None = None,
        on_step: Callable[[Progress], Any] | None = None,
        callbacks: Sequence[Callback] = (),
        distributed: Any = None,
    ) -> Self:
        """Train the model; return it.

        Ctrl-C or SIGTERM ends the training after the current step and leaves a usable model
        (``interrupted_`` is then True); a second Ctrl-C stops at once.

        Parameters
        ----------
        X : list of n sequences, ndarray of shape (n, T, n_features) or (n, T), data frame, or Data
            A sequence is an array (T_i, n_features) or (T_i,), a str (read as characters), or a
            list of words. A data frame with `group` has a row for each time step; without `group`
            each row is a sequence. Data is what the functions of `bptt.readers` return. Any other
            object with ``len`` and ``[i]``, and a memory-mapped array, is not held in memory: a
            sequence is read once before the training, and again in each epoch.
        y : list, ndarray, Series or str
            The targets of the n sequences: one for each, or for a tagger one for each time step.
            With a data frame also the name of a column; with `group`, a Series may have an entry
            for each row, or the groups as its index; an array is in the order in which the groups
            first occur.
        group : str, optional
            Column of a data frame with the id of the sequence of each row. It is kept for
            predictions, as are `time` and the column of `y`.
        time : str, optional
            Column of a data frame by which the steps of each sequence are sorted.
        lengths : sequence of n int, optional
            With an array `X`: numbers of valid time steps.
        sample_weight : sequence of n float, optional
            Factors of the losses of the sequences, relative to their mean; sequences of weight 0
            are left out.
        validation : (X, y), data frame or Data, optional
            Scored after each epoch, in place of a held-out part of `X`.
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

        Raises
        ------
        ShapeError, ConfigError
            A hyper-parameter, a sequence or a target is not valid.
        CheckpointError
            A checkpoint cannot be read or written.
        BpttError
            A gradient or a loss is not finite; ``parameters_`` are those of the last good step.
        """
        return self._fit(
            X,
            y,
            group=group,
            time=time,
            lengths=lengths,
            sample_weight=sample_weight,
            validation=validation,
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            on_step=on_step,
            callbacks=callbacks,
            distributed=distributed,
        )

    def _fit(
        self, X, y=None, *, group=None, time=None, lengths=None, sample_weight=None,
        validation=None, classes=None, **options,
    ):  # fmt: skip
        """Prepare the data and train: see `fit`; `classes` are known before the data."""
        check(self)
        new = self.unfitted()
        goes_on = self._goes_on()
        frame = FrameColumns.of(X, y, group, time)
        if goes_on:
            new._encoder, new._target = self._encoder, self._target
            data, targets = new._read_known(X, y, lengths, group, time, whole=False)
            if classes is not None:
                self._target.check_classes(classes)
        else:
            data, targets = self._read(X, y, lengths, frame, whole=False)
            warn_of_changes(X, data)
            new._target = self.target.learn(targets if classes is None else classes)
        n, rng = len(data.X), np.random.default_rng(self.seed)
        weights = sample_weights(sample_weight, n)
        encoded = new._target.encode(targets)
        held = np.zeros(0, np.int64)
        if validation is None:
            has_classes = isinstance(new._target, Labels) and isinstance(encoded, np.ndarray)
            held = held_out(n, self.validation_fraction, rng, encoded if has_classes else None)
        training = np.setdiff1d(np.arange(n), held)
        if weights is not None:
            training = training[weights[training] > 0]
            if not len(training):
                raise ConfigError("sample_weight is 0 for every sequence that is not held out.")
        communicator = connect(options.get("distributed"))
        encoder = new._encoder if goes_on else None
        new._encoder, inputs, content = prepared(data, encoder, communicator, training, self, frame)
        self._check_steps(targets, inputs)
        scored = None
        if validation is not None:
            with within("validation"):
                scored = new._validation(validation, communicator)
        elif len(held):
            scored = self._batches(inputs, encoded, held, weights)
        return self._train(
            new,
            new._target.objective(encoded, self),
            self._batches(inputs, encoded, training, weights),
            scored,
            digest([*content, *each(encoded), *([] if weights is None else [weights])],
                   new.fitted_state()),
            rng,
            **options,
        )  # fmt: skip

    def _batches(self, inputs, targets, places, weights):
        """Return the chosen sequences with their targets, in batches."""
        some = chosen(inputs, places)
        own = targets[places] if isinstance(targets, np.ndarray) else [targets[i] for i in places]
        lengths = lengths_of(some)
        if weights is None:
            return SequenceBatches(some, own, self.batch_size, lengths=lengths)
        counts = np.ones(len(some)) if self.pooling is not None else lengths
        factors = loss_factors(weights[places], counts)
        return SequenceBatches(some, own, self.batch_size, factors, lengths)

    def _check_steps(self, targets, inputs):
        """Refuse labels of steps whose number is not that of a sequence of a collection."""
        if self.pooling is None:
            for i, (labels, n) in enumerate(zip(targets, lengths_of(inputs), strict=True)):
                check_count(i, labels, n)

    @operation
    @fitting
    def partial_fit(
        self, X: Any, y: Any = None, *, sample_weight: Any = None, progress: DisplayMode = "silent"
    ) -> Self:
        """Train for one pass over data; return the model.

        The first call begins a model: its scaling and vocabulary are those of this data. Later
        calls go on from its parameters, as `fit` does with `warm_start`; the optimizer starts
        afresh in each. Nothing is held out.

        Parameters
        ----------
        X, y, sample_weight, progress
            As for `fit`.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As for `fit`.
        """
        return self._pass(X, y, sample_weight=sample_weight, progress=progress)

    def _read(self, X, y, lengths, frame, names=(), whole=True):
        """Read data and their targets; with `whole`, the sequences of a collection too."""
        per_step = self.pooling is None
        data = as_data(X, y, lengths=lengths, frame=frame, names=names, per_step=per_step)
        data = data.but(X=list(data.X)) if whole else data
        return data, self.target.read(data.X, data.y, per_step=per_step)

    def _read_known(self, X, y=None, lengths=None, group=None, time=None, whole=True):
        """Read data for the fitted model, with the features in its order, and the targets."""
        own = self._encoder
        frame = own.frame.but(group=group, time=time)
        data, targets = self._read(X, y, lengths, frame, own.names, whole)
        return self._known(X, data), targets

    def _known(self, X, data):
        """Return data with the features in the model's order; warn where that changes something."""
        known = aligned(data, self._encoder.names)
        warn_of_changes(X, known)
        return known

    def _validation(self, given, communicator):
        is_pair = isinstance(given, (tuple, list)) and len(given) == 2
        if not (is_pair or isinstance(given, Data) or as_frame(given) is not None):
            raise ConfigError(
                f"it is a {type(given).__name__}; expected a pair (X, y), a data frame or Data."
            )
        X, y = given if is_pair else (given, None)
        own = self._encoder
        data, targets = self._read(X, y, None, own.frame, own.names, whole=False)
        _, inputs, _ = prepared(self._known(X, data), own, communicator)
        self._check_steps(targets, inputs)
        return self._scored(inputs, targets)

    def _scored(self, inputs, targets):
        """Return batches of validation data."""
        encoded = self._target.encode(targets)
        return SequenceBatches(inputs, encoded, self.batch_size, lengths=lengths_of(inputs))

    # -- predictions -------------------------------------------------------------------------

    @operation
    def predict_iter(
        self,
        source: Any,
        *,
        column: str | int | None = None,
        method: Literal["predict", "predict_proba"] = "predict",
        batch_size: int = 256,
        start: int = 0,
    ) -> Iterator[Any]:
        """Yield the predictions for a source of any length, one at a time and in its order.

        Only one batch is in memory. Work that was interrupted after n predictions goes on with
        ``start=n``.

        Parameters
        ----------
        source : iterable of sequences, or object with ``len`` and ``[i]``
            A generator, a list, a memory-mapped array (n, T, n_features), a dataset of the package
            datasets. Of an object with ``len`` and ``[i]``, only what is predicted is read.
        column : str or int, optional
            Entry of each element of the source that is the sequence, where elements are dicts or
            tuples.
        method : {"predict", "predict_proba"}
            What is computed of each sequence; classifiers and taggers have both.
        batch_size : int
            Sequences that are read and predicted at a time.
        start : int
            Sequences at the beginning of the source that are left out.

        Yields
        ------
        As an element of what the method returns for a list.

        Raises
        ------
        ShapeError, ConfigError, BpttError
            As the method; the sequences are named by their places in the source.

        Examples
        --------
        >>> from bptt import SequenceClassifier
        >>> X, y = [np.full((3, 1), k % 2.0) for k in range(20)], ["low", "high"] * 10
        >>> model = SequenceClassifier(units=4, epochs=20, learning_rate=0.1)
        >>> many = (np.full((5, 1), k % 2.0) for k in range(10**6))
        >>> predicted = model.fit(X, y, progress="silent").predict_iter(many)
        >>> [str(next(predicted)) for _ in range(3)]
        ['low', 'high', 'low']
        """
        if method not in ("predict", "predict_proba") or not hasattr(self, method):
            raise ConfigError(f"method is {method!r}; expected one that {type(self).__name__} has.")
        return predict_in_batches(getattr(self, method), source, column, batch_size, start)

    @operation
    @as_fitted
    def network_inputs(self, X: Any, lengths: Any = None) -> list[np.ndarray]:
        """Return what the network reads of X: for each sequence (T_i, n_x), or tokens (T_i,)."""
        return self._encoder.encode(self._unlabeled(X, lengths))

    @as_fitted
    def sequences(self, X: Any, y: Any = None) -> Data:
        """Return X as `Data`: a list of sequences with the features in the order of the model.

        ``y`` of the result are the given targets, or those that X holds, if any.
        """
        own = self._encoder
        per_step = self.pooling is None
        data = as_data(X, y, frame=own.frame, names=own.names, per_step=per_step)
        return self._known(X, data.but(X=list(data.X)))

    def _outputs(self, X, lengths=None, group=None):
        """Run the network over X: `Data`, and a list of arrays (T_i, n_out) or (1, n_out)."""
        data = self._unlabeled(X, lengths, group)
        return data, self._run(data)

    def _unlabeled(self, X, lengths=None, group=None):
        """Read sequences without targets for the fitted model."""
        own = self._encoder
        data = as_data(
            X,
            lengths=lengths,
            frame=own.frame.but(group=group),
            names=own.names,
            labeled=False,
            per_step=self.pooling is None,
        )
        return self._known(X, data)

    def _run(self, data):
        z = run_over(self.network_, self.parameters_, self._encoder.encode(data))
        for row in z:
            require_finite(row)
        return z

    def _named(self, X, data, values, group=None, columns=None):
        """Return predictions with the ids of a grouped data frame: a Series or a DataFrame."""
        table, group = as_frame(X), group if group is not None else self._encoder.frame.group
        if table is None or group is None:
            return values
        pd = extras.load("pandas", extra="tables", why="to return a Series")
        index = group_index(with_index(table, group, None), group, data.ids)
        if np.ndim(values) == 1:
            return pd.Series(values, index, name=self._encoder.frame.label)
        return pd.DataFrame(values, index, columns)

    @operation
    @as_fitted
    def stream(self, m: int = 1) -> ModelStream:
        """Process m sequences in parallel, one time step at a time.

        Parameters
        ----------
        m : int

        Returns
        -------
        ModelStream
            ``step`` takes one time step of each: an array (m, n_features), or a list of m
            characters or words. It returns predictions from all steps so far: probabilities
            (m, n_classes), or numbers.

        Raises
        ------
        ConfigError
            The model is not fitted, or it is bidirectional: it needs whole sequences.
        """
        return ModelStream(self, m, self._encoder, self._target)

    def describe(self) -> list[str]:
        """Return what the fitted model reads: a line of ``bptt info``."""
        own = self._encoder
        if self.vocabulary_ is None:
            named = f": {listed(own.names)}" if len(own.names) == own.n_features else ""
            fills = f"; missing values: {own.filler.method}" * (own.filler.method != "raise")
            return [f"input: {own.n_features} features per time step{named}{fills}"]
        return [f"vocabulary: {len(self.vocabulary_)} tokens"]

    # -- network, file and fitted attributes --------------------------------------------------

    def build_network(self) -> Network:
        """Build the network."""
        below, n_x = self._encoder.layers(self)
        n_out = self._target.n_outputs
        return recurrent_network(
            self, below, n_x, n_out, bidirectional=self.bidirectional, pooling=self.pooling
        )

    def fitted_state(self) -> dict[str, Any]:
        """Return the fitted attributes, ready for JSON."""
        return {"reader": self._encoder.to_json(), **self._target.to_json()}

    def restore_state(self, state: dict[str, Any]) -> None:
        """Set the fitted attributes from those of a file."""
        self._encoder = Encoder.from_json(state["reader"], self)
        self._target: Any = self.target.from_json(state)

    @property
    def n_features_in_(self) -> int:
        """Number of features of a time step; text has none."""
        if self._encoder.kind != "numbers":
            raise AttributeError("the model reads text, which has no features")
        return self._encoder.n_features

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the features, or of the time steps where each row of a table is a sequence.

        Only where the training data had names that are all str.
        """
        if not self._encoder.names:
            raise AttributeError("the training data had no names of features")
        return np.array(self._encoder.names, dtype=object)

    @property
    def frame_columns(self) -> FrameColumns:
        """The columns of the training data that are not features: group, time and label."""
        return self._encoder.frame if hasattr(self, "_encoder") else NO_COLUMNS

    @property
    def encoder_(self) -> Encoder:
        """How the sequences are read: scaling, categories, vocabulary."""
        return self._encoder

    @property
    def mean_(self) -> np.ndarray | None:
        """Means of the features over the training set; None where they are not standardized."""
        return self._encoder.mean

    @property
    def scale_(self) -> np.ndarray | None:
        """Standard deviations of the features over the training set, or None."""
        return self._encoder.scale

    @property
    def vocabulary_(self) -> list[str] | None:
        """Known characters or words, sorted; None where the model reads numbers."""
        vocabulary = self._encoder.vocabulary
        return None if vocabulary is None else vocabulary.tokens
