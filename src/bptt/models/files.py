"""Models in files: one safetensors file each, the kind of model named in its configuration.

A checkpoint is a model's file that also holds the state of its training, in arrays whose names
begin with ``training/`` and in ``config["training"]``.
"""

import hashlib
import platform

import numpy as np

from ..checks import is_number
from ..config import version
from ..equations import CELLS, Cell
from ..errors import CheckpointError, ConfigError
from ..safe_files import printable
from ..training.array_files import load_arrays, save_arrays
from .hyperparameters import check, refusal

KINDS: dict[str, type] = {}  # by name: a file may hold no others
_TRAINING = "training/"
_ROW = {
    "epoch", "step", "loss", "validation", "grad_norm", "learning_rate", "seconds",
    "steps_per_second",
}  # fmt: skip


def register(kind):
    """Class decorator: files may hold this kind of model."""
    KINDS[kind.__name__] = kind
    return kind


def save(model, path, run=None, data=None):
    """Write a fitted model: its parameters, hyper-parameters and everything else that is fitted.

    Parameters
    ----------
    model : a registered model
    path : str or path-like
    run : Run, optional
        The training that the model is in the middle of.
    data : str, optional
        `digest` of the data that it is trained on.

    Raises
    ------
    CheckpointError
        The file cannot be written; what was there before is untouched.
    """
    versions = {"bptt": version(), "numpy": np.__version__, "python": platform.python_version()}
    arrays = dict(model.parameters_)
    config = {
        "kind": type(model).__name__,
        "hyperparameters": {name: _plain(v) for name, v in model.get_params(deep=False).items()},
        "fitted": model.fitted_state(),
        "history": model.history_,
        "interrupted": model.interrupted_,
        "versions": versions,
    }
    if run is not None:
        arrays |= {_TRAINING + name: a for name, a in run.arrays().items()}
        config["training"] = run.scalars() | {"data": data}
    save_arrays(path, arrays, config)


def load(path):
    """Read a model that `save` wrote. Nothing in the file is executed.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    LanguageModel, SequenceClassifier, SequenceRegressor, SequenceTagger or Forecaster
        Fitted, with the same parameters to the last bit.

    Raises
    ------
    CheckpointError
        The file is missing, truncated, corrupt, not a model of bptt, or does not fit its own
        configuration.
    """
    arrays, config = load_arrays(path)
    arrays = {name: a for name, a in arrays.items() if not name.startswith(_TRAINING)}
    kind = KINDS.get(str(config.get("kind")))
    if kind is None:
        what = printable(repr(config.get("kind")), 200)
        raise CheckpointError(f"load: {path} holds a {what}; expected one of {', '.join(KINDS)}.")
    try:
        model = kind(**{n: _lively(v) for n, v in _dict(config, "hyperparameters").items()})
        if isinstance(model.cell, str) and model.cell not in CELLS:
            raise ConfigError(
                f"its cell {model.cell!r} is not registered; if it is your own, call "
                f"bptt.equations.register(cell) before load"
            )
        check(model)
        if model.layers > len(arrays):  # before a list of them is built
            raise refusal(model, "layers", f"at most the {len(arrays)} arrays beside it")
        model.restore_state(_dict(config, "fitted"))
        model.history_, model.interrupted_ = config["history"], config["interrupted"]
        model.versions_ = _dict(config, "versions")
        if not isinstance(model.interrupted_, bool):
            raise ConfigError("its interrupted is no bool.")
        if not _is_history(model.history_):
            raise ConfigError("its history is not what fit leaves.")
        model.network_ = model.build_network()
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(
            f"load: {path} does not describe a {kind.__name__}: {printable(why, 200).rstrip('.')}."
        ) from error
    _check_arrays("load", path, arrays, model.network_.shapes())
    model.parameters_ = arrays
    return model


