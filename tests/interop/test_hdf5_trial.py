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


def test_a_damaged_file_is_refused_by_the_process(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    path.write_bytes(FILES[KEY].tobytes()[:3000])
    monkeypatch.setattr("bptt.interop.keras_files.opened", None)  # it is not opened here
    with pytest.raises(InteropError, match="is a damaged HDF5 file"):
        load(path)


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_a_size_of_gigabytes_is_not_allocated(tmp_path):
    """Found by the fuzzer: a text in a heap that declares a length that the file does not have."""
    data = bytearray(FILES["lstm_sequences/.h5"].tobytes())
    heap = data.index(b"GCOL").to_bytes(8, "little")
    at = data.index(len("3.15.1").to_bytes(4, "little") + heap)  # keras_version
    data[at + 3] = 0xBE
    (path := tmp_path / "a.h5").write_bytes(data)
    code = (
        "import pathlib, sys; from bptt.interop.hdf5_trial import refusal_of\n"
        "print(refusal_of(sys.argv[1], 5))\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"  # ru_maxrss: the parent's too
        "print(int(status.split('VmHWM:')[1].split()[0]) < 2**20)"  # KiB
    )
    done = started("-c", code, str(path))
    assert "is a damaged HDF5 file" in done[0]
    assert done[-1] == "True"


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
        "hdf5_trial.refusal_of('a.h5', 7)"
    )
    assert started("-c", code) == ["(7, 8)"]


def started(*arguments):
    """Return the lines that a new interpreter prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True,
                          text=True, check=True)  # fmt: skip
    return done.stdout.splitlines()
