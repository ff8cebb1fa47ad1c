"""Fuzz the files that bptt reads: every changed one is loaded rightly or refused by BpttError.

    python -m tests.support.fuzz all --n 10000
    python -m tests.support.fuzz checkpoints --n 10000

"all" takes as many files of each kind: tables, ts, conll, json, text, checkpoints. Where a second
program reads a data file too (`second`), it must agree with bptt; the table says how often.

Files are changed by a generator with a seed (`mutations`), loaded and used (`targets`) in
child processes, one at a time, with limits on memory, processor time and, since a file may also
wait, the clock. What kills a child, hangs it,
takes too much memory or raises anything but BpttError is a fault: its file is kept. Mutants that
are refused in a new way join the seeds of their batch, so that later ones go on from there.
"""

import argparse
import contextlib
import json
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

OUTCOMES = ("loaded", "refused", "crash", "hang", "memory")
FAULTS = OUTCOMES[2:]
SECONDS = 10  # of processor time for one file, if no other limit is asked for
WAIT = 120  # of the clock, without those in which the fuzzer itself does not run
SLOW = "could not be processed in time"


class Hang(BaseException):
    """A file took too long."""


def spent():
    """Return the seconds of processor time of this process and of the children that ended."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def outcome_of(check, path, seconds=SECONDS):
    """Load one file; return what came of it, the words for it, and what the check returned."""
    from bptt.errors import BpttError

    def too_long(*_):
        raise Hang

    signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    agreed = None
    try:
        agreed = check(path)
    except BpttError as error:
        words = str(error)
        what = "memory" if "memory" in words.lower() else "refused"
        # Two refusals are alike if they differ in numbers, names and quoted text only.
        kind = re.sub(r"'[^']*'|\(.*\)|\d+|\S*/\S*", "", words)
        return what, f"{type(error).__name__}: {kind}", None
    except MemoryError:
        return "memory", traceback.format_exc(), None
    except Hang:
        return "hang", SLOW, None
    except Exception:
        return "crash", traceback.format_exc(), None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "loaded", "loaded", agreed


def seeds_of(target):
    from .targets import TARGETS

    return TARGETS[target]()


def mutant_of(target, seed, pool, rng):
    """Return a changed seed, or a changed mutant that has shown something new."""
    from . import interop, keras, mutations, onnx_models

    if target == "checkpoints" and rng.random() < 0.5:
        return mutations.forge(seed, rng)
    if target == "onnx" and rng.random() < 0.8:
        return onnx_models.change_model(rng.choice([seed, *pool]), rng)
    if target == "keras":
        return keras.change(seed, pool, rng)
    if target in ("torch", "arrays") and seed.startswith(b"PK") and rng.random() < 0.6:
        return interop.change_member(rng.choice([seed, *pool]), rng)
    if target in ("json", "audio") and rng.random() < 0.5:
        return mutations.change_json_line(rng.choice([seed, *pool]), rng)
    return mutations.mutate(seed if rng.random() < 0.6 else rng.choice(pool), rng.choice(pool), rng)


def child(target, start, stop, seed, memory, seconds, folder):
    """Load mutants start .. stop - 1; write a line for each to the file `log`."""
    import warnings

    warnings.simplefilter("error")
    folder = Path(folder)
    seeds = seeds_of(target)
    baseline = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + memory * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    rng = random.Random(f"{target} {seed} {start}")
    pools, seen = {name: [data] for name, data, _ in seeds}, set()
    everything = [data for _, data, _ in seeds]
    with open(folder / "log", "a", buffering=1) as log:
        for k in range(start, stop):
            name, data, check = seeds[k % len(seeds)] if target == "faults" else rng.choice(seeds)
            pool = pools[name] if rng.random() < 0.8 else pools[name] + everything
            mutant = mutant_of(target, data, pool, rng)
            path = folder / f"case{Path(name).suffix}"
            path.write_bytes(mutant)
            (folder / "next").write_text(f"{k} {path.name} {name}")
            (folder / "next").replace(folder / "current")  # at once: the child may be killed
            began, own = spent(), time.process_time()
            # Where no signal reaches Python, the system ends the process.
            resource.setrlimit(resource.RLIMIT_CPU, (int(own + 3 * seconds) + 1, hard))
            what, words, agreed = outcome_of(check, path, seconds)
            took = spent() - began
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - baseline
            row = {"k": k, "seed": name, "what": what, "words": words, "agreed": agreed}
            log.write(json.dumps(row | {"seconds": took, "peak": peak}) + "\n")
            if what in FAULTS:
                keep(folder, k, path, words)
            elif (name, words) not in seen and len(mutant) < 20_000:
                seen.add((name, words))
                pools[name].append(mutant)


def keep(folder, k, path, words):
    kept = folder / "kept"
    kept.mkdir(exist_ok=True)
    shutil.copy(path, kept / f"{k}-{path.name}")
    (kept / f"{k}.txt").write_text(words)


def run(code, current, wait):
    """Run a child until it ends; kill it if the file `current` stays as it is for `wait` seconds.

    Returns what went wrong, or "", and the words for it.
    """
    with tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen([sys.executable, "-c", code], stderr=err)
        waited, last, file = 0.0, time.monotonic(), None
        while process.poll() is None:
            time.sleep(0.02)
            now = time.monotonic()
            waited += min(now - last, 1)  # a machine may stop all of this for a while
            last = now
            with contextlib.suppress(FileNotFoundError):  # it is starting
                if (other := current.stat().st_mtime_ns) != file:
                    file, waited = other, 0.0
            if file and waited > wait:
                process.kill()
                process.wait()
                return "hang", SLOW
        if process.returncode == -signal.SIGXCPU:
            return "hang", SLOW
        err.seek(0)
        words = f"exit status {process.returncode}\n{err.read()[-2000:]}"
    return "crash" if process.returncode else "", words


def fuzz(target, n, seed=0, *, folder, batch=500, memory=512, seconds=SECONDS, wait=WAIT):
    """Load n mutants in child processes, one at a time; return the rows of all of them."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "kept", ignore_errors=True)
    (log := folder / "log").write_text("")
    done = 0
    while done < n:
        stop = min(n, done + batch)
        code = (
            f"import sys; sys.path.insert(0, {str(Path(__file__).parents[3])!r});"
            f"from tests.support.fuzz.runner import child;"
            f"child({target!r}, {done}, {stop}, {seed}, {memory}, {seconds},"
            f" {str(folder)!r})"
        )
        (current := folder / "current").unlink(missing_ok=True)
        what, words = run(code, current, wait)
        done = stop
        if what:
            if not current.exists():
                raise RuntimeError(f"the fuzzer itself failed: {words}")
            k, case, name = current.read_text().split(maxsplit=2)
            done = int(k) + 1
            keep(folder, done - 1, folder / case, words)
            row = {"k": done - 1, "seed": name, "what": what, "words": words}
            with open(log, "a") as file:
                file.write(json.dumps(row | {"seconds": 0, "peak": 0}) + "\n")
    return [json.loads(line) for line in log.read_text().splitlines()]


