"""Train a prepared model, and let the fitted model take what it has learned."""

from contextlib import suppress
from dataclasses import fields
from typing import Any

import numpy as np

from ..distributed import connect
from ..errors import BpttError, ConfigError, warn
from ..training import Checkpoints, Display, LocalSteps, Run, Schedule, Shares, fit
from ..training.array_files import load_arrays
from ..training.batches import Source
from ..training.callbacks import call, check_callbacks
from ..training.display import DisplayMode
from ..training.objectives import Objective
from ..training.optimizers import OPTIMIZERS
from . import files
from .hyperparameters import declared, refusal
from .starting import fitting_start


def goes_on(model: Any) -> bool:
    """Return whether `fit` goes on from the fitted parameters of a model.

    Raises
    ------
    ConfigError
        A hyper-parameter differs that the fitted network or its input depends on.
    """
    if not (model.warm_start and "parameters_" in vars(model)):
        return False
    for f in fields(model):
        fitted = model.fitted_params_[f.name]
        free = declared(f).group == "Training" or f.name in ("dropout", "input_dropout")
        if not free and getattr(model, f.name) != fitted:
            raise refusal(
                model, f.name, f"{fitted!r}, as the fitted model has, because warm_start is True"
            )
    return True


def train(
    model: Any,
    new: Any,
    objective: Objective,
    source: Source,
    validation: Source | None,
    data: str,
    rng: np.random.Generator,
    *,
    progress: DisplayMode = "auto",
    checkpoint: Any = None,
    resume: Any = None,
    on_step: Any = None,
    callbacks: Any = (),
    distributed: Any = None,
) -> None:
    """Train a prepared model; the fitted model takes what it has learned.

    Nothing is taken before the first step is done. After it, whatever ends the training, the model
    has the parameters of the last step, or of the best epoch where `patience` is given.

    Parameters
    ----------
    model : Model
        The model whose `fit` was called.
    new : Model
        Made by ``model.unfitted``, with all fitted attributes that `build_network` and
        `fitted_state` need.
    objective, source, validation
        What is minimized, on which data, and what is scored after each epoch.
    data : str
        `digest` of the training data.
    rng : numpy.random.Generator
        Seeded with `seed`; the held-out data may have been drawn from it.
    progress, checkpoint, resume, on_step, callbacks, distributed
        See `Model.fit`.
    """
    if model.patience is not None and validation is None:
        fraction = f"validation_fraction = {model.validation_fraction:g}"
        raise refusal(model, "patience", f"None where nothing is held out ({fraction})")
    check_callbacks(callbacks)
    communicator = connect(distributed)
    if model.validation_fraction and validation is None and not communicator.rank:
        warn(
            f"Nothing is held out: the data is too little for a validation_fraction of "
            f"{model.validation_fraction:g}."
        )
    callbacks = () if communicator.rank else callbacks  # rank 0 writes, as it does checkpoints
    shares = Shares(model.micro_batches, communicator)
    local = LocalSteps(
        model.local_steps, model.local_after, model.outer_learning_rate, model.outer_momentum
    )
    if checkpoint is not None and not isinstance(checkpoint, Checkpoints):
        checkpoint = Checkpoints(checkpoint)
    if communicator.rank or (progress == "auto" and not model.verbose):
        progress = "silent"
    display = Display(progress, model.epochs, new.items, model.show_loss)
    run = _begin(new, rng, model.parameters_ if goes_on(model) else None, model.start)
    if isinstance(resume, str) and resume == "auto":
        resume = newest(checkpoint)
    if resume is not None:
        files.resume(new, resume, run, source, data)
        new.run_id_ = run.id
    if checkpoint is not None:
        files.check_savable(new)
    shares.agree(run.parameters, data, new.get_params(), run.step, run.batch)

    def save(path):
        new.interrupted_ = run.interrupted
        files.save(new, path, run, data)

    def end():
        new.history_, new.interrupted_ = run.rows(), run.interrupted
        model.take(new)

    def after_step(progress):
        if vars(model).get("parameters_") is not run.parameters:
            model.take(new)
        stop = on_step is not None and on_step(progress)
        return call(callbacks, model, progress, run) or stop

    run.keeps_last = bool(callbacks)
    first = run.step
    try:
        fit(
            run, new.network_, objective, source, validation,
            epochs=model.epochs, grad_clip=model.grad_clip, patience=model.patience,
            display=display, checkpoint=checkpoint, save=save, on_step=after_step,
            shares=shares, local=local,
        )  # fmt: skip
    except BaseException:
        if run.step > first:
            end()
        raise
    finally:
        run.last = None
        for callback in callbacks:
            callback.close()
    end()


def newest(checkpoint: Checkpoints | None) -> Any:
    """Return the last checkpoint that can be loaded, for ``resume="auto"``; None without one.

    Raises
    ------
    ConfigError
        It is not said where checkpoints are.
    """
    if checkpoint is None:
        raise ConfigError(
            "resume is 'auto', but checkpoint is None; expected the path of the checkpoints."
        )
    for path in checkpoint.found():
        with suppress(BpttError):
            load_arrays(path)
            return path
    return None


def _begin(model, rng, fitted, start):
    """Set network and initial parameters, those fitted or given if any; return the run."""
    network = model.build_network()
    parameters = network.init(rng)
    before = fitting_start(start, parameters) if fitted is None else fitted
    for name, value in before.items():
        parameters[name][...] = value
    kind = OPTIMIZERS[model.optimizer]
    settings = {f.name: getattr(model, f.name) for f in fields(kind) if hasattr(model, f.name)}
    optimizer = kind(**settings, weights=network.weights())
    schedule = Schedule(model.schedule, model.learning_rate, model.warmup)
    run = Run(parameters, optimizer, schedule, rng, seed=model.seed)
    model.begin(network, run)
    return run
