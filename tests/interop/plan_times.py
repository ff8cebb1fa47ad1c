"""Say where the time of imported graphs goes: python -m tests.interop.plan_times [TASK ...]

Not collected by pytest: needs the corpus. Each step of a file's plan is timed by itself, the least
of many runs, and counted as engine (recurrent nodes), products (Conv, MatMul) or other NumPy calls.
What is left of a call of `Graph.run` is Python's: the loop over steps, the look-up of the plan.
"""

import sys
import time
from functools import partial

import numpy as np

from bptt.interop import load
from bptt.interop.onnx import recurrent
from tests.interop.peer_speed import ONNX, inputs, path_of

ROUNDS = 200


def kind_of(function):
    while isinstance(function, partial):
        function = function.func
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    if module == recurrent.__name__:
        return "engine"
    return (
        "products"
        if function is np.matmul or "conv" in name or name in ("_biased", "_product.<locals>.run")
        else "other"
    )


def least(call, rounds=ROUNDS):
    best = np.inf
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best * 1e6


def row(task):
    graph, given = load(path_of(task)).graph, inputs(task)
    for _ in range(3):
        graph.run(given)
    (plan,) = graph._plans._plans.values()
    values = plan._start.copy()
    arrays = [np.asarray(given[name]) for name in graph.inputs]
    values[: len(arrays)] = arrays
    times = {"engine": 0.0, "products": 0.0, "other": 0.0}
    empty = least(lambda: None)
    for function, take, place in plan._steps:
        own = take(values)
        taken = least(lambda own=own, function=function: function(*own), ROUNDS // 4)
        times[kind_of(function)] += taken - empty
        values[place] = function(*own)
    whole = least(lambda: graph.run(given))
    shown = " | ".join(f"{t:.0f} ({t / whole:.0%})" for t in times.values())
    left = whole - sum(times.values())
    return (
        f"| {task} | {len(plan._steps)} | {whole:.0f} | {shown} | {left:.0f} ({left / whole:.0%}) |"
    )


def main():
    print("| task | steps | whole, us | engine | products | other NumPy calls | Python |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for task in sys.argv[1:] or ONNX:
        print(row(task), flush=True)


if __name__ == "__main__":
    main()
