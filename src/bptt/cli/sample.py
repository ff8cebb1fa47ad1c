"""`bptt sample`: text from a language model."""

import sys
from typing import Annotated

import typer

from ..errors import ConfigError, operation
from ..models import load
from .console import shown
from .options import Model


@operation
def sample(
    model: Model,
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="Text to continue.")] = "",
    length: Annotated[
        int,
        typer.Option(metavar="INT", help="Largest number of tokens (characters or words)."),
    ] = 400,
    temperature: Annotated[
        float,
        typer.Option(
            help="Divides the logits: below 1 likely tokens become likelier, above 1 the text "
            "becomes more varied, 0 always takes the likeliest token."
        ),
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option(help="Sample from the k likeliest tokens only.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            help="Sample from the likeliest tokens that together have at least this probability, "
            "above 0 and at most 1."
        ),
    ] = None,
    stop: Annotated[
        str | None, typer.Option(help="Stop before this text; it is not printed.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="The same seed gives the same text. Without: another text every time."),
    ] = None,
):
    """Continue a prompt, token by token, with a language model."""
    m = load(model)
    if not hasattr(m, "generate"):
        raise ConfigError(
            f"{model} holds a {type(m).__name__}; expected a LanguageModel (others have bptt "
            f"predict)."
        )
    pieces = m.generate(prompt, length, temperature, top_k, top_p, stop, seed)
    sys.stdout.write(shown(prompt))
    try:
        for piece in pieces:
            sys.stdout.write(shown(piece))
            sys.stdout.flush()
    finally:
        sys.stdout.write("\n")
