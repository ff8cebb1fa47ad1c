"""Load every hostile file of the corpus: python -m tests.interop.hostile

Not collected by pytest, which loads the same files: here each has a process of its own, whose time
and memory are printed, both with what is imported for the format. Nothing that a file names may be
executed or opened: an audit hook ends the process at such an event.
"""

import json
import subprocess
import sys

from tests.support.interop import CORPUS

SECONDS, MEGABYTES = 1.0, 200.0
CODE = """
import json, resource, sys, time
from bptt.interop import load
path = sys.argv[1]
def watch(event, given):
    if event in ("os.system", "subprocess.Popen", "exec", "socket.connect", "os.remove"):
        if event != "exec" or path in str(given[0]):
            print("EXECUTED", event, given); raise SystemExit(3)
sys.addaudithook(watch)
began = time.perf_counter(), time.process_time()
try:
    load(path)
    said = "LOADED"
except Exception as error:
    said = f"{type(error).__name__}: {error}"
took = time.perf_counter() - began[0], time.process_time() - began[1]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([said, *took, peak]))
"""


def main():
    print("| file | seconds | of the processor | peak MB | sentence |\n|---|---:|---:|---:|---|")
    failed = []
    for path in sorted((CORPUS / "hostile").iterdir()):
        if path.suffix == ".json" and path.name.startswith("expect"):
            continue
        given = [sys.executable, "-c", CODE, str(path)]
        run = subprocess.run(given, capture_output=True, text=True, check=False)
        try:
            said, wall, busy, peak = json.loads(run.stdout)
        except ValueError:
            said, wall, busy, peak = f"ENDED {run.returncode}: {run.stdout[-60:]}", 9.0, 9.0, 0.0
        said = said.replace(f"{path.parent}/", "")
        print(f"| {path.name} | {wall:.2f} | {busy:.2f} | {peak:.0f} | {said[:110]} |", flush=True)
        if busy > SECONDS or peak > MEGABYTES or not said.startswith("InteropError"):
            failed.append(path.name)
    print(f"\n{len(failed)} failed{': ' * bool(failed)}{', '.join(failed)}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
