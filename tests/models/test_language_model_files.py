"""LanguageModel: files, saved, loaded and forged."""

import json

import numpy as np
import pytest

import bptt
from bptt import LanguageModel
from bptt.errors import CheckpointError
from bptt.training.array_files import load_arrays, save_arrays
from tests.support.language_models import TEXT, assert_same_parameters, tiny


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_what_is_saved_comes_back_to_the_bit(cell, tmp_path):
    path = tmp_path / "model.safetensors"
    text = "é語😀\t☃" * 8 + TEXT[:200]
    model = tiny(cell=cell, layers=2, seed=np.int64(9), learning_rate=np.float32(0.01)).fit(text)
    assert model.save(path) is None
    again = bptt.load(path)
    assert type(again) is LanguageModel
    assert again.get_params() == model.get_params()
    assert again.vocabulary_ == model.vocabulary_
    assert again.history_ == model.history_
    assert again.interrupted_ is False
    assert set(again.versions_) == {"bptt", "numpy", "python"}
    assert again.versions_["bptt"] == bptt.__version__
    assert_same_parameters(again, model)
    assert again.score(text) == model.score(text)
    assert again.sample("the ", 50, seed=0) == model.sample("the ", 50, seed=0)
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    assert_same_parameters(again.fit(text), model)  # a loaded model trains like a new one


@pytest.fixture
def path(fitted, tmp_path):
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    return path


def refusal(path):
    with pytest.raises(CheckpointError) as caught:
        bptt.load(path)
    message = str(caught.value)
    assert message.startswith(f"load: {path}")
    assert message.isprintable()  # one line, no escape codes
    assert message.endswith(".")
    assert len(message) < len(str(path)) + 500
    return message


def test_the_file_holds_configuration_and_vocabulary_as_json(path, fitted):
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    config = json.loads(header["__metadata__"]["config"])
    assert config["kind"] == "LanguageModel"
    assert config["hyperparameters"] == fitted.get_params()
    assert config["fitted"]["vocabulary"] == fitted.vocabulary_
    assert config["history"] == fitted.history_
    assert set(header) - {"__metadata__"} == set(fitted.parameters_)


def test_truncated_corrupt_and_foreign_files_are_refused(path, tmp_path):
    data = path.read_bytes()
    for length in (0, 1, 8, 9, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        refusal(path)
    for place in (3, 12, 200, len(data) - 5):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        refusal(path)
    for foreign in (b"\x80\x04pickle", b"PK\x03\x04" + bytes(200), b"\x93NUMPY", TEXT.encode()):
        path.write_bytes(foreign)
        refusal(path)
    refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "missing")


def forge(path, change):
    """Write the file again with another configuration and a digest that fits."""
    arrays, config = load_arrays(path)
    change(config, arrays)
    save_arrays(path, arrays, config)
    return refusal(path)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("layers", 10**9, "layers is 1000000000; expected at most"),
        ("layers", 2, "gru1.Wu has shape None; expected (12, 24)"),
        ("units", 13, "gru0.Wu has shape (12, 20); expected (13, 21)"),
        ("units", 10**9, "gru0.Wu has shape (12, 20)"),
        ("units", 10**30, "units is 1000000000000000000000000000000"),
        ("units", "12", "units is '12'"),
        ("units", 12.0, "units is 12.0"),
        ("units", None, "units is None"),
        ("units", [12], "units is [12]"),
        ("embedding", 9, "embedding0.We has shape"),
        (
            "cell",
            "os.system",
            "its cell 'os.system' is not registered",
        ),
        ("cell", "lstm", "has shape None"),
        ("cell", "x" * 10**5, "its cell 'xxxx"),
        ("cell", ["gru"], "cell is ['gru']"),
        ("cell", {"gru": 1}, "a hyper-parameter is a gru"),
        ("learning_rate", 0, "learning_rate is 0"),
        ("epochs", -1, "epochs is -1"),
        ("seed", -1, "seed is -1"),
        ("__class__", "x", "unexpected keyword argument"),
        ("a\nb\x1b[31m", 1, "unexpected keyword argument"),
    ],
)
def test_forged_hyperparameters_are_refused(path, name, value, words):
    def change(config, arrays):
        config["hyperparameters"][name] = value

    assert words in forge(path, change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c, a: c.update(kind="SequenceMaker"), "holds a 'SequenceMaker'; expected one of"),
        (lambda c, a: c.update(kind="os.system"), "holds a 'os.system'"),
        (lambda c, a: c.update(kind="\x1b[2J\n" * 10**4), "holds a "),
        (lambda c, a: c.update(kind=["LanguageModel"]), "holds a ['LanguageModel']"),
        (lambda c, a: c.pop("kind"), "holds a None"),
        (lambda c, a: c.pop("hyperparameters"), "'hyperparameters' is missing"),
        (lambda c, a: c.update(hyperparameters=[1]), "does not describe a LanguageModel"),
        (lambda c, a: c.update(hyperparameters="x"), "does not describe a LanguageModel"),
        (lambda c, a: c["fitted"].pop("vocabulary"), "'vocabulary' is missing"),
        (lambda c, a: c["fitted"].update(vocabulary="ab"), "its vocabulary is not a list of str"),
        (lambda c, a: c["fitted"].update(vocabulary=[]), "its vocabulary is empty"),
        (lambda c, a: c["fitted"]["vocabulary"].append("\ud800"), "holds a lone surrogate"),
        (lambda c, a: c["fitted"].update(tokenizer="os.system"), "is not registered"),
        (lambda c, a: c["fitted"].update(tokenizer=["words"]), "is not registered"),
        (lambda c, a: c["fitted"]["vocabulary"].pop(), "embedding0.We has shape"),
        (lambda c, a: c["fitted"]["vocabulary"].append("é"), "embedding0.We has shape"),
        (lambda c, a: c.pop("history"), "'history' is missing"),
        (lambda c, a: c.update(history=3), "its history is not"),
        (lambda c, a: c.update(history=[3]), "its history is not"),
        (lambda c, a: c["history"][0].pop("loss"), "its history is not"),
        (lambda c, a: c["history"][0].update(loss="low"), "its history is not"),
        (lambda c, a: c["history"][0].update(step=None), "its history is not"),
        (lambda c, a: c.update(interrupted="yes"), "its interrupted is not a bool"),
        (lambda c, a: c.update(versions="0.1"), "its versions is not a dict"),
        (lambda c, a: a.pop("dense0.by"), "dense0.by has shape None; expected (12, 1)"),
        (lambda c, a: a.update(extra=np.zeros(2)), "extra has shape (2,); expected None"),
        (lambda c, a: a.update({"\x1b[2J": np.zeros(2)}), "has shape (2,); expected None"),
        (
            lambda c, a: a.update({"dense0.by": a["dense0.by"].T.copy()}),
            "dense0.by has shape (1, 12); expected (12, 1)",
        ),
        (
            lambda c, a: a.update({"dense0.by": a["dense0.by"].astype(np.float64)}),
            "dense0.by is float64; expected float32",
        ),
        (
            lambda c, a: a.update({"dense0.by": a["dense0.by"].astype(np.int32)}),
            "dense0.by is int32; expected float32",
        ),
    ],
)
def test_forged_configurations_and_arrays_are_refused(path, change, words):
    assert words in forge(path, change)


def test_a_model_cannot_be_saved_where_nothing_can_be_written(fitted, tmp_path):
    for place in (tmp_path, tmp_path / "missing" / "m", tmp_path / ("x" * 300)):
        with pytest.raises(CheckpointError, match="save: cannot write"):
            fitted.save(place)
