"""Files of LSTMVis, read by the rules of its own reader (lstmdata/data_handler.py)."""

import numpy as np
import pytest

from bptt import inspect
from bptt.errors import ConfigError
from tests.inspect.test_trace import counter

h5py = pytest.importorskip("h5py")


def opened(folder):
    """Read a project as LSTMVis does: the matrix and range of every type, and the words."""
    yaml = pytest.importorskip("yaml")
    config = yaml.safe_load((folder / "lstm.yml").read_text())
    assert config["name"]
    files = config["files"]
    ids = {}
    listed = (folder / files[config["word_sequence"]["dict_file"]]).read_bytes().decode()
    for line in listed.removesuffix("\n").split("\n"):
        word, number = line.split()
        assert word not in ids
        ids[word] = int(number)
    names = {number: word for word, number in ids.items()}
    where = config["word_sequence"]
    with h5py.File(folder / files[where["file"]]) as file:
        words = [names[i] for i in file[where["path"]][:].tolist()]
    matrices = {}
    for row in config["states"]["types"]:
        with h5py.File(folder / files[row.get("file", config["states"]["file"])]) as file:
            values = file[row["path"]][:]
        if row.get("transform", "tanh") == "tanh":
            values = np.tanh(values)
        plain = row.get("transform") == "none"
        assert row.get("unsigned", False) == (plain and values.min() >= 0)
        assert values.min() >= -1
        assert values.max() <= 1
        assert row["layer"] >= 1
        assert row["type"] in ("state", "output")
        matrices[row["path"]] = values
    return matrices, words


def test_lstmvis_reads_the_files(tmp_path):
    network, p = counter()
    x = np.full((1, 6, 1), np.arctanh(0.5), np.float32)
    found = inspect.trace(network, x, p)
    found.to_lstmvis(tmp_path, ["a", "'\n", " ", "_", "", "\u2003"])
    matrices, words = opened(tmp_path)
    assert words == ["a", "'\\n", "_", "_'", "<empty>", "\\u2003"]
    assert set(matrices) == {n.replace(".", "_") for n in found}
    np.testing.assert_array_equal(matrices["lstm0_ft"], found.flat("lstm0.ft"))
    np.testing.assert_allclose(matrices["lstm0_c"], np.tanh(found.flat("lstm0.c")))
    found.to_lstmvis(tmp_path, "abcdef")  # replaces the files
    assert opened(tmp_path)[1] == list("abcdef")
    with pytest.raises(ConfigError, match="words has 3 entries; expected 6 str, one a step"):
        found.to_lstmvis(tmp_path, "abc")
