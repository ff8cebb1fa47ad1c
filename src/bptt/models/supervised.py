"""What the models share that learn from sequences with targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..errors import BpttError, ConfigError
from ..stream import Stream
from ..training import SequenceBatches
from .architecture import recurrent_network
from .base import Model
from .encoder import Reader
from .files import digest
from .hyperparameters import Columns, Flag, Optional, Whole, check, option, redefault, refusal
from .scikit_learn import check_fitted
from .sequences import as_sequences, outputs

_TOO_LARGE = "the result is not finite; the model's parameters are too large to compute with."


class ModelStream(Stream):
    """A model that reads m sequences side by side, a step of each at a time.

    As `bptt.Stream`, but ``step`` takes what the model's ``predict`` takes of one step, and returns
    what the model says. ``state`` can be kept and set again; ``reset`` begins anew.
    """

    def __init__(self, model, m, encode, decode):
        super().__init__(model.network_, model.parameters_, m)
        self._initial = model.network_.initial_state(model.parameters_, m)
        self._encode, self._decode = encode, decode
        self.reset()

    def step(self, xt):
        """Run one step: see the model's ``stream``."""
        return self._decode(super().step(self._encode(xt)))

    def reset(self):
        """Start again from the model's initial state."""
        self.state = self._initial


@dataclass(kw_only=True, repr=False, eq=False)
class SequenceModel(Model):
    """A recurrent network that learns from sequences with targets: what its kinds share."""

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

    pooling = None  # the outputs are one for each step

    # -- what each kind says of itself -------------------------------------------------------

    def _targets(self, where, name, sequences, y):
        """Check targets; return an array (n, ...) or a list of arrays, one a step."""
        raise NotImplementedError

    def _learn(self, targets):
        """Set the fitted attributes that the targets tell."""
        raise NotImplementedError

    def _encoded(self, where, name, targets):
        """Turn targets into what the objective takes."""
        raise NotImplementedError

    def _objective(self, targets):
        raise NotImplementedError

    def _n_out(self):
        raise NotImplementedError

    # -- fit ---------------------------------------------------------------------------------

    def fit(
        self,
        X,
        y=None,
        *,
        lengths=None,
        validation=None,
        progress="auto",
        checkpoint=None,
        resume=None,
        on_step=None,
    ):
        """Train; return the model.

        Ctrl-C ends the training after the step it lands in and leaves a usable model
        (``interrupted_`` is then True); a second Ctrl-C leaves at once.

        Parameters
        ----------
        X : list of n sequences
            Each an array (T_i, n_features) or (T_i,), a str (read as characters), or a list of
            words. Or an array (n, T, n_features) or (n, T), with `lengths` where they differ.
        y : the targets of the n sequences
            See the model.
        lengths : sequence of n int, optional
            Of the sequences of an array: steps that exist.
        validation : (X, y), optional
            Scored after each epoch, in place of a held-out part of `X`.
        progress : {"auto", "silent"}
            "auto": on standard error, a bar in a terminal, else (in a notebook) a line every few
            seconds and at the end of an epoch.
        checkpoint : Checkpoints, str or path-like, optional
            Where, and how often, the training saves itself.
        resume : str or path-like, optional
            A checkpoint to go on from: the results have the bits of a run never interrupted.
        on_step : callable (Progress) -> bool, optional
            Called after every step; a true result ends the training early.

        Raises
        ------
        ShapeError, ConfigError
            A hyper-parameter, a sequence or a target that makes no sense, named by its index.
        CheckpointError
            A checkpoint cannot be read or written.
        BpttError
            A gradient or a loss is not finite; ``parameters_`` are those of the last good step.
        """
        where = f"{type(self).__name__}.fit"
        check(self)
        sequences = as_sequences(where, X, lengths)
        targets = self._targets(where, "y", sequences, y)
        rng = np.random.default_rng(self.seed)
        held_out = self._held_out(len(sequences), rng) if validation is None else []
        training = np.setdiff1d(np.arange(len(sequences)), held_out)
        self._reader = Reader.learn(where, [sequences[i] for i in training], self)
        self._learn(targets)
        encoded = self._encoded(where, "y", targets)
        inputs = self._reader.read(where, sequences)
        scored = self._validation(validation, inputs, encoded, held_out)
        if self.patience is not None and scored is None:
            raise refusal(
                self, "patience", "None where nothing is held out (validation_fraction = 0)"
            )
        objective = self._objective(encoded)
        if self._reader.kind == "numbers":
            self.n_features_in_ = self._reader.n_features
        return self._train(
            objective,
            SequenceBatches(*_some(inputs, encoded, training), self.batch_size),
            scored,
            digest([*inputs, *each(encoded)], self.fitted_state()),
            rng,
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            on_step=on_step,
        )

    def _held_out(self, n, rng):
        """Draw the sequences that are held out."""
        n_held_out = int(self.validation_fraction * n)
        return np.sort(rng.permutation(n)[:n_held_out]) if n_held_out else []

    def _validation(self, given, inputs, encoded, held_out):
        if given is None:
            if not len(held_out):
                return None
            return SequenceBatches(*_some(inputs, encoded, held_out), self.batch_size)
        where = f"{type(self).__name__}.fit, validation"
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise ConfigError(f"{where}: it is a {type(given).__name__}; expected a pair (X, y).")
        sequences = as_sequences(where, given[0])
        targets = self._targets(where, "y", sequences, given[1])
        return SequenceBatches(
            self._reader.read(where, sequences),
            self._encoded(where, "y", targets),
            self.batch_size,
        )

    # -- what a fitted model says ------------------------------------------------------------

    def _outputs(self, method, X, lengths):
        """Run the network over X: a list of arrays (T_i, n_out), or (1, n_out) where it pools."""
        check_fitted(self)
        where = f"{type(self).__name__}.{method}"
        arrays = self._reader.read(where, as_sequences(where, X, lengths))
        z = outputs(self.network_, self.parameters_, arrays)
        if not all(np.isfinite(row).all() for row in z):
            raise BpttError(f"{where}: {_TOO_LARGE}")
        return z

    def _decoded(self, z):
        """Turn outputs (n, n_out) into what a stream returns."""
        raise NotImplementedError

    def stream(self, m=1):
        """Read m sequences side by side, a step of each at a time.

        Parameters
        ----------
        m : int

        Returns
        -------
        ModelStream
            ``step`` takes a step of each: an array (m, n_features), or a list of m characters or
            words. It returns what the model says of all steps so far: probabilities (m, classes),
            or the predicted numbers.

        Raises
        ------
        ConfigError
            The model is not fitted, or it is bidirectional: it needs whole sequences.
        """
        check_fitted(self)
        where = f"{type(self).__name__}.stream"
        return ModelStream(self, m, lambda x: self._reader.read_step(where, x, m), self._decoded)

    def describe(self):
        """Return what the fitted model reads: a line of ``bptt info``."""
        if self.vocabulary_ is None:
            return [f"reads {self.n_features_in_} features a step"]
        return [f"vocabulary: {len(self.vocabulary_)} tokens"]

    # -- hyper-parameters, network and file --------------------------------------------------

    def build_network(self):
        """Build the network."""
        below, n_x = self._reader.layers(self)
        return recurrent_network(
            self, below, n_x, self._n_out(), bidirectional=self.bidirectional, pooling=self.pooling
        )

    def fitted_state(self) -> dict[str, Any]:
        """Return the fitted attributes, ready for JSON."""
        return {"reader": self._reader.to_json()}

    def restore_state(self, state):
        """Set the fitted attributes from those of a file."""
        self._reader = Reader.from_json(state["reader"], self)
        if self._reader.kind == "numbers":
            self.n_features_in_ = self._reader.n_features

    @property
    def mean_(self):
        """Means of the features over the training set; None where they are not standardized."""
        return self._fitted_reader().mean

    @property
    def scale_(self):
        """Standard deviations of the features over the training set, or None."""
        return self._fitted_reader().scale

    @property
    def vocabulary_(self):
        """Characters or words that are known, sorted; None for numbers."""
        vocabulary = self._fitted_reader().vocabulary
        return None if vocabulary is None else vocabulary.tokens

    def _fitted_reader(self):
        if not hasattr(self, "_reader"):
            raise AttributeError(f"{type(self).__name__} is not fitted")
        return self._reader


def each(targets):
    """Return the arrays of targets, which are one array or a list of them."""
    return [targets] if isinstance(targets, np.ndarray) else targets


def _some(inputs, targets, chosen):
    """Return the chosen sequences with their targets."""
    some = [inputs[i] for i in chosen]
    return some, (
        targets[chosen] if isinstance(targets, np.ndarray) else [targets[i] for i in chosen]
    )
