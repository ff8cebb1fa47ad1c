"""A language model: what comes next, given all that came before."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..engine import provider
from ..errors import BpttError, ConfigError
from ..layers import Embedding
from ..training import CrossEntropy, Documents, TextStreams
from .architecture import recurrent_network
from .base import Model
from .files import digest, register
from .hyperparameters import Choice, Optional, Whole, check, option, refusal
from .sampling import Sampler
from .scikit_learn import check_fitted
from .text import Vocabulary, tokenize

TokenizerName = Literal["characters", "words"]
_TOO_LARGE = "the result is not finite; the model's parameters are too large to compute with."
_WINDOW, _ROWS = 256, 64  # steps and documents scored at a time: memory, not the result
_UNITS = {"nats": 1.0, "bits": math.log(2)}  # nats in one of them


@register
@dataclass(kw_only=True, repr=False, eq=False)
class LanguageModel(Model):
    """A recurrent network over characters or words, trained by truncated BPTT.

    It learns from one text, which is cut into parallel streams, or from a list of documents, each
    read from its own beginning to its end mark.

    Parameters
    ----------
    cell : str or bptt.equations.Cell, default="lstm"
        Recurrent cell, by name or as a record. "gru_reset_after" applies the reset gate after the
        matrix product, as PyTorch and Keras do. Names: rnn, rnn_relu, lstm, gru, gru_reset_after.
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
        Whether the model was trained on documents and so knows where one ends.
    network_, parameters_, history_, interrupted_
        As every model has them: see `bptt.models.base.Model`. The losses are nats per token.

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
    command, reads = "text", "texts"
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
    def items(self):  # type: ignore[override]
        """What the loss is a mean over."""
        return self.tokenizer if isinstance(self.tokenizer, str) else "tokens"

    def fit(
        self,
        X,
        y=None,
        *,
        validation=None,
        progress: Any = "auto",
        checkpoint=None,
        resume=None,
        on_step=None,
    ):
        """Train on a text or on documents; return the model.

        Ctrl-C ends the training after the step it lands in and leaves a usable model
        (``interrupted_`` is then True); a second Ctrl-C leaves at once.

        Parameters
        ----------
        X : str, or list of documents
            A document is a str or a list of tokens, each a str.
        y : None
            Not looked at; for scikit-learn.
        validation : str or list of documents, optional
            Scored after each epoch, in place of a held-out part of `X`.
        progress : {"auto", "silent"} or rich.console.Console
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
        ConfigError
            A hyper-parameter or a text that makes no sense: wrong type, empty, too short for
            `batch_size`.
        CheckpointError
            A checkpoint cannot be read or written.
        BpttError
            A gradient or a loss is not finite; ``parameters_`` are those of the last good step.
        """
        where = f"{type(self).__name__}.fit"
        check(self)
        rng = np.random.default_rng(self.seed)
        training, held_out = (X, validation) if validation is not None else self._split(X, rng)
        documents = not isinstance(training, str)
        texts = [
            tokenize(where, self.tokenizer, t) for t in (training if documents else [training])
        ]
        vocabulary = Vocabulary.of(texts, self.max_vocabulary, self.min_count)
        self._check_enough(texts, documents, held_out if validation is None else None)
        self._vocabulary, self.documents_ = vocabulary, documents
        self.vocabulary_ = vocabulary.tokens
        encoded = [self._encoded(t) for t in texts]
        if documents:
            source = Documents(encoded, self.batch_size, self.seq_length, self.burn_in)
        else:
            source = TextStreams(encoded[0], self.batch_size, self.seq_length, self.burn_in)
            if isinstance(held_out, str) and held_out and validation is None:
                # The last training token is the input that predicts the first held-out one.
                held_out = [texts[0][-1:] + tokenize(where, self.tokenizer, held_out)]
        return self._train(
            CrossEntropy(),
            source,
            self._validation(where, held_out),
            digest(encoded, self.vocabulary_),
            rng,
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            on_step=on_step,
        )

    def _validation(self, where, held_out):
        if not held_out:
            return None
        texts = [held_out] if isinstance(held_out, str) else held_out
        encoded = [self._encoded(tokenize(where, self.tokenizer, t)) for t in texts]
        if self.documents_:
            return Documents(encoded, self.batch_size, self.seq_length)
        tokens = np.concatenate(encoded)
        # In parallel streams, as in training: many times faster than one, and as good a guide.
        rows = max(1, min(self.batch_size, (len(tokens) - 1) // self.seq_length))
        return TextStreams(tokens, rows, self.seq_length) if len(tokens) > 1 else None

    def split(self, X):
        """Return the training part and the held-out part of a text, as `fit` splits it.

        A text's end is held out; of documents, some are drawn.

        Raises
        ------
        ConfigError
            A hyper-parameter that makes no sense; a text that is not a str, or too short to train
            on and to hold out a part of.
        """
        check(self)
        training, held_out = self._split(X, np.random.default_rng(self.seed))
        documents = not isinstance(training, str)
        where = type(self).__name__
        texts = [
            tokenize(where, self.tokenizer, t) for t in (training if documents else [training])
        ]
        self._check_enough(texts, documents, held_out)
        return training, held_out

    def _split(self, X, rng):
        if isinstance(X, str):
            n = int((1 - self.validation_fraction) * len(X))
            return X[:n], X[n:]
        if not isinstance(X, (list, tuple)):
            raise ConfigError(
                f"{type(self).__name__}: the text is a {type(X).__name__}; expected a str, "
                f"or a list of documents."
            )
        n = int(self.validation_fraction * len(X))
        order = rng.permutation(len(X)) if n else np.arange(len(X))
        return [X[i] for i in np.sort(order[n:])], [X[i] for i in np.sort(order[:n])]

    def _check_enough(self, texts, documents, held_out):
        where = type(self).__name__
        if documents:
            if not any(texts):
                raise ConfigError(f"{where}: no document holds a token; expected at least one.")
            return
        needed = self.batch_size * self.seq_length + 1
        if len(texts[0]) < needed:
            out = f" beside the {len(held_out):,} characters held out" if held_out else ""
            raise ConfigError(
                f"{where}: the text has {self._many(len(texts[0]))} to train on{out}; expected "
                f"at least {needed:,}, because a batch takes {self.batch_size} x "
                f"{self.seq_length} of them (batch_size x seq_length) and their successors."
            )

    def _many(self, n):
        return f"{n:,} {self.items if n != 1 else self.items[:-1]}"

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
        return -self._mean_nats("score", X)

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
            where, units = f"{type(self).__name__}.cross_entropy", " or ".join(_UNITS)
            raise ConfigError(f"{where}: unit is {unit!r}; expected {units}.")
        return self._mean_nats("cross_entropy", X) / _UNITS[unit]

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
            return float(np.exp(self._mean_nats("perplexity", X)))

    def extent(self, X, y=None):
        """Return the amount of data in words: "1,440 characters" or "24 documents"."""
        return f"{len(X):,} {'characters' if isinstance(X, str) else 'documents'}"

    def opening(self, X, y=None, source="X"):
        """Return what `fit` trains on and holds out, in words: the first line of ``bptt train``."""
        training, held_out = self.split(X)
        return f"{super().opening(training, y, source)}; {len(held_out):,} held out"

    def score_text(self, X, y=None):
        """Return cross-entropy and perplexity on texts in words, as ``bptt score`` prints them."""
        nats = -self.score(X)
        with np.errstate(over="ignore"):
            perplexity = np.exp(nats)
        each = "token" if callable(self.tokenizer) else self.items[:-1]
        return (
            f"cross-entropy {nats:.4f} nats ({nats / _UNITS['bits']:.4f} bits) per {each}, "
            f"perplexity {perplexity:.3f}"
        )

    def describe(self):
        """Return what the fitted model reads: a line of ``bptt info``."""
        kind = "documents" if self.documents_ else "one text"
        known = f"{len(self.vocabulary_)} {self.items} and one symbol for all others"
        return [f"vocabulary: {known}; learned from {kind}"]

    def _mean_nats(self, method, X):
        nats, counts = self._nats(method, X)
        return float(nats.sum() / counts.sum())

    def sequence_log_prob(self, X):
        """Log-probability, in nats, of a text or of each document: the sum over its tokens.

        Parameters
        ----------
        X : str, or list of documents

        Returns
        -------
        float, or ndarray of float64, shape (n,)

        Raises
        ------
        ConfigError, BpttError
            As for `score`.
        """
        nats, _ = self._nats("sequence_log_prob", X)
        return -float(nats[0]) if isinstance(X, str) else -nats

    def _nats(self, method, X):
        """Return the summed nats of every document and the number of tokens scored in it."""
        check_fitted(self)
        where = f"{type(self).__name__}.{method}"
        texts = [X] if isinstance(X, str) else X
        if not isinstance(texts, (list, tuple)) or not texts:
            raise ConfigError(
                f"{where}: the text is {X!r:.40}; expected a str, or a list of documents."
            )
        encoded = [self._encoded(tokenize(where, self.tokenizer, t)) for t in texts]
        counts = np.array([len(e) - 1 for e in encoded])
        if counts.min() < 1:
            which = "the text" if isinstance(X, str) else f"document {counts.argmin()}"
            raise ConfigError(
                f"{where}: {which} has {self._many(counts.min() + 1)}; expected at least 2, "
                f"because the first one is only read."
            )
        source, nats = Documents(encoded, _ROWS, _WINDOW), np.zeros(len(encoded))
        order = source.order(None)
        group: int = -_ROWS
        state: tuple | None = None
        for batch in source.batches(order):
            assert batch.lengths is not None
            if batch.fresh:
                group, state = group + _ROWS, None
            with np.errstate(all="ignore"):
                z, state, _ = self.network_.forward(
                    batch.x, self.parameters_, state, batch.lengths, keep_tape=False
                )
                valid = np.arange(z.shape[1]) < batch.lengths[:, np.newaxis]
                each, _ = provider().softmax_cross_entropy(z[valid], batch.target[valid])
            np.add.at(nats, order[group : group + _ROWS][np.nonzero(valid)[0]], each)
        if not np.isfinite(nats).all():
            raise BpttError(f"{where}: {_TOO_LARGE}")
        return nats, counts

    def sample(
        self,
        prompt="",
        length=400,
        temperature=1.0,
        top_k=None,
        top_p=None,
        stop=None,
        seed=None,
    ):
        """Continue a prompt.

        Parameters
        ----------
        prompt : str
            Read before the first token is drawn; not part of the result. Where it is empty a line
            break is read instead, or, by a model of documents, the mark between two of them.
        length : int
            Tokens to draw at most; a model of documents ends where the document does.
        temperature : float
            Divides the logits: below 1 bolder, above 1 wilder, 0 always the likeliest token.
        top_k : int, optional
            Draw among the k likeliest tokens only.
        top_p : float, optional
            Draw among the likeliest tokens that together have at least this probability
            (nucleus sampling: Holtzman et al. 2020).
        stop : str, optional
            Ends the text where it would appear; not part of the result.
        seed : int or numpy.random.Generator, optional
            Same seed, same text. Drawn from the operating system where None.

        Returns
        -------
        str

        Raises
        ------
        ConfigError
            The model is not fitted; an argument that makes no sense.
        BpttError
            The model's parameters are too large to compute with.
        """
        return "".join(self.generate(prompt, length, temperature, top_k, top_p, stop, seed))

    def generate(
        self,
        prompt="",
        length=400,
        temperature=1.0,
        top_k=None,
        top_p=None,
        stop=None,
        seed=None,
    ):
        """Do what `sample` does, one token at a time, as they are drawn.

        Returns
        -------
        iterator of str
            Arguments are checked by the call itself, before the first token. What may be the
            beginning of `stop` is held back until it is known.
        """
        check_fitted(self)
        where = f"{type(self).__name__}.sample"
        if not isinstance(prompt, str):
            raise ConfigError(f"{where}: prompt is a {type(prompt).__name__}; expected a str.")
        sampler = Sampler(where, length, temperature, top_k, top_p, stop, seed)
        start = [] if self.documents_ else ["\n"]
        tokens = tokenize(where, self.tokenizer, prompt) or start
        read = self._encoded(tokens)[: len(tokens) + self.documents_]  # without the end mark
        return sampler.text(self.stream(), read, self.vocabulary_)

    def fitted_state(self):
        """Return the fitted attributes, ready for JSON."""
        if not isinstance(self.tokenizer, str):
            raise refusal(self, "tokenizer", "a name: a function cannot be written to a file")
        return {"vocabulary": self.vocabulary_, "documents": self.documents_}

    def restore_state(self, state):
        """Set the fitted attributes from those of a file."""
        words, self.documents_ = state["vocabulary"], state["documents"]
        if not isinstance(words, list) or not all(isinstance(w, str) for w in words):
            raise ConfigError("its vocabulary is no list of str.")
        if len(set(words)) != len(words) or not isinstance(self.documents_, bool):
            raise ConfigError("its vocabulary holds a token twice, or documents is no bool.")
        self.vocabulary_ = words
        self._vocabulary = Vocabulary(words)

    def _n_tokens(self):
        return len(self.vocabulary_) + 1 + self.documents_  # the unknown one, the end mark

    def build_network(self):
        """Build the network."""
        n = self._n_tokens()
        return recurrent_network(self, [Embedding(n, self.embedding)], self.embedding, n)

    def _show_loss(self, loss):
        return f"{loss:.3f} nats ({loss / math.log(2):.3f} bits)"

    def encode(self, text):
        """Turn a text into the numbers of its tokens.

        Parameters
        ----------
        text : str, or list of tokens

        Returns
        -------
        ndarray of int64, shape (n,)
            1 + the token's place in ``vocabulary_``, or 0 for a token not in it.
        """
        where = f"{type(self).__name__}.encode"
        return self._vocabulary.numbers(tokenize(where, self.tokenizer, text))

    def _encoded(self, tokens):
        """Return the numbers of a text's tokens; of a document's, between two end marks."""
        numbers = self._vocabulary.numbers(tokens)
        if not self.documents_:
            return numbers
        end = [len(self.vocabulary_) + 1]
        return np.concatenate([end, numbers, end])
