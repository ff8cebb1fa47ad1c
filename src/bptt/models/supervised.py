"""Models that learn from sequences with targets: what they share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from ..checks import require_finite
from ..errors import ConfigError, operation, within
from ..network import Network
from ..stream import Stream
from ..training import Checkpoints, Progress, SequenceBatches, infer
from ..training.display import DisplayMode
from ..training.fitting import PathLike
from .architecture import recurrent_network
from .base import Model
from .encoder import Encoder
from .files import digest
from .hyperparameters import Columns, Flag, Optional, Whole, check, option, redefault, refusal
from .labels import Labels
from .scikit_learn import check_fitted
from .sequences import as_sequences
from .targets import each
from .values import Values


class ModelStream(Stream):
    """A model that processes m sequences in parallel, one time step at a time.

    Like `bptt.Stream`, but ``step`` takes one time step in the form that the model's ``predict``
    takes, and returns predictions. ``state`` can be kept and set again; ``reset`` starts anew.
    """

    def __init__(self, model: "SequenceModel", m: int, encoder: Encoder, target: Labels | Values):
        super().__init__(model.network_, model.parameters_, m)
        self._encoder, self._target = encoder, target

    @operation
    def step(self, xt: Any) -> np.ndarray:
        """Run one step: see the model's ``stream``."""
        return self._target.decode(super().step(self._encoder.encode_step(xt, self.m)))


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

    # -- fit ---------------------------------------------------------------------------------

    @operation
    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        lengths: Sequence[int] | np.ndarray | None = None,
        validation: tuple[Any, Any] | None = None,
        progress: DisplayMode = "auto",
        checkpoint: Checkpoints | PathLike | None = None,
        resume: PathLike | None = None,
        on_step: Callable[[Progress], Any] | None = None,
    ) -> Self:
        """Train the model; return it.

        Ctrl-C or SIGTERM ends the training after the current step and leaves a usable model
        (``interrupted_`` is then True); a second Ctrl-C stops at once.

        Parameters
        ----------
        X : list of n sequences, or ndarray, shape (n, T, n_features) or (n, T)
            A sequence is an array (T_i, n_features) or (T_i,), a str (read as characters), or a
            list of words.
        y : list or ndarray
            The targets of the n sequences: one for each, or for a tagger one for each time step.
        lengths : sequence of n int, optional
            With an array `X`: numbers of valid time steps.
        validation : (X, y), optional
            Scored after each epoch, in place of a held-out part of `X`.
        progress : {"auto", "silent"} or rich.console.Console
            "auto": a live display in a terminal or a notebook, otherwise a line every few seconds
            and at the end of each epoch, on standard error.
        checkpoint : Checkpoints, str or path-like, optional
            Where and how often to save the training, so that it can be resumed.
        resume : str or path-like, optional
            A checkpoint to resume from. The result is bit-identical to an uninterrupted training.
        on_step : callable (Progress) -> bool, optional
            Called after each step; a true result ends the training early.

        Raises
        ------
        ShapeError, ConfigError
            A hyper-parameter, a sequence or a target is not valid.
        CheckpointError
            A checkpoint cannot be read or written.
        BpttError
            A gradient or a loss is not finite; ``parameters_`` are those of the last good step.
        """
        check(self)
        sequences, targets = self._read(X, y, lengths)
        rng = np.random.default_rng(self.seed)
        n_held_out = 0 if validation is not None else int(self.validation_fraction * len(sequences))
        held_out = np.sort(rng.permutation(len(sequences))[:n_held_out]) if n_held_out else []
        training = np.setdiff1d(np.arange(len(sequences)), held_out)
        self._encoder = Encoder.learn([sequences[i] for i in training], self)
        self._target: Any = self.target.learn(targets)
        inputs, encoded = self._encoder.encode(sequences), self._target.encode(targets)
        scored = None
        if validation is not None:
            with within("validation"):
                scored = self._validation(validation)
        elif n_held_out:
            scored = SequenceBatches(*_some(inputs, encoded, held_out), self.batch_size)
        if self.patience is not None and scored is None:
            raise refusal(
                self, "patience", "None where nothing is held out (validation_fraction = 0)"
            )
        return self._train(
            self._target.objective(encoded, self),
            SequenceBatches(*_some(inputs, encoded, training), self.batch_size),
            scored,
            digest([*inputs, *each(encoded)], self.fitted_state()),
            rng,
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            on_step=on_step,
        )

    def _read(self, X, y, lengths=None):
        sequences = as_sequences(X, lengths)
        return sequences, self.target.read(sequences, y, per_step=self.pooling is None)

    def _validation(self, given):
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise ConfigError(f"it is a {type(given).__name__}; expected a pair (X, y).")
        sequences, targets = self._read(*given)
        inputs, encoded = self._encoder.encode(sequences), self._target.encode(targets)
        return SequenceBatches(inputs, encoded, self.batch_size)

    # -- predictions -------------------------------------------------------------------------

    def _outputs(self, X, lengths):
        """Run the network over X: a list of arrays (T_i, n_out), or (1, n_out) where it pools."""
        check_fitted(self)
        arrays = self._encoder.encode(as_sequences(X, lengths))
        z = run_over(self.network_, self.parameters_, arrays)
        for row in z:
            require_finite(row)
        return z

    @operation
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
        check_fitted(self)
        return ModelStream(self, m, self._encoder, self._target)

    def describe(self) -> list[str]:
        """Return what the fitted model reads: a line of ``bptt info``."""
        if self.vocabulary_ is None:
            return [f"input: {self.n_features_in_} features per time step"]
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
        self._target = self.target.from_json(state)

    @property
    def n_features_in_(self) -> int:
        """Number of features of a time step; text has none."""
        if self._encoder.kind != "numbers":
            raise AttributeError("the model reads text, which has no features")
        return self._encoder.n_features

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


def _some(inputs, targets, chosen):
    """Return the chosen sequences with their targets."""
    some = [inputs[i] for i in chosen]
    return some, (
        targets[chosen] if isinstance(targets, np.ndarray) else [targets[i] for i in chosen]
    )


def run_over(
    network: Network, parameters: dict[str, np.ndarray], arrays: list[np.ndarray]
) -> list[np.ndarray]:
    """Run a network over sequences of any lengths.

    Parameters
    ----------
    network : Network
    parameters : dict of str to ndarray
    arrays : list of ndarray, each (T_i, ...)

    Returns
    -------
    list of ndarray, each (T_i, n_out); of a network that pools (1, n_out)
    """
    longest = max(1, max(len(x) for x in arrays))
    source = SequenceBatches(arrays, np.arange(len(arrays)), int(np.clip(2**17 // longest, 1, 64)))
    results: list = [None] * len(arrays)
    pools = any(layer.pools for layer in network.layers.values())
    for batch, y in infer(network, parameters, source.batches(source.order(None))):
        for i, row in zip(batch.target, y, strict=True):
            results[i] = row if pools else row[: len(arrays[i])]
    return results
