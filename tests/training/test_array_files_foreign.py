"""What is not a checkpoint of ours is refused in one sentence, and nothing in it is trusted."""

import errno
import io
import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import safetensors.numpy

from bptt.errors import CheckpointError
from bptt.training import array_files
from bptt.training.array_files import load_arrays, save_arrays

F32 = np.zeros(1, np.float32)


def assert_refused(path, words):
    with pytest.raises(CheckpointError, match=words) as caught:
        load_arrays(path)
    message = str(caught.value)
    assert message.startswith(f"load: {path} ")
    assert message.endswith("; expected a model file of bptt, format version 1 or 2.")
    assert message.isprintable()


@pytest.fixture
def saved(path):
    save_arrays(path, {"w": F32}, {})
    return path


class Evil:
    def __reduce__(self):
        return print, ("executed",)


def foreign():
    archive, plain = io.BytesIO(), io.BytesIO()
    np.savez(archive, w=F32)
    np.save(plain, F32)
    no_mark = safetensors.numpy.save({"w": F32})
    other = safetensors.numpy.save({"w": F32}, {"format": "pt"})
    return [
        (b"It was a bright cold day in April.\n", "not a safetensors file"),
        (b"{" * 40, "declares a header"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a safetensors file"),
        (archive.getvalue(), "not a safetensors file"),
        (plain.getvalue(), "not a safetensors file"),
        (pickle.dumps([Evil()] * 9), "not a safetensors file"),
        (bytes(100), "not a safetensors file"),
        (b"\0", "too short"),
        (no_mark, "without the format mark 'bptt'"),
        (other, "without the format mark 'bptt'"),
    ]


@pytest.mark.parametrize(("data", "words"), foreign())
def test_foreign_files_are_refused(path, data, words, capsys):
    path.write_bytes(data)
    assert_refused(path, words)
    assert capsys.readouterr().out == ""


def test_a_newer_version_is_named(saved):
    saved.write_bytes(saved.read_bytes().replace(b'"version":"1"', b'"version":"3"'))
    assert_refused(saved, "has format version 3")
    saved.write_bytes(saved.read_bytes().replace(b'"version":"3"', b'"version":"2"'))
    assert_refused(saved, "lacks its columns")


def test_what_cannot_be_opened_is_refused(path, monkeypatch):
    assert_refused(path, r"No such file or directory \[errno 2\]")
    assert_refused(path.parent, "not a regular file")
    assert_refused(path / "x", "No such file or directory|Not a directory")
    with pytest.raises(CheckpointError, match="null"):
        load_arrays(f"{path}\0")
    save_arrays(path, {"w": F32}, {})

    def denied(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(array_files, "open", denied, raising=False)  # root may open anything
    assert_refused(path, "Permission denied")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX files")
def test_a_pipe_is_refused_without_waiting_for_its_writer(path):
    os.mkfifo(path)
    assert_refused(path, "not a regular file")


WATCHED = textwrap.dedent("""
    import sys
    import bptt.training.array_files as checkpoints
    checkpoints.load_arrays(sys.argv[1])  # whatever is imported late
    seen = []
    sys.addaudithook(lambda event, args: seen.append((event, str(args[:1]))))
    for path in sys.argv[1:]:
        try:
            checkpoints.load_arrays(path)
        except checkpoints.CheckpointError:
            pass
    print(*sorted({event for event, _ in seen if not event.startswith("object.")}))
    print(*sorted({what for event, what in seen if event == "open"}), sep="\\n")
    """)


def test_loading_opens_one_file_and_runs_nothing(tmp_path):
    good, bad, pickled = (tmp_path / name for name in ("good", "bad", "pickled"))
    arrays = {"../../etc/passwd": F32, "__import__('os')": F32}
    config = {"cell": "os.system", "include": "/etc/passwd", "__class__": "subprocess.Popen"}
    save_arrays(good, arrays, config)
    bad.write_bytes(good.read_bytes()[:-1])
    pickled.write_bytes(pickle.dumps([Evil()] * 9))
    paths = [str(p) for p in (good, bad, pickled)]
    command = [sys.executable, "-c", WATCHED, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    events, *opened = done.stdout.splitlines()
    assert events == "open"
    assert opened == sorted(f"({path!r},)" for path in paths)
