"""Options made of a model's hyper-parameters: a new field of a model is a new option by itself.

Name, type, default, choices and help text are those of its declaration: see
`bptt.models.hyperparameters`.
"""

import inspect
from dataclasses import fields
from typing import Annotated, get_type_hints

import typer

from ..errors import ConfigError
from ..models.hyperparameters import declared


def of_model(kind) -> list[inspect.Parameter]:
    """Return an option for each hyper-parameter of a kind of model."""
    hints = get_type_hints(kind)
    return [_option(f, hints[f.name]) for f in fields(kind)]


def _option(f, hint):
    kind, sentence, panel, _ = vars(declared(f)).values()
    text, default = sentence.replace("None:", "Without:"), f.default
    metavar = kind.metavar or "|".join(kind.choices) or None
    if hint is bool and default:
        text = f"Switch this off: {text[0].lower()}{text[1:]}"
    elif kind.type is str:
        default = None if default is None else kind.write(default)
        hint = str | None if default is None else str
        if not kind.choices:
            text = f"{text} Given as {kind.spelled}."
    return keyword(spelled(f), hint, default, help=text, metavar=metavar, rich_help_panel=panel)


def spelled(f):
    """Return the name of a field's option: ``no_lowercase`` of a switch that is on by default."""
    return f"no_{f.name}" if f.default is True else f.name


def keyword(name, hint, default, **option) -> inspect.Parameter:
    """Return an option of a command: a keyword argument of the function behind it."""
    if hint is bool:  # a flag that is there or not
        default = False
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[hint, typer.Option(flag(name), **option)],
    )


def values(where, kind, given):
    """Return the hyper-parameters among the given options, read as the model takes them.

    Raises
    ------
    ConfigError
        A list or a pair is not written as one.
    """
    result = {f.name: given[spelled(f)] for f in fields(kind)}
    result |= {f.name: not result[f.name] for f in fields(kind) if f.default is True}
    for f in fields(kind):
        text, own = result[f.name], declared(f).kind
        if own.type is not str or own.choices or text is None:
            continue
        try:
            result[f.name] = own.read(text)
        except ValueError:
            raise ConfigError(
                f"{where}: {flag(f.name)} is {text!r}; expected {own.spelled}."
            ) from None
    return result


def flag(name):
    """Return the option of a name: ``--batch-size``."""
    return f"--{name.replace('_', '-')}"


def explicit(context, names):
    """Return those of the options that the user wrote down, whatever their value."""
    sources = {name: context.get_parameter_source(name) for name in names}
    return {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}


def takes(*parameters):
    """Decorator: give a command that takes ``**given`` these parameters beside its own."""

    def decorate(function):
        own = [
            p
            for p in inspect.signature(function).parameters.values()
            if p.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        function.__signature__ = inspect.Signature([*own, *parameters])
        return function

    return decorate
