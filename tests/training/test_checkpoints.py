"""Checkpoints of a training: how many are kept, full disks, errors that name the last one."""

import contextlib
import subprocess

import numpy as np
import pytest

from bptt.errors import BpttError, CheckpointError, ConfigError
from bptt.training import (
    Checkpoints,
)
from tests.support.trainings import (
    TEXT,
    assert_same,
    quiet,
    tiny,
)


def test_the_last_files_are_kept_and_nobody_elses_are_touched(tmp_path):
    for other in ("m-1.safetensors", "mm-00000001.safetensors", "m-00000001.txt"):
        (tmp_path / other).write_text("mine")
    places = Checkpoints(tmp_path / "m.safetensors", minutes=0, keep=3)
    model = quiet(tiny(epochs=1), TEXT, checkpoint=places)
    n = model.history_[-1]["step"]
    own = sorted(p.name for p in tmp_path.iterdir() if p.read_bytes() != b"mine")
    assert own == [f"m-{k:08d}.safetensors" for k in (n - 2, n - 1, n)]
    assert len(list(tmp_path.iterdir())) == 6
    # A run that goes on counts the files before it among its own.
    places = Checkpoints(tmp_path / "m.safetensors", keep=2)
    quiet(tiny(epochs=2), TEXT, checkpoint=places, resume=tmp_path / own[-1])
    left = sorted(p.name for p in tmp_path.iterdir() if p.read_bytes() != b"mine")
    assert left == [own[-1], f"m-{2 * n:08d}.safetensors"]


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

        with pytest.raises(CheckpointError, match=r"cannot write .*: No space left on device"):
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
