"""What a model's network reads: data in the user's form becomes arrays."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..checks import is_whole
from ..errors import ConfigError, ShapeError
from ..layers import Recurrent
from ..models import LanguageModel
from ..models.base import Model
from ..models.scikit_learn import check_fitted
from ..network import Network

END, UNKNOWN = "", "\ufffd"  # tokens of a language model without a text of their own
_ROWS = 2**13  # of a block


class Read(NamedTuple):
    """A network with its parameters, and the sequences that it reads."""

    network: Network
    parameters: Any
    arrays: list[np.ndarray]  # each (T_i, n_x), or (T_i,) of token ids


def read(source: Any, X: Any, parameters: Any = None, lengths: Any = None) -> Read:
    """Return what a model or a network reads of X, scaled and encoded as the model does.

    A forecaster reads the last window of each series.

    Raises
    ------
    ConfigError
        The model is not fitted; a network is given without parameters; X is empty or has NaN.
    ShapeError
    """
    if isinstance(source, Network):
        found = _of_network(source, X, parameters, lengths)
    else:
        found = _of_model(source, X, parameters, lengths)
    if not sum(map(len, found.arrays)):
        raise ConfigError("X holds no step at all; expected at least one.")
    for i, x in enumerate(found.arrays):
        if not np.isfinite(x).all():
            step = int(np.nonzero(~np.isfinite(x).reshape(len(x), -1).all(axis=1))[0][0])
            raise ConfigError(f"X[{i}] has a value that is not finite at step {step}.")
    return found


def _of_network(network, X, parameters, lengths):
    if parameters is None:
        raise ConfigError("parameters is None; expected those of the network: a dict of arrays.")
    if isinstance(X, np.ndarray) and X.ndim not in (2, 3):
        raise ShapeError(f"X has shape {X.shape}; expected (m, T_x) or (m, T_x, n_x), or a list.")
    counts = [len(x) for x in X] if lengths is None else [int(n) for n in lengths]
    if len(counts) != len(X) or any(not 0 <= n <= len(x) for n, x in zip(counts, X, strict=False)):
        raise ShapeError(f"lengths has {len(counts)} values; expected {len(X)}, each within X.")
    return Read(network, parameters, [np.asarray(x)[:n] for x, n in zip(X, counts, strict=True)])


def _of_model(model, X, parameters, lengths):
    if not isinstance(model, Model):
        raise ConfigError(
            f"the model is a {type(model).__name__}; expected a fitted model or a bptt.Network."
        )
    check_fitted(model)
    own = model.parameters_ if parameters is None else parameters
    return Read(model.network_, own, model.network_inputs(X, lengths))


def need_counts(**counts: Any) -> None:
    """Refuse numbers of things that are not whole numbers of at least 1.

    Raises
    ------
    ConfigError
    """
    for name, value in counts.items():
        if not is_whole(value) or value < 1:
            raise ConfigError(f"{name} is {value!r}; expected a whole number of at least 1.")


def blocks(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield some rows of a long array at a time, in float64: a whole copy would take too much."""
    for begin in range(0, len(values), _ROWS):
        yield values[begin : begin + _ROWS].astype(np.float64)


def output_names(model: Any) -> list[Any] | None:
    """Return what the outputs of a model stand for: classes, or tokens; None where they do not."""
    if isinstance(model, LanguageModel):
        return [UNKNOWN, *model.vocabulary_, *[END] * model.documents_]
    return model.classes_.tolist() if hasattr(model, "classes_") else None


def output_index(target: Any, names: list[Any] | None, n: int) -> int:
    """Return the index of an output that is given by name, or by number where names are texts.

    Raises
    ------
    ConfigError
        There is no such output.
    """
    if names is not None and target in names:
        return names.index(target)
    by_number = names is None or all(isinstance(name, str) for name in names)
    if by_number and is_whole(target) and 0 <= target < n:
        return int(target)
    listed = f"{', '.join(map(repr, (names or [])[:20]))}{', ...' * (len(names or []) > 20)}"
    expected = [f"one of {listed}"] * bool(names) + [f"0 to {n - 1}"] * by_number
    raise ConfigError(f"target is {target!r:.60}; expected {', or '.join(expected)}.")


def name_list(names: Any) -> tuple[str, ...]:
    """Return names, or patterns of names, that are given as a str or several.

    Raises
    ------
    ConfigError
    """
    several = isinstance(names, Iterable) and not isinstance(names, str)
    found: tuple[Any, ...] = tuple(names) if several else (names,)
    if not all(isinstance(name, str) for name in found):
        raise ConfigError(f"names is {names!r:.60}; expected a str, or a list of them.")
    return found


def one_recurrent(network: Network, layer: str | None) -> tuple[str, Recurrent]:
    """Return a recurrent layer by name; the last one where it is None.

    Raises
    ------
    ConfigError
        There is no such layer, or it is bidirectional.
    """
    found = {n: own for n, own in network.layers.items() if isinstance(own, Recurrent)}
    if not found:
        raise ConfigError("the network has no recurrent layer; expected at least one.")
    name = list(found)[-1] if layer is None else layer
    if name not in found:
        raise ConfigError(f"there is no recurrent layer {name!r}; expected {', '.join(found)}.")
    if found[name].bidirectional:
        raise ConfigError(f"{name} is bidirectional; expected a layer of one direction.")
    return name, found[name]
