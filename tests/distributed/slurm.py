"""Train under SLURM on one machine: ``python slurm.py [--install]`` (Linux, root).

Starts munged, slurmctld and slurmd for one node with two CPUs, without systemd and control groups;
``srun --mpi=pmi2`` trains on two ranks with the MPI library of the wheel mpich. Prints the hash of
the model beside that of ``mpiexec``, then how a job ends where a rank is killed. Not part of the
test suite. ``--install``: with Debian's packages slurm-wlm and munge.
"""

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

if __package__:
    from .resume import by_mpiexec, hash_of, killed, last_step, training, write_data
else:
    from resume import by_mpiexec, hash_of, killed, last_step, training, write_data

CONFIGURATION = """ClusterName=one
SlurmctldHost={host}
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
SlurmUser=root
SlurmdUser=root
FirstJobId={number}
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
ReturnToService=2
NodeName={host} CPUs=2 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES State=UP OverSubscribe=YES
"""
SRUN = ["srun", "--mpi=pmi2", "-n", "2"]


@contextlib.contextmanager
def one_node():
    """Start the daemons; stop them at the end."""
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        place, host = Path(directory), socket.gethostname().split(".")[0]
        for name in ("state", "spool"):
            (place / name).mkdir()
        key = place / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        # A killed job leaves /dev/shm/mpich_shm_*, at which the next one of its number fails.
        number = os.getpid() * 10
        settings = place / "slurm.conf"
        settings.write_text(CONFIGURATION.format(host=host, place=place, number=number))
        os.environ["SLURM_CONF"] = str(settings)
        names = ("key-file", "socket", "pid-file", "log-file", "seed-file")
        files = [f"--{name}={place}/munge.{name.split('-')[0]}" for name in names]
        for words in (
            ["munged", "--foreground", "--force", *files],
            ["slurmctld", "-D"],
            ["slurmd", "-D"],
        ):
            with (place / f"{words[0]}.out").open("wb") as out:
                daemon = subprocess.Popen(words, stdout=out, stderr=out)
            stack.callback(daemon.wait)
            stack.callback(daemon.terminate)
            time.sleep(1)
        ready = ["srun", "-n", "2", "true"]
        subprocess.run(ready, check=True, timeout=60)
        yield


def main():
    """Print the hashes, and the end of a job with a killed rank."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--install", action="store_true")
    if parser.parse_args().install:
        install = ["apt-get", "install", "-y", "--no-install-recommends", "slurm-wlm", "munge"]
        subprocess.run(install, check=True)
    if shutil.which("slurmctld") is None:
        sys.exit("SLURM is not installed: python slurm.py --install")
    with one_node(), tempfile.TemporaryDirectory() as directory:
        data = write_data("text", Path(directory))
        outs = [Path(directory) / f"{name}.safetensors" for name in ("srun", "mpiexec")]
        for words, out in zip((SRUN, by_mpiexec(2)), outs, strict=True):
            status = training(words, "text", data, out).wait()
            sys.stdout.write(f"{words[0]}: status {status}, hash {hash_of(out)}\n")
        out = Path(directory) / "m.safetensors"
        for step in (60, 120):
            status = killed(training(SRUN, "text", data, out, "--resume", "auto"), out, step)
            sys.stdout.write(f"a rank killed at step {last_step(out)}: status {status}\n")
        status = training(SRUN, "text", data, out, "--resume", "auto").wait()
        sys.stdout.write(f"resumed: status {status}, hash {hash_of(out)}\n")


if __name__ == "__main__":
    main()
