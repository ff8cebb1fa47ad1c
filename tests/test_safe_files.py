"""Atomic writes: a file holds the old or the new content, whatever fails or is killed."""

import errno
import os
import random
import re
import stat
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from bptt import safe_files
from bptt.errors import CheckpointError
from bptt.training.array_files import load_arrays, save_arrays

OLD = {"w": np.arange(5.0), "b": np.ones(2, np.float32)}, {"name": "old"}
NEW = {"w": np.arange(100.0)}, {"name": "new"}
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


def assert_holds(path, content):
    arrays, config = load_arrays(path)
    assert config == content[1]
    assert list(arrays) == list(content[0])
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, content[0][name], strict=True)


def assert_one_sentence(error, path):
    message = str(error)
    assert message.startswith(f"save: cannot write {path}: ")
    assert message.endswith(".")
    assert message.isprintable()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.bptt"


@pytest.fixture
def saved(path):
    save_arrays(path, *OLD)
    return path


class Faults:
    """Notes the system calls of a save; the one with number `at` fails, or succeeds and fails."""

    def __init__(self, monkeypatch, at=0, fault=None, late=False):
        self.names, self.at, self.fault, self.late = [], at, fault, late
        for name in ("open", "fsync", "replace", "chmod"):
            monkeypatch.setattr(safe_files.os, name, self.wrap(getattr(os, name)))
        monkeypatch.setattr(safe_files, "open", self.open, raising=False)

    @property
    def count(self):
        return len(self.names)

    def wrap(self, function):
        def wrapped(*args, **options):
            self.names.append(function.__name__)
            failing = self.count == self.at
            result = None if failing and not self.late else function(*args, **options)
            if failing:
                raise self.fault
            return result

        return wrapped

    def open(self, *args, **options):
        file = open(*args, **options)  # noqa: SIM115
        outer = self

        class File:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            fileno = file.fileno

            @staticmethod
            @outer.wrap
            def write(data):
                return file.write(data[:100])  # a short write, as a full disk would make

        return File()


@posix
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "fault", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt(), MemoryError()]
)
def test_whichever_call_fails_the_file_is_old_or_new_and_nothing_strays(saved, fault, late):
    with pytest.MonkeyPatch.context() as monkeypatch:
        calls = Faults(monkeypatch)
        save_arrays(saved, *NEW)
    assert calls.count > 12  # open, chmod, many writes, fsync, replace; open and fsync directory
    assert_holds(saved, NEW)
    for at in range(1, calls.count + 1):
        save_arrays(saved, *OLD)
        replace = calls.count - 2
        replaced = at > replace or (late and at == replace)
        with pytest.MonkeyPatch.context() as monkeypatch:
            Faults(monkeypatch, at, fault, late)
            if isinstance(fault, Exception) and at > replace:  # the file is there: no error
                with pytest.warns(RuntimeWarning, match=r"No space left|MemoryError"):
                    save_arrays(saved, *NEW)
            else:
                with pytest.raises((CheckpointError, type(fault))) as caught:
                    save_arrays(saved, *NEW)
                if isinstance(fault, KeyboardInterrupt):
                    assert caught.value is fault
                else:
                    assert caught.value.__cause__ is fault
                    assert_one_sentence(caught.value, saved)
                    assert re.search(r"No space left \[errno 28\]|MemoryError", str(caught.value))
        assert os.listdir(saved.parent) == [saved.name]
        assert_holds(saved, NEW if replaced else OLD)


@posix
def test_a_failing_clean_up_does_not_hide_the_first_error(saved, monkeypatch):
    def unlink(_):
        raise OSError("second")

    Faults(monkeypatch, 3, first := OSError(errno.EIO, "first"))
    monkeypatch.setattr(safe_files.os, "unlink", unlink)
    with pytest.raises(CheckpointError, match=r"first \[errno 5\]") as caught:
        save_arrays(saved, *NEW)
    assert caught.value.__cause__ is first


@posix
def test_the_order_of_calls_is_write_sync_rename_sync(saved, monkeypatch):
    names = Faults(monkeypatch).names
    save_arrays(saved, *NEW)
    kept = [name for k, name in enumerate(names) if name not in names[k - 1 : k]]
    assert kept == ["open", "chmod", "write", "fsync", "replace", "open", "fsync"]


@posix
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
@pytest.mark.parametrize("what", ["directories", "anything"])
def test_a_file_system_that_cannot_sync_will_do(saved, monkeypatch, number, what):
    fsync = os.fsync

    def fake(descriptor):
        if what == "anything" or stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, "no")
        fsync(descriptor)

    monkeypatch.setattr(safe_files.os, "fsync", fake)
    save_arrays(saved, *NEW)
    assert_holds(saved, NEW)


@posix
def test_a_directory_that_may_not_be_read_gives_a_warning_and_the_new_file(saved, monkeypatch):
    """Mode 0300: files can be written in it, but it cannot be opened to be synchronized."""
    real = os.open

    def fake(path, flags, *mode):
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *mode)

    monkeypatch.setattr(safe_files.os, "open", fake)
    with pytest.warns(RuntimeWarning, match=r"cannot be flushed .*Permission denied \[errno 13\]"):
        save_arrays(saved, *NEW)
    monkeypatch.undo()
    assert_holds(saved, NEW)


