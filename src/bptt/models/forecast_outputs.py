"""What a forecaster's network predicts of each value: a point, a distribution, or quantiles.

An output object reads network outputs as *parts*, arrays (n_outputs, m, steps, k) in scaled units
(those of counts: in the units of the series), and computes forecasts from them. A new output is one
class and one entry of `OUTPUTS`.
"""

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Literal

import numpy as np

from ..checks import require_finite
from ..equations.distributions import softplus
from ..errors import ConfigError
from ..training import GaussianNLL, NegativeBinomialNLL, Pinball, SquaredError, StudentTNLL
from ..training.objectives import Objective
from .quantiles import negative_binomial_quantile, student_t_quantile
from .scales import Scales

OutputName = Literal["point", "gaussian", "student_t", "negative_binomial", "quantile"]


class Output:
    """Base class of the outputs.

    Attributes
    ----------
    n_outputs : int
        Number of network outputs per forecast value.
    recursive : bool
        Whether a forecast can be made step by step, each step from the ones before it.
    counts : bool
        Whether the values are counts, and parts and forecasts in their units.
    """

    n_outputs: int = 1
    recursive: bool = True
    counts: bool = False

    def objective(self) -> Objective:
        """Return the objective that the network is trained by."""
        raise NotImplementedError

    def read(self, y: np.ndarray, base: np.ndarray, scale: float, scales: Scales) -> np.ndarray:
        """Turn network outputs y, shape (n_outputs, m, steps, k), into parts: y * scale + base."""
        return y * scale + base

    def point(self, parts: np.ndarray) -> np.ndarray:
        """Return the forecast, (m, steps, k)."""
        return parts[0]

    def tails(self, coverage: float) -> tuple[float, float]:
        """Return the levels of the ends of an interval of probability `coverage`.

        Raises
        ------
        ConfigError
            The output has no such interval.
        """
        return 0.5 - coverage / 2, 0.5 + coverage / 2

    def quantile(self, parts: np.ndarray, level: float) -> np.ndarray:
        """Return the quantile of a level in (0, 1), (m, steps, k)."""
        raise NotImplementedError

    def draw(self, parts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw values from the predicted distribution, (m, steps, k)."""
        raise NotImplementedError


class Point(Output):
    """A number, trained by squared error."""

    def objective(self) -> Objective:
        """Return the squared error."""
        return SquaredError()

    def tails(self, coverage: float) -> tuple[float, float]:
        """Raise ConfigError: a point has no intervals."""
        raise ConfigError(
            "output is 'point'; expected 'gaussian', 'student_t', 'negative_binomial' or "
            "'quantile' for intervals, or calibrate()."
        )


class Gaussian(Output):
    """Mean and variance of a Gaussian, trained by likelihood; parts are mean and deviation."""

    n_outputs: int = 2

    def objective(self) -> Objective:
        """Return the negative log-likelihood."""
        return GaussianNLL()

    def read(self, y: np.ndarray, base: np.ndarray, scale: float, scales: Scales) -> np.ndarray:
        """Return mean and standard deviation; the network predicts log variances."""
        return np.stack([y[0] * scale + base, np.exp(y[1] / 2) * scale])

    def quantile(self, parts: np.ndarray, level: float) -> np.ndarray:
        """Return the quantile of the Gaussian."""
        mean, deviation = parts
        return mean + NormalDist().inv_cdf(level) * deviation

    def draw(self, parts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw from the Gaussian."""
        mean, deviation = parts
        return mean + deviation * rng.standard_normal(mean.shape)


class StudentT(Output):
    """Student's t, trained by likelihood; parts are location, scale and degrees of freedom."""

    n_outputs: int = 3

    def objective(self) -> Objective:
        """Return the negative log-likelihood."""
        return StudentTNLL()

    def read(self, y: np.ndarray, base: np.ndarray, scale: float, scales: Scales) -> np.ndarray:
        """Return the parts, see `bptt.equations.distributions` (1)."""
        return np.stack([y[0] * scale + base, np.exp(y[1] / 2) * scale, 2 + softplus(y[2])])

    def quantile(self, parts: np.ndarray, level: float) -> np.ndarray:
        """Return the quantile of Student's t."""
        location, scale, nu = parts
        return location + student_t_quantile(level, nu) * scale

    def draw(self, parts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw from Student's t."""
        location, scale, nu = parts
        return location + scale * rng.standard_t(nu)


class NegativeBinomial(Output):
    """Negative binomial of counts, trained by likelihood; parts are mean and size, in their units.

    (10)  mean = unit log(1 + e^(y + offset)),  unit = standard deviation of the series * scale,
          offset = (mean of the series + naive forecast) / unit

    So an output of 0 stands for the naive forecast, cut off smoothly at 0; the second output is the
    logarithm of the dispersion alpha = 1 / size (`bptt.equations.distributions` (6)-(9)).
    """

    n_outputs: int = 2
    counts: bool = True

    def objective(self) -> Objective:
        """Return the negative log-likelihood."""
        return NegativeBinomialNLL()

    @staticmethod
    def offset(base: np.ndarray, scale: float, scales: Scales) -> tuple[np.ndarray, np.ndarray]:
        """Compute offset and unit of (10), both of the shape of base."""
        unit = scales.scale[:, np.newaxis] * scale
        return scales.mean[:, np.newaxis] / unit + base / scale, np.broadcast_to(unit, base.shape)

    def read(self, y: np.ndarray, base: np.ndarray, scale: float, scales: Scales) -> np.ndarray:
        """Return mean (10) and size."""
        offset, unit = self.offset(base.astype(np.float64), scale, scales)
        return np.stack([unit * softplus(y[0] + offset), np.exp(-y[1])])

    def quantile(self, parts: np.ndarray, level: float) -> np.ndarray:
        """Return the quantile, a whole number."""
        require_finite(parts)
        return negative_binomial_quantile(level, *parts)

    def draw(self, parts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw counts: Poisson with a mean from a gamma distribution."""
        require_finite(parts)
        mean, size = parts
        return rng.poisson(rng.gamma(size, mean / size)).astype(np.float64)


class Quantiles(Output):
    """Quantiles, trained by pinball loss; the median is the forecast.

    Parameters
    ----------
    levels : sequence of float
        Probabilities in (0, 1), increasing, 0.5 among them.
    """

    recursive: bool = False

    def __init__(self, levels: Sequence[float]):
        self.levels = levels
        self.n_outputs: int = len(levels)

    def objective(self) -> Objective:
        """Return the pinball loss."""
        return Pinball(self.levels)

    def read(self, y: np.ndarray, base: np.ndarray, scale: float, scales: Scales) -> np.ndarray:
        """Return the quantiles, sorted so that they do not cross (Chernozhukov et al. 2010)."""
        return np.sort(super().read(y, base, scale, scales), axis=0)

    def point(self, parts: np.ndarray) -> np.ndarray:
        """Return the median."""
        return self.quantile(parts, 0.5)

    def tails(self, coverage: float) -> tuple[float, float]:
        """Return the levels of the ends; raise ConfigError where they are not among `levels`."""
        tails = super().tails(coverage)
        if None in map(self._index, tails):
            raise ConfigError(
                f"coverage is {coverage:g}; expected one whose ends {tails[0]:g} and {tails[1]:g} "
                f"are among the levels {tuple(self.levels)}."
            )
        return tails

    def quantile(self, parts: np.ndarray, level: float) -> np.ndarray:
        """Return the quantile of one of the levels."""
        return parts[self._index(level)]

    def _index(self, level):
        return next((i for i, q in enumerate(self.levels) if abs(q - level) < 1e-9), None)


OUTPUTS: dict[OutputName, Callable[[Sequence[float]], Output]] = {
    "point": lambda levels: Point(),
    "gaussian": lambda levels: Gaussian(),
    "student_t": lambda levels: StudentT(),
    "negative_binomial": lambda levels: NegativeBinomial(),
    "quantile": Quantiles,
}
