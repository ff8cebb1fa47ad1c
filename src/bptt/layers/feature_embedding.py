"""FeatureEmbedding: numeric features as they are, categorical ones as vectors."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..checks import ParameterChecker, is_whole
from ..errors import ConfigError, ShapeError, operation
from .base import whole_number
from .embedding import Embedding
from .stepwise import StepwiseLayer, sum_by_index

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class FeatureEmbedding(StepwiseLayer):
    """Embed the categorical features of every time step; keep its numeric features.

    A time step is an array of n_in floats, whole numbers in 0..n_tokens-1 in the categorical
    columns. The output has the numeric columns, unchanged and in order, then the vectors of the
    categorical columns. The parameters are ``column3.We`` (n_tokens, n_x), one for each categorical
    column.

    Parameters
    ----------
    n_in : int
        Columns of a step.
    tokens : dict of int to (int, int)
        For a categorical column, by its index: the number of distinct values, and the features of a
        value's vector. The other columns are numeric.
    scale : float
        Standard deviation of the initial vectors.

    Examples
    --------
    >>> layer = FeatureEmbedding(3, {1: (4, 2)})
    >>> parameters = layer.init(np.random.default_rng(0))
    >>> x = np.array([[[0.5, 3, -1.0], [2.0, 0, 1.0]]], np.float32)
    >>> y, _, _ = layer.forward(x, parameters)
    >>> y.shape, y[0, :, :2].tolist()
    ((1, 2, 4), [[0.5, -1.0], [2.0, 1.0]])
    """

    by_rows = True

    @operation
    def __init__(self, n_in: int, tokens: Mapping[int, tuple[int, int]], *, scale: float = 0.1):
        self.n_in: int = whole_number("n_in", n_in)
        self.embeddings: dict[int, Embedding] = {}
        if not isinstance(tokens, Mapping):
            kind = type(tokens).__name__
            raise ConfigError(f"tokens is a {kind}; expected a dict, such as {{3: (12, 4)}}.")
        for column in tokens:
            if not is_whole(column) or not 0 <= column < self.n_in:
                raise ConfigError(f"tokens has column {column!r}; expected 0..{self.n_in - 1}.")
        for column in sorted(tokens):
            sizes = tokens[column]
            if not isinstance(sizes, (tuple, list)) or len(sizes) != 2:
                raise ConfigError(
                    f"tokens of column {column} are {sizes!r}; expected (values, features)."
                )
            self.embeddings[int(column)] = Embedding(*sizes, scale=scale)
        self.numeric: list[int] = [j for j in range(self.n_in) if j not in self.embeddings]
        self.n_out: int = len(self.numeric) + sum(e.n_out for e in self.embeddings.values())
        self._names = {j: f"column{j}.We" for j in self.embeddings}
        sizes = {f"n_tokens{j}": e.n_in for j, e in self.embeddings.items()}
        sizes |= {f"n_x{j}": e.n_out for j, e in self.embeddings.items()}
        table = {name: f"n_tokens{j} n_x{j}" for j, name in self._names.items()}
        self._check = ParameterChecker(table, sizes)

    def __repr__(self) -> str:
        tokens = {j: (e.n_in, e.n_out) for j, e in self.embeddings.items()}
        return f"FeatureEmbedding({self.n_in}, {tokens})"

    def init(
        self, rng: "np.random.Generator", dtype: "DTypeLike" = np.float32
    ) -> dict[str, np.ndarray]:
        """Draw the vectors from a normal distribution."""
        return {self._names[j]: e.init(rng, dtype)["We"] for j, e in self.embeddings.items()}

    def weights(self) -> tuple[str, ...]:
        """Return the names of the parameters that weight decay acts on: all."""
        return tuple(self._names.values())

    def _checked(self, name, x, axes, parameters):
        return self._check.arrays(parameters, n_in=self.n_in).array(name, x, f"{axes} n_in")

    def _map(self, name, rows, own, keep_tape):
        ids = {j: self._ids(name, rows[:, j], j) for j in self.embeddings}
        vectors = (own[self._names[j]][ids[j]] for j in self.embeddings)
        return np.concatenate([rows[:, self.numeric], *vectors], axis=1), ids

    def _ids(self, name, column, j):
        """Return a categorical column as integers within its table."""
        n = self.embeddings[j].n_in
        wrong = ~((column >= 0) & (column < n) & (column == np.floor(column)))
        if wrong.any():
            raise ShapeError(
                f"{name} holds {column[wrong][0]:g} in column {j}; expected whole numbers in "
                f"0..{n - 1}, because the column is categorical."
            )
        return column.astype(np.int64)

    def _map_backward(self, kept, d_rows, own, need_dx, parts):
        gradients, start = {}, len(self.numeric)
        for j, name in self._names.items():
            end = start + self.embeddings[j].n_out
            gradients[name] = sum_by_index(own[name].shape, kept[j], d_rows[:, start:end], parts)
            start = end
        if not need_dx:
            return None, gradients
        d_in = np.zeros((len(d_rows), self.n_in), d_rows.dtype)  # 0 in the categorical columns
        d_in[:, self.numeric] = d_rows[:, : len(self.numeric)]
        return d_in, gradients
