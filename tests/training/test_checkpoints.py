"""Checkpoints of a training: how many are kept, full disks, errors that name the last one."""

import contextlib
import subprocess

import numpy as np
import pytest

import bptt
from bptt.errors import BpttError, CheckpointError, ConfigError
from bptt.training import (
    Checkpoints,
)
from bptt.training.array_files import load_arrays, save_arrays
from tests.support.trainings import (
    TEXT,
    assert_same,
    quiet,
    tiny,
)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def checkpoint(folder, step, number=""):
    return folder / f"m-{step:08d}{number}.safetensors"


def trained(folder, *, keep=2, minutes=9, finished=True, X=TEXT, **settings):
    """Train with checkpoints in a folder; return the model and the places."""
    resume = settings.pop("resume", None)
    places = Checkpoints(folder / "m.safetensors", minutes, keep, finished=finished)
    return quiet(tiny(**settings), X, checkpoint=places, resume=resume), places


def test_the_last_files_are_kept_and_nobody_elses_are_touched(tmp_path):
    for other in ("m-1.safetensors", "mm-00000001.safetensors", "m-00000001.txt"):
        (tmp_path / other).write_text("mine")
    model, _ = trained(tmp_path, minutes=0, keep=3, epochs=1)
    n = model.history_[-1]["step"]
    own = sorted(p.name for p in tmp_path.iterdir() if p.read_bytes() != b"mine")
    assert own == [f"m-{k:08d}.safetensors" for k in (n - 2, n - 1, n)]
    assert len(list(tmp_path.iterdir())) == 6
    # A run that goes on counts the files before it among its own.
    trained(tmp_path, keep=2, epochs=2, resume=tmp_path / own[-1])
    left = sorted(p.name for p in tmp_path.iterdir() if p.read_bytes() != b"mine")
    assert left == [own[-1], f"m-{2 * n:08d}.safetensors"]


def test_files_of_other_runs_and_of_the_user_are_neither_replaced_nor_removed(tmp_path):
    a, _ = trained(tmp_path, epochs=1, seed=1)
    n = a.history_[-1]["step"]
    of_a = checkpoint(tmp_path, n).read_bytes()
    checkpoint(tmp_path, 7).write_text("mine")
    bptt.load(checkpoint(tmp_path, n)).save(checkpoint(tmp_path, 3))  # a model, not a checkpoint
    model_3 = checkpoint(tmp_path, 3).read_bytes()
    (tmp_path / "m-00000005.safetensors").symlink_to(tmp_path / "nowhere")
    _, places = trained(tmp_path, epochs=2, seed=2, minutes=0, keep=10**6)
    assert len(places._files) == 2 * n
    for step in range(1, 2 * n + 1):  # the same name is taken: a number is appended
        taken = step in (3, 5, 7, n)
        assert bptt.load(checkpoint(tmp_path, step, "-2" if taken else "")).seed == 2
    c, places = trained(tmp_path, epochs=3, seed=2, keep=1, resume=places.last)
    assert_same(quiet(tiny(epochs=3, seed=2), TEXT), c)
    assert checkpoint(tmp_path, n).read_bytes() == of_a
    assert checkpoint(tmp_path, 7).read_bytes() == b"mine"
    assert checkpoint(tmp_path, 3).read_bytes() == model_3
    kept = [f"m-{k:08d}.safetensors" for k in (3, 5, 7, n, 3 * n)]
    assert names(tmp_path) == kept
    assert (tmp_path / "m-00000005.safetensors").is_symlink()


def test_a_file_that_the_user_has_put_in_a_checkpoints_place_stays(tmp_path):
    places = Checkpoints(tmp_path / "m.safetensors", minutes=0, keep=1)

    def replace(progress):
        if progress.step == 3:
            checkpoint(tmp_path, 2).write_text("mine")

    model = quiet(tiny(epochs=1), TEXT, checkpoint=places, on_step=replace)
    n = model.history_[-1]["step"]
    assert names(tmp_path) == ["m-00000002.safetensors", f"m-{n:08d}.safetensors"]
    assert checkpoint(tmp_path, 2).read_bytes() == b"mine"


def test_a_checkpoint_of_the_run_under_the_name_of_another_step_is_the_users(tmp_path):
    model, places = trained(tmp_path, epochs=1, keep=1)
    copy = checkpoint(tmp_path, 2)
    copy.write_bytes(places.last.read_bytes())
    trained(tmp_path, epochs=2, keep=1, resume=places.last)
    n = model.history_[-1]["step"]
    assert names(tmp_path) == [copy.name, f"m-{2 * n:08d}.safetensors"]


def test_a_run_that_is_resumed_keeps_its_id_and_a_new_one_has_another(tmp_path):
    def run_of(path):
        return load_arrays(path)[1]["run"]

    a, places = trained(tmp_path, epochs=1)
    a.save(tmp_path / "a")
    bptt.load(tmp_path / "a").save(tmp_path / "again")
    assert run_of(places.last) == run_of(tmp_path / "a") == run_of(tmp_path / "again")
    first = places.last
    b, places = trained(tmp_path, epochs=2, resume=first)
    assert run_of(places.last) == run_of(first)
    b.fit(TEXT, progress="silent").save(tmp_path / "b")
    assert run_of(tmp_path / "b") != run_of(first)
    # A file of an earlier version has no id: it is resumed, and nothing is removed.
    arrays, config = load_arrays(first)
    del config["run"]
    (tmp_path / "old").mkdir()
    old = checkpoint(tmp_path / "old", 5)
    save_arrays(old, arrays, config)
    c, _ = trained(tmp_path / "old", epochs=2, keep=1, resume=old)
    assert len(names(tmp_path / "old")) == 2
    assert_same(quiet(tiny(epochs=2), TEXT), c)
    for wrong in ("x" * 32, 7, "", [], "a" * 33):
        save_arrays(old, arrays, config | {"run": wrong})
        with pytest.raises(CheckpointError, match="its run is not the id of one"):
            bptt.load(old)


