"""Hyper-parameters, declared once: kind, bounds or choices, unit, group and one sentence.

::

    units: int = option(128, Whole(1), "Hidden units of each recurrent layer.", group="Model")

From the declaration come the check (`check`), the Parameters section of the class's docstring
(``tools/docstrings.py`` writes it), and the options of the command line with their help, choices
and completion.
"""

from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal

from ..checks import suggestion
from ..errors import ConfigError
from .kinds import Kind

Group = Literal["Model", "Input", "Training"]


@dataclass(frozen=True)
class Option:
    """The declaration of one hyper-parameter."""

    kind: Kind
    sentence: str
    group: Group
    unit: str | None = None
    on_command_line: bool = True


def option(
    default: Any,
    kind: Kind,
    sentence: str,
    *,
    group: Group,
    unit: str | None = None,
    on_command_line: bool = True,
) -> Any:
    """Declare a hyper-parameter: a field of a model's dataclass.

    Parameters
    ----------
    default : object
    kind : Kind
        The values that it may have.
    sentence : str
        What it controls.
    group : {"Model", "Input", "Training"}
        Where the help lists it.
    unit : str, optional
        Of its value: "steps".
    on_command_line : bool
        Whether ``bptt train`` has an option for it.
    """
    own = Option(kind, sentence, group, unit, on_command_line)
    return field(default=default, metadata={"option": own})


def redefault(model: type, name: str, default: Any) -> Any:
    """Declare the hyper-parameter of another model again, with another default."""
    declared = next(f for f in fields(model) if f.name == name)
    return field(default=default, metadata=declared.metadata)


def declared(f: Field[Any]) -> Option:
    """Return the declaration of a dataclass field."""
    return f.metadata["option"]


def check(model: Any) -> None:
    """Check every hyper-parameter of a model by its kind, then the model's `rules`.

    Raises
    ------
    ConfigError
    """
    for f in fields(model):
        if expected := declared(f).kind.check(getattr(model, f.name)):
            raise refusal(model, f.name, expected)
    for name, expected in model.rules():
        raise refusal(model, name, expected)


def refusal(model: Any, name: str, expected: str) -> ConfigError:
    """Return the error that says which value of a hyper-parameter was expected."""
    given = getattr(model, name)
    kind = next(declared(f).kind for f in fields(model) if f.name == name)
    near = suggestion(given, kind.choices)
    return ConfigError(f"{name} is {given!r}; expected {expected}.{near}")
