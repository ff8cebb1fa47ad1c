"""The network of a model: dropout, recurrent layers, pooling and the output layer."""

from typing import Any

from ..layers import Dense, Dropout, Layer, Pool
from ..layers.pool import Pooling
from ..layers.recurrent import recurrent_layer
from ..network import Network


def recurrent_network(
    model: Any,
    below: list[Layer],
    n_x: int,
    n_out: int,
    *,
    bidirectional: bool = False,
    pooling: Pooling | None = None,
) -> Network:
    """Build the network that the hyper-parameters of a model describe.

    Parameters
    ----------
    model : Model
        Its `cell`, `units`, `layers`, `dropout`, `input_dropout` and `initial_state` are read.
    below : list of Layer
        What stands below the recurrent layers: an embedding, or nothing.
    n_x : int
        Features that the first recurrent layer reads.
    n_out : int
        Outputs of the network at each time step.
    bidirectional : bool
    pooling : {"last", "mean", "max"}, optional
        How the time steps of a sequence become one; they stay apart where None.
    """
    layers = list(below)
    if model.input_dropout:
        layers.append(Dropout(n_x, model.input_dropout))
    for k in range(model.layers):
        if k and model.dropout:
            layers.append(Dropout(n_x, model.dropout))
        layers.append(recurrent_layer(model.cell, n_x, model.units, bidirectional=bidirectional))
        n_x = layers[-1].n_out
    if pooling is not None:
        layers.append(Pool(n_x, pooling, bidirectional=bidirectional))
    if model.dropout:
        layers.append(Dropout(n_x, model.dropout))
    layers.append(Dense(n_x, n_out))
    return Network(layers, initial_state=model.initial_state)
