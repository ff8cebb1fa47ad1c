"""`bptt train`: a command for each kind of model, with an option for each hyper-parameter."""

import contextlib
import inspect
import shlex
import signal
from pathlib import Path
from typing import Annotated

import typer

from ..checks import is_whole, suggestion
from ..distributed import MPI, Alone
from ..distributed.supervisor import in_job, supervise
from ..errors import BpttError, CheckpointError, ConfigError, DataError, operation
from ..models import load
from ..models.files import KINDS, is_of_run
from ..models.hyperparameters import check
from ..models.runs import newest
from ..readers.describe import described
from ..training import Checkpoints
from ..training.array_files import read_config
from ..training.interrupts import Interrupts, Terminations
from . import data_files, data_options, options
from .console import Console, check_destination, fail
from .options import Command, Group, flag, panel
from .score import scored

HELP = """Train a model and save it to one file.

`bptt train FILE` is short for `bptt train text FILE` (write `./text` for a file of that name). The
help of each command lists its options: `bptt train text --help`.

Ctrl-C (or SIGTERM, SIGHUP) ends the training after the current step, saves the model and a
checkpoint, and prints the command that resumes; a second Ctrl-C exits at once.
"""
DEFAULT = "text"


class _Kinds(Group):
    """The commands for the kinds of models; without the name of one, the default is meant."""

    @operation("train")
    def parse_args(self, ctx, args):
        named = args and args[0] in (*self.commands, *ctx.help_option_names)
        if not (named or (ctx.resilient_parsing and not args)):  # completing the name itself
            near = suggestion(args[0], self.commands) if args and "." not in args[0] else ""
            if near and not Path(args[0]).exists():
                raise ConfigError(f"{args[0]!r} is neither a command nor a file.{near}")
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


def group() -> typer.Typer:
    """Return the group of commands, one for each registered model that names its command."""
    app = typer.Typer(cls=_Kinds, help=HELP, rich_markup_mode="markdown")
    kinds = [kind for kind in KINDS.values() if hasattr(kind, "command")]
    for kind in sorted(kinds, key=lambda kind: kind.command != DEFAULT):
        summary, *_ = (inspect.getdoc(kind) or "").split("\n")
        files = data_files.CONTENTS[kind.reads]
        example = f"`bptt train {kind.command} {kind.example or 'FILE'}`"
        text = f"{summary}\n\n{files.files}\n\n{example}"
        app.command(kind.command, cls=Command, help=text)(_command(kind, files.options))
    return app


def _command(kind, names):
    """Return the command that trains a kind of model."""
    data = [data_options.OPTIONS[name] for name in names]

    @options.takes(*data, *_DATA.values(), *options.of_model(kind), *_RUN.values())
    def command(
        context: typer.Context,
        files: Annotated[
            list[Path] | None,
            typer.Argument(
                metavar="FILE",
                help="Training data, read one file after another.",
                show_default=False,
            ),
        ] = None,
        **given,
    ):
        with operation(f"train {kind.command}"):
            train(context, kind, files or [], given)

    return command


_DATA = panel(
    "Data",
    (
        "validation",
        "File to score after each epoch. Default: the part of the data that is held out "
        "(--validation-fraction).",
        Path,
    ),
    ("test", "File to score after the training.", Path),
)
_RUN = panel(
    "Files and output",
    (
        "out",
        "File to write the model to. An existing file is replaced only with --force, or where it "
        "is the model of the run that --resume names.",
        Path,
        Path("model.safetensors"),
    ),
    ("force", "Replace the file that --out names.", bool),
    (
        "checkpoint_minutes",
        "Minutes between checkpoints. They are saved beside the model, with the number of steps in "
        "their names (model-00001200.safetensors). 0: save one after every step. They are removed "
        "once the model is saved, unless --keep is given; a training that is interrupted keeps "
        "them.",
        float,
        5.0,
    ),
    (
        "keep",
        "Number of checkpoints to keep: the last ones. If given, they also stay after the "
        "training, which can then be resumed with more epochs.",
        int,
        2,
    ),
    (
        "resume",
        "Checkpoint to resume from; the result is bit-identical to that of an uninterrupted run. "
        "Give the same data. The hyper-parameters come from the checkpoint; only --epochs may be "
        "changed. auto: the last one beside --out; a new training where there is none.",
        str,
    ),
    (
        "distributed",
        '"mpi": divide each batch among the ranks of an MPI job: mpiexec -n 4 bptt train ... '
        "--distributed mpi. With --micro-batches above 1 the result does not depend on the number "
        "of ranks. If a rank stops answering, the job ends with exit status 75; the same command "
        "with --resume auto continues it.",
        str,
    ),
    (
        "timeout",
        "With --distributed: seconds after which a rank that does not answer counts as lost.",
        float,
        600.0,
    ),
    ("quiet", "Print only errors, and what Ctrl-C has saved.", bool),
)


