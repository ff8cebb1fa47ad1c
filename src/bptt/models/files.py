"""Files of models: one safetensors file each; its configuration names the kind of model.

A checkpoint is a model's file that also holds the training state: arrays whose names begin with
``training/``, and ``config["training"]``.
"""

import hashlib
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..config import version
from ..equations import CELLS, Cell
from ..errors import CheckpointError, ConfigError, operation
from ..safe_files import printable
from ..training import Run
from ..training.array_files import check_config, load_arrays, read_config, save_arrays
from ..training.batches import Source
from ..training.fitting import PathLike
from ..training.run import is_history, is_id
from .hyperparameters import check, refusal

if TYPE_CHECKING:
    from .base import Model

Arrays = dict[str, np.ndarray]
Kind = TypeVar("Kind", bound=type)

KINDS: dict[str, type] = {}  # by name: a file may hold no others
_TRAINING = "training/"
_HASHED = 2**18  # entries hashed at a time


def register(kind: Kind) -> Kind:
    """Class decorator: files may hold this kind of model."""
    KINDS[kind.__name__] = kind
    return kind


def save(model: "Model", path: PathLike, run: Run | None = None, data: str | None = None) -> None:
    """Save a fitted model: parameters, hyper-parameters and all other fitted attributes.

    Parameters
    ----------
    model : a registered model
    path : str or path-like
    run : Run, optional
        The training state, for a checkpoint.
    data : str, optional
        `digest` of the training data, for a checkpoint.

    Raises
    ------
    CheckpointError
        The file cannot be written; its old content is unchanged.
    """
    arrays, config = dict(model.parameters_), _described(model)
    if run is not None:
        arrays |= {_TRAINING + name: a for name, a in run.arrays().items()}
        config |= {"training": run.scalars() | {"data": data}, "run": run.id}
    save_arrays(path, arrays, config)


def check_savable(model: "Model") -> None:
    """Raise the error that `save` would raise because of what a model is: before its training.

    Raises
    ------
    ConfigError
        Its tokenizer is a function, its cell is not registered, or the like.
    """
    check_config(_described(model))


def is_of_run(path: PathLike, model: "Model") -> bool:
    """Return whether a file says that its model is of the same training run as a model."""
    try:
        run = read_config(path).get("run")
    except CheckpointError:
        return False
    return is_id(run) and run == vars(model).get("run_id_")


def _described(model):
    """Return the configuration in a model's file."""
    versions = {"bptt": version(), "numpy": np.__version__, "python": platform.python_version()}
    return {
        "kind": type(model).__name__,
        "hyperparameters": {name: _to_json(v) for name, v in model.get_params().items()},
        "fitted": model.fitted_state(),
        "history": model.history_,
        "interrupted": model.interrupted_,
        "run": vars(model).get("run_id_"),
        "versions": versions,
    }


@operation
def load(path: PathLike) -> Any:
    """Load a model that `save` wrote. Nothing in the file is executed.

    Files of earlier versions can be read too.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    LanguageModel, SequenceClassifier, SequenceRegressor, SequenceTagger or Forecaster
        The fitted model; its parameters are bit-identical to the saved ones.

    Raises
    ------
    CheckpointError
        The file is missing, damaged or no model of bptt; or its cell is not registered.
    """
    arrays, config = upgraded(*load_arrays(path))
    arrays = {name: a for name, a in arrays.items() if not name.startswith(_TRAINING)}
    kind = KINDS.get(str(config.get("kind")))
    if kind is None:
        what = printable(repr(config.get("kind")), 200)
        raise CheckpointError(f"{path} holds a {what}; expected one of {', '.join(KINDS)}.")
    try:
        given = _dict(config, "hyperparameters")
        model = kind(**{name: _from_json(v) for name, v in given.items()})
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
        model.versions_ = _versions(config)
        model.run_id_ = config.get("run")  # files of earlier versions have none
        if not (model.run_id_ is None or is_id(model.run_id_)):
            raise ConfigError("its run is not the id of one.")
        if not isinstance(model.interrupted_, bool):
            raise ConfigError("its interrupted is not a bool.")
        if not is_history(model.history_):
            raise ConfigError("its history is not what fit leaves.")
        model.fitted_params_ = model.get_params()
        model.network_ = model.build_network()
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise CheckpointError(
            f"{path} does not describe a {kind.__name__}: {printable(why, 200).rstrip('.')}."
        ) from error
    _check_arrays(path, arrays, model.network_.shapes())
    model.parameters_ = arrays
    return model


@operation
def resume(model: "Model", path: PathLike, run: Run, source: Source, data: str) -> None:
    """Restore a training run and its parameters from a checkpoint.

    Parameters
    ----------
    model : Model
        Its hyper-parameters must be those of the checkpoint, except `MAY_DIFFER`.
    path : str or path-like
    run : Run
        A new run of the model; changed in place.
    source : Source
        The training data.
    data : str
        `digest` of the training data.

    Raises
    ------
    CheckpointError
        The file cannot be read, or holds no training state.
    ConfigError
        The checkpoint is of another model, or of other data.
    """
    arrays, config = upgraded(*load_arrays(path))
    state = config.get("training")
    if not isinstance(state, dict):
        raise CheckpointError(
            f"{path} is a finished model without the state of its training; expected a checkpoint, "
            f"as fit(checkpoint=...) leaves them."
        )
    own = {name: _to_json(v) for name, v in model.get_params().items()}
    given = _dict(config, "hyperparameters") | {n: own[n] for n in MAY_DIFFER if n in own}
    if config.get("kind") != type(model).__name__ or given != own:
        other = next((n for n in own if own[n] != given.get(n)), "kind")
        raise ConfigError(
            f"{path} is a training with {other} {printable(repr(given.get(other)), 200)}; "
            f"expected {own.get(other, type(model).__name__)!r}, as the model has."
        )
    if state.get("data") != data:
        raise ConfigError(f"{path} was trained on other data; expected the same.")
    parameters = {name: a for name, a in arrays.items() if not name.startswith(_TRAINING)}
    _check_arrays(path, parameters, model.network_.shapes())
    for name, p in parameters.items():
        run.parameters[name][...] = p
    if is_id(config.get("run")):
        run.id = config["run"]
    training = {n.removeprefix(_TRAINING): a for n, a in arrays.items() if n.startswith(_TRAINING)}
    run.restore(training, state, model.network_, source)


