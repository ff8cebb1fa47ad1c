"""Models in files: one safetensors file each, the kind of model named in its configuration."""

import platform

import numpy as np

from ..errors import CheckpointError, ConfigError
from ..training.checkpoints import load_arrays, save_arrays

_KINDS: dict[str, type] = {}  # the only classes a file can ask for


def register(kind):
    """Class decorator: files may hold this kind of model."""
    _KINDS[kind.__name__] = kind
    return kind


def save(model, path, config):
    """Write a fitted model: its parameters, hyper-parameters and what `config` adds.

    Parameters
    ----------
    model : a registered model
    path : str or path-like
    config : dict
        Everything fitted that is not an array.

    Raises
    ------
    CheckpointError
        The file cannot be written; what was there before is untouched.
    """
    from .. import __version__

    versions = {"bptt": __version__, "numpy": np.__version__, "python": platform.python_version()}
    kind = type(model).__name__
    hyperparameters = {
        name: value.item() if isinstance(value, np.generic) else value  # JSON knows no NumPy
        for name, value in model.get_params().items()
    }
    config = {"kind": kind, "hyperparameters": hyperparameters, "versions": versions} | config
    save_arrays(path, model.parameters_, config)


def load(path):
    """Read a model that `save` wrote. Nothing in the file is executed.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    LanguageModel
        Fitted, with the same parameters to the last bit.

    Raises
    ------
    CheckpointError
        The file is missing, truncated, corrupt, not a model of bptt, or does not fit its own
        configuration.
    """
    arrays, config = load_arrays(path)
    kind = _KINDS.get(str(config.get("kind")))
    if kind is None:
        what = _one_line(repr(config.get("kind")))
        raise CheckpointError(f"load: {path} holds a {what}; expected one of {', '.join(_KINDS)}.")
    try:
        model = kind(**config["hyperparameters"])
        model._restore(arrays, config)
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(
            f"load: {path} does not describe a {kind.__name__}: {_one_line(why)}."
        ) from error
    expected = model.network_.shapes()
    given = {name: p.shape for name, p in arrays.items()}
    if given != expected:
        wrong = next(n for n in [*expected, *given] if given.get(n) != expected.get(n))
        raise CheckpointError(
            f"load: {path}: {_one_line(wrong)} has shape {given.get(wrong)}; "
            f"expected {expected.get(wrong)}, because of the hyper-parameters beside it."
        )
    wrong = [name for name, p in arrays.items() if p.dtype != np.float32]
    if wrong:
        raise CheckpointError(
            f"load: {path}: {wrong[0]} is {arrays[wrong[0]].dtype}; expected float32."
        )
    return model


def _one_line(text):
    # What a message quotes from a hostile file may be long or hold a terminal's escape codes.
    return "".join(c if c.isprintable() else "?" for c in text[:200]).rstrip(".")
