"""Counts and sums that scores are computed from: those of parts of the data add up."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from ..readers import Data
from .spans import count_spans


def in_parts(data: Data | Iterable[Data]) -> Iterable[Data]:
    """Return the parts of data: one, unless it is given in parts."""
    return [data] if isinstance(data, Data) else data


class LabelTally:
    """How often each true label was predicted as each label.

    Attributes
    ----------
    pairs : Counter
        Of (true, predicted).
    spans : tuple of Counter
        By type: spans that are predicted rightly, predicted, and true.
    unknown : Counter
        Labels, as they were given, that are no classes of the model.
    """

    def __init__(self) -> None:
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.spans: tuple[Counter[str], Counter[str], Counter[str]] = (
            Counter(), Counter(), Counter(),
        )  # fmt: skip
        self.unknown: Counter[object] = Counter()

    def add(
        self, truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], spans: bool
    ) -> None:
        """Count the labels of sequences; with `spans`, those that they form too."""
        for own, guess in zip(truth, predicted, strict=True):
            self.pairs.update(zip(own, guess, strict=True))
        if spans:
            for counter, more in zip(self.spans, count_spans(truth, predicted)[1], strict=True):
                counter.update(more)

    @property
    def n(self) -> int:
        """The number of labels."""
        return self.pairs.total()

    @property
    def accuracy(self) -> float:
        """The share of labels that are predicted rightly."""
        return sum(count for (own, guess), count in self.pairs.items() if own == guess) / self.n


class ErrorTally:
    """Sums of the errors of predicted numbers, for each of k targets.

    The spread of the true numbers around their mean is added up as by Chan, Golub and LeVeque
    (1979), without the differences of large sums.
    """

    def __init__(self) -> None:
        self.n: int = 0
        self._mean = self._spread = self._squares = self._distances = np.zeros(1)

    def add(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Add the errors of n sequences, (n,) or (n, k)."""
        truth, predicted = (np.asarray(a, np.float64).reshape(len(a), -1)
                            for a in (truth, predicted))  # fmt: skip
        m, n = len(truth), self.n + len(truth)
        with np.errstate(over="ignore", invalid="ignore"):  # numbers too large to square
            mean, error = truth.mean(axis=0), truth - predicted
            shift = mean - self._mean
            own = np.sum((truth - mean) ** 2, axis=0)
            self._spread = self._spread + own + shift**2 * (self.n * m / n)
            self._mean = self._mean + shift * (m / n)
            self._squares = self._squares + np.sum(error**2, axis=0)
            self._distances = self._distances + np.sum(np.abs(error), axis=0)
        self.n = n

    @property
    def r2(self) -> float:
        """The coefficient of determination, as `bptt.models.metrics.r2` computes it."""
        residual, total = self._squares, self._spread
        share = np.divide(residual, total, out=(residual > 0).astype(float), where=total > 0)
        return float(np.mean(1 - share))

    @property
    def rmse(self) -> np.ndarray:
        """The root mean square error of each target."""
        return np.sqrt(self._squares / self.n)

    @property
    def mae(self) -> np.ndarray:
        """The mean absolute error of each target."""
        return self._distances / self.n
