"""Calendar features: the hour, the day and the month of a date as points on a circle.

Of a period P, with v the number of the hour, day or month:

(1)  f = [sin(2 pi v / P), cos(2 pi v / P)]
"""

from collections.abc import Callable, Sequence

import numpy as np


def _whole(times, unit):
    return times.astype(f"datetime64[{unit}]")


CALENDAR: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "minute": (60, lambda t: (_whole(t, "m") - _whole(t, "h")).astype(int)),
    "hour": (24, lambda t: (_whole(t, "h") - _whole(t, "D")).astype(int)),
    "dayofweek": (7, lambda t: _whole(t, "D").astype(int) + 3),  # 1970-01-01 was a Thursday
    "dayofyear": (365.25, lambda t: (_whole(t, "D") - _whole(t, "Y")).astype(int)),
    "month": (12, lambda t: _whole(t, "M").astype(int)),
}


def calendar_features(names: Sequence[str], times: np.ndarray) -> np.ndarray:
    """Compute (1) of each name: shape (n, 2 len(names)), sines and cosines in turn.

    Parameters
    ----------
    names : sequence of str
        Of `CALENDAR`.
    times : ndarray of datetime64, shape (n,)
    """
    features = []
    for name in names:
        period, number = CALENDAR[name]
        angle = 2 * np.pi * number(times) / period
        features += [np.sin(angle), np.cos(angle)]
    return np.stack(features, axis=-1) if features else np.zeros((len(times), 0))
