"""to_torch: a state dict with PyTorch's names, as arrays, safetensors or a .pt file."""

import io
import os
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InteropError, operation
from ..layers import Dense, Embedding, Layer
from ..layers.recurrent import Recurrent
from .conventions import to_blocks
from .imported import Imported
from .residual import ResidualNetwork
from .writing import imported_of, put, save

__all__ = ["to_torch", "write"]

RESIDUAL = True  # writes a `ResidualNetwork`, with a note
_ALIGNMENT = 64  # bytes, of the numbers in a .pt file
_STORAGES = {"float32": "Float", "float64": "Double"}


@operation
def to_torch(
    model: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    names: Mapping[str, str] | None = None,
) -> dict[str, np.ndarray]:
    """Convert a network to a state dict of PyTorch, and write it if a path is given.

    Load it with ``module.load_state_dict(torch.load(path, weights_only=True))``, or with
    ``safetensors.torch.load_file(path)``. Recurrent layers are those of `torch.nn.LSTM`, `GRU` and
    `RNN` with ``batch_first=True``. PyTorch has two biases where bptt has one: ``bias_hh`` is 0,
    except that of a GRU's candidate.

    Parameters
    ----------
    model : fitted model, Imported, or pair of Network and dict of str to ndarray
    path : str or path-like, optional
        .pt, .pth or .safetensors.
    names : dict of str to str, optional
        Layers of the network to names in the state dict: ``{"lstm0": "encoder.rnn"}``. Otherwise
        the network's own names; none where the network has one layer with parameters.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    InteropError
        PyTorch has no such layer, or the file cannot be written.

    Examples
    --------
    >>> from bptt import LSTM, Dense, Network
    >>> network = Network([LSTM(3, 4), Dense(4, 2)])
    >>> state = to_torch((network, network.init(np.random.default_rng(0))))
    >>> {name: tensor.shape for name, tensor in state.items()}["lstm0.weight_ih_l0"]
    (16, 3)
    """
    imported = imported_of(model)
    if path is not None:
        save(imported, path, names=names)
    return _state_dict(imported, names)[0]


def write(
    imported: Imported, path: str, *, names: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Write a file; called by `interop.save`."""
    state, notes = _state_dict(imported, names)
    if path.lower().endswith(".safetensors"):
        import safetensors.numpy

        put(path, safetensors.numpy.save(state, {"format": "pt"}))
    else:
        put(path, _zip(state))
    return notes


def _state_dict(
    imported: Imported, names: Mapping[str, str] | None
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    network, parameters = imported.network, imported.parameters
    with_own = [name for name, layer in network.layers.items() if layer.shapes()]
    given = dict.fromkeys(with_own, "") if len(with_own) == 1 else {}
    given |= names or {}
    if strange := set(given) - set(network.layers):
        raise InteropError(
            f"names has {sorted(strange)}; expected layers of the network: {list(network.layers)}."
        )
    state: dict[str, np.ndarray] = {}
    notes = []
    for name, layer in network.layers.items():
        prefix = given.get(name, name)
        prefix += "." * bool(prefix)
        own = {k: parameters[f"{name}.{k}"] for k in layer.shapes()}
        if isinstance(layer, Recurrent):
            state |= {prefix + k: t for k, t in _recurrent(name, layer, own, notes).items()}
        else:
            state |= {prefix + k: t for k, t in _other(name, layer, own).items()}
        for key in layer.initial_shapes():
            if (learned := parameters.get(f"{name}.{key}")) is not None:
                torch_key = f"{prefix}{'h0' if key == 'a0' else key}"
                state[torch_key] = learned
                notes.append(f"{torch_key} is the initial state of {name}: pass it to the module.")
    if isinstance(network, ResidualNetwork):
        notes.append(f"The first {network.n_skip} inputs, times {network.gain:g}, are added there.")
    return {k: np.ascontiguousarray(t) for k, t in state.items()}, tuple(notes)


def _recurrent(name: str, layer: Recurrent, own: Mapping[str, np.ndarray], notes: list[str]):
    cell = layer.cell.name
    if cell not in ("lstm", "lstm_cifg", "gru_reset_after", "rnn", "rnn_relu"):
        raise InteropError(
            f"{name} is {cell}; expected lstm, gru_reset_after, rnn or rnn_relu, because PyTorch "
            f"has no other cell{' (its GRU resets after the product)' * (cell == 'gru')}."
        )
    state = {}
    for slot in layer.slots:
        p = {k: own[slot.prefix + k] for k in slot.check.shapes}
        if cell == "lstm_cifg":  # 1 - sigmoid(z) = sigmoid(-z)
            p |= {"Wf": -p["Wi"], "bf": -p["bi"]}
        blocks = to_blocks("lstm" if cell == "lstm_cifg" else cell, p, "torch")
        suffix = f"_l{slot.layer}" + "_reverse" * slot.reverse
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        state |= {key + suffix: block for key, block in zip(names, blocks, strict=True)}
    if cell == "rnn_relu":
        notes.append(f'{name} needs torch.nn.RNN(..., nonlinearity="relu").')
    if cell == "lstm_cifg":
        notes.append(f"{name} is an LSTM there; training it does not keep f = 1 - i.")
    return state


def _other(name: str, layer: Layer, own: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    if isinstance(layer, Dense):
        return {"weight": own["Wy"], "bias": own["by"][:, 0]}
    if isinstance(layer, Embedding):
        return {"weight": own["We"]}
    if own:
        raise InteropError(
            f"{name} is a {type(layer).__name__}; expected recurrent layers, Dense and Embedding, "
            f"which have a module of PyTorch with the same parameters."
        )
    return {}


# -- a .pt file: the opcodes of a pickle of protocol 2 ------------------------------------------


def _zip(state: Mapping[str, np.ndarray]) -> bytes:
    """Return the zip file that torch.save would write, with the numbers aligned."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        members: dict[str, Any] = {"data.pkl": _pickle(state), "byteorder": b"little"}
        for i, tensor in enumerate(state.values()):
            members[f"data/{i}"] = tensor.astype(tensor.dtype.newbyteorder("<")).tobytes()
        members["version"] = b"3\n"
        for name, data in members.items():
            info = zipfile.ZipInfo(f"archive/{name}")
            start = buffer.tell() + 30 + len(info.filename) + 4
            padding = -start % _ALIGNMENT
            info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
            archive.writestr(info, data)
    return buffer.getvalue()


def _pickle(state: Mapping[str, np.ndarray]) -> bytes:
    """Return the pickle of an OrderedDict of tensors."""
    empty = b"ccollections\nOrderedDict\n)R"
    parts = [b"\x80\x02", empty, b"("]
    for i, (name, tensor) in enumerate(state.items()):
        stride = [s // tensor.itemsize for s in tensor.strides]
        storage = f"ctorch\n{_STORAGES[tensor.dtype.name]}Storage\n".encode()
        parts += [
            _text(name), b"ctorch._utils\n_rebuild_tensor_v2\n((", _text("storage"), storage,
            _text(str(i)), _text("cpu"), _whole(tensor.size), b"tQ", _whole(0),
            b"(", *map(_whole, tensor.shape), b"t(", *map(_whole, stride), b"t\x89", empty, b"tR",
        ]  # fmt: skip
    return b"".join([*parts, b"u."])


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def _whole(n: int) -> bytes:
    if n < 2**31:
        return b"J" + struct.pack("<i", n)
    data = n.to_bytes(9, "little")
    return b"\x8a" + bytes([len(data)]) + data
