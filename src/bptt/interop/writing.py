"""save: write a network in the format of another program, by the ending of the file's name."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InteropError, operation
from ..network import Network
from ..safe_files import obstacle, reason, write_atomically
from .imported import Imported
from .residual import ResidualNetwork

__all__ = ["imported_of", "put", "save"]

_WRITERS: dict[str, str] = {  # ending -> module of this room with `write(imported, path)`
    ".onnx": "onnx.writing",
    ".pt": "torch_writing",
    ".pth": "torch_writing",
    ".safetensors": "torch_writing",
    ".keras": "keras_writing",
    ".weights.h5": "keras_writing",
    ".nam": "audio_writing",
    ".json": "audio_writing",
    ".aidax": "audio_writing",
}


@operation("interop.save")
def save(model: Any, path: str | os.PathLike[str], **options: Any) -> tuple[str, ...]:
    """Write a network and its parameters for another program.

    Parameters
    ----------
    model : Imported, fitted model, or pair of Network and dict of str to ndarray
    path : str or path-like
        Its ending gives the format: .pt, .pth or .safetensors (PyTorch), .keras or .weights.h5
        (Keras), .onnx, .nam, .json (RTNeural).
    **options
        Of the format: see `to_torch`, `to_keras`, `to_onnx`, `to_nam` and `to_rtneural`.

    Returns
    -------
    tuple of str
        Sentences about what was converted and what stays behind.

    Raises
    ------
    InteropError
        The format has no place for the network, or the file cannot be written.
    """
    name = os.fspath(path)
    endings = [e for e in _WRITERS if name.lower().endswith(e)]
    if not endings:
        ending = Path(name).suffix or "no ending"
        raise InteropError(f"{name} has {ending}; expected one of {', '.join(_WRITERS)}.")
    if problem := obstacle(name):
        raise InteropError(f"{name} {problem}; expected a file that can be written.")
    writer = import_module(f"{__package__}.{_WRITERS[max(endings, key=len)]}")
    imported = imported_of(model)
    if isinstance(imported.network, ResidualNetwork) and not getattr(writer, "RESIDUAL", False):
        raise InteropError(
            f"{name} has no place for a network whose input is added to its output; expected .json "
            f"or .aidax."
        )
    notes = writer.write(imported, name, **options)
    if imported.fitted is not None and not getattr(writer, "FITTED", False):
        notes += ("The file has the network alone: scaling, vocabulary and labels stay behind.",)
    if imported.mask is not None and not getattr(writer, "MASKS", False):
        skipped = "token" if imported.mask.kind == "id" else "steps of features"
        notes += (
            f"The mask stays behind ({skipped} {imported.mask.value:g}): masked steps count there. "
            f"Cut them off, or pass lengths where the other program reads them.",
        )
    return notes


def imported_of(model: Any) -> Imported:
    """Return what is written: an `Imported` as it is, a fitted model or a pair as one.

    Raises
    ------
    InteropError
    """
    if isinstance(model, Imported):
        return model
    fitted: Any = None
    if isinstance(model, tuple) and len(model) == 2 and isinstance(model[0], Network):
        network, parameters = model
    elif isinstance(network := getattr(model, "network_", None), Network):
        parameters, fitted = getattr(model, "parameters_", {}), model
    else:
        raise InteropError(
            f"model is a {type(model).__name__}; expected a fitted model, an Imported, or a pair "
            f"of a Network and its parameters."
        )
    for name, shape in network.shapes().items():
        if not isinstance(parameters.get(name), np.ndarray) or parameters[name].shape != shape:
            raise InteropError(f"{name} is missing or has another shape; expected {shape}.")
    return Imported(format="bptt", model=(network, dict(parameters)), fitted=fitted)


def put(path: str, data: Any) -> None:
    """Write a file at once, so that it holds the old or the new content at any moment.

    Parameters
    ----------
    path : str
    data : bytes-like, or list of them

    Raises
    ------
    InteropError
    """
    try:
        write_atomically(path, data)
    except (OSError, ValueError) as error:
        raise InteropError(f"{path} cannot be written: {reason(error)}.") from error
