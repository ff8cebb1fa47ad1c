"""Files of LSTMVis (Strobelt et al. 2018) with the states and gates of a trace."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .. import extras
from ..errors import ConfigError
from ..safe_files import replacing


def write(
    arrays: Mapping[str, np.ndarray], directory: str | Path, words: Sequence[str], steps: int
) -> None:
    """Write lstm.yml, states.hdf5, train.hdf5 and words.dict: see `Trace.to_lstmvis`.

    LSTMVis shows values between -1 and 1 and applies tanh to all that are not declared as such:
    gates, hidden states and outputs of tanh are declared; cell states are not.

    Parameters
    ----------
    arrays : dict of str to ndarray, each (steps, n)
    directory : str or path-like
    words : sequence of str
    steps : int

    Raises
    ------
    ConfigError
    """
    if isinstance(words, str):
        words = list(words)
    if len(words) != steps or not all(isinstance(word, str) for word in words):
        raise ConfigError(f"words has {len(words)} entries; expected {steps} str, one a step.")
    h5py = extras.load("h5py", extra="interop", why="to write HDF5")
    out = Path(directory)
    out.mkdir(parents=True, exist_ok=True)
    ids: dict[str, int] = {}
    tokens = np.array([ids.setdefault(word, len(ids)) for word in words], np.int64)
    with h5py.File(out / "states.hdf5", "w") as states:
        for name, values in arrays.items():
            states[_path(name)] = values
    with h5py.File(out / "train.hdf5", "w") as train:
        train["words"] = tokens
    layers = {layer: k for k, layer in enumerate(dict.fromkeys(n.split(".")[0] for n in arrays), 1)}
    types = [_described(name, values, layers) for name, values in arrays.items()]
    listed = "".join(f"    {row},\n" for row in types)
    rows = "".join(f"{word} {i}\n" for i, word in enumerate(_one_word_each(ids)))
    for name, text in {
        "words.dict": rows,
        "lstm.yml": (
            "name: bptt\ndescription: states and gates of a network of bptt\n"
            "files:\n  states: states.hdf5\n  train: train.hdf5\n  words: words.dict\n"
            "word_sequence:\n  file: train\n  path: words\n  dict_file: words\n"
            f"states:\n  file: states\n  types: [\n{listed}  ]\n"
        ),
    }.items():
        with replacing(out / name) as file:
            file.write(text.encode())


def _path(name):
    return name.replace(".", "_")


def _described(name, values, layers):
    """Return the entry of one matrix; LSTMVis clips what it believes to be within -1 and 1."""
    kind = "output" if name.endswith(".y") else "state"
    row = f"{{type: {kind}, layer: {layers[name.split('.')[0]]}, path: {_path(name)}"
    if np.abs(values).max(initial=0) <= 1:
        row += ", transform: none"
        if values.min(initial=0) >= 0:
            row += ", unsigned: true"
    return row + "}"


def _one_word_each(words):
    """Return words without white space, which ends them in the file, each different."""
    found: dict[str, None] = {}
    for word in words:
        shown = "".join(
            "_" if c == " " else c.encode("unicode_escape").decode() if c.isspace() else c
            for c in word
        )
        shown = shown or "<empty>"
        while shown in found:
            shown += "'"
        found[shown] = None
    return list(found)
