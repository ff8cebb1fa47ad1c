"""What a model trains on: the sequences that are held out, and the weights of the others."""

from typing import Any

import numpy as np

from ..errors import ConfigError, ShapeError


def held_out(
    n: int, fraction: float, rng: np.random.Generator, classes: np.ndarray | None = None
) -> np.ndarray:
    """Draw the sequences that are held out for validation.

    Parameters
    ----------
    n : int
        Number of sequences.
    fraction : float
        ``int(fraction * n)`` sequences are held out, fewer where classes are too small.
    rng : numpy.random.Generator
    classes : ndarray of int, shape (n,), optional
        Class index of each sequence. Each class is then held out in the same proportion, as far as
        whole numbers allow, and keeps at least one sequence to train on.

    Returns
    -------
    ndarray of int64
        Sorted indices.
    """
    count = int(fraction * n)
    if not count:
        return np.zeros(0, np.int64)
    order = rng.permutation(n)
    if classes is None:
        return np.sort(order[:count])
    sizes = np.bincount(classes)
    most = np.maximum(sizes - 1, 0)
    exact = fraction * sizes
    taken = np.minimum(exact.astype(np.int64), most)
    while taken.sum() < min(count, most.sum()):  # to the class that lacks most
        taken[np.argmax(np.where(taken < most, exact - taken, -np.inf))] += 1
    parts = [order[classes[order] == k][:m] for k, m in enumerate(taken)]
    return np.sort(np.concatenate(parts))


def sample_weights(given: Any, n: int) -> np.ndarray | None:
    """Return the weights of n sequences as an array, or None where none are given.

    Raises
    ------
    ShapeError, ConfigError
        Not one weight for each sequence; a negative weight, NaN or infinity; only zeros.
    """
    if given is None:
        return None
    try:
        weights = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise ShapeError("sample_weight holds no numbers; expected a number >= 0 each.") from None
    if weights.shape != (n,):
        raise ShapeError(
            f"sample_weight has shape {weights.shape}; expected ({n},), one weight for each "
            f"sequence."
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        i = wrong[0]
        raise ConfigError(f"sample_weight[{i}] is {weights[i]:g}; expected a finite number >= 0.")
    if n and not weights.any():
        raise ConfigError("sample_weight is zero for every sequence; expected one above 0.")
    return weights


def loss_factors(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return weights divided by their mean, in which each sequence counts `counts` times.

    So the loss keeps its size: weights that are all equal change nothing.
    """
    return weights / np.average(weights, weights=np.maximum(counts, 1))
