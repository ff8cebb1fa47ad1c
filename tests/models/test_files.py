"""Files of models: those of the version before are read, forged ones refused or harmless."""

import json
import re

import pytest

import bptt
from bptt.errors import BpttError, CheckpointError, ConfigError
from bptt.models import files
from bptt.training.array_files import load_arrays, save_arrays
from tests.support.cases import same_bits
from tests.support.model_cases import (
    MODELS,
)
from tests.support.sequence_models import QUIET


@pytest.fixture(params=[name for name in MODELS if name != "LanguageModel"], scope="module")
def case(request):
    row = MODELS[request.param]
    return row, row.build().fit(*row.data, **QUIET)


def written_before(arrays, config):
    """The content of a file as the version before wrote it: hand-made from one of today's."""
    old = {"optimizer": "optimiser", "featureembedding": "columns", "wordembedding": "words"}

    def renamed(name):
        for new, before in old.items():
            name = re.sub(rf"(^|/|\.){new}(?=\d+\.|/)", rf"\g<1>{before}", name)
        return name

    settings = {old.get(k, k): v for k, v in config["hyperparameters"].items()}
    del settings["max_vocabulary" if config["kind"].startswith("Seq") else "min_count"]
    arrays = {renamed(name): a for name, a in arrays.items()}
    return arrays, config | {"hyperparameters": settings}


@pytest.mark.parametrize("name", ["SequenceClassifier mixed", "SequenceTagger", "LanguageModel"])
def test_files_and_checkpoints_of_the_version_before_are_read(name, tmp_path):
    row = MODELS[name]
    model = row.build().fit(*row.data, checkpoint=tmp_path / "model", **QUIET)
    first = min(tmp_path.iterdir())
    model.save(tmp_path / "whole")
    for path in (first, tmp_path / "whole"):
        arrays, config = written_before(*load_arrays(path))
        assert "optimiser" in config["hyperparameters"]
        assert not any("embedding0.characters" in n or "featureembedding" in n for n in arrays)
        save_arrays(path, arrays, config)
    assert any(n.startswith("training/optimiser/m.") for n in load_arrays(first)[0])
    loaded = bptt.load(tmp_path / "whole")
    assert same_bits(loaded.parameters_, model.parameters_)
    assert row.outcomes(loaded) == row.outcomes(model)
    longer = row.build().set_params(epochs=model.epochs + 1)
    expected = row.build().set_params(epochs=model.epochs + 1).fit(*row.data, **QUIET)
    assert same_bits(longer.fit(*row.data, resume=first, **QUIET).parameters_, expected.parameters_)


@pytest.mark.parametrize("name", ["SequenceRegressor", "Forecaster quantile", "LanguageModel"])
def test_what_a_file_lacks_gets_the_value_that_its_model_had(name, tmp_path, monkeypatch):
    row = MODELS[name]
    model = row.build().fit(*row.data, checkpoint=tmp_path / "model", **QUIET)
    checkpoint = min(tmp_path.iterdir())
    arrays, config = load_arrays(checkpoint)
    for absent in ("weight_decay", "momentum"):
        del config["hyperparameters"][absent]
    save_arrays(tmp_path / "old", arrays, config)
    loaded = bptt.load(tmp_path / "old")
    assert loaded.get_params() == model.get_params()
    again = row.build().fit(*row.data, resume=tmp_path / "old", **QUIET)
    assert same_bits(again.parameters_, model.parameters_)
    # A default that would not give what models did before: for all kinds, and for one of them.
    kind = type(model).__name__
    values = {"weight_decay": 0.5, f"{kind}.weight_decay": 0.25, "Other.momentum": 0.1, "no": 1}
    monkeypatch.setitem(files.LACKING, "hyperparameters", values)
    monkeypatch.setitem(files.LACKING, "fitted", {"added": 1, f"{kind}.own": 2, "Other.own": 3})
    loaded = bptt.load(tmp_path / "old")
    assert (loaded.weight_decay, loaded.momentum) == (0.25, model.momentum)
    fitted = files.upgraded(arrays, config)[1]["fitted"]
    assert fitted == config["fitted"] | {"added": 1, "own": 2}
    save_arrays(tmp_path / "new", arrays, config | {"fitted": config["fitted"] | {"added": 7}})
    assert files.upgraded(*load_arrays(tmp_path / "new"))[1]["fitted"]["added"] == 7


def test_what_does_not_change_the_steps_may_differ_when_a_run_is_resumed(tmp_path, monkeypatch):
    row = MODELS["SequenceClassifier"]
    whole = row.build().fit(*row.data, checkpoint=tmp_path / "model", **QUIET)
    checkpoint = min(tmp_path.iterdir())
    longer = row.build().set_params(epochs=whole.epochs + 1)
    longer.fit(*row.data, resume=checkpoint, **QUIET)
    other = row.build().set_params(weight_decay=0.5)
    with pytest.raises(ConfigError, match=r"with weight_decay 0\.0; expected 0\.5"):
        other.fit(*row.data, resume=checkpoint, **QUIET)
    monkeypatch.setattr(files, "MAY_DIFFER", (*files.MAY_DIFFER, "weight_decay"))
    assert other.fit(*row.data, resume=checkpoint, **QUIET).weight_decay == 0.5


def junk():
    values = [None, -1, 0, 2**40, 1.5, float("1e308"), "x", "", [], [None], [1], {}, {"a": 1}, True]
    return [*values, [[]], ["a", "a"], [1e400], [[0, [3, 1]]], [[10**9, [1]]], [1, "a"]]


def places(tree, path=()):
    """Every place in a tree of dicts and lists, the first and last entries of lists."""
    yield path
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from places(value, (*path, key))
    elif isinstance(tree, list):
        for i in {0, len(tree) - 1} & set(range(len(tree))):
            yield from places(tree[i], (*path, i))


def changed(tree, path, value):
    if not path:
        return value
    tree = dict(tree) if isinstance(tree, dict) else list(tree)
    tree[path[0]] = changed(tree[path[0]], path[1:], value)
    return tree


def test_a_file_that_lies_is_refused_or_harmless(case, tmp_path):
    """Whatever stands in the place of one of its values, it loads, or is refused as a file."""
    row, model = case
    model.save(tmp_path / "model")
    arrays, config = load_arrays(tmp_path / "model")
    for part in ("fitted", "hyperparameters"):
        for k, path in enumerate(places(config[part], (part,))):
            for value in junk()[k % 6 :: 6]:  # all of them at every place take minutes
                try:
                    text = json.dumps(changed(config, path, value))
                    save_arrays(tmp_path / "forged", arrays, json.loads(text))
                except (ConfigError, ValueError):
                    continue  # no file can hold that
                try:
                    loaded = bptt.load(tmp_path / "forged")
                except CheckpointError:
                    continue
                try:
                    row.outcomes(loaded)
                except BpttError:
                    continue
