"""PyTorch's state dicts: recurrent modules, linear layers and embeddings found by their names."""

import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from ..errors import InteropError, operation
from ..safe_files import printable
from . import torch_files
from .imported import Imported
from .torch_modules import converted, incomplete_modules, recurrent_modules, stepwise_module
from .torch_parametrized import whole_weights

__all__ = ["from_tensors", "from_torch"]

_KEYS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "ema")
_DEEPEST = 4  # dicts in dicts that are searched


@operation
def from_torch(
    source: Mapping[str, Any] | str | os.PathLike[str],
    *,
    nonlinearity: Literal["tanh", "relu"] = "tanh",
) -> Imported:
    """Convert a state dict of PyTorch.

    Recurrent modules are found by the names of their tensors, at any depth: ``weight_ih_l0``,
    ``weight_hh_l0_reverse``, cells without ``_l0``, projections ``weight_hr_l0``. Linear layers and
    embeddings beside them are modules too; all other tensors are in `Imported.tensors`. The numbers
    of layers and directions, the sizes and the kind of cell follow from names and shapes.

    Parameters
    ----------
    source : dict of str to tensor, or path
        Tensors of PyTorch or NumPy arrays, or a file: .pt, .pth, .ckpt, .tar, .safetensors, .npz.
        A checkpoint that holds the state dict under ``model`` or ``state_dict`` is searched.
    nonlinearity : {"tanh", "relu"}
        Activation of `torch.nn.RNN` modules, which a state dict does not hold.

    Returns
    -------
    Imported
        Its `modules` by their names in the state dict. With one module it unpacks to network and
        parameters; `Imported.chain` connects several.

    Raises
    ------
    InteropError
        No tensor is found, or the shapes do not fit one another.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> state = {"rnn.weight_ih_l0": (32, 3), "rnn.weight_hh_l0": (32, 8), "rnn.bias_ih_l0": (32,)}
    >>> imported = from_torch({k: rng.normal(size=n) for k, n in state.items()})
    >>> imported.network
    Network(lstm0: LSTM(3, 8))
    """
    if nonlinearity not in ("tanh", "relu"):
        raise InteropError(f"nonlinearity is {nonlinearity!r}; expected 'tanh' or 'relu'.")
    if isinstance(source, Mapping):
        own = {k: _as_array(v) for k, v in source.items()}
        return from_tensors(own, format="PyTorch state dict", nonlinearity=nonlinearity)
    path = os.fspath(source)
    content, name = torch_files.content_of(path)
    return from_tensors(content, format=name, path=path, nonlinearity=nonlinearity)


def _as_array(value: Any) -> Any:
    """Return the array of a tensor of PyTorch; other values as they are."""
    if isinstance(value, Mapping):
        return {k: _as_array(v) for k, v in value.items()}
    if isinstance(value, np.ndarray) or not hasattr(value, "requires_grad"):
        return value
    value = value.detach().cpu()
    try:
        return value.numpy()
    except TypeError:  # NumPy has no bfloat16
        return value.float().numpy()


