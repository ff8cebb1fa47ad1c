"""Measure what the extra bptt[interop] adds: python -m tests.interop.installed_size WHEEL

Not collected by pytest: installs the wheel into new environments, with and without the extra, and
prints the size of what was installed and the time of imports in new processes.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROUNDS = 7
IMPORTS = {
    "import bptt": "import bptt",
    "import bptt.interop": "import bptt.interop",
    "and onnx": "import bptt.interop, onnx",
    "and h5py": "import bptt.interop, h5py",
}
TIMED = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"


def size_of(folder):
    """Return the bytes of the files that pip has put there, without those of pip and bytecode."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc")
    left_out = ("pip", "setuptools")
    return sum(p.stat().st_size for p in files
               if not p.relative_to(folder).parts[0].startswith(left_out))  # fmt: skip


def seconds(python, code):
    """Return the least time of an import over some new processes; None if it fails."""
    found = []
    for _ in range(ROUNDS):
        run = subprocess.run([python, "-c", TIMED.format(code)], capture_output=True, text=True)
        if run.returncode:
            return None
        found.append(float(run.stdout))
    return min(found)


def measured(wheel, extra, folder):
    """Install into a new environment; return bytes, packages and seconds of each import."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    quiet = ["-q", "--disable-pip-version-check"]
    subprocess.run([python, "-m", "pip", "install", *quiet, f"{wheel}{extra}"], check=True)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    names = sorted(p.name.split("-")[0] for p in packages.glob("*.dist-info"))
    times = {name: seconds(python, code) for name, code in IMPORTS.items()}
    return size_of(packages), [n for n in names if n not in ("pip", "setuptools")], times


def main():
    wheel = Path(sys.argv[1]).resolve()
    print(f"| | installed | {' | '.join(IMPORTS)} |\n| --- | ---: |{' ---: |' * len(IMPORTS)}")
    for extra in ("", "[interop]"):
        with tempfile.TemporaryDirectory() as folder:
            size, names, times = measured(wheel, extra, Path(folder))
        row = " | ".join("-" if t is None else f"{t * 1e3:.0f} ms" for t in times.values())
        print(f"| bptt{extra}: {', '.join(names)} | {size / 1e6:.1f} MB | {row} |", flush=True)


if __name__ == "__main__":
    main()
