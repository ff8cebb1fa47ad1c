"""Options of commands: from the hyper-parameters of a model, and those that commands share.

A new hyper-parameter of a model is a new option by itself: name, type, default, choices and help
text are those of its declaration (`bptt.models.hyperparameters`).
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import fields
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup

from ..errors import ConfigError
from ..models import hyperparameters
from ..models.hyperparameters import declared

Model = Annotated[Path, typer.Argument(metavar="MODEL", help="Model file written by `bptt train`.")]
_QUOTE = "'"
_TEXT = "'[^']*'"
_KEYWORD = re.compile(rf"(?<![\w.])(\w+)=({_TEXT}(?:, {_TEXT})*(?: or {_TEXT})?|[\w-]+(?:\.\w+)?)")
_METAVARS = {int: "INT", float: "FLOAT", str: "TEXT", Path: "FILE", bool: ""}


class _Shown:
    """A command whose help shows no type beside a flag and a FILE."""

    def get_params(self, ctx):
        params = super().get_params(ctx)  # type: ignore[misc]
        for p in params:
            if getattr(p, "is_flag", False):
                p.metavar = ""
            elif p.param_type_name == "argument":
                p.display_type_rich = lambda ctx: None
        return params


class Command(_Shown, TyperCommand):
    """A command."""


class Group(_Shown, TyperGroup):
    """A command that has commands."""


def parameter(
    name: str,
    text: str,
    hint: Any = str,
    default: Any = None,
    metavar: str | None = None,
    choices: tuple[str, ...] = (),
    *,
    panel: str,
) -> Parameter:
    """Return an option of a command: a keyword argument of the function behind it.

    Parameters
    ----------
    name : str
        Of the argument: "batch_size" is the option ``--batch-size``.
    text : str
        For the help: one sentence or more.
    hint : type
        bool: a flag.
    default : of that type, optional
    metavar : str, optional
        How the help writes the value.
    choices : tuple of str
        Names that the value may be, for help and completion.
    panel : str
        Heading in the help.
    """
    metavar = metavar or _METAVARS[hint]
    if choices:
        text, metavar = f"{text} One of {', '.join(choices)}.", "NAME"
    if hint is bool:
        default = False
    elif default is None:
        hint = hint | None
    else:
        text += f" [default: {default}]" if default != "" else ""
    option = typer.Option(
        flag(name),
        help=text,
        metavar=metavar,
        autocompletion=(lambda: list(choices)) if choices else None,
        show_default=False,
        rich_help_panel=panel,
    )
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[hint, option]
    )


def panel(heading: str, *rows: tuple[Any, ...]) -> dict[str, Parameter]:
    """Return the options under a heading of the help, by name: the arguments of `parameter`."""
    return {row[0]: parameter(*row, panel=heading) for row in rows}


def switch(name: str, text: str, *, panel: str, negative: bool = False) -> dict[str, Parameter]:
    """Return a flag by its name: None if it is not given.

    Parameters
    ----------
    name, text, panel
        As for `parameter`.
    negative : bool
        Whether there is ``--no-name`` too, which gives False.
    """
    flags = f"{flag(name)}/{flag(f'no_{name}')}" if negative else flag(name)
    option = typer.Option(flags, help=text, show_default=False, rich_help_panel=panel)
    hint = Annotated[bool | None, option]
    return {name: Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=hint)}


def of_model(model: type) -> list[Parameter]:
    """Return an option for each hyper-parameter of a class of models."""
    groups = get_args(hyperparameters.Group)
    options = sorted(of_fields(model), key=lambda f: groups.index(declared(f).group))
    names = {f.name: flag(spelled(f)) for f in options} | {"distributed": "--distributed"}
    return [_of_field(f, names) for f in options]


def of_fields(model: type) -> list[Any]:
    """Return the fields of a class of models that have an option."""
    return [f for f in fields(model) if declared(f).on_command_line]


def _of_field(f, names):
    """Return the option of a field; in its text, other fields have the names of their options."""
    kind, text, panel, unit, _ = vars(declared(f)).values()
    text = re.sub(r"`(\w+)`", lambda found: f"`{names.get(found[1], found[1])}`", text)
    text = re.sub(r'"(<\w+>)"', r"`\1`", text)  # in Markdown a tag would not be shown
    if kind.type is bool:
        text = f"Turn off: {text[0].lower()}{text[1:]}" if f.default else text
        return parameter(spelled(f), text, bool, panel=panel)
    text = text.replace("None:", "Default:") + (f" Write {kind.spelled}." if kind.spelled else "")
    return parameter(
        spelled(f),
        text,
        default=None if f.default is None else kind.write(f.default),
        metavar=kind.metavar or (unit and unit.upper()) or _METAVARS[kind.type],
        choices=kind.choices,
        panel=panel,
    )


def spelled(f: Any) -> str:
    """Return the name of a field's option: ``no_lowercase`` for a flag that is on by default."""
    return f"no_{f.name}" if f.default is True else f.name


def values(model: type, given: dict[str, Any]) -> dict[str, Any]:
    """Return the hyper-parameters among the given options, as the model takes them.

    Raises
    ------
    ConfigError
        A value is not written as its kind is: no number, no list of numbers.
    """
    result = {}
    for f in of_fields(model):
        value, kind = given[spelled(f)], declared(f).kind
        if kind.type is bool:
            value = value != f.default  # a flag that is given changes the default
        elif value is not None:
            try:
                value = kind.read(value)
            except ValueError:
                expected = kind.spelled or kind.expected
                raise ConfigError(f"{flag(f.name)} is {value!r}; expected {expected}.") from None
        result[f.name] = value
    return result


def flag(name: str) -> str:
    """Return the option of a name: ``--batch-size``."""
    return f"--{name.replace('_', '-')}"


def in_options(sentence: str, command: Any, arguments: list[str]) -> str:
    """Return a sentence with options where Python has keyword arguments.

    "missing='interpolate' or 'forward'" is "--missing interpolate or forward", if the command that
    the arguments name has such an option.
    """
    for argument in arguments:
        command = getattr(command, "commands", {}).get(argument, command)
    options = {p.name: p.opts[0] for p in command.params if p.opts[0].startswith("--")}

    def written(found: re.Match[str]) -> str:
        name, value = found.groups()
        if value == "False" and f"no_{name}" in options:
            return options[f"no_{name}"]
        if name not in options or value in ("False", "None"):
            return found[0]
        return options[name] if value == "True" else f"{options[name]} {value.replace(_QUOTE, '')}"

    return _KEYWORD.sub(written, sentence)


def explicit(context: typer.Context, name: str) -> bool:
    """Return whether the user wrote the option down, whatever its value."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def takes(*parameters: Parameter) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: give a command that takes ``**given`` these parameters beside its own."""

    def decorate(function):
        own = inspect.signature(function).parameters.values()
        own = [p for p in own if p.kind is not Parameter.VAR_KEYWORD]
        function.__signature__ = inspect.Signature([*own, *parameters])
        return function

    return decorate