def digest(arrays, fitted):
    """Return what tells one set of training data from another, for `resume`.

    Parameters
    ----------
    arrays : iterable of ndarray
    fitted : what the numbers in them stand for, of plain types
    """
    sha = hashlib.sha256(repr(fitted).encode())
    for array in arrays:
        array = np.ascontiguousarray(array)
        sha.update(f"{array.dtype.str} {array.shape}".encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def resume(model, path, run, source, data):
    """Put a run back to where a checkpoint left it, parameters included.

    Parameters
    ----------
    model : a registered model, about to be trained
        Its hyper-parameters and data must be those of the checkpoint; `epochs` may differ.
    path : str or path-like
    run : Run
        Of the model, at its beginning; changed in place.
    source : TextStreams, Documents, SequenceBatches or Windows
        What it is trained on.
    data : str
        `digest` of that.

    Raises
    ------
    CheckpointError
        The file cannot be read, or holds no training.
    ConfigError
        It is a training of another model, or of other data.
    """
    arrays, config = load_arrays(path)
    numbers = config.get("training")
    if not isinstance(numbers, dict):
        raise CheckpointError(
            f"resume: {path} is a finished model without the state of its training; expected a "
            f"checkpoint, as fit(checkpoint=...) leaves them."
        )
    own = {name: _plain(v) for name, v in model.get_params(deep=False).items()}
    given = _dict(config, "hyperparameters") | {"epochs": own["epochs"]}
    if config.get("kind") != type(model).__name__ or given != own:
        other = next((n for n in own if own[n] != given.get(n)), "kind")
        raise ConfigError(
            f"resume: {path} is a training with {other} {printable(repr(given.get(other)), 200)}; "
            f"expected {own.get(other, type(model).__name__)!r}, as the model has."
        )
    if numbers.get("data") != data:
        raise ConfigError(f"resume: {path} was trained on other data; expected the same.")
    parameters = {name: a for name, a in arrays.items() if not name.startswith(_TRAINING)}
    _check_arrays("resume", path, parameters, model.network_.shapes())
    for name, p in parameters.items():
        run.parameters[name][...] = p
    run.restore(
        {n.removeprefix(_TRAINING): a for n, a in arrays.items() if n.startswith(_TRAINING)},
        numbers,
        model.network_,
        source,
    )


def _check_arrays(where, path, arrays, expected):
    given = {name: p.shape for name, p in arrays.items()}
    if given != expected:
        wrong = next(n for n in [*expected, *given] if given.get(n) != expected.get(n))
        raise CheckpointError(
            f"{where}: {path}: {printable(wrong, 200)} has shape {given.get(wrong)}; "
            f"expected {expected.get(wrong)}, because of the hyper-parameters beside it."
        )
    wrong = [name for name, p in arrays.items() if p.dtype != np.float32]
    if wrong:
        raise CheckpointError(
            f"{where}: {path}: {wrong[0]} is {arrays[wrong[0]].dtype}; expected float32."
        )


def _is_history(history):
    return isinstance(history, list) and all(
        isinstance(row, dict)
        and set(row) == _ROW
        and all(is_number(v) or (v is None and name == "validation") for name, v in row.items())
        for row in history
    )


def _dict(config, name):
    if not isinstance(config[name], dict):
        raise ConfigError(f"its {name} is no dict.")
    return config[name]


def _plain(value):
    """Turn a hyper-parameter into what JSON keeps: it knows no tuple, and no key but str."""
    if isinstance(value, Cell):
        return value.name
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {"dict": [[_plain(k), _plain(v)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(v) for v in value]}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value


def _lively(value):
    """Undo `_plain`, two levels deep at most."""
    if isinstance(value, dict):
        ((kind, inside),) = value.items()
        if kind == "tuple":
            return tuple(inside)
        if kind != "dict" or not all(isinstance(k, (str, int, float)) for k, _ in inside):
            raise ConfigError(f"a hyper-parameter is a {kind}.")
        return dict(inside)
    return value
