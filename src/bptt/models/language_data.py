"""Training data of a language model: texts, documents and token files, split and encoded."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import ConfigError, DataError
from ..readers import Data
from ..training import Documents, TextStreams
from ..training.token_slices import TokenSlices
from .files import digest
from .numbering import Numbered
from .subwords import Subwords
from .text_encoder import TextEncoder
from .token_files import TokenFile
from .tokenizers import TOKENIZERS

Texts = str | Sequence[Any] | TokenFile | Data  # what a language model reads


class Prepared(NamedTuple):
    """What `fit` trains on."""

    encoder: TextEncoder
    source: TextStreams | Documents
    validation: TextStreams | Documents | None
    digest: str


def prepare(
    model: Any,
    X: Any,
    validation: Any,
    rng: np.random.Generator,
    fitted: TextEncoder | None = None,
) -> Prepared:
    """Split and encode the training data of a language model; change nothing in the model.

    Parameters
    ----------
    model : LanguageModel
    X, validation
        See `LanguageModel.fit`.
    rng : numpy.random.Generator
        Draws the documents that are held out.
    fitted : TextEncoder, optional
        Encoder of the model whose training goes on.

    Raises
    ------
    ConfigError, DataError
    """
    X, validation = content(X), content(validation)
    kind = tokenizer_of(model, X)
    training, held_out = (X, None) if validation is not None else parts(model, X, kind, rng)
    one_text = is_text(X, kind)
    if fitted is not None and fitted.documents == one_text:
        known = "documents" if fitted.documents else "one text"
        given = "one text" if one_text else "documents"
        raise ConfigError(
            f"X is {given}; expected {known}, as the fitted model was trained on, because "
            f"warm_start is True."
        )
    if fitted is not None:
        if one_text and not isinstance(X, TokenFile):
            _check_length(model, kind, training, held_out)
        encoder, texts = fitted, encoded(fitted, training)
        data = (
            digest([], training.identity)
            if isinstance(training, TokenFile)
            else digest(texts, encoder.content(), np.dtype(np.int64))
        )
    elif isinstance(X, TokenFile):
        encoder, texts = X.encoder, training.texts
        data = digest([], training.identity)
    else:
        if one_text:
            _check_length(model, kind, training, held_out)
        limits = (model.max_vocabulary, model.min_count)
        encoder, texts = TextEncoder.fit(
            kind, [training] if one_text else training, not one_text, *limits
        )
        data = digest(texts, encoder.content(), np.dtype(np.int64))
    source = _source(model, encoder, texts, held_out)
    if not len(encoder.vocabulary):
        raise ConfigError(
            f"no token is left in the vocabulary; expected at least one (min_count is "
            f"{model.min_count})."
        )
    if validation is not None:
        held_out = encoded(encoder, validation)
    elif isinstance(held_out, TokenFile):
        held_out = held_out.with_last_before().encoded_by(encoder) if len(held_out) else None
    elif held_out:
        held_out = encoder.encode_texts([held_out] if one_text else held_out)
        if one_text:  # the last training token is the input that predicts the first held-out one
            ids = np.concatenate([texts.tokens[-1:], held_out.tokens])
            held_out = TokenSlices(ids, held_out.starts, held_out.stops + 1)
    return Prepared(encoder, source, _validation(model, encoder, held_out), data)


def content(X: Any) -> Any:
    """Return the texts of a `Data`, an array or a pandas Series of documents."""
    X = X.X if isinstance(X, Data) else X
    return X.tolist() if hasattr(X, "tolist") and getattr(X, "ndim", 0) == 1 else X


def is_text(X: Any, kind: Any) -> bool:
    """Return whether X is one text, not documents.

    With the tokenizer "tokens" a text is a list of str, with others a str.
    """
    if isinstance(X, TokenFile):
        return not X.encoder.documents
    if kind == "tokens":
        return isinstance(X, (list, tuple)) and bool(X) and isinstance(X[0], str)
    return isinstance(X, str)


def tokenizer_of(model: Any, X: Any = None) -> str | Subwords:
    """Return the tokenizer that the hyper-parameter describes: a name in `TOKENIZERS`, or subwords.

    That of a token file is the file's own; another one than the default is refused.

    Raises
    ------
    ConfigError, DataError
    """
    given = model.tokenizer
    if isinstance(X, TokenFile):
        own = X.encoder.tokenizer
        right = {"tokenizer": ("characters", own), "max_vocabulary": (None,), "min_count": (1,)}
        if own == "subwords":  # the file that the tokens were made with may have any name
            del right["tokenizer"]
        for name, values in right.items():
            if getattr(model, name) not in values:
                raise ConfigError(
                    f"{name} is {getattr(model, name)!r}; expected it left out, because {X.path} "
                    f"was made with its own (tokenizer {own!r})."
                )
        return X.encoder.subwords or X.encoder.tokenizer
    if isinstance(given, str) and given in TOKENIZERS:
        return given
    fitted = getattr(model, "encoder_", None)
    kept = fitted.subwords if fitted else None
    if given == "subwords":
        if kept is None:
            raise ConfigError(
                "tokenizer is 'subwords', as a model has it that was fitted with an object; "
                "expected the path of a JSON file of the package tokenizers."
            )
        return kept
    for name, default in (("max_vocabulary", None), ("min_count", 1)):
        if getattr(model, name) != default:
            raise ConfigError(
                f"{name} is {getattr(model, name)}; expected {default}, because the vocabulary of "
                f"a subword tokenizer is fixed."
            )
    try:
        return Subwords.of(given)
    except DataError:
        if kept is not None:  # a loaded model: its file holds the tokenizer
            return kept
        raise


def parts(model: Any, X: Any, kind: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """Return the training part and the held-out part: see `LanguageModel.split`."""
    if isinstance(X, TokenFile):
        return X.split(model.validation_fraction, rng)
    if is_text(X, kind):
        n = int((1 - model.validation_fraction) * len(X))
        return X[:n], X[n:]
    if not isinstance(X, (list, tuple)):
        given = type(X).__name__
        raise ConfigError(f"the text is a {given}; expected a str, or a list of documents.")
    if kind == "tokens" and any(isinstance(text, str) for text in X):
        raise ConfigError(
            "a document is a str; expected a list of tokens, because tokenizer is 'tokens'."
        )
    n = int(model.validation_fraction * len(X))
    order = rng.permutation(len(X)) if n else np.arange(len(X))
    return [X[i] for i in np.sort(order[n:])], [X[i] for i in np.sort(order[:n])]


def check_enough(model: Any, kind: Any, training: Any, held_out: Any) -> None:
    """Raise ConfigError where texts hold too few tokens; only as many as needed are read."""
    if isinstance(training, TokenFile):
        return
    if is_text(training, kind):
        _check_length(model, kind, training, held_out)
    elif not any(n for n in _lengths(kind, training)):
        raise ConfigError("no document holds a token; expected at least one.")


def encoded(encoder: TextEncoder, X: Any) -> TokenSlices:
    """Return the ids of data that an encoder reads: a text, documents or a token file."""
    if isinstance(X, TokenFile):
        return X.encoded_by(encoder)
    one = is_text(X, encoder.tokenizer)
    texts = [X] if one else X
    if not isinstance(texts, (list, tuple)) or not texts:
        raise ConfigError(f"the text is {X!r:.40}; expected a str, or a list of documents.")
    return encoder.encode_texts(texts)


def _lengths(kind: Any, texts: Any) -> Iterator[int]:
    """Yield the number of tokens of each part of some texts."""
    rule = TOKENIZERS[kind] if isinstance(kind, str) else kind
    return (len(ids) for ids, _ in Numbered(rule, texts, _only_count))


def _only_count(tokens):
    return np.zeros(len(tokens), np.uint8)


def _needed(model):
    return model.batch_size * model.seq_length + 1


def _check_length(model, kind, training, held_out):
    count, needed = 0, _needed(model)
    for n in _lengths(kind, [training]):
        if (count := count + n) >= needed:
            return
    raise _too_short(model, kind, count, held_out)


def _too_short(model, kind, count, held_out):
    items = getattr(TOKENIZERS.get(kind) if isinstance(kind, str) else kind, "items", "tokens")
    what = "tokens" if isinstance(held_out, (TokenFile, list, tuple)) else "characters"
    out = f" beside the {len(held_out):,} {what} held out" if held_out else ""
    return ConfigError(
        f"the text has {many(count, items)} to train on{out}; expected at least "
        f"{_needed(model):,}, because a batch takes {model.batch_size} x {model.seq_length} of "
        f"them (batch_size x seq_length) and their successors."
    )


def many(n: int, items: str) -> str:
    """Return a number of items in words: "1 character"."""
    return f"{n:,} {items if n != 1 else items[:-1]}"


def _source(model, encoder, texts, held_out):
    """Return the training texts as a source of batches; raise where nothing could be trained on."""
    shape = model.batch_size, model.seq_length, model.burn_in
    if not encoder.documents:
        if len(texts.tokens) < _needed(model):
            raise _too_short(model, encoder.tokenizer, len(texts.tokens), held_out)
        source = TextStreams(texts.tokens, *shape)
        longest, what = source.steps, "each of the streams"
    else:
        longest, what = int(texts.lengths.max(initial=0)) - 1, "the longest document"
        if longest < 2:
            raise ConfigError("no document holds a token; expected at least one.")
        source = Documents(texts, *shape)
    if model.burn_in >= longest:
        raise ConfigError(
            f"burn_in is {model.burn_in:,}; expected less than {longest:,}, the steps of {what}: "
            f"nothing would be left to train on."
        )
    return source


def _validation(model, encoder, held_out):
    if held_out is None or not len(held_out):
        return None
    if encoder.documents:
        return Documents(held_out, model.batch_size, model.seq_length)
    # In parallel streams, as in training: many times faster than one stream.
    ids = held_out.tokens
    rows = max(1, min(model.batch_size, (len(ids) - 1) // model.seq_length))
    return TextStreams(ids, rows, model.seq_length) if len(ids) > 1 else None
