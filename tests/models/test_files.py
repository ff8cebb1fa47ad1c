"""Files of models: those of the version before are read, forged ones refused or harmless."""

import json
import re

import pytest

import bptt
from bptt.errors import BpttError, CheckpointError, ConfigError
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
