"""Options made of a model's hyper-parameters: a new field of a model is a new option by itself.

Name, type and default are the field's; the help text and the choices are what the model's docstring
says of it.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer

from ..errors import ConfigError

_TRAINING = (
    "batch_size", "epochs", "optimizer", "learning_rate", "momentum", "weight_decay", "grad_clip",
    "schedule", "warmup", "patience", "validation_fraction", "seed",
)  # fmt: skip


class Spelling(NamedTuple):
    """How a value that is no number, name or switch is written on the command line."""

    metavar: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    expected: str


def _listed(text):
    return [part.strip() for part in text.split(",")]


def _numbers(text):
    return tuple(float(part) for part in _listed(text))


def _columns(text):
    return "all" if text == "all" else [int(part) for part in _listed(text)]


def _weights(text):
    if text == "balanced":
        return text
    pairs = [part.rpartition("=") for part in _listed(text)]
    return {name: float(weight) for name, _, weight in pairs}


def _written(value):
    return value if isinstance(value, str) else ",".join(f"{v:g}" for v in value)


SPELLINGS = {
    "levels": Spelling(
        "NUMBER,...", _numbers, _written, "numbers separated by commas, such as 0.1,0.5,0.9"
    ),
    "categories": Spelling(
        "COLUMN,...", _columns, _written, "all, or numbers of columns such as 0,3"
    ),
    "class_weight": Spelling(
        "WEIGHTS", _weights, _written, "balanced, or pairs such as yes=2,no=1"
    ),
}


def of_model(kind) -> list[inspect.Parameter]:
    """Return an option for each hyper-parameter of a kind of model."""
    described, hints = _described(kind), get_type_hints(kind)
    return [_option(f, hints[f.name], *described.get(f.name, ("", ""))) for f in fields(kind)]


def _described(kind):
    """Return type and text of every parameter that the docstring of a model describes."""
    section = (inspect.getdoc(kind) or "").partition("Parameters\n----------\n")[2]
    found = re.findall(
        r"^(\w+) : (.*)((?:\n    .*)*)", section.partition("\n\n")[0], flags=re.MULTILINE
    )
    return {name: (slot, " ".join(text.split())) for name, slot, text in found}


def _option(f, hint, slot, text):
    default, metavar = f.default, None
    text = text.replace("None:", "Without:")
    if hint is bool and default:
        text = f"Switch this off: {text[0].lower()}{text[1:]}"
    elif f.name in SPELLINGS:
        metavar, _, write, expected = SPELLINGS[f.name]
        hint, default = str | None, None if default is None else write(default)
        text = f"{text} Given as {expected}."
    elif hint not in (bool, int, float, int | None, float | None):
        hint = str | None if default is None else str
        metavar = "|".join(re.findall(r'"(\w+)"', slot)) or None
    panel = "Training" if f.name in _TRAINING else "Model"
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
    for name in SPELLINGS.keys() & result.keys():
        text = result[name]
        if text is None:
            continue
        try:
            result[name] = SPELLINGS[name].read(text)
        except ValueError:
            raise ConfigError(
                f"{where}: {flag(name)} is {text!r}; expected {SPELLINGS[name].expected}."
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