# Hyper-parameters that a resumed run may change: they do not change the result of its steps.
MAY_DIFFER = ("epochs", "verbose", "warm_start")

# Entries that files of earlier versions lack. A hyper-parameter that a file lacks gets its default,
# and any other value here where the default would not reproduce what the model did. An entry of
# "fitted" has no default: each one that was added must be here. Keys: a name, or "Kind.name".
LACKING: dict[str, dict[str, Any]] = {
    "hyperparameters": {},
    "fitted": {"Forecaster.layout": None, "Forecaster.context_masks": None},
}

_RENAMED = {"columns": "featureembedding", "words": "wordembedding", "optimiser": "optimizer"}
_OLD_NAME = re.compile(r"(?<![^./])(?:(?:columns|words)(?=\d+\.)|optimiser(?=/))")


def upgraded(arrays: Arrays, config: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    """Return the content of a file of any version with the names and entries of this version.

    Entries that the file lacks are added: see `LACKING`. An earlier version called the
    hyper-parameter `optimizer` "optimiser" and had other names for two layers:
    ``training/optimiser/m.words0.We`` is now ``training/optimizer/m.wordembedding0.We``.
    """
    given, fitted = config.get("hyperparameters"), config.get("fitted")
    kind = KINDS.get(str(config.get("kind")))
    if not isinstance(given, dict) or not isinstance(fitted, dict) or kind is None:
        return arrays, config
    given = {"optimizer" if n == "optimiser" else n: value for n, value in given.items()}
    defaults = {f.name: _to_json(f.default) for f in fields(kind)}
    before = _lacking("hyperparameters", kind)
    defaults |= {name: value for name, value in before.items() if name in defaults}
    arrays = {_OLD_NAME.sub(lambda m: _RENAMED[m[0]], name): a for name, a in arrays.items()}
    complete = {
        "hyperparameters": defaults | given,
        "fitted": _lacking("fitted", kind) | fitted,
    }
    return arrays, config | complete


def _lacking(part, kind):
    """Return the entries of `LACKING` for a kind of model: those of all kinds, then its own."""
    split = [(name.rpartition("."), value) for name, value in LACKING[part].items()]
    common = {name: value for (of, _, name), value in split if not of}
    return common | {name: value for (of, _, name), value in split if of == kind.__name__}


def digest(arrays: Iterable[np.ndarray], fitted: Any, dtype: "np.dtype[Any] | None" = None) -> str:
    """Return a fingerprint of training data, which `resume` compares.

    Parameters
    ----------
    arrays : iterable of ndarray
    fitted : plain types
        What the numbers in the arrays stand for.
    dtype : numpy.dtype, optional
        The arrays count as if they had this dtype; they are converted part by part.
    """
    sha = hashlib.sha256(repr(fitted).encode())
    for array in arrays:
        kind = array.dtype if dtype is None else dtype
        flat = np.ascontiguousarray(array).reshape(-1)
        sha.update(f"{kind.str} {array.shape}".encode())
        for start in range(0, len(flat), _HASHED):
            sha.update(flat[start : start + _HASHED].astype(kind, copy=False).data)
    return sha.hexdigest()


def _check_arrays(path, arrays, expected):
    given = {name: p.shape for name, p in arrays.items()}
    if given != expected:
        wrong = next(n for n in [*expected, *given] if given.get(n) != expected.get(n))
        raise CheckpointError(
            f"{path}: {printable(wrong, 200)} has shape {given.get(wrong)}; expected "
            f"{expected.get(wrong)}, because of the hyper-parameters beside it."
        )
    wrong = [name for name, p in arrays.items() if p.dtype != np.float32]
    if wrong:
        raise CheckpointError(f"{path}: {wrong[0]} is {arrays[wrong[0]].dtype}; expected float32.")


def _versions(config):
    versions = _dict(config, "versions")
    right = len(versions) <= 20 and all(type(v) is str for v in versions.values())
    if not right or any(len(k) + len(v) > 200 for k, v in versions.items()):
        raise ConfigError("its versions are not those of programs.")
    return versions


def _dict(config, name):
    if not isinstance(config[name], dict):
        raise ConfigError(f"its {name} is not a dict.")
    return config[name]


def _to_json(value):
    """Return a hyper-parameter as JSON has it, which has no tuples and no keys but str."""
    if isinstance(value, Cell):
        return value.name
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "to_str"):  # a tokenizer of another library: what it was fitted with is kept
        return "subwords"
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {"dict": [[_to_json(k), _to_json(v)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_to_json(v) for v in value]}
    if isinstance(value, list):
        return [_to_json(v) for v in value]
    return value


def _from_json(value):
    """Undo `_to_json`, two levels deep at most."""
    if isinstance(value, dict):
        ((kind, inside),) = value.items()
        if kind == "tuple":
            return tuple(inside)
        if kind != "dict" or not all(isinstance(k, (str, int, float)) for k, _ in inside):
            raise ConfigError(f"a hyper-parameter is a {kind}.")
        return dict(inside)
    return value
