"""Begin the training of a model with the parameters of a network, such as an imported one."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..equations import CELLS
from ..errors import ConfigError
from ..layers import Dense, Dropout, Pool, Recurrent
from ..network import Network

HEAD = "dense0."  # the output layer of every model


def described(network: Network, parameters: Mapping[str, np.ndarray]) -> tuple[Any, Any]:
    """Return the hyper-parameters that build a network, and its parameters by the model's names.

    Parameters
    ----------
    network : Network
        Recurrent layers of one cell and size, a `Pool`, a `Dense` layer; the last two may be
        missing, and `Dropout` is not considered.
    parameters : dict of str to ndarray

    Returns
    -------
    options : dict
        cell, units, layers, bidirectional and, of a network that pools, pooling.
    start : dict of str to ndarray of float32

    Raises
    ------
    ConfigError
        No hyper-parameters describe the network.
    """
    own = [(n, layer) for n, layer in network.layers.items() if not isinstance(layer, Dropout)]
    recurrent = [(n, layer) for n, layer in own if isinstance(layer, Recurrent)]
    above = [layer for _, layer in own[len(recurrent) :]]
    kinds = [type(layer) for layer in above]
    first = recurrent[0][1] if recurrent else None
    same = first is not None and all(
        (r.cell, r.n_a, r.bidirectional) == (first.cell, first.n_a, first.bidirectional)
        for _, r in recurrent
    )
    plain = type(network) is Network and not network.initial_state_gradients(None)
    if first is None or not same or not plain or kinds not in ([], [Pool], [Dense], [Pool, Dense]):
        raise ConfigError(
            f"the network is {network!r}; expected recurrent layers of one cell and one number of "
            f"units, and above them at most a Pool and a Dense layer, because that is what a model "
            f"builds."
        )
    start: dict[str, np.ndarray] = {}
    kind, number = type(first).__name__.lower(), 0
    for name, layer in recurrent:
        for slot in layer.slots:
            new = f"{kind}{number + slot.layer}." + "reverse." * slot.reverse
            for key in slot.check.shapes:
                start[new + key] = parameters[f"{name}.{slot.prefix}{key}"]
        number += layer.n_layers
    if Dense in kinds:
        name = own[-1][0]
        start |= {f"{HEAD}{key}": parameters[f"{name}.{key}"] for key in ("Wy", "by")}
    options: dict[str, Any] = {
        "cell": first.cell.name if first.cell.name in CELLS else first.cell,
        "units": first.n_a,
        "layers": number,
        "bidirectional": first.bidirectional,
    }
    if above and isinstance(above[0], Pool):
        options["pooling"] = above[0].pooling
    return options, {name: np.asarray(p, np.float32) for name, p in start.items()}


def fitting_start(
    start: Mapping[str, np.ndarray], parameters: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the given parameters that training begins with.

    The output layer is left out where the training set has another number of classes or targets.

    Raises
    ------
    ConfigError
        The recurrent layers do not fit: the sequences have other features.
    """
    for name, p in start.items():
        if name not in parameters or (
            parameters[name].shape != p.shape and not name.startswith(HEAD)
        ):
            shape = parameters[name].shape if name in parameters else "none"
            raise ConfigError(
                f"the network given to from_network has {name} of the shape {p.shape}; the "
                f"training set needs {shape}: expected sequences with the features that the "
                f"network reads."
            )
    return {name: p for name, p in start.items() if parameters[name].shape == p.shape}