def train(context, kind, files, given):
    """Train a model, save it, score it.

    Parameters
    ----------
    context : typer.Context
        Its ``obj`` is the list of arguments of `bptt`.
    kind : class of a model
    files : list of Path
    given : dict
        The value of every option.

    Raises
    ------
    BpttError
        Data or options that make no sense; a training that fails.
    typer.Exit
        With 130 after Ctrl-C: 128 + the number of the signal.
    """
    communicator = _connected(context, given)
    try:
        _train(context, kind, files, given, communicator)
    except BpttError as error:  # of this rank, or the same on all: the others must not wait
        if communicator.size > 1:
            communicator.abort(1, str(error))
        raise


def _connected(context, given):
    """Return the communicator of --distributed; all ranks but 0 are quiet.

    A rank of a job runs the command once more, in a process that this one supervises.
    """
    if given["distributed"] not in (None, "mpi"):
        raise ConfigError(f"--distributed is {given['distributed']!r}; expected 'mpi'.")
    if given["distributed"] is None:
        return Alone()
    if in_job():
        raise typer.Exit(supervise(["-m", "bptt.cli", *context.obj]))
    communicator = MPI(timeout=given["timeout"])
    given["quiet"] = given["quiet"] or communicator.rank > 0
    return communicator


def _train(context, kind, files, given, communicator):
    out = given["out"]
    if given["resume"] == "auto":
        given["resume"] = newest(Checkpoints(out))
    elif given["resume"] is not None:
        given["resume"] = Path(given["resume"])
    model = _model(context, kind, given)
    check(model)
    _check_out(given, files, model)
    kept = options.explicit(context, "keep") or _had_ended(given["resume"])
    places = Checkpoints(out, given["checkpoint_minutes"], given["keep"], finished=kept)
    static = tuple(getattr(model, "static", ()))
    learned = data_files.read(kind, files, given, static=static)
    validation, test = (
        given[part]
        and data_files.read(kind, [given[part]], given, columns=learned.columns, static=static)
        for part in ("validation", "test")
    )
    opening = _opening(model, files, learned, given["validation"], validation)
    for part, data in (("validation", validation), ("test", test)):
        if data is not None:
            opening += [f"{given[part]}: {note}" for note in data.notes]
    loud, console = Console(), Console(quiet=given["quiet"])
    for line in opening:
        console.say(line)
    steps = 0

    def count_step(progress):
        nonlocal steps
        steps = progress.step

    with Terminations() as signals:
        try:
            model.fit(
                learned,
                validation=validation,
                progress="silent" if given["quiet"] else console,
                checkpoint=places,
                resume=given["resume"],
                on_step=count_step,
                distributed=communicator,
            )
        except KeyboardInterrupt as error:  # the second one: the first only ends the training
            saved = f"the last checkpoint is {places.last}" if places.last else "nothing was saved"
            fail(f"interrupted; {saved}.", 128 + getattr(error, "signum", signal.SIGINT))
        except BpttError:
            if steps and not communicator.rank:  # the last good parameters are kept
                with contextlib.suppress(BpttError):  # the first error is the one to show
                    model.save(out)
                    loud.say(f"Saved the parameters of the last good step to {out}.")
            raise
        if communicator.rank:
            if model.interrupted_:
                raise typer.Exit(128 + (signals.requested or signal.SIGINT))
            return
        with Interrupts():  # a signal waits until the model is saved
            _save(model, out, places)
    if model.interrupted_:
        loud.say(f"Interrupted at step {model.history_[-1]['step']:,}. Saved the model to {out}.")
        again = _again(context.obj, places.last, communicator.size)
        loud.say(f"Resume with: {again}", soft_wrap=True)  # to be copied: no line breaks
        raise typer.Exit(128 + (signals.requested or signal.SIGINT))
    if given["resume"] and not steps:
        done = model.history_[-1]["epoch"]
        console.say(f"Nothing left to train: {given['resume']} had ended after epoch {done}.")
    count = sum(p.size for p in model.parameters_.values())
    last = f" The last checkpoint is {places.last}." if places.last else ""
    console.say(f"Saved the model to {out}: {count:,} parameters.{last}")
    if signals.requested:  # in the last step, or while the model was saved
        raise typer.Exit(128 + signals.requested)
    if test:
        first, *rest = scored(model, test)
        console.report([f"{given['test']}: {first}", *rest])


