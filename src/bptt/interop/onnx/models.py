"""What stands around the network of a fitted model, as nodes of ONNX: its input and its output."""

from typing import Any

import numpy as np

from ...errors import InteropError
from ...layers import Embedding, Layer, WordEmbedding
from ...models import (
    Forecaster,
    LanguageModel,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
)
from ...models.supervised import SequenceModel
from .building import Builder


class Around:
    """Around a network alone: its input is x or tokens, its output y."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {}
        self.notes: list[str] = []

    def begin(self, b: Builder, first: Layer) -> str:
        """Declare the input; return what the first layer reads."""
        if isinstance(first, WordEmbedding):
            return b.input("tokens", "int64", "m", "T", "letters")
        if isinstance(first, Embedding):
            return b.input("tokens", "int64", "m", "T")
        return b.input("x", "float", "m", "T", first.n_in)

    def finish(self, b: Builder, y: str, n_out: int, pools: bool) -> None:
        """Declare the output."""
        self._put(b, y, "y", n_out, pools)

    def _put(self, b: Builder, y: str, name: str, n: int, pools: bool) -> None:
        shape: tuple[Any, ...] = ("m", n) if pools else ("m", "T", n)
        b.rename(b.reshape(y, -1, n) if pools else y, name)
        b.output(name, "float", *shape)


class AroundSequences(Around):
    """A classifier, regressor or tagger."""

    def __init__(self, model: SequenceModel):
        super().__init__()
        self.model, self.encoder = model, model.encoder_
        encoder = self.encoder
        self.metadata = {"model": type(model).__name__, "reads": encoder.kind}
        if encoder.names:
            self.metadata["features"] = list(encoder.names)
        if isinstance(model, (SequenceClassifier, SequenceTagger)):
            self.metadata["labels"] = model.classes_.tolist()
        if encoder.vocabulary is not None:
            self.metadata["vocabulary"] = list(encoder.vocabulary.tokens)
            self.metadata["lowercase"] = encoder.lowercase
            self.notes.append(
                f"the input is ids of {encoder.kind}: 1 + the place in the vocabulary of the "
                f"metadata, 0 for any other; splitting text into them stays behind"
            )
        if encoder.letters is not None:
            self.metadata["letters"] = list(encoder.letters.tokens)
            self.notes.append(
                "after its id each word has the ids of its characters: 2 + the place in letters of "
                "the metadata, 1 for any other, then zeros"
            )
        if encoder.filler.method in ("interpolate", "forward"):
            self.notes.append(
                f"filling missing values ({encoder.filler.method}) stays behind: the input must "
                f"have none"
            )

    def begin(self, b: Builder, first: Layer) -> str:
        """Declare the input; fill, scale, and turn categories into numbers from 0."""
        encoder = self.encoder
        if encoder.kind != "numbers":
            return super().begin(b, first)
        n = encoder.n_features
        x = b.input("x", "float", "m", "T", n)
        mean = np.zeros(n) if encoder.mean is None else encoder.mean
        scale = np.ones(n) if encoder.scale is None else encoder.scale
        masks = None
        if encoder.filler.n_masks:
            gone = b.add("IsNaN", x)
            x = b.add("Where", gone, b.constant(np.nan_to_num(encoder.filler.mean)), x)
            masks = b.add("Cast", gone, to=1)
        if encoder.mean is not None:
            scaled = b.add("Div", b.add("Sub", x, b.constant(mean)), b.constant(scale))
        else:
            scaled = x
        if encoder.categories:
            scaled = self._with_categories(b, x, scaled)
        return scaled if masks is None else b.add("Concat", scaled, masks, axis=2)

    def _with_categories(self, b: Builder, x: str, scaled: str) -> str:
        """Replace columns of categories by 1 + the place among the known values, else 0."""
        parts = []
        for j in range(self.encoder.n_features):
            column = b.constant([j], dtype=np.int64)
            values = self.encoder.categories.get(j)
            if values is None:
                parts.append(b.add("Gather", scaled, column, axis=2))
                continue
            if (np.abs(values) >= 2**24).any():
                raise InteropError(
                    f"column {j} has categories of 2**24 or more, which float32 does not hold; "
                    f"expected smaller numbers."
                )
            given = b.add("Gather", x, column, axis=2)  # (m, T, 1)
            known = b.constant(values.astype(np.float32))
            hit = b.add("Cast", b.add("Equal", given, known), to=1)
            place = b.constant(np.arange(1, len(values) + 1, dtype=np.float32)[:, np.newaxis])
            parts.append(b.add("MatMul", hit, place))
        return b.add("Concat", *parts, axis=2)

    def finish(self, b: Builder, y: str, n_out: int, pools: bool) -> None:
        """Declare probabilities, or predictions in their own units."""
        model = self.model
        if isinstance(model, SequenceRegressor):
            y = b.add("Add", b.add("Mul", y, b.constant(model.y_scale_)), b.constant(model.y_mean_))
            self._put(b, y, "prediction", n_out, pools)
        else:
            self._put(b, b.add("Softmax", y, axis=2), "probabilities", n_out, pools)


class AroundText(Around):
    """A language model."""

    def __init__(self, model: LanguageModel):
        super().__init__()
        self.metadata = {
            "model": type(model).__name__,
            "vocabulary": list(model.vocabulary_),
            "tokens": str(model.tokenizer),
        }
        self.notes.append(
            "the input is token ids: 1 + the place in the vocabulary of the metadata, 0 for any "
            "other; splitting text into tokens and sampling stay behind"
        )

    def finish(self, b: Builder, y: str, n_out: int, pools: bool) -> None:
        """Declare the logits."""
        self._put(b, y, "logits", n_out, pools)


class AroundForecast(Around):
    """A forecaster: windows in the units of the series, forecasts likewise."""

    def __init__(self, model: Forecaster):
        super().__init__()
        self.model = model
        k = len(model.mean_)
        direct = model.strategy == "direct"
        self.steps = model.horizon if direct else 1
        self.metadata = {
            "model": type(model).__name__, "window": model.window, "horizon": self.steps,
            "output": model.output, "levels": list(model.levels),
        }  # fmt: skip
        if hasattr(model, "feature_names_in_"):
            self.metadata["features"] = list(map(str, model.feature_names_in_))
        self.k = k
        if not direct:
            self.notes.append(
                "the forecast is one step: appending it to the window, step by step, stays behind"
            )
        if model.missing != "raise":
            self.notes.append("filling missing values stays behind: the window must have none")
        if model.missing == "indicator":
            self.notes.append("masks (batch, window, k) are 1 where a value was missing, else 0")
        if model.n_covariates:
            self.notes.append(
                "covariates (batch, window, n) are the last columns of network_inputs: making them "
                "of columns and dates stays behind"
            )
        if model._conformal is not None:
            self.notes.append("conformal intervals stay behind")
        self.own_scales = model.scaling == "series"
        if self.own_scales:
            self.notes.append(
                "mean and scale (batch, 1, k) are those of the series of each window: computing "
                "them stays behind"
            )
        elif np.max(np.abs(model.mean_) / model.scale_) > 2**12:
            self.notes.append("the window is float32, which rounds values far from 0 here")

    def begin(self, b: Builder, first: Layer) -> str:
        """Declare the window; scale it, and find what the forecast is relative to."""
        model, k = self.model, self.k
        window = b.input("window", "float", "m", model.window, k)
        if self.own_scales:
            self.mean, self.scale = (b.input(n, "float", "m", 1, k) for n in ("mean", "scale"))
        else:
            self.mean, self.scale = b.constant(model.mean_), b.constant(model.scale_)
        z = b.add("Div", b.add("Sub", window, self.mean), self.scale)
        last = b.add("Gather", z, b.constant([-1], dtype=np.int64), axis=1)
        self.base = None
        if model.residual != "none":
            places = model.window - model.season + np.arange(self.steps) % model.season
            self.base = b.add("Gather", z, b.constant(places, dtype=np.int64), axis=1)
        parts = [b.add("Sub", z, last) if model.residual == "window" else z]
        if model.missing == "indicator":
            parts.append(b.input("masks", "float", "m", model.window, k))
        if n := model.n_covariates:
            parts.append(b.input("covariates", "float", "m", model.window, n))
        return parts[0] if len(parts) == 1 else b.add("Concat", *parts, axis=2)

    def finish(self, b: Builder, y: str, n_out: int, pools: bool) -> None:
        """(m, 1, outputs * steps * k) -> forecast (m, steps, k), and quantiles or deviations."""
        model, k = self.model, self.k
        n = n_out // (self.steps * k)
        parts = b.reshape(y, -1, n, self.steps, k)
        change_scale = b.constant(np.float32(model.change_scale_))

        def part(i: int) -> str:
            return b.add("Gather", parts, b.constant(i, dtype=np.int64), axis=1)

        def value(raw: str) -> str:
            scaled = b.add("Mul", raw, change_scale)
            scaled = scaled if self.base is None else b.add("Add", scaled, self.base)
            return b.add("Add", b.add("Mul", scaled, self.scale), self.mean)

        if model.output == "quantile":
            levels = [value(part(i)) for i in range(n)]
            rows = (b.reshape(v, -1, 1, self.steps, k) for v in levels)
            stacked = b.add("Concat", *rows, axis=1)
            ordered = b.add("TopK", stacked, b.constant([n], dtype=np.int64), n_outputs=2, axis=1,
                            largest=0, sorted=1)[0]  # fmt: skip
            b.rename(ordered, "quantiles")
            b.output("quantiles", "float", "m", n, self.steps, k)
            median = list(model.levels).index(0.5)
            point = b.add("Gather", ordered, b.constant(median, dtype=np.int64), axis=1)
        elif model.output == "negative_binomial":
            unit = b.add("Mul", self.scale, change_scale)
            raw = b.add("Add", part(0), b.add("Div", self.mean, unit))
            if self.base is not None:
                raw = b.add("Add", raw, b.add("Div", self.base, change_scale))
            point = b.add("Mul", b.add("Softplus", raw), unit)
            b.rename(b.add("Exp", part(1)), "dispersion")
            b.output("dispersion", "float", "m", self.steps, k)
        else:
            point = value(part(0))
            if model.output in ("gaussian", "student_t"):
                half = b.add("Exp", b.add("Mul", part(1), b.constant(np.float32(0.5))))
                own = b.add("Mul", half, change_scale)
                b.rename(b.add("Mul", own, self.scale), "deviation")
                b.output("deviation", "float", "m", self.steps, k)
            if model.output == "student_t":
                nu = b.add("Add", b.add("Softplus", part(2)), b.constant(np.float32(2)))
                b.rename(nu, "degrees_of_freedom")
                b.output("degrees_of_freedom", "float", "m", self.steps, k)
        if model.nonnegative:
            point = b.add("Max", point, b.constant(np.float32(0)))
        b.rename(point, "forecast")
        b.output("forecast", "float", "m", self.steps, k)


def around(model: Any) -> Around:
    """Return what stands around the network of a model; None is a network alone."""
    if isinstance(model, SequenceModel):
        return AroundSequences(model)
    if isinstance(model, LanguageModel):
        return AroundText(model)
    if isinstance(model, Forecaster):
        return AroundForecast(model)
    return Around()
