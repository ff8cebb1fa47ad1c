"""Check that the public interface is annotated: `pyright --verifytypes`, with a threshold.

Usage: python tools/type_completeness.py [--least 95] [--list]
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def verified():
    """Return pyright's report on the package in src/."""
    tools = Path(sys.executable).parent
    path = os.pathsep.join([str(tools), os.environ["PATH"]])  # pyright asks the first python there
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT / "src")}
    command = [str(tools / "pyright"), "--verifytypes", "bptt", "--ignoreexternal", "--outputjson"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return json.loads(done.stdout)["typeCompleteness"]


def main():
    """Print the score, and what lacks a type; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--least", type=float, default=95, help="per cent (default %(default)s)")
    parser.add_argument("--list", action="store_true", help="print what lacks a type")
    arguments = parser.parse_args()
    report = verified()
    score = 100 * report["completenessScore"]
    if arguments.list or score < arguments.least:
        for symbol in report["symbols"]:
            if symbol["isExported"] and not symbol["isTypeKnown"]:
                print(symbol["name"])
    print(f"Types of the public interface: {score:.1f} % known; at least {arguments.least:g} %.")
    return int(score < arguments.least)


if __name__ == "__main__":
    sys.exit(main())