def table(target, rows):
    """Return the Markdown table of a run: a line a seed and one for all."""
    head = [
        "file",
        "tried",
        *OUTCOMES,
        "second reader agrees",
        "kinds of refusal",
        "longest, s of CPU",
        "peak, MB above the start",
    ]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    names = sorted({row["seed"] for row in rows})
    for name in [*names, None]:
        own = [row for row in rows if name in (row["seed"], None)]
        counts = [sum(row["what"] == what for row in own) for what in OUTCOMES]
        counts.append(sum(row.get("agreed") is True for row in own))
        kinds = {row["words"] for row in own if row["what"] == "refused"}
        longest, peak = (max(row[key] for row in own) for key in ("seconds", "peak"))
        title = name or f"all {target}"
        lines.append([title, len(own), *counts, len(kinds), f"{longest:.3f}", f"{peak / 1024:.0f}"])
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


ALL = (
    "tables",
    "ts",
    "conll",
    "json",
    "text",
    "checkpoints",
    "torch",
    "arrays",
    "audio",
    "onnx",
    "keras",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("target", choices=["all", "data", *ALL])
    parser.add_argument("--n", type=int, default=10_000, help="files (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same files")
    parser.add_argument("--memory", type=int, default=512, help="MB a child may take")
    parser.add_argument("--folder", help="for faults and the log (default: a new one)")
    arguments = parser.parse_args()
    base = Path(arguments.folder or tempfile.mkdtemp(prefix="fuzz-"))
    faults = 0
    for target in ALL if arguments.target == "all" else [arguments.target]:
        folder, began = base / target, time.monotonic()
        rows = fuzz(target, arguments.n, arguments.seed, memory=arguments.memory, folder=folder)
        print(table(target, rows))
        took = time.monotonic() - began
        print(f"\n{len(rows)} files in {took:.0f} s, seed {arguments.seed}.", flush=True)
        if count := sum(row["what"] in FAULTS for row in rows):
            print(f"{count} faults: see {folder / 'kept'}", flush=True)
        faults += count
    sys.exit(1 if faults else 0)
