"""Files as Keras 1 and 2 wrote them: rows of a class and its configuration, and arrays by names."""

import json

import h5py


def legacy(path, layers, version, weights, sequential_list=True):
    """Write an .h5 file of layers [(class, configuration)] and weights; return its path."""
    config = [{"class_name": kind, "config": c} for kind, c in layers]
    whole = {
        "class_name": "Sequential",
        "config": config if sequential_list else {"layers": config},
    }
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version
        file.attrs["model_config"] = json.dumps(whole).encode()
        group = file.create_group("model_weights")
        write_weights(group, weights)
    return path


def write_weights(group, weights):
    """Write arrays by the names of their layers and their own names."""
    group.attrs["layer_names"] = [name.encode() for name in weights]
    for name, arrays in weights.items():
        own = group.create_group(name)
        own.attrs["weight_names"] = [w.encode() for w in arrays]
        for w, a in arrays.items():
            own[w] = a
