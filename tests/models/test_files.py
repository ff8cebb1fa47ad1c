"""Files of models: those of the version before are read, forged ones refused or harmless."""

import json
import re
import tracemalloc

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


BIG, LONG = 10**400, "x" * 300_000


def forged(path, arrays, config):
    """Write a file with a right digest whatever its numbers are: `save` would refuse some."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("bptt.training.array_files.parse_json", json.loads)
        save_arrays(path, arrays, config)
    return path


@pytest.mark.parametrize(
    "value",
    [BIG, -BIG, 2**64, 10**39, "\x1b[31m", None, [], True],
    ids=["10^400", "-10^400", "2^64", "10^39", "escape", "None", "list", "True"],
)
@pytest.mark.parametrize("name", ["epoch", "loss", "validation", "seconds"])
def test_numbers_of_a_history_are_finite_and_of_few_digits(tmp_path, name, value):
    row = MODELS["LanguageModel"]
    row.build().fit(*row.data, **QUIET).save(tmp_path / "model")
    arrays, config = load_arrays(tmp_path / "model")
    config["history"][0][name] = value
    forged(tmp_path / "forged", arrays, config)
    if (name, value) == ("validation", None):
        assert bptt.load(tmp_path / "forged").history_
        return
    words = "damaged config .*401 digits" if value == BIG else "is not what fit leaves|damaged"
    with pytest.raises(CheckpointError, match=words) as caught:
        bptt.load(tmp_path / "forged")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def damage():
    """Changes to the training state of a checkpoint: entry -> impossible value."""
    numbers = ("total", "weight", "norms", "items", "training_seconds", "seconds", "best_loss")
    changes = dict.fromkeys(numbers, BIG) | {"recent": [BIG], "schedule": {"best": BIG}}
    changes |= {"epoch": 2**61, "step": 2**61, "per_epoch": 2**61, "waited": 2**61, "batch": 2**61}
    changes |= {"history": [{"epoch": "x"}, 7], "carried_layers": 2**61}
    changes |= {"generator": {"bit_generator": "MT19937"}}
    return changes


@pytest.mark.parametrize("name", damage())
def test_a_checkpoint_with_impossible_numbers_is_refused(tmp_path, name):
    row = MODELS["LanguageModel"]
    row.build().fit(*row.data, checkpoint=tmp_path / "m", on_step=lambda p: p.step == 2, **QUIET)
    arrays, config = load_arrays(min(tmp_path.iterdir()))
    config["training"][name] = damage()[name]
    forged(tmp_path / "forged", arrays, config)
    before = {k: a.copy() for k, a in arrays.items()}
    model = row.build()
    with pytest.raises(CheckpointError) as caught:
        model.fit(*row.data, resume=tmp_path / "forged", **QUIET)
    assert len(str(caught.value)) < 500
    assert before.keys() == arrays.keys()
    assert not hasattr(model, "parameters_")


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("Forecaster gaussian", "horizon", 2**30 - 1),  # recursive: no array has its size
        ("Forecaster", "horizon", 2**30 - 1),
        ("Forecaster", "window", 2**30 - 1),
        ("SequenceClassifier", "units", 2**30 - 1),
        ("SequenceRegressor", "layers", 2**30 - 1),
        ("SequenceTagger", "char_units", 2**30 - 1),
        ("LanguageModel", "embedding", 2**30 - 1),
        ("LanguageModel", "seed", 2**128),
        ("LanguageModel", "batch_size", 10**39),
    ],
)
def test_absurd_sizes_are_refused_before_anything_is_allocated(tmp_path, kind, name, value):
    row = MODELS[kind]
    row.build().fit(*row.data, **QUIET).save(tmp_path / "model")
    arrays, config = load_arrays(tmp_path / "model")
    config["hyperparameters"][name] = value
    forged(tmp_path / "forged", arrays, config)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError):
            bptt.load(tmp_path / "forged")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "versions", [{"bptt": LONG}, {LONG: "1"}, {"a": 1}, {f"v{k}": "1" for k in range(99)}, []]
)
def test_versions_are_short(tmp_path, versions):
    row = MODELS["SequenceRegressor"]
    row.build().fit(*row.data, **QUIET).save(tmp_path / "model")
    arrays, config = load_arrays(tmp_path / "model")
    save_arrays(tmp_path / "forged", arrays, config | {"versions": versions})
    with pytest.raises(CheckpointError, match="versions") as caught:
        bptt.load(tmp_path / "forged")
    assert len(str(caught.value)) < 500


@pytest.mark.slow
def test_a_vocabulary_of_70_000_words_and_a_history_of_25_000_epochs_are_saved(tmp_path):
    words = [f"слово{k:05}" for k in range(70_000)]
    sizes = {"units": 2, "embedding": 1, "batch_size": 4, "seq_length": 8, "epochs": 1}
    model = bptt.LanguageModel(tokenizer="words", validation_fraction=0, **sizes)
    model.fit(" ".join(words), checkpoint=tmp_path / "m", on_step=lambda p: p.step == 2, **QUIET)
    model.history_ *= 25_000
    model.save(tmp_path / "model")
    loaded, checkpoint = bptt.load(tmp_path / "model"), bptt.load(min(tmp_path.glob("m-*")))
    assert loaded.vocabulary_ == checkpoint.vocabulary_ == model.vocabulary_
    assert len(loaded.vocabulary_) >= 70_000
    assert loaded.history_ == model.history_
    assert (tmp_path / "model").stat().st_size < 20 * 2**20


@pytest.mark.parametrize("name", ["SequenceClassifier", "Forecaster", "LanguageModel"])
def test_what_is_saved_after_a_refused_fit_or_other_settings_loads(name, tmp_path):
    row = MODELS[name]
    model = row.build().fit(*row.data, **QUIET)
    expected = row.outcomes(model)
    with pytest.raises((BpttError, ValueError)):
        model.fit(*row.data, progress="no such")
    with pytest.raises(CheckpointError):
        model.fit(*row.data, checkpoint=tmp_path / "missing" / "m", **QUIET)
    model.save(tmp_path / "a")
    model.set_params(units=model.units + 3, layers=2)
    model.save(tmp_path / "b")
    for path in (tmp_path / "a", tmp_path / "b"):
        assert row.outcomes(bptt.load(path)) == expected


def test_a_forecaster_of_a_forged_scale_gives_an_error_and_no_warning(tmp_path):
    """Found by the fuzzer: infinite windows from which infinity was subtracted."""
    row = MODELS["Forecaster"]
    row.build().fit(*row.data, **QUIET).save(tmp_path / "model")
    arrays, config = load_arrays(tmp_path / "model")
    config["fitted"]["scale"] = [1e-300]
    save_arrays(tmp_path / "forged", arrays, config)
    with pytest.raises(BpttError, match="the result is not finite"):
        bptt.load(tmp_path / "forged").predict()
