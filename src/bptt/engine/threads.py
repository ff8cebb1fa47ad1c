"""How many threads the engine starts with: CPUs, cgroup quotas and ``OMP_NUM_THREADS``."""

import os
import warnings
from collections.abc import Iterator, Mapping
from math import ceil
from pathlib import Path

MOST = 65_535  # a job of the pool has no more parts


def default_threads(environment: Mapping[str, str] = os.environ, proc: str = "/proc/self") -> int:
    """Return how many threads this process should use.

    The CPUs of its affinity mask, but no more than its CPU quota, rounded up. ``OMP_NUM_THREADS``
    (the first number of a list) replaces both; another value gives a warning and is ignored.

    Parameters
    ----------
    environment : mapping of str to str
    proc : str
        Where the files ``cgroup`` and ``mountinfo`` are.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = cpu_quota(proc)
    n = cpus if quota is None else max(1, min(cpus, ceil(quota)))
    wanted = environment.get("OMP_NUM_THREADS", "").strip()
    if not wanted:
        return n
    first = wanted.split(",")[0].strip()
    if first.isascii() and first.isdigit() and len(first) < 10 and 1 <= int(first) <= MOST:
        return int(first)
    warnings.warn(
        f"bptt: OMP_NUM_THREADS is {wanted[:40]!r}; expected a whole number in 1..{MOST}. It is "
        f"ignored: the engine uses {n} thread{'s' * (n > 1)}.",
        RuntimeWarning,
        stacklevel=6,
    )
    return n


def cpu_quota(proc: str = "/proc/self") -> float | None:
    """Return the CPU quota of this process in CPUs; None if it has none.

    The smallest quota of its control group and of all groups above it, of cgroup version 1 or 2.
    """
    try:
        groups = Path(proc, "cgroup").read_text("utf-8", "replace").splitlines()
        mounts = Path(proc, "mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:  # not Linux
        return None
    quotas = (
        quota
        for group in groups
        for directory in _directories(group, mounts)
        if (quota := _quota_of(directory)) is not None
    )
    return min(quotas, default=None)


def _directories(group: str, mounts: list[str]) -> Iterator[Path]:
    """Yield the directory of a group, "4:cpu,cpuacct:/path" or "0::/path", and those above it."""
    number, controllers, path = [*group.split(":", 2), "", ""][:3]
    second = number == "0" and not controllers
    if not second and "cpu" not in controllers.split(","):
        return
    for mount in mounts:
        left, _, right = mount.partition(" - ")
        fields, kind = left.split(), right.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] != ("cgroup2" if second else "cgroup"):
            continue
        if not second and "cpu" not in kind[2].split(","):
            continue
        root, top = fields[3].rstrip("/"), Path(fields[4].replace(r"\040", " "))
        # In a container the mount may show the own group only, and `path` be that of the host.
        below = path[len(root) :] if path == root or path.startswith(f"{root}/") else ""
        parts = [part for part in below.split("/") if part not in ("", "..")]
        yield from (top.joinpath(*parts[:n]) for n in range(len(parts), -1, -1))


def _quota_of(directory: Path) -> float | None:
    """Return the quota of one group in CPUs; None if it has none."""
    try:
        if (file := directory / "cpu.max").exists():
            quota, period = file.read_text().split()
        else:
            quota = (directory / "cpu.cfs_quota_us").read_text()
            period = (directory / "cpu.cfs_period_us").read_text()
        return int(quota) / int(period) if int(quota) > 0 and int(period) > 0 else None
    except (OSError, ValueError):  # no such file; "max"
        return None
