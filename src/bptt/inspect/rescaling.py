"""Temporal saliency rescaling: attributions that tell steps and features apart."""

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from ..checks import is_number
from ..errors import ConfigError, operation
from .attribution import Method, attribute
from .baselines import vectors
from .inputs import read

_METHODS = get_args(Method)[:4]  # the others draw from the sequences that they are given, or orders


@operation
def temporal_rescaling(
    model: Any,
    X: Any,
    parameters: Mapping[str, np.ndarray] | None = None,
    *,
    method: Method = "integrated_gradients",
    quantile: float = 0.55,
    target: Any = None,
    step: int = -1,
    steps: int = 64,
) -> list[np.ndarray]:
    """Return the importance of each step and feature by temporal saliency rescaling.

    Ismail et al. (2020), algorithm 1: the relevance of a step is how far all contributions move,
    as a sum of absolute differences, where its features are replaced by zeros (of standardized
    numbers the mean); that of a feature at a step, where it alone is replaced. The importance is
    their product. A sequence of T steps and n features takes up to 1 + T + T n attributions.

    Parameters
    ----------
    model, X, parameters, target, step, steps
        As for `attribute`; of series of numbers.
    method : {"gradient", "gradient_x_input", "integrated_gradients", "occlusion"}
    quantile : float, in [0, 1]
        Steps whose relevance is below this quantile have the importance 0, and take no attribution
        for each feature. Default: that of TSInterpret.

    Returns
    -------
    list of ndarray of float64, each (T_i, n_x)
        At least 0.

    Raises
    ------
    ConfigError, ShapeError
        As for `attribute`; the network reads tokens or categories.

    Examples
    --------
    >>> from bptt import RNN, Dense, Network
    >>> network = Network([RNN(2, 3), Dense(3, 2)])
    >>> parameters = network.init(np.random.default_rng(0), np.float64)
    >>> temporal_rescaling(network, [np.ones((4, 2))], parameters)[0].shape
    (4, 2)
    """
    if method not in _METHODS:
        raise ConfigError(f"method is {method!r}; expected one of {', '.join(_METHODS)}.")
    if not is_number(quantile) or not 0 <= quantile <= 1:
        raise ConfigError(f"quantile is {quantile!r}; expected a number from 0 to 1.")
    own = read(model, X, parameters)
    if vectors(own).first:
        raise ConfigError("the network reads tokens or categories; expected series of numbers.")
    given: dict[str, Any] = {"method": method, "per": "value", "step": step, "steps": steps}
    plain = attribute(model, X, parameters, target=target, **given)
    found = []
    for x, value, k in zip(own.arrays, plain.values, plain.targets.tolist(), strict=True):

        def relevance(cells: list[Any], x=x, value=value, k=k) -> np.ndarray:
            rows = np.repeat(x[np.newaxis], len(cells), axis=0)
            for row, cell in zip(rows, cells, strict=True):
                row[cell] = 0
            moved = attribute(own.network, list(rows), own.parameters, target=k, **given).values
            return np.array([np.abs(m - value).sum() for m in moved])

        time = relevance(list(range(len(x))))
        kept = np.nonzero(time >= np.quantile(time, quantile))[0]
        feature = np.zeros(value.shape)
        feature[kept] = relevance([(t, j) for t in kept for j in range(x.shape[1])]).reshape(
            len(kept), -1
        )
        found.append(time[:, np.newaxis] * feature)
    return found
