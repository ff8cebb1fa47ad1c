"""load: read a model of another program, whatever program wrote it."""

import os
from importlib import import_module

from ..errors import InteropError, operation
from ..safe_files import printable
from .files import format_of
from .imported import Imported

__all__ = ["load"]

_READERS: dict[str, str] = {  # format, as `format_of` names it -> module of this room with `read`
    "torch": "state_dicts",
    "torch-legacy": "state_dicts",
    "safetensors": "state_dicts",
    "npz": "state_dicts",
    "json": "json_files",
    "hdf5": "keras_files",
    "keras": "keras_files",
    "onnx": "onnx.reading",
}


@operation("interop.load")
def load(path: str | os.PathLike[str], *, module: str | None = None) -> Imported:
    """Read a model of another program. Nothing in the file is executed.

    Parameters
    ----------
    path : str or path-like
        The format is found by the content, not by the name.
    module : str, optional
        Which part of a file that names several, such as a state dict of PyTorch: "encoder.lstm".

    Returns
    -------
    Imported
        ``network, parameters = load(path)``.

    Raises
    ------
    InteropError
        The file cannot be read, is damaged or hostile, or holds what bptt cannot compute: a
        sentence says what.
    ConfigError
        A package that the format needs is not installed.
    """
    kind = format_of(path)
    if kind not in _READERS:
        raise InteropError(f"{path} is a file of {kind}; expected one of {', '.join(_READERS)}.")
    imported = import_module(f"{__package__}.{_READERS[kind]}").read(os.fspath(path))
    if module is None:
        return imported
    if module not in imported.modules:
        names = ", ".join(map(repr, imported.modules)) or "none"
        raise InteropError(f"{path} has no module {printable(module)!r}; it has {names}.")
    return imported.modules[module]
