"""to_keras: a network as a file of Keras 3, .keras or .weights.h5."""

import io
import json
import os
import zipfile
from typing import Any

from .. import extras
from ..errors import InteropError, operation
from ..layers import Flatten, Unflatten
from ..layers.recurrent import Recurrent
from .imported import Imported
from .keras_files import by_class
from .keras_rows import Row, rows_of, slope_of
from .writing import imported_of, put, save

__all__ = ["to_keras", "write"]

MASKS = True  # are written
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
    rows = rows_of(imported)
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
    notes = []
    layers = imported.network.layers.values()
    if any(slope_of(layer.cell) != 1 for layer in layers if isinstance(layer, Recurrent)):
        notes.append("Weights of gates are scaled: hard_sigmoid has the slope 1/6 in Keras 3.")
    if imported.fitted is not None:
        notes.append(
            "Scaling, tokens and labels stay in the model of bptt: Keras has the network alone."
        )
    return tuple(notes)


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
