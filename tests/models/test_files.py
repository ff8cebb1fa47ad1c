"""Forged files of every model are refused or harmless."""

import json

import pytest

import bptt
from bptt.errors import BpttError, CheckpointError, ConfigError
from bptt.training.array_files import load_arrays, save_arrays
from tests.support.model_cases import (
    MODELS,
)
from tests.support.sequence_models import QUIET


@pytest.fixture(params=[name for name in MODELS if name != "LanguageModel"], scope="module")
def case(request):
    row = MODELS[request.param]
    return row, row.build().fit(*row.data, **QUIET)


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