def test_a_finished_run_leaves_no_files_where_none_are_asked_for(tmp_path):
    trained(tmp_path, epochs=1, seed=9, keep=1)
    before = names(tmp_path)
    _, places = trained(tmp_path, epochs=2, minutes=0, finished=False)
    assert len(names(tmp_path)) == len(before) + 2  # until the model is saved
    places.remove()
    assert (names(tmp_path), places.last) == (before, None)
    places = Checkpoints(tmp_path / "m.safetensors", finished=False)
    quiet(tiny(epochs=2), TEXT, checkpoint=places, on_step=lambda p: p.step == 3)
    assert names(tmp_path) == ["m-00000003.safetensors", *before]  # interrupted


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("missing/m.safetensors", "is in a directory that does not exist"),
        ("file/m.safetensors", "is in a directory that does not exist"),
        ("n" * 250, r"cannot be written \(File ?name too long"),
        ("nul\0", r"cannot be written \(.*null"),
    ],
)
def test_the_place_is_tried_before_the_training(tmp_path, path, words):
    (tmp_path / "file").touch()
    steps = []
    model = quiet(tiny(epochs=1), TEXT)
    before = {name: p.copy() for name, p in model.parameters_.items()}
    with pytest.raises(CheckpointError, match=words):
        quiet(model, TEXT, checkpoint=tmp_path / path, on_step=steps.append)
    assert not steps
    assert before.keys() == model.parameters_.keys()


def test_a_directory_that_may_not_be_written_is_refused_before_the_training(monkeypatch, tmp_path):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bptt.safe_files.tempfile.TemporaryFile", refuse)
    steps = []
    with pytest.raises(CheckpointError, match=r"Permission denied \[errno 13\]"):
        quiet(tiny(epochs=1), TEXT, checkpoint=tmp_path / "m", on_step=steps.append)
    assert not steps


def test_what_cannot_be_saved_is_refused_before_the_first_step(tmp_path):
    steps = []
    with pytest.raises(ConfigError, match=r"tokenizer is .*expected a name"):
        quiet(tiny(tokenizer=str.split, batch_size=1), TEXT, checkpoint=tmp_path / "m",
              on_step=steps.append)  # fmt: skip
    with pytest.raises(ConfigError, match="a whole number < 2"):
        quiet(tiny(seed=10**45), TEXT, checkpoint=tmp_path / "m", on_step=steps.append)
    assert not steps
    assert not names(tmp_path)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"minutes": -1}, "minutes is -1; expected a number >= 0"),
        ({"minutes": "5"}, "minutes is '5'"),
        ({"keep": 0}, "keep is 0; expected a whole number >= 1"),
        ({"keep": 1.5}, r"keep is 1\.5"),
    ],
)
def test_settings_of_checkpoints_that_make_no_sense(settings, words):
    with pytest.raises(ConfigError, match=words):
        Checkpoints("m", **settings)


def small_disk(tmp_path):
    """A file system of 256 KiB, where this process may make one."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True
    )
    return place if made.returncode == 0 else None


def test_a_full_disk_gives_a_clear_error_and_leaves_the_checkpoint_before(tmp_path):
    place = small_disk(tmp_path)
    if place is None:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        places = Checkpoints(place / "m", minutes=0, keep=2)
        filler = place / "filler"

        def fill(progress):
            if progress.step == 3:
                with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))

        with (
            pytest.warns(UserWarning, match=r"No space left .* The training goes on"),
            pytest.raises(CheckpointError, match=r"cannot write .*: No space left on device"),
        ):
            quiet(tiny(), TEXT, checkpoint=places, on_step=fill)
        assert places.last.name == "m-00000002"
        assert sorted(p.name for p in place.iterdir()) == ["filler", "m-00000001", "m-00000002"]
        filler.unlink()
        assert_same(quiet(tiny(), TEXT), quiet(tiny(), TEXT, resume=places.last))
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_what_is_not_finite_names_the_last_checkpoint(tmp_path):
    places = Checkpoints(tmp_path / "m", minutes=0)
    model = tiny(epochs=2, dropout=0, input_dropout=0, cell="lstm")

    def spoil(progress):
        if progress.step == 4:  # finite, their difference is not
            by = model.parameters_["dense0.by"]
            by[:, 0] = np.linspace(-3e38, 3e38, len(by))

    with pytest.raises(BpttError) as caught:
        quiet(model, TEXT, checkpoint=places, on_step=spoil)
    message = str(caught.value)
    assert message.startswith(
        "LanguageModel.fit: training stopped at step 5: the loss is not finite;"
    )
    assert "Try a learning rate below 0.002." in message
    assert message.endswith(f"The last checkpoint is {places.last}.")
