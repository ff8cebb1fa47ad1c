"""What every command of `bptt train` does: read, train, keep, save, score."""

import contextlib
import shlex
from dataclasses import fields

import typer

from ..errors import BpttError, ConfigError, DataError
from ..models import LanguageModel, load
from ..models.hyperparameters import check
from ..training import Checkpoints
from . import data, options
from .console import Console, check_destination, fail
from .use import measured


class _Began:
    """Remembers whether the training has made a step."""

    def __init__(self):
        self.yes = False

    def __call__(self, progress):
        self.yes = True
        return False


def fit(context, name, files, given):
    """Train a model as the command line says, save it, score it.

    Parameters
    ----------
    context : typer.Context
        Its ``obj`` is the list of arguments that `bptt` was given.
    name : str
        Of the task.
    files : list of Path
    given : dict
        Every option.

    Raises
    ------
    BpttError
        Data or options that make no sense; a training that fails.
    typer.Exit
        With 130 after Ctrl-C.
    """
    task, where, out = data.TASKS[name], f"train {name}", given["out"]
    model = _model(context, where, task, given)
    check(model)
    places = Checkpoints(out, given["checkpoint_minutes"], given["keep"])
    learned = data.read(where, task, files, given)
    validation, test = (
        given[part] and data.read(where, task, [given[part]], given)
        for part in ("validation", "test")
    )
    opening = _opening(model, files, learned, given["validation"], validation)
    check_destination("train", out)
    loud, console = Console(), Console(quiet=given["quiet"])
    console.say(opening)
    began = _Began()
    try:
        model.fit(
            learned.X,
            learned.y,
            validation=_pair(validation),
            progress="silent" if given["quiet"] else console,
            checkpoint=places,
            resume=given["resume"],
            on_step=began,
        )
    except KeyboardInterrupt:  # the second one: the first only ends the training
        saved = f"the last checkpoint is {places.last}" if places.last else "nothing was saved"
        fail(f"interrupted; {saved}.", 130)
    except BpttError:
        if began.yes:  # the last good parameters are kept
            with contextlib.suppress(BpttError):  # what went wrong first is what matters
                model.save(out)
                loud.say(f"Saved the parameters of the last good step to {out}.")
        raise
    model.save(out)
    if model.interrupted_:
        loud.say(f"Interrupted at step {model.history_[-1]['step']:,}. Saved the model to {out}.")
        again = _again(context.obj, places.last)
        loud.say(f"Go on with: {again}", soft_wrap=True)  # to be copied: no line breaks
        raise typer.Exit(130)
    if given["resume"] and not began.yes:
        done = model.history_[-1]["epoch"]
        console.say(f"No step was left: {given['resume']} had ended after epoch {done}.")
    count = sum(p.size for p in model.parameters_.values())
    console.say(f"Saved the model to {out}: {count:,} parameters.")
    if test:
        console.say(f"{given['test']}: {measured(model, test)}")


def _model(context, where, task, given):
    """Return a new model, or the one whose training goes on."""
    hyperparameters = options.values(where, task.kind, given)
    if (path := given["resume"]) is None:
        return task.kind(**hyperparameters)
    model = load(path)
    if type(model) is not task.kind:
        raise DataError(
            f"{where}: {path} holds a {type(model).__name__}; expected a {task.kind.__name__}."
        )
    for f in fields(task.kind):
        if f.name == "epochs" or not options.explicit(context, [options.spelled(f)]):
            continue
        value, own = hyperparameters[f.name], getattr(model, f.name)
        if value != own:
            option = options.flag(options.spelled(f))
            raise ConfigError(
                f"{where}: {option} asks for {f.name} = {value!r}; expected {own!r}, as {path} "
                f"has, or the option left out."
            )
    if options.explicit(context, ["epochs"]):
        model.set_params(epochs=given["epochs"])
    return model


def _opening(model, files, learned, validation_file, validation):
    """Say what the training reads."""
    source = ", ".join(map(str, files)) if files else "Python's language reference"
    held_out = ""
    if validation is not None:
        held_out = f"; {data.extent(model, validation)} of {validation_file} to validate"
    elif isinstance(model, LanguageModel):
        training, rest = model.split(learned.X)
        held_out = f"; {len(rest):,} held out"
        learned = learned._replace(X=training)
    return f"Training on {data.extent(model, learned)} of {source}{held_out}."


def _pair(validation):
    """Return validation data as `fit` takes them."""
    if validation is None or validation.y is None:
        return validation and validation.X
    return validation.X, validation.y


def _again(arguments, checkpoint):
    """Write the command that goes on: the one that was given, with another checkpoint."""
    words = list(arguments)
    while "--resume" in words:
        at = words.index("--resume")
        del words[at : at + 2]
    words = [w for w in words if not w.startswith("--resume=")]
    return shlex.join(["bptt", *words, "--resume", str(checkpoint)])
