"""to_keras: a network as a file of Keras 3, .keras or .weights.h5."""

import io
import json
import os
import zipfile
from typing import Any

import numpy as np

from .. import extras
from ..errors import InteropError, operation
from ..layers import Flatten, Unflatten
from ..layers.recurrent import Recurrent
from .imported import Imported
from .keras_files import by_class
from .keras_rows import Row, rows_of, slope_of
from .writing import imported_of, put, save

__all__ = ["to_keras", "write"]

MASKS = FITTED = True  # masks, and what stands around the network of a fitted model, are written
_VERSION = "3.0.0"  # of Keras, whose files these are
_DATE = (1980, 1, 1, 0, 0, 0)  # so that the same network gives the same bytes


@operation
def to_keras(model: Any, path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Write a network as a file of Keras 3.

    Parameters
    ----------
    model : Imported, fitted model, or pair of Network and dict of str to ndarray
    path : str or path-like
        .keras, or .weights.h5 for ``model.load_weights``.

    Returns
    -------
    tuple of str
        Sentences about what stays behind.

    Raises
    ------
    InteropError
        Keras has no such layer, or the file cannot be written.
    """
    if not os.fspath(path).lower().endswith((".keras", ".weights.h5")):
        raise InteropError(f"{path} has another ending; expected .keras or .weights.h5.")
    return save(model, path)


def write(imported: Any, path: str) -> tuple[str, ...]:
    """Write a file; called by `save`."""
    imported = imported_of(imported)
    rows, notes = _around(imported.fitted, rows_of(imported))
    image = _weights(rows)
    if path.lower().endswith(".weights.h5"):
        put(path, image)
    else:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, data in (
                ("metadata.json", json.dumps({"keras_version": _VERSION})),
                ("config.json", json.dumps(_config(rows, imported))),
                ("model.weights.h5", image),
            ):
                archive.writestr(zipfile.ZipInfo(name, _DATE), data)
        put(path, stream.getvalue())
    layers = imported.network.layers.values()
    if any(slope_of(layer.cell) != 1 for layer in layers if isinstance(layer, Recurrent)):
        notes.append("Weights of gates are scaled: hard_sigmoid has the slope 1/6 in Keras 3.")
    return tuple(notes)


def _around(model: Any, rows: list[Row]) -> tuple[list[Row], list[str]]:
    """Add the scaling of a fitted model's inputs and what turns its outputs into predictions.

    Return also sentences about what stays behind.
    """
    from ..models import LanguageModel, SequenceRegressor
    from ..models.supervised import SequenceModel

    softmax: Row = ("Activation", {"name": "probabilities", "activation": "softmax"}, {})
    if model is None:
        return rows, []
    if isinstance(model, LanguageModel):
        return [*rows, softmax], ["Splitting text into tokens, and sampling, stay behind."]
    if not isinstance(model, SequenceModel):
        return rows, ["Windows and scaling stay behind: Keras has the network alone."]
    notes = ["Lengths stay behind: Keras reads sequences of one length, without padding."]
    encoder = model.encoder_
    if encoder.kind != "numbers" or encoder.categories or encoder.filler.method != "raise":
        notes.append("What turns the input into numbers (tokens, categories, missing values, "
                     "scaling) stays behind.")  # fmt: skip
    elif encoder.mean is not None and encoder.scale is not None:
        mean, variance = (np.ravel(v).tolist() for v in (encoder.mean, encoder.scale**2))
        scaling = {"name": "scaling", "axis": -1, "mean": mean, "variance": variance}
        rows = [("Normalization", scaling, {}), *rows]
    if not isinstance(model, SequenceRegressor):
        return [*rows, softmax], [*notes, "Labels stay behind."]
    scale, offset = (np.ravel(v).tolist() for v in (model.y_scale_, model.y_mean_))
    if len(scale) == 1:
        scale, offset = scale[0], offset[0]
    units = {"name": "prediction", "scale": scale, "offset": offset}
    return [*rows, ("Rescaling", units, {})], notes


def _config(rows: list[Row], imported: Imported) -> dict[str, Any]:
    """Return config.json."""
    network = imported.network
    first = next(iter(network.layers.values()))
    shape: list[int | None] = [None, None] if first.is_table else [None, None, first.n_in]
    flattened = next((x for x in network.layers.values() if isinstance(x, Flatten)), None)
    if isinstance(first, Unflatten):
        shape = [None, first.n_in]
    elif flattened is not None and not any(x.expands for x in network.layers.values()):
        shape[1] = flattened.steps
    layers = [{"module": "keras.layers", "class_name": "InputLayer",
               "config": {"batch_shape": shape, "dtype": "float32", "name": "input"}}]  # fmt: skip
    layers += [{"module": "keras.layers", "class_name": k, "config": c} for k, c, _ in rows]
    return {"module": "keras", "class_name": "Sequential",
            "config": {"name": "sequential", "layers": layers}}  # fmt: skip


def _weights(rows: list[Row]) -> bytes:
    """Return the bytes of model.weights.h5."""
    h5py = extras.load("h5py", "interop", "to read and write files of Keras")
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_group("vars")
        for (_, config, groups), key in zip(rows, by_class([r[0] for r in rows]), strict=True):
            top = file.create_group(f"layers/{key}/vars")
            top.attrs["name"] = config["name"]
            for place, arrays in groups.items():
                own = file.require_group(f"layers/{key}/{place}/vars" if place else top.name)
                for i, array in enumerate(arrays):
                    own.create_dataset(str(i), data=array)
    return stream.getvalue()
