"""Language model: predicts the next token of a text from all tokens before it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from ..checks import require_finite
from ..engine import provider
from ..equations.sequences import valid_steps
from ..errors import ConfigError, operation
from ..layers import Embedding
from ..network import Network
from ..training import Checkpoints, CrossEntropy, Documents, Progress, TextStreams, infer
from ..training.display import DisplayMode
from ..training.fitting import PathLike
from .architecture import recurrent_network
from .base import Model
from .files import digest, register
from .hyperparameters import Choice, Optional, Whole, check, option, refusal
from .sampling import Sampler
from .scikit_learn import check_fitted
from .text import TextEncoder, Vocabulary, tokenize

TokenizerName = Literal["characters", "words"]
_WINDOW, _ROWS = 256, 64  # steps and documents scored at a time: memory, not the result
_UNITS = {"nats": 1.0, "bits": math.log(2)}  # nats in one of them


@register
@dataclass(kw_only=True, repr=False, eq=False)
class LanguageModel(Model):
    """Recurrent language model over characters or words, trained by truncated BPTT.

    The training data is one text, which is split into `batch_size` parallel streams, or a list of
    documents, each read from its beginning to an end mark. The hidden state is carried from one
    batch to the next.

    Parameters
    ----------
    cell : str or bptt.equations.Cell, default="lstm"
        Recurrent cell. "gru_reset_after" applies the reset gate after the matrix product, as
        PyTorch and Keras do. `bptt.equations.CELLS` holds the names.
    units : int, default=128
        Hidden units of each recurrent layer; of each direction where there are two.
    layers : int, default=1
        Number of stacked recurrent layers.
    dropout : float, default=0.0
        Probability that a feature is set to zero during training, between recurrent layers and
        before the output layer.
    input_dropout : float, default=0.0
        Dropout probability of the input of the first recurrent layer.
    initial_state : {"zero", "learned"}, default="zero"
        State before the first time step: zeros, or learned like the weights.
    embedding : int, default=64
        Size of the embedding of a token.
    tokenizer : {"characters", "words"} or callable (str) -> list of str, default="characters"
        What a token is: a character; or, with "words", a word, a punctuation mark or a run of white
        space.
    max_vocabulary : int or None, default=None
        Keep only the most frequent tokens; all others are read as one unknown token. None: keep
        all.
    min_count : int, default=1
        Tokens that occur less often in the training text are read as one unknown token.
    batch_size : int, default=32
        Sequences, windows of a series, or parallel streams of a text in one training step.
    epochs : int, default=10
        Passes over the training data.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"}, default="adam"
        Optimization algorithm.
    learning_rate : float, default=0.002
        Step size of the optimizer; with a schedule or a warm-up, its largest value.
    momentum : float, default=0.9
        Momentum of "sgd" and "rmsprop". "adam" and "adamw" ignore it.
    weight_decay : float, default=0.0
        L2 penalty: `weight_decay * weight` is added to the gradient. With "adamw", decoupled decay:
        weights shrink by `learning_rate * weight_decay` each step. Not applied to biases.
    grad_clip : float, default=5.0
        Largest Euclidean norm of all gradients together; larger gradients are scaled down to it.
    schedule : {"constant", "cosine", "plateau"}, default="constant"
        Learning rate after the warm-up: constant; decreasing to 0 along a cosine; or halved after 2
        epochs without a lower loss.
    warmup : int (steps), default=0
        Training steps in which the learning rate increases linearly to `learning_rate`.
    patience : int or None (epochs), default=None
        Early stopping: training stops after this many epochs without a lower validation loss, and
        the parameters with the lowest are kept. None: train for all epochs, keep the last
        parameters.
    validation_fraction : float, default=0.1
        Fraction of the data that is held out and scored after each epoch. 0: none.
    seed : int, default=0
        Seed of the random numbers: initial parameters, order of the batches, dropout, held-out
        data.
    seq_length : int (tokens), default=64
        Length of truncated BPTT: gradients are propagated back over this many tokens.
    burn_in : int (tokens), default=0
        Tokens at the start of a text or document that update the state but are not trained on.

    Attributes
    ----------
    vocabulary_ : list of str
        The tokens of the training part, sorted. All others are read as one unknown token.
    documents_ : bool
        Whether the model was trained on documents, and so predicts their ends.
    encoder_ : TextEncoder
        Converts texts to token ids.
    network_, parameters_, history_, interrupted_
        As in `bptt.models.base.Model`; the losses are in nats per token.

    Examples
    --------
    >>> model = LanguageModel(cell="gru", units=16, epochs=2, batch_size=4, seed=1)
    >>> _ = model.fit("the cat sat on the mat. " * 40, progress="silent")
    >>> 1 < model.perplexity("the mat sat on the cat.") < 33
    True
    >>> len(model.sample("the ", length=10, seed=0))
    10
    """

    unit = "nats"
    command: ClassVar[str] = "text"
    reads: ClassVar[str] = "texts"
    example = "shakespeare.txt --units 256 --epochs 5 --out shakespeare.safetensors"
    tokenizer: TokenizerName | Callable[[str], list[str]] = option(
        "characters",
        Choice(TokenizerName, function="callable (str) -> list of str"),
        'What a token is: a character; or, with "words", a word, a punctuation mark or a run of '
        "white space.",
        group="Input",
    )
    max_vocabulary: int | None = option(
        None,
        Optional(Whole(1)),
        "Keep only the most frequent tokens; all others are read as one unknown token. None: keep "
        "all.",
        group="Input",
    )
    min_count: int = option(
        1,
        Whole(1),
        "Tokens that occur less often in the training text are read as one unknown token.",
        group="Input",
    )
    embedding: int = option(64, Whole(1), "Size of the embedding of a token.", group="Model")
    seq_length: int = option(
        64,
        Whole(1),
        "Length of truncated BPTT: gradients are propagated back over this many tokens.",
        group="Training",
        unit="tokens",
    )
    burn_in: int = option(
        0,
        Whole(0),
        "Tokens at the start of a text or document that update the state but are not trained on.",
        group="Training",
        unit="tokens",
    )

    @property
    def items(self) -> str:  # type: ignore[override]
        """What the loss is averaged over: "characters", "words" or "tokens"."""
        return self.tokenizer if isinstance(self.tokenizer, str) else "tokens"

    @property
    def vocabulary_(self) -> list[str]:
        """The known tokens, sorted."""
        return self.encoder_.vocabulary.tokens

    @property
    def documents_(self) -> bool:
        """Whether the model was trained on documents."""
        return self.encoder_.documents

    @operation
    def fit(
        self,
        X: str | Sequence[Any],
        y: None = None,
        *,
        validation: str | Sequence[Any] | None = None,
        progress: DisplayMode = "auto",
        checkpoint: Checkpoints | PathLike | None = None,
        resume: PathLike | None = None,
        on_step: Callable[[Progress], Any] | None = None,
    ) -> Self:
        """Train on a text or on documents; return the model.

        Ctrl-C or SIGTERM ends the training after the current step and leaves a usable model
        (``interrupted_`` is then True); a second Ctrl-C raises KeyboardInterrupt at once.

        Parameters
        ----------
        X : str, or list of documents
            A document is a str or a list of tokens, each a str.
        y : None
            Ignored; present for scikit-learn.
        validation : str or list of documents, optional
            Scored after each epoch, instead of a held-out part of `X`.
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
        ConfigError
            A hyper-parameter or a text that cannot be used: wrong type, empty, too short for
            `batch_size`.
        CheckpointError
            A checkpoint cannot be read or written.
        BpttError
            A gradient or a loss is not finite; ``parameters_`` are those of the last good step.
        """
        check(self)
        rng = np.random.default_rng(self.seed)
        training, held_out = (X, validation) if validation is not None else self._split(X, rng)
        texts = self._tokenized(training, held_out if validation is None else None)
        vocabulary = Vocabulary.of(texts, self.max_vocabulary, self.min_count)
        encoder = TextEncoder(self.tokenizer, vocabulary, not isinstance(training, str))
        self.encoder_: TextEncoder = encoder
        encoded = [encoder.encode(t) for t in texts]
        if encoder.documents:
            source = Documents(encoded, self.batch_size, self.seq_length, self.burn_in)
        else:
            source = TextStreams(encoded[0], self.batch_size, self.seq_length, self.burn_in)
            if isinstance(held_out, str) and held_out and validation is None:
                # The last training token is the input that predicts the first held-out one.
                held_out = [texts[0][-1:] + encoder.tokens(held_out)]
        return self._train(
            CrossEntropy(),
            source,
            self._validation(held_out),
            digest(encoded, vocabulary.tokens),
            rng,
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            on_step=on_step,
        )

    def _validation(self, held_out):
        if not held_out:
            return None
        texts = [held_out] if isinstance(held_out, str) else held_out
        encoded = [self.encoder_.encode(self.encoder_.tokens(t)) for t in texts]
        if self.documents_:
            return Documents(encoded, self.batch_size, self.seq_length)
        ids = np.concatenate(encoded)
        # In parallel streams, as in training: many times faster than one stream.
        rows = max(1, min(self.batch_size, (len(ids) - 1) // self.seq_length))
        return TextStreams(ids, rows, self.seq_length) if len(ids) > 1 else None

    @operation
    def split(self, X: str | Sequence[Any]) -> tuple[Any, Any]:
        """Return the training part and the held-out part of a text, as `fit` splits it.

        The end of a text is held out; of documents, a random sample.

        Raises
        ------
        ConfigError
            A hyper-parameter that cannot be used; a text that is not a str, or too short.
        """
        check(self)
        training, held_out = self._split(X, np.random.default_rng(self.seed))
        self._tokenized(training, held_out)
        return training, held_out

    def _split(self, X, rng):
        if isinstance(X, str):
            n = int((1 - self.validation_fraction) * len(X))
            return X[:n], X[n:]
        if not isinstance(X, (list, tuple)):
            given = type(X).__name__
            raise ConfigError(f"the text is a {given}; expected a str, or a list of documents.")
        n = int(self.validation_fraction * len(X))
        order = rng.permutation(len(X)) if n else np.arange(len(X))
        return [X[i] for i in np.sort(order[n:])], [X[i] for i in np.sort(order[:n])]

    def _tokenized(self, training, held_out):
        """Return the tokens of every training text; raise where they are too few."""
        if not isinstance(training, str):
            texts = [tokenize(self.tokenizer, t) for t in training]
            if not any(texts):
                raise ConfigError("no document holds a token; expected at least one.")
            return texts
        tokens = tokenize(self.tokenizer, training)
        needed = self.batch_size * self.seq_length + 1
        if len(tokens) < needed:
            out = f" beside the {len(held_out):,} characters held out" if held_out else ""
            raise ConfigError(
                f"the text has {self._many(len(tokens))} to train on{out}; expected at least "
                f"{needed:,}, because a batch takes {self.batch_size} x {self.seq_length} of them "
                f"(batch_size x seq_length) and their successors."
            )
        return [tokens]

    def _many(self, n):
        return f"{n:,} {self.items if n != 1 else self.items[:-1]}"

    # -- scores ------------------------------------------------------------------------------

    @operation
    def score(self, X: str | Sequence[Any], y: None = None) -> float:
        """Return the mean log-probability of a token, in nats: higher is better, at most 0.

        The hidden state is carried through a whole text. Of a text every token after the first is
        scored; of a document every token and the end mark.

        Parameters
        ----------
        X : str of at least 2 tokens, or list of documents
        y : None
            Ignored; present for scikit-learn.

        Raises
        ------
        ConfigError
            The model is not fitted; the text is not a str, or too short.
        BpttError
            The model's parameters are too large to compute with.
        """
        return -self._mean_nats(X)

    @operation
    def cross_entropy(
        self, X: str | Sequence[Any], unit: Literal["nats", "bits"] = "nats"
    ) -> float:
        """Return the cross-entropy per token, minus `score`: lower is better.

        Parameters
        ----------
        X : str of at least 2 tokens, or list of documents
        unit : {"nats", "bits"}
            1 nat is 1.44 bits.

        Raises
        ------
        ConfigError, BpttError
            As for `score`.
        """
        if unit not in _UNITS:
            raise ConfigError(f"unit is {unit!r}; expected {' or '.join(_UNITS)}.")
        return self._mean_nats(X) / _UNITS[unit]

    @operation
    def perplexity(self, X: str | Sequence[Any]) -> float:
        """Return the perplexity per token, e to the power of the cross-entropy in nats.

        Lower is better; a model that guesses uniformly among n tokens has n.

        Parameters
        ----------
        X : str of at least 2 tokens, or list of documents

        Raises
        ------
        ConfigError, BpttError
            As for `score`.
        """
        with np.errstate(over="ignore"):  # inf where the cross-entropy is above 709 nats
            return float(np.exp(self._mean_nats(X)))

    @operation
    def sequence_log_prob(self, X: str | Sequence[Any]) -> float | np.ndarray:
        """Return the log-probability of a text or of each document: the sum over its tokens.

        Parameters
        ----------
        X : str, or list of documents

        Returns
        -------
        float, or ndarray of float64, shape (n,)
            In nats.

        Raises
        ------
        ConfigError, BpttError
            As for `score`.
        """
        nats, _ = self._nats(X)
        return -float(nats[0]) if isinstance(X, str) else -nats

    def _mean_nats(self, X):
        nats, counts = self._nats(X)
        return float(nats.sum() / counts.sum())

    def _nats(self, X):
        """Return the summed nats of every document and the number of tokens scored in it."""
        check_fitted(self)
        texts = [X] if isinstance(X, str) else X
        if not isinstance(texts, (list, tuple)) or not texts:
            raise ConfigError(f"the text is {X!r:.40}; expected a str, or a list of documents.")
        encoded = [self.encoder_.encode(self.encoder_.tokens(t)) for t in texts]
        counts = np.array([len(e) - 1 for e in encoded])
        if counts.min() < 1:
            which = "the text" if isinstance(X, str) else f"document {counts.argmin()}"
            raise ConfigError(
                f"{which} has {self._many(counts.min() + 1)}; expected at least 2, because the "
                f"first one is only read."
            )
        source, nats = Documents(encoded, _ROWS, _WINDOW), np.zeros(len(encoded))
        order = source.order(None)
        group: int = -_ROWS
        for batch, logits in infer(self.network_, self.parameters_, source.batches(order)):
            group += _ROWS * batch.fresh
            valid = valid_steps(batch.lengths, *batch.x.shape)
            with np.errstate(all="ignore"):
                each, _ = provider().softmax_cross_entropy(logits[valid], batch.target[valid])
            np.add.at(nats, order[group : group + _ROWS][np.nonzero(valid)[0]], each)
        require_finite(nats)
        return nats, counts

    # -- samples -----------------------------------------------------------------------------

    @operation
    def sample(
        self,
        prompt: str = "",
        length: int = 400,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | None = None,
        seed: int | np.random.Generator | None = None,
    ) -> str:
        """Continue a prompt.

        Parameters
        ----------
        prompt : str
            Read before the first token is drawn; not part of the result. If empty, a line break is
            read instead or, by a model of documents, the mark between two of them.
        length : int
            Maximum number of tokens; a model of documents ends where the document does.
        temperature : float
            Divides the logits: below 1 likely tokens become likelier, above 1 less likely ones; 0
            always takes the likeliest token.
        top_k : int, optional
            Draw among the k likeliest tokens only.
        top_p : float, optional
            Draw among the likeliest tokens that together have at least this probability
            (nucleus sampling: Holtzman et al. 2020).
        stop : str, optional
            Ends the text where it would appear; not part of the result.
        seed : int or numpy.random.Generator, optional
            The same seed gives the same text. Drawn from the operating system where None.

        Raises
        ------
        ConfigError
            The model is not fitted; an argument that cannot be used.
        BpttError
            The model's parameters are too large to compute with.
        """
        sampler = Sampler(length, temperature, top_k, top_p, stop, seed)
        return "".join(self._drawn(prompt, sampler))

    @operation
    def generate(self, prompt: str = "", *arguments: Any, **named: Any) -> Iterator[str]:
        """Return an iterator over the text of `sample`, token by token as they are drawn.

        Parameters
        ----------
        prompt, *arguments, **named
            As for `sample`; checked by the call itself, before the first token. What may be the
            beginning of `stop` is held back until it is known.
        """
        return self._drawn(prompt, Sampler(*arguments, **named))

    def _drawn(self, prompt, sampler):
        check_fitted(self)
        if not isinstance(prompt, str):
            raise ConfigError(f"prompt is a {type(prompt).__name__}; expected a str.")
        return sampler.text(self.stream(), self.encoder_.encode_prompt(prompt), self.vocabulary_)

    @operation
    def encode(self, text: str | Sequence[str]) -> np.ndarray:
        """Return the token ids of a text.

        Parameters
        ----------
        text : str, or list of tokens

        Returns
        -------
        ndarray of int64, shape (n,)
            1 + the token's index in ``vocabulary_``, or 0 for a token not in it.
        """
        check_fitted(self)
        return self.encoder_.vocabulary.ids(self.encoder_.tokens(text))

    # -- the command line --------------------------------------------------------------------

    def extent(self, X: Any, y: Any = None) -> str:
        """Return the amount of data in words: "1,440 characters" or "24 documents"."""
        return f"{len(X):,} {'characters' if isinstance(X, str) else 'documents'}"

    def opening(self, X: Any, y: Any = None, source: str = "X") -> str:
        """Return what `fit` trains on and holds out: the first line of ``bptt train``."""
        training, held_out = self.split(X)
        return f"{self.extent(training)} of {source}; {len(held_out):,} held out"

    def score_text(self, X: Any, y: Any = None) -> str:
        """Return cross-entropy and perplexity on texts in words, as ``bptt score`` prints them."""
        nats = -self.score(X)
        with np.errstate(over="ignore"):
            perplexity = np.exp(nats)
        each = "token" if callable(self.tokenizer) else self.items[:-1]
        return (
            f"cross-entropy {nats:.4f} nats ({nats / _UNITS['bits']:.4f} bits) per {each}, "
            f"perplexity {perplexity:.3f}"
        )

    def describe(self) -> list[str]:
        """Return what the fitted model reads: a line of ``bptt info``."""
        kind = "documents" if self.documents_ else "one text"
        known = f"{len(self.vocabulary_)} {self.items} and one unknown token"
        return [f"vocabulary: {known}; trained on {kind}"]

    # -- network and file --------------------------------------------------------------------

    def fitted_state(self) -> dict[str, Any]:
        """Return the fitted attributes, ready for JSON."""
        if not isinstance(self.tokenizer, str):
            raise refusal(self, "tokenizer", "a name: a function cannot be written to a file")
        return self.encoder_.to_json()

    def restore_state(self, state: dict[str, Any]) -> None:
        """Set the fitted attributes from those of a file."""
        self.encoder_ = TextEncoder.from_json(self.tokenizer, state)

    def build_network(self) -> Network:
        """Build the network."""
        n = self.encoder_.n_ids
        return recurrent_network(self, [Embedding(n, self.embedding)], self.embedding, n)

    def _show_loss(self, loss):
        return f"{loss:.3f} nats ({loss / _UNITS['bits']:.3f} bits)"