def from_tensors(
    content: Any, *, format: str, path: str = "", nonlinearity: str = "tanh"
) -> Imported:
    """Find the modules of a state dict, or of a checkpoint that holds one.

    Parameters
    ----------
    content : object
        Nested dicts with arrays, as `torch_files.tensors_of` returns them.
    format, path : str
        For the result and for errors.
    nonlinearity : {"tanh", "relu"}

    Raises
    ------
    InteropError
    """
    where = path or "the state dict"
    tensors, key = _state_dict(content, where)
    tensors, parts = whole_weights(tensors)
    notes = [f"The state dict is that under {key!r}."] * bool(key) + parts
    faults: list[str] = []  # why recurrent weights are not read
    modules: dict[str, Imported] = {}
    used: dict[str, str] = {}  # name of a tensor -> its module
    for prefix, found in recurrent_modules(tensors).items():
        try:
            model, more = converted(found, nonlinearity, f"{where}: {printable(prefix, 80)!r}")
        except InteropError as error:
            faults.append(str(error).rstrip("."))
            continue
        modules[prefix] = Imported(format=format, path=path, model=model, notes=tuple(more))
        used.update(dict.fromkeys(found.names, prefix))
        notes += [f"{prefix}: {note}" if prefix else note for note in more]
    faults += [
        f"{where}: {printable(prefix, 80)!r} has recurrent weights, but not both weight_ih and "
        f"weight_hh of its first layer"
        for prefix in incomplete_modules(tensors)
    ]
    notes += [f"Not read: {fault}." for fault in faults]
    widths = {m.network.n_in for m in modules.values()}
    for name in tensors:
        if name not in used and (stepwise := stepwise_module(tensors, name, widths)) is not None:
            prefix, names, model, note = stepwise
            if prefix not in modules:
                own = (note,) * bool(note)
                modules[prefix] = Imported(format=format, path=path, model=model, notes=own)
                used.update(dict.fromkeys(names, prefix))
                notes += [f"{prefix}: {n}" for n in own]
    rest = {name: t for name, t in tensors.items() if name not in used}
    ordered = dict.fromkeys(used[name] for name in tensors if name in used)
    return Imported(
        format=format,
        path=path,
        modules={prefix: modules[prefix] for prefix in ordered},
        tensors=rest,
        obstacle="; ".join(faults[:5]) or ("" if modules else _no_module(rest)),
        notes=tuple(notes),
        metadata=_plain(content, nested=bool(key)),
    )


def _no_module(tensors: Mapping[str, np.ndarray]) -> str:
    shown = ", ".join(printable(name, 60) for name in list(tensors)[:5])
    more = f" and {len(tensors) - 5} more" * (len(tensors) > 5)
    return f"no layer is known by its tensors {shown}{more}"


def _state_dict(content: Any, where: str) -> tuple[dict[str, np.ndarray], str]:
    """Return the arrays of the state dict in a checkpoint, and its key there."""
    found: list[tuple[str, dict[str, np.ndarray]]] = []
    todo: list[tuple[str, Any]] = [("", content)]
    while todo:
        key, value = todo.pop(0)
        if not isinstance(value, dict) or key.count(".") >= _DEEPEST:
            continue
        own = {k: v for k, v in value.items() if isinstance(k, str) and isinstance(v, np.ndarray)}
        if own:
            found.append((key, own))
        todo += [(f"{key}.{k}" if key else k, v) for k, v in value.items() if isinstance(k, str)]
    if not found or not isinstance(content, dict):
        raise InteropError(f"{where} holds no named tensor; expected a state dict of PyTorch.")
    recurrent = [(k, own) for k, own in found if recurrent_modules(whole_weights(own)[0])]
    recurrent = recurrent or found[:1]
    if len(recurrent) == 1:
        return recurrent[0][1], recurrent[0][0]
    for wanted in _KEYS:
        for key, own in recurrent:
            if key == wanted:
                return own, key
    return {f"{key}.{name}": t for key, own in recurrent for name, t in own.items()}, ""


def _plain(content: Any, nested: bool) -> dict[str, Any]:
    """Return what a checkpoint holds beside the state dict: numbers, texts, lists, arrays."""
    kinds = (str, int, float, bool)

    def plain(value: Any) -> bool:
        if isinstance(value, (dict, list)):
            inside = value.values() if isinstance(value, dict) else value
            return bool(value) and all(isinstance(e, kinds) for e in inside)
        return isinstance(value, kinds) or (nested and isinstance(value, np.ndarray))

    return {k: v for k, v in content.items() if isinstance(k, str) and plain(v)}


def read(path: str) -> Imported:
    """Read a file of tensors; called by `interop.load`."""
    content, name = torch_files.content_of(path)
    return from_tensors(content, format=name, path=path)