@posix
def test_a_real_write_error_leaves_the_old_file(saved):
    resource = pytest.importorskip("resource")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
    try:
        with pytest.raises(CheckpointError, match="File too large") as caught:
            save_arrays(saved, {"w": np.zeros(100_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert_one_sentence(caught.value, saved)
    assert os.listdir(saved.parent) == [saved.name]
    assert_holds(saved, OLD)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666, 0o400])
def test_an_existing_file_keeps_its_mode_and_a_new_one_follows_the_umask(saved, mode):
    saved.chmod(mode)
    old = os.umask(0o027)
    try:
        save_arrays(saved, *OLD)
        save_arrays(saved.with_name("new"), *OLD)
    finally:
        os.umask(old)
    assert stat.S_IMODE(saved.stat().st_mode) == mode
    assert stat.S_IMODE(saved.with_name("new").stat().st_mode) == 0o640


@posix
def test_a_symbolic_link_stays_a_link(saved):
    link, elsewhere = saved.with_name("latest"), saved.with_name("directory")
    elsewhere.mkdir()
    target = saved.rename(elsewhere / "model")
    link.symlink_to(target)
    save_arrays(link, *NEW)
    assert link.is_symlink()
    assert_holds(target, NEW)


def test_places_that_cannot_be_written_are_named(saved):
    for path, words in [
        (saved / "x", "Not a directory|No such file"),
        (saved.with_name("missing") / "x", "No such file or directory"),
        (saved.parent, "not a regular file"),
        (saved.with_name("n" * 300), r"File ?name too long"),
    ]:
        with pytest.raises(CheckpointError, match=words) as caught:
            save_arrays(path, *OLD)
        assert_one_sentence(caught.value, path)
    with pytest.raises(CheckpointError, match="null"):
        save_arrays(f"{saved}\0", *OLD)
    assert os.listdir(saved.parent) == [saved.name]


@posix
def test_a_device_or_pipe_is_not_replaced(path):
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match="not a regular file"):
        save_arrays(path, *OLD)
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_strays_of_killed_writers_go_and_nothing_else(path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here, young = safe_files._machine(), time.time()
    rows = {  # name -> age in seconds, whether it stays
        f".bptt-{ended.pid}-{here}-0a.tmp": (0, False),
        f".bptt-{os.getpid()}-{here}-0b.tmp": (0, True),  # another thread writes it
        f".bptt-{os.getpid()}-{here}-0c.tmp": (3600, False),  # the number was used again
        f".bptt-{ended.pid}-00000000-0d.tmp": (0, True),  # of another machine
        f".bptt-{ended.pid}-00000000-0e.tmp": (3600, False),
        ".bptt-0f.tmp": (3600, False),  # of an earlier version
        ".bptt-10.tmp": (0, True),
        f".bptt-{10**30}-{here}-11.tmp": (0, True),
        ".bptt-x": (3600, True),
        "bptt-x.tmp": (3600, True),
        "x.tmp": (3600, True),
        f".bptt-{ended.pid}-{here}-0a.tmp.txt": (3600, True),
    }
    for name, (age, _) in rows.items():
        path.with_name(name).write_bytes(b"")
        os.utime(path.with_name(name), (young - age, young - age))
    save_arrays(path, *OLD)
    expected = [path.name, *(name for name, (_, stays) in rows.items() if stays)]
    assert sorted(os.listdir(path.parent)) == sorted(expected)


@posix
def test_memory_that_runs_out_while_saving_is_an_error_and_the_old_file_stays(saved):
    """The arrays are written as they are: no copy of the file is made in memory."""
    code = """
import resource, sys, numpy as np
from bptt.errors import CheckpointError
from bptt.training.array_files import save_arrays
path = sys.argv[1]
big = {"w": np.ones(50_000_000, np.float32)}
save_arrays(path + "x", {"w": np.ones(9)}, {})
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 50 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
save_arrays(path + "x", big, {"kind": "large"})
try:
    save_arrays(path, big | {"turned": big["w"].reshape(5000, -1).T}, {})  # needs a copy
except CheckpointError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, saved], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"save: cannot write {saved}: Unable to allocate 191. MiB")
    assert saved.with_name(saved.name + "x").stat().st_size > 200_000_000
    assert sorted(os.listdir(saved.parent)) == [saved.name, saved.name + "x"]
    assert_holds(saved, OLD)


WRITER = textwrap.dedent("""
    import sys, numpy as np
    from bptt.training.array_files import save_arrays
    for k in range(1_000_000):
        save_arrays(sys.argv[1], {"w": np.full(200_000, k)}, {"k": k})
        if k == 0: print("ready", flush=True)
    """)


@posix
@pytest.mark.slow
def test_killed_at_any_moment_the_file_is_old_or_new(path):
    randomness, hit = random.Random(7), 0
    command = [sys.executable, "-c", WRITER, str(path)]
    for kill in range(1, 21):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout.readline() == b"ready\n"
            before = len(os.listdir(path.parent))
            end = time.monotonic() + 5 * (kill % 2)  # every other kill aims at a save in progress
            while time.monotonic() < end and len(os.listdir(path.parent)) == before:
                pass
            time.sleep(randomness.uniform(0, 0.001 if kill % 2 else 0.03))
            writer.kill()
        arrays, config = load_arrays(path)
        np.testing.assert_array_equal(arrays["w"], np.full(200_000, config["k"]))
        strays = len(os.listdir(path.parent)) - 1
        assert strays <= 1  # those of earlier writers are gone
        hit += strays
    assert hit  # else no kill hit a save and this shows nothing
