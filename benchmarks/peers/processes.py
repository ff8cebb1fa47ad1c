"""The driver's side of a contender's process: start it, ask it, stop it while others compute."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from .instruction_sets import held

HERE = Path(__file__).resolve().parents[1]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class WorkerFailed(RuntimeError):
    """A contender raised or died: the benchmark is broken, not slow."""


def python_process(module, threads, python=sys.executable, benchmarks=HERE, environment=None):
    """Start `python -m` of a module of a folder, to be written to and read from line by line."""
    environment = os.environ | (environment or {})
    environment |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    path = (str(benchmarks), os.environ.get("PYTHONPATH"))
    environment["PYTHONPATH"] = os.pathsep.join(p for p in path if p)
    return subprocess.Popen(
        [str(python), "-m", *module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )


def end(process):
    """Stop what `python_process` started."""
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


class Contender:
    """A worker process, stopped by SIGSTOP between questions so that it cannot spin."""

    def __init__(self, name, folder, threads, python=sys.executable, benchmarks=HERE):
        self.name = name
        module = ["peers.worker", name, str(folder)]
        self.process = python_process(module, threads, python, benchmarks, held(name))
        self.about = self.ask("hello")

    def ask(self, do, **question):
        """Continue the process, put one question, wait for the answer, stop the process."""
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps({"do": do, **question}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerFailed(f"{self.name} died ({self.process.wait()}) at {do} {question}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(f"{self.name} failed at {do} {question}:\n{answer['error']}")
        self.cpu = answer["cpu"]  # seconds that all its threads have used
        self._stop()
        return answer

    def _stop(self):
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)  # returns once every thread has stopped

    def close(self):
        end(self.process)


class Load:
    """CPU seconds that others than the contender used while it computed (Linux; else 0)."""

    def __init__(self):
        self.others = self.total = 0.0

    def watch(self, contender, do, **question):
        """Ask a contender and book what the machine did meanwhile."""
        before, busy, total = contender.cpu, *self._machine()
        answer = contender.ask(do, **question)
        busy_after, total_after = self._machine()
        self.others += max(0.0, busy_after - busy - (contender.cpu - before))
        self.total += total_after - total
        return answer

    @staticmethod
    def _machine():
        try:
            fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        except OSError:
            return 0.0, 0.0
        ticks = [int(f) / os.sysconf("SC_CLK_TCK") for f in fields]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # without idle and iowait

    @property
    def share(self):
        return self.others / self.total if self.total else 0.0
