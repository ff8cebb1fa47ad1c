"""Models of amplifiers and effects in JSON: NAM, GuitarML (Proteus, NeuralPi), RTNeural, AIDA-X.

The sample of a signal is a time step; a second and third input feature is a knob.

* NAM (Neural Amp Modeler) holds LSTMs with learned initial states and one flat list of weights, for
  each layer [W_ih | W_hh], bias, h0, c0; then the output layer.
* GuitarML holds PyTorch's tensors: y = lin(rec(x)) + x, the last if `skip` is 1.
* RTNeural holds a list of layers with Keras' weights. Its recurrent layers compute tanh and
  sigmoid, whatever ``activation`` says. AIDA-X adds ``in_skip``, ``in_gain``, ``out_gain`` (dB).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import InteropError
from ..layers import Activation, Dense, Layer, Recurrent
from ..layers.recurrent import LSTM, recurrent_layer
from ..network import Network
from ..safe_files import printable
from .conventions import Blocks, from_blocks
from .imported import Imported
from .residual import ResidualNetwork
from .state_dicts import from_tensors

__all__ = ["array", "read_guitarml", "read_nam", "read_rtneural"]

MOST_SIZE = 2**20  # units, features


def array(value: Any, what: str) -> np.ndarray:
    """Return nested lists of numbers as an array of float32.

    Raises
    ------
    InteropError
        The lists have different lengths, or hold other things than numbers.
    """
    try:
        result = np.asarray(value)
        if result.dtype.kind not in "if" or result.ndim > 4:
            raise ValueError(f"an array of {result.dtype}")
        with np.errstate(over="raise"):
            return result.astype(np.float32)
    except (ValueError, TypeError, OverflowError, FloatingPointError) as error:
        raise InteropError(
            f"{printable(what, 200)} is no array of numbers ({printable(error, 80)})."
        ) from None


def _size(content: Mapping[str, Any], key: str, path: str, default: int | None = None) -> int:
    value = content.get(key, default)
    if type(value) is not int or not 1 <= value <= MOST_SIZE:
        raise InteropError(f"{path} has {key} {printable(value, 40)}; expected a whole number.")
    return value


def _part(content: Any, key: str, kind: type, path: str) -> Any:
    value = content.get(key)
    if not isinstance(value, kind):
        raise InteropError(f"{path} has no {key}; expected a {kind.__name__}.")
    return value


# -- NAM -----------------------------------------------------------------------------------------


def read_nam(content: Mapping[str, Any], path: str) -> Imported:
    """Read a model of Neural Amp Modeler.

    Raises
    ------
    InteropError
        It is no LSTM, or the number of weights does not fit its sizes.
    """
    architecture = content.get("architecture")
    if architecture != "LSTM":
        raise InteropError(
            f"{path} is a {printable(architecture, 40)} of NAM; expected an LSTM, because bptt has "
            f"no convolution over time."
        )
    config = _part(content, "config", dict, path)
    n_x, n_a = _size(config, "input_size", path), _size(config, "hidden_size", path)
    n_layers = _size(config, "num_layers", path)
    n_y = _size(config, "out_channels", path, 1)
    each = [4 * n_a * (n_in + n_a + 1) + 2 * n_a for n_in in (n_x, n_a)]
    count = each[0] + (n_layers - 1) * each[1] + n_y * (n_a + 1)
    weights = array(_part(content, "weights", list, path), f"{path}: weights")
    if weights.shape != (count,):
        raise InteropError(
            f"{path} has {weights.size} weights; expected {count}, because it has {n_layers} "
            f"layers of {n_a} units, {n_x} inputs and {n_y} outputs."
        )
    at = 0

    def take(*shape: int) -> np.ndarray:
        nonlocal at
        at += int(np.prod(shape))
        return weights[at - int(np.prod(shape)) : at].reshape(shape)

    layer = LSTM(n_x, n_a, n_layers=n_layers)
    parameters: dict[str, np.ndarray] = {}
    a0, c0 = [], []
    for slot in layer.slots:
        both, bias = take(4 * n_a, slot.n_in + n_a), take(4 * n_a)
        blocks = Blocks(both[:, : slot.n_in], both[:, slot.n_in :], bias)
        own = from_blocks("lstm", blocks, "nam", like=path)
        parameters |= {f"lstm0.{slot.prefix}{key}": p for key, p in own.items()}
        a0.append(take(1, n_a))
        c0.append(take(1, n_a))
    head, bias = take(n_y, n_a), take(n_y, 1)
    parameters |= {"lstm0.a0": np.stack(a0), "lstm0.c0": np.stack(c0)}
    parameters |= {"dense0.Wy": head.copy(), "dense0.by": bias.copy()}
    network = Network([layer, Dense(n_a, n_y)], initial_state="learned")
    rate = content.get("sample_rate")
    return Imported(
        format=f"NAM {printable(content.get('version', ''), 20)}".strip(),
        path=path,
        model=(network, parameters),
        notes=(
            "It begins in the states of the file; NAM itself then runs half a second of zeros.",
        ),
        metadata={"sample_rate": rate} if isinstance(rate, (int, float)) else {},
    )


# -- GuitarML ------------------------------------------------------------------------------------


def read_guitarml(content: Mapping[str, Any], path: str) -> Imported:
    """Read a model of GuitarML's training: Proteus, NeuralPi, SmartAmp.

    Raises
    ------
    InteropError
    """
    about, state = _part(content, "model_data", dict, path), content["state_dict"]
    tensors = {name: array(v, f"{path}: {name}") for name, v in state.items()}
    whole = from_tensors(tensors, format="GuitarML", path=path)
    if whole.modules.keys() != {"rec", "lin"} or whole.tensors:
        raise InteropError(
            f"{path} has the modules {', '.join(map(printable, whole.modules))}; expected rec and "
            f"lin, of a {printable(about.get('model'), 40)}."
        )
    network, parameters = whole.chain("rec", "lin")
    skip, n_out = about.get("skip", 0), network.layers["lin"].n_out
    if type(skip) is not int or not 0 <= skip <= min(network.n_in, n_out):
        raise InteropError(f"{path} has skip {printable(skip, 40)}; expected 0 or 1.")
    if skip:
        network = ResidualNetwork(network.layers, n_skip=skip)
    return Imported(
        format="GuitarML",
        path=path,
        model=(network, parameters),
        notes=whole.notes,
        metadata=_sample_rate(about) | _sample_rate(content),
    )


def _sample_rate(about: Mapping[str, Any]) -> dict[str, float]:
    """Return the sample rate that a file gives, if it gives one."""
    for key in ("sample_rate", "samplerate", "sampleRate"):
        value = about.get(key)
        if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
            value = float(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            return {"sample_rate": value}
    return {}


# -- RTNeural and AIDA-X -------------------------------------------------------------------------


def _recurrent(cell: str) -> Callable[[list[np.ndarray], str], tuple[Layer, dict[str, np.ndarray]]]:
    def read(weights: list[np.ndarray], where: str) -> tuple[Layer, dict[str, np.ndarray]]:
        if len(weights) != 3 or any(w.ndim != 2 for w in weights[:2]):
            raise InteropError(f"{where} has {len(weights)} arrays; expected kernel, state, bias.")
        W, U, b = weights
        biases = (b[0], b[1]) if b.ndim == 2 and len(b) == 2 else (b, None)
        own = from_blocks(cell, Blocks(W, U, *biases), "rtneural", like=where)
        return recurrent_layer(cell, W.shape[0], U.shape[0]), own

    return read


def _dense(weights: list[np.ndarray], where: str) -> tuple[Layer, dict[str, np.ndarray]]:
    W = weights[0] if weights else np.zeros(0, np.float32)
    b = weights[1] if len(weights) > 1 else np.zeros(W.shape[-1:], np.float32)
    if W.ndim != 2 or b.shape != W.shape[1:]:
        raise InteropError(f"{where} has weights {W.shape} and {b.shape}; expected (n_a, n_y).")
    own = {"Wy": np.ascontiguousarray(W.T), "by": b[:, np.newaxis].astype(np.float32)}
    return Dense(len(W), len(b)), own


_LAYERS = {
    "lstm": _recurrent("lstm"),
    "gru": _recurrent("gru_reset_after"),
    "dense": _dense,
    "time-distributed-dense": _dense,
}


def read_rtneural(content: Mapping[str, Any], path: str) -> Imported:
    """Read a model of RTNeural, or of AIDA-X.

    Raises
    ------
    InteropError
        It has a layer that bptt has not, or the shapes do not fit one another.
    """
    layers: dict[str, Layer] = {}
    parameters: dict[str, np.ndarray] = {}
    for k, entry in enumerate(_part(content, "layers", list, path)):
        kind = entry.get("type") if isinstance(entry, dict) else None
        where = f"{path}: layer {k} ({printable(kind, 40)})"
        if not isinstance(kind, str) or kind not in _LAYERS:
            raise InteropError(f"{where} is not known; expected one of {', '.join(_LAYERS)}.")
        weights = [array(w, where) for w in _part(entry, "weights", list, where)]
        layer, own = _LAYERS[kind](weights, where)
        name = f"{type(layer).__name__.lower()}{k}"
        layers[name] = layer
        parameters |= {f"{name}.{key}": p for key, p in own.items()}
        function = entry.get("activation") or ""
        if function and not isinstance(layer, Recurrent):
            if function not in ("tanh", "relu", "sigmoid", "softmax", "elu"):
                raise InteropError(
                    f"{where} has the activation {printable(function, 40)}; expected tanh, relu, "
                    f"sigmoid, softmax or elu."
                )
            layers[f"activation{k}"] = Activation(layer.n_out, function)
    network, notes = _with_gains(content, layers, parameters, path)
    audio = "in_skip" in content or "in_gain" in content or "input_batch" in content
    metadata = content.get("metadata")
    rate = _sample_rate(content) | _sample_rate(metadata if isinstance(metadata, dict) else {})
    return Imported(
        format="AIDA-X" if audio else "RTNeural",
        path=path,
        model=(network, {k: np.ascontiguousarray(p) for k, p in parameters.items()}),
        notes=notes,
        metadata=rate,
    )


def _with_gains(content, layers, parameters, path) -> tuple[Network, tuple[str, ...]]:
    """Return the network; gains in dB become factors of the first and last weights."""
    network = Network(layers)
    gains = []
    for key in ("in_gain", "out_gain"):
        value = content.get(key, 0)
        if not isinstance(value, (int, float)) or not abs(value) < 200:
            raise InteropError(f"{path} has {key} {printable(value, 40)}; expected dB.")
        gains.append(10 ** (value / 20))
    before, after = gains
    first, *_, last = (*network.layers, *network.layers)
    notes = []
    if before != 1:
        _scale_input(network.layers[first], parameters, first, before)
        notes.append(f"in_gain is a factor of {before:.4g} of the first weights.")
    if after != 1:
        if not isinstance(network.layers[last], Dense):
            raise InteropError(f"{path} has out_gain after {last}; expected a dense layer there.")
        for key in ("Wy", "by"):
            parameters[f"{last}.{key}"] = np.float32(after) * parameters[f"{last}.{key}"]
        notes.append(f"out_gain is a factor of {after:.4g} of the last weights.")
    if content.get("in_skip", 0):
        network = ResidualNetwork(network.layers, gain=before * after)
    return network, tuple(notes)


def _scale_input(layer, parameters, name, factor) -> None:
    """Multiply the weights of the input of a layer."""
    if isinstance(layer, Dense):
        parameters[f"{name}.Wy"] = np.float32(factor) * parameters[f"{name}.Wy"]
        return
    for key in layer.cell.weights:
        columns = np.ones(layer.n_a + layer.n_x, np.float32)
        columns[layer.n_a :] = factor
        parameters[f"{name}.{key}"] = parameters[f"{name}.{key}"] * columns
