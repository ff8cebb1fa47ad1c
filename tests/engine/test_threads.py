"""The number of threads: affinity, cgroup quotas, OMP_NUM_THREADS; pools that cannot grow."""

import os
import subprocess
import sys

import numpy as np
import pytest

import bptt
from bptt import engine
from bptt.engine.threads import cpu_quota, default_threads
from bptt.errors import ConfigError

CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
native = pytest.mark.skipif(
    engine.provider().name != "native", reason="the native engine is not built or not chosen"
)


def proc(folder, groups, mounts, quotas):
    """Write the files of a process and of its control groups; return the folder of the former."""
    (folder / "cgroup").write_text("\n".join(groups) + "\n")
    lines = (
        f"{30 + i} 23 0:{i} {root} {folder}{at} rw,relatime shared:9 - {kind} {kind} {options}"
        for i, (root, at, kind, options) in enumerate(mounts)
    )
    (folder / "mountinfo").write_text("22 1 8:1 / / rw - ext4 /dev/sda rw\n" + "\n".join(lines))
    for path, text in quotas.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return str(folder)


V2 = ("/", "/fs", "cgroup2", "rw")
V1 = ("/", "/fs/cpu", "cgroup", "rw,cpu,cpuacct")


@pytest.mark.parametrize(
    ("groups", "mounts", "quotas", "expected"),
    [
        (["0::/"], [V2], {"fs/cpu.max": "max 100000"}, None),
        (["0::/"], [V2], {"fs/cpu.max": "150000 100000"}, 1.5),
        (["0::/a/b"], [V2], {"fs/a/b/cpu.max": "max 100000", "fs/a/cpu.max": "50000 100000"}, 0.5),
        (["0::/a/b"], [V2], {"fs/a/b/cpu.max": "20000 10000", "fs/a/cpu.max": "1 1"}, 1.0),
        # the group of another branch does not matter
        (["0::/a"], [V2], {"fs/b/cpu.max": "50000 100000", "fs/a/cpu.max": "max 9"}, None),
        # a container that mounts its own group only: the path is that of the host
        (["0::/pod/x"], [("/pod/x", "/fs", "cgroup2", "rw")], {"fs/cpu.max": "300 100"}, 3.0),
        (["0::/pod/x"], [V2], {"fs/cpu.max": "300 100"}, 3.0),
        (["0::/../y"], [V2], {"fs/cpu.max": "300 100"}, 3.0),
        # version 1, nested, beside other controllers, with a second version mounted too
        (
            ["5:memory:/m", "4:cpu,cpuacct:/a/b", "0::/z"],
            [V2, ("/", "/fs/memory", "cgroup", "rw,memory"), V1],
            {
                "fs/cpu/a/b/cpu.cfs_quota_us": "-1",
                "fs/cpu/a/b/cpu.cfs_period_us": "100000",
                "fs/cpu/a/cpu.cfs_quota_us": "250000",
                "fs/cpu/a/cpu.cfs_period_us": "100000",
                "fs/memory/m/cpu.cfs_quota_us": "1",
            },
            2.5,
        ),
        (["garbage", "1:"], [V2], {"fs/cpu.max": "1 1"}, None),
        (["0::/"], [V2], {"fs/cpu.max": "nonsense"}, None),
        (["0::/"], [V2], {"fs/cpu.max": "100 0"}, None),
    ],
)
def test_quotas_of_control_groups(tmp_path, groups, mounts, quotas, expected):
    assert cpu_quota(proc(tmp_path, groups, mounts, quotas)) == expected


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert cpu_quota(str(tmp_path)) is None


@pytest.mark.parametrize(("quota", "n"), [("10000 100000", 1), ("100001 100000", min(2, CPUS))])
def test_a_quota_is_rounded_up(tmp_path, quota, n):
    assert default_threads({}, proc(tmp_path, ["0::/"], [V2], {"fs/cpu.max": quota})) == n


@pytest.mark.parametrize(("text", "n"), [("3", 3), (" 3 ", 3), ("4,2,1", 4), ("", CPUS)])
def test_threads_follow_the_environment(tmp_path, text, n):
    assert default_threads({"OMP_NUM_THREADS": text}, str(tmp_path)) == n


@pytest.mark.parametrize("text", ["99999999999", "0", "-2", "many", "2.5", "65536", "²", "1e3"])
def test_an_impossible_number_of_threads_is_ignored_with_a_warning(tmp_path, text):
    with pytest.warns(RuntimeWarning, match=r"OMP_NUM_THREADS is .*; expected a whole number"):
        assert default_threads({"OMP_NUM_THREADS": text}, str(tmp_path)) == CPUS


@native
@pytest.mark.parametrize("n", [0, -1, True, 2.0, "2", None, 65_536, 10**400, 2**31, np.nan])
def test_threads_that_cannot_be_are_refused(n):
    with pytest.raises(ConfigError, match=r"set_num_threads: n is .*; expected a whole number"):
        bptt.set_num_threads(n)


@native
@pytest.mark.parametrize("layer", [bptt.LSTM, bptt.GRU, bptt.RNN])
def test_rows_that_change_threads_keep_their_bits(layer, threads):
    """A long call runs in pieces: between two, rows of other lengths change threads."""
    rng = np.random.default_rng(5)
    lengths = np.r_[np.full(8, 3000), rng.integers(1, 400, 40), rng.integers(400, 3000, 10)]
    net = layer(64, 128 if layer is not bptt.RNN else 256)
    params = net.init(rng)
    x = rng.standard_normal((len(lengths), 3000, 64), "f4")
    bptt.set_num_threads(1)
    out, state = net.forward(x, params, lengths=lengths, keep_tape=False)[:2]
    for n in (2, 3):
        bptt.set_num_threads(n)
        other, other_state = net.forward(x, params, lengths=lengths, keep_tape=False)[:2]
        assert np.array_equal(out, other)
        assert all(map(np.array_equal, state, other_state))


@native
def test_a_stream_of_rows_of_several_threads_keeps_their_bits(threads):
    rng = np.random.default_rng(6)
    net = bptt.LSTM(128, 256)
    params = net.init(rng)
    x = rng.standard_normal((48, 4, 128), "f4")
    bptt.set_num_threads(1)
    out, state = net.forward(x, params)[:2]
    for n in (2, 3, 5):
        bptt.set_num_threads(n)
        stream = net.stream(params, 48)
        for t in range(4):
            assert np.array_equal(stream.step(x[:, t]), out[:, t])
        assert all(map(np.array_equal, stream.state, state))


@native
@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_a_pool_that_cannot_grow_goes_on_with_its_threads():
    code = """
import os, resource, numpy as np, bptt
lstm = bptt.LSTM(64, 128); p = lstm.init(np.random.default_rng(0))
x = np.ones((32, 20, 64), "f4")
bptt.set_num_threads(1)
expected = lstm.forward(x, p)[0]
before = len(os.listdir("/proc/self/task"))
bptt.set_num_threads(2000)
assert np.array_equal(lstm.forward(x, p)[0], expected)
assert len(os.listdir("/proc/self/task")) < before + 32  # no more than parts
bptt.set_num_threads(1)
used = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (used + 60 * 2**20,) * 2)  # stacks of a few threads
bptt.set_num_threads(2000)
for _ in range(3):
    assert np.array_equal(lstm.forward(x, p)[0], expected)
assert len(os.listdir("/proc/self/task")) < before + 31
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
