"""A network that is made of Keras' layers, one after the other, and what all of them use."""

from typing import Any

import numpy as np

from ..equations.nonlinearities import DEFAULTS, nonlinearity
from ..errors import BpttError, InteropError
from ..layers import Activation, Layer
from ..layers.base import Parameters
from ..network import Network
from ..safe_files import printable
from .imported import Mask
from .keras_config import KerasLayer, of_tensorflow, version_number

__all__ = ["Building", "UnknownLayer", "activate", "activation_name", "number", "refuse", "shown"]

Dims = tuple[int | None, ...] | None


class UnknownLayer(InteropError):
    """A layer that bptt does not have."""


class Building:
    """The layers of a network, added one after the other.

    Parameters
    ----------
    version : str
        Of Keras, "2.3.0-tf": hard_sigmoid and masks differ.
    where : str
        The file, for error messages.
    dims : tuple, or None
        Of the input.
    """

    def __init__(self, version: str, where: str, dims: Dims = None):
        self.where, self.dims = where, dims
        self.version, self.of_tensorflow = version_number(version), of_tensorflow(version)
        self.layers: dict[str, Layer] = {}
        self.parameters: dict[str, np.ndarray] = {}
        self.mask: Mask | None = None
        self.masked = False  # whether the next layer is given a mask
        self.notes: list[str] = []
        self.maxlen: int | None = None

    def network(self) -> tuple[Network, dict[str, np.ndarray]]:
        """Return the network and its parameters, all of one dtype."""
        if not self.layers:
            raise InteropError(f"{self.where} has no layer that computes anything; expected one.")
        try:
            network = Network(self.layers)
        except BpttError as error:
            raise InteropError(f"{self.where}: layers do not fit: {error}") from error
        dtypes = {p.dtype for p in self.parameters.values()}
        dtype = np.float64 if dtypes == {np.dtype(np.float64)} else np.float32
        return network, {k: p.astype(dtype, copy=False) for k, p in self.parameters.items()}

    def put(self, name: str, layer: Layer, parameters: Parameters | None = None) -> None:
        """Add a layer of bptt under a name that no other has."""
        name = printable(name, 100).replace(".", "_").replace("/", "_") or "layer"
        base, number = name, 1
        while name in self.layers:
            name, number = f"{base}_{number}", number + 1
        self.layers[name] = layer
        shapes = layer.shapes()
        for key, p in (parameters or {}).items():
            if p.shape != shapes.get(key, p.shape):
                raise InteropError(
                    f"{self.where}: {key} of {name!r} has shape {p.shape}; expected "
                    f"{shapes[key]}, as the other weights of the layer have it."
                )
            self.parameters[f"{name}.{key}"] = p

    def features(self, layer: KerasLayer, known: int | None = None) -> int:
        """Return the features of the input, from the layer before or as the weights have them."""
        n = self.dims[-1] if self.dims else None
        if known is not None and n not in (None, known):
            raise InteropError(
                f"{self.where}: {shown(layer)} takes {known} features; expected {n}, because "
                f"that is what the layer before gives."
            )
        if known is None and n is None:
            raise InteropError(
                f"{self.where}: {shown(layer)} has an input of unknown size; expected a model "
                f"whose input shape the file has."
            )
        return known if known is not None else n  # type: ignore[return-value]

    def take_shape(self, layer: KerasLayer) -> None:
        """Take the shape of the input from the configuration of the first layer."""
        shape = layer.config.get("batch_input_shape") or layer.config.get("batch_shape")
        if self.dims is None and not self.layers and isinstance(shape, list) and shape:
            self.dims = tuple(self._size(n, layer) for n in shape[1:])

    def _size(self, n: Any, layer: KerasLayer) -> int | None:
        if n is None or (isinstance(n, int) and not isinstance(n, bool) and 0 < n <= 2**30):
            return n
        raise InteropError(f"{self.where}: {shown(layer)} has an input of {printable(n, 40)}.")

    def ends_mask(self, layer: KerasLayer) -> None:
        """Note that a layer takes no mask, so that masked steps count from there."""
        if self.masked:
            self.masked = False
            self.notes.append(f"{shown(layer)} takes no mask: masked steps count from there.")


def shown(layer: KerasLayer) -> str:
    """Return the class and the name of a layer, for messages."""
    return f"{printable(layer.kind, 60)} {printable(layer.name, 60)!r}"


def activation_name(value: Any, version: int, where: str) -> str:
    """Return bptt's name of an activation of Keras, with its numbers.

    Parameters
    ----------
    value : str, dict or None
        As a configuration has it.
    version : int
        Of Keras: hard_sigmoid is min(max(0.2 x + 0.5, 0), 1) until 2, with 1/6 from 3 on.

    Raises
    ------
    InteropError
    """
    if isinstance(value, dict):
        inner = value.get("config")
        value = inner if isinstance(inner, str) else value.get("class_name")
    if value is None:
        return "linear"
    if value == "hard_sigmoid" and version >= 3:
        return nonlinearity("hard_sigmoid", 1 / 6, 0.5).name
    if value == "leaky_relu":
        return nonlinearity("leaky_relu", 0.2).name
    if isinstance(value, str) and (value == "softmax" or value in _PLAIN):
        return value
    raise InteropError(
        f"{where} has the activation {printable(value, 60)!r}; expected one of softmax, "
        f"leaky_relu, {', '.join(_PLAIN)}."
    )


_PLAIN = tuple(n for n in DEFAULTS if n not in ("thresholded_relu", "scaled_tanh", "leaky_relu"))


def activate(b: Building, layer: KerasLayer, value: Any, n: int) -> None:
    """Add an activation unless it is linear."""
    name = activation_name(value, b.version, f"{b.where}: {shown(layer)}")
    if name != "linear":
        b.put(f"{layer.name}_{name.partition('_0p')[0]}", Activation(n, name))


def number(layer: KerasLayer, *names: str, default: float | None = None) -> float:
    """Return a number of a configuration, under the first name that is there."""
    for name in names:
        value = layer.config.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
    if default is None:
        raise InteropError(f"{shown(layer)} has no number {names[0]}; expected one.")
    return default


def refuse(b: Building, layer: KerasLayer, *keys: str) -> None:
    """Refuse a layer that has one of these options."""
    for key in keys:
        if layer.config.get(key):
            raise InteropError(f"{b.where}: {shown(layer)} has {key} = true; expected false.")
