"""What the scripts of this folder share: where the data are, the time taken, one row of the table.

A script is a `Task` and a function that trains and measures; `run` does the rest: options, clock,
a line on the terminal, a JSON file in the folder that --out names.
"""

import argparse
import json
import platform
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import bptt

ROOT = Path(__file__).parents[2]


@dataclass
class Task:
    """A row of the table, but for our figure."""

    name: str
    measure: str
    reach: str
    floor: str  # what a method without a recurrent network gets on the same split
    published: str


@dataclass
class Result:
    """What a script measured."""

    figure: str
    values: dict  # the same as numbers, and what they were measured with
    reached: bool
    model: str  # its repr: the hyper-parameters that differ from the defaults
    train_seconds: float  # without reading the data and without the final scoring


def parser(doc):
    """Options that every script has; a script may add its own."""
    options = argparse.ArgumentParser(description=doc.strip().split("\n")[0])
    options.add_argument("--seed", type=int, default=0, help="of the model (default 0)")
    options.add_argument("--out", default=None, help="folder for the JSON row (default: none)")
    options.add_argument(
        "--data", default=str(ROOT.parent / "shared" / "data"), help="folder of the data sets"
    )
    options.add_argument(
        "--epochs", type=int, default=None, help="instead of the recipe's: 1 shows that it runs"
    )
    return options


def run(task, measure, arguments):
    """Measure, print, and write the row; `task` may depend on the measurement's own floor."""
    arguments.data = Path(arguments.data)
    if not arguments.data.is_dir():
        sys.exit(f"There is no folder {arguments.data}: name that of the data with --data.")
    began = time.perf_counter()
    result = measure(arguments)
    wall = time.perf_counter() - began
    row = asdict(task) | asdict(result) | {
        "wall_seconds": wall,
        "command": command(),
        "seed": arguments.seed,
        "bptt": bptt.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }  # fmt: skip
    print(f"task       {task.name}: {task.measure}")
    print(f"model      {result.model}")
    print(f"ours       {result.figure} (reach: {task.reach}: {'yes' if result.reached else 'NO'})")
    print(f"floor      {task.floor}")
    print(f"published  {task.published}")
    print(f"time       {clock(result.train_seconds)} training, {clock(wall)} in all")
    if arguments.out:
        folder = Path(arguments.out)
        folder.mkdir(parents=True, exist_ok=True)
        name = "-".join(task.name.lower().replace(",", "").replace("=", "").split())
        path = folder / f"{name}-seed{arguments.seed}.json"
        path.write_text(json.dumps(row, indent=1) + "\n")
        print(f"row        {path}")


def command():
    """How the script was called, without what is no part of the result."""
    words, skip = [], False
    for word in sys.argv[1:]:
        hidden = word.split("=")[0] in ("--out", "--data")
        if not (hidden or skip):
            words.append(word)
        skip = hidden and "=" not in word
    return " ".join(["python", f"benchmarks/results/{Path(sys.argv[0]).name}", *words])


def clock(seconds):
    """Write a time: 0:42, 12:05, 1:00:00."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def timed(function, *args, **kwargs):
    """Call a function; return its result and the seconds it took."""
    began = time.perf_counter()
    result = function(*args, **kwargs)
    return result, time.perf_counter() - began


def with_epochs(recipe, arguments):
    """Return a recipe (hyper-parameters) with the seed, and the epochs if others are asked for."""
    epochs = {} if arguments.epochs is None else {"epochs": arguments.epochs}
    return recipe | epochs | {"seed": arguments.seed}


def thirds(items, seed=42):
    """Shuffle and split 80/10/10 as makemore does: `random.seed(42); random.shuffle(words)`."""
    items = list(items)
    random.Random(seed).shuffle(items)
    a, b = int(0.8 * len(items)), int(0.9 * len(items))
    return items[:a], items[a:b], items[b:]
