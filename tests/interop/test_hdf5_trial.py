"""Files that HDF5's library does not come back from are refused, and whole ones are read."""

import os
import subprocess
import sys

import pytest

from bptt.errors import InteropError
from bptt.interop import hdf5_trial, load
from tests.interop.test_keras_files import FILES, written

KEY = next(key for key in FILES.files if key.endswith("/.h5"))


def program(path, text):
    """A program in place of Python, which gets the same arguments."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_whole_file_passes(tmp_path):
    path = written(KEY, tmp_path)
    hdf5_trial.try_out(str(path))
    assert load(path).network.layers


def test_a_damaged_file_passes_for_this_process_to_refuse(tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(FILES[KEY].tobytes()[:3000])
    hdf5_trial.try_out(str(path))
    with pytest.raises(InteropError, match="is a damaged HDF5 file"):
        load(path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("exec sleep 60", "did not end within 1 s of processor time"),
        ("kill -XCPU $$", "did not end within 1 s of processor time"),
        ("kill -SEGV $$", "with signal 11"),
    ],
)
def test_what_the_library_does_to_a_process_is_said(text, sentence, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", program(tmp_path / "python", text))
    monkeypatch.setattr(hdf5_trial, "SECONDS", 1)
    monkeypatch.setattr(hdf5_trial, "WAIT", 0.3)
    with pytest.raises(InteropError, match=sentence):
        load(written(KEY, tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on processor time")
def test_a_process_limits_its_own_processor_time():
    code = (
        "import resource; from bptt.interop import hdf5_trial, keras_files\n"
        "keras_files.content = lambda path, tried: print(resource.getrlimit(resource.RLIMIT_CPU))\n"
        "hdf5_trial._main('a.h5', 7)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "(7, 8)"
