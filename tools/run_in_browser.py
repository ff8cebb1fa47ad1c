"""Run the pure wheel and a notebook of the course in Pyodide, in headless Chromium.

Usage: python tools/run_in_browser.py PYODIDE [WHEEL] [--notebook 01_rnn]

PYODIDE is a folder with the files of a Pyodide release: the core (npm's package `pyodide` holds
it) and the wheels of NumPy, and of Matplotlib where the notebook plots. The page loads everything
from this machine; Pyodide compares each wheel with the digest in its lock file. Without WHEEL the
pure wheel is built with pip.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copytree, which

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = next(
    (name for name in ("chromium", "google-chrome", "chrome") if which(name)), "chromium"
)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--remote-debugging-port=0",  # keeps a headless browser open
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # this machine alone
)

PAGE = """<!doctype html><meta charset="utf-8"><script type="module">
import { loadPyodide } from "./pyodide.mjs";
let report = {};
try {
  const start = performance.now();
  const pyodide = await loadPyodide();
  await pyodide.loadPackage(PACKAGES);
  await pyodide.loadPackage("./WHEEL");
  report.loaded = (performance.now() - start) / 1000;
  report.result = JSON.parse(await pyodide.runPythonAsync(await (await fetch("run.py")).text()));
} catch (error) { report.error = String(error); }
await fetch("report", { method: "POST", body: JSON.stringify(report) });
</script>"""

PROGRAM = """
import io, json, sys, time
from contextlib import redirect_stdout
import bptt
from bptt.course import notebooks

out, config = io.StringIO(), io.StringIO()
with redirect_stdout(config):
    bptt.show_config()
names = {"__name__": "__main__"}
start = time.perf_counter()
text = (notebooks.FOLDER / "NOTEBOOK.md").read_text("utf-8")
cells = [c for c in notebooks.notebook(text, student=False)["cells"] if c["cell_type"] == "code"]
with redirect_stdout(out):
    for cell in cells:
        *body, last = "".join(cell["source"]).rstrip().split("\\n")
        try:  # as a notebook does: the value of a last line that is an expression is shown
            shown = compile(last, "cell", "eval")
        except SyntaxError:
            body, shown = [*body, last], None
        exec("\\n".join(body), names)
        if shown and (value := eval(shown, names)) is not None:
            print(value)
json.dumps({
    "python": sys.version.split()[0], "platform": sys.platform, "numpy": names["np"].__version__,
    "bptt": bptt.__version__, "engine": " ".join(config.getvalue().split()), "cells": len(cells),
    "seconds": round(time.perf_counter() - start, 2), "printed": out.getvalue(),
})
"""


class Handler(SimpleHTTPRequestHandler):
    """Serve a folder, and take the page's report."""

    def do_POST(self):
        """Take the report."""
        self.server.report = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
        self.server.done.set()

    def log_message(self, *_):
        """Log nothing."""


def run(pyodide, wheel, notebook, seconds=300):
    """Return what the page reports: a dict with ``result`` or ``error``."""
    with tempfile.TemporaryDirectory() as name:
        site = Path(name) / "site"
        copytree(pyodide, site)
        (site / wheel.name).write_bytes(wheel.read_bytes())
        plots = any(site.glob("matplotlib-*.whl"))
        packages = json.dumps(["numpy", "matplotlib"] if plots else ["numpy"])
        (site / "index.html").write_text(
            PAGE.replace("PACKAGES", packages).replace("WHEEL", wheel.name)
        )
        (site / "run.py").write_text(PROGRAM.replace("NOTEBOOK", notebook))
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=site))
        server.done, server.report = threading.Event(), b'{"error": "no report in time"}'
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/index.html"
        browser = subprocess.Popen(
            [CHROMIUM, *OPTIONS, f"--user-data-dir={name}/profile", address],
            stderr=subprocess.DEVNULL,
        )
        server.done.wait(seconds)
        browser.terminate()
        browser.wait()
        server.shutdown()
        return json.loads(server.report)


def build(folder):
    """Build the pure wheel into a folder; return its path."""
    options = ["-Cwheel.cmake=false", "-Cwheel.py-api=py3"]
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *options]
    subprocess.run([*pip, "--wheel-dir", folder, ROOT], check=True)
    return next(Path(folder).glob("bptt-*-py3-none-any.whl"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pyodide", type=Path)
    parser.add_argument("wheel", type=Path, nargs="?")
    parser.add_argument("--notebook", default="01_rnn")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run(arguments.pyodide, arguments.wheel or build(folder), arguments.notebook)
    for key, value in (report | report.get("result", {})).items():
        if key != "result":
            print(f"{key}: {value}")
    sys.exit("error" in report)
