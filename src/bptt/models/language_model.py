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
from ..training import Callback, Checkpoints, CrossEntropy, Documents, Progress, infer
from ..training.display import DisplayMode
from ..training.fitting import PathLike
from .architecture import recurrent_network
from .base import Model
from .files import register
from .fitted import as_fitted, fitting
from .hyperparameters import check, option
from .kinds import Optional, Whole
from .language_data import (
    Texts,
    check_enough,
    content,
    encoded,
    is_text,
    many,
    parts,
    prepare,
    tokenizer_of,
)
from .sampling import Sampler
from .text import UNKNOWN
from .text_encoder import TextEncoder
from .token_files import TokenFile
from .tokenizers import TOKENIZERS, Tokenizer, TokenizerChoice

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
    tokenizer : {"characters", "words", "whitespace", "tokens"} or path, default="characters"
        What a token is. "characters": a character. "words": a word, a punctuation mark or a run of
        white space. "whitespace": text between white space, with "<eos>" at the end of each line,
        as in the Penn Treebank ("<unk>" is the unknown token). "tokens": an entry of a list. The
        path of a JSON file of the package tokenizers: its subwords.
    max_vocabulary : int or None, default=None
        Keep only the most frequent tokens; all others are read as one unknown token. None: keep
        all.
    min_count : int, default=1
        Tokens that occur less often in the training text are read as one unknown token.
    batch_size : int, default=32
        Sequences, windows of a series, or parallel streams of a text in one training step.
    micro_batches : int, default=1
        Parts into which each batch is divided; their gradients are added in a fixed order. Above 1,
        the result is bit-identical for any number of ranks (`distributed`), and dropout masks are
        drawn for each part.
    local_steps : int (steps), default=1
        Training steps between two averages of parameters. Above 1, each of the `micro_batches`
        parts trains parameters and an optimizer of its own in between, so that ranks exchange them
        once in `local_steps` steps: for slow networks and large models.
    local_after : float, default=0.0
        With `local_steps`, the share of the training before the first local step (post-local SGD);
        until then gradients are added in each step.
    outer_learning_rate : float, default=1.0
        With `local_steps`, the factor of the mean change of the parts' parameters. 1, without
        `outer_momentum`: the parameters become their mean.
    outer_momentum : float, default=0.0
        With `local_steps`, Nesterov momentum of the mean change; DiLoCo takes 0.9 and an
        `outer_learning_rate` of 0.7.
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
    warm_start : bool, default=False
        Go on from the fitted parameters in the next `fit`, with new data or another learning rate.
        Vocabulary, classes and scaling stay those of the model; the optimizer starts afresh.
    verbose : bool or int, default=True
        Show the progress of `fit` where its `progress` is "auto". 0 or False: nothing is shown.
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
    network_, parameters_, history_, best_epoch_, interrupted_
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
    tokenizer: Tokenizer = option(
        "characters",
        TokenizerChoice(),
        'What a token is. "characters": a character. "words": a word, a punctuation mark or a run '
        'of white space. "whitespace": text between white space, with "<eos>" at the end of each '
        'line, as in the Penn Treebank ("<unk>" is the unknown token). "tokens": an entry of a '
        "list. The path of a JSON file of the package tokenizers: its subwords.",
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
        """What the loss is averaged over: "characters" or "tokens"."""
        if (encoder := getattr(self, "encoder_", None)) is not None:
            return encoder.splitter.items
        rule = TOKENIZERS.get(self.tokenizer) if isinstance(self.tokenizer, str) else None
        return rule.items if rule else "tokens"

    @property
    def vocabulary_(self) -> list[str]:
        """The known tokens, sorted."""
        return self.encoder_.vocabulary.tokens

    @property
    def documents_(self) -> bool:
        """Whether the model was trained on documents."""
        return self.encoder_.documents

    @operation
    @fitting
    def fit(
        self,
        X: Texts,
        y: None = None,
        *,
        validation: Texts | None = None,
        progress: DisplayMode = "auto",
        checkpoint: Checkpoints | PathLike | None = None,
        resume: PathLike | None = None,
        on_step: Callable[[Progress], Any] | None = None,
        callbacks: Sequence[Callback] = (),
        distributed: Any = None,
    ) -> Self:
        """Train on a text or on documents; return the model.

        Ctrl-C or SIGTERM ends the training after the current step and leaves a usable model
        (``interrupted_`` is then True); a second Ctrl-C raises KeyboardInterrupt at once.

        Parameters
        ----------
        X : str, list of documents, TokenFile or Data
            A document is a str or a list of tokens, each a str. With ``tokenizer="tokens"`` a text
            is a list of tokens and a document too. A token file has its own tokenizer and
            vocabulary.
        y : None
            Ignored; present for scikit-learn.
        validation : str, list of documents, TokenFile or Data, optional
            Scored after each epoch, instead of a held-out part of `X`.
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
        fitted = self.encoder_ if self._goes_on() else None
        prepared = prepare(self, X, validation, rng, fitted)
        new = self.unfitted()
        new.encoder_ = prepared.encoder
        return self._train(
            new,
            CrossEntropy(),
            prepared.source,
            prepared.validation,
            prepared.digest,
            rng,
            progress=progress,
            checkpoint=checkpoint,
            resume=resume,
            on_step=on_step,
            callbacks=callbacks,
            distributed=distributed,
        )

    @operation
    def split(self, X: Texts) -> tuple[Any, Any]:
        """Return the training part and the held-out part of a text, as `fit` splits it.

        The end of a text is held out; of documents, a random sample.

        Raises
        ------
        ConfigError
            A hyper-parameter that cannot be used; a text that is not a str, or too short.
        """
        check(self)
        X = content(X)
        kind = tokenizer_of(self, X)
        training, held_out = parts(self, X, kind, np.random.default_rng(self.seed))
        check_enough(self, kind, training, held_out)
        return training, held_out

    # -- scores ------------------------------------------------------------------------------

    @operation
    @as_fitted
    def score(self, X: Texts, y: None = None) -> float:
        """Return the mean log-probability of a token, in nats: higher is better, at most 0.

        The hidden state is carried through a whole text. Of a text every token after the first is
        scored; of a document every token and the end mark.

        Parameters
        ----------
        X : str of at least 2 tokens, list of documents or TokenFile
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
    @as_fitted
    def cross_entropy(self, X: Texts, unit: Literal["nats", "bits"] = "nats") -> float:
        """Return the cross-entropy per token, minus `score`: lower is better.

        Parameters
        ----------
        X : str of at least 2 tokens, list of documents or TokenFile
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
    @as_fitted
    def perplexity(self, X: Texts) -> float:
        """Return the perplexity per token, e to the power of the cross-entropy in nats.

        Lower is better; a model that guesses uniformly among n tokens has n.

        Parameters
        ----------
        X : str of at least 2 tokens, list of documents or TokenFile

        Raises
        ------
        ConfigError, BpttError
            As for `score`.
        """
        with np.errstate(over="ignore"):  # inf where the cross-entropy is above 709 nats
            return float(np.exp(self._mean_nats(X)))

    @operation
    @as_fitted
    def sequence_log_prob(self, X: Texts) -> float | np.ndarray:
        """Return the log-probability of a text or of each document: the sum over its tokens.

        Parameters
        ----------
        X : str, list of documents or TokenFile

        Returns
        -------
        float, or ndarray of float64, shape (n,)
            In nats.

        Raises
        ------
        ConfigError, BpttError
            As for `score`.
        """
        nats, _, _ = self._nats(X)
        return -float(nats[0]) if is_text(content(X), self.encoder_.tokenizer) else -nats

    def _mean_nats(self, X):
        nats, counts, _ = self._nats(X)
        return float(nats.sum() / counts.sum())

    def _nats(self, X):
        """Return the nats and tokens scored of every document, and the share of unknown tokens."""
        X = content(X)
        texts = encoded(self.encoder_, X)
        counts = texts.lengths - 1
        if counts.min() < 1:
            which = f"document {counts.argmin()}" if len(texts) > 1 else "the text"
            given = many(counts.min() + 1, self.items)
            raise ConfigError(
                f"{which} has {given}; expected at least 2, because the first one is only read."
            )
        source, nats, unknown = Documents(texts, _ROWS, _WINDOW), np.zeros(len(texts)), 0
        order = source.order(None)
        group: int = -_ROWS
        for batch, logits in infer(self.network_, self.parameters_, source.batches(order)):
            group += _ROWS * batch.fresh
            valid = valid_steps(batch.lengths, *batch.x.shape)
            target = batch.target[valid]
            unknown += int((target == UNKNOWN).sum())
            with np.errstate(all="ignore"):
                each, _ = provider().softmax_cross_entropy(logits[valid], target)
            np.add.at(nats, order[group : group + _ROWS][np.nonzero(valid)[0]], each)
        require_finite(nats)
        return nats, counts, unknown / counts.sum()

    @operation
    @as_fitted
    def network_inputs(self, X: Texts, lengths: None = None) -> list[np.ndarray]:
        """Return the token ids of a text, or of each document with its marks, each (T_i,)."""
        return [np.asarray(ids, np.int64) for ids in encoded(self.encoder_, content(X))]

    # -- samples -----------------------------------------------------------------------------

    @operation
    @as_fitted
    def sample(
        self,
        prompt: str | Sequence[str] = "",
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
        prompt : str or list of tokens
            Read before the first token is drawn; not part of the result. If empty, a line break is
            read instead or, by a model of documents, the mark between two of them. With
            ``tokenizer="tokens"`` a str is split at white space.
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
    @as_fitted
    def generate(
        self, prompt: str | Sequence[str] = "", *arguments: Any, **named: Any
    ) -> Iterator[str]:
        """Return an iterator over the text of `sample`, token by token as they are drawn.

        Parameters
        ----------
        prompt, *arguments, **named
            As for `sample`; checked by the call itself, before the first token. What may be the
            beginning of `stop` is held back until it is known.
        """
        return self._drawn(prompt, Sampler(*arguments, **named))

    def _drawn(self, prompt, sampler):
        if not isinstance(prompt, (str, list, tuple)):
            raise ConfigError(f"prompt is a {type(prompt).__name__}; expected a str.")
        encoder = self.encoder_
        text = encoder.joiner(prompt)
        return sampler.text(
            self.stream(), encoder.encode_prompt(prompt), len(self.vocabulary_), text
        )

    @operation
    @as_fitted
    def unknown_tokens(self, text: str | Sequence[str]) -> list[str]:
        """Return the different tokens of a text that the model reads as one unknown token.

        Parameters
        ----------
        text : str, or list of tokens

        Returns
        -------
        list of str
            In the order of their first occurrence.
        """
        return self.encoder_.unknown(text)

    @operation
    @as_fitted
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
        return self.encoder_.encode(text)

    # -- the command line --------------------------------------------------------------------

    def extent(self, X: Any, y: Any = None) -> str:
        """Return the amount of data in words: "1,440 characters" or "24 documents"."""
        X = content(X)
        if isinstance(X, TokenFile):
            documents, items = X.encoder.documents, X.encoder.splitter.items
        else:
            documents, items = not is_text(X, self.tokenizer), "characters"
        return f"{len(X):,} {'documents' if documents else items}"

    def opening(self, X: Any, y: Any = None, source: str = "X") -> str:
        """Return what `fit` trains on and holds out: the first line of ``bptt train``."""
        training, held_out = self.split(X)
        return f"{self.extent(training)} of {source}; {len(held_out):,} held out"

    @as_fitted
    def score_text(self, X: Any, y: Any = None) -> str:
        """Return cross-entropy and perplexity on texts in words, as ``bptt score`` prints them."""
        with operation("LanguageModel.score"):
            nats, counts, unknown = self._nats(X)
        mean = float(nats.sum() / counts.sum())
        with np.errstate(over="ignore"):
            perplexity = np.exp(mean)
        text = (
            f"cross-entropy {mean:.4f} nats ({mean / _UNITS['bits']:.4f} bits) per "
            f"{self.items[:-1]}, perplexity {perplexity:.3f}"
        )
        return f"{text}; {share(unknown)} of the {self.items} are unknown" if unknown else text

    @as_fitted
    def describe(self) -> list[str]:
        """Return what the fitted model reads: a line of ``bptt info``."""
        kind = "documents" if self.documents_ else "one text"
        known = f"{len(self.vocabulary_)} {self.items} and one unknown token"
        if self.encoder_.tokenizer != "characters":
            known += f", tokenizer {self.encoder_.tokenizer}"
        return [f"vocabulary: {known}; trained on {kind}"]

    # -- network and file --------------------------------------------------------------------

    def fitted_state(self) -> dict[str, Any]:
        """Return the fitted attributes, ready for JSON."""
        return self.encoder_.to_json()

    def restore_state(self, state: dict[str, Any]) -> None:
        """Set the fitted attributes from those of a file."""
        self.encoder_: TextEncoder = TextEncoder.from_json(self.tokenizer, state)

    def build_network(self) -> Network:
        """Build the network."""
        n = self.encoder_.n_ids
        return recurrent_network(self, [Embedding(n, self.embedding)], self.embedding, n)

    def show_loss(self, loss: float) -> str:
        """Return a loss in words: nats and bits."""
        return f"{loss:.3f} nats ({loss / _UNITS['bits']:.3f} bits)"


def share(fraction: float) -> str:
    """Return a fraction above 0 in percent: "0.3 %", "0.004 %"."""
    digits = max(1, 1 - math.floor(math.log10(100 * fraction)) - 1)
    return f"{100 * fraction:.{digits}f} %"
