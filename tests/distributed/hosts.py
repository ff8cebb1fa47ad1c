"""Two "hosts" on one machine: network namespaces that a cable of TCP connects (Linux, root).

``python hosts.py`` trains on four ranks, two on each host; it prints the hash of the result beside
that of one process, and the bytes that crossed the link.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = tuple(f"bptt{os.getpid()}{which}" for which in "ab")  # of this process alone
ADDRESSES = "10.77.0.1", "10.77.0.2"
LINK = ("bptt0", "bptt1")
HERE = Path(__file__).parent
MPIEXEC = str(Path(sys.executable).with_name("mpiexec"))  # of the wheel mpich
# Stands in for ssh: HOST COMMAND... A host has its own network, name and processes.
REMOTE = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
case $1 in %s) n=%s;; *) n=%s;; esac
shift
exec ip netns exec $n unshare --uts --pid --fork --kill-child --mount-proc sh -c "hostname $n; $*"
"""


def ip(*words):
    """Run ip(8); return what it prints."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def two_hosts():
    """Make the namespaces and their link; yield the words before a program and its arguments.

    The program runs by ``[*words, "-n", "4", ...]``, the ranks in turns on the two hosts.
    """
    with tempfile.TemporaryDirectory() as directory:
        remote = Path(directory) / "remote"
        remote.write_text(REMOTE % (ADDRESSES[0], *NAMES))
        remote.chmod(0o700)
        try:
            for name in NAMES:
                ip("netns", "add", name)
            ip("link", "add", LINK[0], "netns", NAMES[0], "type", "veth",
               "peer", "name", LINK[1], "netns", NAMES[1])  # fmt: skip
            for name, link, address in zip(NAMES, LINK, ADDRESSES, strict=True):
                ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
                ip("-n", name, "link", "set", link, "up")
                ip("-n", name, "link", "set", "lo", "up")
            for name, link in zip(NAMES, LINK, strict=True):
                while "state UP" not in ip("-n", name, "-o", "link", "show", "dev", link):
                    time.sleep(0.05)  # MPI does not use a link that is not up yet
            yield [
                "ip", "netns", "exec", NAMES[0], MPIEXEC, "-launcher", "ssh",
                "-launcher-exec", str(remote), "-hosts", ",".join(ADDRESSES), "-ppn", "1",
                "-genv", "MPIR_CVAR_NOLOCAL", "1", "-genv", "UCX_TLS", "tcp,self",
            ]  # fmt: skip
        finally:
            _remove()


def cut():
    """Cut the link between the hosts."""
    ip("-n", NAMES[1], "link", "set", LINK[1], "down")


def crossed():
    """Return the bytes that have crossed the link, in both directions."""
    counts = [f"/sys/class/net/{LINK[0]}/statistics/{way}_bytes" for way in ("rx", "tx")]
    return sum(map(int, ip("netns", "exec", NAMES[0], "cat", *counts).split()))


def _remove():
    for name in NAMES:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


def main(cell="lstm", only="text"):
    """Print the hash of one process, that of two hosts, and the bytes on the link."""
    program = [sys.executable, str(HERE / "cases.py"), cell, only]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(program, check=True, env=environment)
    with two_hosts() as words:
        before = crossed()
        subprocess.run([*words, "-n", "4", *program], check=True, env=environment)
        sys.stdout.write(f"{crossed() - before:,} bytes crossed the link\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
