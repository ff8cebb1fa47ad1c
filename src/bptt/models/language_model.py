"""A character language model: what comes next, given all that came before."""

import numpy as np

from ..equations.activations import softmax
from ..errors import BpttError, ConfigError
from ..layers import GRU, LSTM, RNN, Dense, Embedding
from ..network import Network
from ..training import Adam, Interrupts, evaluate_text, train_text
from ..training.optimisers import LARGEST
from .base import Model, is_number, is_whole
from .files import register, save

_LAYERS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
_UNKNOWN = 0  # token of every character that the training text does not hold
_TOO_LARGE = "the result is not finite; the model's parameters are too large to compute with."
_ROW = ("epoch", "step", "loss", "validation", "grad_norm", "seconds")


@register
class LanguageModel(Model):
    """A recurrent network over characters, trained by truncated BPTT.

    Parameters
    ----------
    cell : {"lstm", "gru", "rnn"}
    units : int
        Hidden units of each layer.
    layers : int
        Recurrent layers on top of one another.
    embedding : int
        Features of a character's vector.
    seq_length : int
        Steps (characters) that a gradient travels back.
    batch_size : int
        Parallel streams that the text is cut into.
    learning_rate : float
        Of Adam.
    grad_clip : float
        Largest Euclidean norm of all gradients together.
    epochs : int
        Times through the text.
    validation_fraction : float
        Share of the characters, at the text's end, that is held out and scored after each epoch;
        0 for none.
    seed : int
        Of the one generator that draws the initial parameters.

    Attributes
    ----------
    vocabulary_ : str
        The characters of the training part, sorted. All others are read as one unknown symbol.
    network_ : Network
    parameters_ : dict of str to ndarray of float32
    history_ : list of dict
        One row an epoch: epoch, step, loss and validation (nats per character), grad_norm, seconds.
        Where the training ended early, the last row is that of its last step.
    interrupted_ : bool
        Whether Ctrl-C, or `on_step`, ended the training early.

    Examples
    --------
    >>> model = LanguageModel(cell="gru", units=16, epochs=2, batch_size=4, seed=1)
    >>> _ = model.fit("the cat sat on the mat. " * 40)
    >>> 0 < model.score("the mat sat on the cat.") < 3.5
    True
    >>> len(model.sample("the ", length=10, seed=0))
    10
    """

    def __init__(
        self,
        *,
        cell="lstm",
        units=128,
        layers=1,
        embedding=64,
        seq_length=64,
        batch_size=32,
        learning_rate=2e-3,
        grad_clip=5.0,
        epochs=10,
        validation_fraction=0.1,
        seed=0,
    ):
        self.cell = cell
        self.units = units
        self.layers = layers
        self.embedding = embedding
        self.seq_length = seq_length
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.grad_clip = grad_clip
        self.epochs = epochs
        self.validation_fraction = validation_fraction
        self.seed = seed

    def fit(self, text, *, on_step=None):
        """Train on a text; return the model.

        Ctrl-C ends the training after the step it lands in and leaves a usable model
        (``interrupted_`` is then True); a second Ctrl-C leaves at once.

        Parameters
        ----------
        text : str
        on_step : callable (Progress) -> bool, optional
            Called after every step; a true result ends the training early.

        Raises
        ------
        ConfigError
            A hyper-parameter or a text that makes no sense: wrong type, empty, too short for
            `batch_size`.
        BpttError
            A gradient or a loss is not finite; ``parameters_`` are those of the last good step.
        """
        training, validation = self.split(text)
        self.vocabulary_ = "".join(sorted(set(training)))
        self.network_ = self._build()
        self.parameters_ = self.network_.init(np.random.default_rng(self.seed))
        self.history_ = []
        self.interrupted_ = False
        run = train_text(
            self.network_,
            self.parameters_,
            Adam(self.learning_rate),
            self.encode(training),
            # The last training character is the input that predicts the first held-out one.
            self.encode(training[-1] + validation) if validation else None,
            epochs=self.epochs,
            batch_size=self.batch_size,
            seq_length=self.seq_length,
            grad_clip=self.grad_clip,
        )
        with Interrupts() as interrupts:
            for progress in run:
                ended = progress.step % (progress.n_steps // self.epochs) == 0
                if ended:
                    self._record(progress)
                stop = on_step is not None and on_step(progress)
                if (stop or interrupts.requested) and progress.step < progress.n_steps:
                    self.interrupted_ = True
                    if not ended:
                        self._record(progress)
                    break
        return self

    def _record(self, progress):
        self.history_.append({name: getattr(progress, name) for name in _ROW})

    def split(self, text):
        """Return the training part and the held-out part of a text, as `fit` splits it.

        Raises
        ------
        ConfigError
            A hyper-parameter that makes no sense; a text that is not a str, or too short to train
            on and to hold out a part of.
        """
        self._check_hyperparameters()
        where = type(self).__name__
        if not isinstance(text, str):
            raise ConfigError(f"{where}: the text is a {type(text).__name__}; expected a str.")
        n_training = int((1 - self.validation_fraction) * len(text))
        needed = self.batch_size * self.seq_length + 1
        if n_training < needed:
            held_out = f", {len(text) - n_training} of them held out" * (n_training < len(text))
            raise ConfigError(
                f"{where}: the text has {_characters(len(text))}{held_out}; expected at least "
                f"{needed} to train on, because a batch takes {self.batch_size} x "
                f"{self.seq_length} characters (batch_size x seq_length) and their successors."
            )
        return text[:n_training], text[n_training:]

    def score(self, text):
        """Mean negative log-probability of each character after the first: nats per character.

        Divide by ln 2 = 0.693 for bits per character; e to this power is the perplexity. Lower is
        better. The state starts from zero and is carried through the whole text.

        Parameters
        ----------
        text : str, at least 2 characters

        Returns
        -------
        float

        Raises
        ------
        ConfigError
            The model is not fitted; the text is not a str, or too short.
        BpttError
            The model's parameters are too large to compute with.
        """
        self._check_fitted()
        where = f"{type(self).__name__}.score"
        if not isinstance(text, str):
            raise ConfigError(f"{where}: the text is a {type(text).__name__}; expected a str.")
        if len(text) < 2:
            raise ConfigError(
                f"{where}: the text has {_characters(len(text))}; expected at least 2, because "
                f"the first one is only read."
            )
        nats = evaluate_text(self.network_, self.parameters_, self.encode(text))
        if not np.isfinite(nats):
            raise BpttError(f"{where}: {_TOO_LARGE}")
        return nats

    def sample(self, prompt="", length=400, temperature=1.0, top_k=None, seed=None):
        """Continue a prompt.

        Parameters
        ----------
        prompt : str
            Read before the first character is drawn; not part of the result. Where it is empty,
            a line break is read instead.
        length : int
            Characters to draw.
        temperature : float
            Divides the logits: below 1 bolder, above 1 wilder, 0 always the likeliest character.
        top_k : int, optional
            Draw among the k likeliest characters only.
        seed : int or numpy.random.Generator, optional
            Same seed, same text. Drawn from the operating system where None.

        Returns
        -------
        str, of `length` characters

        Raises
        ------
        ConfigError
            The model is not fitted; an argument that makes no sense.
        BpttError
            The model's parameters are too large to compute with.
        """
        return "".join(self.generate(prompt, length, temperature, top_k, seed))

    def generate(self, prompt="", length=400, temperature=1.0, top_k=None, seed=None):
        """Do what `sample` does, one character at a time, as they are drawn.

        Returns
        -------
        iterator of str
            Arguments are checked by the call itself, before the first character.
        """
        self._check_fitted()
        where = f"{type(self).__name__}.sample"
        for name, value, low in (("length", length, 0), ("top_k", top_k, 1)):
            if value is None and name == "top_k":
                continue
            if not is_whole(value) or value < low:
                raise ConfigError(
                    f"{where}: {name} is {value!r}; expected a whole number >= {low}."
                )
        if not (is_number(temperature) and 0 <= temperature <= LARGEST):
            raise ConfigError(
                f"{where}: temperature is {temperature!r}; expected a finite number >= 0."
            )
        if not isinstance(prompt, str):
            raise ConfigError(f"{where}: prompt is a {type(prompt).__name__}; expected a str.")
        whole = is_whole(seed) and seed >= 0
        if not (whole or seed is None or isinstance(seed, np.random.Generator)):
            raise ConfigError(f"{where}: seed is {seed!r}; expected a whole number >= 0.")
        return self._draw(prompt, length, temperature, top_k, np.random.default_rng(seed))

    def _draw(self, prompt, length, temperature, top_k, rng):
        stream = self.stream()
        *before, token = self.encode(prompt or "\n")
        with np.errstate(all="ignore"):  # _choose refuses what is not finite
            for t in before:
                stream.step(np.array([t]))
        for _ in range(length):
            with np.errstate(all="ignore"):
                z = stream.step(np.array([token]))[0]
            token = _choose(z.astype(np.float64), temperature, top_k, rng)
            yield self.vocabulary_[token - 1]

    def stream(self, m=1):
        """Read m texts side by side, a character of each at a time.

        Parameters
        ----------
        m : int

        Returns
        -------
        Stream
            Its ``step`` takes m tokens, as `encode` makes them, and returns the logits of what
            comes next, (m, 1 + characters of the vocabulary): column 0 is the unknown symbol.

        Raises
        ------
        ConfigError
            The model is not fitted.
        """
        self._check_fitted()
        return self.network_.stream(self.parameters_, m)

    def save(self, path):
        """Write the model to one file, atomically: parameters, vocabulary, history, versions.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        CheckpointError
            The file cannot be written; what was there before is untouched.
        """
        self._check_fitted()
        save(
            self,
            path,
            {
                "vocabulary": self.vocabulary_,
                "history": self.history_,
                "interrupted": self.interrupted_,
            },
        )

    def _restore(self, parameters, config):
        """Become the model that a file describes."""
        self._check_hyperparameters()
        if self.layers > len(parameters):  # before a list of them is built
            self._refuse("layers", f"at most the {len(parameters)} arrays beside it")
        kinds = {"vocabulary": str, "history": list, "interrupted": bool, "versions": dict}
        for name, kind in kinds.items():
            if not isinstance(config[name], kind):
                raise ConfigError(f"its {name} is no {kind.__name__}.")
            setattr(self, f"{name}_", config[name])
        if not all(_is_row(row) for row in self.history_):
            raise ConfigError("a row of its history is not what fit leaves.")
        self.network_ = self._build()
        self.parameters_ = parameters

    def _check_hyperparameters(self):
        if not isinstance(self.cell, str) or self.cell not in _LAYERS:
            self._refuse("cell", f"one of {', '.join(_LAYERS)}")
        self._check_whole("units", "layers", "embedding", "seq_length", "batch_size", "epochs")
        self._check_positive("learning_rate", "grad_clip")
        fraction = self.validation_fraction
        if not (is_number(fraction) and 0 <= fraction < 1):
            self._refuse("validation_fraction", "a number in [0, 1)")
        if not is_whole(self.seed) or self.seed < 0:
            self._refuse("seed", "a whole number >= 0")

    def _build(self):
        n_tokens = len(self.vocabulary_) + 1  # and the unknown one
        sizes = [self.embedding] + [self.units] * self.layers
        recurrent = [_LAYERS[self.cell](n_x, self.units) for n_x in sizes[:-1]]
        return Network([Embedding(n_tokens, sizes[0]), *recurrent, Dense(sizes[-1], n_tokens)])

    def encode(self, text):
        """Turn characters into tokens.

        Parameters
        ----------
        text : str

        Returns
        -------
        ndarray of int64, shape (len(text),)
            1 + the character's place in ``vocabulary_``, or 0 for a character not in it.
        """
        token = {c: k for k, c in enumerate(self.vocabulary_, start=1)}
        return np.array([token.get(c, _UNKNOWN) for c in text], dtype=np.int64)


def _is_row(row):
    return (
        isinstance(row, dict)
        and set(row) == set(_ROW)
        and all(is_number(v) or (v is None and name == "validation") for name, v in row.items())
    )


def _characters(n):
    return f"{n} character{'s' * (n != 1)}"


def _choose(z, temperature, top_k, rng):
    """Draw a token from logits; never the unknown one, which stands for no character."""
    if not np.isfinite(z).all():
        raise BpttError(f"LanguageModel.sample: {_TOO_LARGE}")
    z[_UNKNOWN] = -np.inf
    if temperature == 0:
        return int(np.argmax(z))
    if top_k is not None and top_k < len(z):
        z[z < np.sort(z)[len(z) - top_k]] = -np.inf
    with np.errstate(over="ignore"):  # a tiny temperature: -inf, as it should be
        p = softmax((z - z.max()) / temperature)[:, 0]
    return int(rng.choice(len(p), p=p))
