"""`bptt sample`: text from a language model."""

import sys
from typing import Any

from ..errors import ConfigError, operation
from ..models import load
from . import options
from .console import note, shown
from .options import Model

_OPTIONS = options.panel(
    "Options",
    ("prompt", "Text to continue.", str, ""),
    ("length", "Largest number of tokens to generate.", int, 400),
    (
        "temperature",
        "Divides the logits: below 1, likely tokens become likelier; above 1, the text varies "
        "more; 0: always the likeliest token.",
        float,
        1.0,
    ),
    ("top_k", "Sample from the k likeliest tokens only.", int),
    (
        "top_p",
        "Sample from the likeliest tokens that together have at least this probability, above 0 "
        "and at most 1.",
        float,
    ),
    ("stop", "Stop before this text; it is not printed.", str),
    ("seed", "The same seed gives the same text. Default: another text every time.", int),
)


@operation
@options.takes(*_OPTIONS.values())
def sample(model: Model, **given: Any) -> None:
    """Continue a prompt, token by token, with a language model."""
    m = load(model)
    if not hasattr(m, "generate"):
        raise ConfigError(
            f"{model} holds a {type(m).__name__}; expected a LanguageModel (others have bptt "
            f"predict)."
        )
    pieces = m.generate(**given)
    if unknown := m.unknown_tokens(given["prompt"]):
        shortened = ", ".join(map(repr, unknown[:5])) + ", ..." * (len(unknown) > 5)
        note(
            f"the prompt holds {len(unknown)} {m.items if len(unknown) > 1 else m.items[:-1]} that "
            f"the model was not trained on, and reads as one unknown token: {shortened}."
        )
    sys.stdout.write(shown(given["prompt"]))
    try:
        for piece in pieces:
            sys.stdout.write(shown(piece))
            sys.stdout.flush()
    finally:
        sys.stdout.write("\n")