def _check_out(given, files, model):
    """Raise an error if the model must not be written to --out: before the data are read."""
    out, resumed = given["out"], given["resume"]
    data = [*files, *filter(None, (given["validation"], given["test"]))]
    vocabularies = [path.with_suffix(".vocabulary.safetensors") for path in data if path.suffix]
    check_destination(out, *data, *vocabularies, resumed, model=True)
    if given["force"] or not out.exists() or not out.stat().st_size:
        return
    if resumed and is_of_run(out, model):
        return
    raise ConfigError(
        f"--out {out} exists; expected the name of a new file, or --force to replace it."
    )


def _had_ended(path):
    """Return whether a checkpoint is that of a training that was complete; None has none."""
    config = read_config(path) if path else {}
    training, given = config.get("training"), config.get("hyperparameters")
    if not isinstance(training, dict) or not isinstance(given, dict):
        return False
    done, asked = training.get("epoch"), given.get("epochs")
    return training.get("stopped") is True or (is_whole(done) and is_whole(asked) and done > asked)


def _save(model, out, places):
    """Save the model, then remove the checkpoints of a training that has finished."""
    try:
        model.save(out)
    except CheckpointError as error:
        last = f" The last checkpoint is {places.last}." if places.last else ""
        raise CheckpointError(f"{error}{last}") from error
    if not (model.interrupted_ or places.finished):
        places.remove()


def _model(context, kind, given):
    """Return a new model, or the one whose training is resumed."""
    hyperparameters = options.values(kind, given)
    if (path := given["resume"]) is None:
        return kind(**hyperparameters)
    model = load(path)
    if type(model) is not kind:
        raise DataError(f"{path} holds a {type(model).__name__}; expected a {kind.__name__}.")
    for f in options.of_fields(kind):
        if not options.explicit(context, options.spelled(f)):
            continue
        value, own = hyperparameters[f.name], getattr(model, f.name)
        if f.name == "epochs":
            model.epochs = value
        elif value != own:
            raise ConfigError(
                f"{flag(options.spelled(f))} sets {f.name} to {value!r}; expected {own!r}, as "
                f"{path} has, or the option left out."
            )
    return model


def _opening(model, files, learned, validation_file, validation):
    """Return the first lines: what the training reads."""
    source = ", ".join(map(str, files)) if files else "Python's language reference"
    if validation is None:
        first = f"Training on {model.opening(learned, source=source)}."
    else:
        first = (
            f"Training on {model.extent(learned)} of {source}; "
            f"{model.extent(validation)} of {validation_file} for validation."
        )
    return [first, *described(learned), *learned.notes]


def _again(arguments, checkpoint, ranks):
    """Return the command that resumes: the one that was given, with another checkpoint."""
    job = ["mpiexec", "-n", str(ranks)] if ranks > 1 else []
    words = list(arguments)
    while "--resume" in words:
        at = words.index("--resume")
        del words[at : at + 2]
    words = [w for w in words if not w.startswith("--resume=")]
    return shlex.join([*job, "bptt", *words, "--resume", str(checkpoint)])
